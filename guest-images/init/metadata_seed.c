/*
 * metadata_seed.c - the files of a NoCloud seed; see metadata.h. cloud-init:
 * "NoCloud" data source.
 */
#include "metadata.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int put_text(int out, const char *name, const char *text, mode_t mode,
		    struct err *err)
{
	AUTO_CLOSE int fd = openat(
		out, name,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_set(err, -errno, "metadata: %s", name);
	return 0;
}

/* "key: value" without quotes, at the start of a line. */
static void yaml_value(const char *text, const char *key, char *out,
		       size_t size)
{
	size_t len = strlen(key);

	while (text && *text) {
		const char *end = strchr(text, '\n');

		if (strncmp(text, key, len) == 0 && text[len] == ':') {
			const char *value = text + len + 1;

			value += strspn(value, " \t\"'");
			(void)snprintf(out, size, "%.*s",
				       (int)strcspn(value, "\r\n\"'#"), value);
			for (size_t n = strlen(out); n && out[n - 1] == ' ';)
				out[--n] = '\0';
			return;
		}
		text = end ? end + 1 : NULL;
	}
}

/* Keys of a list "- KEY" below "public-keys:" or "ssh_authorized_keys:". */
static void yaml_keys(const char *text, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);
	bool inside = false;

	while (text && *text) {
		const char *end = strchr(text, '\n');
		const char *at = text + strspn(text, " ");
		size_t used = strlen(out);

		if (strncmp(text, key, len) == 0 && text[len] == ':')
			inside = true;
		else if (inside && at[0] == '-' && at[1] == ' ' && used < size)
			(void)snprintf(out + used, size - used, "%.*s\n",
				       (int)strcspn(at + 2, "\r\n"), at + 2);
		else if (inside && *text != ' ' && *text != '\n')
			inside = false;
		text = end ? end + 1 : NULL;
	}
}

static void json_keys(const json_t *list, char *out, size_t size)
{
	const char *text = json_string_value(list);

	for (size_t i = 0; text || i < json_array_size(list); i++) {
		const char *key =
			text ? text
			     : json_string_value(json_array_get(list, i));
		size_t used = strlen(out);

		if (key && used < size)
			(void)snprintf(out + used, size - used, "%s\n", key);
		if (text)
			break;
	}
}

static void read_meta(const char *meta, char *host, size_t host_size,
		      char *keys, size_t keys_size)
{
	static const char *const names[] = {"hostname", "local-hostname"};
	json_t *json = json_loads(meta, JSON_REJECT_DUPLICATES, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *text =
			json_string_value(json_object_get(json, names[i]));

		if (text)
			(void)snprintf(host, host_size, "%s", text);
		else if (!json)
			yaml_value(meta, names[i], host, host_size);
	}
	if (json)
		json_keys(json_object_get(json, "public-keys"), keys,
			  keys_size);
	else
		yaml_keys(meta, "public-keys", keys, keys_size);
	json_decref(json);
}

static int read_user(int out, const char *user, char *host, size_t host_size,
		     char *keys, size_t keys_size, struct err *err)
{
	const char *start = user + strspn(user, " \t\r\n");
	json_error_t where;
	json_t *tree;
	int rc = put_text(out, "userdata", user, 0600, err);

	if (rc)
		return rc;
	if (strncmp(start, "#cloud-config", 13) == 0) {
		yaml_value(start, "hostname", host, host_size);
		yaml_keys(start, "ssh_authorized_keys", keys, keys_size);
	}
	if (*start != '{')
		return 0;
	tree = json_loads(start, JSON_REJECT_DUPLICATES, &where);
	if (!tree)
		return err_setx(err, -EBADMSG, "user data:%d:%d: %s",
				where.line, where.column, where.text);
	rc = metadata_tree(out, tree, err);
	json_decref(tree);
	return rc;
}

int metadata_seed(int out, const char *meta, const char *user,
		  const char *network, struct err *err)
{
	size_t keys_size = 65536;
	AUTO_FREE char *keys = calloc(1, keys_size);
	char host[256] = "";
	int rc = 0;

	if (!keys)
		return err_set(err, -ENOMEM, "metadata");
	if (meta)
		read_meta(meta, host, sizeof(host), keys, keys_size);
	if (user)
		rc = read_user(out, user, host, sizeof(host), keys, keys_size,
			       err);
	if (!rc && *host)
		rc = put_text(out, "hostname", host, 0644, err);
	if (!rc && *keys) {
		if (mkdirat(out, "ssh", 0700) && errno != EEXIST)
			return err_set(err, -errno, "metadata: ssh");
		rc = put_text(out, "ssh/authorized_keys", keys, 0600, err);
	}
	if (!rc && network)
		rc = put_text(out, "network-config", network, 0600, err);
	return rc;
}

int metadata_base64(const char *text, char *out, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				     "opqrstuvwxyz0123456789+/";
	unsigned int bits = 0;
	unsigned int have = 0;
	size_t used = 0;

	for (; *text && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (!digit)
			return -EINVAL;
		bits = (bits << 6) | (unsigned int)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (used + 1 >= size)
			return -E2BIG;
		out[used++] = (char)(bits >> have);
		bits &= (1U << have) - 1;
	}
	if (strspn(text, "=") != strlen(text) || !size)
		return -EINVAL;
	out[used] = '\0';
	return (int)used;
}

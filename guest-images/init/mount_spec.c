/*
 * mount_spec.c - mounts of runtime.json; see mount_spec.h. mount(2), OCI
 * runtime specification 1.0, "Mounts".
 */
#include "mount_spec.h"

#include "files.h"
#include "macros.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum option_kind {
	OPTION_SET,
	OPTION_CLEAR,
	OPTION_PROPAGATION,
};

static const struct {
	const char *name;
	unsigned long flags;
	enum option_kind kind;
} known[] = {
	{"async", MS_SYNCHRONOUS, OPTION_CLEAR},
	{"atime", MS_NOATIME, OPTION_CLEAR},
	{"bind", MS_BIND, OPTION_SET},
	{"defaults", 0, OPTION_SET},
	{"dev", MS_NODEV, OPTION_CLEAR},
	{"diratime", MS_NODIRATIME, OPTION_CLEAR},
	{"dirsync", MS_DIRSYNC, OPTION_SET},
	{"exec", MS_NOEXEC, OPTION_CLEAR},
	{"mand", MS_MANDLOCK, OPTION_SET},
	{"noatime", MS_NOATIME, OPTION_SET},
	{"nodev", MS_NODEV, OPTION_SET},
	{"nodiratime", MS_NODIRATIME, OPTION_SET},
	{"noexec", MS_NOEXEC, OPTION_SET},
	{"nomand", MS_MANDLOCK, OPTION_CLEAR},
	{"norelatime", MS_RELATIME, OPTION_CLEAR},
	{"nostrictatime", MS_STRICTATIME, OPTION_CLEAR},
	{"nosuid", MS_NOSUID, OPTION_SET},
	{"private", MS_PRIVATE, OPTION_PROPAGATION},
	{"rbind", MS_BIND | MS_REC, OPTION_SET},
	{"relatime", MS_RELATIME, OPTION_SET},
	{"remount", MS_REMOUNT, OPTION_SET},
	{"ro", MS_RDONLY, OPTION_SET},
	{"rprivate", MS_PRIVATE | MS_REC, OPTION_PROPAGATION},
	{"rshared", MS_SHARED | MS_REC, OPTION_PROPAGATION},
	{"rslave", MS_SLAVE | MS_REC, OPTION_PROPAGATION},
	{"runbindable", MS_UNBINDABLE | MS_REC, OPTION_PROPAGATION},
	{"rw", MS_RDONLY, OPTION_CLEAR},
	{"shared", MS_SHARED, OPTION_PROPAGATION},
	{"slave", MS_SLAVE, OPTION_PROPAGATION},
	{"strictatime", MS_STRICTATIME, OPTION_SET},
	{"suid", MS_NOSUID, OPTION_CLEAR},
	{"sync", MS_SYNCHRONOUS, OPTION_SET},
	{"unbindable", MS_UNBINDABLE, OPTION_PROPAGATION},
};

int mount_flags_add(struct mount_flags *flags, const char *option)
{
	size_t used = strlen(flags->data);
	size_t left = sizeof(flags->data) - used;
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, option) != 0)
			continue;
		if (known[i].kind == OPTION_SET)
			flags->flags |= known[i].flags;
		else if (known[i].kind == OPTION_CLEAR)
			flags->flags &= ~known[i].flags;
		else
			flags->propagation = known[i].flags;
		return 0;
	}
	n = snprintf(flags->data + used, left, "%s%s", used ? "," : "", option);
	if (n < 0 || (size_t)n >= left) {
		flags->data[used] = '\0';
		return -E2BIG;
	}
	return 0;
}

int mount_options_parse(struct mount_flags *flags, const json_t *options)
{
	int rc = 0;

	memset(flags, 0, sizeof(*flags));
	for (size_t i = 0; i < json_array_size(options) && !rc; i++) {
		const char *text =
			json_string_value(json_array_get(options, i));

		rc = text ? mount_flags_add(flags, text) : -EBADMSG;
	}
	return rc;
}

size_t mount_option_value(const char *data, const char *name,
			  const char **value)
{
	size_t len = strlen(name);

	while (*data) {
		size_t end = strcspn(data, ",");

		if (end > len && strncmp(data, name, len) == 0 &&
		    data[len] == '=') {
			*value = data + len + 1;
			return end - len - 1;
		}
		data += end + (data[end] ? 1 : 0);
	}
	return 0;
}

static void make_layers(const char *data)
{
	static const char *const names[] = {"upperdir", "workdir"};
	char path[1024];
	const char *value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = mount_option_value(data, names[i], &value);

		if (!len)
			continue;
		(void)snprintf(path, sizeof(path), "%.*s", (int)len, value);
		(void)dir_make(path, 0755);
	}
}

/* A file is bound on a file, all else on a directory. */
static void make_place(const char *source, const char *place, bool bind)
{
	char parent[1024];
	char *slash;
	struct stat st;

	if (!stat(place, &st))
		return;
	if (!bind || stat(source, &st) || S_ISDIR(st.st_mode)) {
		(void)dir_make(place, 0755);
		return;
	}
	(void)snprintf(parent, sizeof(parent), "%s", place);
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = '\0';
		(void)dir_make(parent, 0755);
	}
	(void)file_write(place, "", 0644);
}

static int mount_flags(const char *type, const char *source, const char *place,
		       const struct mount_flags *f)
{
	unsigned long bind = f->flags & (MS_BIND | MS_REMOUNT);
	int rc =
		mount(source, place, type, f->flags, *f->data ? f->data : NULL);

	/* A bind takes its other flags only when it is mounted again. */
	if (!rc && bind == MS_BIND && (f->flags & ~(MS_BIND | MS_REC)))
		rc = mount(NULL, place, NULL,
			   (f->flags & ~(unsigned long)MS_REC) | MS_REMOUNT,
			   NULL);
	if (!rc && f->propagation)
		rc = mount(NULL, place, NULL, f->propagation, NULL);
	return rc ? -errno : 0;
}

int mount_apply(const json_t *mount, struct err *err)
{
	const char *type = json_string_value(json_object_get(mount, "type"));
	const char *source =
		json_string_value(json_object_get(mount, "source"));
	const char *place =
		json_string_value(json_object_get(mount, "destination"));
	static struct mount_flags flags;
	int rc;

	if (!place || place[0] != '/')
		return err_setx(err, -EBADMSG,
				"mounts: a destination has to start with /");
	rc = mount_options_parse(&flags, json_object_get(mount, "options"));
	if (rc)
		return err_set(err, rc, "mount %s: options", place);
	if (!source)
		source = type ? type : "none";
	if (type && strcmp(type, "bind") == 0)
		flags.flags |= MS_BIND;
	make_layers(flags.data);
	make_place(source, place, flags.flags & MS_BIND);
	rc = mount_flags(type, source, place, &flags);
	return rc ? err_set(err, rc, "mount %s on %s", source, place) : 0;
}

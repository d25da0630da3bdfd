/*
 * oci_spec_fields.c - fields whose form in config.json is another one; see
 * oci_spec.h.
 */
#include "oci_spec.h"

#include "definition.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* linux: include/uapi/linux/capability.h, in its order. */
static const char *const capability_names[] = {"CAP_CHOWN",
					       "CAP_DAC_OVERRIDE",
					       "CAP_DAC_READ_SEARCH",
					       "CAP_FOWNER",
					       "CAP_FSETID",
					       "CAP_KILL",
					       "CAP_SETGID",
					       "CAP_SETUID",
					       "CAP_SETPCAP",
					       "CAP_LINUX_IMMUTABLE",
					       "CAP_NET_BIND_SERVICE",
					       "CAP_NET_BROADCAST",
					       "CAP_NET_ADMIN",
					       "CAP_NET_RAW",
					       "CAP_IPC_LOCK",
					       "CAP_IPC_OWNER",
					       "CAP_SYS_MODULE",
					       "CAP_SYS_RAWIO",
					       "CAP_SYS_CHROOT",
					       "CAP_SYS_PTRACE",
					       "CAP_SYS_PACCT",
					       "CAP_SYS_ADMIN",
					       "CAP_SYS_BOOT",
					       "CAP_SYS_NICE",
					       "CAP_SYS_RESOURCE",
					       "CAP_SYS_TIME",
					       "CAP_SYS_TTY_CONFIG",
					       "CAP_MKNOD",
					       "CAP_LEASE",
					       "CAP_AUDIT_WRITE",
					       "CAP_AUDIT_CONTROL",
					       "CAP_SETFCAP",
					       "CAP_MAC_OVERRIDE",
					       "CAP_MAC_ADMIN",
					       "CAP_SYSLOG",
					       "CAP_WAKE_ALARM",
					       "CAP_BLOCK_SUSPEND",
					       "CAP_AUDIT_READ",
					       "CAP_PERFMON",
					       "CAP_BPF",
					       "CAP_CHECKPOINT_RESTORE",
					       NULL};

static const char *const rlimit_names[] = {
	"as",	   "core",     "cpu",	     "data",   "fsize", "locks",
	"memlock", "msgqueue", "nice",	     "nofile", "nproc", "rss",
	"rtprio",  "rttime",   "sigpending", "stack",  NULL};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static bool is_word(const json_t *list, const char *word)
{
	return json_array_size(list) == 1 &&
	       strcasecmp(json_string_value(json_array_get(list, 0)), word) ==
		       0;
}

/* A list of capabilities, each checked. Return: NULL with @err. */
static json_t *capability_list(const struct oci_spec *spec, const char *key,
			       const json_t *value, struct err *err)
{
	json_t *list = json_array();

	if (!list || is_word(value, "none"))
		return list;
	if (is_word(value, "all")) {
		for (size_t i = 0; capability_names[i]; i++)
			(void)json_array_append_new(
				list, json_string(capability_names[i]));
		return list;
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *name = json_string_value(json_array_get(value, i));
		const char *near = text_nearest(capability_names, name);
		bool known = near && strcmp(near, name) == 0;

		if (known && !json_array_append_new(list, json_string(name)))
			continue;
		(void)definition_fail(err, spec->image,
				      "%s: %s is not a capability%s%s%s", key,
				      name, near ? ", did you mean " : "",
				      near ? near : "", near ? "?" : "");
		json_decref(list);
		return NULL;
	}
	return list;
}

int oci_spec_capabilities(struct oci_spec *spec, const json_t *value,
			  struct err *err)
{
	static const char *const sets[] = {"bounding", "effective",
					   "inheritable", "permitted"};
	json_t *list = capability_list(spec, "capabilities", value, err);
	json_t *to = oci_spec_at(spec, "process.capabilities", false);
	int rc = 0;

	if (!list)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(sets) && !rc; i++)
		if (!to || json_object_set(to, sets[i], list))
			rc = no_memory(err);
	json_decref(list);
	return rc;
}

int oci_spec_ambient(struct oci_spec *spec, const json_t *value,
		     struct err *err)
{
	json_t *list = capability_list(spec, "ambient", value, err);
	json_t *to = oci_spec_at(spec, "process.capabilities", false);

	if (!list)
		return -EBADMSG;
	return !to || json_object_set_new(to, "ambient", list) ? no_memory(err)
							       : 0;
}

/* @type: of the OCI; @shared: what is meant if nothing is said. */
static int add_namespace(struct oci_spec *spec, const json_t *value,
			 const char *key, const char *type, bool shared,
			 struct err *err)
{
	const char *text = json_string_value(value);
	json_t *namespaces = oci_spec_at(spec, "linux.namespaces", true);
	json_t *namespace;

	if (!text || !*text)
		text = shared ? "root" : "new";
	if (strcmp(text, "host") == 0 || strcmp(text, "root") == 0)
		return 0;
	namespace = json_pack("{s:s}", "type", type);
	if (strcmp(text, "new") != 0 &&
	    !(strcmp(text, "none") == 0 && strcmp(key, "net") == 0)) {
		if (text[0] != '/') {
			json_decref(namespace);
			return definition_fail(err, spec->image,
					       "%s: expected host, root, new "
					       "or a path, got %s",
					       key, text);
		}
		if (!namespace ||
		    json_object_set_new(namespace, "path", json_string(text))) {
			json_decref(namespace);
			return no_memory(err);
		}
	}
	return !namespaces || json_array_append_new(namespaces, namespace)
		       ? no_memory(err)
		       : 0;
}

int oci_spec_net(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return add_namespace(spec, value, "net", "network", true, err);
}

int oci_spec_pid(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return add_namespace(spec, value, "pid", "pid", false, err);
}

int oci_spec_ipc(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return add_namespace(spec, value, "ipc", "ipc", true, err);
}

int oci_spec_uts(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return add_namespace(spec, value, "uts", "uts", true, err);
}

int oci_spec_userns(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return add_namespace(spec, value, "userns", "user", true, err);
}

static int id_of(const struct oci_spec *spec, const char *key,
		 const json_t *value, json_t **out, struct err *err)
{
	const char *name = json_string_value(value);
	json_t *id = name ? json_object_get(spec->ids, name) : NULL;

	if (name && !id)
		return definition_fail(err, spec->image,
				       "%s: there is no container %s", key,
				       name);
	*out = json_integer(json_integer_value(name ? id : value));
	return *out ? 0 : no_memory(err);
}

static int put_id(struct oci_spec *spec, const char *key, const json_t *value,
		  struct err *err)
{
	json_t *id = NULL;
	json_t *user = oci_spec_at(spec, "process.user", false);
	int rc = value ? id_of(spec, key, value, &id, err) : 0;

	if (rc || !value)
		return rc;
	return !user || json_object_set_new(user, key, id) ? no_memory(err) : 0;
}

int oci_spec_uid(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return put_id(spec, "uid", value, err);
}

int oci_spec_gid(struct oci_spec *spec, const json_t *value, struct err *err)
{
	return put_id(spec, "gid", value, err);
}

int oci_spec_additional_gids(struct oci_spec *spec, const json_t *value,
			     struct err *err)
{
	json_t *list;

	if (!json_array_size(value))
		return 0;
	list = oci_spec_at(spec, "process.user.additionalGids", true);
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_t *id = NULL;
		int rc = id_of(spec, "additionalGids", json_array_get(value, i),
			       &id, err);

		if (rc)
			return rc;
		if (!list || json_array_append_new(list, id))
			return no_memory(err);
	}
	return 0;
}

/* Of all devices a number that is not said is any, as is one below 0. */
static json_t *number_or_any(const json_t *device, const char *key, bool all)
{
	json_int_t number = definition_int(device, key, all ? -1 : 0);

	return number < 0 ? NULL : json_integer(number);
}

/* A node, and a rule that lets the container use it. */
static int add_device(struct oci_spec *spec, const json_t *device,
		      struct err *err)
{
	const char *path = definition_text(device, "path");
	const char *type = definition_text(device, "type");
	bool all = strcmp(path, "all") == 0;
	json_t *rules = oci_spec_at(spec, "linux.resources.devices", true);
	json_t *nodes;
	json_t *rule;
	json_t *node;

	rule = json_pack("{s:b,s:s,s:s,s:o*,s:o*}", "allow", 1, "type",
			 strcmp(type, "u") == 0 ? "c" : type, "access", "rwm",
			 "major", number_or_any(device, "major", all), "minor",
			 number_or_any(device, "minor", all));
	if (!rules || json_array_append_new(rules, rule))
		return no_memory(err);
	if (all)
		return 0;
	if (path[0] != '/' || strcmp(type, "a") == 0)
		return definition_fail(err, device,
				       "device %s: a node needs a path from / "
				       "on and a type other than a",
				       path);
	nodes = oci_spec_at(spec, "linux.devices", true);
	node = json_pack("{s:s,s:s,s:I,s:I,s:I}", "path", path, "type", type,
			 "major", definition_int(device, "major", 0), "minor",
			 definition_int(device, "minor", 0), "fileMode",
			 definition_int(device, "mode", 0600));
	return !nodes || json_array_append_new(nodes, node) ? no_memory(err)
							    : 0;
}

int oci_spec_devices(struct oci_spec *spec, const json_t *value,
		     struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(value) && !rc; i++)
		rc = add_device(spec, json_array_get(value, i), err);
	return rc;
}

/* After the rules of devices: those that are written out win. */
int oci_spec_resources(struct oci_spec *spec, const json_t *value,
		       struct err *err)
{
	json_t *to = value ? oci_spec_at(spec, "linux.resources", false) : NULL;
	json_t *copy;
	json_t *rules;
	json_t *block;
	int rc = 0;

	if (!value)
		return 0;
	copy = definition_copy(value);
	if (!to || !copy)
		return no_memory(err);
	rules = json_object_get(copy, "devices");
	if (rules && json_object_get(to, "devices"))
		rc = json_array_extend(json_object_get(to, "devices"), rules) ||
		     json_object_del(copy, "devices");
	block = json_object_get(copy, "blockio");
	if (block)
		rc = rc || json_object_set(copy, "blockIO", block) ||
		     json_object_del(copy, "blockio");
	rc = rc || json_object_update(to, copy);
	json_decref(copy);
	return rc ? no_memory(err) : 0;
}

static int limit_value(const char *text, json_int_t *out)
{
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*out = -1;
		return 0;
	}
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno || end == text || *end || *out < 0 ? -EINVAL : 0;
}

/* RLIM_INFINITY does not fit: see OCI_SPEC_INFINITY. */
static json_t *limit_json(json_int_t limit)
{
	return limit < 0 ? json_string(OCI_SPEC_INFINITY) : json_integer(limit);
}

static int add_rlimit(struct oci_spec *spec, const char *text, struct err *err)
{
	json_t *list = oci_spec_at(spec, "process.rlimits", true);
	char name[16] = "";
	char soft[24] = "";
	char hard[24] = "";
	char type[24] = "RLIMIT_";
	json_int_t low = 0;
	json_int_t high = 0;
	const char *near;
	int end = 0;
	json_t *limit;

	if (sscanf(text, "%15[^,],%23[^,],%23[^,]%n", name, soft, hard, &end) !=
		    3 ||
	    text[end] || limit_value(soft, &low) || limit_value(hard, &high))
		return definition_fail(err, spec->image,
				       "rlimits: %s: expected name,soft,hard; "
				       "numbers or unlimited",
				       text);
	near = text_nearest(rlimit_names, name);
	if (!near || strcmp(near, name) != 0)
		return definition_fail(err, spec->image,
				       "rlimits: %s is not a limit%s%s%s", name,
				       near ? ", did you mean " : "",
				       near ? near : "", near ? "?" : "");
	for (size_t i = 0; name[i]; i++)
		type[7 + i] = (char)(name[i] - 'a' + 'A');
	limit = json_pack("{s:s}", "type", type);
	if (!limit || json_object_set_new(limit, "soft", limit_json(low)) ||
	    json_object_set_new(limit, "hard", limit_json(high)) || !list ||
	    json_array_append_new(list, limit))
		return no_memory(err);
	return 0;
}

int oci_spec_rlimits(struct oci_spec *spec, const json_t *value,
		     struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(value) && !rc; i++)
		rc = add_rlimit(
			spec, json_string_value(json_array_get(value, i)), err);
	return rc;
}

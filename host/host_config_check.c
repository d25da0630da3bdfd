/* host_config_check.c - what host.cfg names exists, and goes together. */
#include "host_config_priv.h"
#include "vm_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** struct vm_report - context of host_config_check_vm() */
struct vm_report {
	struct host_loader *loader;
	size_t index;
};

static void report_vm(void *ctx, const char *key, const char *reason)
{
	const struct vm_report *report = ctx;
	char full[HOST_KEY_MAX];

	(void)snprintf(full, sizeof(full), "vms[%zu].%s", report->index, key);
	host_problem_add(report->loader, host_config_line(report->loader, full),
			 full, "%s", reason);
}

void host_config_check_vm(struct host_loader *l, size_t index)
{
	struct vm_report report = {.loader = l, .index = index};

	(void)vm_config_check(&l->hc->vms[index], report_vm, &report);
}

/* stat() with the message for the operator. Return: is it there? */
static bool look_up(struct host_loader *l, const char *key, const char *path,
		    struct stat *st)
{
	if (!stat(path, st))
		return true;
	host_config_refuse(l, key, "\"%s\": %s%s", path, strerror(errno),
			   errno == ENOENT ? ": make it, or correct the path"
					   : "");
	return false;
}

static void check_access(struct host_loader *l, const char *key,
			 const char *path, int mode)
{
	if (faccessat(AT_FDCWD, path, mode, AT_EACCESS))
		host_config_refuse(
			l, key, "\"%s\": %s: you need permission to %s it",
			path, strerror(errno), mode & W_OK ? "write" : "read");
}

static void check_file(struct host_loader *l, const char *key, const void *base,
		       const char *path)
{
	struct stat st;

	(void)base;
	if (!look_up(l, key, path, &st))
		return;
	if (S_ISREG(st.st_mode))
		check_access(l, key, path, R_OK);
	else
		host_config_refuse(l, key, "\"%s\": not a regular file", path);
}

static void check_disk_path(struct host_loader *l, const char *key,
			    const void *base, const char *path)
{
	const struct vm_disk *disk = base;
	struct stat st;

	if (!look_up(l, key, path, &st))
		return;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		host_config_refuse(l, key,
				   "\"%s\": neither a regular file nor a block "
				   "device",
				   path);
	else if (S_ISREG(st.st_mode) && !st.st_size)
		host_config_refuse(
			l, key,
			"\"%s\": empty: give it a size with truncate -s", path);
	else
		check_access(l, key, path, disk->readonly ? R_OK : R_OK | W_OK);
}

static void check_parent(struct host_loader *l, const char *key,
			 const void *base, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[SCHEMA_PATH_MAX + 1];
	struct stat st;

	(void)base;
	(void)snprintf(dir, sizeof(dir), "%.*s",
		       slash == path ? 1 : (int)(slash - path), path);
	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		host_config_refuse(l, key,
				   "\"%s\": a folder: name a file in it", path);
	else if (!look_up(l, key, dir, &st))
		return;
	else if (!S_ISDIR(st.st_mode))
		host_config_refuse(l, key, "\"%s\": not a folder", dir);
	else
		check_access(l, key, dir, W_OK | X_OK);
}

static void check_folder(struct host_loader *l, const char *key,
			 const void *base, const char *path)
{
	struct stat st;

	(void)base;
	if (!look_up(l, key, path, &st))
		return;
	if (S_ISDIR(st.st_mode))
		check_access(l, key, path, R_OK);
	else
		host_config_refuse(l, key, "\"%s\": not a folder", path);
}

static void check_network(struct host_loader *l, const char *key,
			  const void *base, const char *name)
{
	(void)base;
	if (!host_config_network(l->hc, name))
		host_config_refuse(
			l, key,
			"\"%s\": no such network: define it in networks = "
			"( { name = \"%s\"; } )",
			name, name);
}

static void check_cpus(struct host_loader *l, const char *key,
		       const struct schema_field *field, const void *base)
{
	const int32_t *cpus =
		(const void *)((const char *)base + field->offset);
	size_t num = *(const size_t *)(const void *)((const char *)base +
						     field->num);
	char element[HOST_KEY_MAX + 24], there[256];
	size_t i;

	for (i = 0; i < num; i++) {
		if (CPU_ISSET((size_t)cpus[i], &l->hc->facts.cpus))
			continue;
		(void)snprintf(element, sizeof(element), "%s[%zu]", key, i);
		host_config_refuse(
			l, element, "%d: no such CPU here: use %s", cpus[i],
			host_facts_cpus(&l->hc->facts, there, sizeof(there)));
	}
}

static void check_cgroup(struct host_loader *l, const char *key,
			 const void *base, const char *group)
{
	const char *mount = l->hc->facts.cgroup2;
	char path[SCHEMA_PATH_MAX + 1];

	(void)base;
	(void)snprintf(path, sizeof(path), "%s/%s/cgroup.procs", mount, group);
	if (!mount[0])
		host_config_refuse(l, key,
				   "\"%s\": cgroup v2 is not mounted here: "
				   "mount it, or drop this",
				   group);
	else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
		host_config_refuse(l, key,
				   "\"%s\": %s: make this group below %s, "
				   "writable for you",
				   group, strerror(errno), mount);
}

static void (*const ref_checks[])(struct host_loader *l, const char *key,
				  const void *base, const char *text) = {
	[SCHEMA_REF_FILE] = check_file,
	[SCHEMA_REF_DISK] = check_disk_path,
	[SCHEMA_REF_PARENT] = check_parent,
	[SCHEMA_REF_FOLDER] = check_folder,
	[SCHEMA_REF_NETWORK] = check_network,
	[SCHEMA_REF_CGROUP] = check_cgroup,
};

static void check_group_refs(struct host_loader *l,
			     const struct schema_group *group, const void *base,
			     const char *prefix)
{
	const struct schema_field *field;
	const char *value;
	char key[HOST_KEY_MAX];
	size_t i, j, num;

	for (i = 0; i < group->num; i++) {
		field = &group->fields[i];
		value = (const char *)base + field->offset;
		if (!(field->flags & SCHEMA_WIRE) ||
		    !schema_is_set(field, base))
			continue;
		(void)snprintf(key, sizeof(key), "%.40s.%s", prefix,
			       field->key);
		if (field->type == SCHEMA_GROUP) {
			check_group_refs(l, field->group, value, key);
		} else if (field->type == SCHEMA_GROUPS) {
			num = *(const size_t *)(const void *)((const char *)
								      base +
							      field->num);
			for (j = 0; j < num; j++) {
				(void)snprintf(key, sizeof(key),
					       "%.40s.%s[%zu]", prefix,
					       field->key, j);
				check_group_refs(l, field->group,
						 value + j * field->group->size,
						 key);
			}
		} else if (field->ref == SCHEMA_REF_CPU) {
			check_cpus(l, key, field, base);
		} else if (field->ref) {
			ref_checks[field->ref](
				l, key, base,
				*(char *const *)(const void *)value);
		}
	}
}

void host_config_check_refs(struct host_loader *l)
{
	char key[HOST_KEY_MAX];
	size_t i;

	for (i = 0; i < l->hc->num_vms; i++) {
		(void)snprintf(key, sizeof(key), "vms[%zu]", i);
		check_group_refs(l, &vm_schema, &l->hc->vms[i], key);
	}
}

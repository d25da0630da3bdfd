/*
 * runtime.c - see runtime.h. linuxkit: docs/yaml.md, "runtime".
 */
#include "runtime.h"

#include "files.h"
#include "macros.h"
#include "mount_spec.h"
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int runtime_before(const json_t *runtime, struct err *err)
{
	const json_t *mounts = json_object_get(runtime, "mounts");
	const json_t *dirs = json_object_get(runtime, "mkdir");
	const json_t *groups = json_object_get(runtime, "cgroups");
	char path[4096];
	int rc = 0;

	for (size_t i = 0; i < json_array_size(mounts) && !rc; i++)
		rc = mount_apply(json_array_get(mounts, i), err);
	for (size_t i = 0; i < json_array_size(dirs) && !rc; i++) {
		const char *dir = json_string_value(json_array_get(dirs, i));

		rc = dir ? dir_make(dir, 0755) : -EBADMSG;
		if (rc)
			(void)err_set(err, rc, "mkdir %s", dir ? dir : "");
	}
	for (size_t i = 0; i < json_array_size(groups) && !rc; i++) {
		const char *group =
			json_string_value(json_array_get(groups, i));

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s",
			       group ? group : "");
		rc = group && !strstr(group, "..") ? dir_make(path, 0755)
						   : -EBADMSG;
		if (rc)
			(void)err_set(err, rc, "cgroup %s", group ? group : "");
	}
	return rc;
}

/* The link is made in the container's own namespace: by a child that goes
 * there. Its status is the errno. */
static int make_inside(const char *name, const char *type, pid_t pid)
{
	pid_t child = fork();
	int status = 0;
	char path[64];

	if (child == 0) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET))
			_exit(errno & 0xff);
		_exit(-netlink_link_new(name, type, NULL, 0) & 0xff);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int add_interface(const json_t *interface, pid_t pid, struct err *err)
{
	const char *name = text_of(interface, "name");
	const char *type = text_of(interface, "add");
	const char *peer = text_of(interface, "peer");
	bool outside = json_is_true(json_object_get(interface, "createInRoot"));
	int rc;

	if (!*name)
		return err_setx(err, -EBADMSG, "interfaces: a name is missing");
	if (*peer && !*type)
		type = "veth";
	if (!*type)
		rc = netlink_link_move(name, pid);
	else if (*peer || outside)
		rc = netlink_link_new(name, type, *peer ? peer : NULL, pid);
	else
		rc = make_inside(name, type, pid);
	return rc ? err_set(err, rc, "interface %s", name) : 0;
}

/* A bind keeps the namespace when its last process is gone. */
static int bind_namespace(const char *name, const char *path, pid_t pid,
			  struct err *err)
{
	char source[64];
	char parent[4096];
	char *slash;

	(void)snprintf(source, sizeof(source), "/proc/%d/ns/%s", pid, name);
	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (path[0] != '/' || !slash)
		return err_setx(err, -EBADMSG,
				"bindNS: %s: %s does not start with /", name,
				path);
	*slash = '\0';
	if (*parent)
		(void)dir_make(parent, 0755);
	(void)file_write(path, "", 0444);
	(void)umount2(path, MNT_DETACH); /* of the run before */
	if (mount(source, path, NULL, MS_BIND, NULL))
		return err_set(err, -errno, "bindNS: %s on %s", source, path);
	return 0;
}

int runtime_created(const json_t *runtime, pid_t pid, struct err *err)
{
	static const char *const spaces[] = {"cgroup", "ipc",  "mnt", "net",
					     "pid",    "user", "uts"};
	const json_t *interfaces = json_object_get(runtime, "interfaces");
	const json_t *binds = json_object_get(runtime, "bindNS");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(interfaces) && !rc; i++)
		rc = add_interface(json_array_get(interfaces, i), pid, err);
	for (size_t i = 0; i < ARRAY_SIZE(spaces) && !rc; i++) {
		const char *path = text_of(binds, spaces[i]);

		if (*path)
			rc = bind_namespace(spaces[i], path, pid, err);
	}
	return rc;
}

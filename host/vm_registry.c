/* vm_registry.c - the state directory: opening, sweeping, looking up. */
#include "host_network_priv.h"
#include "vm_registry_priv.h"

#include "cleanup.h"
#include "macros.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static void default_root(char *path, size_t size)
{
	const char *chosen = getenv("LWX_STATE_DIR");
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (chosen && chosen[0])
		(void)snprintf(path, size, "%s", chosen);
	else if (geteuid() == 0)
		(void)snprintf(path, size, "/run/lwx");
	else if (runtime && runtime[0])
		(void)snprintf(path, size, "%s/lwx", runtime);
	else
		(void)snprintf(path, size, "/tmp/lwx-%u", geteuid());
}

/* Others could plant files in a directory that is not ours alone. */
static int open_root(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set(err, -errno, "state directory %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "state directory %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_setx(err, -EPERM,
				"state directory %s: must belong to you and "
				"have mode 0700",
				path);
	return steal_fd(&fd);
}

static int open_subdir(int parent, const char *name, struct err *err)
{
	int fd;

	if (mkdirat(parent, name, 0700) && errno != EEXIST)
		return err_set(err, -errno, "state directory: %s", name);
	fd = openat(parent, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "state directory: %s", name);
	return fd;
}

int vm_registry_lock(struct vm_registry *reg, struct err *err)
{
	AUTO_CLOSE int fd = openat(reg->root_fd, "lock",
				   O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, -errno, "state directory: lock");
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return err_set(err, -errno, "state directory: lock");
	return steal_fd(&fd);
}

bool vm_registry_held(int dir, const char *file)
{
	AUTO_CLOSE int fd = openat(dir, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

DIR *vm_registry_scan(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		(void)close(fd);
	return d;
}

/* Only what a VM leaves by design. */
static void remove_leftover(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		(void)unlink(path); /* nobody to tell */
}

static void remove_leftovers(int dir)
{
	int fd = openat(dir, "leftovers", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!file) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((len = getline(&line, &size, file)) > 0) {
		line[len - 1] = '\0';
		remove_leftover(line);
	}
	(void)fclose(file);
}

int vm_registry_write(int dir, const char *file, const void *data, size_t len)
{
	AUTO_CLOSE int fd = openat(
		dir, file,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, data, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC;
}

void vm_registry_read_text(int dir, const char *file, char *buf, size_t size)
{
	AUTO_CLOSE int fd =
		openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
}

void vm_registry_remove_dir(int parent, const char *name)
{
	AUTO_CLOSE int dir = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = dir < 0 ? NULL : vm_registry_scan(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dir, entry->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)unlinkat(parent, name, AT_REMOVEDIR); /* next sweep tries */
}

void vm_registry_remove(struct vm_registry *reg, const char *name)
{
	AUTO_CLOSE int dir =
		openat(reg->vms_fd, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return;
	remove_leftovers(dir);
	vm_registry_remove_dir(reg->vms_fd, name);
}

bool vm_registry_alive(struct vm_registry *reg, const char *name)
{
	AUTO_CLOSE int dir =
		openat(reg->vms_fd, name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir >= 0 && vm_registry_held(dir, "lock");
}

static void sweep(struct vm_registry *reg)
{
	DIR *vms = vm_registry_scan(reg->vms_fd);
	DIR *claims = vm_registry_scan(reg->claims_fd);
	struct dirent *entry;

	while (vms && (entry = readdir(vms)))
		if (entry->d_name[0] != '.' &&
		    !vm_registry_alive(reg, entry->d_name))
			vm_registry_remove(reg, entry->d_name);
	while (claims && (entry = readdir(claims)))
		if (entry->d_name[0] != '.' &&
		    !vm_registry_held(reg->claims_fd, entry->d_name))
			(void)unlinkat(reg->claims_fd, entry->d_name, 0);
	if (vms)
		(void)closedir(vms);
	if (claims)
		(void)closedir(claims);
	(void)network_sweep(reg);
}

void vm_registry_sweep(struct vm_registry *reg)
{
	struct err err;
	AUTO_CLOSE int lock = vm_registry_lock(reg, &err);

	if (lock >= 0)
		sweep(reg); /* otherwise the next command does */
}

static int open_all(struct vm_registry *reg, struct err *err)
{
	AUTO_CLOSE int lock = -1;

	default_root(reg->root, sizeof(reg->root));
	reg->root_fd = open_root(reg->root, err);
	if (reg->root_fd < 0)
		return reg->root_fd;
	lock = vm_registry_lock(reg, err);
	if (lock < 0)
		return lock;
	reg->vms_fd = open_subdir(reg->root_fd, "vms", err);
	if (reg->vms_fd < 0)
		return reg->vms_fd;
	reg->claims_fd = open_subdir(reg->root_fd, "claims", err);
	if (reg->claims_fd < 0)
		return reg->claims_fd;
	reg->networks_fd = open_subdir(reg->root_fd, "networks", err);
	if (reg->networks_fd < 0)
		return reg->networks_fd;
	sweep(reg);
	return 0;
}

int vm_registry_open(struct vm_registry **out, struct err *err)
{
	struct vm_registry *reg = calloc(1, sizeof(*reg));
	int rc;

	if (!reg)
		return err_set(err, -ENOMEM, "state directory");
	reg->root_fd = reg->vms_fd = -1;
	reg->claims_fd = reg->networks_fd = -1;
	rc = open_all(reg, err);
	if (rc) {
		vm_registry_close(reg);
		return rc;
	}
	*out = reg;
	return 0;
}

void vm_registry_close(struct vm_registry *reg)
{
	if (!reg)
		return;
	if (reg->root_fd >= 0)
		(void)close(reg->root_fd);
	if (reg->vms_fd >= 0)
		(void)close(reg->vms_fd);
	if (reg->claims_fd >= 0)
		(void)close(reg->claims_fd);
	if (reg->networks_fd >= 0)
		(void)close(reg->networks_fd);
	free(reg);
}

const char *vm_registry_root(const struct vm_registry *reg)
{
	return reg->root;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_name(char ***names, int *num, const char *name)
{
	char **grown;

	grown = reallocarray(*names, (size_t)*num + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*names = grown;
	grown[*num] = strdup(name);
	if (!grown[*num])
		return -ENOMEM;
	++*num;
	return 0;
}

int vm_registry_list(struct vm_registry *reg, char ***names, struct err *err)
{
	AUTO_CLOSE int lock = vm_registry_lock(reg, err);
	struct dirent *entry;
	int num = 0, rc = 0;
	DIR *vms;

	*names = NULL;
	if (lock < 0)
		return lock;
	vms = vm_registry_scan(reg->vms_fd);
	if (!vms)
		return err_set(err, -errno, "state directory: vms");
	while (!rc && (entry = readdir(vms)))
		if (entry->d_name[0] != '.' &&
		    vm_registry_alive(reg, entry->d_name))
			rc = add_name(names, &num, entry->d_name);
	(void)closedir(vms);
	if (rc) {
		vm_registry_free_list(*names, num);
		return err_set(err, rc, "state directory: vms");
	}
	if (num)
		qsort(*names, (size_t)num, sizeof(**names), compare_names);
	return num;
}

void vm_registry_free_list(char **names, int num)
{
	for (int i = 0; i < num; i++)
		free(names[i]);
	free(names);
}

bool vm_registry_exists(struct vm_registry *reg, const char *name)
{
	struct err err;
	AUTO_CLOSE int lock = vm_registry_lock(reg, &err);

	return lock >= 0 && vm_registry_alive(reg, name);
}

static int open_vm(struct vm_registry *reg, const char *name, struct err *err)
{
	AUTO_CLOSE int dir = -1;

	/* The name may come from a command line. */
	if (!name[0] || name[0] == '.' || strchr(name, '/'))
		return err_setx(err, -EINVAL, "%s: not a name of a VM", name);
	dir = openat(reg->vms_fd, name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return err_setx(err, -ESRCH, "%s: no such VM is running", name);
	if (dir < 0)
		return err_set(err, -errno, "%s: state directory", name);
	return steal_fd(&dir);
}

int vm_registry_connect(struct vm_registry *reg, const char *name,
			struct ctl_client **out, struct err *err)
{
	AUTO_CLOSE int dir = open_vm(reg, name, err);
	char path[64];
	int rc;

	if (dir < 0)
		return dir;
	/* However long ROOT is, this fits into a socket address. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/control", dir);
	rc = ctl_client_connect(out, path, err);
	if (rc == -ECONNREFUSED || rc == -ENOENT)
		return err_setx(err, -ESRCH, "%s: not running", name);
	if (rc)
		return err_prefix(err, "%s", name);
	return 0;
}

ssize_t vm_registry_load(struct vm_registry *reg, const char *name,
			 const char *file, void *buf, size_t size)
{
	AUTO_CLOSE int dir = open_vm(reg, name, NULL);
	AUTO_CLOSE int fd = -1;
	size_t len = 0;
	ssize_t n;

	if (dir < 0)
		return dir;
	fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		if (len == size)
			return -EFBIG;
		n = read(fd, (uint8_t *)buf + len, size - len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n);
	return (ssize_t)len;
}

int vm_registry_supervise(struct vm_registry *reg, const char *name,
			  struct err *err)
{
	AUTO_CLOSE int dir = open_vm(reg, name, err);
	AUTO_CLOSE int fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, "supervisor",
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "%s: supervisor lock", name);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK
			       ? err_setx(err, -EBUSY,
					  "%s: already running, under another "
					  "lwx-vm start",
					  name)
			       : err_set(err, -errno, "%s: supervisor lock",
					 name);
	return steal_fd(&fd);
}

int vm_registry_mark_stop(struct vm_registry *reg, const char *name,
			  struct err *err)
{
	AUTO_CLOSE int dir = open_vm(reg, name, err);
	AUTO_CLOSE int fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, "stop", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return err_set(err, -errno, "%s: stop mark", name);
	return 0;
}

/* run_initrd.c - a cpio archive (newc) of an init and kernel modules. */
#include "run_initrd.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MODULES_MAX 64
#define VERSION_OFFSET                                                         \
	0x20e		   /* Linux boot protocol: kernel_version, + 0x200     \
			    */
#define MAGIC_OFFSET 0x202 /* "HdrS" */

/* In this order; what a kernel has built in is not in modules.dep. */
struct wanted {
	const char *name;
	bool must;
};

static const struct wanted always[] = {
	{"virtio_mmio", true},
	{"vsock", true},
	{"vmw_vsock_virtio_transport", true},
	{"fuse", true},
	{"virtiofs", true},
	{"overlay", true},
	{"virtio_rng", false},
	{"virtio_blk", false},
};

static const struct wanted of_images[] = {
	{"crc32c_generic", false}, /* ext4 asks for it by name */
	{"ext4", false},	   {"erofs", false},
	{"squashfs", false},	   {"isofs", false},
};

static const struct wanted of_net[] = {
	{"virtio_net", true},
	{"af_packet", false}, /* for DHCP; Debian has it built in */
};

/*
 * @image:   with file systems of disks
 * @net:     with a network device
 * @dir:     of modules.dep
 * @dep:     its text
 * @builtin: text of modules.builtin
 * @paths:   below @dir, in the order of loading
 */
struct initrd {
	bool image;
	bool net;
	const char *init;
	const char *dir;
	char *dep;
	char *builtin;
	char *paths[MODULES_MAX];
	size_t num;
	FILE *out;
	unsigned int inode;
};

int run_kernel_release(const char *kernel, char release[RUN_RELEASE_SIZE],
		       struct err *err)
{
	AUTO_CLOSE int fd = open(kernel, O_RDONLY | O_CLOEXEC);
	uint8_t head[VERSION_OFFSET + 2] = {0};
	char text[RUN_RELEASE_SIZE] = "";
	off_t at;

	release[0] = '\0';
	if (fd < 0)
		return err_set(err, -errno, "kernel %s", kernel);
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head + MAGIC_OFFSET, "HdrS", 4) != 0)
		return 0;
	at = (head[VERSION_OFFSET] | head[VERSION_OFFSET + 1] << 8) + 0x200;
	if (at == 0x200 || pread(fd, text, sizeof(text) - 1, at) <= 0)
		return 0;
	text[strcspn(text, " ")] = '\0';
	memcpy(release, text, sizeof(text));
	return 0;
}

static char *read_text(const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	char *text = NULL;
	size_t size = 0;
	FILE *in;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	in = fopen(path, "re");
	n = in ? getdelim(&text, &size, '\0', in) : -1;
	if (n < 0)
		(void)err_set(err, in && feof(in) ? -ENODATA : -errno, "%s",
			      path);
	if (in)
		(void)fclose(in);
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

/* Is the path at @at, of @len bytes, module @name? "-" and "_" are one. */
static bool is_module(const char *at, size_t len, const char *name)
{
	const char *slash = memrchr(at, '/', len);
	size_t name_len = strlen(name);

	if (slash) {
		len -= (size_t)(slash + 1 - at);
		at = slash + 1;
	}
	if (len < name_len + 3 || strncmp(at + name_len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (at[i] != name[i] && !(at[i] == '-' && name[i] == '_'))
			return false;
	return true;
}

static const char *find_line(const char *text, const char *name)
{
	for (const char *line = text; *line;) {
		if (is_module(line, strcspn(line, ":\n"), name))
			return line;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

static int add(struct initrd *initrd, const char *at, size_t len,
	       struct err *err)
{
	for (size_t i = 0; i < initrd->num; i++)
		if (strlen(initrd->paths[i]) == len &&
		    strncmp(initrd->paths[i], at, len) == 0)
			return 0;
	if (initrd->num == MODULES_MAX)
		return err_setx(err, -E2BIG, "%s/modules.dep: too many modules",
				initrd->dir);
	initrd->paths[initrd->num] = strndup(at, len);
	if (!initrd->paths[initrd->num])
		return err_set(err, -ENOMEM, "%s", initrd->dir);
	initrd->num++;
	return 0;
}

/* "path: needed needed": the last that is needed is loaded first. */
static int add_line(struct initrd *initrd, const char *line, struct err *err)
{
	size_t len = strcspn(line, "\n"), path = strcspn(line, ":\n");
	int rc = 0;

	for (size_t end = len; !rc && end > path + 1;) {
		size_t start = end;

		while (start > path + 1 && line[start - 1] != ' ')
			start--;
		if (end > start)
			rc = add(initrd, line + start, end - start, err);
		end = start > path + 1 ? start - 1 : path + 1;
	}
	return rc ? rc : add(initrd, line, path, err);
}

static int find_each(struct initrd *initrd, const struct wanted *wanted,
		     size_t num, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < num; i++) {
		const char *line = find_line(initrd->dep, wanted[i].name);

		if (line)
			rc = add_line(initrd, line, err);
		else if (wanted[i].must &&
			 !find_line(initrd->builtin, wanted[i].name))
			rc = err_setx(err, -ENOENT,
				      "%s: this kernel has no %s: choose "
				      "another with --kernel",
				      initrd->dir, wanted[i].name);
	}
	return rc;
}

static int find_modules(struct initrd *initrd, struct err *err)
{
	int rc;

	initrd->dep = read_text(initrd->dir, "modules.dep", err);
	if (!initrd->dep)
		return err_prefix(err, "modules of the kernel");
	initrd->builtin = read_text(initrd->dir, "modules.builtin", err);
	if (!initrd->builtin)
		return err_prefix(err, "modules of the kernel");
	rc = find_each(initrd, always, ARRAY_SIZE(always), err);
	if (!rc && initrd->image)
		rc = find_each(initrd, of_images, ARRAY_SIZE(of_images), err);
	if (!rc && initrd->net)
		rc = find_each(initrd, of_net, ARRAY_SIZE(of_net), err);
	return rc;
}

static void pad(FILE *out, uint64_t len)
{
	static const char zeros[4];

	(void)fwrite(zeros, 1, -len & 3, out);
}

/* One entry; the format is in the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
static void put_head(struct initrd *initrd, const char *name, unsigned int mode,
		     uint64_t size)
{
	unsigned int len = (unsigned int)strlen(name) + 1;

	(void)fprintf(initrd->out,
		      "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
		      "%08X",
		      ++initrd->inode, mode, 0U, 0U, 1U, 0U, (unsigned int)size,
		      0U, 0U, 0U, 0U, len, 0U);
	(void)fwrite(name, 1, len, initrd->out);
	pad(initrd->out, 110 + len);
}

static void put_folders(struct initrd *initrd, const char *path)
{
	char part[1024];

	for (const char *slash = strchr(path, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path),
			       path);
		put_head(initrd, part, S_IFDIR | 0755, 0); /* twice is fine */
	}
}

static int put_file(struct initrd *initrd, const char *name, unsigned int mode,
		    const char *source, struct err *err)
{
	AUTO_CLOSE int fd = open(source, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *chunk = malloc(65536);
	struct stat st;
	uint64_t left;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "%s", source);
	if (!chunk)
		return err_set(err, -ENOMEM, "%s", source);
	put_folders(initrd, name);
	put_head(initrd, name, S_IFREG | mode, (uint64_t)st.st_size);
	for (left = (uint64_t)st.st_size; left; left -= (uint64_t)n) {
		n = read(fd, chunk, MIN(left, (uint64_t)65536));
		if (n <= 0)
			return err_set(err, n < 0 ? -errno : -EIO, "%s",
				       source);
		(void)fwrite(chunk, 1, (size_t)n, initrd->out);
	}
	pad(initrd->out, (uint64_t)st.st_size);
	return 0;
}

static void put_list(struct initrd *initrd)
{
	uint64_t size = 0;

	for (size_t i = 0; i < initrd->num; i++)
		size += strlen("/modules/") + strlen(initrd->paths[i]) + 1;
	put_head(initrd, "modules.load", S_IFREG | 0644, size);
	for (size_t i = 0; i < initrd->num; i++)
		(void)fprintf(initrd->out, "/modules/%s\n", initrd->paths[i]);
	pad(initrd->out, size);
}

static int put_all(struct initrd *initrd, struct err *err)
{
	static const char *const folders[] = {"dev", "proc", "sys"};
	char name[1024], source[PATH_MAX];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		put_head(initrd, folders[i], S_IFDIR | 0755, 0);
	for (size_t i = 0; !rc && i < initrd->num; i++) {
		(void)snprintf(name, sizeof(name), "modules/%s",
			       initrd->paths[i]);
		(void)snprintf(source, sizeof(source), "%s/%s", initrd->dir,
			       initrd->paths[i]);
		rc = put_file(initrd, name, 0644, source, err);
	}
	if (rc)
		return rc;
	put_list(initrd);
	rc = put_file(initrd, "init", 0755, initrd->init, err);
	put_head(initrd, "TRAILER!!!", 0, 0);
	return rc;
}

static int write_to(struct initrd *initrd, int fd, struct err *err)
{
	int rc = find_modules(initrd, err);
	int copy = rc ? -1 : dup(fd);

	if (!rc) {
		initrd->out = copy < 0 ? NULL : fdopen(copy, "w");
		if (!initrd->out) {
			rc = err_set(err, -errno, "initrd");
			if (copy >= 0)
				(void)close(copy);
		}
	}
	if (!rc) {
		rc = put_all(initrd, err);
		if (fclose(initrd->out) && !rc)
			rc = err_set(err, -errno, "initrd");
	}
	for (size_t i = 0; i < initrd->num; i++)
		free(initrd->paths[i]);
	free(initrd->dep);
	free(initrd->builtin);
	return rc;
}

static int make(const struct run_initrd *from, int fd, struct err *err)
{
	struct initrd initrd = {
		.init = from->init,
		.dir = from->modules,
		.image = from->image,
		.net = from->net,
	};

	return write_to(&initrd, fd, err);
}

/* Return: the folder of the cache, made if need be, or -1. */
static int open_cache(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];

	if (base && base[0])
		(void)snprintf(path, sizeof(path), "%s/layerworx", base);
	else if (geteuid() == 0)
		(void)snprintf(path, sizeof(path), "/var/cache/layerworx");
	else if (home && home[0])
		(void)snprintf(path, sizeof(path), "%s/.cache/layerworx", home);
	else
		return -1;
	(void)mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A name that another init, other modules or a change of them does not have. */
static int cache_name(const struct run_initrd *from, char *name, size_t size)
{
	AUTO_FREE char *real = realpath(from->modules, NULL);
	char dep[PATH_MAX];
	struct stat a, b;
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	(void)snprintf(dep, sizeof(dep), "%s/modules.dep", from->modules);
	if (!real || stat(from->init, &a) || stat(dep, &b))
		return -1;
	for (const char *at = real; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 1099511628211U;
	(void)snprintf(name, size, "%s%s-%016llx-%llx-%llx-%llx-%llx.cpio",
		       from->image ? "image" : "folder",
		       from->net ? "-net" : "", (unsigned long long)hash,
		       (unsigned long long)a.st_size,
		       (unsigned long long)a.st_mtim.tv_sec * 1000000000ULL +
			       (unsigned long long)a.st_mtim.tv_nsec,
		       (unsigned long long)b.st_size,
		       (unsigned long long)b.st_mtim.tv_sec);
	return 0;
}

/* Into the cache, whole or not at all: a file without a name, then its name. */
static int make_cached(const struct run_initrd *from, int cache,
		       const char *name, struct err *err)
{
	AUTO_CLOSE int fd =
		openat(cache, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char self[64];
	int rc;

	if (fd < 0)
		return err_set(err, -EROFS, "cache");
	rc = make(from, fd, err);
	if (rc)
		return rc;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	/* Another run may have been faster; without a name it serves as well.
	 */
	(void)!linkat(AT_FDCWD, self, cache, name, AT_SYMLINK_FOLLOW);
	return steal_fd(&fd);
}

int run_initrd_open(const struct run_initrd *from, struct err *err)
{
	AUTO_CLOSE int cache = open_cache();
	AUTO_CLOSE int fd = -1;
	char name[NAME_MAX];
	int rc;

	if (cache >= 0 && cache_name(from, name, sizeof(name)) == 0) {
		fd = openat(cache, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = make_cached(from, cache, name, err);
		if (fd != -EROFS)
			return fd < 0 ? fd : steal_fd(&fd);
	}
	fd = memfd_create("lwx-initrd", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "initrd");
	rc = make(from, fd, err);
	return rc ? rc : steal_fd(&fd);
}

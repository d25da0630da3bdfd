/* disk_file.c - see disk_file.h. */
#include "disk_file.h"

#include "cleanup.h"
#include "macros.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512U
#define RELEASE_TRIES 100U
#define RELEASE_PAUSE_NS 10000000L
#define PAGE 4096U /* alignment that every file system's O_DIRECT takes */

/* Does "lock:" of /proc/PID/fdinfo/N say that this descriptor holds one? */
static bool fdinfo_has_lock(int fdinfo_dir, const char *number)
{
	AUTO_CLOSE int fd = openat(fdinfo_dir, number, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "\nlock:") != NULL;
}

/* Does process @pid hold a lock through a descriptor of file @st? */
static bool process_holds(const char *pid, const struct stat *st)
{
	char path[64];
	struct dirent *entry;
	bool found = false;
	int fdinfo;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fdinfo", pid);
	fdinfo = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fdinfo < 0)
		return false; /* not ours to look into, or gone */
	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (!found && dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat other;

		if (fstatat(dirfd(dir), entry->d_name, &other, 0) == 0 &&
		    other.st_dev == st->st_dev && other.st_ino == st->st_ino)
			found = fdinfo_has_lock(fdinfo, entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	(void)close(fdinfo);
	return found;
}

static void read_command(const char *pid, char *command, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, command, size - 1);
		(void)close(fd);
	}
	command[n > 0 ? n : 0] = '\0';
	command[strcspn(command, "\n")] = '\0';
}

/* Who holds a lock on the file @st? The kernel tells no process id for an OFD
 * lock, but fdinfo of every descriptor that shares it does. Return: whether a
 * process that we may look into does; then @err says which. */
static bool find_holder(const struct stat *st, const char *path,
			struct err *err)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (!found && proc != NULL && (entry = readdir(proc)) != NULL) {
		char command[32];

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !process_holds(entry->d_name, st))
			continue;
		read_command(entry->d_name, command, sizeof(command));
		(void)err_setx(err, -EBUSY, "disk %s: in use by %s (pid %s)",
			       path, command, entry->d_name);
		found = true;
	}
	if (proc != NULL)
		(void)closedir(proc);
	return found;
}

/*
 * Nobody may be found who holds the lock: io_uring gives up the files of a
 * process that has ended, or was killed, some time after that, on a worker of
 * the kernel's. So it is tried again before another user is suspected.
 */
static int lock_whole(int fd, const struct stat *st, const char *path,
		      bool readonly, struct err *err)
{
	const struct timespec pause = {.tv_nsec = RELEASE_PAUSE_NS};
	struct flock lock = {
		.l_type = readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	for (unsigned int i = 0; i < RELEASE_TRIES; i++) {
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return err_set(err, -errno, "disk %s: lock", path);
		if (find_holder(st, path, err))
			return -EBUSY;
		(void)nanosleep(&pause, NULL); /* a signal shortens it */
	}
	return err_setx(err, -EBUSY,
			"disk %s: in use by a process of another user", path);
}

int disk_file_open(const char *path, const struct disk_file_options *options,
		   int *out, struct err *err)
{
	int flags = options->readonly ? O_RDONLY : O_RDWR;
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int rc;

	/* O_NONBLOCK: a fifo by that name must not block us. */
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, "disk %s: open", path);
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "disk %s: stat", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_setx(err, -EINVAL,
				"disk %s: neither a regular file nor a block "
				"device",
				path);
	flags |= options->direct ? O_DIRECT : 0;
	if (fcntl(fd, F_SETFL, flags) < 0) {
		if (errno == EINVAL && options->direct)
			return err_setx(err, -EINVAL,
					"disk %s: its file system has no "
					"direct I/O: set direct = false",
					path);
		return err_set(err, -errno, "disk %s: set flags", path);
	}
	rc = lock_whole(fd, &st, path, options->readonly, err);
	if (rc < 0)
		return rc;
	*out = steal_fd(&fd);
	return 0;
}

static int size_of(int fd, const char *name, const struct stat *st,
		   uint64_t *size, struct err *err)
{
	if (S_ISBLK(st->st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, size) < 0)
			return err_set(err, -errno, "disk %s: size", name);
		return 0;
	}
	*size = (uint64_t)st->st_size;
	return 0;
}

int disk_file_size(int fd, const char *name, uint64_t *size, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "disk %s: stat", name);
	return size_of(fd, name, &st, size, err);
}

/* Read a number from /sys/dev/block/MAJ:MIN/queue; a partition's queue is that
 * of the disk it lies on. */
static uint64_t queue_attribute(dev_t dev, const char *name)
{
	static const char *const places[] = {"queue", "../queue"};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char path[128];
		ssize_t n;
		int fd;

		(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s",
			       major(dev), minor(dev), places[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
		if (n <= 0)
			continue;
		text[n] = '\0';
		return strtoull(text, NULL, 10);
	}
	return 0;
}

/* What O_DIRECT asks for where the kernel does not tell: the logical sector of
 * a block device; for a file the smaller of 512 and a page that can be read. */
static uint32_t direct_align_guess(int fd, const struct stat *st)
{
	AUTO_FREE void *buffer = NULL;
	int sector = 0;

	if (S_ISBLK(st->st_mode)) {
		if (ioctl(fd, BLKSSZGET, &sector) == 0 && sector > 0)
			return (uint32_t)sector;
		return PAGE;
	}
	if (posix_memalign(&buffer, PAGE, PAGE) != 0)
		return PAGE;
	if (pread(fd, buffer, SECTOR, SECTOR) < 0)
		return PAGE;
	return SECTOR;
}

static void probe_direct(int fd, const struct stat *st,
			 struct disk_geometry *geometry)
{
	struct statx sx = {0};

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	    (sx.stx_mask & STATX_DIOALIGN) != 0 &&
	    sx.stx_dio_offset_align != 0) {
		geometry->offset_align = sx.stx_dio_offset_align;
		geometry->memory_align = sx.stx_dio_mem_align;
		return;
	}
	geometry->offset_align = direct_align_guess(fd, st);
	geometry->memory_align = geometry->offset_align;
}

static void probe_block_device(int fd, const struct stat *st,
			       struct disk_geometry *geometry)
{
	unsigned int physical = 0;
	unsigned int optimal = 0;

	if (ioctl(fd, BLKPBSZGET, &physical) == 0 && physical > 0)
		geometry->physical_block = physical;
	if (ioctl(fd, BLKIOOPT, &optimal) == 0)
		geometry->optimal_io = optimal;
	/* The kernel carries out fallocate(PUNCH_HOLE) of a block device by its
	 * write-zeroes command. */
	geometry->punch_hole =
		!geometry->readonly &&
		queue_attribute(st->st_rdev, "write_zeroes_max_bytes") > 0;
}

static void probe_regular_file(int fd, const struct stat *st,
			       struct disk_geometry *geometry)
{
	/* Behind the end of the file there is nothing to lose. */
	off_t beyond = (off_t)ALIGN_UP((uint64_t)st->st_size, (uint64_t)PAGE);

	geometry->physical_block = PAGE;
	geometry->punch_hole =
		!geometry->readonly &&
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  beyond, PAGE) == 0;
}

int disk_file_probe(int fd, const char *name, struct disk_geometry *geometry,
		    struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	int rc;

	*geometry = (struct disk_geometry){
		.offset_align = 1,
		.memory_align = 1,
		.physical_block = SECTOR,
	};
	if (flags < 0)
		return err_set(err, -errno, "disk %s: get flags", name);
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "disk %s: stat", name);
	rc = size_of(fd, name, &st, &geometry->size, err);
	if (rc < 0)
		return rc;
	geometry->readonly = (flags & O_ACCMODE) == O_RDONLY;
	geometry->direct = (flags & O_DIRECT) != 0;
	geometry->block_device = S_ISBLK(st.st_mode);
	if (geometry->direct)
		probe_direct(fd, &st, geometry);
	if (geometry->block_device)
		probe_block_device(fd, &st, geometry);
	else
		probe_regular_file(fd, &st, geometry);
	return 0;
}

int disk_file_resize(int fd, const char *name, uint64_t size, struct err *err)
{
	struct stat st;
	uint64_t now;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "disk %s: stat", name);
	rc = size_of(fd, name, &st, &now, err);
	if (rc < 0 || now == size)
		return rc;
	if (S_ISBLK(st.st_mode))
		return err_setx(err, -EINVAL,
				"disk %s: a block device of %" PRIu64
				" bytes cannot be made %" PRIu64 " bytes here",
				name, now, size);
	if (size > INT64_MAX || ftruncate(fd, (off_t)size) < 0)
		return err_set(err, size > INT64_MAX ? -EFBIG : -errno,
			       "disk %s: resize to %" PRIu64 " bytes", name,
			       size);
	return 0;
}

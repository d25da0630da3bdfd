/* disk_fat.c - FAT32 by mkfs.fat and mtools. See disk_fat.h. */
#include "disk_fat.h"

#include "cleanup.h"
#include "file_io.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECTOR 512U
#define MIB ((uint64_t)1 << 20)
#define RESERVED_SECTORS 32U
#define FATS 2U
#define CLUSTERS_MIN 65525U	 /* fewer make it FAT16 */
#define CLUSTERS_MANY (1U << 19) /* more make a table of over 2 MiB */
#define CLUSTER_SECTORS_MAX 128U
#define SPARE_CLUSTERS 512U /* directories, a boot loader, an edit */

/* Sectors of a file system with clusters of @cluster sectors. */
static uint64_t sectors_for(const struct disk_fat_file *files, size_t num,
			    uint32_t cluster)
{
	uint64_t clusters = SPARE_CLUSTERS;
	uint64_t table;

	for (size_t i = 0; i < num; i++)
		clusters += files[i].size / ((uint64_t)cluster * SECTOR) + 1;
	if (clusters < CLUSTERS_MIN + SPARE_CLUSTERS)
		clusters = CLUSTERS_MIN + SPARE_CLUSTERS;
	table = ((clusters + 2) * 4 + SECTOR - 1) / SECTOR;
	return RESERVED_SECTORS + FATS * table + clusters * cluster;
}

/* Sectors of a cluster; mkfs.fat is told, its own choice wastes more. */
static uint32_t cluster_for(uint64_t sectors)
{
	uint32_t cluster = 1;

	while (cluster < CLUSTER_SECTORS_MAX &&
	       sectors / cluster > CLUSTERS_MANY)
		cluster *= 2;
	return cluster;
}

int disk_fat_size(struct disk_fat_file *files, size_t num, uint64_t *size,
		  struct err *err)
{
	uint32_t cluster = 1;
	uint64_t sectors;

	for (size_t i = 0; i < num; i++) {
		struct stat st;

		if (stat(files[i].source, &st))
			return err_set(err, -errno, "%s", files[i].source);
		files[i].size = (uint64_t)st.st_size;
		if (files[i].size > UINT32_MAX)
			return err_setx(err, -EFBIG,
					"%s: %llu bytes, a file on FAT has "
					"less than 4 GiB",
					files[i].path,
					(unsigned long long)files[i].size);
	}
	sectors = sectors_for(files, num, cluster);
	while (cluster_for(sectors) > cluster) {
		cluster = cluster_for(sectors);
		sectors = sectors_for(files, num, cluster);
	}
	*size = (sectors * SECTOR + MIB - 1) / MIB * MIB;
	return 0;
}

static int run(const char *const *argv, const char *package, int64_t epoch,
	       struct err *err)
{
	/* mtools must not look at the user's own configuration. */
	const char *const env[] = {"MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1",
				   NULL};
	struct spawn spawn = {
		.argv = argv,
		.package = package,
		.env = env,
		.epoch = epoch,
	};

	return spawn_run(&spawn, err);
}

/* The directories above @path that no file before it has brought. */
static int make_dirs(const char *image, const struct disk_fat_file *files,
		     size_t i, int64_t epoch, struct err *err)
{
	const char *slash = files[i].path;

	while ((slash = strchr(slash, '/'))) {
		size_t len = (size_t)(slash - files[i].path) + 1;
		AUTO_FREE char *dir = NULL;
		bool there = false;
		int rc;

		for (size_t j = 0; j < i && !there; j++)
			there = strncmp(files[j].path, files[i].path, len) == 0;
		slash++;
		if (there)
			continue;
		if (asprintf(&dir, "::%.*s", (int)len - 1, files[i].path) < 0) {
			dir = NULL;
			return err_set(err, -ENOMEM, "%s", image);
		}
		rc = run((const char *const[]){"mmd", "-i", image, dir, NULL},
			 "mtools", epoch, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int copy_in(const char *image, const struct disk_fat_file *file,
		   int64_t epoch, struct err *err)
{
	AUTO_FREE char *to = NULL;

	if (asprintf(&to, "::%s", file->path) < 0) {
		to = NULL;
		return err_set(err, -ENOMEM, "%s", image);
	}
	return run((const char *const[]){"mcopy", "-i", image, file->source, to,
					 NULL},
		   "mtools", epoch, err);
}

int disk_fat_make(const char *path, uint64_t size, uint32_t id,
		  const char *label, const struct disk_fat_file *files,
		  size_t num, int64_t epoch, struct err *err)
{
	AUTO_CLOSE int fd =
		open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char id_text[16];
	char cluster[16];
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: make", path);
	rc = file_truncate(fd, size, path, err);
	if (rc)
		return rc;
	(void)snprintf(id_text, sizeof(id_text), "%08x", id);
	(void)snprintf(cluster, sizeof(cluster), "%u",
		       cluster_for(size / SECTOR));
	rc = run((const char *const[]){"mkfs.fat", "--invariant", "-F", "32",
				       "-s", cluster, "-i", id_text, "-n",
				       label, path, NULL},
		 "dosfstools", epoch, err);
	for (size_t i = 0; !rc && i < num; i++) {
		rc = make_dirs(path, files, i, epoch, err);
		if (!rc)
			rc = copy_in(path, &files[i], epoch, err);
	}
	return rc;
}

/* seed_write.c - a seed as a disk, or its user data alone; see seed.h. */
#include "seed.h"

#include "cleanup.h"
#include "disk_fat.h"
#include "file_io.h"
#include "json.h"
#include "macros.h"
#include "sha256.h"
#include "spawn.h"
#include "tree_dir.h"
#include "work_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4
#define LABEL "cidata"

/**
 * struct seed_texts - the files as they are written
 * @text: NULL: it is left out; @meta and @network are owned
 */
struct seed_texts {
	struct {
		const char *name;
		const char *text;
		size_t size;
	} files[FILES];
	char *meta;
	char *network;
	uint8_t digest[SHA256_SIZE];
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int name_instance(struct seed *seed, struct seed_texts *texts,
			 struct err *err)
{
	char id[SHA256_HEX_SIZE];
	char text[16];

	sha256_hex(texts->digest, id);
	(void)snprintf(text, sizeof(text), "iid-%.10s", id);
	if (json_object_get(seed->meta, "instance-id"))
		return 0;
	return json_object_set_new(seed->meta, "instance-id", json_string(text))
		       ? no_memory(err)
		       : 0;
}

static int sum(const struct seed_texts *texts, uint8_t digest[SHA256_SIZE],
	       struct err *err)
{
	struct sha256 *sum = NULL;
	int rc = sha256_create(&sum, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < FILES; i++) {
		uint64_t size =
			texts->files[i].text ? texts->files[i].size + 1 : 0;

		sha256_update(sum, &size, sizeof(size));
		sha256_update(sum, texts->files[i].text, texts->files[i].size);
	}
	sha256_final(sum, digest);
	sha256_destroy(sum);
	return 0;
}

static int fill(struct seed *seed, struct seed_texts *texts, struct err *err)
{
	const char *user = seed->user ? seed->user : "";
	size_t size = 0;
	int rc = 0;

	if (!seed->meta)
		seed->meta = json_object();
	if (!seed->meta)
		return no_memory(err);
	texts->files[0].name = "user-data";
	texts->files[0].text = user;
	texts->files[0].size = seed->user_size;
	/* The name that LinuxKit's own command gives it. */
	texts->files[1] = texts->files[0];
	texts->files[1].name = "config";
	if (seed->network)
		rc = json_write(seed->network, &texts->network, &size, err);
	texts->files[2].name = "network-config";
	texts->files[2].text = texts->network;
	texts->files[2].size = size;
	for (int round = 0; round < 2 && !rc; round++) {
		free(texts->meta);
		texts->meta = NULL;
		rc = json_write(seed->meta, &texts->meta, &size, err);
		texts->files[3].name = "meta-data";
		texts->files[3].text = texts->meta;
		texts->files[3].size = size;
		if (!rc)
			rc = sum(texts, texts->digest, err);
		if (!rc)
			rc = name_instance(seed, texts, err);
	}
	return rc;
}

static int write_iso(const struct seed_texts *texts, const struct work_dir *dir,
		     const char *path, int64_t epoch, struct err *err)
{
	char time[32];
	const char *const argv[] = {
		"xorriso", "-no_rc",	  "-as", "mkisofs",	"-quiet",
		"-R",	   "-J",	  "-V",	 LABEL,		"-o",
		path,	   tree_dir_here, "--",	 "-alter_date", "m",
		time,	   "/",		  "--",	 NULL};
	const struct spawn spawn = {
		.argv = argv, .package = "xorriso", .epoch = epoch};
	const struct tree_entry like = {.mode = 0644, .mtime = epoch};
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	(void)snprintf(time, sizeof(time), "=%lld", (long long)epoch);
	for (size_t i = 0; i < FILES && !rc; i++) {
		if (texts->files[i].text)
			rc = tree_put_bytes(tree, texts->files[i].name, &like,
					    texts->files[i].text,
					    texts->files[i].size, err);
	}
	if (!rc)
		rc = tree_dir_run(tree, dir->path, &spawn, err);
	tree_destroy(tree);
	return rc;
}

static int write_text(const char *path, const char *text, size_t size,
		      struct err *err)
{
	AUTO_CLOSE int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? err_set(err, -errno, "%s", path)
		      : file_write(fd, text, size, 0, path, err);
}

static int write_fat(const struct seed_texts *texts, const struct work_dir *dir,
		     const char *path, int64_t epoch, struct err *err)
{
	struct disk_fat_file files[FILES];
	char *sources[FILES] = {NULL};
	uint64_t size = 0;
	uint32_t id;
	size_t num = 0;
	int rc = 0;

	for (size_t i = 0; i < FILES && !rc; i++) {
		if (!texts->files[i].text)
			continue;
		if (asprintf(&sources[num], "%s/%s", dir->path,
			     texts->files[i].name) < 0) {
			sources[num] = NULL;
			rc = no_memory(err);
			break;
		}
		rc = write_text(sources[num], texts->files[i].text,
				texts->files[i].size, err);
		files[num] = (struct disk_fat_file){
			.path = texts->files[i].name, .source = sources[num]};
		num++;
	}
	memcpy(&id, texts->digest, sizeof(id));
	if (!rc)
		rc = disk_fat_size(files, num, &size, err);
	if (!rc)
		rc = disk_fat_make(path, size, id, "CIDATA", files, num, epoch,
				   err);
	for (size_t i = 0; i < FILES; i++)
		free(sources[i]);
	return rc;
}

/* RFC 4648, 4; @size is below 1 MiB. Return: NULL without memory;
 * free(). */
static char *base64(const char *text, size_t size)
{
	char *out = malloc((size + 2) / 3 * 4 + 1);

	if (out)
		(void)EVP_EncodeBlock((unsigned char *)out,
				      (const unsigned char *)text, (int)size);
	return out;
}

/* To standard output if @path is NULL. */
static int write_user(const struct seed *seed, bool encode, const char *path,
		      struct err *err)
{
	AUTO_FREE char *text =
		encode ? base64(seed->user, seed->user_size) : NULL;
	size_t size = text ? strlen(text) : seed->user_size;
	const char *bytes = encode ? text : seed->user;

	if (!bytes)
		return no_memory(err);
	if (path)
		return write_text(path, bytes, size, err);
	if (fwrite(bytes, 1, size, stdout) != size ||
	    (encode && putchar('\n') == EOF) || fflush(stdout))
		return err_set(err, -errno, "standard output");
	return 0;
}

static int write_in(struct seed *seed, enum seed_format format,
		    const struct work_dir *dir, const char *path, int64_t epoch,
		    struct err *err)
{
	struct seed_texts texts = {0};
	int rc;

	if (format == SEED_RAW || format == SEED_BASE64)
		return write_user(seed, format == SEED_BASE64, path, err);
	rc = fill(seed, &texts, err);
	if (!rc && format == SEED_ISO)
		rc = write_iso(&texts, dir, path, epoch, err);
	else if (!rc)
		rc = write_fat(&texts, dir, path, epoch, err);
	free(texts.meta);
	free(texts.network);
	return rc;
}

int seed_write(struct seed *seed, enum seed_format format, const char *path,
	       int64_t epoch, struct err *err)
{
	bool user_alone = format == SEED_RAW || format == SEED_BASE64;
	AUTO_FREE char *made = NULL;
	struct work_dir dir = {0};
	int rc;

	if (user_alone && !seed->user)
		return err_setx(err, -EINVAL,
				"there is no user data: --user-data FILE, "
				"--tree DIR or TEXT");
	if (!seed->user && !seed->meta && !seed->network)
		return err_setx(err, -EINVAL,
				"there is nothing to tell: --user-data, "
				"--tree, --meta-data, --network-config, "
				"--hostname, --ssh-key or TEXT");
	if (user_alone && strcmp(path, "-") == 0)
		return write_user(seed, format == SEED_BASE64, NULL, err);
	rc = work_dir_make(&dir, path, err);
	if (!rc && asprintf(&made, "%s/seed", dir.path) < 0) {
		made = NULL;
		rc = no_memory(err);
	}
	if (!rc)
		rc = write_in(seed, format, &dir, made, epoch, err);
	if (!rc && (chmod(made, 0644) || rename(made, path)))
		rc = err_set(err, -errno, "%s", path);
	if (rc)
		(void)work_dir_remove(&dir, NULL); /* the first counts */
	return rc ? rc : work_dir_remove(&dir, err);
}

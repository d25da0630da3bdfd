/* output.c - make a format beside its destination and put it there. See
 * output.h. */
#include "output.h"

#include "cleanup.h"
#include "interrupt.h"
#include "macros.h"
#include "output_formats.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All that an image depends on, so that equal images have equal identifiers and
 * different ones do not. */
static int make_seed(struct output *out, struct err *err)
{
	const struct output_input *input = out->input;
	const char *const texts[] = {input->cmdline, input->name,
				     input->version};
	uint8_t digests[3][SHA256_SIZE] = {{0}};
	struct sha256 *sum = NULL;
	int rc = tree_digest(input->root, digests[0], err);

	if (!rc)
		rc = tree_content_digest(input->kernel, digests[1], err);
	if (!rc)
		rc = tree_content_digest(input->ucode, digests[2], err);
	if (!rc)
		rc = sha256_create(&sum, err);
	if (rc)
		return rc;
	sha256_update(sum, digests, sizeof(digests));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = texts[i] ? texts[i] : "";

		sha256_update(sum, text, strlen(text) + 1);
	}
	sha256_final(sum, out->seed);
	sha256_destroy(sum);
	return 0;
}

static int sync_file(const char *path, uint64_t *size, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || fchmod(fd, 0644) || fsync(fd))
		return err_set(err, -errno, "%s: write to the disk", path);
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Whatever can fail is tried for every file before the first is renamed. */
static int check_dest(const char *dest, struct err *err)
{
	struct stat st;

	if (lstat(dest, &st)) {
		if (errno == ENOENT)
			return 0;
		return err_set(err, -errno, "%s", dest);
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "%s", dest);
	return 0;
}

static int publish(struct output *out, char **dests, uint64_t *sizes,
		   struct err *err)
{
	for (size_t i = 0; i < OUTPUT_FILES_MAX && dests[i]; i++) {
		AUTO_FREE char *path = NULL;
		int rc = check_dest(dests[i], err);

		if (!rc && out->made[i]) {
			path = output_file_path(out, i, err);
			rc = path ? sync_file(path, &sizes[i], err) : -ENOMEM;
		}
		if (!rc)
			rc = interrupt_check(err);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < OUTPUT_FILES_MAX && dests[i]; i++) {
		AUTO_FREE char *path = NULL;

		if (!out->made[i]) {
			if (unlink(dests[i]) && errno != ENOENT)
				return err_set(err, -errno, "%s: remove",
					       dests[i]);
			continue;
		}
		path = output_file_path(out, i, err);
		if (!path)
			return -ENOMEM;
		if (rename(path, dests[i]))
			return err_set(err, -errno, "%s: rename", dests[i]);
	}
	return 0;
}

static int make_dests(const struct output_format *format, const char *base,
		      const char *file, char **dests, struct err *err)
{
	if (file && format->suffixes[1])
		return err_setx(err, -EINVAL,
				"format %s: is several files, %s is one; give "
				"a directory and a name",
				format->name, file);
	for (size_t i = 0; format->suffixes[i]; i++) {
		if (asprintf(&dests[i], "%s%s", file ? file : base,
			     file ? "" : format->suffixes[i]) < 0) {
			dests[i] = NULL;
			return err_set(err, -ENOMEM, "%s", base);
		}
	}
	assert(dests[0]); /* every line of the table has a file */
	return 0;
}

static void take_result(const struct output *out, char **dests,
			const uint64_t *sizes, struct output_result *result)
{
	if (!result)
		return;
	*result = (struct output_result){0};
	for (size_t i = 0; i < OUTPUT_FILES_MAX; i++) {
		if (!out->made[i])
			continue;
		result->paths[i] = steal_ptr(&dests[i]);
		result->sizes[i] = sizes[i];
	}
}

static int make(struct output *out, char **dests, uint64_t *sizes,
		struct err *err)
{
	int rc = make_seed(out, err);

	if (!rc)
		rc = work_dir_make(&out->work, dests[0], err);
	out->dir = out->work.path;
	if (!rc)
		rc = output_format_make(out->format)(out, err);
	if (!rc)
		rc = publish(out, dests, sizes, err);
	if (rc)
		(void)err_prefix(err, "format %s", out->format->name);
	if (rc)
		(void)work_dir_remove(&out->work, NULL); /* the first counts */
	return rc ? rc : work_dir_remove(&out->work, err);
}

int output_make(const struct output_format *format,
		const struct output_input *input, const char *base,
		const char *file, struct output_result *result, struct err *err)
{
	struct output out = {.format = format, .input = input};
	char *dests[OUTPUT_FILES_MAX + 1] = {NULL};
	uint64_t sizes[OUTPUT_FILES_MAX] = {0};
	int rc = output_format_check(format, input, err);

	if (!rc)
		rc = make_dests(format, base, file, dests, err);
	if (!rc)
		rc = make(&out, dests, sizes, err);
	if (!rc)
		take_result(&out, dests, sizes, result);
	for (size_t i = 0; i < OUTPUT_FILES_MAX; i++)
		free(dests[i]);
	return rc;
}

void output_result_fini(struct output_result *result)
{
	for (size_t i = 0; i < OUTPUT_FILES_MAX; i++)
		free(result->paths[i]);
	*result = (struct output_result){0};
}

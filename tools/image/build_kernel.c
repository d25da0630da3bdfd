/*
 * build_kernel.c - what kernel: says; see build_internal.h.
 */
#include "build_internal.h"

#include "archive_read.h"
#include "cleanup.h"
#include "definition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file of the kernel's image. Return: 0, -EBADMSG with @err. */
static int find_file(const json_t *kernel, const struct oci_image *image,
		     const char *key, const char *name,
		     const struct tree_entry **out, struct err *err)
{
	char path[TREE_PATH_SIZE];

	*out = NULL;
	if (!tree_path_clean(name, path, sizeof(path)))
		*out = tree_follow(image->tree, path);
	if (*out && (*out)->type == TREE_FILE && (*out)->content)
		return 0;
	(void)definition_fail(err, kernel,
			      "kernel: %s: there is no file %s in %s", key,
			      name, definition_text(kernel, "image"));
	return -EBADMSG;
}

/* kernel.tar has the modules. */
static int unpack_tar(struct build *build, const struct tree_entry *entry,
		      struct err *err)
{
	struct archive_input input = {.name = entry->path,
				      .origin = entry->origin,
				      .location = entry->location};
	AUTO_CLOSE int fd = -1;

	fd = tree_content_open(entry->content, &input.offset, err);
	if (fd < 0)
		return fd;
	input.fd = fd;
	input.size = entry->size;
	return archive_read_file(build->root, &input, err);
}

/* An image without kernel.tar may hold the modules themselves. */
static int take_modules(struct build *build, const struct oci_image *image,
			struct err *err)
{
	static const char *const places[] = {"lib/modules/",
					     "usr/lib/modules/"};
	int rc = 0;

	for (size_t i = 0; i < tree_num(image->tree) && !rc; i++) {
		const struct tree_entry *entry = tree_at(image->tree, i);

		for (size_t p = 0; p < 2; p++)
			if (strncmp(entry->path, places[p],
				    strlen(places[p])) == 0)
				rc = tree_put(build->root, entry, err);
	}
	return rc;
}

static int take_tar(struct build *build, const json_t *kernel,
		    const struct oci_image *image, struct err *err)
{
	const char *name = definition_text(kernel, "tar");
	const struct tree_entry *entry;
	int rc;

	if (!name && !tree_follow(image->tree, "kernel.tar"))
		return take_modules(build, image, err);
	if (!name)
		name = "kernel.tar";
	if (!*name || strcmp(name, "none") == 0)
		return 0;
	rc = find_file(kernel, image, "tar", name, &entry, err);
	return rc ? rc : unpack_tar(build, entry, err);
}

static int take_files(struct build *build, const json_t *kernel,
		      const struct oci_image *image, struct err *err)
{
	const char *binary = definition_text(kernel, "binary");
	const char *ucode = definition_text(kernel, "ucode");
	const struct tree_entry *entry;
	int rc = find_file(kernel, image, "binary", binary ? binary : "kernel",
			   &entry, err);

	if (rc)
		return rc;
	build->kernel = tree_content_ref(entry->content);
	if (ucode && *ucode && strcmp(ucode, "none") != 0) {
		rc = find_file(kernel, image, "ucode", ucode, &entry, err);
		if (rc)
			return rc;
		build->ucode = tree_content_ref(entry->content);
	}
	return take_tar(build, kernel, image, err);
}

static int decompress(struct build *build, struct err *err)
{
	struct archive_input input = {.name = "kernel"};
	struct tree_content *plain = NULL;
	AUTO_CLOSE int out_fd = -1;
	AUTO_CLOSE int fd = -1;
	unsigned char magic[2] = {0};
	off_t size;
	int rc;

	if (tree_content_size(build->kernel) < sizeof(magic))
		return 0;
	rc = tree_content_read(build->kernel, 0, magic, sizeof(magic), err);
	if (rc || magic[0] != 0x1f || magic[1] != 0x8b)
		return rc;
	fd = tree_content_open(build->kernel, &input.offset, err);
	out_fd = fd < 0 ? fd : archive_temp_file(err);
	if (out_fd < 0)
		return out_fd;
	input.fd = fd;
	input.size = tree_content_size(build->kernel);
	rc = archive_decompress(&input, out_fd, NULL, err);
	size = lseek(out_fd, 0, SEEK_END);
	if (!rc)
		rc = tree_content_file(&plain, out_fd, 0, (uint64_t)size, err);
	if (rc)
		return rc;
	tree_content_unref(build->kernel);
	build->kernel = plain;
	return 0;
}

int build_kernel(struct build *build, struct err *err)
{
	const json_t *kernel = json_object_get(build->definition, "kernel");
	struct oci_image *image = NULL;
	int rc;

	if (!kernel)
		return 0;
	build->cmdline = definition_text(kernel, "cmdline");
	rc = build_image(build, kernel, definition_text(kernel, "image"),
			 "kernel", &image, err);
	if (!rc && !build->options->lock_only)
		rc = take_files(build, kernel, image, err);
	oci_image_destroy(image);
	if (!rc && !build->options->lock_only &&
	    build->options->decompress_kernel)
		rc = decompress(build, err);
	return rc;
}

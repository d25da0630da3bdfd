/*
 * output_initrd.c - initrds: the whole root, or what mounts it. See
 * output_internal.h.
 */
#include "output_internal.h"

#include "architecture.h"
#include "cleanup.h"
#include "kernel_modules.h"
#include "tree_cpio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Microcode first and plain, then the tree, compressed. */
static int write_initrd(const struct output *out, const struct tree *tree,
			const char *path, struct err *err)
{
	const struct output_input *input = out->input;
	AUTO_CLOSE int fd = output_open(path, err);
	struct sink_compress *compress = NULL;
	struct sink_file file = {0};
	int rc = fd < 0 ? fd : sink_file_init(&file, fd, err);

	if (!rc && input->ucode)
		rc = tree_cpio_append(input->ucode, &file.sink, err);
	if (!rc)
		rc = sink_compress_create(&compress, input->initrd, 0,
					  &file.sink, err);
	if (!rc)
		rc = tree_cpio_write(tree, input->epoch,
				     sink_compress_sink(compress), err);
	if (!rc)
		rc = sink_compress_finish(compress, err);
	sink_compress_destroy(compress);
	sink_file_fini(&file);
	return rc;
}

/* The kernel starts /init of an initramfs and nothing else. */
static int add_init(struct tree *tree, struct err *err)
{
	char target[] = "sbin/init";
	char path[] = "init";
	struct tree_entry entry = {
		.path = path,
		.type = TREE_SYMLINK,
		.mode = 0777,
		.target = target,
	};

	if (tree_find(tree, "init"))
		return 0;
	if (!tree_follow(tree, "sbin/init") && !tree_find(tree, "sbin/init"))
		return err_setx(err, -EINVAL,
				"the root has neither /init nor /sbin/init: "
				"add an init to the definition");
	return tree_put(tree, &entry, err);
}

int output_initramfs(const struct output *out, const char *path,
		     struct err *err)
{
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	output_step(out, "initramfs");
	if (!rc)
		rc = tree_merge(tree, out->input->root, "", err);
	if (!rc)
		rc = add_init(tree, err);
	if (!rc)
		rc = write_initrd(out, tree, path, err);
	tree_destroy(tree);
	return rc;
}

static int put_root_init(const struct output *out, struct tree *tree,
			 struct err *err)
{
	const char *program = out->input->root_init;
	char found[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	char path[] = "init";
	struct tree_entry entry = {
		.path = path,
		.type = TREE_FILE,
		.mode = 0755,
	};
	struct stat st;
	int rc = 0;

	if (!program) {
		rc = architecture_program(output_debian_name(out->input->arch),
					  "lwx-root-init", found, sizeof(found),
					  err);
		program = found;
	}
	if (rc)
		return rc;
	fd = open(program, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, "%s: open", program);
	entry.size = (uint64_t)st.st_size;
	rc = tree_content_file(&entry.content, fd, 0, entry.size, err);
	if (!rc)
		rc = tree_put(tree, &entry, err);
	tree_content_unref(entry.content);
	return rc;
}

static int put_dirs(struct tree *tree, struct err *err)
{
	static const char *const dirs[] = {"dev", "proc", "root", "sys"};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char path[8];
		struct tree_entry entry = {
			.path = path,
			.type = TREE_DIR,
			.mode = 0755,
		};

		memcpy(path, dirs[i], strlen(dirs[i]) + 1);
		rc = tree_put(tree, &entry, err);
	}
	return rc;
}

int output_root_initrd(const struct output *out, const char *what, bool verity,
		       bool always, const char *path, bool *needed,
		       struct err *err)
{
	struct kernel_modules_wanted wanted = {
		.release = out->input->release,
		.file_system = what,
		.verity = verity,
	};
	struct tree *tree = NULL;
	size_t num = 0;
	int rc = tree_create(&tree, err);

	if (!rc)
		rc = kernel_modules_take(out->input->root, &wanted, tree, &num,
					 err);
	*needed = !rc && (always || num > 0);
	if (*needed) {
		output_step(out, "initrd with %zu modules for the root", num);
		rc = put_dirs(tree, err);
		if (!rc)
			rc = put_root_init(out, tree, err);
		if (!rc)
			rc = write_initrd(out, tree, path, err);
	}
	tree_destroy(tree);
	return rc;
}

/* output_archive.c - tar, docker, oci. See output_internal.h. */
#include "output_internal.h"

#include "archive_write_tar.h"
#include "cleanup.h"
#include "oci_write.h"

#include <errno.h>
#include <string.h>

static int write_tree(struct output *out, const struct tree *tree, bool origins,
		      struct err *err)
{
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_CLOSE int fd = path ? output_open(path, err) : -1;
	struct tar_options options = {
		.epoch = out->input->epoch,
		.origins = origins,
		.implied = true,
	};
	struct sink_file file = {0};
	int rc = fd < 0 ? -ENOMEM : sink_file_init(&file, fd, err);

	if (!rc)
		rc = archive_write_tar(tree, &options, &file.sink, err);
	sink_file_fini(&file);
	return rc;
}

static int put_boot(struct tree *tree, const char *name,
		    struct tree_content *content, struct err *err)
{
	char path[32] = "boot/";
	struct tree_entry entry = {
		.path = path,
		.type = TREE_FILE,
		.mode = 0644,
		.content = content,
	};

	if (!content)
		return 0;
	memcpy(path + 5, name, strlen(name) + 1);
	entry.size = tree_content_size(content);
	return tree_put(tree, &entry, err);
}

static int put_cmdline(struct tree *tree, const char *cmdline, struct err *err)
{
	struct tree_content *content = NULL;
	int rc;

	if (!cmdline || !*cmdline)
		return 0;
	rc = tree_content_memory(&content, cmdline, strlen(cmdline), err);
	if (!rc)
		rc = put_boot(tree, "cmdline", content, err);
	tree_content_unref(content);
	return rc;
}

int output_make_tar(struct output *out, struct err *err)
{
	const struct output_input *input = out->input;
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	if (!rc)
		rc = tree_merge(tree, input->root, "", err);
	if (!rc)
		rc = put_boot(tree, "kernel", input->kernel, err);
	if (!rc && input->kernel)
		rc = put_cmdline(tree, input->cmdline, err);
	if (!rc)
		rc = put_boot(tree, "ucode.cpio", input->ucode, err);
	if (!rc)
		rc = write_tree(out, tree, true, err);
	tree_destroy(tree);
	return rc;
}

typedef int (*oci_write_fn)(struct tree *out, const struct oci_output *output,
			    struct err *err);

static int make_oci(struct output *out, oci_write_fn write, struct err *err)
{
	static char arch_names[][8] = {
		[OUTPUT_X86_64] = "amd64",
		[OUTPUT_ARM64] = "arm64",
	};
	static char os[] = "linux";
	const struct output_input *input = out->input;
	struct oci_config plain = {
		.architecture = arch_names[input->arch],
		.os = os,
	};
	struct oci_output oci = {
		.name = input->name,
		.config = input->config ? input->config : &plain,
		.layers = input->layers ? input->layers : &input->root,
		.layer_num = input->layers ? input->layer_num : 1,
		.epoch = input->epoch,
	};
	struct tree *tree = NULL;
	int rc = tree_create(&tree, err);

	output_step(out, "%zu layers", oci.layer_num);
	if (!rc)
		rc = write(tree, &oci, err);
	if (!rc)
		rc = write_tree(out, tree, false, err);
	tree_destroy(tree);
	return rc;
}

int output_make_docker(struct output *out, struct err *err)
{
	return make_oci(out, oci_write_docker, err);
}

int output_make_oci(struct output *out, struct err *err)
{
	return make_oci(out, oci_write_layout, err);
}

/*
 * output_direct.c - formats that a VMM starts without firmware: a kernel, a
 * command line, and the root as initramfs or as a file system. See
 * output_internal.h.
 */
#include "output_internal.h"

#include "archive_write_tar.h"
#include "cleanup.h"
#include "file_io.h"
#include "spawn.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	KERNEL,
	ROOT,
	CMDLINE,
	INITRD
}; /* suffixes of the table */

static int make_kernel_cmdline(struct output *out, const char *more,
			       struct err *err)
{
	AUTO_FREE char *kernel = output_file_path(out, KERNEL, err);
	AUTO_FREE char *cmdline = output_file_path(out, CMDLINE, err);
	AUTO_FREE char *text = output_cmdline(out, more, err);
	int rc = kernel && cmdline && text
			 ? output_write_content(kernel, out->input->kernel, err)
			 : -ENOMEM;

	return rc ? rc : output_write_text(cmdline, text, err);
}

int output_make_kernel_initrd(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_file_path(out, ROOT, err);
	int rc = initrd ? make_kernel_cmdline(out, "", err) : -ENOMEM;

	return rc ? rc : output_initramfs(out, initrd, err);
}

static int put_file(struct sink *sink, const char *name, const char *path,
		    int64_t epoch, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct tree_content *content = NULL;
	uint64_t size = 0;
	int rc = fd < 0 ? err_set(err, -errno, "%s: open", path)
			: file_size(fd, &size, path, err);

	if (!rc)
		rc = tree_content_file(&content, fd, 0, size, err);
	if (!rc)
		rc = archive_write_tar_member(name, content, epoch, sink, err);
	tree_content_unref(content);
	return rc;
}

static int put_members(const struct output *out, const char *initrd,
		       struct sink *sink, struct err *err)
{
	const struct output_input *input = out->input;
	struct tree_content *cmdline = NULL;
	AUTO_FREE char *text = output_cmdline(out, "", err);
	int rc = text ? archive_write_tar_member("kernel", input->kernel,
						 input->epoch, sink, err)
		      : -ENOMEM;

	if (!rc)
		rc = put_file(sink, "initrd.img", initrd, input->epoch, err);
	if (!rc && *text)
		rc = tree_content_memory(&cmdline, text, strlen(text), err);
	if (!rc && cmdline)
		rc = archive_write_tar_member("cmdline", cmdline, input->epoch,
					      sink, err);
	if (!rc && input->ucode)
		rc = archive_write_tar_member("ucode.cpio", input->ucode,
					      input->epoch, sink, err);
	tree_content_unref(cmdline);
	return rc ? rc : archive_write_tar_end(sink, err);
}

int output_make_tar_kernel_initrd(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_CLOSE int fd = -1;
	struct output_input input = *out->input;
	struct output plain = *out;
	struct sink_file file = {0};
	int rc;

	if (!initrd || !path)
		return -ENOMEM;
	/* Microcode is a member of its own here. */
	input.ucode = NULL;
	plain.input = &input;
	rc = output_initramfs(&plain, initrd, err);
	if (rc)
		return rc;
	fd = output_open(path, err);
	rc = fd < 0 ? fd : sink_file_init(&file, fd, err);
	if (!rc)
		rc = put_members(out, initrd, &file.sink, err);
	sink_file_fini(&file);
	return rc;
}

static int run_on_root(const struct output *out, const char *package,
		       const char *const *argv, const char *const *env,
		       struct err *err)
{
	struct spawn spawn = {
		.argv = argv,
		.package = package,
		.epoch = out->input->epoch,
		.env = env,
	};

	return tree_dir_run(out->input->root,
			    out->input->scratch ? out->input->scratch
						: out->dir,
			    &spawn, err);
}

static int make_erofs(const struct output *out, const char *path,
		      struct err *err)
{
	char uuid[DISK_UUID_TEXT];
	char time[32];

	output_uuid(out, "root", uuid);
	(void)snprintf(time, sizeof(time), "-T%lld",
		       (long long)out->input->epoch);
	return run_on_root(out, "erofs-utils",
			   (const char *const[]){"mkfs.erofs", "--quiet", time,
						 "-U", uuid, path,
						 tree_dir_here, NULL},
			   NULL, err);
}

static int make_squashfs(const struct output *out, const char *path,
			 struct err *err)
{
	return run_on_root(out, "squashfs-tools",
			   (const char *const[]){"mksquashfs", tree_dir_here,
						 path, "-noappend", "-quiet",
						 "-no-progress", "-comp",
						 "zstd", NULL},
			   NULL, err);
}

int output_root_fs(const struct output *out, const char *type, const char *path,
		   struct err *err)
{
	static const char *const no_more[] = {NULL};

	output_step(out, "root as %s", type);
	if (strcmp(type, "erofs") == 0)
		return make_erofs(out, path, err);
	if (strcmp(type, "squashfs") == 0)
		return make_squashfs(out, path, err);
	return output_iso9660(out, out->input->root, path, no_more, err);
}

/* "root=" of the definition stays; else the only disk is the root. */
static const char *root_words(const struct output *out, char *buf, size_t size,
			      const char *type)
{
	const char *cmdline = out->input->cmdline ? out->input->cmdline : "";
	bool has_root =
		strncmp(cmdline, "root=", 5) == 0 || strstr(cmdline, " root=");

	(void)snprintf(buf, size, "%srootfstype=%s ro",
		       has_root ? "" : "root=/dev/vda ", type);
	return buf;
}

static int make_kernel_root(struct output *out, const char *type,
			    struct err *err)
{
	AUTO_FREE char *root = output_file_path(out, ROOT, err);
	AUTO_FREE char *initrd = output_file_path(out, INITRD, err);
	char words[64];
	int rc = root && initrd
			 ? output_root_initrd(out, type, false, false, initrd,
					      &out->made[INITRD], err)
			 : -ENOMEM;

	if (!rc)
		rc = make_kernel_cmdline(
			out, root_words(out, words, sizeof(words), type), err);
	return rc ? rc : output_root_fs(out, type, root, err);
}

int output_make_kernel_squashfs(struct output *out, struct err *err)
{
	return make_kernel_root(out, "squashfs", err);
}

int output_make_kernel_erofs(struct output *out, struct err *err)
{
	return make_kernel_root(out, "erofs", err);
}

int output_make_kernel_iso(struct output *out, struct err *err)
{
	return make_kernel_root(out, "iso9660", err);
}

/* output_uki.c - unified kernel images. See output_internal.h. */
#include "output_internal.h"

#include "architecture.h"
#include "cleanup.h"
#include "file_io.h"
#include "macros.h"
#include "uki_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EFI_DIR "/usr/lib/systemd/boot/efi"
#define EFI_FILE_MAX ((size_t)16 << 20)
#define RELEASE_MAX ((uint64_t)64 << 10)

/* How UEFI and systemd-boot write the architecture. */
static const struct {
	const char *file;
	const char *boot;
	const char *debian;
} efi_names[] = {
	[OUTPUT_X86_64] = {"x64", "BOOTX64.EFI", "amd64"},
	[OUTPUT_ARM64] = {"aa64", "BOOTAA64.EFI", "arm64"},
};

const char *output_efi_name(enum output_arch arch)
{
	return efi_names[arch].boot;
}

const char *output_debian_name(enum output_arch arch)
{
	return efi_names[arch].debian;
}

/* Debian's place has those of this machine; for another architecture they are
 * beside its programs. */
static int efi_path(const struct output *out, const char *name, char **path,
		    struct err *err)
{
	const char *dir = out->input->efi_dir;
	const char *arch = efi_names[out->input->arch].debian;
	int rc = 0;

	if (dir || strcmp(arch, architecture_native()) == 0) {
		if (asprintf(path, "%s/%s", dir ? dir : EFI_DIR, name) < 0)
			*path = NULL;
	} else {
		*path = malloc(PATH_MAX);
		if (*path)
			rc = architecture_program(arch, name, *path, PATH_MAX,
						  err);
	}
	return *path ? rc : err_set(err, -ENOMEM, "%s", name);
}

int output_efi_file(const struct output *out, const char *pattern, void **bytes,
		    size_t *size, char **path, struct err *err)
{
	const char *gap = strchr(pattern, '%');
	char name[64];
	int rc;

	(void)snprintf(name, sizeof(name), "%.*s%s%s", (int)(gap - pattern),
		       pattern, efi_names[out->input->arch].file, gap + 1);
	rc = efi_path(out, name, path, err);
	if (rc)
		return rc;
	rc = file_load(*path, bytes, size, EFI_FILE_MAX, err);
	if (rc == -ENOENT)
		return err_setx(err, rc,
				"%s: missing; install systemd-boot-efi:%s",
				*path, efi_names[out->input->arch].debian);
	return rc;
}

static bool has_key(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == '=')
			return true;
	}
	return false;
}

static int read_release(const struct tree *root, char **text, struct err *err)
{
	const struct tree_entry *entry = tree_follow(root, "etc/os-release");

	if (!entry)
		entry = tree_follow(root, "usr/lib/os-release");
	if (!entry || entry->type != TREE_FILE || entry->size > RELEASE_MAX)
		entry = NULL;
	*text = calloc(1, entry ? entry->size + 1 : 1);
	if (!*text)
		return err_set(err, -ENOMEM, "os-release");
	return entry && entry->size ? tree_content_read(entry->content, 0,
							*text, entry->size, err)
				    : 0;
}

/* The os-release of the root, and what it lacks for systemd-boot to list it. */
static int os_release(const struct output *out, char **text, struct err *err)
{
	const struct output_input *input = out->input;
	const char *version = input->version ? input->version : "0";
	const char *const more[][2] = {
		{"ID", "layerworx"},	      {"NAME", "Layerworx"},
		{"PRETTY_NAME", input->name}, {"IMAGE_ID", input->name},
		{"IMAGE_VERSION", version},
	};
	AUTO_FREE char *root = NULL;
	size_t size = 0;
	FILE *all;
	int rc = read_release(input->root, &root, err);

	if (rc)
		return rc;
	all = open_memstream(text, &size);
	if (!all)
		return err_set(err, -ENOMEM, "os-release");
	(void)fputs(root, all); /* fclose() tells */
	if (*root && root[strlen(root) - 1] != '\n')
		(void)fputc('\n', all);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (!has_key(root, more[i][0]))
			(void)fprintf(all, "%s=\"%s\"\n", more[i][0],
				      more[i][1]);
	return fclose(all) ? err_set(err, -ENOMEM, "os-release") : 0;
}

static int write_uki(const struct output *out, const struct uki_section *all,
		     size_t num, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = output_open(path, err);
	AUTO_FREE char *stub_path = NULL;
	AUTO_FREE void *stub = NULL;
	size_t stub_size = 0;
	int rc = fd < 0 ? fd
			: output_efi_file(out, "linux%.efi.stub", &stub,
					  &stub_size, &stub_path, err);

	if (rc)
		return rc;
	return uki_write(stub, stub_size, stub_path, all, num,
			 out->input->epoch, fd, err);
}

static int open_part(const char *path, uint64_t *size, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? err_set(err, -errno, "%s: open", path)
			: file_size(fd, size, path, err);

	if (rc && fd >= 0)
		(void)close(fd); /* only read */
	return rc ? rc : fd;
}

int output_uki(const struct output *out, const char *initrd,
	       const char *cmdline, const char *path, struct err *err)
{
	struct uki_section all[UKI_SECTIONS_MAX];
	AUTO_FREE char *kernel = output_path(out, "uki-kernel", err);
	AUTO_FREE char *release = NULL;
	AUTO_CLOSE int kernel_fd = -1;
	AUTO_CLOSE int initrd_fd = -1;
	uint64_t kernel_size = 0;
	uint64_t initrd_size = 0;
	size_t num = 0;
	int rc = kernel ? os_release(out, &release, err) : -ENOMEM;

	output_step(out, "unified kernel image");
	if (!rc)
		rc = output_write_content(kernel, out->input->kernel, err);
	if (rc)
		return rc;
	kernel_fd = open_part(kernel, &kernel_size, err);
	if (kernel_fd < 0)
		return kernel_fd;
	initrd_fd = initrd ? open_part(initrd, &initrd_size, err) : -1;
	if (initrd && initrd_fd < 0)
		return initrd_fd;
	all[num++] =
		(struct uki_section){".osrel", -1, release, strlen(release)};
	all[num++] =
		(struct uki_section){".cmdline", -1, cmdline, strlen(cmdline)};
	if (out->input->release)
		all[num++] =
			(struct uki_section){".uname", -1, out->input->release,
					     strlen(out->input->release)};
	if (initrd)
		all[num++] = (struct uki_section){".initrd", initrd_fd, NULL,
						  initrd_size};
	/* The last, so that it may grow in memory while it unpacks itself. */
	all[num++] =
		(struct uki_section){".linux", kernel_fd, NULL, kernel_size};
	rc = write_uki(out, all, num, path, err);
	(void)unlink(kernel); /* it goes with the directory otherwise */
	return rc;
}

int output_make_uki(struct output *out, struct err *err)
{
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *path = output_file_path(out, 0, err);
	AUTO_FREE char *cmdline = output_cmdline(out, "", err);
	int rc = initrd && path && cmdline ? output_initramfs(out, initrd, err)
					   : -ENOMEM;

	return rc ? rc : output_uki(out, initrd, cmdline, path, err);
}

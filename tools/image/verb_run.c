/* verb_run.c - lwx-image run. */
#include "lwx_image.h"

#include "architecture.h"
#include "cleanup.h"
#include "file_io.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMDLINE_BYTES_MAX 4096U
#define DISKS_MAX 4U
#define FIRMWARE "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"

enum {
	OPT_ACCEL = 256,
	OPT_ARCH,
	OPT_BACKEND,
	OPT_CPUS,
	OPT_DISK,
	OPT_DRY_RUN,
	OPT_HELP,
	OPT_MEM,
};

/**
 * struct guest - what is to run
 * @base:    directory and name of the files
 * @kernel:  its kernel; owned
 * @initrd:  its initrd; owned
 * @cmdline: its command line; owned
 * @disk:    the root of kernel+erofs or kernel+squashfs, NULL: the initrd is
 *           the root; owned
 * @disks:   further ones, @disk_num of them
 * @disk_num: of them
 * @cpus:    of the guest
 * @mem:     MiB
 * @arch:    "amd64", NULL: what the kernel is for
 * @accel:   of QEMU, "kvm:tcg"; NULL: as @arch wants it
 * @dry_run: only print what would be run
 */
struct guest {
	const char *base;
	char *kernel;
	char *initrd;
	char *cmdline;
	char *disk;
	const char *disks[DISKS_MAX];
	size_t disk_num;
	unsigned int cpus;
	unsigned int mem;
	const char *arch;
	const char *accel;
	bool dry_run;
};

/* The root, if it is a file of its own. */
static int find_disk(struct guest *guest, struct err *err)
{
	static const char *const kinds[] = {"erofs", "squashfs"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		AUTO_FREE char *path = NULL;

		if (asprintf(&path, "%s-%s.img", guest->base, kinds[i]) < 0) {
			path = NULL;
			return err_set(err, -ENOMEM, "%s", guest->base);
		}
		if (strstr(guest->cmdline, kinds[i]) && !access(path, R_OK)) {
			guest->disk = steal_ptr(&path);
			return 0;
		}
	}
	return 0;
}

/* What the kernel says that it is for, NULL: nothing. linux:
 * Documentation/arch/arm64/booting.rst, Documentation/arch/x86/boot.rst. */
static const char *kernel_arch(const char *path)
{
	char head[0x206] = "";
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, head, sizeof(head)) != (ssize_t)sizeof(head))
		return NULL;
	if (memcmp(head + 0x38, "ARM\x64", 4) == 0)
		return "arm64";
	return memcmp(head + 0x202, "HdrS", 4) == 0 ? "amd64" : NULL;
}

static int find_arch(struct guest *guest, bool qemu, struct err *err)
{
	const char *arch = kernel_arch(guest->kernel);

	if (arch && guest->arch && strcmp(arch, guest->arch) != 0)
		return err_setx(err, -EINVAL, "%s is for %s, not for %s",
				guest->kernel, arch, guest->arch);
	if (!guest->arch)
		guest->arch = arch ? arch : architecture_native();
	if (strcmp(guest->arch, architecture_native()) == 0) {
		if (!guest->accel)
			guest->accel = "kvm:tcg";
		return 0;
	}
	if (!guest->accel)
		guest->accel = "tcg";
	return qemu ? 0
		    : err_setx(err, -EINVAL,
			       "%s is for %s, lwx-vm runs %s: use --backend "
			       "qemu",
			       guest->kernel, guest->arch,
			       architecture_native());
}

static int find_files(struct guest *guest, struct err *err)
{
	AUTO_FREE char *path = NULL;
	void *text = NULL;
	size_t size = 0;
	int rc;

	if (asprintf(&guest->kernel, "%s-kernel", guest->base) < 0 ||
	    asprintf(&guest->initrd, "%s-initrd.img", guest->base) < 0 ||
	    asprintf(&path, "%s-cmdline", guest->base) < 0)
		return err_set(err, -ENOMEM, "%s", guest->base);
	if (access(guest->kernel, R_OK) || access(guest->initrd, R_OK))
		return err_setx(err, -ENOENT,
				"%s: needs %s and %s: build with --format "
				"kernel+initrd",
				guest->base, guest->kernel, guest->initrd);
	rc = file_load(path, &text, &size, CMDLINE_BYTES_MAX, err);
	if (!rc)
		guest->cmdline = strndup(text, strcspn(text, "\n"));
	free(text);
	if (!rc && !guest->cmdline)
		rc = err_set(err, -ENOMEM, "%s", path);
	return rc ? rc : find_disk(guest, err);
}

/* The VMM takes over; it comes back only if it cannot be run. */
static int become(const struct guest *guest, char *const *argv, struct err *err)
{
	if (guest->dry_run) {
		for (size_t i = 0; argv[i]; i++)
			(void)printf("%s%s", i ? " " : "", argv[i]);
		(void)putchar('\n');
		return 0;
	}
	(void)execvp(argv[0], argv);
	return err_set(err, -errno, "%s", argv[0]);
}

/** struct words - a command; room for all that run_qemu() says */
struct words {
	const char *argv[40];
	size_t num;
};

static void add(struct words *words, const char *option, const char *value)
{
	words->argv[words->num++] = option;
	if (value)
		words->argv[words->num++] = value;
}

/* Processor, machine and firmware. */
static int add_machine(const struct guest *guest, struct words *words,
		       char *text, size_t size, struct err *err)
{
	bool arm = strcmp(guest->arch, "arm64") == 0;
	/* Signed pointers by QEMU's own algorithm: the standard's takes half
	 * of the time. */
	bool fast = arm && strcmp(guest->accel, "tcg") == 0;

	(void)snprintf(text, size, "%s,accel=%.32s",
		       arm ? "virt,gic-version=max" : "q35", guest->accel);
	add(words, arm ? "qemu-system-aarch64" : "qemu-system-x86_64", NULL);
	add(words, "-machine", text);
	add(words, "-cpu", fast ? "max,pauth-impdef=on" : "max");
	if (!arm)
		return 0;
	/* Debian's kernel for clouds knows the power button by ACPI alone, and
	 * that is there with UEFI. */
	if (access(FIRMWARE, R_OK))
		return err_setx(err, -ENOENT,
				FIRMWARE " is missing: install the Debian "
					 "package qemu-efi-aarch64");
	add(words, "-bios", FIRMWARE);
	return 0;
}

static int run_qemu(const struct guest *guest, struct err *err)
{
	struct words words = {0};
	char *drives[DISKS_MAX + 1] = {NULL};
	char machine[64];
	char cpus[16];
	char mem[16];
	size_t num = 0;
	int rc = add_machine(guest, &words, machine, sizeof(machine), err);

	if (rc)
		return rc;
	(void)snprintf(cpus, sizeof(cpus), "%u", guest->cpus);
	(void)snprintf(mem, sizeof(mem), "%u", guest->mem);
	add(&words, "-smp", cpus);
	add(&words, "-m", mem);
	add(&words, "-nographic", "-no-reboot");
	add(&words, "-kernel", guest->kernel);
	add(&words, "-initrd", guest->initrd);
	add(&words, "-append", guest->cmdline);
	for (size_t i = 0; i < guest->disk_num + (guest->disk ? 1 : 0); i++) {
		bool root = guest->disk && i == 0;
		const char *path =
			root ? guest->disk
			     : guest->disks[i - (guest->disk ? 1 : 0)];

		if (asprintf(&drives[num], "file=%s,format=raw,if=virtio%s",
			     path, root ? ",readonly=on" : "") < 0) {
			drives[num] = NULL;
			rc = err_set(err, -ENOMEM, "%s", path);
			break;
		}
		add(&words, "-drive", drives[num++]);
	}
	/* Not changed: exec's prototype is older than const. */
	if (!rc)
		rc = become(guest, (char *const *)(uintptr_t)words.argv, err);
	for (size_t i = 0; i < ARRAY_SIZE(drives); i++)
		free(drives[i]);
	return rc;
}

/* A text in host.cfg. Return: NULL if it cannot be written as one. */
static char *quoted(const char *text)
{
	char *out;

	if (strpbrk(text, "\"\\\n") || asprintf(&out, "\"%s\"", text) < 0)
		return NULL;
	return out;
}

/* "{ path = ...; }, " of one disk, behind others in @list. */
static int add_disk(char **list, const char *path, bool readonly,
		    struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	AUTO_FREE char *before = *list;
	AUTO_FREE char *text = NULL;

	*list = NULL;
	if (!real)
		return err_set(err, -errno, "%s", path);
	text = quoted(real);
	if (!text)
		return err_setx(err, -EINVAL,
				"%s: quotes or backslashes: use --backend qemu",
				real);
	if (asprintf(list, "%s%s{ path = %s; format = \"raw\";%s }",
		     before ? before : "", before ? ", " : "", text,
		     readonly ? " readonly = true;" : "") >= 0)
		return 0;
	*list = NULL;
	return err_set(err, -ENOMEM, "%s", path);
}

/* All of them. Return: 0 or a negative errno with @err; free() @list. */
static int list_disks(const struct guest *guest, char **list, struct err *err)
{
	int rc = guest->disk ? add_disk(list, guest->disk, true, err) : 0;

	for (size_t i = 0; i < guest->disk_num && !rc; i++)
		rc = add_disk(list, guest->disks[i], false, err);
	return rc;
}

static int run_lwx_vm(const struct guest *guest, struct err *err)
{
	AUTO_FREE char *real_kernel = realpath(guest->kernel, NULL);
	AUTO_FREE char *real_initrd = realpath(guest->initrd, NULL);
	AUTO_FREE char *kernel = real_kernel ? quoted(real_kernel) : NULL;
	AUTO_FREE char *initrd = real_initrd ? quoted(real_initrd) : NULL;
	AUTO_FREE char *disks = NULL;
	AUTO_FREE char *cmdline = quoted(guest->cmdline);
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *path = NULL;
	char program[] = "lwx-vm";
	char start[] = "start";
	char *argv[] = {program, start, NULL, NULL};
	FILE *file;
	int rc;

	if (!kernel || !initrd || !cmdline)
		return err_setx(err, -EINVAL,
				"%s: quotes or backslashes in a path or the "
				"command line: use --backend qemu",
				guest->base);
	rc = list_disks(guest, &disks, err);
	if (rc)
		return rc;
	if (asprintf(&text,
		     "# Made by lwx-image run. Every key: host.cfg(5).\n"
		     "vms = (\n"
		     "  { name = \"image\"; vcpus = %u; memory = \"%uM\";\n"
		     "    boot = { kernel = %s; initrd = %s;\n"
		     "             cmdline = %s; };\n"
		     "%s%s%s"
		     "    on_reboot = \"exit\"; }\n"
		     ");\n",
		     guest->cpus, guest->mem, kernel, initrd, cmdline,
		     disks ? "    disks = ( " : "", disks ? disks : "",
		     disks ? " );\n" : "") < 0 ||
	    asprintf(&path, "%s.host.cfg", guest->base) < 0)
		return err_set(err, -ENOMEM, "%s", guest->base);
	file = fopen(path, "we");
	if (!file)
		return err_set(err, -errno, "%s", path);
	if (fputs(text, file) < 0) {
		(void)fclose(file); /* the first error is the one to tell */
		return err_set(err, -EIO, "%s", path);
	}
	if (fclose(file))
		return err_set(err, -errno, "%s", path);
	argv[2] = path;
	return become(guest, argv, err);
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"accel", required_argument, NULL, OPT_ACCEL},
		{"arch", required_argument, NULL, OPT_ARCH},
		{"backend", required_argument, NULL, OPT_BACKEND},
		{"cpus", required_argument, NULL, OPT_CPUS},
		{"disk", required_argument, NULL, OPT_DISK},
		{"dry-run", no_argument, NULL, OPT_DRY_RUN},
		{"help", no_argument, NULL, OPT_HELP},
		{"mem", required_argument, NULL, OPT_MEM},
		{NULL, 0, NULL, 0}};
	struct guest guest = {.cpus = 1, .mem = 1024};
	struct err err = {0};
	bool qemu = false;
	int rc = 0;
	int c;

	while ((c = getopt_long_only(argc, argv, "", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case OPT_ACCEL:
			guest.accel = optarg;
			if (strspn(optarg, "abcdefghijklmnopqrstuvwxyz:") !=
				    strlen(optarg) ||
			    strlen(optarg) > 32)
				rc = -EINVAL;
			break;
		case OPT_ARCH:
			guest.arch = architecture_parse(optarg);
			rc = guest.arch ? 0 : -EINVAL;
			break;
		case OPT_BACKEND:
			qemu = strcmp(optarg, "qemu") == 0;
			if (!qemu && strcmp(optarg, "lwx-vm") != 0)
				rc = -EINVAL;
			break;
		case OPT_CPUS:
			rc = image_number(optarg, 1024, &guest.cpus);
			break;
		case OPT_DISK:
			if (guest.disk_num == DISKS_MAX)
				rc = -EINVAL;
			else
				guest.disks[guest.disk_num++] = optarg;
			break;
		case OPT_DRY_RUN:
			guest.dry_run = true;
			break;
		case OPT_HELP:
			return image_help(verb);
		case OPT_MEM:
			rc = image_number(optarg, 1U << 24, &guest.mem);
			break;
		default:
			return image_usage_error(verb, "%s", "");
		}
		if (rc)
			return image_usage_error(verb, "%s: not understood",
						 optarg);
	}
	if (optind + 1 != argc)
		return image_usage_error(verb, "need one image");
	guest.base = argv[optind];
	rc = find_files(&guest, &err);
	if (!rc)
		rc = find_arch(&guest, qemu, &err);
	if (!rc)
		rc = qemu ? run_qemu(&guest, &err) : run_lwx_vm(&guest, &err);
	free(guest.kernel);
	free(guest.initrd);
	free(guest.cmdline);
	free(guest.disk);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_run = {
	.name = "run",
	.usage = "[OPTION...] NAME",
	.summary = "Run an image with a kernel of its own.",
	.help = "NAME is the directory and name that build gave the files: "
		"NAME-kernel,\n"
		"NAME-initrd.img, NAME-cmdline, and NAME-erofs.img or "
		"NAME-squashfs.img if that is\n"
		"its root: formats kernel+initrd, kernel+erofs, "
		"kernel+squashfs. The console is\n"
		"this terminal.\n"
		"\n"
		"  --backend lwx-vm|qemu  [lwx-vm, by NAME.host.cfg, which is "
		"written]\n"
		"  --arch ARCH            amd64 or arm64: the kernel has to be "
		"for it\n"
		"  --accel NAME[:NAME]    of QEMU, the first that works "
		"[kvm:tcg; tcg if it is\n"
		"                         of another architecture]\n"
		"  --cpus NUMBER          [1]\n"
		"  --mem MIB              [1024]\n"
		"  --disk FILE            a further disk, written to; may be "
		"repeated\n"
		"  --dry-run              print the command instead\n",
	.run = run,
};

/* test_image_load.c - kernels, initrds and UKIs into guest memory. */
#include "image_file.h"
#include "image_load.h"
#include "macros.h"
#include "synth_image.h"
#include "x86_layout.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <glob.h>

#include <cmocka.h>

static uint8_t image[SYNTH_MAX], kernel[SYNTH_MAX], broken[SYNTH_MAX];

static struct guest_mem *make_memory(uint64_t size)
{
	struct guest_mem_config cfg = {
		.size = size,
		.hole_start = X86_HOLE_START,
		.hole_end = X86_HOLE_END,
	};
	struct guest_mem *gm = NULL;
	struct err err;

	assert_int_equal(guest_mem_create(&gm, &cfg, &err), 0);
	return gm;
}

/* One load; the images are given as bytes, initrd_size 0 for none. */
struct attempt {
	const uint8_t *kernel;
	size_t kernel_size;
	size_t initrd_size;
	const char *cmdline;
	uint64_t memory;
	struct boot_image img;
	struct guest_mem *gm;
	struct err err;
};

static int load(struct attempt *a)
{
	int kernel_fd = synth_fd(a->kernel, a->kernel_size), rc;
	int initrd_fd = -1;
	struct image_source src = {
		.kernel_fd = kernel_fd,
		.kernel_name = "k",
		.initrd_name = "i",
		.cmdline = a->cmdline,
	};

	if (a->initrd_size) {
		uint8_t *bytes = malloc(a->initrd_size);

		for (size_t i = 0; i < a->initrd_size; i++)
			bytes[i] = synth_code(i);
		initrd_fd = synth_fd(bytes, a->initrd_size);
		free(bytes);
	}
	src.initrd_fd = initrd_fd;
	if (!a->gm)
		a->gm = make_memory(a->memory ? a->memory : MIB(32));
	rc = image_load(&a->img, &src, a->gm, &a->err);
	close(kernel_fd);
	if (initrd_fd >= 0)
		close(initrd_fd);
	return rc;
}

static void finish(struct attempt *a)
{
	boot_image_fini(&a->img);
	guest_mem_destroy(a->gm);
	a->gm = NULL;
}

static void assert_code_at(const struct guest_mem *gm, uint64_t gpa, size_t len)
{
	struct iovec iov;
	const uint8_t *bytes;

	assert_int_equal(guest_mem_slice(gm, gpa, len, &iov), 0);
	bytes = iov.iov_base;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], synth_code(i));
}

static void test_range_of_a_file(void **state)
{
	const struct image_file file = {.size = 10};

	(void)state;
	assert_true(image_file_has(&file, 0, 10));
	assert_true(image_file_has(&file, 10, 0));
	assert_false(image_file_has(&file, 0, 11));
	assert_false(image_file_has(&file, 11, 0));
	assert_false(image_file_has(&file, 5, UINT64_MAX - 2));
	assert_false(image_file_has(&file, UINT64_MAX, 2));
}

static void test_bzimage_goes_where_it_prefers(void **state)
{
	struct attempt a = {
		.kernel = image,
		.kernel_size = synth_bzimage(image),
		.initrd_size = 10000,
		.cmdline = "quiet",
	};

	(void)state;
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.entry, BOOT_ENTRY_LINUX64);
	assert_int_equal(a.img.kernel_gpa, SYNTH_BZ_PREF);
	assert_int_equal(a.img.kernel_end, SYNTH_BZ_PREF + SYNTH_BZ_INIT_SIZE);
	assert_int_equal(a.img.entry_gpa, SYNTH_BZ_PREF + 0x200);
	assert_code_at(a.gm, SYNTH_BZ_PREF, SYNTH_BZ_CODE);
	assert_int_equal(a.img.setup_header_size, 0x26c - 0x1f1);
	assert_memory_equal(a.img.setup_header, image + 0x1f1,
			    a.img.setup_header_size);
	assert_int_equal(a.img.initrd_size, 10000);
	assert_int_equal(a.img.initrd_gpa, MIB(32) - 3 * KIB(4));
	assert_code_at(a.gm, a.img.initrd_gpa, 10000);
	assert_string_equal(a.img.cmdline, "quiet");
	assert_int_equal(a.img.cmdline_max, SYNTH_BZ_CMDLINE_MAX);
	finish(&a);
}

static void test_bzimage_moves_when_it_must(void **state)
{
	struct attempt a = {
		.kernel = image,
		.kernel_size = synth_bzimage(image),
	};

	(void)state;
	/* 16 MiB at 16 MiB ends with the RAM; one byte more does not fit. */
	synth_put(image, 0x260, 4, MIB(16));
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.kernel_gpa, SYNTH_BZ_PREF);
	finish(&a);
	synth_put(image, 0x260, 4, MIB(16) + 1);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.kernel_gpa, MIB(2)); /* lowest it is aligned */
	finish(&a);
	image[0x234] = 0; /* not relocatable */
	assert_int_equal(load(&a), -ENOMEM);
	assert_string_equal(a.err.msg,
			    "kernel k: needs 17 MiB at 0x1000000 to start and "
			    "does not fit into guest memory; give the VM more "
			    "memory");
	finish(&a);
	/* Beyond what the boot page tables map, however much RAM there is. */
	image[0x234] = 1;
	synth_put(image, 0x258, 8, GIB(1));
	a.memory = GIB(2);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.kernel_gpa, MIB(2));
	finish(&a);
	/* Never onto the boot data. */
	synth_put(image, 0x258, 8, 0x9000);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.kernel_gpa, MIB(2));
	finish(&a);
}

/* One field of the valid image changed, and what is said about it. */
struct defect {
	size_t offset;
	size_t width;
	uint64_t value;
	long code;
	const char *msg;
};

static void assert_defects(size_t size, const struct defect *defects, size_t n)
{
	struct guest_mem *gm = make_memory(MIB(32));

	for (size_t i = 0; i < n; i++) {
		const struct defect *d = &defects[i];
		struct attempt a = {
			.kernel = broken, .kernel_size = size, .gm = gm};

		memcpy(broken, image, size);
		synth_put(broken, d->offset, d->width, d->value);
		assert_int_equal(load(&a), d->code);
		assert_string_equal(a.err.msg, d->msg);
		assert_int_equal(a.err.code, d->code);
		boot_image_fini(&a.img);
	}
	guest_mem_destroy(gm);
}

static void test_bzimage_defects_are_named(void **state)
{
	static const struct defect defects[] = {
		{0x206, 2, 0x20b, -ENOEXEC,
		 "kernel k: boot protocol 2.11; this machine needs 2.12 (Linux "
		 "3.8) or later"},
		{0x211, 1, 0, -ENOEXEC,
		 "kernel k: a zImage; this machine needs a bzImage"},
		{0x236, 2, 0, -ENOEXEC,
		 "kernel k: 32-bit kernel, this machine is x86-64; use a "
		 "kernel with CONFIG_X86_64"},
		{0x260, 4, 0, -ENOEXEC,
		 "kernel k: corrupt setup header: no room for a "
		 "kernel; copy it again"},
		{0x1f4, 4, 0, -ENOEXEC,
		 "kernel k: corrupt setup header: no room for a "
		 "kernel; copy it again"},
		{0x1f4, 4, 32, -ENOEXEC, /* ends where its entry point is */
		 "kernel k: corrupt setup header: no room for a "
		 "kernel; copy it again"},
		{0x201, 1, 0x20, -ENOEXEC, /* header ends before xloadflags */
		 "kernel k: 32-bit kernel, this machine is x86-64; use a "
		 "kernel with CONFIG_X86_64"},
		{0x1f1, 1, 0, -ENOEXEC, /* 0 stands for 4 sectors */
		 "kernel k: truncated after 3072 bytes; copy it again"},
		{0x1f4, 4, SYNTH_BZ_CODE / 16 + 1, -ENOEXEC,
		 "kernel k: truncated after 3072 bytes; copy it again"},
		{0x1f4, 4, UINT32_MAX, -ENOMEM,
		 "kernel k: needs 65536 MiB at 0x1000000 to start and does not "
		 "fit into guest memory; give the VM more memory"},
		{0x202, 4, 0, -ENOEXEC,
		 "kernel k: no bzImage, ELF or unified kernel image"},
	};
	size_t size = synth_bzimage(image);

	(void)state;
	assert_defects(size, defects, ARRAY_SIZE(defects));
}

static void test_elf_is_loaded(void **state)
{
	struct attempt a = {
		.kernel = image,
		.kernel_size = synth_elf(image),
		.initrd_size = 5000,
	};

	(void)state;
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.entry, BOOT_ENTRY_PVH);
	assert_int_equal(a.img.entry_gpa, SYNTH_ELF_ENTRY);
	assert_int_equal(a.img.kernel_gpa, SYNTH_ELF_GPA);
	assert_int_equal(a.img.kernel_end, SYNTH_ELF_GPA + SYNTH_ELF_MEM_SIZE);
	assert_code_at(a.gm, SYNTH_ELF_GPA, SYNTH_ELF_CODE_SIZE);
	assert_code_at(a.gm, a.img.initrd_gpa, 5000);
	assert_string_equal(a.img.cmdline, "");
	finish(&a);
	/* A 4-byte entry, behind a note whose name and value need padding. */
	synth_put(image, SYNTH_ELF_PHDR + 56 + 32, 8, 24 + 20);
	synth_put(image, SYNTH_ELF_NOTE, 4, 5);
	synth_put(image, SYNTH_ELF_NOTE + 4, 4, 3);
	synth_put(image, SYNTH_ELF_NOTE + 12, 8, 0);
	synth_text(image, SYNTH_ELF_NOTE + 12, "Linux");
	synth_put(image, SYNTH_ELF_NOTE + 24, 4, 4);
	synth_put(image, SYNTH_ELF_NOTE + 28, 4, 4);
	synth_put(image, SYNTH_ELF_NOTE + 32, 4, 18);
	synth_put(image, SYNTH_ELF_NOTE + 36, 4, 0);
	synth_text(image, SYNTH_ELF_NOTE + 36, "Xen");
	synth_put(image, SYNTH_ELF_NOTE + 40, 4, SYNTH_ELF_GPA);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.entry_gpa, SYNTH_ELF_GPA);
	finish(&a);
}

static void test_elf_defects_are_named(void **state)
{
	const size_t load_ph = SYNTH_ELF_PHDR, note_ph = SYNTH_ELF_PHDR + 56;
	const struct defect defects[] = {
		{18, 2, 183, -ENOEXEC,
		 "kernel k: arm64 ELF, this machine is x86-64"},
		{18, 2, 3, -ENOEXEC,
		 "kernel k: 32-bit x86 ELF, this machine is x86-64"},
		{18, 2, 999, -ENOEXEC,
		 "kernel k: ELF for machine 999, this machine is x86-64"},
		{4, 1, 1, -ENOEXEC,
		 "kernel k: ELF for machine 62, this machine is x86-64"},
		{16, 2, 1, -ENOEXEC,
		 "kernel k: ELF of type 1 is no program; give vmlinux or a "
		 "bzImage"},
		{54, 2, 57, -ENOEXEC,
		 "kernel k: corrupt ELF: 2 program headers of 57 bytes"},
		{56, 2, 65, -ENOEXEC,
		 "kernel k: corrupt ELF: 65 program headers of 56 bytes"},
		{32, 8, UINT64_MAX - 8, -ENOEXEC,
		 "kernel k: truncated after 768 bytes; copy it again"},
		{load_ph + 8, 8, UINT64_MAX - 100, -ENOEXEC,
		 "kernel k: truncated after 768 bytes; copy it again"},
		{load_ph + 24, 8, 0x9000, -ENOEXEC,
		 "kernel k: loads at 0x9000; memory below 1 MiB holds the boot "
		 "data"},
		{load_ph + 24, 8, UINT64_MAX - 100, -ENOMEM,
		 "kernel k: needs 8192 bytes at 0xffffffffffffff9b and does "
		 "not fit into guest memory; give the VM more memory"},
		{load_ph + 32, 8, SYNTH_ELF_MEM_SIZE + 1, -ENOEXEC,
		 "kernel k: corrupt ELF: segment with more bytes in the file "
		 "than in memory"},
		{load_ph + 40, 8, UINT64_MAX, -ENOMEM,
		 "kernel k: needs 18446744073709551615 bytes at 0x200000 and "
		 "does not fit into guest memory; give the VM more memory"},
		{note_ph + 32, 8, UINT64_MAX, -ENOEXEC,
		 "kernel k: corrupt ELF: 18446744073709551615 bytes of notes"},
		{note_ph, 4, 0, -ENOEXEC,
		 "kernel k: ELF without a PVH note; use the bzImage or a "
		 "kernel with CONFIG_PVH"},
		{SYNTH_ELF_NOTE, 4, UINT32_MAX, -ENOEXEC,
		 "kernel k: ELF without a PVH note; use the bzImage or a "
		 "kernel with CONFIG_PVH"},
		{SYNTH_ELF_NOTE + 4, 4, UINT32_MAX, -ENOEXEC,
		 "kernel k: ELF without a PVH note; use the bzImage or a "
		 "kernel with CONFIG_PVH"},
		{note_ph + 32, 8, 20, -ENOEXEC, /* ends inside the value */
		 "kernel k: ELF without a PVH note; use the bzImage or a "
		 "kernel with CONFIG_PVH"},
		{note_ph + 32, 8, 14, -ENOEXEC, /* ends inside the name */
		 "kernel k: ELF without a PVH note; use the bzImage or a "
		 "kernel with CONFIG_PVH"},
		{SYNTH_ELF_NOTE + 16, 8, SYNTH_ELF_GPA - 1, -ENOEXEC,
		 "kernel k: corrupt ELF: PVH entry 0x1fffff is outside of "
		 "what it loads"},
		{SYNTH_ELF_NOTE + 16, 8, SYNTH_ELF_GPA + SYNTH_ELF_MEM_SIZE,
		 -ENOEXEC,
		 "kernel k: corrupt ELF: PVH entry 0x202000 is outside of "
		 "what it loads"},
	};
	size_t size = synth_elf(image);

	(void)state;
	assert_defects(size, defects, ARRAY_SIZE(defects));
}

static void test_uki_brings_everything(void **state)
{
	struct attempt a = {.kernel = image, .cmdline = "root=/dev/vdb"};

	(void)state;
	a.kernel_size = synth_uki(image, kernel, synth_bzimage(kernel));
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.entry, BOOT_ENTRY_LINUX64);
	assert_code_at(a.gm, a.img.kernel_gpa, SYNTH_BZ_CODE);
	assert_int_equal(a.img.initrd_size, SYNTH_UKI_INITRD_SIZE);
	assert_code_at(a.gm, a.img.initrd_gpa, SYNTH_UKI_INITRD_SIZE);
	assert_string_equal(a.img.cmdline, SYNTH_UKI_CMDLINE " root=/dev/vdb");
	finish(&a);

	a.kernel_size = synth_uki(image, kernel, synth_elf(kernel));
	a.cmdline = NULL;
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.entry, BOOT_ENTRY_PVH);
	assert_string_equal(a.img.cmdline, SYNTH_UKI_CMDLINE);
	finish(&a);

	a.initrd_size = 100;
	assert_int_equal(load(&a), -EINVAL);
	assert_string_equal(a.err.msg, "initrd i: kernel k brings its own "
				       "initrd; name only one");
	finish(&a);
}

static void test_uki_defects_are_named(void **state)
{
	const size_t section = SYNTH_UKI_SECTION_SIZE;
	const size_t text = SYNTH_UKI_SECTIONS, linux_image = text + section;
	const size_t cmdline = linux_image + 2 * section;
	const struct defect defects[] = {
		{0x3c, 4, UINT32_MAX, -ENOEXEC,
		 "kernel k: truncated after 5632 bytes; copy it again"},
		{SYNTH_UKI_PE, 1, 'X', -ENOEXEC,
		 "kernel k: corrupt PE: no PE signature; build or copy it "
		 "again"},
		{SYNTH_UKI_PE + 4, 2, 0xaa64, -ENOEXEC,
		 "kernel k: PE for machine 0xaa64, this machine is x86-64"},
		{SYNTH_UKI_PE + 6, 2, 97, -ENOEXEC,
		 "kernel k: corrupt PE: bad number of sections; build or copy "
		 "it again"},
		{SYNTH_UKI_PE + 6, 2, 50, -ENOEXEC,
		 "kernel k: corrupt PE: section table outside the headers; "
		 "build or copy it again"},
		{SYNTH_UKI_PE + 20, 2, 16, -ENOEXEC,
		 "kernel k: corrupt PE: optional header too short; build or "
		 "copy it again"},
		{SYNTH_UKI_OPTIONAL, 2, 0x10b, -ENOEXEC,
		 "kernel k: corrupt PE: not PE32+; build or copy it again"},
		{text + 12, 4, 0x10000, -ENOEXEC,
		 "kernel k: corrupt PE: section outside the image; build or "
		 "copy it again"},
		{text + 20, 4, 511, -ENOEXEC,
		 "kernel k: corrupt PE: section inside the headers; build or "
		 "copy it again"},
		{text + 16, 4, UINT32_MAX, -ENOEXEC,
		 "kernel k: truncated after 5632 bytes, inside a section; "
		 "copy it again"},
		{linux_image + 8, 4, 0xc01, -ENOEXEC,
		 "kernel k: corrupt PE: section larger than its data; build or "
		 "copy it again"},
		{linux_image, 1, 'x', -ENOEXEC,
		 "kernel k: a PE without a .linux section is no unified kernel "
		 "image"},
		{linux_image + 20, 4, 512, -ENOEXEC, /* .text instead */
		 "kernel k: .linux: no bzImage, ELF or unified kernel image"},
		{cmdline + 20, 4, 1536, -ENOEXEC, /* .linux instead */
		 "kernel k: .cmdline: has a NUL byte inside"},
	};
	size_t size = synth_uki(image, kernel, synth_bzimage(kernel));
	struct attempt a = {.kernel = image, .kernel_size = size};

	(void)state;
	assert_defects(size, defects, ARRAY_SIZE(defects));

	synth_text(image, SYNTH_UKI_SECTIONS, ".initrd");
	assert_int_equal(load(&a), -ENOEXEC);
	assert_string_equal(a.err.msg,
			    "kernel k: section .initrd twice; a UKI with "
			    "several profiles cannot be started");
	finish(&a);

	size = synth_bzimage(kernel);
	synth_text(kernel, 0, "MZ"); /* as a real one begins */
	a.kernel_size = synth_uki(image, kernel, size);
	assert_int_equal(load(&a), 0);
	finish(&a);
	kernel[0x202] = 0;
	a.kernel_size = synth_uki(image, kernel, size);
	assert_int_equal(load(&a), -ENOEXEC);
	assert_string_equal(a.err.msg, "kernel k: .linux: is a PE again; it "
				       "must be a bzImage or an ELF");
	finish(&a);
}

/* A cut file is refused wherever it is cut, and nothing crashes. */
static void assert_truncations(const uint8_t *bytes, size_t size)
{
	struct guest_mem *gm = make_memory(MIB(32));

	for (size_t cut = 1; cut <= size; cut++) {
		struct attempt a = {
			.kernel = bytes, .kernel_size = cut, .gm = gm};
		int rc = load(&a);

		if (cut < size)
			assert_int_equal(rc, -ENOEXEC);
		else
			assert_int_equal(rc, 0);
		boot_image_fini(&a.img);
	}
	guest_mem_destroy(gm);
}

static void test_every_truncation_is_refused(void **state)
{
	size_t size;

	(void)state;
	size = synth_bzimage(kernel);
	assert_truncations(kernel, size);
	assert_truncations(image, synth_uki(image, kernel, size));
	assert_truncations(image, synth_elf(image));
}

static void test_other_files_are_named(void **state)
{
	static const struct {
		size_t offset;
		const char *magic;
		size_t len;
		const char *msg;
	} files[] = {
		{0x38, "ARM\x64", 4,
		 "kernel k: arm64 Image, this machine is x86-64"},
		{0x38, "RSC\x05", 4,
		 "kernel k: RISC-V Image, this machine is x86-64"},
		{0, "\x1f\x8b", 2, "kernel k: gzip file; decompress it first"},
		{0, "\x28\xb5\x2f\xfd", 4,
		 "kernel k: zstd file; decompress it first"},
		{0, "070701", 6, "kernel k: cpio archive; is this the initrd?"},
	};
	struct err err;
	struct boot_image img;
	struct image_source src = {.kernel_name = "/", .initrd_fd = -1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct attempt a = {.kernel = image, .kernel_size = 1000};

		memset(image, 0, sizeof(image));
		synth_text(image, 0, "MZ"); /* arm64 images begin like that */
		memcpy(image + files[i].offset, files[i].magic, files[i].len);
		assert_int_equal(load(&a), -ENOEXEC);
		assert_string_equal(a.err.msg, files[i].msg);
		finish(&a);
	}
	struct attempt none = {.kernel = image, .kernel_size = 0};
	assert_int_equal(load(&none), -ENOEXEC);
	assert_string_equal(none.err.msg, "kernel k: empty file");
	finish(&none);

	src.kernel_fd = open("/", O_RDONLY | O_CLOEXEC);
	assert_int_equal(image_load(&img, &src, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, "kernel /: not a regular file");
	close(src.kernel_fd);
}

static void test_initrd_finds_its_place(void **state)
{
	struct attempt a = {
		.kernel = image,
		.kernel_size = synth_bzimage(image),
		.initrd_size = MIB(14),
		.memory = MIB(32),
	};

	(void)state;
	/* Above the kernel while it fits there ... */
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.initrd_gpa, MIB(18));
	assert_code_at(a.gm, MIB(18), MIB(14));
	finish(&a);
	/* ... else below it ... */
	synth_put(image, 0x260, 4, MIB(4)); /* the kernel ends at 20 MiB */
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.initrd_gpa, MIB(2));
	assert_code_at(a.gm, MIB(2), MIB(14));
	finish(&a);
	/* ... but not on the boot data. */
	a.initrd_size = MIB(15) + 1;
	assert_int_equal(load(&a), -ENOMEM);
	assert_string_equal(a.err.msg,
			    "initrd i: 16 MiB do not fit into guest memory "
			    "beside the kernel; give the VM more memory");
	finish(&a);
	/* The kernel's limit counts, and RAM above the hole is never used. */
	a.initrd_size = 2 * KIB(4);
	a.memory = GIB(6);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.initrd_gpa, GIB(2) - 2 * KIB(4));
	finish(&a);
	synth_put(image, 0x22c, 4, UINT32_MAX);
	assert_int_equal(load(&a), 0);
	assert_int_equal(a.img.initrd_gpa, X86_HOLE_START - 2 * KIB(4));
	finish(&a);
	synth_put(image, 0x22c, 4, MIB(1));
	assert_int_equal(load(&a), -ENOMEM);
	finish(&a);
}

/* Debian's kernels, where ./quickstart test or kernel-fetch cached them. */
static void test_real_kernels(void **state)
{
	const char *cache = getenv("LWX_CACHE");
	unsigned int loaded = 0;
	char pattern[4096];
	glob_t found;

	(void)state;
	(void)snprintf(pattern, sizeof(pattern), "%s/kernel/*/vmlinu*",
		       cache ? cache : SOURCE_DIR "/.cache");
	if (glob(pattern, 0, NULL, &found) != 0)
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct image_source src = {
			.kernel_fd =
				open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC),
			.kernel_name = found.gl_pathv[i],
			.initrd_fd = -1,
		};
		struct guest_mem *gm = make_memory(MIB(256));
		struct boot_image img;
		struct err err = {0};

		assert_true(src.kernel_fd >= 0);
		if (image_load(&img, &src, gm, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(img.kernel_gpa, MIB(16));
		assert_true(img.kernel_end > MIB(32));
		boot_image_fini(&img);
		guest_mem_destroy(gm);
		close(src.kernel_fd);
		loaded++;
	}
	assert_true(loaded > 0);
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_of_a_file),
		cmocka_unit_test(test_bzimage_goes_where_it_prefers),
		cmocka_unit_test(test_bzimage_moves_when_it_must),
		cmocka_unit_test(test_bzimage_defects_are_named),
		cmocka_unit_test(test_elf_is_loaded),
		cmocka_unit_test(test_elf_defects_are_named),
		cmocka_unit_test(test_uki_brings_everything),
		cmocka_unit_test(test_uki_defects_are_named),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_other_files_are_named),
		cmocka_unit_test(test_initrd_finds_its_place),
		cmocka_unit_test(test_real_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

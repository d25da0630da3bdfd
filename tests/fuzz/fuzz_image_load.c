/*
 * fuzz_image_load.c - hostile kernel images.
 *
 * Input: the file, as it would be given as kernel or UKI. Whatever is accepted
 * must lie inside guest memory, and the boot data must not be touched.
 */
#include "boot_x86.h"
#include "image_load.h"
#include "macros.h"
#include "x86_layout.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY MIB(32)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made once: the loader never reads what an earlier input left behind. */
static struct guest_mem *memory(void)
{
	static struct guest_mem *gm;
	const struct guest_mem_config cfg = {
		.size = MEMORY,
		.hole_start = X86_HOLE_START,
		.hole_end = X86_HOLE_END,
	};

	if (!gm && guest_mem_create(&gm, &cfg, NULL) < 0)
		abort();
	return gm;
}

static int input_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 ||
	    pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return fd;
}

static void check_low_memory(const struct guest_mem *gm)
{
	static const uint8_t zero[KIB(4)];
	struct iovec iov;

	if (guest_mem_slice(gm, 0, X86_HIGH_RAM_GPA, &iov) < 0)
		abort();
	for (size_t at = 0; at < iov.iov_len; at += sizeof(zero))
		if (memcmp((uint8_t *)iov.iov_base + at, zero, sizeof(zero)) !=
		    0)
			abort();
}

static void check(const struct boot_image *img)
{
	if (img->kernel_gpa < X86_HIGH_RAM_GPA ||
	    img->kernel_end <= img->kernel_gpa || img->kernel_end > MEMORY ||
	    img->entry_gpa < img->kernel_gpa ||
	    img->entry_gpa >= img->kernel_end)
		abort();
	if (img->setup_header_size > sizeof(img->setup_header) ||
	    img->cmdline_max >= X86_CMDLINE_MAX)
		abort();
	if (img->initrd_size == 0)
		return;
	if (img->initrd_gpa < X86_HIGH_RAM_GPA || img->initrd_gpa % KIB(4) ||
	    img->initrd_gpa + img->initrd_size > MEMORY ||
	    img->initrd_gpa + img->initrd_size - 1 > img->initrd_max)
		abort();
	if (img->initrd_gpa < img->kernel_end &&
	    img->initrd_gpa + img->initrd_size > img->kernel_gpa)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_mem *gm = memory();
	struct image_source src = {
		.kernel_fd = input_file(data, size),
		.kernel_name = "k",
		.initrd_fd = -1,
		.cmdline = "quiet",
	};
	struct boot_image img;
	struct err err = {0};
	int rc = image_load(&img, &src, gm, &err);

	if (rc == 0)
		check(&img);
	else if (rc != err.code || err.msg[0] == '\0')
		abort();
	boot_image_fini(&img);
	check_low_memory(gm);
	return 0;
}

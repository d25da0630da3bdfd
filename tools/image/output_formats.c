/*
 * output_formats.c - the table of formats. See output.h.
 *
 * Names, files and contents are those of LinuxKit, so that what works with its
 * images works with ours: kernel+initrd, raw, qcow2, vhd, vmdk and the clouds
 * run the whole root from an initramfs, kernel+squashfs, kernel+erofs,
 * kernel+iso and iso-efi mount it.
 */
#include "output_formats.h"

#include "macros.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define X86 (1U << OUTPUT_X86_64)
#define ANY (X86 | 1U << OUTPUT_ARM64)

static const struct output_line lines[] = {
	{{"tar",
	  "root file system, kernel in boot/",
	  {".tar"},
	  .arch_mask = ANY},
	 output_make_tar},
	{{"docker",
	  "archive for docker load and podman load",
	  {".docker"},
	  .arch_mask = ANY},
	 output_make_docker},
	{{"oci", "OCI image layout in a tar", {".oci.tar"}, .arch_mask = ANY},
	 output_make_oci},
	{{"kernel+initrd",
	  "kernel, initramfs with the root, command line",
	  {"-kernel", "-initrd.img", "-cmdline"},
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_kernel_initrd},
	{{"tar-kernel-initrd",
	  "the files of kernel+initrd in a tar",
	  {"-initrd.tar"},
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_tar_kernel_initrd},
	{{"kernel+squashfs",
	  "kernel, root as squashfs, initrd if the kernel needs one",
	  {"-kernel", "-squashfs.img", "-cmdline", "-initrd.img"},
	  .optional = OPTIONAL_INITRD,
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_kernel_squashfs},
	{{"kernel+erofs",
	  "kernel, root as erofs, initrd if the kernel needs one",
	  {"-kernel", "-erofs.img", "-cmdline", "-initrd.img"},
	  .optional = OPTIONAL_INITRD,
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_kernel_erofs},
	{{"kernel+iso",
	  "kernel, root as ISO 9660, initrd if the kernel needs one",
	  {"-kernel", ".iso", "-cmdline", "-initrd.img"},
	  .optional = OPTIONAL_INITRD,
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_kernel_iso},
	{{"iso-bios",
	  "CD or USB stick for BIOS",
	  {".iso"},
	  .arch_mask = X86,
	  .needs_kernel = true},
	 output_make_iso_bios},
	{{"iso-efi",
	  "CD or USB stick for UEFI, which stays mounted as the root",
	  {"-efi.iso"},
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_iso_efi},
	{{"iso-efi-initrd",
	  "CD or USB stick for UEFI, run from memory",
	  {"-efi-initrd.iso"},
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_iso_efi_initrd},
	{{"raw-bios",
	  "disk for BIOS",
	  {"-bios.img"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_raw_bios},
	{{"raw-efi",
	  "disk for UEFI",
	  {"-efi.img"},
	  .arch_mask = ANY,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_raw_efi},
	{{"qcow2-bios",
	  "disk for BIOS, compressed qcow2",
	  {".qcow2"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_qcow2_bios},
	{{"qcow2-efi",
	  "disk for UEFI, compressed qcow2",
	  {"-efi.qcow2"},
	  .arch_mask = ANY,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_qcow2_efi},
	{{"vhd",
	  "disk for BIOS, fixed VHD (Azure)",
	  {".vhd"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_vhd},
	{{"dynamic-vhd",
	  "disk for BIOS, dynamic VHD (Hyper-V)",
	  {".vhd"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_dynamic_vhd},
	{{"vmdk",
	  "disk for BIOS, stream-optimized VMDK (vSphere)",
	  {".vmdk"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_vmdk},
	{{"aws",
	  "disk for BIOS, raw (Amazon EC2)",
	  {".raw"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_raw_bios},
	{{"gcp",
	  "disk for BIOS in a tar.gz (Google Compute Engine)",
	  {".img.tar.gz"},
	  .arch_mask = X86,
	  .needs_kernel = true,
	  .disk = true},
	 output_make_gcp},
	{{"uki",
	  "unified kernel image, for UEFI and lwx-vm",
	  {".efi"},
	  .arch_mask = ANY,
	  .needs_kernel = true},
	 output_make_uki},
};

size_t output_format_num(void)
{
	return ARRAY_SIZE(lines);
}

const struct output_format *output_format_at(size_t i)
{
	return &lines[i].format;
}

output_make_fn output_format_make(const struct output_format *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (&lines[i].format == format)
			return lines[i].make;
	return NULL;
}

/* Levenshtein's distance; names are short. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32];
	size_t len = strlen(b);

	if (len >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned int diagonal = row[0]++;

		for (size_t j = 0; j < len; j++) {
			unsigned int best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[len];
}

int output_format_find(const char *name, const struct output_format **out,
		       struct err *err)
{
	const char *nearest = lines[0].format.name;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct output_format *format = &lines[i].format;

		if (strcmp(name, format->name) == 0) {
			*out = format;
			return 0;
		}
		if (distance(name, format->name) < distance(name, nearest))
			nearest = format->name;
	}
	if (strcmp(name, "rpi3") == 0)
		return err_setx(err, -ENOTSUP,
				"format rpi3: the Raspberry Pi's boot firmware "
				"is not free and not in Debian; use "
				"kernel+initrd for arm64");
	return err_setx(err, -EINVAL, "format %s: unknown, did you mean %s?",
			name, nearest);
}

int output_format_check(const struct output_format *format,
			const struct output_input *input, struct err *err)
{
	if (!(format->arch_mask & 1U << input->arch))
		return err_setx(err, -EINVAL,
				"format %s: BIOS starts x86-64 only, not arm64",
				format->name);
	if (format->needs_kernel && !input->kernel)
		return err_setx(err, -EINVAL,
				"format %s: needs a kernel, the definition has "
				"none",
				format->name);
	return 0;
}

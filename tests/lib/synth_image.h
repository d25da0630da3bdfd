/*
 * synth_image.h - small valid kernel images, for tests to load and to break.
 *
 * Each maker fills a buffer of SYNTH_MAX bytes and returns the bytes used.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SYNTH_MAX 16384u

/* What synth_bzimage() makes. */
#define SYNTH_BZ_SETUP 1024u	    /* protected-mode part starts here */
#define SYNTH_BZ_CODE 2048u	    /* and has this many bytes */
#define SYNTH_BZ_PREF 0x1000000ULL  /* preferred address */
#define SYNTH_BZ_INIT_SIZE 0x20000u /* memory it needs there */
#define SYNTH_BZ_INITRD_MAX 0x7fffffffu
#define SYNTH_BZ_CMDLINE_MAX 2047u

/* What synth_elf() makes: one segment and one note. */
#define SYNTH_ELF_PHDR 64u
#define SYNTH_ELF_NOTE 176u
#define SYNTH_ELF_CODE 256u
#define SYNTH_ELF_CODE_SIZE 512u
#define SYNTH_ELF_MEM_SIZE 8192u
#define SYNTH_ELF_GPA 0x200000ULL
#define SYNTH_ELF_ENTRY (SYNTH_ELF_GPA + 0x10)

/* What synth_uki() makes: sections .text, .linux, .initrd, .cmdline. */
#define SYNTH_UKI_PE 128u
#define SYNTH_UKI_OPTIONAL (SYNTH_UKI_PE + 24)
#define SYNTH_UKI_SECTIONS (SYNTH_UKI_OPTIONAL + 112)
#define SYNTH_UKI_SECTION_SIZE 40u
#define SYNTH_UKI_CMDLINE "quiet root=/dev/vda"
#define SYNTH_UKI_INITRD_SIZE 700u

size_t synth_bzimage(uint8_t *buf);
size_t synth_elf(uint8_t *buf);

/** synth_uki() - a UKI around the @size bytes of kernel at @kernel. */
size_t synth_uki(uint8_t *buf, const uint8_t *kernel, size_t size);

/** synth_fd() - the bytes as an anonymous file, its offset at 0. */
int synth_fd(const void *data, size_t size);

/** synth_put() - store the low @width bytes of @value, little-endian. */
void synth_put(uint8_t *buf, size_t offset, size_t width, uint64_t value);

/** synth_text() - store characters, without a NUL at their end. */
void synth_text(uint8_t *buf, size_t offset, const char *text);

/** synth_code() - the byte a synthetic image has at @offset of its code. */
uint8_t synth_code(size_t offset);

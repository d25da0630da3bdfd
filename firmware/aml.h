/*
 * aml.h - writer of ACPI Machine Language (ACPI 6.4, chapter 20) and of the
 * tables around it.
 *
 * A cursor over a caller's buffer with a sticky overflow flag: write
 * everything, look at @overflow once at the end. Multi-byte values are
 * little-endian. Names (@seg) have 4 characters. Internal to acpi_build.c and
 * mp_table.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct aml - where to write
 * @data:     buffer, borrowed
 * @size:     its bytes
 * @len:      bytes written
 * @overflow: something did not fit and was dropped
 */
struct aml {
	uint8_t *data;
	size_t size;
	size_t len;
	bool overflow;
};

/** aml_bytes() - raw bytes; @bytes NULL writes zeros. */
void aml_bytes(struct aml *aml, const void *bytes, size_t len);

void aml_u8(struct aml *aml, uint8_t value);
void aml_u16(struct aml *aml, uint16_t value);
void aml_u32(struct aml *aml, uint32_t value);
void aml_u64(struct aml *aml, uint64_t value);

/** aml_integer() - an integer constant in its shortest encoding (20.2.3). */
void aml_integer(struct aml *aml, uint64_t value);

/** aml_string() - a string constant. */
void aml_string(struct aml *aml, const char *text);

/** aml_name_integer() - Name(@seg, @value). */
void aml_name_integer(struct aml *aml, const char *seg, uint64_t value);

/** aml_name_string() - Name(@seg, "@text"). */
void aml_name_string(struct aml *aml, const char *seg, const char *text);

/** aml_name_eisaid() - Name(@seg, EisaId("@id")); @id as in "PNP0501". */
void aml_name_eisaid(struct aml *aml, const char *seg, const char *id);

/*
 * Blocks with a length. Each begin returns a mark that aml_end() needs; blocks
 * nest.
 */

/** aml_scope() - Scope(@seg) {. */
size_t aml_scope(struct aml *aml, const char *seg);

/** aml_device() - Device(@seg) {. */
size_t aml_device(struct aml *aml, const char *seg);

/** aml_method() - Method(@seg, @args, Serialized) {. */
size_t aml_method(struct aml *aml, const char *seg, uint8_t args);

/** aml_if_arg0() - If (Arg0 == @value) {. */
size_t aml_if_arg0(struct aml *aml, uint64_t value);

/** aml_name_package() - Name(@seg, Package(@count) {. */
size_t aml_name_package(struct aml *aml, const char *seg, uint8_t count);

/** aml_end() - }: fill in the length of the block begun at @mark. */
void aml_end(struct aml *aml, size_t mark);

/** aml_notify() - Notify(@seg, @value). */
void aml_notify(struct aml *aml, const char *seg, uint8_t value);

/*
 * Resource templates (6.4). aml_resources() begins Name(_CRS,
 * ResourceTemplate() {, aml_resources_end() writes the end tag and the lengths.
 */
size_t aml_resources(struct aml *aml);
void aml_resources_end(struct aml *aml, size_t mark);

/** aml_memory32() - Memory32Fixed(ReadWrite, @base, @size). */
void aml_memory32(struct aml *aml, uint32_t base, uint32_t size);

/** aml_port() - IO(Decode16, @base, @base, 1, @size). */
void aml_port(struct aml *aml, uint16_t base, uint8_t size);

/** aml_interrupt() - Interrupt(ResourceConsumer, Edge, ActiveHigh, Exclusive)
 * {@gsi}. */
void aml_interrupt(struct aml *aml, uint32_t gsi);

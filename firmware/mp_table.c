/* mp_table.c - MultiProcessor table: see mp_table.h. */
#include "mp_table.h"

#include "aml.h"
#include "macros.h"

#include <errno.h>
#include <string.h>

#define MP_REVISION 4u /* 1.4 */
#define FLOATING_SIZE 16u
#define FLOATING_CHECKSUM_OFFSET 10u
#define TABLE_LENGTH_OFFSET 4u
#define TABLE_CHECKSUM_OFFSET 7u
#define TABLE_COUNT_OFFSET 34u

enum {
	ENTRY_CPU,
	ENTRY_BUS,
	ENTRY_IO_APIC,
	ENTRY_IO_INT,
	ENTRY_LOCAL_INT
};
enum {
	INT_NORMAL = 0,
	INT_NMI = 1,
	INT_EXTINT = 3
};

#define CPU_ENABLED 1u
#define CPU_BOOT 2u
#define LOCAL_APIC_VERSION 0x14u
#define IO_APIC_VERSION 0x11u
#define IO_APIC_ID 0u
#define IO_APIC_INPUTS 24u
#define ISA_BUS 0u
#define ACTIVE_HIGH_EDGE 0x05u
#define APIC_ID_MAX 254u
#define ALL_APICS 255u

static uint8_t checksum(const uint8_t *data, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *data++);
	return (uint8_t)-sum;
}

/* The format is as little-endian and packed as AML: the same writer serves. */
static void put_interrupt(struct aml *out, uint8_t entry, uint8_t type,
			  uint16_t flags, uint8_t input, uint8_t apic,
			  uint8_t pin)
{
	aml_u8(out, entry);
	aml_u8(out, type);
	aml_u16(out, flags);
	aml_u8(out, ISA_BUS);
	aml_u8(out, input);
	aml_u8(out, apic);
	aml_u8(out, pin);
}

static void put_cpu(struct aml *out, uint32_t id, bool boot)
{
	aml_u8(out, ENTRY_CPU);
	aml_u8(out, (uint8_t)id);
	aml_u8(out, LOCAL_APIC_VERSION);
	aml_u8(out, (uint8_t)(CPU_ENABLED | (boot ? CPU_BOOT : 0)));
	aml_bytes(out, NULL, 16); /* signature, features: CPUID tells */
}

/* Return: number of entries. */
static uint16_t put_entries(struct aml *out, const struct machine_desc *md)
{
	for (uint32_t i = 0; i < md->num_cpus; i++)
		put_cpu(out, md->cpu_id[i], i == 0);

	aml_u8(out, ENTRY_BUS);
	aml_u8(out, ISA_BUS);
	aml_bytes(out, "ISA   ", 6);

	aml_u8(out, ENTRY_IO_APIC);
	aml_u8(out, IO_APIC_ID);
	aml_u8(out, IO_APIC_VERSION);
	aml_u8(out, 1); /* enabled */
	aml_u32(out, (uint32_t)md->io_apic.base);

	for (uint8_t gsi = 0; gsi < IO_APIC_INPUTS; gsi++)
		put_interrupt(out, ENTRY_IO_INT, INT_NORMAL, ACTIVE_HIGH_EDGE,
			      gsi, IO_APIC_ID, gsi);
	put_interrupt(out, ENTRY_LOCAL_INT, INT_EXTINT, 0, 0, 0, 0);
	put_interrupt(out, ENTRY_LOCAL_INT, INT_NMI, 0, 0, ALL_APICS, 1);
	return (uint16_t)(md->num_cpus + 2 + IO_APIC_INPUTS + 2);
}

static void put_header(struct aml *out, const struct machine_desc *md)
{
	aml_bytes(out, "PCMP", 4);
	aml_u16(out, 0); /* length */
	aml_u8(out, MP_REVISION);
	aml_u8(out, 0); /* checksum */
	aml_bytes(out, "LWX     ", 8);
	aml_bytes(out, "LAYERWORX   ", 12);
	aml_bytes(out, NULL, 6 + 2); /* OEM table: none; entry count */
	aml_u32(out, (uint32_t)md->local_apic.base);
	aml_u32(out, 0); /* no extended entries */
}

int mp_table_build(const struct machine_desc *md, uint8_t *buf, size_t size,
		   uint64_t gpa, size_t *used, struct err *err)
{
	struct aml out = {.data = buf, .size = size};
	uint8_t *table = buf + FLOATING_SIZE;
	uint16_t count;
	size_t len;

	for (uint32_t i = 0; i < md->num_cpus; i++)
		if (md->cpu_id[i] > APIC_ID_MAX)
			return err_setx(err, -EINVAL,
					"MP table: APIC id %u is above %u; use "
					"ACPI or fewer vCPUs",
					md->cpu_id[i], APIC_ID_MAX);

	aml_bytes(&out, "_MP_", 4);
	aml_u32(&out, (uint32_t)gpa + FLOATING_SIZE);
	aml_u8(&out, FLOATING_SIZE / 16);
	aml_u8(&out, MP_REVISION);
	aml_bytes(&out, NULL, 6); /* checksum; features: a table, no IMCR */
	put_header(&out, md);
	count = put_entries(&out, md);
	if (out.overflow)
		return err_setx(err, -ENOSPC, "MP table: more than %zu bytes",
				size);

	len = out.len - FLOATING_SIZE;
	table[TABLE_LENGTH_OFFSET] = (uint8_t)len;
	table[TABLE_LENGTH_OFFSET + 1] = (uint8_t)(len >> 8);
	table[TABLE_COUNT_OFFSET] = (uint8_t)count;
	table[TABLE_COUNT_OFFSET + 1] = (uint8_t)(count >> 8);
	table[TABLE_CHECKSUM_OFFSET] = checksum(table, len);
	buf[FLOATING_CHECKSUM_OFFSET] = checksum(buf, FLOATING_SIZE);
	*used = out.len;
	return 0;
}

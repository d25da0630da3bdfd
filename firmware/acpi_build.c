/* acpi_build.c - ACPI tables of a machine_desc: see acpi_build.h. */
#include "acpi_build.h"

#include "aml.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OEM_ID "LWX   "
#define OEM_TABLE_ID "LAYERWRX"
#define OEM_REVISION 1u
#define CREATOR_ID "LWX "

#define HEADER_LENGTH_OFFSET 4u
#define HEADER_CHECKSUM_OFFSET 9u
#define RSDP_SIZE 36u
#define RSDP_CHECKSUM_OFFSET 8u /* over the first 20 bytes */
#define RSDP_V1_SIZE 20u
#define RSDP_EXTENDED_CHECKSUM_OFFSET 32u
#define TABLE_ALIGN 16u

/* FADT (5.2.9) */
#define FADT_NO_VGA (1u << 2)
#define FADT_NO_CMOS_RTC (1u << 5)
#define FADT_WBINVD (1u << 0)
#define FADT_PROC_C1 (1u << 2)
#define FADT_NO_FIXED_POWER_BUTTON (1u << 4)
#define FADT_NO_FIXED_SLEEP_BUTTON (1u << 5)
#define FADT_RESET_REG (1u << 10)
#define FADT_HW_REDUCED (1u << 20)
#define FADT_BOOT_ARCH_OFFSET 109u
#define FADT_SLEEP_CONTROL_OFFSET 244u

/* MADT (5.2.12) */
#define MADT_LOCAL_APIC 0u
#define MADT_IO_APIC 1u
#define MADT_LOCAL_NMI 4u
#define MADT_LOCAL_X2APIC 9u
#define MADT_X2APIC_NMI 10u
#define MADT_ENABLED 1u
#define XAPIC_ID_MAX 254u /* 255 is broadcast */
#define NMI_LINT 1u

#define S5_SLEEP_TYPE 5u
#define NOTIFY_BUTTON_PRESSED 0x80u

static uint8_t checksum(const uint8_t *data, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *data++);
	return (uint8_t)-sum;
}

/* Starts a table (5.2.6); its length and checksum come from table_end(). */
static size_t table_begin(struct aml *aml, const char *signature,
			  uint8_t revision)
{
	size_t start;

	aml_bytes(aml, NULL, -aml->len % TABLE_ALIGN);
	start = aml->len;
	aml_bytes(aml, signature, 4);
	aml_u32(aml, 0);
	aml_u8(aml, revision);
	aml_u8(aml, 0);
	aml_bytes(aml, OEM_ID, 6);
	aml_bytes(aml, OEM_TABLE_ID, 8);
	aml_u32(aml, OEM_REVISION);
	aml_bytes(aml, CREATOR_ID, 4);
	aml_u32(aml, OEM_REVISION);
	return start;
}

static void table_end(struct aml *aml, size_t start)
{
	uint8_t *table = aml->data + start;
	uint32_t len = (uint32_t)(aml->len - start);

	if (aml->overflow)
		return;
	for (unsigned int i = 0; i < 4; i++)
		table[HEADER_LENGTH_OFFSET + i] = (uint8_t)(len >> (8 * i));
	table[HEADER_CHECKSUM_OFFSET] = checksum(table, len);
}

/* _HID, _UID and _CRS of a device that has registers, an interrupt or both. */
static void put_device(struct aml *aml, const char *name, const char *hid,
		       uint32_t uid, const struct machine_device *dev)
{
	size_t device = aml_device(aml, name);
	size_t resources;

	if (strncmp(hid, "PNP", 3) == 0)
		aml_name_eisaid(aml, "_HID", hid);
	else
		aml_name_string(aml, "_HID", hid);
	aml_name_integer(aml, "_UID", uid);
	resources = aml_resources(aml);
	if (dev->space == MACHINE_SPACE_PORT)
		aml_port(aml, (uint16_t)dev->base, (uint8_t)dev->size);
	else
		aml_memory32(aml, (uint32_t)dev->base, dev->size);
	if (dev->gsi != 0)
		aml_interrupt(aml, dev->gsi);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
}

/* The power button and the event device (5.6.9) whose interrupt tells of it. */
static void put_power_button(struct aml *aml, const struct machine_device *dev)
{
	size_t device, block, condition;

	device = aml_device(aml, "PWRB");
	aml_name_eisaid(aml, "_HID", "PNP0C0C");
	aml_name_integer(aml, "_UID", 0);
	aml_end(aml, device);

	device = aml_device(aml, "GED0");
	aml_name_string(aml, "_HID", "ACPI0013");
	aml_name_integer(aml, "_UID", 0);
	block = aml_resources(aml);
	aml_interrupt(aml, dev->gsi);
	aml_resources_end(aml, block);
	block = aml_method(aml, "_EVT", 1);
	condition = aml_if_arg0(aml, dev->gsi);
	aml_notify(aml, "PWRB", NOTIFY_BUTTON_PRESSED);
	aml_end(aml, condition);
	aml_end(aml, block);
	aml_end(aml, device);
}

static void put_processor(struct aml *aml, uint32_t index)
{
	size_t device;
	char name[8];

	(void)snprintf(name, sizeof(name), "C%03X", index & 0xfffu);
	device = aml_device(aml, name);
	aml_name_string(aml, "_HID", "ACPI0007");
	aml_name_integer(aml, "_UID", index);
	aml_end(aml, device);
}

static size_t put_dsdt(struct aml *aml, const struct machine_desc *md)
{
	size_t table = table_begin(aml, "DSDT", 2);
	size_t block;
	char name[8];

	block = aml_scope(aml, "_SB_");
	for (uint32_t i = 0; i < md->num_cpus; i++)
		put_processor(aml, i);
	if (md->serial.size)
		put_device(aml, "COM1", "PNP0501", 1, &md->serial);
	for (uint32_t i = 0; i < md->num_virtio; i++) {
		(void)snprintf(name, sizeof(name), "VR%02X", i & 0xffu);
		put_device(aml, name, "LNRO0005", i, &md->virtio[i]);
	}
	if (md->power_button.size)
		put_power_button(aml, &md->power_button);
	if (md->pvpanic.size)
		put_device(aml, "PEVT", "QEMU0001", 0, &md->pvpanic);
	if (md->exit.size)
		put_device(aml, "EXIT", "LWXV0001", 0, &md->exit);
	aml_end(aml, block);

	block = aml_name_package(aml, "_S5_", 4);
	aml_integer(aml, S5_SLEEP_TYPE);
	for (int i = 0; i < 3; i++)
		aml_integer(aml, 0);
	aml_end(aml, block);
	table_end(aml, table);
	return table;
}

/* Generic address structure (5.2.3.2) of a one-byte register. */
static void put_register(struct aml *aml, const struct machine_device *dev)
{
	aml_u8(aml, dev->space == MACHINE_SPACE_PORT ? 1 : 0);
	aml_u8(aml, 8); /* bits */
	aml_u8(aml, 0);
	aml_u8(aml, 1); /* byte access */
	aml_u64(aml, dev->base);
}

static size_t put_fadt(struct aml *aml, const struct machine_desc *md,
		       uint64_t dsdt)
{
	size_t table = table_begin(aml, "FACP", 6);

	aml_u32(aml, 0); /* FACS: none, hardware-reduced */
	aml_u32(aml, (uint32_t)dsdt);
	aml_bytes(aml, NULL, FADT_BOOT_ARCH_OFFSET - (aml->len - table));
	aml_u16(aml, FADT_NO_VGA | FADT_NO_CMOS_RTC); /* IAPC_BOOT_ARCH */
	aml_u8(aml, 0);
	aml_u32(aml, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_FIXED_POWER_BUTTON |
			     FADT_NO_FIXED_SLEEP_BUTTON | FADT_RESET_REG |
			     FADT_HW_REDUCED);
	put_register(aml, &md->reset);
	aml_u8(aml, md->reset_value);
	aml_u16(aml, 0); /* ARM boot flags */
	aml_u8(aml, 4);	 /* minor revision: 6.4 */
	aml_u64(aml, 0); /* X_FIRMWARE_CTRL */
	aml_u64(aml, dsdt);
	aml_bytes(aml, NULL, FADT_SLEEP_CONTROL_OFFSET - (aml->len - table));
	put_register(aml, &md->sleep_control);
	put_register(aml, &md->sleep_status);
	aml_bytes(aml, "LAYERWRX", 8); /* hypervisor vendor identity */
	table_end(aml, table);
	return table;
}

static void put_madt_cpu(struct aml *aml, uint32_t index, uint32_t apic_id)
{
	if (apic_id <= XAPIC_ID_MAX) {
		aml_u8(aml, MADT_LOCAL_APIC);
		aml_u8(aml, 8);
		aml_u8(aml, (uint8_t)index);
		aml_u8(aml, (uint8_t)apic_id);
		aml_u32(aml, MADT_ENABLED);
		return;
	}
	aml_u8(aml, MADT_LOCAL_X2APIC);
	aml_u8(aml, 16);
	aml_u16(aml, 0);
	aml_u32(aml, apic_id);
	aml_u32(aml, MADT_ENABLED);
	aml_u32(aml, index);
}

static size_t put_madt(struct aml *aml, const struct machine_desc *md)
{
	size_t table = table_begin(aml, "APIC", 5);
	bool x2apic = false;

	aml_u32(aml, (uint32_t)md->local_apic.base);
	aml_u32(aml, 0); /* flags: no 8259 */
	for (uint32_t i = 0; i < md->num_cpus; i++) {
		put_madt_cpu(aml, i, md->cpu_id[i]);
		x2apic |= md->cpu_id[i] > XAPIC_ID_MAX;
	}

	aml_u8(aml, MADT_IO_APIC);
	aml_u8(aml, 12);
	aml_u8(aml, 0); /* id */
	aml_u8(aml, 0);
	aml_u32(aml, (uint32_t)md->io_apic.base);
	aml_u32(aml, 0); /* first GSI */

	aml_u8(aml, MADT_LOCAL_NMI);
	aml_u8(aml, 6);
	aml_u8(aml, UINT8_MAX); /* all processors */
	aml_u16(aml, 0);
	aml_u8(aml, NMI_LINT);
	if (x2apic) {
		aml_u8(aml, MADT_X2APIC_NMI);
		aml_u8(aml, 12);
		aml_u16(aml, 0);
		aml_u32(aml, UINT32_MAX);
		aml_u8(aml, NMI_LINT);
		aml_bytes(aml, NULL, 3);
	}
	table_end(aml, table);
	return table;
}

static size_t put_xsdt(struct aml *aml, uint64_t fadt, uint64_t madt)
{
	size_t table = table_begin(aml, "XSDT", 1);

	aml_u64(aml, fadt);
	aml_u64(aml, madt);
	table_end(aml, table);
	return table;
}

/* RSDP (5.2.5.3) into the room kept at the start. */
static void put_rsdp(uint8_t *at, uint64_t xsdt)
{
	struct aml aml = {.data = at, .size = RSDP_SIZE};

	aml_bytes(&aml, "RSD PTR ", 8);
	aml_u8(&aml, 0);
	aml_bytes(&aml, OEM_ID, 6);
	aml_u8(&aml, 2);  /* revision */
	aml_u32(&aml, 0); /* RSDT: none */
	aml_u32(&aml, RSDP_SIZE);
	aml_u64(&aml, xsdt);
	aml_u32(&aml, 0); /* extended checksum, reserved */
	at[RSDP_CHECKSUM_OFFSET] = checksum(at, RSDP_V1_SIZE);
	at[RSDP_EXTENDED_CHECKSUM_OFFSET] = checksum(at, RSDP_SIZE);
}

static bool ports_ok(const struct machine_desc *md)
{
	const struct machine_device *const fixed[] = {
		&md->sleep_control, &md->sleep_status, &md->reset};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (fixed[i]->size != 1)
			return false;
	return md->num_cpus >= 1 && md->num_cpus <= MACHINE_CPUS_MAX &&
	       md->num_virtio <= MACHINE_VIRTIO_MAX;
}

int acpi_build(const struct machine_desc *md, uint8_t *buf, size_t size,
	       uint64_t gpa, size_t *used, struct err *err)
{
	struct aml aml = {.data = buf, .size = size};
	size_t dsdt, fadt, madt, xsdt;

	if (!ports_ok(md))
		return err_setx(err, -EINVAL,
				"ACPI tables: machine without CPU, sleep or "
				"reset register");
	aml_bytes(&aml, NULL, RSDP_SIZE);
	dsdt = put_dsdt(&aml, md);
	fadt = put_fadt(&aml, md, gpa + dsdt);
	madt = put_madt(&aml, md);
	xsdt = put_xsdt(&aml, gpa + fadt, gpa + madt);
	if (aml.overflow)
		return err_setx(err, -ENOSPC,
				"ACPI tables: more than %zu bytes", size);
	put_rsdp(buf, gpa + xsdt);
	*used = aml.len;
	return 0;
}

/* machine_desc.c - the fixed part of the x86-64 machine and its numbering. */
#include "machine_desc.h"

#include "macros.h"
#include "x86_layout.h"

#include <errno.h>

_Static_assert(MACHINE_VIRTIO_MAX == X86_VIRTIO_MMIO_MAX,
	       "every virtio page of the layout has its place");

static struct machine_device port(uint64_t base, uint32_t size, uint32_t gsi)
{
	return (struct machine_device){
		.space = MACHINE_SPACE_PORT,
		.base = base,
		.size = size,
		.gsi = gsi,
	};
}

static struct machine_device mmio(uint64_t base, uint32_t size, uint32_t gsi)
{
	return (struct machine_device){
		.space = MACHINE_SPACE_MMIO,
		.base = base,
		.size = size,
		.gsi = gsi,
	};
}

void machine_desc_init_x86(struct machine_desc *md)
{
	*md = (struct machine_desc){
		.acpi = true,
		.serial = port(X86_PORT_SERIAL, 8, X86_GSI_SERIAL),
		.power_button = port(0, 1, X86_GSI_GED),
		.pvpanic = port(X86_PORT_PVPANIC, 1, 0),
		.exit = port(X86_PORT_EXIT, 1, 0),
		.sleep_control = port(X86_PORT_SLEEP_CONTROL, 1, 0),
		.sleep_status = port(X86_PORT_SLEEP_STATUS, 1, 0),
		.reset = port(X86_PORT_RESET, 1, 0),
		.reset_value = X86_RESET_VALUE,
		.local_apic = mmio(X86_LAPIC_GPA, 0x1000, 0),
		.io_apic = mmio(X86_IOAPIC_GPA, 0x1000, 0),
	};
}

const struct machine_device *machine_desc_add_virtio(struct machine_desc *md,
						     struct err *err)
{
	uint32_t n = md->num_virtio;
	uint32_t gsi = X86_GSI_VIRTIO_FIRST + n;

	if (n == MACHINE_VIRTIO_MAX) {
		(void)err_setx(err, -ENOSPC,
			       "machine: more than %d virtio devices",
			       MACHINE_VIRTIO_MAX);
		return NULL;
	}
	if (gsi >= X86_GSI_GED)
		gsi++;
	md->virtio[n] = mmio(X86_VIRTIO_MMIO_BASE + n * X86_VIRTIO_MMIO_SIZE,
			     X86_VIRTIO_MMIO_SIZE, gsi);
	md->num_virtio++;
	return &md->virtio[n];
}

int machine_desc_add_ram(struct machine_desc *md, uint64_t gpa, uint64_t size,
			 struct err *err)
{
	if (md->num_ram == MACHINE_RAM_MAX)
		return err_setx(err, -ENOSPC,
				"machine: more than %d RAM regions",
				MACHINE_RAM_MAX);
	md->ram[md->num_ram++] = (struct machine_ram){.gpa = gpa, .size = size};
	return 0;
}

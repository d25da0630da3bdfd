/*
 * fdt_build.c - flattened device tree of a machine_desc.
 *
 * libfdt's sequential writer keeps the first error of a block of calls out of
 * sight unless each is checked; struct tree does that once: after a failure
 * every put is skipped and fdt_build() looks at the result.
 */
#include "fdt_build.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE_MAX KIB(64)
#define PHANDLE_IO_APIC 1u
#define ISA_SPACE_PORT 1u     /* first cell of an ISA address: I/O space */
#define IRQ_TYPE_EDGE_HIGH 0u /* Linux Documentation/devicetree, ce4100 */
#define SERIAL_CLOCK_HZ 1843200u

struct tree {
	void *fdt;
	int rc;
};

static void open_node(struct tree *t, const char *name, uint64_t address,
		      bool has_address)
{
	char full[64];

	if (has_address)
		(void)snprintf(full, sizeof(full), "%s@%llx", name,
			       (unsigned long long)address);
	else
		(void)snprintf(full, sizeof(full), "%s", name);
	if (t->rc == 0)
		t->rc = fdt_begin_node(t->fdt, full);
}

static void close_node(struct tree *t)
{
	if (t->rc == 0)
		t->rc = fdt_end_node(t->fdt);
}

static void put_cells(struct tree *t, const char *name, const uint32_t *cells,
		      size_t n)
{
	fdt32_t be[8];

	for (size_t i = 0; i < n; i++)
		be[i] = cpu_to_fdt32(cells[i]);
	if (t->rc == 0)
		t->rc = fdt_property(t->fdt, name, be,
				     (int)(n * sizeof(be[0])));
}

static void put_u32(struct tree *t, const char *name, uint32_t value)
{
	put_cells(t, name, &value, 1);
}

static void put_string(struct tree *t, const char *name, const char *text)
{
	if (t->rc == 0)
		t->rc = fdt_property(t->fdt, name, text, (int)strlen(text) + 1);
}

static void put_flag(struct tree *t, const char *name)
{
	if (t->rc == 0)
		t->rc = fdt_property(t->fdt, name, NULL, 0);
}

/* An address and a size of two cells each. */
static void put_reg(struct tree *t, uint64_t base, uint64_t size)
{
	const uint32_t cells[] = {(uint32_t)(base >> 32), (uint32_t)base,
				  (uint32_t)(size >> 32), (uint32_t)size};

	put_cells(t, "reg", cells, ARRAY_SIZE(cells));
}

static void put_interrupt(struct tree *t, uint32_t gsi)
{
	const uint32_t cells[] = {gsi, IRQ_TYPE_EDGE_HIGH};

	if (gsi != 0)
		put_cells(t, "interrupts", cells, ARRAY_SIZE(cells));
}

static void put_chosen(struct tree *t, const struct fdt_chosen *chosen)
{
	const uint64_t end = chosen->initrd_gpa + chosen->initrd_size;
	const uint32_t start_cells[] = {(uint32_t)(chosen->initrd_gpa >> 32),
					(uint32_t)chosen->initrd_gpa};
	const uint32_t end_cells[] = {(uint32_t)(end >> 32), (uint32_t)end};

	open_node(t, "chosen", 0, false);
	if (chosen->cmdline)
		put_string(t, "bootargs", chosen->cmdline);
	if (chosen->initrd_size != 0) {
		put_cells(t, "linux,initrd-start", start_cells, 2);
		put_cells(t, "linux,initrd-end", end_cells, 2);
	}
	close_node(t);
}

static void put_cpus(struct tree *t, const struct machine_desc *md)
{
	open_node(t, "cpus", 0, false);
	put_u32(t, "#address-cells", 1);
	put_u32(t, "#size-cells", 0);
	for (uint32_t i = 0; i < md->num_cpus; i++) {
		open_node(t, "cpu", md->cpu_id[i], true);
		put_string(t, "device_type", "cpu");
		put_u32(t, "reg", md->cpu_id[i]);
		close_node(t);
	}
	close_node(t);
}

static void put_memory(struct tree *t, const struct machine_desc *md)
{
	for (uint32_t i = 0; i < md->num_ram; i++) {
		open_node(t, "memory", md->ram[i].gpa, true);
		put_string(t, "device_type", "memory");
		put_reg(t, md->ram[i].gpa, md->ram[i].size);
		close_node(t);
	}
}

static void put_interrupt_controllers(struct tree *t,
				      const struct machine_desc *md)
{
	if (md->local_apic.size) {
		open_node(t, "local-apic", md->local_apic.base, true);
		put_string(t, "compatible", "intel,ce4100-lapic");
		put_reg(t, md->local_apic.base, md->local_apic.size);
		close_node(t);
	}
	if (md->io_apic.size) {
		open_node(t, "interrupt-controller", md->io_apic.base, true);
		put_string(t, "compatible", "intel,ce4100-ioapic");
		put_reg(t, md->io_apic.base, md->io_apic.size);
		put_flag(t, "interrupt-controller");
		put_u32(t, "#address-cells", 0);
		put_u32(t, "#interrupt-cells", 2);
		put_u32(t, "phandle", PHANDLE_IO_APIC);
		close_node(t);
	}
}

static void put_virtio(struct tree *t, const struct machine_desc *md)
{
	for (uint32_t i = 0; i < md->num_virtio; i++) {
		open_node(t, "virtio", md->virtio[i].base, true);
		put_string(t, "compatible", "virtio,mmio");
		put_reg(t, md->virtio[i].base, md->virtio[i].size);
		put_interrupt(t, md->virtio[i].gsi);
		close_node(t);
	}
}

/**
 * struct platform - the few one-register devices, for the loop over them
 * @name:       node name
 * @compatible: what it is
 * @dev:        where it is
 */
struct platform {
	const char *name;
	const char *compatible;
	const struct machine_device *dev;
};

static void put_platform(struct tree *t, const struct platform *p)
{
	const uint32_t port[] = {ISA_SPACE_PORT, (uint32_t)p->dev->base,
				 p->dev->size};
	bool is_port = p->dev->space == MACHINE_SPACE_PORT;
	char name[32];

	/* The ISA binding writes I/O space as an "i" before the port. */
	(void)snprintf(name, sizeof(name), "%s@%s%llx", p->name,
		       is_port ? "i" : "", (unsigned long long)p->dev->base);
	open_node(t, name, 0, false);
	put_string(t, "compatible", p->compatible);
	if (is_port)
		put_cells(t, "reg", port, ARRAY_SIZE(port));
	else
		put_reg(t, p->dev->base, p->dev->size);
	put_interrupt(t, p->dev->gsi);
	if (strcmp(p->name, "serial") == 0)
		put_u32(t, "clock-frequency", SERIAL_CLOCK_HZ);
	close_node(t);
}

/* Devices in port space live on an ISA bus node, the others at the top. */
static void put_platforms(struct tree *t, const struct machine_desc *md,
			  enum machine_space space)
{
	const struct platform platforms[] = {
		{"serial", "ns16550a", &md->serial},
		{"pvpanic", "qemu,pvpanic-mmio", &md->pvpanic},
		{"exit", "layerworx,exit", &md->exit},
		{"sleep-control", "layerworx,sleep-control",
		 &md->sleep_control},
		{"reset", "layerworx,reset", &md->reset},
	};

	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
		if (platforms[i].dev->size && platforms[i].dev->space == space)
			put_platform(t, &platforms[i]);
}

static void put_root(struct tree *t, const struct machine_desc *md,
		     const struct fdt_chosen *chosen)
{
	open_node(t, "", 0, false);
	put_u32(t, "#address-cells", 2);
	put_u32(t, "#size-cells", 2);
	put_string(t, "compatible", "layerworx,vm");
	put_string(t, "model", "Layerworx virtual machine");
	if (md->io_apic.size)
		put_u32(t, "interrupt-parent", PHANDLE_IO_APIC);
	put_chosen(t, chosen);
	put_cpus(t, md);
	put_memory(t, md);
	put_interrupt_controllers(t, md);
	put_virtio(t, md);
	put_platforms(t, md, MACHINE_SPACE_MMIO);
	open_node(t, "isa", 0, false);
	put_string(t, "device_type", "isa");
	put_string(t, "compatible", "isa");
	put_u32(t, "#address-cells", 2);
	put_u32(t, "#size-cells", 1);
	put_platforms(t, md, MACHINE_SPACE_PORT);
	close_node(t);
	close_node(t);
}

int fdt_build(const struct machine_desc *md, const struct fdt_chosen *chosen,
	      uint8_t **blob, size_t *size, struct err *err)
{
	AUTO_FREE uint8_t *buf = calloc(1, TREE_MAX);
	struct tree t = {.fdt = buf};

	if (!buf)
		return err_set(err, -ENOMEM, "device tree");
	t.rc = fdt_create(buf, TREE_MAX);
	if (t.rc == 0)
		t.rc = fdt_finish_reservemap(buf);
	put_root(&t, md, chosen);
	if (t.rc == 0)
		t.rc = fdt_finish(buf);
	if (t.rc != 0)
		return err_setx(err, -ENOMEM, "device tree: %s",
				fdt_strerror(t.rc));
	*size = fdt_totalsize(buf);
	*blob = steal_ptr(&buf);
	return 0;
}

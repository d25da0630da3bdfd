/* machine_devices.c - serial, console hub and the virtio devices of a VM, wired
 * to buses, interrupts and doorbells. */
#include "log.h"
#include "machine_internal.h"
#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int make_irq(struct machine *m, struct irq_line *line, uint32_t gsi,
		    struct err *err)
{
	line->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (line->fd < 0)
		return err_set(err, -errno, "GSI %u: eventfd", gsi);
	return kvm_vm_bind_irq(m->vm, line->fd, gsi, err);
}

static void drop_irq(struct irq_line *line)
{
	if (line->fd >= 0)
		(void)close(line->fd);
	line->fd = -1;
}

static void serial_output(void *arg, const void *bytes, size_t len)
{
	struct machine *m = arg;

	console_hub_write(m->hub, CONSOLE_SERIAL, bytes, len);
}

static size_t serial_take_input(void *arg, const void *bytes, size_t len)
{
	struct machine *m = arg;

	return serial_input(m->serial, bytes, len);
}

static void input_room(void *arg)
{
	struct machine *m = arg;

	console_hub_input_room(m->hub);
}

static int add_serial(struct machine *m, struct err *err)
{
	const struct serial_config config = {
		.irq = &m->serial_irq,
		.output = serial_output,
		.input_room = input_room,
		.arg = m,
	};
	int rc;

	if (!m->desc.serial.size)
		return 0;
	rc = make_irq(m, &m->serial_irq, m->desc.serial.gsi, err);
	if (!rc)
		rc = serial_create(&m->serial, &config, err);
	if (!rc)
		rc = io_bus_add(m->pio, m->desc.serial.base, SERIAL_PORTS,
				&serial_ops, m->serial, err);
	if (!rc)
		console_hub_set_input(m->hub, CONSOLE_SERIAL, serial_take_input,
				      m);
	return rc;
}

int machine_add_devices(struct machine *m, struct err *err)
{
	int rc;

	rc = make_irq(m, &m->power_irq, m->desc.power_button.gsi, err);
	if (!rc)
		rc = console_hub_create(&m->hub, m->io_threads[0].engine,
					m->cfg->console_log_fd, err);
	if (!rc)
		rc = add_serial(m, err);
	return rc;
}

void machine_remove_devices(struct machine *m)
{
	while (m->num_virtio) {
		struct machine_virtio *slot = &m->virtio[--m->num_virtio];
		struct irq_line irq = slot->dev->irq;

		virtio_mmio_destroy(slot->transport);
		virtio_device_destroy(slot->dev);
		drop_irq(&irq);
	}
	console_hub_destroy(m->hub);
	serial_destroy(m->serial);
	drop_irq(&m->serial_irq);
	drop_irq(&m->power_irq);
}

int machine_find_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->cfg->num_disks; i++) {
		const char *serial = m->cfg->disks[i].serial;

		if (!strcmp(m->virtio[m->disks[i]].dev->name, name) ||
		    (serial && !strcmp(serial, name)))
			return (int)i;
	}
	return -ENOENT;
}

int machine_resize_disk(struct machine *m, size_t index, uint64_t size,
			uint64_t *new_size, struct err *err)
{
	(void)m;
	(void)size;
	(void)new_size;
	return err_setx(err, -ENOTSUP, "disk%zu: cannot be resized", index);
}

int machine_attach_console(struct machine *m, struct err *err)
{
	return console_hub_attach(m->hub, err);
}

int machine_add_console_client(struct machine *m, int fd, struct err *err)
{
	return console_hub_add_client(m->hub, fd, err);
}

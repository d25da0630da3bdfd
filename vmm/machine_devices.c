/* machine_devices.c - serial, console hub and the virtio devices of a VM, wired
 * to buses, interrupts and doorbells. */
#include "log.h"
#include "machine_internal.h"
#include "macros.h"
#include "net_passt.h"
#include "net_tap.h"
#include "virtio_blk.h"
#include "virtio_console.h"
#include "virtio_fs.h"
#include "virtio_net.h"
#include "virtio_rng.h"
#include "virtio_vsock.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONSOLE_QUEUE_SIZE 64
#define FS_QUEUE_SIZE 128
#define NET_QUEUE_SIZE 256
#define RNG_QUEUE_SIZE 64
#define VSOCK_QUEUE_SIZE 256

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

/* Devices are spread over the I/O threads in the order of their making. */
static struct io_engine *next_engine(struct machine *m)
{
	return m->io_threads[m->num_virtio % m->num_io_threads].engine;
}

/* Give a device its page, interrupt and doorbells; takes @dev in any case. */
static int plug(struct machine *m, struct virtio_device *dev, struct err *err)
{
	struct machine_virtio *slot = &m->virtio[m->num_virtio];
	const struct machine_device *where;
	int rc;

	where = machine_desc_add_virtio(&m->desc, err);
	if (!where) {
		virtio_device_destroy(dev);
		return err ? err->code : -ENOSPC;
	}
	m->num_virtio++;
	slot->dev = dev;
	slot->where = where;
	rc = make_irq(m, &dev->irq, where->gsi, err);
	if (!rc)
		rc = virtio_mmio_create(&slot->transport, dev, err);
	if (!rc)
		rc = io_bus_add(m->mmio, where->base, where->size,
				&virtio_mmio_bus_ops, slot->transport, err);
	for (unsigned int i = 0; i < dev->num_queues && !rc; i++)
		rc = kvm_vm_bind_doorbell(
			m->vm, dev->doorbells[i],
			where->base + VIRTIO_MMIO_QUEUE_NOTIFY, i, err);
	return rc;
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

static void console_output(void *arg, const void *bytes, size_t len)
{
	struct machine *m = arg;

	console_hub_write(m->hub, CONSOLE_HVC0, bytes, len);
}

static size_t console_take_input(void *arg, const void *bytes, size_t len)
{
	struct machine *m = arg;

	return virtio_console_input(m->console, bytes, len);
}

static int add_console(struct machine *m, struct err *err)
{
	const struct virtio_console_options options = {
		.name = "console0",
		.queue_size = CONSOLE_QUEUE_SIZE,
		.output = console_output,
		.input_room = input_room,
		.arg = m,
	};
	int rc;

	if (!m->cfg->console)
		return 0;
	/* On the hub's engine: input is handed over on its thread. */
	rc = virtio_console_create(&m->console, &options, m->mem,
				   m->io_threads[0].engine, err);
	if (rc)
		return rc;
	console_hub_set_input(m->hub, CONSOLE_HVC0, console_take_input, m);
	return plug(m, m->console, err);
}

static int add_rng(struct machine *m, struct err *err)
{
	const struct vm_rate *limit = &m->cfg->rng.limit;
	struct virtio_rng_options options = {
		.name = "rng0",
		.queue_size = RNG_QUEUE_SIZE,
	};
	struct virtio_device *dev;
	int rc;

	if (!m->cfg->rng.enable)
		return 0;
	rate_limit_init(&options.limit, limit->ops, limit->bytes,
			limit->ops_burst, limit->bytes_burst);
	rc = virtio_rng_create(&dev, &options, m->mem, next_engine(m), err);
	return rc ? rc : plug(m, dev, err);
}

static void on_disk_error(void *arg, const struct virtio_blk_error *error)
{
	struct machine *m = arg;

	m->events.disk_error(m->events.opaque, error->device,
			     blk_op_name(error->op), error->sector,
			     -error->error);
}

static int add_disk(struct machine *m, size_t index, struct err *err)
{
	const struct vm_disk *disk = &m->cfg->disks[index];
	struct virtio_blk_options options = {
		.fd = disk->fd,
		.serial = disk->serial,
		.writethrough = disk->cache == VM_CACHE_WRITETHROUGH,
		.block_size = disk->block_size,
		.queues = disk->queues,
		.queue_size = (uint16_t)disk->queue_size,
		.on_error = on_disk_error,
		.opaque = m,
	};
	struct virtio_device *dev;
	char name[32];
	int rc;

	(void)snprintf(name, sizeof(name), "disk%zu", index);
	options.name = name;
	rate_limit_init(&options.limit, disk->limit.ops, disk->limit.bytes,
			disk->limit.ops_burst, disk->limit.bytes_burst);
	rc = virtio_blk_create(&dev, &options, m->mem, next_engine(m), err);
	if (rc)
		return err_prefix(err, "disk %s", disk->path);
	m->disks[index] = m->num_virtio;
	return plug(m, dev, err);
}

static int add_net(struct machine *m, size_t index, struct err *err)
{
	const struct vm_net *net = &m->cfg->nets[index];
	const struct vm_rate *limit = &net->limit;
	struct virtio_net_options options = {
		.mtu = net->mtu,
		.queue_size = NET_QUEUE_SIZE,
	};
	struct virtio_device *dev;
	char name[32];
	int rc;

	(void)snprintf(name, sizeof(name), "net%zu", index);
	options.name = name;
	memcpy(options.mac, net->mac, sizeof(options.mac));
	rate_limit_init(&options.limit, limit->ops, limit->bytes,
			limit->ops_burst, limit->bytes_burst);
	rc = net->type == VM_NET_TAP
		     ? net_tap_create(&options.backend, net->fd, err)
		     : net_passt_create(&options.backend, net->fd, err);
	if (rc)
		return err_prefix(err, "%s", name);
	rc = virtio_net_create(&dev, &options, m->mem, next_engine(m), err);
	if (rc) {
		options.backend->ops->destroy(options.backend);
		return err_prefix(err, "%s", name);
	}
	return plug(m, dev, err);
}

static int add_share(struct machine *m, size_t index, struct err *err)
{
	const struct vm_share *share = &m->cfg->shares[index];
	struct virtio_fs_options options = {
		.tag = share->tag,
		.fd = share->fd,
		.queue_size = FS_QUEUE_SIZE,
	};
	struct virtio_device *dev;
	char name[32];
	int rc;

	(void)snprintf(name, sizeof(name), "share%zu", index);
	options.name = name;
	rc = virtio_fs_create(&dev, &options, m->mem, next_engine(m), err);
	return rc ? rc : plug(m, dev, err);
}

static int add_vsock(struct machine *m, struct err *err)
{
	const struct virtio_vsock_options options = {
		.name = "vsock0",
		.guest_cid = m->cfg->vsock.cid,
		.path = m->cfg->vsock.path,
		.queue_size = VSOCK_QUEUE_SIZE,
	};
	struct virtio_device *dev;
	int rc;

	if (!options.guest_cid)
		return 0;
	rc = virtio_vsock_create(&dev, &options, m->mem, next_engine(m), err);
	return rc ? rc : plug(m, dev, err);
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
	for (size_t i = 0; i < m->cfg->num_disks && !rc; i++)
		rc = add_disk(m, i, err);
	if (!rc)
		rc = add_console(m, err);
	for (size_t i = 0; i < m->cfg->num_nets && !rc; i++)
		rc = add_net(m, i, err);
	for (size_t i = 0; i < m->cfg->num_shares && !rc; i++)
		rc = add_share(m, i, err);
	if (!rc)
		rc = add_vsock(m, err);
	if (!rc)
		rc = add_rng(m, err);
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
	struct virtio_device *dev = m->virtio[m->disks[index]].dev;
	int rc = virtio_blk_resize(dev, size, err);

	if (!rc)
		*new_size = virtio_blk_size(dev);
	return rc;
}

int machine_attach_console(struct machine *m, struct err *err)
{
	return console_hub_attach(m->hub, err);
}

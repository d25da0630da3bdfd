/* platform.c - exit code, reset, sleep, pvpanic, i8042 reset command. */
#include "platform.h"

#include "macros.h"

#include <stddef.h>
#include <string.h>

/* ACPI 6.4, 4.8.3.7: SLP_TYP in bits 2-4, SLP_EN in bit 5. */
#define SLEEP_TYPE(value) ((value) >> 2 & 7)
#define SLEEP_ENABLE 0x20
#define SLEEP_TYPE_S5 5

/* Events of the pvpanic device, as its specification in QEMU numbers them. */
#define PVPANIC_PANICKED 0x1
#define PVPANIC_CRASH_LOADED 0x2

/* The keyboard controller is not there, but its reset command is what kernels
 * and loaders without ACPI use to reset (reboot=k). Its status says for ever
 * that a byte is to be read, which makes Linux give up probing at once, and
 * never that it is busy, for which a reset would wait. */
#define I8042_COMMAND 0x64
#define I8042_RESET 0xfe
#define I8042_STATUS_STUCK 0x01

/* Nor is there a CMOS clock. One that reads as zeros (no 24-hour mode, no
 * update in progress) is given up at once by kernels that ACPI does not tell
 * so; one that reads as all ones is waited for, 8 seconds by Linux. */
#define CMOS_INDEX 0x70
#define CMOS_PORTS 2

static void write_exit(void *dev, uint64_t offset, const void *data,
		       unsigned int len)
{
	struct platform *p = dev;

	(void)offset;
	(void)len;
	p->request(p->opaque, PLATFORM_EXIT, *(const uint8_t *)data);
}

static void write_reset(void *dev, uint64_t offset, const void *data,
			unsigned int len)
{
	struct platform *p = dev;

	(void)offset;
	(void)len;
	if (*(const uint8_t *)data == p->desc->reset_value)
		p->request(p->opaque, PLATFORM_RESET, 0);
}

static void write_sleep_control(void *dev, uint64_t offset, const void *data,
				unsigned int len)
{
	struct platform *p = dev;
	uint8_t value = *(const uint8_t *)data;

	(void)offset;
	(void)len;
	if (value & SLEEP_ENABLE && SLEEP_TYPE(value) == SLEEP_TYPE_S5)
		p->request(p->opaque, PLATFORM_POWEROFF, 0);
}

static void read_zero(void *dev, uint64_t offset, void *data, unsigned int len)
{
	(void)dev;
	(void)offset;
	memset(data, 0, len);
}

static void read_pvpanic(void *dev, uint64_t offset, void *data,
			 unsigned int len)
{
	(void)dev;
	(void)offset;
	memset(data, 0, len);
	*(uint8_t *)data = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void write_pvpanic(void *dev, uint64_t offset, const void *data,
			  unsigned int len)
{
	struct platform *p = dev;
	uint8_t events = *(const uint8_t *)data;

	(void)offset;
	(void)len;
	if (events & PVPANIC_PANICKED)
		p->request(p->opaque, PLATFORM_PANIC, events);
	else if (events & PVPANIC_CRASH_LOADED)
		p->request(p->opaque, PLATFORM_CRASH_LOADED, events);
}

static void read_i8042(void *dev, uint64_t offset, void *data, unsigned int len)
{
	(void)dev;
	(void)offset;
	memset(data, I8042_STATUS_STUCK, len);
}

static void write_i8042(void *dev, uint64_t offset, const void *data,
			unsigned int len)
{
	struct platform *p = dev;

	(void)offset;
	(void)len;
	if (*(const uint8_t *)data == I8042_RESET)
		p->request(p->opaque, PLATFORM_RESET, 0);
}

static const struct io_bus_ops exit_ops = {.read = read_zero,
					   .write = write_exit};
static const struct io_bus_ops reset_ops = {.read = read_zero,
					    .write = write_reset};
static const struct io_bus_ops sleep_control_ops = {
	.read = read_zero, .write = write_sleep_control};
static const struct io_bus_ops sleep_status_ops = {.read = read_zero};
static const struct io_bus_ops cmos_ops = {.read = read_zero};
static const struct io_bus_ops pvpanic_ops = {.read = read_pvpanic,
					      .write = write_pvpanic};
static const struct io_bus_ops i8042_ops = {.read = read_i8042,
					    .write = write_i8042};

int platform_add(struct platform *p, struct io_bus *pio, struct err *err)
{
	const struct machine_device i8042 = {.base = I8042_COMMAND, .size = 1};
	const struct machine_device cmos = {.base = CMOS_INDEX,
					    .size = CMOS_PORTS};
	const struct {
		const struct machine_device *where;
		const struct io_bus_ops *ops;
	} ports[] = {
		{&p->desc->exit, &exit_ops},
		{&p->desc->reset, &reset_ops},
		{&p->desc->sleep_control, &sleep_control_ops},
		{&p->desc->sleep_status, &sleep_status_ops},
		{&p->desc->pvpanic, &pvpanic_ops},
		{&i8042, &i8042_ops},
		{&cmos, &cmos_ops},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		int rc;

		if (!ports[i].where->size)
			continue;
		rc = io_bus_add(pio, ports[i].where->base, ports[i].where->size,
				ports[i].ops, p, err);
		if (rc)
			return rc;
	}
	return 0;
}

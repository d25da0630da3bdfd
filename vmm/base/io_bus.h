/*
 * io_bus.h - dispatch of port and MMIO accesses to device models.
 *
 * Filled by the control thread, sealed before vCPUs run, then an immutable
 * sorted array that every vCPU thread reads without a lock. The ops run on the
 * thread of the vCPU that made the access.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct io_bus_ops - how a device answers; const, one per device class
 * @read:  fill @data with @len bytes (1, 2, 4 or 8) at @offset into the range
 * @write: the guest wrote @len bytes at @offset into the range
 *
 * @data is a private copy in guest byte order; @offset + @len stays in range.
 */
struct io_bus_ops {
	void (*read)(void *dev, uint64_t offset, void *data, unsigned int len);
	void (*write)(void *dev, uint64_t offset, const void *data,
		      unsigned int len);
};

struct io_bus;

/** io_bus_create() - make an empty bus. Return: 0 or -ENOMEM. */
int io_bus_create(struct io_bus **out, struct err *err);

/** io_bus_destroy() - free; accepts NULL. Devices are not touched. */
void io_bus_destroy(struct io_bus *bus);

/**
 * io_bus_add() - claim [@base, @base + @len) for a device
 * @ops: must outlive the bus; either op may be NULL (reads give all ones)
 * @dev: passed to the ops, owned by the caller
 *
 * Return: 0, -EEXIST if the range overlaps another, -EINVAL if it is empty or
 * wraps, -EBUSY after io_bus_seal().
 */
int io_bus_add(struct io_bus *bus, uint64_t base, uint64_t len,
	       const struct io_bus_ops *ops, void *dev, struct err *err);

/** io_bus_seal() - sort the ranges and allow look-ups; call once. */
void io_bus_seal(struct io_bus *bus);

/**
 * io_bus_read() - a vCPU reads @len bytes at @addr
 * Return: true if a device claimed the whole range; false leaves @data all
 * ones.
 */
bool io_bus_read(const struct io_bus *bus, uint64_t addr, void *data,
		 unsigned int len);

/**
 * io_bus_write() - a vCPU writes @len bytes at @addr
 * Return: true if a device claimed the whole range; false drops the write.
 */
bool io_bus_write(const struct io_bus *bus, uint64_t addr, const void *data,
		  unsigned int len);

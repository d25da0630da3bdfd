/* io_bus.c - sorted ranges, binary search. */
#include "io_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct io_range {
	uint64_t base;
	uint64_t len;
	const struct io_bus_ops *ops;
	void *dev;
};

struct io_bus {
	struct io_range *ranges;
	size_t count;
	bool sealed;
};

int io_bus_create(struct io_bus **out, struct err *err)
{
	struct io_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return err_set(err, -ENOMEM, "io bus");
	*out = bus;
	return 0;
}

void io_bus_destroy(struct io_bus *bus)
{
	if (!bus)
		return;
	free(bus->ranges);
	free(bus);
}

int io_bus_add(struct io_bus *bus, uint64_t base, uint64_t len,
	       const struct io_bus_ops *ops, void *dev, struct err *err)
{
	struct io_range *grown;

	if (bus->sealed)
		return err_setx(err, -EBUSY, "io bus: sealed");
	if (!len || base > UINT64_MAX - len)
		return err_setx(err, -EINVAL, "io bus: bad range");
	for (size_t i = 0; i < bus->count; i++) {
		const struct io_range *r = &bus->ranges[i];

		if (base < r->base + r->len && r->base < base + len)
			return err_setx(err, -EEXIST,
					"io bus: %#llx overlaps %#llx",
					(unsigned long long)base,
					(unsigned long long)r->base);
	}
	grown = reallocarray(bus->ranges, bus->count + 1, sizeof(*grown));
	if (!grown)
		return err_set(err, -ENOMEM, "io bus");
	bus->ranges = grown;
	bus->ranges[bus->count++] = (struct io_range){
		.base = base, .len = len, .ops = ops, .dev = dev};
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct io_range *left = a, *right = b;

	return left->base < right->base ? -1 : left->base > right->base;
}

void io_bus_seal(struct io_bus *bus)
{
	if (bus->count)
		qsort(bus->ranges, bus->count, sizeof(*bus->ranges),
		      compare_ranges);
	bus->sealed = true;
}

static const struct io_range *find_range(const struct io_bus *bus,
					 uint64_t addr, unsigned int len)
{
	size_t low = 0, high = bus->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct io_range *r = &bus->ranges[mid];

		if (addr < r->base)
			high = mid;
		else if (addr - r->base >= r->len)
			low = mid + 1;
		else
			return len <= r->len - (addr - r->base) ? r : NULL;
	}
	return NULL;
}

bool io_bus_read(const struct io_bus *bus, uint64_t addr, void *data,
		 unsigned int len)
{
	const struct io_range *r = find_range(bus, addr, len);

	memset(data, 0xff, len);
	if (!r)
		return false;
	if (r->ops->read)
		r->ops->read(r->dev, addr - r->base, data, len);
	return true;
}

bool io_bus_write(const struct io_bus *bus, uint64_t addr, const void *data,
		  unsigned int len)
{
	const struct io_range *r = find_range(bus, addr, len);

	if (!r)
		return false;
	if (r->ops->write)
		r->ops->write(r->dev, addr - r->base, data, len);
	return true;
}

/*
 * fuzz_guest_mem.c - address translation: a sequence of (gpa, len), each a
 * little-endian u64, on 4 MiB of RAM around a hole. What is translated must lie
 * inside one region.
 */
#include "guest_mem.h"
#include "macros.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_mem *memory(void)
{
	static struct guest_mem *gm;
	const struct guest_mem_config cfg = {
		.size = MIB(4),
		.hole_start = MIB(2),
		.hole_end = GIB(4),
	};

	if (!gm && guest_mem_create(&gm, &cfg, NULL))
		abort();
	return gm;
}

static bool inside_a_region(const struct guest_mem *gm, uint64_t gpa,
			    const struct iovec *iov)
{
	const struct guest_mem_region *regions;
	unsigned int count = guest_mem_regions(gm, &regions);

	for (unsigned int i = 0; i < count; i++) {
		const struct guest_mem_region *r = &regions[i];
		const uint8_t *start = iov->iov_base;

		if (start < r->host || start >= r->host + r->size)
			continue;
		return (uint64_t)(start - r->host) == gpa - r->gpa &&
		       iov->iov_len <= (size_t)(r->host + r->size - start);
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct guest_mem *gm = memory();
	uint64_t range[2];

	for (; size >= sizeof(range); size -= sizeof(range)) {
		struct iovec iov = {0};
		int rc;

		memcpy(range, data, sizeof(range));
		data += sizeof(range);
		rc = guest_mem_slice(gm, range[0], range[1], &iov);
		if (!rc)
			assert(iov.iov_len == range[1] && range[1] &&
			       inside_a_region(gm, range[0], &iov));
		else
			assert(!iov.iov_base);
	}
	return 0;
}

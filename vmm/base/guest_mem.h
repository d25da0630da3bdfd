/*
 * guest_mem.h - guest RAM and the only translation from guest-physical
 * addresses to host pointers.
 *
 * Built once before vCPUs run, then immutable: any thread may translate.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum guest_mem_kind {
	GUEST_MEM_PRIVATE,   /* anonymous, private: the default */
	GUEST_MEM_SHARED,    /* memfd, mapped shared */
	GUEST_MEM_HUGEPAGES, /* memfd on hugetlbfs, reserved when created */
};

/**
 * struct guest_mem_config - what memory to make
 * @size:       bytes of RAM, multiple of 2 MiB (of @page_size if larger)
 * @hole_start: first guest-physical address RAM must not cover
 * @hole_end:   where RAM goes on above the hole
 * @kind:       see enum guest_mem_kind
 * @page_size:  hugepage size in bytes (2 MiB or 1 GiB), hugepages only
 * @prefault:   populate every page before returning
 * @locked:     mlock, needs RLIMIT_MEMLOCK
 * @mergeable:  MADV_MERGEABLE (KSM); private memory only
 */
struct guest_mem_config {
	uint64_t size;
	uint64_t hole_start;
	uint64_t hole_end;
	enum guest_mem_kind kind;
	uint64_t page_size;
	bool prefault;
	bool locked;
	bool mergeable;
};

/**
 * struct guest_mem_region - one contiguous piece of RAM
 * @gpa:       guest-physical start
 * @size:      bytes
 * @host:      where it is mapped in this process
 * @fd:        memfd behind it, -1 for private memory; owned by guest_mem
 * @fd_offset: offset of @host in @fd
 */
struct guest_mem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
	int fd;
	uint64_t fd_offset;
};

struct guest_mem;

/**
 * guest_mem_create() - allocate guest RAM
 *
 * RAM starts at 0, is cut at @hole_start and continues at @hole_end.
 *
 * Return: 0 and *out (release with guest_mem_destroy()); -EINVAL for a
 * combination that cannot work, -ENOMEM or mmap's errno otherwise.
 */
int guest_mem_create(struct guest_mem **out, const struct guest_mem_config *cfg,
		     struct err *err);

/** guest_mem_destroy() - unmap and free; accepts NULL. */
void guest_mem_destroy(struct guest_mem *gm);

/** guest_mem_regions() - the regions in ascending gpa order; valid as long as
 * @gm. Return: their number. */
unsigned int guest_mem_regions(const struct guest_mem *gm,
			       const struct guest_mem_region **out);

/**
 * guest_mem_slice() - translate a guest range
 * @gpa: guest-physical start, untrusted
 * @len: bytes, untrusted; 0 is refused
 * @iov: set to the host range
 *
 * Return: 0, or -EFAULT unless the whole range lies inside one region.
 */
int guest_mem_slice(const struct guest_mem *gm, uint64_t gpa, uint64_t len,
		    struct iovec *iov);

/** guest_mem_read() - copy @len bytes out of the guest. Return: 0 or -EFAULT.
 */
int guest_mem_read(const struct guest_mem *gm, uint64_t gpa, void *dst,
		   size_t len);

/** guest_mem_write() - copy @len bytes into the guest. Return: 0 or -EFAULT. */
int guest_mem_write(const struct guest_mem *gm, uint64_t gpa, const void *src,
		    size_t len);

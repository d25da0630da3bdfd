/* guest_mem.c - guest RAM: two regions around the hole below 4 GiB. */
#include "guest_mem.h"

#include "macros.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGIONS_MAX 2
#define GUEST_PAGE_SIZE MIB(2) /* granule of RAM; keeps THP and EPT aligned */

/**
 * struct guest_mem - the mapping and its regions
 * @map:      start of the one mapping that holds all RAM
 * @map_size: its bytes
 * @fd:       memfd or -1
 */
struct guest_mem {
	uint8_t *map;
	uint64_t map_size;
	int fd;
	unsigned int count;
	struct guest_mem_region regions[REGIONS_MAX];
};

static int check_config(const struct guest_mem_config *cfg, struct err *err)
{
	uint64_t granule = GUEST_PAGE_SIZE;

	if (cfg->kind == GUEST_MEM_HUGEPAGES) {
		if (cfg->page_size != MIB(2) && cfg->page_size != GIB(1))
			return err_setx(err, -EINVAL,
					"memory: hugepage size must be 2M or "
					"1G");
		granule = cfg->page_size;
	}
	if (!cfg->size || cfg->size % granule)
		return err_setx(err, -EINVAL,
				"memory: size must be a multiple of %lluM",
				(unsigned long long)(granule >> 20));
	/* Tried: MADV_MERGEABLE on a memfd returns 0 and merges nothing. */
	if (cfg->mergeable && cfg->kind != GUEST_MEM_PRIVATE)
		return err_setx(err, -EINVAL,
				"memory: mergeable needs private memory");
	if (cfg->mergeable && cfg->locked)
		return err_setx(err, -EINVAL,
				"memory: locked pages cannot be merged");
	return 0;
}

/* Reserve a range aligned for huge mappings, then put the memory on top. */
static int map_aligned(struct guest_mem *gm, const struct guest_mem_config *cfg,
		       int flags)
{
	uint64_t align = cfg->kind == GUEST_MEM_HUGEPAGES ? cfg->page_size
							  : GUEST_PAGE_SIZE;
	uint64_t span = cfg->size + align;
	uint8_t *base, *start;

	base = mmap(NULL, span, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	start = (uint8_t *)ALIGN_UP((uintptr_t)base, align);
	if (mmap(start, cfg->size, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		 gm->fd, 0) == MAP_FAILED) {
		int rc = -errno;

		(void)munmap(base, span); /* our own mapping */
		return rc;
	}
	if (start > base)
		(void)munmap(base, (size_t)(start - base));
	if (base + span > start + cfg->size)
		(void)munmap(start + cfg->size,
			     (size_t)(base + span - (start + cfg->size)));
	gm->map = start;
	gm->map_size = cfg->size;
	return 0;
}

static int open_memfd(struct guest_mem *gm, const struct guest_mem_config *cfg,
		      struct err *err)
{
	unsigned int flags = MFD_CLOEXEC;

	if (cfg->kind == GUEST_MEM_HUGEPAGES)
		flags |=
			MFD_HUGETLB | (cfg->page_size == GIB(1) ? MFD_HUGE_1GB
								: MFD_HUGE_2MB);
	gm->fd = memfd_create("lwx-ram", flags);
	if (gm->fd < 0)
		return err_set(err, -errno, "memory: memfd_create");
	if (ftruncate(gm->fd, (off_t)cfg->size))
		return err_set(err, -errno, "memory: size of memfd");
	return 0;
}

/*
 * Fewer faults, fewer pages to pin for a direct transfer. KSM merges small
 * pages only. A kernel without huge pages refuses: as well.
 *
 * But for the lowest one: of it a guest is given some small pages of boot data
 * and seldom uses more, and clearing the rest is a good part of what a short VM
 * costs. Nor is it to become one later: memory in use would grow by it.
 */
static void advise_huge(struct guest_mem *gm)
{
	(void)madvise(gm->map, GUEST_PAGE_SIZE, MADV_NOHUGEPAGE);
	(void)madvise(gm->map + GUEST_PAGE_SIZE, gm->map_size - GUEST_PAGE_SIZE,
		      MADV_HUGEPAGE);
}

static int map_ram(struct guest_mem *gm, const struct guest_mem_config *cfg,
		   struct err *err)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	int rc;

	if (cfg->kind != GUEST_MEM_PRIVATE) {
		rc = open_memfd(gm, cfg, err);
		if (rc)
			return rc;
		flags = MAP_SHARED;
	}
	/* Without NORESERVE the kernel reserves the hugepages here, so a pool
	 * that is too small fails now and not as SIGBUS in the guest. */
	rc = map_aligned(gm, cfg, flags);
	if (rc == -ENOMEM && cfg->kind == GUEST_MEM_HUGEPAGES)
		return err_setx(err, rc,
				"memory: not enough free %lluM hugepages: "
				"raise nr_hugepages",
				(unsigned long long)(cfg->page_size >> 20));
	if (rc)
		return err_set(err, rc, "memory: map %llu MiB",
			       (unsigned long long)(cfg->size >> 20));
	/* Guest secrets do not belong in our core dumps. */
	if (madvise(gm->map, gm->map_size, MADV_DONTDUMP))
		return err_set(err, -errno, "memory: MADV_DONTDUMP");
	if (cfg->mergeable && madvise(gm->map, gm->map_size, MADV_MERGEABLE))
		return err_set(err, -errno,
			       "memory: mergeable (kernel without KSM?)");
	if (cfg->kind == GUEST_MEM_PRIVATE && !cfg->mergeable)
		advise_huge(gm);
	if (cfg->prefault &&
	    madvise(gm->map, gm->map_size, MADV_POPULATE_WRITE))
		return err_set(err, -errno, "memory: prefault");
	if (cfg->locked && mlock(gm->map, gm->map_size))
		return err_set(err, -errno,
			       "memory: locked (raise RLIMIT_MEMLOCK)");
	return 0;
}

static void add_region(struct guest_mem *gm, uint64_t gpa, uint64_t offset,
		       uint64_t size)
{
	gm->regions[gm->count++] = (struct guest_mem_region){
		.gpa = gpa,
		.size = size,
		.host = gm->map + offset,
		.fd = gm->fd,
		.fd_offset = offset,
	};
}

int guest_mem_create(struct guest_mem **out, const struct guest_mem_config *cfg,
		     struct err *err)
{
	struct guest_mem *gm;
	uint64_t low;
	int rc;

	rc = check_config(cfg, err);
	if (rc)
		return rc;
	gm = calloc(1, sizeof(*gm));
	if (!gm)
		return err_set(err, -ENOMEM, "memory");
	gm->fd = -1;
	rc = map_ram(gm, cfg, err);
	if (rc) {
		guest_mem_destroy(gm);
		return rc;
	}
	low = MIN(cfg->size, cfg->hole_start);
	add_region(gm, 0, 0, low);
	if (cfg->size > low)
		add_region(gm, cfg->hole_end, low, cfg->size - low);
	*out = gm;
	return 0;
}

void guest_mem_destroy(struct guest_mem *gm)
{
	if (!gm)
		return;
	if (gm->map)
		(void)munmap(gm->map, gm->map_size); /* our own mapping */
	if (gm->fd >= 0)
		(void)close(gm->fd);
	free(gm);
}

unsigned int guest_mem_regions(const struct guest_mem *gm,
			       const struct guest_mem_region **out)
{
	*out = gm->regions;
	return gm->count;
}

int guest_mem_slice(const struct guest_mem *gm, uint64_t gpa, uint64_t len,
		    struct iovec *iov)
{
	for (unsigned int i = 0; i < gm->count; i++) {
		const struct guest_mem_region *region = &gm->regions[i];
		uint64_t offset = gpa - region->gpa;

		/* As subtractions: the guest picks both, a sum may wrap. */
		if (gpa < region->gpa || offset >= region->size)
			continue;
		if (!len || len > region->size - offset)
			return -EFAULT;
		iov->iov_base = region->host + offset;
		iov->iov_len = len;
		return 0;
	}
	return -EFAULT;
}

int guest_mem_read(const struct guest_mem *gm, uint64_t gpa, void *dst,
		   size_t len)
{
	struct iovec iov;

	if (guest_mem_slice(gm, gpa, len, &iov))
		return -EFAULT;
	memcpy(dst, iov.iov_base, len);
	return 0;
}

int guest_mem_write(const struct guest_mem *gm, uint64_t gpa, const void *src,
		    size_t len)
{
	struct iovec iov;

	if (guest_mem_slice(gm, gpa, len, &iov))
		return -EFAULT;
	memcpy(iov.iov_base, src, len);
	return 0;
}

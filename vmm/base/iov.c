/* iov.c - see iov.h. */
#include "iov.h"

#include "macros.h"

#include <string.h>

uint64_t iov_len(const struct iovec *iov, unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* The part of @entry behind @skip, at most @len bytes; @skip is used up. */
static struct iovec part_of(const struct iovec *entry, uint64_t *skip,
			    size_t len)
{
	uint64_t cut = MIN(*skip, (uint64_t)entry->iov_len);

	*skip -= cut;
	return (struct iovec){
		.iov_base = (uint8_t *)entry->iov_base + cut,
		.iov_len = MIN(entry->iov_len - (size_t)cut, len),
	};
}

size_t iov_gather(const struct iovec *iov, unsigned int count, uint64_t skip,
		  void *dst, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < count && done < len; i++) {
		struct iovec part = part_of(&iov[i], &skip, len - done);

		if (part.iov_len == 0)
			continue;
		memcpy((uint8_t *)dst + done, part.iov_base, part.iov_len);
		done += part.iov_len;
	}
	return done;
}

size_t iov_scatter(const struct iovec *iov, unsigned int count, uint64_t skip,
		   const void *src, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < count && done < len; i++) {
		struct iovec part = part_of(&iov[i], &skip, len - done);

		if (part.iov_len == 0)
			continue;
		memcpy(part.iov_base, (const uint8_t *)src + done,
		       part.iov_len);
		done += part.iov_len;
	}
	return done;
}

uint64_t iov_advance(struct iovec **iov, unsigned int *count, uint64_t bytes)
{
	uint64_t left = bytes;

	while (*count > 0 && left > 0) {
		struct iovec *first = *iov;

		if (left < first->iov_len) {
			first->iov_base = (uint8_t *)first->iov_base + left;
			first->iov_len -= (size_t)left;
			return bytes;
		}
		left -= first->iov_len;
		(*iov)++;
		(*count)--;
	}
	return bytes - left;
}

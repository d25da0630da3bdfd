/*
 * iov.h - walking an array of iovecs: gather, scatter, drop from the front.
 *
 * Pure, no allocation; any thread. Entries of length 0 are allowed anywhere.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/** iov_len() - Return: bytes in all @count entries. */
uint64_t iov_len(const struct iovec *iov, unsigned int count);

/**
 * iov_gather() - copy bytes out of an iovec array
 * @skip: bytes to leave out at the front
 * @len:  bytes wanted
 *
 * Return: bytes copied; fewer than @len only when the array ends.
 */
size_t iov_gather(const struct iovec *iov, unsigned int count, uint64_t skip,
		  void *dst, size_t len);

/**
 * iov_scatter() - copy bytes into an iovec array
 * @skip: bytes to leave out at the front
 * @len:  bytes to place
 *
 * Return: bytes copied; fewer than @len only when the array ends.
 */
size_t iov_scatter(const struct iovec *iov, unsigned int count, uint64_t skip,
		   const void *src, size_t len);

/**
 * iov_advance() - drop @bytes from the front
 * @iov:   moved past entries used up; the entry that is cut is changed
 * @count: lowered accordingly
 *
 * Return: bytes dropped; fewer than @bytes only when the array ends.
 */
uint64_t iov_advance(struct iovec **iov, unsigned int *count, uint64_t bytes);

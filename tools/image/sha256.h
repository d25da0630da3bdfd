/*
 * sha256.h - SHA-256 of a stream and its text forms; one thread per object.
 */
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32U
#define SHA256_HEX_SIZE 65U /* with NUL */

struct sha256;

/** sha256_create() - start a sum. Return: 0 or -ENOMEM with @err. */
int sha256_create(struct sha256 **out, struct err *err);

/** sha256_destroy() - NULL is fine. */
void sha256_destroy(struct sha256 *sum);

/** sha256_update() - add @size bytes. */
void sha256_update(struct sha256 *sum, const void *bytes, size_t size);

/** sha256_final() - the sum of all bytes since creation or the last final; the
 * object starts anew. */
void sha256_final(struct sha256 *sum, uint8_t digest[SHA256_SIZE]);

/** sha256_bytes() - the sum of one buffer. */
void sha256_bytes(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE]);

/** sha256_fd() - the sum of a whole regular file, its position untouched.
 * Return: 0 or a negative errno with @err. */
int sha256_fd(int fd, uint8_t digest[SHA256_SIZE], struct err *err);

/** sha256_file() - the sum of the file @path as text. Return: as sha256_fd(),
 * or open's. */
int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct err *err);

/** sha256_hex() - lower-case hexadecimal with NUL. */
void sha256_hex(const uint8_t digest[SHA256_SIZE], char hex[SHA256_HEX_SIZE]);

/** sha256_parse() - from exactly 64 lower-case hexadecimal digits. Return: 0 or
 * -EINVAL. */
int sha256_parse(const char *hex, uint8_t digest[SHA256_SIZE]);

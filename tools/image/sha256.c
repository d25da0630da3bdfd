/*
 * sha256.c - SHA-256 by libcrypto. See sha256.h.
 */
#include "sha256.h"

#include "cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>

#define READ_SIZE (1U << 16)

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* With a valid context the digest calls cannot fail. */
static void must(int ok)
{
	assert(ok == 1);
	(void)ok;
}

int sha256_create(struct sha256 **out, struct err *err)
{
	struct sha256 *sum = calloc(1, sizeof(*sum));

	if (sum)
		sum->ctx = EVP_MD_CTX_new();
	if (!sum || !sum->ctx ||
	    EVP_DigestInit_ex(sum->ctx, EVP_sha256(), NULL) != 1) {
		sha256_destroy(sum);
		return err_set(err, -ENOMEM, "SHA-256");
	}
	*out = sum;
	return 0;
}

void sha256_destroy(struct sha256 *sum)
{
	if (!sum)
		return;
	EVP_MD_CTX_free(sum->ctx);
	free(sum);
}

void sha256_update(struct sha256 *sum, const void *bytes, size_t size)
{
	must(EVP_DigestUpdate(sum->ctx, bytes, size));
}

void sha256_final(struct sha256 *sum, uint8_t digest[SHA256_SIZE])
{
	must(EVP_DigestFinal_ex(sum->ctx, digest, NULL));
	must(EVP_DigestInit_ex(sum->ctx, EVP_sha256(), NULL));
}

void sha256_bytes(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE])
{
	must(EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL));
}

int sha256_fd(int fd, uint8_t digest[SHA256_SIZE], struct err *err)
{
	struct sha256 *sum = NULL;
	AUTO_FREE char *buf = malloc(READ_SIZE);
	off_t at = 0;
	ssize_t n;
	int rc;

	if (!buf)
		return err_set(err, -ENOMEM, "SHA-256");
	rc = sha256_create(&sum, err);
	if (rc)
		return rc;
	while ((n = pread(fd, buf, READ_SIZE, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = err_set(err, -errno, "read");
			break;
		}
		sha256_update(sum, buf, (size_t)n);
		at += n;
	}
	if (!rc)
		sha256_final(sum, digest);
	sha256_destroy(sum);
	return rc;
}

int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t digest[SHA256_SIZE];
	int rc = fd < 0 ? err_set(err, -errno, "%s", path)
			: sha256_fd(fd, digest, err);

	if (!rc)
		sha256_hex(digest, hex);
	return rc;
}

void sha256_hex(const uint8_t digest[SHA256_SIZE], char hex[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_SIZE; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[SHA256_HEX_SIZE - 1] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int sha256_parse(const char *hex, uint8_t digest[SHA256_SIZE])
{
	if (strlen(hex) != SHA256_HEX_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/*
 * fuzz_vsock_connect.c - the CONNECT line of a host's client: any bytes.
 */
#include "vsock_unix.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t port = 0;
	int rc = vsock_unix_parse_connect((const char *)data, size, &port);

	if (rc == 0 && (size < sizeof("connect 1") - 1 || port == UINT32_MAX))
		abort();
	return 0;
}

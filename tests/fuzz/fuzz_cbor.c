/*
 * fuzz_cbor.c - messages of the control protocol and VM configurations.
 *
 * Every message is read as each of them; what is taken as a configuration must
 * come back from its own encoding.
 */
#include "cbor_rw.h"
#include "macros.h"
#include "vm_config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walk everything by its own shape, as a client does that prints a reply. */
static void read_any(struct cbor_reader *r)
{
	struct cbor_reader items;
	size_t num, len;

	switch (cbor_peek(r)) {
	case CBOR_KIND_ARRAY:
		for (num = cbor_read_array(r, SIZE_MAX, &items); num; num--)
			read_any(&items);
		assert(!cbor_present(&items));
		break;
	case CBOR_KIND_MAP:
		for (num = cbor_read_pairs(r, &items); num; num--) {
			cbor_skip(&items);
			read_any(&items);
		}
		assert(!cbor_present(&items));
		break;
	case CBOR_KIND_TEXT:
		free(cbor_read_strdup(r, 64));
		break;
	case CBOR_KIND_BYTES:
		(void)cbor_read_bytes(r, &len);
		break;
	case CBOR_KIND_BOOL:
		(void)cbor_read_bool(r);
		break;
	default:
		(void)cbor_read_int(r, INT64_MIN, INT64_MAX);
		break;
	}
}

static void read_config(const uint8_t *data, size_t size)
{
	static uint8_t first[CBOR_MESSAGE_MAX], second[CBOR_MESSAGE_MAX];
	static struct vm_config cfg, copy;
	struct err err;
	int len;

	if (!vm_config_decode(&cfg, data, size, &err)) {
		len = vm_config_encode(&cfg, first, sizeof(first), &err);
		assert(len > 0);
		assert(!vm_config_decode(&copy, first, (size_t)len, &err));
		assert(vm_config_encode(&copy, second, sizeof(second), &err) ==
		       len);
		assert(!memcmp(first, second, (size_t)len));
		vm_config_fini(&copy);
	}
	vm_config_fini(&cfg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"name", "message", "seq"};
	struct cbor_reader r, values[ARRAY_SIZE(keys)];
	struct err err;
	size_t i;

	if (!cbor_reader_init(&r, data, size, &err))
		read_any(&r);
	if (!cbor_reader_init(&r, data, size, &err)) {
		cbor_read_map(&r, keys, ARRAY_SIZE(keys), values);
		for (i = 0; i < ARRAY_SIZE(keys); i++)
			if (cbor_present(&values[i]))
				read_any(&values[i]);
	}
	read_config(data, size);
	return 0;
}

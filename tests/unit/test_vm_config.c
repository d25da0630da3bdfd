/* test_vm_config.c - a VM's configuration as CBOR, and what cannot work. */
#include "cbor_rw.h"
#include "macros.h"
#include "vm_config.h"
#include "vm_schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[CBOR_MESSAGE_MAX];

/* The smallest that passes the checks. */
static struct vm_config *minimal(void)
{
	struct vm_config *cfg = malloc(sizeof(*cfg));

	assert_non_null(cfg);
	vm_config_init(cfg);
	cfg->name = strdup("web1");
	cfg->boot.kernel = strdup("/vmlinuz");
	return cfg;
}

static void release(struct vm_config *cfg)
{
	vm_config_fini(cfg);
	free(cfg);
}

/* Encode and decode; the copy is the caller's. */
static struct vm_config *round_trip(const struct vm_config *cfg)
{
	struct vm_config *copy = malloc(sizeof(*copy));
	struct err err = {0};
	int len = vm_config_encode(cfg, bytes, sizeof(bytes), &err);

	assert_non_null(copy);
	assert_true(len > 0);
	if (vm_config_decode(copy, bytes, (size_t)len, &err))
		fail_msg("%s", err.msg);
	return copy;
}

static void test_defaults(void **state)
{
	struct vm_config *cfg = minimal();

	(void)state;
	assert_int_equal(cfg->vcpus, 1);
	assert_int_equal(cfg->memory.size, MIB(256));
	assert_int_equal(cfg->memory.page_size, MIB(2));
	assert_int_equal(cfg->io_threads, 1);
	assert_int_equal(cfg->poll_us, 0);
	assert_int_equal(cfg->stop_grace, 30);
	assert_true(cfg->serial && cfg->console && cfg->rng.enable);
	assert_int_equal(cfg->boot.kernel_fd, -1);
	assert_int_equal(cfg->boot.initrd_fd, -1);
	assert_int_equal(cfg->console_log_fd, -1);
	assert_int_equal(cfg->disks[VM_DISKS_MAX - 1].fd, -1);
	assert_int_equal(cfg->disks[0].queue_size, 256);
	assert_int_equal(cfg->disks[0].block_size, 512);
	assert_int_equal(cfg->nets[VM_NETS_MAX - 1].fd, -1);
	assert_int_equal(cfg->restart, VM_RESTART_NO);
	assert_int_equal(cfg->on_reboot, VM_REBOOT_RESTART);
	release(cfg);
}

/* A legal value other than the default for every row of the table. */
static void fill(const struct schema_group *group, void *base);

static const char *sample_text(const struct schema_field *field)
{
	static const char *const samples[] = {
		[SCHEMA_TEXT] = "-xxxxxx",
		[SCHEMA_NAME] = "n.1-a_b",
		[SCHEMA_PATH] = "/a b",
		[SCHEMA_UUID] = "6c1c7e3e-0b52-4a7e-9a55-0c7b8f3d2e11",
		[SCHEMA_CIDR] = "10.20.0.1/24",
		[SCHEMA_MAC] = "52:54:00:00:00:01",
	};

	return field->type == SCHEMA_WORD ? field->words[0]
					  : samples[field->type];
}

static int64_t sample_number(const struct schema_field *field)
{
	int64_t value = field->min ? field->min : 1;

	if (field->words)
		return field->max; /* of the sizes listed, the last */
	if (field->step && value % field->step)
		value = field->step;
	return value == field->def ? value * 2 : value;
}

static void fill_field(const struct schema_field *field, void *base)
{
	struct err err = {0};
	int rc = 0;

	switch (field->type) {
	case SCHEMA_BOOL:
		schema_set_bool(field, base, !field->def);
		break;
	case SCHEMA_ENUM:
		rc = schema_set_text(field, base,
				     field->words[field->words[1] ? 1 : 0],
				     &err);
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
	case SCHEMA_SIZE:
	case SCHEMA_FD:
		rc = schema_set_int(field, base, sample_number(field), &err);
		break;
	case SCHEMA_GROUP:
		fill(field->group, (char *)base + field->offset);
		break;
	case SCHEMA_GROUPS:
		fill(field->group, schema_append_group(field, base, &err));
		fill(field->group, schema_append_group(field, base, &err));
		break;
	case SCHEMA_TEXTS:
		rc = schema_append_text(field, base, "-xx", &err);
		break;
	case SCHEMA_INTS:
		rc = schema_append_int(field, base, 3, &err);
		break;
	default:
		rc = schema_set_text(field, base, sample_text(field), &err);
		break;
	}
	if (rc)
		fail_msg("%s: %s", field->key, err.msg);
}

static void fill(const struct schema_group *group, void *base)
{
	size_t i;

	assert_non_null(base);
	for (i = 0; i < group->num; i++)
		if (group->fields[i].flags & SCHEMA_WIRE)
			fill_field(&group->fields[i], base);
}

/* Is every field of the table on the wire, and does it come back? The second
 * encoding tells: what was lost or changed would be missing in it. */
static void test_every_field_comes_back(void **state)
{
	struct vm_config *cfg = minimal(), *copy = malloc(sizeof(*copy));
	static uint8_t again[CBOR_MESSAGE_MAX];
	struct cbor_reader r;
	struct err err;
	int len;

	(void)state;
	assert_non_null(copy);
	vm_config_fini(cfg);
	vm_config_init(cfg);
	fill(&vm_schema, cfg);
	len = vm_config_encode(cfg, bytes, sizeof(bytes), &err);
	assert_true(len > 0);

	/* Not vm_config_decode(): this much together cannot work. */
	vm_config_init(copy);
	assert_int_equal(cbor_reader_init(&r, bytes, (size_t)len, &err), 0);
	schema_decode(&vm_schema, copy, &r);
	if (err.code)
		fail_msg("%s", err.msg);
	assert_int_equal(vm_config_encode(copy, again, sizeof(again), &err),
			 len);
	assert_memory_equal(again, bytes, (size_t)len);

	assert_int_equal(copy->num_disks, 2);
	assert_string_equal(copy->disks[1].path, "/a b");
	assert_true(copy->disks[1].readonly && copy->disks[1].direct);
	assert_int_equal(copy->disks[1].limit.bytes_burst, 1024);
	assert_int_equal(copy->disks[1].fd, 1);
	assert_int_equal(copy->nets[0].type, VM_NET_PASST);
	assert_int_equal(copy->nets[0].mac[5], 1);
	assert_true(copy->nets[0].has_mac);
	assert_int_equal(copy->boot.initrd_fd, 1);
	assert_int_equal(copy->pin[0], 3);
	assert_int_equal(copy->memory.kind, GUEST_MEM_SHARED);
	assert_false(copy->rng.enable);
	release(cfg);
	release(copy);
}

static void test_hash_ignores_fds_only(void **state)
{
	struct vm_config *cfg = minimal(), *copy = round_trip(cfg);
	char a[VM_CONFIG_HASH_SIZE], b[VM_CONFIG_HASH_SIZE];
	struct err err;

	(void)state;
	cfg->boot.kernel_fd = 7;
	assert_int_equal(vm_config_hash(cfg, a, &err), 0);
	assert_int_equal(vm_config_hash(copy, b, &err), 0);
	assert_string_equal(a, b);
	copy->memory.locked = true;
	assert_int_equal(vm_config_hash(copy, b, &err), 0);
	assert_string_not_equal(a, b);
	release(cfg);
	release(copy);
}

/* Decode what @edit made of a minimal configuration; expect @message. */
static void expect_refused(void (*edit)(struct vm_config *),
			   const char *message)
{
	struct vm_config *cfg = minimal(), *copy = malloc(sizeof(*copy));
	struct err err;
	int len;

	assert_non_null(copy);
	edit(cfg);
	len = vm_config_encode(cfg, bytes, sizeof(bytes), &err);
	assert_true(len > 0);
	assert_true(vm_config_decode(copy, bytes, (size_t)len, &err) < 0);
	assert_string_equal(err.msg, message);
	release(cfg);
	release(copy);
}

static void edit_no_name(struct vm_config *cfg)
{
	free(cfg->name);
	cfg->name = NULL;
}

static void edit_vcpus(struct vm_config *cfg)
{
	cfg->vcpus = 65;
}

static void edit_memory(struct vm_config *cfg)
{
	cfg->memory.size = MIB(33);
}

static void edit_merge(struct vm_config *cfg)
{
	cfg->memory.mergeable = true;
	cfg->memory.kind = GUEST_MEM_SHARED;
}

static void edit_no_kernel(struct vm_config *cfg)
{
	free(cfg->boot.kernel);
	cfg->boot.kernel = NULL;
}

static void edit_topology(struct vm_config *cfg)
{
	cfg->topology = (struct vm_topology){2, 2, 1};
}

static void edit_disk(struct vm_config *cfg)
{
	cfg->num_disks = 1;
	cfg->disks[0].path = strdup("/d");
}

static void test_decode_refuses(void **state)
{
	(void)state;
	expect_refused(edit_no_name, "name: missing: each vm has one");
	expect_refused(edit_vcpus,
		       "vcpus: 65: need a whole number from 1 to 64");
	expect_refused(edit_memory,
		       "memory: 33M: need a size such as \"512M\", from 32M to "
		       "1T in steps of 2M");
	expect_refused(edit_merge,
		       "mergeable: KSM merges private memory only: set "
		       "memory_kind = \"private\", or mergeable = false");
	expect_refused(edit_no_kernel, "boot.kernel: missing: name a kernel, "
				       "or a uki, to start");
	expect_refused(edit_topology,
		       "topology: 2 sockets x 2 cores x 1 threads are 4 CPUs, "
		       "but vcpus is 1");
	expect_refused(edit_disk, "format: missing: each disk has one");
}

static void test_decode_survives_noise(void **state)
{
	struct vm_config *cfg = minimal(), *copy = malloc(sizeof(*copy));
	static uint8_t noise[CBOR_MESSAGE_MAX];
	struct err err;
	int len, i, flip;

	(void)state;
	assert_non_null(copy);
	vm_config_fini(cfg);
	vm_config_init(cfg);
	fill(&vm_schema, cfg);
	len = vm_config_encode(cfg, bytes, sizeof(bytes), &err);
	assert_true(len > 0);
	for (i = 0; i < len; i++) {
		assert_true(vm_config_decode(copy, bytes, (size_t)i, &err) < 0);
		vm_config_fini(copy);
		for (flip = 1; flip < 256; flip <<= 1) {
			memcpy(noise, bytes, (size_t)len);
			noise[i] = (uint8_t)(noise[i] ^ flip);
			(void)vm_config_decode(copy, noise, (size_t)len, &err);
			vm_config_fini(copy);
		}
	}
	free(copy);
	release(cfg);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		int rc;
	} cases[] = {
		{"8G", GIB(8), 0},
		{"1T", GIB(1024), 0},
		{"512", 512, 0},
		{"4K", KIB(4), 0},
		{"0", 0, 0},
		{"9223372036854775807", INT64_MAX, 0},
		{"9223372036854775808", 0, -EINVAL},
		{"8388608T", 0, -EINVAL},
		{"8g", 0, -EINVAL},
		{"8 G", 0, -EINVAL},
		{"8GB", 0, -EINVAL},
		{"-1", 0, -EINVAL},
		{"", 0, -EINVAL},
		{"G", 0, -EINVAL},
		{"1.5G", 0, -EINVAL},
		{"99999999999999999999999", 0, -EINVAL},
	};
	uint64_t value;
	char text[24];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		value = 0;
		if (schema_parse_size(cases[i].text, &value) != cases[i].rc ||
		    value != cases[i].bytes)
			fail_msg("size %s", cases[i].text);
	}
	assert_string_equal(schema_format_size(MIB(1536), text, sizeof(text)),
			    "1536M");
	assert_string_equal(schema_format_size(0, text, sizeof(text)), "0");
}

static void test_suggestions(void **state)
{
	(void)state;
	assert_string_equal(schema_suggest(&vm_schema, "vcpu", SCHEMA_FILE),
			    "vcpus");
	assert_string_equal(schema_suggest(&vm_schema, "memroy", SCHEMA_FILE),
			    "memory");
	assert_null(schema_suggest(&vm_schema, "flavour", SCHEMA_FILE));
	assert_null(schema_suggest(&vm_schema, "nam", SCHEMA_DEFAULTS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_field_comes_back),
		cmocka_unit_test(test_hash_ignores_fds_only),
		cmocka_unit_test(test_decode_refuses),
		cmocka_unit_test(test_decode_survives_noise),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_cbor_rw.c - what the bounded CBOR reader takes, refuses and survives. */
#include "cbor_rw.h"
#include "macros.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A message made by the writer, and a reader that stands at it. */
struct message {
	uint8_t bytes[512];
	int len;
	struct err err;
	struct cbor_reader reader;
};

static void message_read(struct message *m, struct cbor_writer *w)
{
	m->len = cbor_writer_finish(w);
	assert_true(m->len > 0);
	assert_int_equal(
		cbor_reader_init(&m->reader, m->bytes, (size_t)m->len, &m->err),
		0);
}

static int try_bytes(const char *bytes, size_t len, struct err *err)
{
	struct cbor_reader r;

	return cbor_reader_init(&r, bytes, len, err);
}

static void test_scalars_come_back(void **state)
{
	static const int64_t ints[] = {
		0,   23,    24,	    255,  256,	   -1,	      -24,
		-25, 65536, -65537, -256, 1 << 20, INT64_MAX, INT64_MIN};
	struct message m;
	struct cbor_writer w;
	struct cbor_reader items;
	char text[8];
	size_t i, len;

	(void)state;
	cbor_writer_init(&w, m.bytes, sizeof(m.bytes));
	cbor_write_array_begin(&w);
	for (i = 0; i < ARRAY_SIZE(ints); i++)
		cbor_write_int(&w, ints[i]);
	cbor_write_uint(&w, UINT64_MAX);
	cbor_write_bool(&w, true);
	cbor_write_bool(&w, false);
	cbor_write_text(&w, "h\xc3\xa9llo");
	cbor_write_bytes(&w, "\0\1", 2);
	cbor_write_array_end(&w);
	message_read(&m, &w);

	assert_int_equal(cbor_read_array(&m.reader, 99, &items),
			 ARRAY_SIZE(ints) + 5);
	for (i = 0; i < ARRAY_SIZE(ints); i++)
		assert_true(cbor_read_int(&items, INT64_MIN, INT64_MAX) ==
			    ints[i]);
	assert_true(cbor_read_uint(&items, 0, UINT64_MAX) == UINT64_MAX);
	assert_true(cbor_read_bool(&items));
	assert_false(cbor_read_bool(&items));
	cbor_read_string(&items, text, sizeof(text));
	assert_string_equal(text, "h\xc3\xa9llo");
	assert_memory_equal(cbor_read_bytes(&items, &len), "\0\1", 2);
	assert_int_equal(len, 2);
	assert_int_equal(m.err.code, 0);
	assert_false(cbor_present(&items));
	assert_false(cbor_present(&m.reader));
}

static void test_malformed_is_refused(void **state)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
	} cases[] = {
		{"empty", "", 0},
		{"cut uint", "\x19\x01", 2},
		{"cut text",
		 "\x63"
		 "ab",
		 3},
		{"array of 2^30", "\x9a\x40\x00\x00\x00", 5},
		{"array of 2^63", "\x9b\x80\x00\x00\x00\x00\x00\x00\x00", 9},
		{"map of 2^63",
		 "\xbb\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12},
		{"map of 2^63, which twice is 0",
		 "\xbb\x80\x00\x00\x00\x00\x00\x00\x00", 9},
		{"text of 2^64-1", "\x7b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
		{"map without value",
		 "\xa1\x61"
		 "a",
		 3},
		{"indefinite array", "\x9f\xff", 2},
		{"indefinite map", "\xbf\xff", 2},
		{"indefinite text",
		 "\x7f\x61"
		 "a\xff",
		 4},
		{"indefinite bytes",
		 "\x5f\x41"
		 "a\xff",
		 4},
		{"break", "\xff", 1},
		{"tag", "\xc0\x00", 2},
		{"half", "\xf9\x00\x00", 3},
		{"float", "\xfa\x00\x00\x00\x00", 5},
		{"double", "\xfb\x00\x00\x00\x00\x00\x00\x00\x00", 9},
		{"null", "\xf6", 1},
		{"undefined", "\xf7", 1},
		{"simple", "\xe0", 1},
		{"reserved", "\x1c", 1},
		{"trailing", "\x00\x00", 2},
		{"NUL in text", "\x61\x00", 2},
		{"lone continuation", "\x61\x80", 2},
		{"overlong", "\x62\xc0\xaf", 3},
		{"overlong 3", "\x63\xe0\x80\xaf", 4},
		{"surrogate", "\x63\xed\xa0\x80", 4},
		{"beyond Unicode", "\x64\xf4\x90\x80\x80", 5},
		{"cut sequence", "\x61\xc3", 2},
		{"nine deep", "\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00", 10},
	};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (try_bytes(cases[i].bytes, cases[i].len, &err) != -EBADMSG)
			fail_msg("%s: taken", cases[i].what);
	assert_int_equal(
		try_bytes("\x81\x81\x81\x81\x81\x81\x81\x81\x00", 9, &err), 0);
	assert_int_equal(try_bytes("\x64\xf4\x8f\xbf\xbf", 5, &err), 0);
}

static void test_size_limit(void **state)
{
	/* a byte string that fills the rest */
	static const uint8_t head[] = {0x59, 0xff, 0xfd};
	size_t max = CBOR_MESSAGE_MAX + 1;
	char *bytes = calloc(1, max);
	struct err err;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, head, sizeof(head));
	assert_int_equal(try_bytes(bytes, CBOR_MESSAGE_MAX, &err), 0);
	assert_int_equal(try_bytes(bytes, max, &err), -EMSGSIZE);
	free(bytes);
}

static const char *const keys[] = {"name", "count", "list"};

static void test_map_by_table(void **state)
{
	struct message m;
	struct cbor_writer w;
	struct cbor_reader v[ARRAY_SIZE(keys)], items;

	(void)state;
	cbor_writer_init(&w, m.bytes, sizeof(m.bytes));
	cbor_write_map_begin(&w);
	cbor_write_text(&w, "list");
	cbor_write_array_begin(&w);
	cbor_write_text(&w, "a");
	cbor_write_text(&w, "b");
	cbor_write_array_end(&w);
	cbor_write_text(&w, "count");
	cbor_write_uint(&w, 7);
	cbor_write_map_end(&w);
	message_read(&m, &w);

	cbor_read_map(&m.reader, keys, ARRAY_SIZE(keys), v);
	assert_false(cbor_present(&v[0]));
	assert_int_equal(cbor_read_uint(&v[1], 0, 10), 7);
	assert_int_equal(cbor_read_array(&v[2], 2, &items), 2);
	assert_int_equal(cbor_read_enum(&items, keys, 0), 0);
	assert_string_equal(m.err.msg, "list: unknown word \"a\"");
	assert_int_equal(m.err.code, -EBADMSG);
}

static void expect_map_error(const char *bytes, size_t len, const char *message)
{
	struct cbor_reader r, v[ARRAY_SIZE(keys)];
	struct err err;

	assert_int_equal(cbor_reader_init(&r, bytes, len, &err), 0);
	cbor_read_map(&r, keys, ARRAY_SIZE(keys), v);
	assert_string_equal(err.msg, message);
	assert_int_equal(err.code, -EBADMSG);
}

static void test_map_keys_are_checked(void **state)
{
	(void)state;
	expect_map_error("\xa1\x63nam\x00", 6, "message: unknown key \"nam\"");
	expect_map_error("\xa2\x64name\x00\x64name\x00", 13,
			 "message: key \"name\" twice");
	expect_map_error("\xa1\x01\x00", 3,
			 "message: need text, not an unsigned number");
	expect_map_error("\x80", 1, "message: need a map, not an array");
}

static void test_first_error_sticks(void **state)
{
	struct cbor_reader r, v[ARRAY_SIZE(keys)];
	struct err err;
	char text[4] = "old";
	size_t len;

	(void)state;
	assert_int_equal(cbor_reader_init(&r,
					  "\xa2\x64name\x63"
					  "abc\x65"
					  "count\x18\x64",
					  18, &err),
			 0);
	cbor_read_map(&r, keys, ARRAY_SIZE(keys), v);
	assert_int_equal(cbor_read_uint(&v[1], 0, 99), 0);
	assert_string_equal(err.msg, "count: 100 is not in 0 to 99");
	cbor_read_string(&v[0], text, sizeof(text));
	assert_string_equal(text, "");
	assert_string_equal(cbor_read_text(&v[0], &len), "");
	assert_null(cbor_read_strdup(&v[0], 9));
	assert_int_equal(cbor_read_int(&v[1], 0, 999), 0);
	assert_false(cbor_present(&v[0]));
	cbor_reader_fail(&r, "later");
	assert_string_equal(err.msg, "count: 100 is not in 0 to 99");
}

static void test_missing_and_too_long(void **state)
{
	struct cbor_reader r, v[ARRAY_SIZE(keys)];
	struct err err;
	char text[3];

	(void)state;
	assert_int_equal(cbor_reader_init(&r, "\xa1\x64name\x63xyz", 10, &err),
			 0);
	cbor_read_map(&r, keys, ARRAY_SIZE(keys), v);
	cbor_read_string(&v[0], text, sizeof(text));
	assert_string_equal(err.msg, "name: text of 3 bytes: at most 2");
	assert_string_equal(text, "");

	err = (struct err){0};
	(void)cbor_read_bool(&v[1]);
	assert_string_equal(err.msg, "count: missing, need true or false");
}

static void test_writer_overflow_sticks(void **state)
{
	struct message m;
	struct cbor_writer w;
	size_t size;
	int need = 0;

	(void)state;
	for (size = sizeof(m.bytes); size-- > 0;) {
		memset(m.bytes, 0xaa, sizeof(m.bytes));
		cbor_writer_init(&w, m.bytes, size);
		cbor_write_map_begin(&w);
		cbor_write_text(&w, "name");
		cbor_write_array_begin(&w);
		cbor_write_int(&w, -70000);
		cbor_write_bytes(&w, "12345678", 8);
		cbor_write_array_end(&w);
		cbor_write_text(&w, "count");
		cbor_write_bool(&w, true);
		cbor_write_map_end(&w);
		m.len = cbor_writer_finish(&w);
		assert_int_equal(m.bytes[size], 0xaa);
		if (m.len > 0)
			need = m.len;
		else
			assert_int_equal(m.len, -EMSGSIZE);
		assert_int_equal(m.len > 0, size >= (size_t)need);
	}
	assert_true(need > 0);
}

static void test_pairs_and_nested_items(void **state)
{
	struct message m;
	struct cbor_writer w;
	struct cbor_reader items, r;
	struct err err;
	const uint8_t *nested;
	size_t len;

	(void)state;
	cbor_writer_init(&w, m.bytes, sizeof(m.bytes));
	cbor_write_map_begin(&w);
	cbor_write_text(&w, "x");
	cbor_write_item(&w, "\x82\x01\x02", 3);
	cbor_write_text(&w, "y");
	cbor_write_uint(&w, 3);
	cbor_write_map_end(&w);
	message_read(&m, &w);

	assert_int_equal(cbor_read_pairs(&m.reader, &items), 2);
	(void)cbor_read_text(&items, &len);
	assert_int_equal(cbor_peek(&items), CBOR_KIND_ARRAY);
	nested = cbor_item_bytes(&items, &len);
	assert_memory_equal(nested, "\x82\x01\x02", 3);
	assert_int_equal(cbor_reader_init(&r, nested, len, &err), 0);
	cbor_skip(&items);
	assert_int_equal(cbor_peek(&items), CBOR_KIND_UINT);
	assert_int_equal(cbor_read_uint(&items, 3, 3), 3);
	assert_int_equal(cbor_peek(&items), CBOR_KIND_NONE);
	assert_int_equal(m.err.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars_come_back),
		cmocka_unit_test(test_malformed_is_refused),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_map_by_table),
		cmocka_unit_test(test_map_keys_are_checked),
		cmocka_unit_test(test_first_error_sticks),
		cmocka_unit_test(test_missing_and_too_long),
		cmocka_unit_test(test_writer_overflow_sticks),
		cmocka_unit_test(test_pairs_and_nested_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

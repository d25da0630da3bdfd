/* test_agent_proto.c - messages of a guest's agent, and CBOR without libcbor.
 */
#include "agent_proto.h"
#include "cbor_head.h"
#include "macros.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cbor_plain.c, compiled under other names. */
bool plain_head_decode(const uint8_t *pos, const uint8_t *end,
		       struct cbor_head *head);
size_t plain_head_encode(enum cbor_kind kind, uint64_t value, uint8_t *buf,
			 size_t size);

static void test_round_trip(void **state)
{
	static const char argv[] = "ls\0-l\0\xff\xfe";
	uint8_t buf[256];
	struct agent_message in, out;
	struct err err;
	char **list;
	int len;

	(void)state;
	agent_message_init(&in, AGENT_EXEC);
	agent_put_bytes(&in, AGENT_ARGV, argv, sizeof(argv));
	agent_put_string(&in, AGENT_DIR, "/tmp");
	agent_put_number(&in, AGENT_TTY, 1);
	len = agent_message_encode(&in, buf, sizeof(buf));
	assert_true(len > AGENT_HEAD_SIZE);
	assert_int_equal(agent_message_length(buf), len - AGENT_HEAD_SIZE);
	assert_int_equal(agent_message_decode(&out, buf + AGENT_HEAD_SIZE,
					      (size_t)len - AGENT_HEAD_SIZE,
					      &err),
			 0);
	assert_int_equal(out.type, AGENT_EXEC);
	assert_int_equal(out.present, in.present);
	assert_string_equal(out.values[AGENT_DIR].bytes, "/tmp");
	assert_int_equal(out.values[AGENT_DIR].len, 4);
	assert_int_equal(out.values[AGENT_TTY].number, 1);
	assert_false(agent_has(&out, AGENT_ENV));
	assert_int_equal(agent_strings(&out.values[AGENT_ARGV], &list), 3);
	assert_string_equal(list[0], "ls");
	assert_string_equal(list[2], "\xff\xfe");
	assert_null(list[3]);
	free(list);
	assert_int_equal(agent_message_encode(&in, buf, (size_t)len - 1),
			 -EMSGSIZE);
}

/* Items that are well-formed CBOR and no message. */
static void test_what_is_refused(void **state)
{
#define ITEM(text)                                                             \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} items[] = {
		ITEM("\x80"),
		ITEM("\x83\x02\x63"
		     "end\xa0"), /* version */
		ITEM("\x83\x01\x63"
		     "enx\xa0"), /* type */
		ITEM("\x84\x01\x63"
		     "end\xa0\x00"), /* four items */
		ITEM("\x83\x01\x63"
		     "end\xa1\x63"
		     "pid\x01"), /* not its key */
		ITEM("\x83\x01\x63"
		     "end\xa1\x63"
		     "pix\x01"), /* no key */
		ITEM("\x83\x01\x64"
		     "exec\xa0"), /* a key is missing */
		ITEM("\x83\x01\x63"
		     "get\xa1\x64"
		     "path\x41"
		     "a"), /* no NUL */
		ITEM("\x83\x01\x63"
		     "get\xa1\x64"
		     "path\x43"
		     "a\0\0"),
		ITEM("\x83\x01\x63"
		     "get\xa1\x64"
		     "path\x62"
		     "a\0"), /* text */
		ITEM("\x83\x01\x63"
		     "get\xa1\x64"
		     "path\x40"),
		ITEM("\x83\x01\x66"
		     "signal\xa1\x66"
		     "signal\x18\x41"), /* 65 */
		ITEM("\x83\x01\x66"
		     "signal\xa1\x66"
		     "signal\x20"),
		ITEM("\x83\x01\x64"
		     "exec\xa1\x64"
		     "argv\x41"
		     "a"),
	};
	struct agent_message msg;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		assert_int_equal(agent_message_decode(
					 &msg, (const uint8_t *)items[i].bytes,
					 items[i].len, &err),
				 -EBADMSG);
		assert_true(err.msg[0]);
	}
}

static void test_lengths(void **state)
{
	static const struct {
		uint8_t head[AGENT_HEAD_SIZE];
		int len;
	} cases[] = {
		{{0, 0, 0, 0}, -EMSGSIZE},    {{0, 0, 0, 1}, 1},
		{{0, 1, 0, 0}, 65536},	      {{0, 1, 0, 1}, -EMSGSIZE},
		{{0x80, 0, 0, 0}, -EMSGSIZE}, {{255, 255, 255, 255}, -EMSGSIZE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(agent_message_length(cases[i].head),
				 cases[i].len);
}

static void compare_heads(const uint8_t *bytes, size_t len)
{
	struct cbor_head ours = {0}, theirs = {0};
	bool taken = plain_head_decode(bytes, bytes + len, &ours);

	assert_int_equal(taken, cbor_head_decode(bytes, bytes + len, &theirs));
	if (!taken)
		return;
	assert_int_equal(ours.kind, theirs.kind);
	assert_true(ours.value == theirs.value);
	assert_ptr_equal(ours.data, theirs.data);
	assert_int_equal(ours.len, theirs.len);
	assert_int_equal(ours.read, theirs.read);
}

/* Every first byte, with arguments of all lengths, whole and cut off. */
static void test_plain_takes_what_libcbor_takes(void **state)
{
	static const uint8_t fills[] = {0x00, 0x01, 0x17, 0x18, 0x7f, 0xff};

	(void)state;
	for (unsigned int first = 0; first < 256; first++)
		for (size_t f = 0; f < ARRAY_SIZE(fills); f++)
			for (size_t len = 0; len <= 40; len++) {
				uint8_t *bytes = malloc(len + 1);

				assert_non_null(bytes);
				memset(bytes, fills[f], len + 1);
				bytes[0] = (uint8_t)first;
				if (len > 2)
					bytes[len - 2] = 9;
				compare_heads(bytes, len);
				free(bytes);
			}
}

static void test_plain_writes_what_libcbor_writes(void **state)
{
	static const enum cbor_kind kinds[] = {
		CBOR_KIND_UINT, CBOR_KIND_NEGATIVE, CBOR_KIND_BYTES,
		CBOR_KIND_TEXT, CBOR_KIND_BOOL,
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (unsigned int shift = 0; shift < 64; shift++)
			for (int delta = -1; delta <= 1; delta++)
				for (size_t size = 0; size <= 9; size++) {
					uint64_t value =
						(UINT64_C(1) << shift) +
						(uint64_t)(int64_t)delta;
					uint8_t a[9] = {0}, b[9] = {0};
					size_t n = plain_head_encode(
						kinds[k], value, a, size);

					if (kinds[k] == CBOR_KIND_BOOL)
						value = value != 0;
					assert_int_equal(
						n, cbor_head_encode(kinds[k],
								    value, b,
								    size));
					assert_memory_equal(a, b, n);
				}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_plain_takes_what_libcbor_takes),
		cmocka_unit_test(test_plain_writes_what_libcbor_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

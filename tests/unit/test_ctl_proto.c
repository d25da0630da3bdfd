/* test_ctl_proto.c - messages of the control protocol, and the event ring. */
#include "ctl_proto.h"
#include "event_log.h"
#include "macros.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_request_round_trip(void **state)
{
	struct ctl_message in = {
		.kind = CTL_REQUEST,
		.id = 7,
		.name = "disk.resize",
		.fields = {CTL_FIELD_TEXT("disk", "dis\xc3\xa9"),
			   CTL_FIELD_UINT("size", UINT64_MAX),
			   CTL_FIELD_BOOL("force", true),
			   CTL_FIELD_TEXT("empty", "")},
		.num_fields = 4,
	};
	struct ctl_message out;
	struct err err;
	uint8_t buf[256];
	int len;

	(void)state;
	len = ctl_message_encode(&in, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(ctl_message_decode(&out, buf, (size_t)len, &err), 0);
	assert_int_equal(out.kind, CTL_REQUEST);
	assert_int_equal(out.id, 7);
	assert_string_equal(out.name, "disk.resize");
	assert_int_equal(out.num_fields, 4);
	assert_string_equal(ctl_message_text(&out, "disk"), "dis\xc3\xa9");
	assert_true(ctl_message_uint(&out, "size", 0) == UINT64_MAX);
	assert_true(ctl_message_bool(&out, "force", false));
	assert_string_equal(ctl_message_text(&out, "empty"), "");
	/* A field of another type counts as absent. */
	assert_null(ctl_message_text(&out, "size"));
	assert_int_equal(ctl_message_uint(&out, "disk", 5), 5);
	assert_true(ctl_message_bool(&out, "absent", true));
}

static void test_kinds_are_told_apart(void **state)
{
	struct ctl_message in = {.kind = CTL_REPLY, .id = 3, .status = EPERM};
	struct ctl_message out;
	struct err err;
	uint8_t buf[64];
	int len;

	(void)state;
	len = ctl_message_encode(&in, buf, sizeof(buf));
	assert_int_equal(ctl_message_decode(&out, buf, (size_t)len, &err), 0);
	assert_int_equal(out.kind, CTL_REPLY);
	assert_int_equal(out.status, EPERM);
	assert_int_equal(out.id, 3);
	in = (struct ctl_message){.kind = CTL_EVENT, .name = "vm.started"};
	len = ctl_message_encode(&in, buf, sizeof(buf));
	assert_int_equal(ctl_message_decode(&out, buf, (size_t)len, &err), 0);
	assert_int_equal(out.kind, CTL_EVENT);
	assert_string_equal(out.name, "vm.started");
}

static void test_encode_knows_its_room(void **state)
{
	struct ctl_message in = {.kind = CTL_EVENT, .name = "vm.started"};
	uint8_t buf[64];
	int len;

	(void)state;
	len = ctl_message_encode(&in, buf, sizeof(buf));
	assert_int_equal(ctl_message_encode(&in, buf, (size_t)len), len);
	assert_int_equal(ctl_message_encode(&in, buf, (size_t)len - 1),
			 -EMSGSIZE);
}

#define BYTES(...)                                                             \
	(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* [1, 9, "a", ...] */
#define HEAD 0x84, 0x01, 0x09, 0x61, 'a'

static const struct {
	const char *what;
	const uint8_t *bytes;
	size_t len;
	uint32_t id;
} malformed[] = {
	{"nothing", BYTES(0x80), 0},
	{"array of 3", BYTES(0x83, 0x01, 0x09, 0x61, 'a'), 0},
	{"array of 5", BYTES(0x85, 0x01, 0x09, 0x61, 'a', 0xa0, 0x00), 0},
	{"array of 2^30", BYTES(0x9a, 0x40, 0x00, 0x00, 0x00), 0},
	{"endless array", BYTES(0x9f, 0x01, 0x09, 0x61, 'a', 0xa0, 0xff), 0},
	{"version 2", BYTES(0x84, 0x02, 0x09, 0x61, 'a', 0xa0), 0},
	{"id is a text", BYTES(0x84, 0x01, 0x61, '9', 0x61, 'a', 0xa0), 0},
	{"id of 33 bits",
	 BYTES(0x84, 0x01, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 0x61, 'a', 0xa0), 0},
	{"empty name", BYTES(0x84, 0x01, 0x09, 0x60, 0xa0), 9},
	{"errno of 4096", BYTES(0x84, 0x01, 0x09, 0x19, 0x10, 0x00, 0xa0), 9},
	{"map of 2^30", BYTES(HEAD, 0xba, 0x40, 0x00, 0x00, 0x00), 0},
	{"arguments are an array", BYTES(HEAD, 0x80), 9},
	{"key is a number", BYTES(HEAD, 0xa1, 0x01, 0x01), 9},
	{"nested value", BYTES(HEAD, 0xa1, 0x61, 'k', 0xa0), 9},
	{"negative value", BYTES(HEAD, 0xa1, 0x61, 'k', 0x20), 9},
	{"bytes", BYTES(HEAD, 0xa1, 0x61, 'k', 0x41, 0x00), 9},
	{"NUL in a text", BYTES(HEAD, 0xa1, 0x61, 'k', 0x61, 0x00), 0},
	{"not UTF-8", BYTES(HEAD, 0xa1, 0x61, 'k', 0x61, 0xff), 0},
	{"duplicate key", BYTES(HEAD, 0xa2, 0x61, 'k', 0x01, 0x61, 'k', 0x02),
	 9},
	{"bytes behind it", BYTES(HEAD, 0xa0, 0x00), 0},
	{"a map", BYTES(0xa0), 0},
};

static void test_malformed_messages_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct ctl_message msg;
		struct err err = {0};
		uint8_t buf[64];
		int rc;

		memcpy(buf, malformed[i].bytes, malformed[i].len);
		rc = ctl_message_decode(&msg, buf, malformed[i].len, &err);
		if (rc != -EBADMSG || !err.msg[0])
			fail_msg("%s: %d %s", malformed[i].what, rc, err.msg);
		assert_int_equal(msg.num_fields, 0);
		/* What was read of the id is there to be answered. */
		if (malformed[i].id)
			assert_int_equal(msg.id, malformed[i].id);
	}
}

static void test_truncations_are_refused(void **state)
{
	static const uint8_t whole[] = {HEAD, 0xa2, 0x61, 'k', 0x01,
					0x61, 'l',  0x62, 'x', 'y'};
	struct ctl_message msg;
	struct err err;
	uint8_t buf[64];

	(void)state;
	memcpy(buf, whole, sizeof(whole));
	assert_int_equal(ctl_message_decode(&msg, buf, sizeof(whole), &err), 0);
	assert_string_equal(ctl_message_text(&msg, "l"), "xy");
	for (size_t len = 0; len < sizeof(whole); len++) {
		memcpy(buf, whole, sizeof(whole));
		assert_int_not_equal(ctl_message_decode(&msg, buf, len, &err),
				     0);
	}
}

static void test_too_many_fields_are_refused(void **state)
{
	uint8_t buf[256] = {HEAD, 0xb8, CTL_FIELDS_MAX + 1};
	struct ctl_message msg;
	struct err err;
	size_t len = 7;

	(void)state;
	for (int i = 0; i <= CTL_FIELDS_MAX; i++) {
		buf[len++] = 0x61;
		buf[len++] = (uint8_t)('A' + i);
		buf[len++] = 0x01;
	}
	assert_int_equal(ctl_message_decode(&msg, buf, len, &err), -EBADMSG);
	buf[6] = CTL_FIELDS_MAX;
	/* Decoding rewrites the buffer: only as far as it got, not the map. */
	assert_int_equal(ctl_message_decode(&msg, buf, len - 3, &err), 0);
	assert_int_equal(msg.num_fields, CTL_FIELDS_MAX);
}

static void read_one(struct event_log *log, uint64_t *seq, uint64_t expected)
{
	struct ctl_message msg;
	struct err err;
	const uint8_t *data;
	uint8_t copy[256];
	uint64_t lost;
	size_t len;

	assert_int_equal(event_log_read(log, seq, &data, &len, &lost), 1);
	assert_int_equal(lost, 0);
	assert_true(len <= sizeof(copy));
	memcpy(copy, data, len);
	assert_int_equal(ctl_message_decode(&msg, copy, len, &err), 0);
	assert_int_equal(msg.kind, CTL_EVENT);
	assert_int_equal(ctl_message_uint(&msg, "seq", 0), expected);
	assert_true(ctl_message_uint(&msg, "time", 0) > 0);
	assert_int_equal(ctl_message_uint(&msg, "n", 0), expected);
}

static void append(struct event_log *log, uint64_t n)
{
	struct ctl_field field = CTL_FIELD_UINT("n", n);

	assert_int_equal(event_log_append(log, "test", &field, 1), n);
}

static void test_events_are_numbered_and_replayed(void **state)
{
	struct event_log *log = NULL;
	const uint8_t *data;
	uint64_t seq = 0, lost;
	size_t len;

	(void)state;
	assert_int_equal(event_log_create(&log, 4), 0);
	assert_int_equal(event_log_last(log), 0);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 0);
	for (uint64_t n = 1; n <= 4; n++)
		append(log, n);
	for (uint64_t n = 1; n <= 4; n++)
		read_one(log, &seq, n);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 0);
	append(log, 5);
	read_one(log, &seq, 5);
	event_log_destroy(log);
}

static void test_overwritten_events_are_counted(void **state)
{
	struct event_log *log = NULL;
	const uint8_t *data;
	uint64_t seq = 2, lost;
	size_t len;

	(void)state;
	assert_int_equal(event_log_create(&log, 4), 0);
	for (uint64_t n = 1; n <= 10; n++)
		append(log, n);
	/* 7 to 10 are kept; a reader that wants 2 has lost 2 to 6. */
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 1);
	assert_null(data);
	assert_int_equal(lost, 5);
	assert_int_equal(seq, 7);
	for (uint64_t n = 7; n <= 10; n++)
		read_one(log, &seq, n);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 0);
	event_log_destroy(log);
}

static void test_an_event_too_large_is_lost_not_hidden(void **state)
{
	static char huge[8192];
	struct ctl_field field = CTL_FIELD_TEXT("text", huge);
	struct event_log *log = NULL;
	const uint8_t *data;
	uint64_t seq = 0, lost;
	size_t len;

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(event_log_create(&log, 4), 0);
	append(log, 1);
	assert_int_equal(event_log_append(log, "test", &field, 1), 2);
	append(log, 3);
	read_one(log, &seq, 1);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 1);
	assert_int_equal(lost, 1);
	read_one(log, &seq, 3);
	assert_int_equal(event_log_append(log, "test", &field, 1), 4);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 1);
	assert_int_equal(lost, 1);
	assert_int_equal(event_log_read(log, &seq, &data, &len, &lost), 0);
	event_log_destroy(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_round_trip),
		cmocka_unit_test(test_kinds_are_told_apart),
		cmocka_unit_test(test_encode_knows_its_room),
		cmocka_unit_test(test_malformed_messages_are_refused),
		cmocka_unit_test(test_truncations_are_refused),
		cmocka_unit_test(test_too_many_fields_are_refused),
		cmocka_unit_test(test_events_are_numbered_and_replayed),
		cmocka_unit_test(test_overwritten_events_are_counted),
		cmocka_unit_test(test_an_event_too_large_is_lost_not_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_rate_limit.c - rates, bursts and limits of the arithmetic, fake clock.
 */
#include "macros.h"
#include "rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ULL
#define SPAN (10 * SECOND)
#define START (123456789 * SECOND)

/* Requests of @bytes that go in @SPAN if the caller always asks again at the
 * instant it was told, but up to @late_ns late. */
static uint64_t requests_in_span(struct rate_limit *limit, uint64_t bytes,
				 uint64_t late_ns)
{
	uint64_t now = START, count = 0, retry;
	uint32_t random = 1;

	while (now < START + SPAN) {
		retry = rate_limit_take(limit, now, bytes);
		if (!retry) {
			count++;
			continue;
		}
		assert_true(retry > now);
		random = random * 1664525 + 1013904223;
		now = retry + (late_ns ? random % late_ns : 0);
	}
	return count;
}

static void assert_within_percent(uint64_t got, uint64_t want)
{
	if (got * 100 < want * 99 || got * 100 > want * 101)
		fail_msg("%llu, wanted %llu", (unsigned long long)got,
			 (unsigned long long)want);
}

static const uint64_t rates[] = {10,   33,   100,   999,   1000,
				 3333, 5000, 12345, 65537, 100000};

static void test_operation_rate_is_exact(void **state)
{
	static const uint64_t late[] = {0, 60000, 2000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		for (size_t j = 0; j < ARRAY_SIZE(late); j++) {
			struct rate_limit limit;

			rate_limit_init(&limit, rates[i], 0, 0, 0);
			assert_within_percent(
				requests_in_span(&limit, 4096, late[j]),
				rates[i] * 10);
		}
}

static void test_byte_rate_is_exact(void **state)
{
	static const uint64_t sizes[] = {1, 512, 4096, 65536};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			struct rate_limit limit;

			rate_limit_init(&limit, 0, rates[i] * sizes[j], 0, 0);
			assert_within_percent(
				requests_in_span(&limit, sizes[j], 0),
				rates[i] * 10);
		}
}

static void test_the_tighter_limit_holds(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 1000, 4096 * 100, 0, 0);
	assert_within_percent(requests_in_span(&limit, 4096, 0), 1000);
	rate_limit_init(&limit, 100, 4096 * 1000, 0, 0);
	assert_within_percent(requests_in_span(&limit, 4096, 0), 1000);
}

static void test_burst_after_a_pause(void **state)
{
	struct rate_limit limit;
	uint64_t now = START;

	(void)state;
	rate_limit_init(&limit, 10, 0, 50, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 50; i++)
			assert_int_equal(rate_limit_take(&limit, now, 1), 0);
		/* Not a tick later, and not all of the burst at once. */
		assert_int_equal(rate_limit_take(&limit, now, 1),
				 now + SECOND / 10);
		assert_int_equal(rate_limit_take(&limit, now + 1, 1),
				 now + SECOND / 10);
		assert_int_equal(
			rate_limit_take(&limit, now + SECOND / 10 - 1, 1),
			now + SECOND / 10);
		assert_int_equal(rate_limit_take(&limit, now + SECOND / 10, 1),
				 0);
		now += SPAN; /* refilled, no further than the burst */
	}
}

static void test_huge_request_pays_its_debt(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 0, 1000, 0, 100);
	assert_int_equal(rate_limit_take(&limit, START, 5000), 0);
	/* 4900 in debt, and the next one wants a full bucket again. */
	assert_int_equal(rate_limit_take(&limit, START, 5000),
			 START + 5 * SECOND);
	/* A small one goes as soon as its own bytes are there. */
	assert_int_equal(rate_limit_take(&limit, START, 1),
			 START + 4901 * SECOND / 1000);
	assert_int_equal(rate_limit_take(&limit, START + 5 * SECOND, 5000), 0);
	rate_limit_init(&limit, 0, 5000, 0, 100);
	assert_within_percent(requests_in_span(&limit, 500, 0), 100);
}

static void test_extremes_do_not_overflow(void **state)
{
	struct rate_limit limit;

	(void)state;
	/* A century of idling does not add up to more than the burst. */
	rate_limit_init(&limit, 10, UINT64_MAX, 5, UINT64_MAX);
	assert_int_equal(rate_limit_take(&limit, 1, 1), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_limit_take(&limit, UINT64_MAX - SECOND,
						 UINT64_MAX / 8),
				 0);
	assert_int_equal(rate_limit_take(&limit, UINT64_MAX - SECOND, 1),
			 UINT64_MAX - SECOND + SECOND / 10);

	rate_limit_init(&limit, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	assert_int_equal(rate_limit_take(&limit, 0, UINT64_MAX), 0);
	assert_int_equal(rate_limit_take(&limit, 0, UINT64_MAX), SECOND);
	assert_int_equal(rate_limit_take(&limit, UINT64_MAX, UINT64_MAX), 0);
	assert_int_equal(rate_limit_take(&limit, UINT64_MAX, UINT64_MAX),
			 UINT64_MAX);

	/* One byte a second, all bytes there are: later than the clock goes. */
	rate_limit_init(&limit, 0, 1, 0, 0);
	assert_int_equal(rate_limit_take(&limit, START, UINT64_MAX), 0);
	assert_int_equal(rate_limit_take(&limit, START, 1), UINT64_MAX);

	/* A clock that goes back gives nothing away. */
	rate_limit_init(&limit, 1, 0, 0, 0);
	assert_int_equal(rate_limit_take(&limit, START, 1), 0);
	assert_int_equal(rate_limit_take(&limit, START - SECOND, 1), START);
	assert_int_equal(rate_limit_take(&limit, START, 1), START + SECOND);
}

static void test_no_limit(void **state)
{
	struct rate_limit limit;

	(void)state;
	rate_limit_init(&limit, 0, 0, 0, 0);
	assert_false(rate_limit_enabled(&limit));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rate_limit_take(&limit, START, UINT64_MAX), 0);
	rate_limit_init(&limit, 0, 1, 0, 0);
	assert_true(rate_limit_enabled(&limit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operation_rate_is_exact),
		cmocka_unit_test(test_byte_rate_is_exact),
		cmocka_unit_test(test_the_tighter_limit_holds),
		cmocka_unit_test(test_burst_after_a_pause),
		cmocka_unit_test(test_huge_request_pays_its_debt),
		cmocka_unit_test(test_extremes_do_not_overflow),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

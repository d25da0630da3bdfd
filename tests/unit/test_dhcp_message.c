/* test_dhcp_message.c - what lwx-run-init says and takes by DHCP. */
#include "dhcp_message.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define ID 0x12345678U
#define UDP_AT 20
#define MESSAGE_AT 28
#define OPTIONS_AT (MESSAGE_AT + 240)

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

/* An answer of passt(1), and options that we did not ask for. */
static const uint8_t options[] = {
	53,  1,	 DHCP_OFFER,				    /* kind */
	0,						    /* pad */
	1,   4,	 255,	     255, 240, 0,		    /* mask */
	3,   8,	 192,	     0,	  2,   1,   192, 0, 2,	 9, /* routers */
	6,   16, 9,	     9,	  9,   9,   8,	 8, 8,	 8, 7, 7,
	7,   7,	 6,	     6,	  6,   6,   54,	 4, 192, 0, 2, 1, /* server */
	51,  4,	 255,	     255, 255, 255, /* lease time */
	255,
};

static size_t make_answer(uint8_t *packet, const uint8_t *bytes, size_t len)
{
	static const struct dhcp_lease none = {0};
	size_t total = OPTIONS_AT + len;

	(void)dhcp_message_write(packet, DHCP_DISCOVER, mac, ID, &none);
	packet[2] = (uint8_t)(total >> 8);
	packet[3] = (uint8_t)total;
	packet[UDP_AT + 1] = 67;
	packet[UDP_AT + 3] = 68;
	packet[UDP_AT + 4] = (uint8_t)((total - UDP_AT) >> 8);
	packet[UDP_AT + 5] = (uint8_t)(total - UDP_AT);
	packet[MESSAGE_AT] = 2;
	memcpy(packet + MESSAGE_AT + 16, (uint8_t[]){192, 0, 2, 2}, 4);
	memcpy(packet + OPTIONS_AT, bytes, len);
	return total;
}

/* In memory of exactly its size, so that a sanitizer sees a step too far. */
static int read_exactly(struct dhcp_lease *lease, const uint8_t *packet,
			size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int kind;

	assert_non_null(copy);
	memcpy(copy, packet, len);
	kind = dhcp_message_read(lease, copy, len, mac, ID);
	free(copy);
	return kind;
}

static void test_an_offer(void **state)
{
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len = make_answer(packet, options, sizeof(options));
	struct dhcp_lease lease;

	(void)state;
	assert_int_equal(read_exactly(&lease, packet, len), DHCP_OFFER);
	assert_memory_equal(lease.address, ((uint8_t[]){192, 0, 2, 2}), 4);
	assert_memory_equal(lease.router, ((uint8_t[]){192, 0, 2, 1}), 4);
	assert_memory_equal(lease.server, ((uint8_t[]){192, 0, 2, 1}), 4);
	assert_int_equal(lease.prefix, 20);
	assert_int_equal(lease.num_dns, DHCP_DNS_MAX);
	assert_memory_equal(lease.dns[2], ((uint8_t[]){7, 7, 7, 7}), 4);
	/* Ethernet fills up short frames. */
	assert_int_equal(read_exactly(&lease, packet, len + 9), DHCP_OFFER);
}

static void test_cut_off(void **state)
{
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len = make_answer(packet, options, sizeof(options));
	struct dhcp_lease lease;

	(void)state;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(read_exactly(&lease, packet, i), -1);
	/* The same with lengths that fit: never more than what is there. */
	for (size_t i = 0; i < sizeof(options); i++) {
		len = make_answer(packet, options, i);
		(void)read_exactly(&lease, packet, len);
	}
}

static void test_not_for_us(void **state)
{
	static const size_t spoilt[] = {
		0,
		9,
		6,
		UDP_AT + 1,
		UDP_AT + 3,
		MESSAGE_AT,
		MESSAGE_AT + 4,	  /* transaction */
		MESSAGE_AT + 33,  /* address of the device */
		MESSAGE_AT + 236, /* cookie */
	};
	uint8_t packet[DHCP_PACKET_MAX];
	struct dhcp_lease lease;

	(void)state;
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		size_t len = make_answer(packet, options, sizeof(options));

		packet[spoilt[i]] ^= 0x21;
		assert_int_equal(read_exactly(&lease, packet, len), -1);
	}
}

static void test_wrong_options(void **state)
{
	static const uint8_t wrong[][8] = {
		{53, 2, DHCP_OFFER, 0, 255}, {1, 4, 255, 0, 255, 0, 255},
		{1, 3, 255, 255, 255, 255},  {54, 1, 1, 255},
		{3, 2, 1, 1, 255},	     {53, 200, DHCP_OFFER, 255},
	};
	uint8_t packet[DHCP_PACKET_MAX];
	struct dhcp_lease lease;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t len = make_answer(packet, wrong[i], sizeof(wrong[i]));

		assert_int_equal(read_exactly(&lease, packet, len), -1);
	}
}

static void test_what_we_say(void **state)
{
	const struct dhcp_lease lease = {.address = {192, 0, 2, 2},
					 .server = {192, 0, 2, 1}};
	static const uint8_t wanted[] = {
		53, 1, DHCP_REQUEST, 50, 4, 192, 0, 2,	2, 54, 4, 192, 0,
		2,  1, 55,	     3,	 1, 3,	 6, 255};
	uint8_t packet[DHCP_PACKET_MAX];
	size_t len = dhcp_message_write(packet, DHCP_REQUEST, mac, ID, &lease);
	unsigned int sum = 0;

	(void)state;
	assert_int_equal(len, OPTIONS_AT + sizeof(wanted));
	assert_memory_equal(packet + OPTIONS_AT, wanted, sizeof(wanted));
	assert_int_equal(packet[2] << 8 | packet[3], len);
	for (size_t i = 0; i < UDP_AT; i += 2)
		sum += (unsigned int)packet[i] << 8 | packet[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_offer),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_what_we_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

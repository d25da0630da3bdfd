/* test_host_network.c - what nft and dnsmasq are told of a network. */
#include "host_network_priv.h"
#include "macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct network_member members[] = {
	{
		.name = "a",
		.mac = "52:54:00:00:00:0a",
		.address = "10.20.1.2",
		.publish = {{8080, 80, false}, {53, 5353, true}},
		.num_publish = 2,
	},
	{.name = "b", .mac = "52:54:00:00:00:0b"},
};

static const struct network_state full = {
	.bridge = "lwx0",
	.address = "10.20.1.1/22",
	.address6 = "fd20:0:0:7::1/64",
	.nat = true,
	.dhcp = true,
	.members = members,
	.num_members = ARRAY_SIZE(members),
};

static void test_rules(void **state)
{
	char *text = network_rules(&full);

	(void)state;
	assert_string_equal(
		text,
		"table inet lwx-lwx0\n"
		"delete table inet lwx-lwx0\n"
		"table inet lwx-lwx0 {\n"
		"\tchain published {\n"
		"\t\tmeta nfproto ipv4 tcp dport 8080 dnat ip to "
		"10.20.1.2:80\n"
		"\t\tip6 daddr != ::1 tcp dport 8080 dnat ip6 to "
		"[fd20::7:5054:ff:fe00:a]:80\n"
		"\t\tmeta nfproto ipv4 udp dport 53 dnat ip to "
		"10.20.1.2:5353\n"
		"\t\tip6 daddr != ::1 udp dport 53 dnat ip6 to "
		"[fd20::7:5054:ff:fe00:a]:5353\n"
		"\t}\n"
		"\tchain from_outside {\n"
		"\t\ttype nat hook prerouting priority dstnat;\n"
		"\t\tfib daddr type local jump published\n"
		"\t}\n"
		"\tchain from_host {\n"
		"\t\ttype nat hook output priority -100;\n"
		"\t\tfib daddr type local jump published\n"
		"\t}\n"
		"\tchain source {\n"
		"\t\ttype nat hook postrouting priority srcnat;\n"
		"\t\toifname \"lwx0\" ip saddr 127.0.0.0/8 masquerade\n"
		"\t\toifname \"lwx0\" ip saddr 10.20.0.0/22 ct status dnat "
		"masquerade\n"
		"\t\toifname != \"lwx0\" ip saddr 10.20.0.0/22 masquerade\n"
		"\t\toifname \"lwx0\" ip6 saddr fd20:0:0:7::/64 ct status "
		"dnat masquerade\n"
		"\t\toifname != \"lwx0\" ip6 saddr fd20:0:0:7::/64 "
		"masquerade\n"
		"\t}\n"
		"\tchain guard {\n"
		"\t\ttype filter hook prerouting priority raw;\n"
		"\t\tiifname \"lwx0\" ip daddr 127.0.0.0/8 drop\n"
		"\t}\n"
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority filter;\n"
		"\t\tiifname \"lwx0\" accept\n"
		"\t\toifname \"lwx0\" ct state established,related accept\n"
		"\t\toifname \"lwx0\" ct status dnat accept\n"
		"\t\toifname \"lwx0\" drop\n"
		"\t}\n"
		"}\n");
	free(text);
}

static void test_dnsmasq(void **state)
{
	char *text = network_dnsmasq(&full, "/run/lwx/networks/lwx0", "nobody");

	(void)state;
	assert_string_equal(text,
			    "interface=lwx0\n"
			    "except-interface=lo\n"
			    "bind-dynamic\n"
			    "user=nobody\n"
			    "pid-file=/run/lwx/networks/lwx0/dnsmasq.pid\n"
			    "no-hosts\n"
			    "leasefile-ro\n"
			    "dhcp-authoritative\n"
			    "dhcp-range=10.20.0.0,static,255.255.252.0,1h\n"
			    "dhcp-host=52:54:00:00:00:0a,10.20.1.2,a\n"
			    "host-record=a,10.20.1.2\n"
			    "local=/a/\n"
			    "enable-ra\n"
			    "dhcp-range=fd20:0:0:7::,ra-only,64,1h\n");
	free(text);
}

/* Nothing that reaches out of a network without nat; no DNS without DHCP. */
static void test_less(void **state)
{
	struct network_state some = full;
	char *text;

	(void)state;
	some.nat = false;
	text = network_rules(&some);
	assert_null(strstr(text, "chain forward"));
	assert_null(strstr(text, "oifname !="));
	assert_non_null(strstr(text, "tcp dport 8080 dnat"));
	free(text);
	text = network_dnsmasq(&some, "/d", "nobody");
	assert_non_null(strstr(text, "dhcp-option=option:router\n"));
	assert_non_null(strstr(text, "ra-param=lwx0,0,0\n"));
	free(text);
	some.dhcp = false;
	text = network_dnsmasq(&some, "/d", "nobody");
	assert_non_null(strstr(text, "port=0\n"));
	assert_null(strstr(text, "dhcp-host"));
	free(text);
	assert_true(network_needs_dnsmasq(&some));
	(void)strcpy(some.port, "eth0");
	assert_false(network_needs_dnsmasq(&some));
}

static void test_publish(void **state)
{
	static const char *const bad[] = {
		"",	  "80",	     "80:",	 ":80",	       "0:80",
		"80:0",	  "080:80",  "65536:80", "80:65536",   "80:80/",
		"80:80x", "80:80/x", "80 :80",	 "80:80/udp ", "-1:80",
	};
	struct host_publish publish;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!host_publish_parse(bad[i], &publish))
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(host_publish_parse("65535:1/udp", &publish), 0);
	assert_int_equal(publish.host_port, 65535);
	assert_int_equal(publish.guest_port, 1);
	assert_true(publish.udp);
	assert_int_equal(host_publish_parse("8080:80/tcp", &publish), 0);
	assert_false(publish.udp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_dnsmasq),
		cmocka_unit_test(test_less),
		cmocka_unit_test(test_publish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

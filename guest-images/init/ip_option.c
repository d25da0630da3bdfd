/*
 * ip_option.c - see ip_option.h.
 */
#include "ip_option.h"

#include "macros.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 10

enum field {
	FIELD_CLIENT,
	FIELD_SERVER,
	FIELD_GATEWAY,
	FIELD_MASK,
	FIELD_HOST,
	FIELD_DEVICE,
	FIELD_METHOD,
	FIELD_DNS,
	FIELD_DNS_TWO,
	FIELD_NTP,
};

static const struct {
	const char *word;
	enum ip_method method;
} methods[] = {
	{"", IP_STATIC}, {"any", IP_DHCP}, {"dhcp", IP_DHCP}, {"none", IP_OFF},
	{"off", IP_OFF}, {"on", IP_DHCP},  {"both", IP_DHCP},
};

bool ip_is_set(const uint8_t address[4])
{
	return address[0] || address[1] || address[2] || address[3];
}

static int set_method(struct ip_option *option, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(methods[i].word, word) != 0)
			continue;
		option->method = methods[i].method;
		return 0;
	}
	return -EINVAL;
}

static int split(char *text, const char *fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++)
		fields[i] = "";
	for (size_t i = 0; text; i++) {
		char *colon = strchr(text, ':');

		if (i == FIELDS)
			return -EINVAL;
		if (colon)
			*colon++ = '\0';
		fields[i] = text;
		text = colon;
	}
	return 0;
}

static int read_address(uint8_t to[4], const char *text)
{
	return !*text || inet_pton(AF_INET, text, to) == 1 ? 0 : -EINVAL;
}

/* 255.255.255.0 or 24; none: by the class of the address, as the kernel. */
static int read_mask(struct ip_option *option, const char *text)
{
	uint8_t bytes[4];
	uint32_t mask;
	unsigned int bits = 0;

	if (!*text) {
		option->prefix = option->address[0] < 128   ? 8
				 : option->address[0] < 192 ? 16
							    : 24;
		return 0;
	}
	if (strchr(text, '.')) {
		if (inet_pton(AF_INET, text, bytes) != 1)
			return -EINVAL;
		memcpy(&mask, bytes, sizeof(mask));
		mask = be32toh(mask);
		while (bits < 32 && (mask & (1U << (31 - bits))))
			bits++;
		if (bits < 32 && (mask << bits))
			return -EINVAL; /* not ones, then zeros */
	} else {
		size_t digits = strspn(text, "0123456789");

		if (text[digits] || digits > 2)
			return -EINVAL;
		bits = (unsigned int)strtoul(text, NULL, 10);
		if (bits > 32)
			return -EINVAL;
	}
	option->prefix = (uint8_t)bits;
	return 0;
}

static int read_fields(struct ip_option *option, const char *fields[FIELDS])
{
	if (strlen(fields[FIELD_DEVICE]) >= sizeof(option->device) ||
	    strchr(fields[FIELD_DEVICE], '/'))
		return -EINVAL;
	(void)snprintf(option->device, sizeof(option->device), "%s",
		       fields[FIELD_DEVICE]);
	if (set_method(option, fields[FIELD_METHOD]) ||
	    read_address(option->address, fields[FIELD_CLIENT]) ||
	    read_address(option->gateway, fields[FIELD_GATEWAY]) ||
	    read_address(option->dns[0], fields[FIELD_DNS]) ||
	    read_address(option->dns[1], fields[FIELD_DNS_TWO]))
		return -EINVAL;
	/* An address is meant, whatever follows; without one it is asked for.
	 */
	if (ip_is_set(option->address)) {
		option->method = IP_STATIC;
		return read_mask(option, fields[FIELD_MASK]);
	}
	if (option->method == IP_STATIC)
		option->method = IP_DHCP;
	return 0;
}

int ip_option_parse(struct ip_option *option, const char *text, struct err *err)
{
	const char *fields[FIELDS];
	char copy[256];
	int rc;

	memset(option, 0, sizeof(*option));
	if (strlen(text) >= sizeof(copy))
		return err_setx(err, -EINVAL, "ip=: too long");
	(void)snprintf(copy, sizeof(copy), "%s", text);
	if (!strchr(copy, ':') && set_method(option, copy) == 0 && *copy)
		return 0;
	rc = split(copy, fields);
	if (!rc)
		rc = read_fields(option, fields);
	return rc ? err_setx(err, rc,
			     "ip=%s: expected dhcp, off or "
			     "ADDRESS::GATEWAY:NETMASK::DEVICE:METHOD:DNS",
			     text)
		  : 0;
}

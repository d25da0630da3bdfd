/* host_publish.c - "HOST:GUEST[/udp]". */
#include "host_publish.h"

#include <errno.h>
#include <string.h>

/* Digits only. Return: what follows, or NULL. */
static const char *parse_port(const char *text, uint16_t *port)
{
	uint32_t value = 0;

	if (*text < '1' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (uint32_t)(*text - '0');
		if (value > UINT16_MAX)
			return NULL;
	}
	*port = (uint16_t)value;
	return text;
}

int host_publish_parse(const char *text, struct host_publish *publish)
{
	text = parse_port(text, &publish->host_port);
	if (!text || *text != ':')
		return -EINVAL;
	text = parse_port(text + 1, &publish->guest_port);
	if (!text)
		return -EINVAL;
	publish->udp = !strcmp(text, "/udp");
	return publish->udp || !*text || !strcmp(text, "/tcp") ? 0 : -EINVAL;
}

const char *host_publish_proto(const struct host_publish *publish)
{
	return publish->udp ? "udp" : "tcp";
}

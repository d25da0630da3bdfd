/*
 * host_publish.h - a port of the host that leads to a port of a VM, as written
 * in nets.publish: "8080:80", "53:53/udp".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** struct host_publish - one published port */
struct host_publish {
	uint16_t host_port;
	uint16_t guest_port;
	bool udp;
};

/** host_publish_parse() - Return: 0 with @publish filled, or -EINVAL. */
int host_publish_parse(const char *text, struct host_publish *publish);

/** host_publish_proto() - Return: "tcp" or "udp". */
const char *host_publish_proto(const struct host_publish *publish);

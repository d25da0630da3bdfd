/*
 * ip_option.h - ip= of the command line, as the kernel has it (linux:
 * Documentation/admin-guide/nfs/nfsroot.rst). Pure.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum ip_method {
	IP_OFF,
	IP_DHCP,
	IP_STATIC,
};

/**
 * struct ip_option - one ip=
 * @method:  how the device gets its address
 * @device:  "": all network cards with DHCP, the first one else
 * @address: with IP_STATIC
 * @prefix:  bits of the network's part
 * @gateway: 0.0.0.0: none
 * @dns:     0.0.0.0: none
 */
struct ip_option {
	enum ip_method method;
	char device[16];
	uint8_t address[4];
	uint8_t prefix;
	uint8_t gateway[4];
	uint8_t dns[2][4];
};

/** ip_option_parse() - Return: 0, or -EINVAL with @err. */
int ip_option_parse(struct ip_option *option, const char *text,
		    struct err *err);

/** ip_is_set() - Return: true unless it is 0.0.0.0. */
bool ip_is_set(const uint8_t address[4]);

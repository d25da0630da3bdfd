/*
 * netlink.h - links, addresses and routes by rtnetlink. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** netlink_link_up() - turn a device on. Return: 0 or a negative errno, as for
 * all here. */
int netlink_link_up(const char *name);

/**
 * netlink_link_new() - make a device
 * @type: "veth", "wireguard", "dummy", ...
 * @peer: of a veth: its other end, which stays here; or NULL
 * @pid:  the namespace of that process gets it; 0: stays here
 */
int netlink_link_new(const char *name, const char *type, const char *peer,
		     pid_t pid);

/** netlink_link_move() - a device goes into the network namespace of @pid. */
int netlink_link_move(const char *name, pid_t pid);

/** netlink_address() - add an address. @bytes: 4 of IPv4 or 16 of IPv6. */
int netlink_address(const char *name, const uint8_t *bytes, size_t size,
		    uint8_t prefix);

/** netlink_address_drop() - as netlink_address(), but it goes. */
int netlink_address_drop(const char *name, const uint8_t *bytes, size_t size,
			 uint8_t prefix);

/** netlink_gateway() - the default route. @bytes: as netlink_address(). */
int netlink_gateway(const char *name, const uint8_t *bytes, size_t size);

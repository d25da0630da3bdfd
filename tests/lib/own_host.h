/*
 * own_host.h - a host of the test's own, so that what is there can be told
 * exactly: namespaces of mounts and network, with /tmp, /run and /dev/shm empty
 * (but for the build's folder), a loopback and one bridge with an address and a
 * default route, which passt(1) takes its own from.
 *
 * One thread; failures end the test (cmocka).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OWN_HOST_BRIDGE "host0"
#define OWN_HOST_GATEWAY 0xc0000201U /* 192.0.2.1 */

/** own_host_enter() - once, before any other thread is there. Return: false
 * where it may not be made: not root, or no namespaces. */
bool own_host_enter(void);

/** own_host_listing() - what is there: files, mounts, interfaces, sockets with
 * an address. Return: lines of text, the caller's to free. */
char *own_host_listing(void);

/** own_host_expect() - fail, with the lines, unless what was there @before is
 * there now, and nothing else. */
void own_host_expect(const char *before);

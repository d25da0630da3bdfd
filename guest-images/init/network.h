/*
 * network.h - addresses of the machine, where they are asked for. One thread.
 */
#pragma once

#include "cmdline.h"

/** network_start() - lo; what ip=, /run/config/network-config and, without ip=,
 * /etc/layerworx/network-config ask for. Waits a little for the answer of DHCP.
 */
void network_start(const struct cmdline *cmdline);

/** network_dhcp_event() - as the script of udhcpc: the lease is in the
 * environment. @event: "bound" and the like. Return: exit code. */
int network_dhcp_event(const char *event);

#define NETWORK_DHCP_ENV "LWX_DHCP"

/* user_net.h - the network of a throwaway VM: an address by DHCP. One thread.
 */
#pragma once

/**
 * user_net_start() - turn a device on, ask for an address, set it, the default
 * route and the name servers below @root
 * @device: "eth0"
 * @root:   folder of the root to be
 *
 * IPv6 is the kernel's. Return: 0, or -1 after root_say(): there is no such
 * device, or neither kind of address within seconds.
 */
int user_net_start(const char *device, const char *root);

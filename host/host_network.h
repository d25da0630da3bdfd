/*
 * host_network.h - networks that lwx-vm makes: a bridge, its addresses, rules
 * of nftables and a dnsmasq.
 *
 * DOC: who owns a network
 *
 *	ROOT/networks/BRIDGE/users     FIFO, open in each process of a VM on it
 *	                    /keeper    locked by the network's keeper
 *	                    /settings  what it was made with
 *	                    /source    file that it was made for
 *	                    /members/  N-NAME: interface N of VM NAME
 *	                    /dnsmasq.conf
 *
 * A network lives as long as somebody has its FIFO open: the VMs' processes and
 * the supervisors that start them. Each holds a shared lock on it too, so that
 * anybody can tell. The keeper, a process without ties to the one that made it,
 * reads the FIFO: a byte means that the members have changed, end of file that
 * the last user has gone, however it went; then it takes the network away. It
 * has dnsmasq as its child. If the keeper itself was killed, the next command
 * takes away a network without users, and the next start makes a new keeper for
 * one that has some.
 */
#pragma once

#include "err.h"
#include "host_config.h"
#include "vm_registry.h"

/**
 * host_network_join() - put an interface of a VM on its network, which is made
 * if it is not there
 * @cfg:    VM, claimed by the caller
 * @index:  of the interface in @cfg->nets
 * @source: file that @network comes from
 *
 * Return: an fd to hand to the VM: the network stays as long as it is open;
 * -EBUSY if another VM has the address or the port, or another file the bridge,
 * or another negative errno, with @err.
 */
int host_network_join(struct vm_registry *reg,
		      const struct host_network *network,
		      const struct vm_config *cfg, size_t index,
		      const char *source, struct err *err);

/** host_network_settle() - wait until what nobody uses is gone; at most some
 * seconds. */
void host_network_settle(struct vm_registry *reg);

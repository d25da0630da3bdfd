/* host_network_priv.h - between the files that make networks. */
#pragma once

#include "host_network.h"
#include "host_publish.h"
#include "vm_config.h"
#include "vm_registry_priv.h"

#include <netinet/in.h>

#define NETWORK_TEXT_MAX 48

/** struct network_member - an interface of a VM on the network */
struct network_member {
	char name[VM_NAME_MAX + 1];
	char mac[18];
	char address[INET_ADDRSTRLEN]; /* "" if not known */
	struct host_publish publish[VM_PUBLISH_MAX];
	size_t num_publish;
};

/**
 * struct network_state - a network as its directory tells
 * @bridge:   name of the bridge and of the directory
 * @address:  "10.20.0.1/24", or ""
 * @address6: "fd20::1/64", or ""
 * @port:     interface of the host, or ""
 * @members:  @num_members, in no order
 */
struct network_state {
	char bridge[16];
	char address[NETWORK_TEXT_MAX];
	char address6[NETWORK_TEXT_MAX];
	char port[16];
	bool nat;
	bool dhcp;
	struct network_member *members;
	size_t num_members;
};

/** network_state_settings() - what the directory's file "settings" holds.
 * Return: text to be freed, or NULL. */
char *network_state_settings(const struct host_network *network);

/** network_state_member() - what the file of a member holds. Return: text to be
 * freed, or NULL. */
char *network_state_member(const struct vm_net *net);

/** network_state_load() - read the directory @dir of @bridge. Return: 0 or a
 * negative errno; network_state_fini() in any case. */
int network_state_load(struct network_state *state, int dir,
		       const char *bridge);

/** network_state_fini() - free what the state holds. */
void network_state_fini(struct network_state *state);

/** network_rules() - input of nft -f that puts the network's table in the place
 * of the one that is there. Return: text to be freed, or NULL. */
char *network_rules(const struct network_state *state);

/** network_dnsmasq() - dnsmasq's configuration. @dir: the network's directory.
 * @user: to become. Return: text to be freed, or NULL. */
char *network_dnsmasq(const struct network_state *state, const char *dir,
		      const char *user);

/** network_needs_dnsmasq() - is there anything for it to do? */
bool network_needs_dnsmasq(const struct network_state *state);

/** network_link_make() - bridge, addresses, port, all or nothing. Return: 0;
 * -EEXIST if there is an interface of that name; or another negative errno,
 * with @err. */
int network_link_make(const struct network_state *state, struct err *err);

/** network_link_remove() - bridge and rules. Missing ones are no error. */
void network_link_remove(const char *bridge);

/** network_link_apply() - rules for the members there are. Return: 0 or a
 * negative errno with @err. */
int network_link_apply(const struct network_state *state, struct err *err);

/** network_keeper_start() - start the keeper of the network in @dir, under the
 * registry's lock. Return: 0 when dnsmasq serves, or a negative errno with
 * @err. */
int network_keeper_start(struct vm_registry *reg, int dir, const char *bridge,
			 struct err *err);

/** network_end_dnsmasq() - end the one that a killed keeper has left. */
void network_end_dnsmasq(struct vm_registry *reg, int dir, const char *bridge);

/** network_open() - Return: fd of the directory of a network, or a negative
 * errno. */
int network_open(struct vm_registry *reg, const char *bridge);

/** network_is_used() - does anybody have the network? Under the registry's
 * lock. */
bool network_is_used(int dir);

/** network_forget() - remove its directory. Under the registry's lock. */
void network_forget(struct vm_registry *reg, int dir, const char *bridge);

/** network_sweep() - remove members whose VM has ended, and networks that
 * nobody uses and no keeper keeps. Under the registry's lock. Return: are
 * there networks that a keeper is to take away? */
bool network_sweep(struct vm_registry *reg);

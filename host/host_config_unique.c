/* host_config_unique.c - names and resources that only one may have. */
#include "host_config_priv.h"
#include "host_publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/** enum claim_kind - what only one may have */
enum claim_kind {
	CLAIM_NETWORK,
	CLAIM_BRIDGE,
	CLAIM_NAME,
	CLAIM_UUID,
	CLAIM_DISK,
	CLAIM_TAP,
	CLAIM_MAC,
	CLAIM_ADDRESS,
	CLAIM_PORT,
	CLAIM_CID,
	CLAIM_FILE,
};

static const struct {
	const char *noun;
	const char *advice;
} claim_texts[] = {
	[CLAIM_NETWORK] = {"name", "give each network its own"},
	[CLAIM_BRIDGE] = {"bridge", "give each network its own"},
	[CLAIM_NAME] = {"name", "give each VM its own"},
	[CLAIM_UUID] = {"UUID", "give each VM its own, or leave it out"},
	[CLAIM_DISK] = {"disk", "give each its own, or set readonly = true "
				"everywhere it is used"},
	[CLAIM_TAP] = {"tap", "give each interface its own"},
	[CLAIM_MAC] = {"MAC address", "give each interface its own, or leave "
				      "it out"},
	[CLAIM_ADDRESS] = {"address", "give each interface its own, or leave "
				      "it out"},
	[CLAIM_PORT] = {"port of the host", "publish each once"},
	[CLAIM_CID] = {"CID", "give each VM its own"},
	[CLAIM_FILE] = {"file", "give each its own"},
};

/**
 * struct claim - a VM or network has something
 * @kind:   what
 * @id:     equal ids mean the same thing; owned
 * @order:  of the claim in the file
 * @shared: may stand beside other shared claims
 * @key:    where it is claimed
 */
struct claim {
	enum claim_kind kind;
	char *id;
	size_t order;
	bool shared;
	char key[HOST_KEY_MAX];
};

/** struct claims - a growing array */
struct claims {
	struct host_loader *loader;
	struct claim *all;
	size_t num;
};

/* @id is taken over; NULL: out of memory. */
static void claim(struct claims *c, enum claim_kind kind, char *id, bool shared,
		  const char *key)
{
	struct claim *grown = reallocarray(c->all, c->num + 1, sizeof(*c->all));

	if (grown)
		c->all = grown;
	if (!grown || !id) {
		c->loader->rc = -ENOMEM;
		free(id);
		return;
	}
	grown[c->num] = (struct claim){
		.kind = kind, .id = id, .order = c->num, .shared = shared};
	(void)snprintf(grown[c->num].key, sizeof(grown->key), "%s", key);
	c->num++;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *fmt, ...)
{
	va_list ap;
	char *made;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&made, fmt, ap);
	va_end(ap);
	return len < 0 ? NULL : made;
}

static void claim_text(struct claims *c, enum claim_kind kind,
		       const char *value, const char *key)
{
	if (value)
		claim(c, kind, strdup(value), false, key);
}

/* Symbolic and hard links to one file are one disk. */
static void claim_disk(struct claims *c, const struct vm_disk *disk,
		       const char *prefix)
{
	char key[HOST_KEY_MAX];
	struct stat st;

	if (!disk->path || stat(disk->path, &st))
		return;
	(void)snprintf(key, sizeof(key), "%.40s.path", prefix);
	claim(c, CLAIM_DISK,
	      S_ISBLK(st.st_mode)
		      ? text("device %u:%u", major(st.st_rdev),
			     minor(st.st_rdev))
		      : text("%u:%u %ju", major(st.st_dev), minor(st.st_dev),
			     (uintmax_t)st.st_ino),
	      disk->readonly, key);
}

static void claim_net(struct claims *c, const struct vm_net *net,
		      const char *prefix)
{
	char key[HOST_KEY_MAX];

	(void)snprintf(key, sizeof(key), "%.40s.tap", prefix);
	claim_text(c, CLAIM_TAP, net->tap, key);
	(void)snprintf(key, sizeof(key), "%.40s.mac", prefix);
	if (net->has_mac)
		claim(c, CLAIM_MAC,
		      text("%02x%02x%02x%02x%02x%02x", net->mac[0], net->mac[1],
			   net->mac[2], net->mac[3], net->mac[4], net->mac[5]),
		      false, key);
}

static void claim_address(struct claims *c, const struct vm_net *net,
			  const char *prefix)
{
	char key[HOST_KEY_MAX];
	struct host_publish publish;

	(void)snprintf(key, sizeof(key), "%.40s.address", prefix);
	if (net->address && net->network)
		claim(c, CLAIM_ADDRESS,
		      text("%s %s", net->network, net->address), false, key);
	for (size_t i = 0; i < net->num_publish; i++) {
		if (host_publish_parse(net->publish[i], &publish))
			continue; /* refused already */
		(void)snprintf(key, sizeof(key), "%.40s.publish[%zu]", prefix,
			       i);
		claim(c, CLAIM_PORT,
		      text("%s %u", host_publish_proto(&publish),
			   publish.host_port),
		      false, key);
	}
}

static void claim_vm(struct claims *c, size_t index)
{
	const struct vm_config *vm = &c->loader->hc->vms[index];
	char key[HOST_KEY_MAX];
	size_t i;

	(void)snprintf(key, sizeof(key), "vms[%zu].name", index);
	claim_text(c, CLAIM_NAME, vm->name, key);
	(void)snprintf(key, sizeof(key), "vms[%zu].uuid", index);
	claim_text(c, CLAIM_UUID, vm->uuid, key);
	(void)snprintf(key, sizeof(key), "vms[%zu].vsock.path", index);
	claim_text(c, CLAIM_FILE, vm->vsock.path, key);
	(void)snprintf(key, sizeof(key), "vms[%zu].console_log", index);
	claim_text(c, CLAIM_FILE, vm->console_log, key);
	(void)snprintf(key, sizeof(key), "vms[%zu].vsock.cid", index);
	if (vm->vsock.cid)
		claim(c, CLAIM_CID, text("%" PRIu32, vm->vsock.cid), false,
		      key);
	for (i = 0; i < vm->num_disks; i++) {
		(void)snprintf(key, sizeof(key), "vms[%zu].disks[%zu]", index,
			       i);
		claim_disk(c, &vm->disks[i], key);
	}
	for (i = 0; i < vm->num_nets; i++) {
		(void)snprintf(key, sizeof(key), "vms[%zu].nets[%zu]", index,
			       i);
		claim_net(c, &vm->nets[i], key);
		claim_address(c, &vm->nets[i], key);
	}
}

static void claim_network(struct claims *c, size_t index)
{
	const struct host_network *network = &c->loader->hc->networks[index];
	char key[HOST_KEY_MAX];

	(void)snprintf(key, sizeof(key), "networks[%zu].name", index);
	claim_text(c, CLAIM_NETWORK, network->name, key);
	(void)snprintf(key, sizeof(key), "networks[%zu].bridge", index);
	claim_text(c, CLAIM_BRIDGE, network->bridge, key);
}

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->id, y->id);
	if (order)
		return order;
	return x->order < y->order ? -1 : 1;
}

static void compare_claims(struct claims *c)
{
	const struct claim *first, *other;
	size_t i;

	if (!c->num)
		return;
	qsort(c->all, c->num, sizeof(*c->all), by_claim);
	first = &c->all[0];
	for (i = 1; i < c->num; i++) {
		other = &c->all[i];
		if (other->kind != first->kind ||
		    strcmp(other->id, first->id) != 0) {
			first = other;
			continue;
		}
		if (first->shared && other->shared)
			continue;
		host_config_refuse(c->loader, other->key,
				   "the same %s as %s (line %u): %s",
				   claim_texts[other->kind].noun, first->key,
				   host_config_line(c->loader, first->key),
				   claim_texts[other->kind].advice);
	}
}

/* Do two ranges share an address? The texts were checked. */
static bool overlap(const char *a, const char *b)
{
	uint32_t address_a = 0, address_b = 0;
	unsigned int prefix_a = 0, prefix_b = 0, common;

	(void)schema_parse_cidr(a, &address_a, &prefix_a);
	(void)schema_parse_cidr(b, &address_b, &prefix_b);
	common = prefix_a < prefix_b ? prefix_a : prefix_b;
	return !((address_a ^ address_b) >> (32 - common));
}

static void check_overlap(struct host_loader *l)
{
	const struct host_network *networks = l->hc->networks;
	char key[HOST_KEY_MAX];
	size_t i, j;

	for (i = 1; i < l->hc->num_networks; i++)
		for (j = 0; j < i; j++) {
			if (!networks[i].address || !networks[j].address ||
			    !overlap(networks[i].address, networks[j].address))
				continue;
			(void)snprintf(key, sizeof(key),
				       "networks[%zu].address", i);
			host_config_refuse(
				l, key,
				"%s overlaps %s of networks[%zu]: choose "
				"another range",
				networks[i].address, networks[j].address, j);
		}
}

void host_config_check_unique(struct host_loader *l)
{
	struct claims c = {.loader = l};
	size_t i;

	for (i = 0; i < l->hc->num_networks; i++)
		claim_network(&c, i);
	for (i = 0; i < l->hc->num_vms; i++)
		claim_vm(&c, i);
	compare_claims(&c);
	for (i = 0; i < c.num; i++)
		free(c.all[i].id);
	free(c.all);
	check_overlap(l);
}

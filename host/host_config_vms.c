/* host_config_vms.c - the VMs of a host.cfg: identity, look-up, selection. */
#include "host_config_priv.h"
#include "macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

/* UUID version 5 of @text in the space of @parent. */
static void derive(const char *parent, const char *text, uuid_t out)
{
	uuid_t space;

	if (uuid_parse(parent, space))
		uuid_clear(space);
	uuid_generate_sha1(out, space, text, strlen(text));
}

static int derive_uuid(const struct host_config *hc, struct vm_config *vm)
{
	char *text;
	uuid_t uuid;

	if (asprintf(&text, "%s\n%s", hc->path, vm->name) < 0)
		return -ENOMEM;
	derive(hc->facts.machine_id, text, uuid);
	free(text);
	vm->uuid = malloc(UUID_STR_LEN);
	if (!vm->uuid)
		return -ENOMEM;
	uuid_unparse_lower(uuid, vm->uuid);
	return 0;
}

/* A locally administered unicast address that stays with the VM. */
static void derive_mac(struct vm_config *vm, size_t index)
{
	struct vm_net *net = &vm->nets[index];
	char text[24];
	uuid_t digest;

	(void)snprintf(text, sizeof(text), "net%zu", index);
	derive(vm->uuid, text, digest);
	memcpy(net->mac, digest, sizeof(net->mac));
	net->mac[0] = (uint8_t)((net->mac[0] & 0xfc) | 0x02);
	net->has_mac = true;
}

/* The launcher gets the bridge with the device: it knows no networks. */
static int name_bridge(const struct host_config *hc, struct vm_net *net)
{
	const struct host_network *network;

	network = net->network ? host_config_network(hc, net->network) : NULL;
	if (!network || !network->bridge)
		return 0;
	free(net->bridge);
	net->bridge = strdup(network->bridge);
	return net->bridge ? 0 : -ENOMEM;
}

static int complete(const struct host_config *hc, struct vm_config *vm)
{
	size_t i;

	if (!vm->name)
		return 0; /* refused already */
	if (!vm->uuid && derive_uuid(hc, vm))
		return -ENOMEM;
	for (i = 0; i < vm->num_nets; i++) {
		if (!vm->nets[i].has_mac)
			derive_mac(vm, i);
		if (name_bridge(hc, &vm->nets[i]))
			return -ENOMEM;
	}
	for (i = 0; i < vm->num_disks; i++)
		if (!vm->disks[i].serial &&
		    asprintf(&vm->disks[i].serial, "disk%zu", i) < 0) {
			vm->disks[i].serial = NULL;
			return -ENOMEM;
		}
	return 0;
}

void host_config_identity(struct host_loader *l)
{
	size_t i;

	for (i = 0; i < l->hc->num_vms; i++)
		if (complete(l->hc, &l->hc->vms[i]))
			l->rc = -ENOMEM;
	if (!l->hc->num_problems && host_config_assign(l->hc))
		l->rc = -ENOMEM;
}

struct vm_config *host_config_find(const struct host_config *hc,
				   const char *name)
{
	size_t i;

	for (i = 0; i < hc->num_vms; i++)
		if (hc->vms[i].name && !strcmp(hc->vms[i].name, name))
			return &hc->vms[i];
	return NULL;
}

const struct host_network *host_config_network(const struct host_config *hc,
					       const char *name)
{
	size_t i;

	for (i = 0; i < hc->num_networks; i++)
		if (hc->networks[i].name && !strcmp(hc->networks[i].name, name))
			return &hc->networks[i];
	return NULL;
}

/* Start order, then the order of the file. */
static int by_start_order(const void *a, const void *b)
{
	const struct vm_config *x = *(struct vm_config *const *)a;
	const struct vm_config *y = *(struct vm_config *const *)b;

	if (x->start_order != y->start_order)
		return x->start_order < y->start_order ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Do they fit the host together? */
static int check_memory(const struct host_config *hc,
			struct vm_config *const *vms, size_t num,
			struct err *err)
{
	struct {
		uint64_t need;
		uint64_t have;
		const char *what;
	} pools[] = {
		{0, hc->facts.memory, "memory"},
		{0, hc->facts.hugepages_2m, "free 2M hugepages"},
		{0, hc->facts.hugepages_1g, "free 1G hugepages"},
	};
	const struct vm_memory *m;
	size_t i, pool;

	for (i = 0; i < num; i++) {
		m = &vms[i]->memory;
		pool = m->kind != GUEST_MEM_HUGEPAGES ? 0
		       : m->page_size == GIB(1)	      ? 2
						      : 1;
		pools[pool].need += m->size;
	}
	for (i = 0; i < ARRAY_SIZE(pools); i++)
		if (pools[i].need > pools[i].have)
			return err_setx(err, -ENOMEM,
					"%s: the VMs to start need %" PRIu64
					"M of memory, but this host has "
					"%" PRIu64 "M of %s: start fewer, or "
					"give them less",
					hc->path, pools[i].need >> 20,
					pools[i].have >> 20, pools[i].what);
	return 0;
}

int host_config_select(const struct host_config *hc, const char *const *names,
		       size_t num, struct vm_config **vms, struct err *err)
{
	size_t i, j, count = 0;
	int rc;

	for (i = 0; !num && i < hc->num_vms; i++)
		vms[count++] = &hc->vms[i];
	for (i = 0; i < num; i++) {
		struct vm_config *vm = host_config_find(hc, names[i]);

		if (!vm)
			return err_setx(err, -ENOENT, "%s: no VM \"%s\"",
					hc->path, names[i]);
		for (j = 0; j < count && vms[j] != vm; j++)
			;
		if (j == count)
			vms[count++] = vm;
	}
	if (count)
		qsort(vms, count, sizeof(struct vm_config *), by_start_order);
	rc = check_memory(hc, vms, count, err);
	return rc ? rc : (int)count;
}

/* vm_config.c - life, transport and plausibility of a VM's configuration. */
#include "vm_config.h"

#include "macros.h"
#include "vm_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

/* A unix socket's 107 bytes less "_" and the digits of a port. */
#define VSOCK_PATH_MAX 96

void vm_config_init(struct vm_config *cfg)
{
	schema_init(&vm_schema, cfg);
}

void vm_config_fini(struct vm_config *cfg)
{
	schema_fini(&vm_schema, cfg);
}

static int encode(const struct vm_config *cfg, bool fds, void *buf, size_t size,
		  struct err *err)
{
	struct cbor_writer w;
	int len;

	cbor_writer_init(&w, buf, size);
	schema_encode(&vm_schema, cfg, fds, &w);
	len = cbor_writer_finish(&w);
	if (len < 0)
		return err_setx(err, len, "configuration larger than %zu bytes",
				w.size);
	return len;
}

int vm_config_encode(const struct vm_config *cfg, void *buf, size_t size,
		     struct err *err)
{
	return encode(cfg, true, buf, size, err);
}

static void first_report(void *ctx, const char *key, const char *reason)
{
	struct err *err = ctx;

	if (!err->code)
		(void)err_setx(err, -EINVAL, "%s: %s", key, reason);
}

int vm_config_decode(struct vm_config *cfg, const void *bytes, size_t len,
		     struct err *err)
{
	struct cbor_reader r;

	vm_config_init(cfg);
	(void)cbor_reader_init(&r, bytes, len, err);
	schema_decode(&vm_schema, cfg, &r);
	if (!err->code)
		(void)vm_config_check(cfg, first_report, err);
	return err->code;
}

int vm_config_hash(const struct vm_config *cfg, char hash[VM_CONFIG_HASH_SIZE],
		   struct err *err)
{
	/* Name space of our hashes; RFC 4122 4.3. */
	static const uuid_t space = {0x1f, 0x0d, 0x2c, 0x5a, 0x8b, 0x6e,
				     0x4c, 0x43, 0x9a, 0x71, 0x2d, 0x50,
				     0x4e, 0x6a, 0x11, 0x93};
	char *buf = malloc(CBOR_MESSAGE_MAX);
	uuid_t digest;
	int len;

	if (!buf)
		return err_set(err, -ENOMEM, "hash of the configuration");
	len = encode(cfg, false, buf, CBOR_MESSAGE_MAX, err);
	if (len >= 0) {
		uuid_generate_sha1(digest, space, buf, (size_t)len);
		uuid_unparse_lower(digest, hash);
	}
	free(buf);
	return len < 0 ? len : 0;
}

unsigned int vm_config_devices(const struct vm_config *cfg)
{
	return (unsigned int)(cfg->num_disks + cfg->num_nets +
			      cfg->num_shares) +
	       (cfg->vsock.cid != 0) + cfg->rng.enable + cfg->console;
}

/** struct check - a run of vm_config_check() */
struct check {
	vm_config_report_fn report;
	void *ctx;
	unsigned int found;
};

__attribute__((format(printf, 3, 4))) static void
complain(struct check *c, const char *key, const char *fmt, ...)
{
	char reason[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	c->found++;
	c->report(c->ctx, key, reason);
}

static void check_memory(struct check *c, const struct vm_memory *m)
{
	bool huge = m->kind == GUEST_MEM_HUGEPAGES;

	if (!huge && m->page_size != MIB(2))
		complain(c, "page_size",
			 "only for hugepages: set memory_kind = \"hugepages\"");
	else if (huge && m->size % m->page_size)
		complain(c, "memory",
			 "not a multiple of page_size (%" PRIu64 "M)",
			 m->page_size >> 20);
	if (m->mergeable && m->kind != GUEST_MEM_PRIVATE)
		complain(c, "mergeable",
			 "KSM merges private memory only: set memory_kind = "
			 "\"private\", or mergeable = false");
	if (m->mergeable && m->locked)
		complain(c, "mergeable",
			 "locked memory is never merged: drop locked or "
			 "mergeable");
}

static void check_boot(struct check *c, const struct vm_boot *b)
{
	if (b->kernel && b->uki)
		complain(c, "boot.uki",
			 "both a kernel and a uki: keep one of them");
	if (!b->kernel && !b->uki)
		complain(c, "boot.kernel",
			 "missing: name a kernel, or a uki, to start");
	if (b->initrd && !b->kernel)
		complain(c, "boot.initrd",
			 b->uki ? "a uki brings its own initrd: drop this one"
				: "an initrd needs a kernel");
}

static void check_cpus(struct check *c, const struct vm_config *cfg)
{
	const struct vm_topology *t = &cfg->topology;
	uint64_t product = (uint64_t)t->sockets * t->cores * t->threads;
	char key[64];
	size_t i;

	if (product && product != cfg->vcpus)
		complain(c, "topology",
			 "%" PRIu32 " sockets x %" PRIu32 " cores x %" PRIu32
			 " threads are %" PRIu64 " CPUs, but vcpus is %" PRIu32,
			 t->sockets, t->cores, t->threads, product, cfg->vcpus);
	if (cfg->num_pin > cfg->vcpus)
		complain(c, "pin", "%zu CPUs for %" PRIu32 " vcpus",
			 cfg->num_pin, cfg->vcpus);
	for (i = 0; i < cfg->num_cpu_features; i++)
		if (cfg->cpu_features[i][0] != '-') {
			(void)snprintf(key, sizeof(key), "cpu_features[%zu]",
				       i);
			complain(c, key,
				 "\"%s\": features can only be taken away: "
				 "write \"-%s\"",
				 cfg->cpu_features[i],
				 cfg->cpu_features[i] +
					 (cfg->cpu_features[i][0] == '+'));
		}
}

static void check_rate(struct check *c, const char *owner,
		       const struct vm_rate *rate)
{
	char key[64];

	if (rate->ops_burst && !rate->ops) {
		(void)snprintf(key, sizeof(key), "%s.limit.ops_burst", owner);
		complain(c, key, "a burst needs a rate: set ops too");
	}
	if (rate->bytes_burst && !rate->bytes) {
		(void)snprintf(key, sizeof(key), "%s.limit.burst", owner);
		complain(c, key, "a burst needs a rate: set bytes too");
	}
}

static void check_disk(struct check *c, size_t index,
		       const struct vm_disk *disk)
{
	char owner[32], key[48];

	(void)snprintf(owner, sizeof(owner), "disks[%zu]", index);
	check_rate(c, owner, &disk->limit);
	if (disk->block_size == 512 || disk->block_size == 4096)
		return;
	(void)snprintf(key, sizeof(key), "%s.block_size", owner);
	complain(c, key, "%" PRIu32 ": need 512 or 4096", disk->block_size);
}

static void check_net(struct check *c, size_t index, const struct vm_net *net)
{
	char owner[32], key[48];

	(void)snprintf(owner, sizeof(owner), "nets[%zu]", index);
	check_rate(c, owner, &net->limit);
	if (net->type == VM_NET_PASST && (net->network || net->tap)) {
		(void)snprintf(key, sizeof(key), "%s.%s", owner,
			       net->network ? "network" : "tap");
		complain(c, key,
			 "passt uses no tap: drop this, or set type = \"tap\"");
	}
	if (net->tap && (strpbrk(net->tap, "/ :%") || !strcmp(net->tap, ".") ||
			 !strcmp(net->tap, ".."))) {
		(void)snprintf(key, sizeof(key), "%s.tap", owner);
		complain(c, key, "\"%s\" is not an interface name", net->tap);
	}
}

static void check_shares(struct check *c, const struct vm_config *cfg)
{
	char key[48];

	if (cfg->num_shares && cfg->memory.kind == GUEST_MEM_PRIVATE)
		complain(c, "shares",
			 "the file server needs the guest's memory: set "
			 "memory_kind = \"shared\" or \"hugepages\"");
	for (size_t i = 1; i < cfg->num_shares; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!cfg->shares[i].tag || !cfg->shares[j].tag ||
			    strcmp(cfg->shares[i].tag, cfg->shares[j].tag) != 0)
				continue;
			(void)snprintf(key, sizeof(key), "shares[%zu].tag", i);
			complain(c, key,
				 "the same tag as shares[%zu].tag: give each "
				 "its own",
				 j);
		}
	}
}

unsigned int vm_config_check(const struct vm_config *cfg,
			     vm_config_report_fn report, void *ctx)
{
	struct check c = {.report = report, .ctx = ctx};
	size_t i;

	check_boot(&c, &cfg->boot);
	check_memory(&c, &cfg->memory);
	check_cpus(&c, cfg);
	for (i = 0; i < cfg->num_disks; i++)
		check_disk(&c, i, &cfg->disks[i]);
	for (i = 0; i < cfg->num_nets; i++)
		check_net(&c, i, &cfg->nets[i]);
	check_shares(&c, cfg);
	check_rate(&c, "rng", &cfg->rng.limit);
	if (vm_config_devices(cfg) > VM_DEVICES_MAX)
		complain(&c, "disks",
			 "%u devices, but a VM has room for %d: disks, nets, "
			 "shares, vsock, rng and console together",
			 vm_config_devices(cfg), VM_DEVICES_MAX);
	if (cfg->vsock.path && strlen(cfg->vsock.path) > VSOCK_PATH_MAX)
		complain(&c, "vsock.path", "\"%s\": %zu bytes, at most %d",
			 cfg->vsock.path, strlen(cfg->vsock.path),
			 VSOCK_PATH_MAX);
	if (cfg->cgroup && strstr(cfg->cgroup, ".."))
		complain(&c, "cgroup", "\"..\" may not be part of it");
	return c.found;
}

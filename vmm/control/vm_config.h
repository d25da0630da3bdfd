/*
 * vm_config.h - everything lwx-vmm needs to know about one VM.
 *
 * host.cfg is parsed into this structure (host/), it travels to lwx-vmm as CBOR
 * beside the file descriptors it names, and machine.c builds the VM from it.
 * One field table (vm_schema.c) drives all of that and the manual page.
 * Strings are owned by the structure; vm_config_fini() frees them.
 */
#pragma once

#include "guest_mem.h"
#include "io_engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_NAME_MAX 32 /* bytes without NUL: [A-Za-z0-9][A-Za-z0-9_.-]* */
#define VM_VCPUS_MAX 64
#define VM_DISKS_MAX 16
#define VM_NETS_MAX 8
#define VM_PUBLISH_MAX 16 /* ports of one network device */
#define VM_SHARES_MAX 4
#define VM_SHARE_TAG_MAX 36 /* bytes without NUL (virtio 1.2, 5.11.4) */
#define VM_CPU_FEATURES_MAX 64

enum vm_announce {
	VM_ANNOUNCE_ACPI,    /* tables: the default */
	VM_ANNOUNCE_CMDLINE, /* virtio_mmio.device= words, no ACPI */
};

enum vm_restart {
	VM_RESTART_NO,
	VM_RESTART_ON_FAILURE, /* exit status not 0 */
	VM_RESTART_ALWAYS,
};

enum vm_reboot {
	VM_REBOOT_RESTART, /* a guest reboot starts the VM again: the default */
	VM_REBOOT_EXIT,	   /* it ends the VM with status 124 */
};

enum vm_cache {
	VM_CACHE_WRITEBACK,    /* flush on guest request: the default */
	VM_CACHE_WRITETHROUGH, /* every write is durable when it completes */
};

#define VM_DEVICES_MAX 18      /* virtio devices: one GSI each */
#define VM_CONFIG_HASH_SIZE 37 /* characters with NUL */

enum vm_net_type {
	VM_NET_TAP,
	VM_NET_PASST,
};

/**
 * struct vm_rate - token bucket; 0 in a rate means no limit
 * @ops:         operations per second
 * @bytes:       bytes per second
 * @ops_burst:   operations on top of the rate that may go at once
 * @bytes_burst: bytes, likewise
 */
struct vm_rate {
	uint64_t ops;
	uint64_t bytes;
	uint64_t ops_burst;
	uint64_t bytes_burst;
};

/**
 * struct vm_disk - one virtio-blk device
 * @path:       as the operator wrote it, made absolute
 * @format:     "raw"; always stated, never detected
 * @fd:         opened (and locked) by the launcher; -1 in host.cfg
 * @serial:     up to 20 bytes for GET_ID; default: the disk's name "diskN"
 * @readonly:   offer VIRTIO_BLK_F_RO
 * @direct:     O_DIRECT
 * @cache:      write cache mode at start
 * @block_size: logical block size in bytes, 512 or 4096
 * @queues:     number of request queues, 1 to 16
 * @queue_size: entries per queue
 * @limit:      rate limit
 */
struct vm_disk {
	char *path;
	char *format;
	int fd;
	char *serial;
	bool readonly;
	bool direct;
	enum vm_cache cache;
	uint32_t block_size;
	uint32_t queues;
	uint32_t queue_size;
	struct vm_rate limit;
};

/** struct vm_net - one virtio-net device */
struct vm_net {
	enum vm_net_type type;
	char *network; /* name in networks = (...), or NULL */
	char *tap;     /* interface name asked for, or NULL */
	char *bridge;  /* of @network; from the parser, not in host.cfg */
	char *address; /* IPv4 that @network's DHCP hands to it, or NULL */
	char *publish[VM_PUBLISH_MAX]; /* "8080:80", "53:53/udp" */
	size_t num_publish;
	int fd; /* tap or passt socket from the launcher, -1 in host.cfg */
	uint8_t mac[6];
	bool has_mac;
	uint32_t mtu;
	struct vm_rate limit;
};

/**
 * struct vm_share - one shared folder
 * @path:     folder of the host
 * @tag:      what the guest mounts
 * @readonly: the guest cannot write, whatever it does
 * @fd:       socket of its file server, from the launcher; -1 in host.cfg
 */
struct vm_share {
	char *path;
	char *tag;
	bool readonly;
	int fd;
};

/**
 * struct vm_vsock - the vsock device
 * @cid:      of the guest; 0: there is none
 * @path:     unix socket that leads into the guest
 * @agent:    the guest's agent tells when it is ready
 * @agent_fd: listening socket for it, from the launcher; -1 in host.cfg
 */
struct vm_vsock {
	uint32_t cid;
	char *path;
	bool agent;
	int agent_fd;
};

/**
 * struct vm_boot - what to start
 *
 * Either @kernel (bzImage or ELF with a PVH note, with optional @initrd) or
 * @uki. @cmdline is appended to a UKI's own. The fds come from the launcher.
 */
struct vm_boot {
	char *kernel;
	char *initrd;
	char *uki;
	char *cmdline;
	int kernel_fd; /* also of the UKI */
	int initrd_fd;
};

struct vm_memory {
	uint64_t size;
	enum guest_mem_kind kind;
	uint64_t page_size;
	bool prefault;
	bool locked;
	bool mergeable;
};

/** struct vm_topology - CPUID topology; 0: derived from vcpus */
struct vm_topology {
	uint32_t sockets;
	uint32_t cores;
	uint32_t threads;
};

struct vm_rng {
	bool enable; /* default: true */
	struct vm_rate limit;
};

struct vm_config {
	char *name;
	char *uuid; /* 36 characters */
	uint32_t vcpus;
	struct vm_topology topology;
	char *cpu_features[VM_CPU_FEATURES_MAX]; /* "-avx512f" */
	size_t num_cpu_features;
	struct vm_memory memory;
	struct vm_boot boot;
	enum vm_announce announce;
	enum io_engine_kind io_engine;
	uint32_t io_threads; /* default: 1 */
	uint32_t poll_us;    /* longest polling before a sleep; 0: off */
	struct vm_disk disks[VM_DISKS_MAX];
	size_t num_disks;
	struct vm_net nets[VM_NETS_MAX];
	size_t num_nets;
	struct vm_share shares[VM_SHARES_MAX];
	size_t num_shares;
	struct vm_vsock vsock;
	struct vm_rng rng;
	bool serial;	   /* 16550 on COM1, default: true */
	bool console;	   /* virtio console hvc0, default: true */
	char *console_log; /* file that collects console output, or NULL */
	int console_log_fd;
	int32_t pin[VM_VCPUS_MAX]; /* host CPU per vCPU */
	size_t num_pin;
	int32_t start_order; /* lowest first */
	enum vm_restart restart;
	uint32_t stop_grace; /* seconds from power button to kill */
	enum vm_reboot on_reboot;
	char *cgroup; /* cgroup v2 path to join, or NULL */
};

/** vm_config_init() - all defaults; fds -1. @cfg may hold anything before. */
void vm_config_init(struct vm_config *cfg);

/** vm_config_fini() - free strings; fds are not closed. */
void vm_config_fini(struct vm_config *cfg);

/**
 * vm_config_encode() - as CBOR, fds by number
 * @buf: of @size bytes; CBOR_MESSAGE_MAX are always enough
 *
 * Return: bytes written, or -EMSGSIZE.
 */
int vm_config_encode(const struct vm_config *cfg, void *buf, size_t size,
		     struct err *err);

/**
 * vm_config_decode() - read what vm_config_encode() wrote
 * @cfg:   initialised here; vm_config_fini() it in any case
 * @bytes: untrusted, checked like host.cfg: types, ranges, combinations. That
 *         the fds are what they should be is for their user to check
 *
 * Return: 0, -EMSGSIZE, -EBADMSG or -EINVAL with the key in the message.
 */
int vm_config_decode(struct vm_config *cfg, const void *bytes, size_t len,
		     struct err *err);

/**
 * vm_config_hash() - 36 characters that change when the configuration does
 * @hash: made from everything but the fds
 *
 * Return: 0, or -ENOMEM or -EMSGSIZE.
 */
int vm_config_hash(const struct vm_config *cfg, char hash[VM_CONFIG_HASH_SIZE],
		   struct err *err);

/**
 * vm_config_report_fn - told about each value that cannot work
 * @key:    "disks[1].block_size"
 * @reason: what is wrong and what to do
 */
typedef void (*vm_config_report_fn)(void *ctx, const char *key,
				    const char *reason);

/** vm_config_check() - find combinations of values that cannot work on any
 * host. Return: number of reports. */
unsigned int vm_config_check(const struct vm_config *cfg,
			     vm_config_report_fn report, void *ctx);

/** vm_config_devices() - virtio devices the VM has. */
unsigned int vm_config_devices(const struct vm_config *cfg);

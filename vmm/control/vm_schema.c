/* vm_schema.c - the table of every key of a VM.
 *
 * Whoever adds a key adds a row here and a member of struct vm_config: the
 * parser of host.cfg, CBOR, host.cfg(5) and the tests follow from it.
 */
#include "vm_schema.h"

#include "macros.h"
#include "vm_config.h"
#include "vm_schema_words.h"

/* Keys of a file: given per VM only, or also in defaults = {...}. */
#define PER_VM (SCHEMA_FILE | SCHEMA_WIRE)
#define COMMON (SCHEMA_FILE | SCHEMA_WIRE | SCHEMA_DEFAULTS)
/* Short for a key of a group; the group's own key travels. */
#define SHORT (SCHEMA_FILE | SCHEMA_DEFAULTS)

#define RATE_MAX 1000000000000000LL /* per second: beyond any device */
#define CMDLINE_MAX 4095
#define MIB_ (1LL << 20)
#define GIB_ (1LL << 30)
#define TIB_ (1LL << 40)

/* The table stores enums as int: true of gcc and clang on Linux. */
_Static_assert(sizeof(enum vm_announce) == sizeof(int32_t), "enum is an int");

#define GROUP(label, type, rows)                                               \
	{                                                                      \
		.name = (label), .size = sizeof(type), .fields = (rows),       \
		.num = ARRAY_SIZE(rows),                                       \
	}

#define AT(type_, member) .offset = offsetof(struct type_, member)
#define NUM(type_, member) .num = offsetof(struct type_, member)

static const struct schema_field rate_fields[] = {
	{.key = "ops",
	 .type = SCHEMA_COUNT,
	 .flags = COMMON,
	 AT(vm_rate, ops),
	 .min = 1,
	 .max = RATE_MAX,
	 .doc = "Operations per second."},
	{.key = "ops_burst",
	 .type = SCHEMA_COUNT,
	 .flags = COMMON,
	 AT(vm_rate, ops_burst),
	 .min = 1,
	 .max = RATE_MAX,
	 .doc = "Operations on top of the rate that may go at once."},
	{.key = "bytes",
	 .type = SCHEMA_SIZE,
	 .flags = COMMON,
	 AT(vm_rate, bytes),
	 .min = 1024,
	 .max = TIB_,
	 .doc = "Bytes per second."},
	{.key = "burst",
	 .type = SCHEMA_SIZE,
	 .flags = COMMON,
	 AT(vm_rate, bytes_burst),
	 .min = 1024,
	 .max = TIB_,
	 .doc = "Bytes on top of the rate that may go at once."},
};
static const struct schema_group rate_group =
	GROUP("limit", struct vm_rate, rate_fields);

static const struct schema_field disk_fields[] = {
	{.key = "path",
	 .type = SCHEMA_PATH,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 .ref = SCHEMA_REF_DISK,
	 AT(vm_disk, path),
	 .doc = "File or block device behind the disk."},
	{.key = "format",
	 .type = SCHEMA_WORD,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 AT(vm_disk, format),
	 .words = format_words,
	 .doc = "Format of the file; never detected, because the guest could "
		"write another format's header."},
	{.key = "fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_disk, fd),
	 .max = INT32_MAX},
	{.key = "serial",
	 .type = SCHEMA_TEXT,
	 .flags = PER_VM,
	 AT(vm_disk, serial),
	 .min = 1,
	 .max = 20,
	 .doc = "Serial number the guest reads; \"diskN\" if absent, counted "
		"from 0."},
	{.key = "readonly",
	 .type = SCHEMA_BOOL,
	 .flags = PER_VM,
	 AT(vm_disk, readonly),
	 .doc = "The guest may not write."},
	{.key = "direct",
	 .type = SCHEMA_BOOL,
	 .flags = PER_VM,
	 AT(vm_disk, direct),
	 .doc = "Bypass the host's page cache (O_DIRECT)."},
	{.key = "cache",
	 .type = SCHEMA_ENUM,
	 .flags = PER_VM,
	 AT(vm_disk, cache),
	 .words = cache_words,
	 .doc = "With writethrough every write is durable when it completes; "
		"the guest may change it."},
	{.key = "block_size",
	 .type = SCHEMA_UINT,
	 .flags = PER_VM | SCHEMA_POWER2,
	 AT(vm_disk, block_size),
	 .min = 512,
	 .max = 4096,
	 .def = 512,
	 .doc = "Logical block size in bytes, 512 or 4096."},
	{.key = "queues",
	 .type = SCHEMA_UINT,
	 .flags = PER_VM,
	 AT(vm_disk, queues),
	 .min = 1,
	 .max = 16,
	 .def = 1,
	 .doc = "Request queues."},
	{.key = "queue_size",
	 .type = SCHEMA_UINT,
	 .flags = PER_VM | SCHEMA_POWER2,
	 AT(vm_disk, queue_size),
	 .min = 2,
	 .max = 32768,
	 .def = 256,
	 .doc = "Entries of each queue."},
	{.key = "limit",
	 .type = SCHEMA_GROUP,
	 .flags = PER_VM,
	 AT(vm_disk, limit),
	 .group = &rate_group,
	 .doc = "Rate limit of the disk."},
};
static const struct schema_group disk_group =
	GROUP("disk", struct vm_disk, disk_fields);

static const struct schema_field net_fields[] = {
	{.key = "type",
	 .type = SCHEMA_ENUM,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 AT(vm_net, type),
	 .def = -1,
	 .words = net_words,
	 .doc = "A tap on the host, or passt, which needs no privilege."},
	{.key = "network",
	 .type = SCHEMA_NAME,
	 .flags = PER_VM,
	 .ref = SCHEMA_REF_NETWORK,
	 AT(vm_net, network),
	 .doc = "Network the tap joins, by its name in networks."},
	{.key = "tap",
	 .type = SCHEMA_TEXT,
	 .flags = PER_VM,
	 AT(vm_net, tap),
	 .min = 1,
	 .max = 15,
	 .doc = "Interface name; chosen if absent."},
	{.key = "bridge",
	 .type = SCHEMA_TEXT,
	 .flags = SCHEMA_WIRE,
	 AT(vm_net, bridge),
	 .min = 1,
	 .max = 15},
	{.key = "address",
	 .type = SCHEMA_TEXT,
	 .flags = PER_VM,
	 AT(vm_net, address),
	 .min = 7,
	 .max = 15,
	 .doc = "IPv4 address that the network's DHCP hands to it; chosen in "
		"the order of the file if absent."},
	{.key = "publish",
	 .type = SCHEMA_TEXTS,
	 .flags = PER_VM,
	 AT(vm_net, publish),
	 NUM(vm_net, num_publish),
	 .capacity = VM_PUBLISH_MAX,
	 .min = 3,
	 .max = 15,
	 .doc = "Ports of the host that lead to it: \"8080:80\" is port 8080 "
		"of the host and 80 of the guest, \"53:53/udp\" the same in "
		"UDP."},
	{.key = "fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_net, fd),
	 .max = INT32_MAX},
	{.key = "mac",
	 .type = SCHEMA_MAC,
	 .flags = PER_VM,
	 AT(vm_net, mac),
	 NUM(vm_net, has_mac),
	 .doc = "MAC address of the guest; made from the UUID if absent."},
	{.key = "mtu",
	 .type = SCHEMA_UINT,
	 .flags = PER_VM,
	 AT(vm_net, mtu),
	 .min = 68,
	 .max = 65535,
	 .doc = "MTU the guest is told."},
	{.key = "limit",
	 .type = SCHEMA_GROUP,
	 .flags = PER_VM,
	 AT(vm_net, limit),
	 .group = &rate_group,
	 .doc = "Rate limit, each way."},
};
static const struct schema_group net_group =
	GROUP("net", struct vm_net, net_fields);

static const struct schema_field share_fields[] = {
	{.key = "path",
	 .type = SCHEMA_PATH,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 .ref = SCHEMA_REF_FOLDER,
	 AT(vm_share, path),
	 .doc = "Folder of the host."},
	{.key = "tag",
	 .type = SCHEMA_TEXT,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 AT(vm_share, tag),
	 .min = 1,
	 .max = VM_SHARE_TAG_MAX,
	 .doc = "What the guest mounts: mount -t virtiofs TAG /mnt."},
	{.key = "readonly",
	 .type = SCHEMA_BOOL,
	 .flags = PER_VM,
	 AT(vm_share, readonly),
	 .doc = "The guest may not write."},
	{.key = "fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_share, fd),
	 .max = INT32_MAX},
};
static const struct schema_group share_group =
	GROUP("share", struct vm_share, share_fields);

static const struct schema_field vsock_fields[] = {
	{.key = "cid",
	 .type = SCHEMA_UINT,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 AT(vm_vsock, cid),
	 .min = 3,
	 .max = 4294967294,
	 .doc = "Context id of the guest."},
	{.key = "path",
	 .type = SCHEMA_PATH,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 .ref = SCHEMA_REF_PARENT,
	 AT(vm_vsock, path),
	 .doc = "Unix socket that leads into the guest."},
	{.key = "agent",
	 .type = SCHEMA_BOOL,
	 .flags = PER_VM,
	 AT(vm_vsock, agent),
	 .doc = "Wait for the guest's agent: event agent.ready."},
	{.key = "agent_fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_vsock, agent_fd),
	 .max = INT32_MAX},
};
static const struct schema_group vsock_group =
	GROUP("vsock", struct vm_vsock, vsock_fields);

#define BOOT_FIELDS(flags_, type_, prefix)                                     \
	{.key = "kernel",                                                      \
	 .type = SCHEMA_PATH,                                                  \
	 .flags = (flags_),                                                    \
	 .ref = SCHEMA_REF_FILE,                                               \
	 AT(type_, prefix kernel),                                             \
	 .doc = "Kernel: bzImage, or ELF with a PVH note."},                   \
		{.key = "initrd",                                              \
		 .type = SCHEMA_PATH,                                          \
		 .flags = (flags_),                                            \
		 .ref = SCHEMA_REF_FILE,                                       \
		 AT(type_, prefix initrd),                                     \
		 .doc = "Initial RAM disk for the kernel."},                   \
		{.key = "uki",                                                 \
		 .type = SCHEMA_PATH,                                          \
		 .flags = (flags_),                                            \
		 .ref = SCHEMA_REF_FILE,                                       \
		 AT(type_, prefix uki),                                        \
		 .doc = "Unified kernel image, instead of kernel and "         \
			"initrd."},                                            \
	{                                                                      \
		.key = "cmdline", .type = SCHEMA_TEXT, .flags = (flags_),      \
		AT(type_, prefix cmdline), .max = CMDLINE_MAX,                 \
		.doc = "Kernel command line; appended to that of a UKI."       \
	}

static const struct schema_field boot_fields[] = {
	BOOT_FIELDS(COMMON, vm_boot, ),
	{.key = "kernel_fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_boot, kernel_fd),
	 .max = INT32_MAX},
	{.key = "initrd_fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_boot, initrd_fd),
	 .max = INT32_MAX},
};
static const struct schema_group boot_group =
	GROUP("boot", struct vm_boot, boot_fields);

static const struct schema_field topology_fields[] = {
	{.key = "sockets",
	 .type = SCHEMA_UINT,
	 .flags = COMMON | SCHEMA_REQUIRED,
	 AT(vm_topology, sockets),
	 .min = 1,
	 .max = VM_VCPUS_MAX,
	 .doc = "Sockets."},
	{.key = "cores",
	 .type = SCHEMA_UINT,
	 .flags = COMMON | SCHEMA_REQUIRED,
	 AT(vm_topology, cores),
	 .min = 1,
	 .max = VM_VCPUS_MAX,
	 .doc = "Cores of a socket."},
	{.key = "threads",
	 .type = SCHEMA_UINT,
	 .flags = COMMON | SCHEMA_REQUIRED,
	 AT(vm_topology, threads),
	 .min = 1,
	 .max = VM_VCPUS_MAX,
	 .doc = "Threads of a core."},
};
static const struct schema_group topology_group =
	GROUP("topology", struct vm_topology, topology_fields);

static const struct schema_field rng_fields[] = {
	{.key = "enable",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_rng, enable),
	 .def = true,
	 .doc = "Give the guest a source of entropy."},
	{.key = "limit",
	 .type = SCHEMA_GROUP,
	 .flags = COMMON,
	 AT(vm_rng, limit),
	 .group = &rate_group,
	 .doc = "Rate limit of the entropy."},
};
static const struct schema_group rng_group =
	GROUP("rng", struct vm_rng, rng_fields);

static const struct schema_field vm_fields[] = {
	{.key = "name",
	 .type = SCHEMA_NAME,
	 .flags = PER_VM | SCHEMA_REQUIRED,
	 AT(vm_config, name),
	 .doc = "Name of the VM, unique on the host."},
	{.key = "uuid",
	 .type = SCHEMA_UUID,
	 .flags = PER_VM,
	 AT(vm_config, uuid),
	 .doc = "Identity of the VM; if absent one is derived from this host, "
		"the path of the file and the name, so that it stays the "
		"same."},
	{.key = "vcpus",
	 .type = SCHEMA_UINT,
	 .flags = COMMON,
	 AT(vm_config, vcpus),
	 .min = 1,
	 .max = VM_VCPUS_MAX,
	 .def = 1,
	 .doc = "Virtual CPUs."},
	{.key = "topology",
	 .type = SCHEMA_GROUP,
	 .flags = COMMON,
	 AT(vm_config, topology),
	 .group = &topology_group,
	 .doc = "How the guest sees its CPUs; one socket of cores if absent."},
	{.key = "cpu_features",
	 .type = SCHEMA_TEXTS,
	 .flags = COMMON,
	 AT(vm_config, cpu_features),
	 NUM(vm_config, num_cpu_features),
	 .capacity = VM_CPU_FEATURES_MAX,
	 .min = 2,
	 .max = 32,
	 .doc = "CPU features to hide from the guest, such as \"-avx512f\"."},
	{.key = "memory",
	 .type = SCHEMA_SIZE,
	 .flags = COMMON,
	 AT(vm_config, memory.size),
	 .min = 32 * MIB_,
	 .max = TIB_,
	 .step = 2 * MIB_,
	 .def = 256 * MIB_,
	 .doc = "Size of memory."},
	{.key = "memory_kind",
	 .type = SCHEMA_ENUM,
	 .flags = COMMON,
	 AT(vm_config, memory.kind),
	 .words = memory_words,
	 .doc = "Anonymous and private, a shared memfd, or hugepages that were "
		"reserved on the host."},
	{.key = "page_size",
	 .type = SCHEMA_SIZE,
	 .flags = COMMON,
	 AT(vm_config, memory.page_size),
	 .min = 2 * MIB_,
	 .max = GIB_,
	 .words = page_words,
	 .def = 2 * MIB_,
	 .doc = "Size of the hugepages."},
	{.key = "prefault",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_config, memory.prefault),
	 .doc = "Populate all memory before the guest starts."},
	{.key = "locked",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_config, memory.locked),
	 .doc = "Lock memory, so that it is never swapped."},
	{.key = "mergeable",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_config, memory.mergeable),
	 .doc = "Let KSM merge equal pages; private memory only."},
	{.key = "boot",
	 .type = SCHEMA_GROUP,
	 .flags = COMMON,
	 AT(vm_config, boot),
	 .group = &boot_group,
	 .doc = "What to start."},
	BOOT_FIELDS(SHORT, vm_config, boot.),
	{.key = "announce",
	 .type = SCHEMA_ENUM,
	 .flags = COMMON,
	 AT(vm_config, announce),
	 .words = announce_words,
	 .doc = "How the guest learns of its devices: ACPI tables, or words on "
		"the command line for kernels without ACPI."},
	{.key = "io_engine",
	 .type = SCHEMA_ENUM,
	 .flags = COMMON,
	 AT(vm_config, io_engine),
	 .words = engine_words,
	 .doc = "Kernel interface of the I/O threads; auto falls back to aio "
		"with a warning."},
	{.key = "io_threads",
	 .type = SCHEMA_UINT,
	 .flags = COMMON,
	 AT(vm_config, io_threads),
	 .min = 1,
	 .max = 16,
	 .def = 1,
	 .doc = "I/O threads; devices are spread over them."},
	{.key = "poll_us",
	 .type = SCHEMA_UINT,
	 .flags = COMMON,
	 AT(vm_config, poll_us),
	 .max = 1000,
	 .doc = "Longest time in microseconds that an I/O thread looks for "
		"disk "
		"requests before it sleeps; 0: never. The aio engine ignores "
		"it: its completions take a system call to see."},
	{.key = "disks",
	 .type = SCHEMA_GROUPS,
	 .flags = PER_VM,
	 AT(vm_config, disks),
	 NUM(vm_config, num_disks),
	 .capacity = VM_DISKS_MAX,
	 .group = &disk_group,
	 .doc = "Disks, in the order the guest finds them."},
	{.key = "nets",
	 .type = SCHEMA_GROUPS,
	 .flags = PER_VM,
	 AT(vm_config, nets),
	 NUM(vm_config, num_nets),
	 .capacity = VM_NETS_MAX,
	 .group = &net_group,
	 .doc = "Network interfaces."},
	{.key = "shares",
	 .type = SCHEMA_GROUPS,
	 .flags = PER_VM,
	 AT(vm_config, shares),
	 NUM(vm_config, num_shares),
	 .capacity = VM_SHARES_MAX,
	 .group = &share_group,
	 .doc = "Folders of the host the guest can mount (virtio-fs); they "
		"need memory_kind = \"shared\" or \"hugepages\"."},
	{.key = "vsock",
	 .type = SCHEMA_GROUP,
	 .flags = PER_VM,
	 AT(vm_config, vsock),
	 .group = &vsock_group,
	 .doc = "Sockets between host and guest."},
	{.key = "rng",
	 .type = SCHEMA_GROUP,
	 .flags = COMMON,
	 AT(vm_config, rng),
	 .group = &rng_group,
	 .doc = "Entropy device."},
	{.key = "serial",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_config, serial),
	 .def = true,
	 .doc = "Serial port (ttyS0)."},
	{.key = "console",
	 .type = SCHEMA_BOOL,
	 .flags = COMMON,
	 AT(vm_config, console),
	 .def = true,
	 .doc = "Virtio console (hvc0)."},
	{.key = "console_log",
	 .type = SCHEMA_PATH,
	 .flags = PER_VM,
	 .ref = SCHEMA_REF_PARENT,
	 AT(vm_config, console_log),
	 .doc = "File that collects what the guest prints."},
	{.key = "console_log_fd",
	 .type = SCHEMA_FD,
	 .flags = SCHEMA_WIRE,
	 AT(vm_config, console_log_fd),
	 .max = INT32_MAX},
	{.key = "pin",
	 .type = SCHEMA_INTS,
	 .flags = PER_VM,
	 .ref = SCHEMA_REF_CPU,
	 AT(vm_config, pin),
	 NUM(vm_config, num_pin),
	 .capacity = VM_VCPUS_MAX,
	 .max = 4095,
	 .doc = "Host CPU of each virtual CPU, in order; those left out run "
		"anywhere."},
	{.key = "start_order",
	 .type = SCHEMA_INT,
	 .flags = COMMON,
	 AT(vm_config, start_order),
	 .min = -32768,
	 .max = 32767,
	 .doc = "VMs start in ascending order and stop in descending order."},
	{.key = "restart",
	 .type = SCHEMA_ENUM,
	 .flags = COMMON,
	 AT(vm_config, restart),
	 .words = restart_words,
	 .doc = "Whether the supervisor starts the VM again when it has ended; "
		"on-failure: unless its exit status is 0."},
	{.key = "on_reboot",
	 .type = SCHEMA_ENUM,
	 .flags = COMMON,
	 AT(vm_config, on_reboot),
	 .words = reboot_words,
	 .doc = "What a reboot of the guest does: start it again, or end the "
		"VM "
		"with status 124."},
	{.key = "stop_grace",
	 .type = SCHEMA_UINT,
	 .flags = COMMON,
	 AT(vm_config, stop_grace),
	 .max = 3600,
	 .def = 30,
	 .doc = "Seconds a guest has after the power button before it is "
		"killed."},
	{.key = "cgroup",
	 .type = SCHEMA_TEXT,
	 .flags = PER_VM,
	 .ref = SCHEMA_REF_CGROUP,
	 AT(vm_config, cgroup),
	 .min = 1,
	 .max = 255,
	 .doc = "Control group (v2) to run in, below the mount point of "
		"cgroup2; it must exist and be writable."},
};
_Static_assert(ARRAY_SIZE(vm_fields) <= SCHEMA_FIELDS_MAX, "table too long");

const struct schema_group vm_schema = GROUP("vm", struct vm_config, vm_fields);

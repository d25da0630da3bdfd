/* definition_image.c - the fields of an image entry: what a container may have,
 * and where it goes in config.json and runtime.json. */
#include "definition_table.h"
#include "macros.h"
#include "oci_spec.h"
#include <string.h>

static const struct field mount_fields[] = {
	{.key = "type",
	 .type = FIELD_TEXT,
	 .doc = "Of the file system; left out: what the source says."},
	{.key = "source",
	 .type = FIELD_TEXT,
	 .doc = "Device, directory or volume."},
	{.key = "destination",
	 .type = FIELD_TEXT,
	 .doc = "Where; may be left out for mqueue, devpts, proc, sysfs, "
		"cgroup."},
	{.key = "options", .type = FIELD_TEXTS, .doc = "As of mount(8)."},
};
static const struct field_group mount_group =
	FIELD_GROUP_OF("mount", mount_fields);

static const char *const device_types[] = {"a", "b", "c", "u", "p", NULL};
static const struct field device_fields[] = {
	{.key = "path",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Of the node; \"all\": no node, access to all of the type."},
	{.key = "type",
	 .type = FIELD_TEXT,
	 .words = device_types,
	 .flags = FIELD_REQUIRED,
	 .doc = "a, b, c, u or p."},
	{.key = "major", .type = FIELD_INT, .doc = "Number, -1: any."},
	{.key = "minor", .type = FIELD_INT, .doc = "Number, -1: any."},
	{.key = "mode", .type = FIELD_OCTAL, .doc = "Permissions, octal."},
};
static const struct field_group device_group =
	FIELD_GROUP_OF("device", device_fields);

static const struct field id_mapping_fields[] = {
	{.key = "hostID",
	 .type = FIELD_INT,
	 .flags = FIELD_REQUIRED,
	 .doc = "First id outside."},
	{.key = "containerID",
	 .type = FIELD_INT,
	 .flags = FIELD_REQUIRED,
	 .doc = "First id inside."},
	{.key = "size",
	 .type = FIELD_INT,
	 .flags = FIELD_REQUIRED,
	 .doc = "How many."},
};
static const struct field_group id_mapping_group =
	FIELD_GROUP_OF("mapping", id_mapping_fields);

static const struct field device_rule_fields[] = {
	{.key = "allow", .type = FIELD_BOOL, .doc = "Or deny."},
	{.key = "type", .type = FIELD_TEXT, .doc = "a, b or c."},
	{.key = "major", .type = FIELD_INT, .doc = "Left out: any."},
	{.key = "minor", .type = FIELD_INT, .doc = "Left out: any."},
	{.key = "access", .type = FIELD_TEXT, .doc = "Of r, w and m."},
};
static const struct field_group device_rule_group =
	FIELD_GROUP_OF("device rule", device_rule_fields);

static const struct field memory_fields[] = {
	{.key = "limit", .type = FIELD_INT, .doc = "Bytes."},
	{.key = "reservation", .type = FIELD_INT, .doc = "Bytes, soft limit."},
	{.key = "swap", .type = FIELD_INT, .doc = "Bytes, memory and swap."},
	{.key = "kernel", .type = FIELD_INT, .doc = "Bytes; cgroup v1."},
	{.key = "kernelTCP", .type = FIELD_INT, .doc = "Bytes; cgroup v1."},
	{.key = "swappiness", .type = FIELD_INT, .doc = "0 to 100; cgroup v1."},
	{.key = "disableOOMKiller", .type = FIELD_BOOL, .doc = "cgroup v1."},
};
static const struct field_group memory_group =
	FIELD_GROUP_OF("memory", memory_fields);

static const struct field cpu_fields[] = {
	{.key = "shares", .type = FIELD_INT, .doc = "Weight, 1024: normal."},
	{.key = "quota", .type = FIELD_INT, .doc = "Microseconds per period."},
	{.key = "period", .type = FIELD_INT, .doc = "Microseconds."},
	{.key = "realtimeRuntime", .type = FIELD_INT, .doc = "cgroup v1."},
	{.key = "realtimePeriod", .type = FIELD_INT, .doc = "cgroup v1."},
	{.key = "cpus", .type = FIELD_TEXT, .doc = "Such as 0-1,3."},
	{.key = "mems", .type = FIELD_TEXT, .doc = "Such as 0."},
};
static const struct field_group cpu_group = FIELD_GROUP_OF("cpu", cpu_fields);

static const struct field pids_fields[] = {
	{.key = "limit", .type = FIELD_INT, .doc = "Number of tasks."},
};
static const struct field_group pids_group =
	FIELD_GROUP_OF("pids", pids_fields);

static const struct field weight_device_fields[] = {
	{.key = "major", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "minor", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "weight", .type = FIELD_INT, .doc = "10 to 1000."},
	{.key = "leafWeight", .type = FIELD_INT, .doc = "cgroup v1."},
};
static const struct field_group weight_device_group =
	FIELD_GROUP_OF("weight", weight_device_fields);

static const struct field throttle_fields[] = {
	{.key = "major", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "minor", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "rate",
	 .type = FIELD_INT,
	 .doc = "Bytes or requests per second."},
};
static const struct field_group throttle_group =
	FIELD_GROUP_OF("throttle", throttle_fields);

static const struct field blockio_fields[] = {
	{.key = "weight", .type = FIELD_INT, .doc = "10 to 1000."},
	{.key = "leafWeight", .type = FIELD_INT, .doc = "cgroup v1."},
	{.key = "weightDevice",
	 .type = FIELD_GROUPS,
	 .group = &weight_device_group,
	 .doc = "Per device."},
	{.key = "throttleReadBpsDevice",
	 .type = FIELD_GROUPS,
	 .group = &throttle_group,
	 .doc = "Bytes read."},
	{.key = "throttleWriteBpsDevice",
	 .type = FIELD_GROUPS,
	 .group = &throttle_group,
	 .doc = "Bytes written."},
	{.key = "throttleReadIOPSDevice",
	 .type = FIELD_GROUPS,
	 .group = &throttle_group,
	 .doc = "Reads."},
	{.key = "throttleWriteIOPSDevice",
	 .type = FIELD_GROUPS,
	 .group = &throttle_group,
	 .doc = "Writes."},
};
static const struct field_group blockio_group =
	FIELD_GROUP_OF("blockio", blockio_fields);

static const struct field hugepage_fields[] = {
	{.key = "pageSize",
	 .type = FIELD_SIZE,
	 .flags = FIELD_REQUIRED,
	 .doc = "Such as 2MB."},
	{.key = "limit",
	 .type = FIELD_INT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Bytes."},
};
static const struct field_group hugepage_group =
	FIELD_GROUP_OF("hugepage limit", hugepage_fields);

static const struct field resources_fields[] = {
	{.key = "devices",
	 .type = FIELD_GROUPS,
	 .group = &device_rule_group,
	 .doc = "Rules, later ones win."},
	{.key = "memory",
	 .type = FIELD_GROUP,
	 .group = &memory_group,
	 .doc = "Limits of memory."},
	{.key = "cpu",
	 .type = FIELD_GROUP,
	 .group = &cpu_group,
	 .doc = "Limits of processor time."},
	{.key = "pids",
	 .type = FIELD_GROUP,
	 .group = &pids_group,
	 .doc = "Limit of tasks."},
	{.key = "blockio",
	 .type = FIELD_GROUP,
	 .group = &blockio_group,
	 .alias = "blockIO",
	 .doc = "Limits of disks."},
	{.key = "hugepageLimits",
	 .type = FIELD_GROUPS,
	 .group = &hugepage_group,
	 .doc = "Limits of huge pages."},
	{.key = "network",
	 .type = FIELD_ANY,
	 .flags = FIELD_REFUSED,
	 .doc = "Class and priorities exist in cgroup v1 only."},
};
static const struct field_group resources_group =
	FIELD_GROUP_OF("resources", resources_fields);

static const struct field interface_fields[] = {
	{.key = "name",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Of the interface."},
	{.key = "add",
	 .type = FIELD_TEXT,
	 .doc = "Make one of this type (veth, wireguard, dummy...); left out: "
		"move the one that is there."},
	{.key = "peer",
	 .type = FIELD_TEXT,
	 .doc = "Name of the other end of a veth, which stays outside."},
	{.key = "createInRoot",
	 .type = FIELD_BOOL,
	 .doc = "Make it in the root namespace, then move it."},
};
static const struct field_group interface_group =
	FIELD_GROUP_OF("interface", interface_fields);

static const struct field bind_ns_fields[] = {
	{.key = "cgroup", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "ipc", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "mnt", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "net", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "pid", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "user", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "uts", .type = FIELD_TEXT, .doc = "Path."},
};
static const struct field_group bind_ns_group =
	FIELD_GROUP_OF("bindNS", bind_ns_fields);

static const struct field runtime_fields[] = {
	{.key = "cgroups",
	 .type = FIELD_TEXTS,
	 .doc = "Control groups to make."},
	{.key = "mounts",
	 .type = FIELD_GROUPS,
	 .group = &mount_group,
	 .doc = "Mounts to make in the root before the container starts."},
	{.key = "mkdir", .type = FIELD_TEXTS, .doc = "Directories to make."},
	{.key = "interfaces",
	 .type = FIELD_GROUPS,
	 .group = &interface_group,
	 .alias = "interface",
	 .doc = "Network interfaces to make or move."},
	{.key = "bindNS",
	 .type = FIELD_GROUP,
	 .group = &bind_ns_group,
	 .flags = FIELD_DEEP,
	 .alias = "bindNs",
	 .doc = "Where to bind its namespaces."},
	{.key = "namespace",
	 .type = FIELD_TEXT,
	 .doc = "Of containerd, for a service."},
};
static const struct field_group runtime_group =
	FIELD_GROUP_OF("runtime", runtime_fields);

static const struct field image_fields[] = {
	{.key = "name",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_YAML,
	 .doc = "Of the container; of services: each once."},
	{.key = "image",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_YAML,
	 .doc = "Reference: see REFERENCES."},
	{.key = "capabilities",
	 .type = FIELD_TEXTS,
	 .apply = oci_spec_capabilities,
	 .doc = "Such as CAP_NET_ADMIN; \"all\" or \"none\" [none]."},
	{.key = "capabilities.add",
	 .type = FIELD_TEXTS,
	 .flags = FIELD_ADDS,
	 .doc = "Added to those of the label."},
	{.key = "ambient",
	 .type = FIELD_TEXTS,
	 .apply = oci_spec_ambient,
	 .doc = "Capabilities that programs without file capabilities keep."},
	{.key = "tmpfs",
	 .type = FIELD_TEXTS,
	 .apply = oci_spec_tmpfs,
	 .doc = "\"destination[:options]\"."},
	{.key = "binds",
	 .type = FIELD_TEXTS,
	 .apply = oci_spec_binds,
	 .doc = "\"source:destination[:options]\" [rw,rbind,rshared]; source "
		"may be a volume."},
	{.key = "binds.add",
	 .type = FIELD_TEXTS,
	 .flags = FIELD_ADDS,
	 .doc = "Added to those of the label."},
	{.key = "mounts",
	 .type = FIELD_GROUPS,
	 .group = &mount_group,
	 .apply = oci_spec_mounts,
	 .doc = "In place of the default one of the same destination, or "
		"further ones."},
	{.key = "devices",
	 .type = FIELD_GROUPS,
	 .group = &device_group,
	 .apply = oci_spec_devices,
	 .doc = "Device nodes, with access."},
	{.key = "command",
	 .type = FIELD_TEXTS,
	 .oci = "process.args",
	 .doc = "In place of ENTRYPOINT and CMD."},
	{.key = "env",
	 .type = FIELD_TEXTS,
	 .oci = "process.env",
	 .doc = "\"NAME=value\", in place of ENV."},
	{.key = "cwd",
	 .type = FIELD_TEXT,
	 .oci = "process.cwd",
	 .doc = "Working directory, in place of WORKDIR [/]."},
	{.key = "net",
	 .type = FIELD_TEXT,
	 .apply = oci_spec_net,
	 .doc = "Network namespace: host or root, none or new, or a path "
		"[host]."},
	{.key = "pid",
	 .type = FIELD_TEXT,
	 .apply = oci_spec_pid,
	 .doc = "PID namespace: new, host or root, or a path [new]."},
	{.key = "ipc",
	 .type = FIELD_TEXT,
	 .apply = oci_spec_ipc,
	 .doc = "IPC namespace, as pid [host]."},
	{.key = "uts",
	 .type = FIELD_TEXT,
	 .apply = oci_spec_uts,
	 .doc = "UTS namespace, as pid [host]."},
	{.key = "userns",
	 .type = FIELD_TEXT,
	 .apply = oci_spec_userns,
	 .doc = "User namespace, as pid [host]."},
	{.key = "readonly",
	 .type = FIELD_BOOL,
	 .oci = "root.readonly",
	 .doc = "Its root cannot be written."},
	{.key = "maskedPaths",
	 .type = FIELD_TEXTS,
	 .oci = "linux.maskedPaths",
	 .doc = "Paths that are hidden."},
	{.key = "readonlyPaths",
	 .type = FIELD_TEXTS,
	 .oci = "linux.readonlyPaths",
	 .doc = "Paths that cannot be written."},
	{.key = "uid",
	 .type = FIELD_ID,
	 .apply = oci_spec_uid,
	 .doc = "User, or the name of a container, which has one of its own."},
	{.key = "gid",
	 .type = FIELD_ID,
	 .apply = oci_spec_gid,
	 .doc = "Group, as uid."},
	{.key = "additionalGids",
	 .type = FIELD_IDS,
	 .apply = oci_spec_additional_gids,
	 .doc = "Groups, as uid."},
	{.key = "noNewPrivileges",
	 .type = FIELD_BOOL,
	 .oci = "process.noNewPrivileges",
	 .doc = "No program gains privileges by its file."},
	{.key = "hostname",
	 .type = FIELD_TEXT,
	 .oci = "hostname",
	 .doc = "With uts: new."},
	{.key = "oomScoreAdj",
	 .type = FIELD_INT,
	 .oci = "process.oomScoreAdj",
	 .doc = "-1000 to 1000."},
	{.key = "rootfsPropagation",
	 .type = FIELD_TEXT,
	 .oci = "linux.rootfsPropagation",
	 .doc = "shared, slave, private or unbindable."},
	{.key = "cgroupsPath",
	 .type = FIELD_TEXT,
	 .oci = "linux.cgroupsPath",
	 .doc = "Control group."},
	{.key = "resources",
	 .type = FIELD_GROUP,
	 .group = &resources_group,
	 .apply = oci_spec_resources,
	 .doc = "Limits of its control group."},
	{.key = "sysctl",
	 .type = FIELD_LABELS,
	 .oci = "linux.sysctl",
	 .doc = "Set in its namespaces."},
	{.key = "rlimits",
	 .type = FIELD_TEXTS,
	 .alias = "rmlimits",
	 .apply = oci_spec_rlimits,
	 .doc = "\"name,soft,hard\", such as nofile,100,unlimited."},
	{.key = "uidMappings",
	 .type = FIELD_GROUPS,
	 .group = &id_mapping_group,
	 .oci = "linux.uidMappings",
	 .doc = "With userns: new."},
	{.key = "gidMappings",
	 .type = FIELD_GROUPS,
	 .group = &id_mapping_group,
	 .oci = "linux.gidMappings",
	 .doc = "With userns: new."},
	{.key = "annotations",
	 .type = FIELD_LABELS,
	 .oci = "annotations",
	 .doc = "Handed to the container runtime."},
	{.key = "runtime",
	 .type = FIELD_GROUP,
	 .group = &runtime_group,
	 .flags = FIELD_DEEP,
	 .doc = "What is done before it starts: runtime.json."},
};
const struct field_group image_group = FIELD_GROUP_OF("image", image_fields);

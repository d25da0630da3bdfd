/*
 * definition_table.c - see definition_table.h.
 */
#include "definition_table.h"

#include "macros.h"
#include "oci_spec.h"

#include <string.h>

#define GROUP(n, f)                                                            \
	{                                                                      \
		.name = (n), .fields = (f), .num = ARRAY_SIZE(f)               \
	}

static const struct field kernel_fields[] = {
	{.key = "image",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Image that holds the kernel and its modules."},
	{.key = "cmdline", .type = FIELD_TEXT, .doc = "Kernel command line."},
	{.key = "binary",
	 .type = FIELD_TEXT,
	 .doc = "File in the image that is the kernel [kernel]."},
	{.key = "tar",
	 .type = FIELD_TEXT,
	 .doc = "Tar in the image that is unpacked into the root, \"none\" or "
		"\"\": nothing [kernel.tar]."},
	{.key = "ucode",
	 .type = FIELD_TEXT,
	 .doc = "Cpio in the image with microcode, put before the initrd."},
};
static const struct field_group kernel_group = GROUP("kernel", kernel_fields);

static const char *const volume_formats[] = {"filesystem", "oci", NULL};
static const struct field volume_fields[] = {
	{.key = "name",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "What binds call it: a-z, 0-9, _ and -."},
	{.key = "image",
	 .type = FIELD_TEXT,
	 .doc = "Image that it starts with; nothing: it starts empty."},
	{.key = "readonly", .type = FIELD_BOOL, .doc = "It cannot be written."},
	{.key = "format",
	 .type = FIELD_TEXT,
	 .words = volume_formats,
	 .doc = "The files of the image, or the image as an OCI layout "
		"[filesystem]."},
	{.key = "platforms",
	 .type = FIELD_TEXTS,
	 .doc = "Platforms to take of an image for several; of an OCI layout."},
};
static const struct field_group volume_group = GROUP("volume", volume_fields);

static const char *const metadata_words[] = {"yaml", "json", NULL};
static const struct field file_fields[] = {
	{.key = "path",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Where it is in the root."},
	{.key = "directory", .type = FIELD_BOOL, .doc = "It is a directory."},
	{.key = "symlink",
	 .type = FIELD_TEXT,
	 .doc = "It is a symbolic link to this."},
	{.key = "contents", .type = FIELD_TEXT, .doc = "What is in it."},
	{.key = "source",
	 .type = FIELD_TEXT,
	 .doc = "File to copy, \"~/\" is the home directory; relative: to the "
		"definition."},
	{.key = "metadata",
	 .type = FIELD_TEXT,
	 .words = metadata_words,
	 .doc = "It holds the definition itself."},
	{.key = "optional",
	 .type = FIELD_BOOL,
	 .doc = "Left out if source does not exist."},
	{.key = "mode",
	 .type = FIELD_OCTAL,
	 .doc = "Permissions, octal [0600; of a directory 0700]."},
	{.key = "uid",
	 .type = FIELD_ID,
	 .doc = "Owner, or the name of a container [0]."},
	{.key = "gid",
	 .type = FIELD_ID,
	 .doc = "Group, or the name of a container [0]."},
};
static const struct field_group file_group = GROUP("file", file_fields);

static const struct field trust_fields[] = {
	{.key = "image", .type = FIELD_TEXTS, .doc = "Images to verify."},
	{.key = "org",
	 .type = FIELD_TEXTS,
	 .doc = "Organizations whose images to verify."},
};
static const struct field_group trust_group = GROUP("trust", trust_fields);

static const struct field output_fields[] = {
	{.key = "format",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "As --format takes it."},
	{.key = "project",
	 .type = FIELD_TEXT,
	 .flags = FIELD_UNUSED,
	 .doc = "Of Google's cloud: see lwx-image push."},
	{.key = "bucket",
	 .type = FIELD_TEXT,
	 .flags = FIELD_UNUSED,
	 .doc = "Of Google's cloud: see lwx-image push."},
	{.key = "family",
	 .type = FIELD_TEXT,
	 .flags = FIELD_UNUSED,
	 .doc = "Of Google's cloud: see lwx-image push."},
	{.key = "keys",
	 .type = FIELD_TEXT,
	 .flags = FIELD_UNUSED,
	 .doc = "Of Google's cloud: see lwx-image push."},
	{.key = "public",
	 .type = FIELD_BOOL,
	 .flags = FIELD_UNUSED,
	 .doc = "Of Google's cloud: see lwx-image push."},
	{.key = "replace",
	 .type = FIELD_BOOL,
	 .flags = FIELD_UNUSED,
	 .doc = "Outputs are always replaced."},
};
static const struct field_group output_group = GROUP("output", output_fields);

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
static const struct field_group mount_group = GROUP("mount", mount_fields);

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
static const struct field_group device_group = GROUP("device", device_fields);

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
	GROUP("mapping", id_mapping_fields);

static const struct field device_rule_fields[] = {
	{.key = "allow", .type = FIELD_BOOL, .doc = "Or deny."},
	{.key = "type", .type = FIELD_TEXT, .doc = "a, b or c."},
	{.key = "major", .type = FIELD_INT, .doc = "Left out: any."},
	{.key = "minor", .type = FIELD_INT, .doc = "Left out: any."},
	{.key = "access", .type = FIELD_TEXT, .doc = "Of r, w and m."},
};
static const struct field_group device_rule_group =
	GROUP("device rule", device_rule_fields);

static const struct field memory_fields[] = {
	{.key = "limit", .type = FIELD_INT, .doc = "Bytes."},
	{.key = "reservation", .type = FIELD_INT, .doc = "Bytes, soft limit."},
	{.key = "swap", .type = FIELD_INT, .doc = "Bytes, memory and swap."},
	{.key = "kernel", .type = FIELD_INT, .doc = "Bytes; cgroup v1."},
	{.key = "kernelTCP", .type = FIELD_INT, .doc = "Bytes; cgroup v1."},
	{.key = "swappiness", .type = FIELD_INT, .doc = "0 to 100; cgroup v1."},
	{.key = "disableOOMKiller", .type = FIELD_BOOL, .doc = "cgroup v1."},
};
static const struct field_group memory_group = GROUP("memory", memory_fields);

static const struct field cpu_fields[] = {
	{.key = "shares", .type = FIELD_INT, .doc = "Weight, 1024: normal."},
	{.key = "quota", .type = FIELD_INT, .doc = "Microseconds per period."},
	{.key = "period", .type = FIELD_INT, .doc = "Microseconds."},
	{.key = "realtimeRuntime", .type = FIELD_INT, .doc = "cgroup v1."},
	{.key = "realtimePeriod", .type = FIELD_INT, .doc = "cgroup v1."},
	{.key = "cpus", .type = FIELD_TEXT, .doc = "Such as 0-1,3."},
	{.key = "mems", .type = FIELD_TEXT, .doc = "Such as 0."},
};
static const struct field_group cpu_group = GROUP("cpu", cpu_fields);

static const struct field pids_fields[] = {
	{.key = "limit", .type = FIELD_INT, .doc = "Number of tasks."},
};
static const struct field_group pids_group = GROUP("pids", pids_fields);

static const struct field weight_device_fields[] = {
	{.key = "major", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "minor", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "weight", .type = FIELD_INT, .doc = "10 to 1000."},
	{.key = "leafWeight", .type = FIELD_INT, .doc = "cgroup v1."},
};
static const struct field_group weight_device_group =
	GROUP("weight", weight_device_fields);

static const struct field throttle_fields[] = {
	{.key = "major", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "minor", .type = FIELD_INT, .doc = "Of the device."},
	{.key = "rate",
	 .type = FIELD_INT,
	 .doc = "Bytes or requests per second."},
};
static const struct field_group throttle_group =
	GROUP("throttle", throttle_fields);

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
	GROUP("blockio", blockio_fields);

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
	GROUP("hugepage limit", hugepage_fields);

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
	GROUP("resources", resources_fields);

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
	GROUP("interface", interface_fields);

static const struct field bind_ns_fields[] = {
	{.key = "cgroup", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "ipc", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "mnt", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "net", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "pid", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "user", .type = FIELD_TEXT, .doc = "Path."},
	{.key = "uts", .type = FIELD_TEXT, .doc = "Path."},
};
static const struct field_group bind_ns_group = GROUP("bindNS", bind_ns_fields);

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
	GROUP("runtime", runtime_fields);

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
const struct field_group image_group = GROUP("image", image_fields);

static const char *const restart_words[] = {"no", "on-failure", "always", NULL};
static const struct field health_fields[] = {
	{.key = "command",
	 .type = FIELD_TEXTS,
	 .flags = FIELD_REQUIRED,
	 .doc = "Runs in the container; status 0: healthy."},
	{.key = "interval", .type = FIELD_INT, .doc = "Seconds [10]."},
	{.key = "timeout", .type = FIELD_INT, .doc = "Seconds [5]."},
	{.key = "retries",
	 .type = FIELD_INT,
	 .doc = "Failures in a row until it is unhealthy [3]."},
};
static const struct field_group health_group = GROUP("health", health_fields);

static const struct field lwx_service_fields[] = {
	{.key = "after",
	 .type = FIELD_TEXTS,
	 .doc = "Services that are up, and healthy, before it starts."},
	{.key = "restart",
	 .type = FIELD_TEXT,
	 .words = restart_words,
	 .doc = "When it is started again [on-failure]."},
	{.key = "health",
	 .type = FIELD_GROUP,
	 .group = &health_group,
	 .doc = "How it is found out whether it works."},
};
static const struct field_group lwx_service_group =
	GROUP("service", lwx_service_fields);

static const char *const role_words[] = {"container", "vm", "host", NULL};
static const struct field layerworx_fields[] = {
	{.key = "role",
	 .type = FIELD_TEXT,
	 .words = role_words,
	 .doc = "What the image is for: container has no kernel, host has "
		"disks with two slots [vm]."},
	{.key = "modules",
	 .type = FIELD_TEXTS,
	 .doc = "Modules in the root, as lwx-image module list names them."},
	{.key = "version", .type = FIELD_TEXT, .doc = "Of the image [0]."},
	{.key = "name",
	 .type = FIELD_TEXT,
	 .doc = "Of the image [the file without .yml]."},
	{.key = "initrd",
	 .type = FIELD_TEXT,
	 .doc = "Compression of initrds: none, gzip, zstd or lz4 [gzip]."},
	{.key = "services",
	 .type = FIELD_NAMED,
	 .group = &lwx_service_group,
	 .doc = "More about services, by their name."},
};
static const struct field_group layerworx_group =
	GROUP("layerworx", layerworx_fields);

static const struct field definition_fields[] = {
	{.key = "kernel",
	 .type = FIELD_GROUP,
	 .group = &kernel_group,
	 .doc = "The kernel; an image without one is a root alone."},
	{.key = "init",
	 .type = FIELD_TEXTS,
	 .doc = "Images that are unpacked into the root, in this order."},
	{.key = "volumes",
	 .type = FIELD_GROUPS,
	 .group = &volume_group,
	 .doc = "Directories that containers share."},
	{.key = "onboot",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "Containers that run to their end at boot, one after another."},
	{.key = "onshutdown",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "The same at a clean shutdown."},
	{.key = "services",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "Containers that keep running."},
	{.key = "files",
	 .type = FIELD_GROUPS,
	 .group = &file_group,
	 .doc = "Files, directories and links in the root."},
	{.key = "trust",
	 .type = FIELD_GROUP,
	 .group = &trust_group,
	 .flags = FIELD_UNUSED,
	 .doc = "Docker's content trust: digests in the lock file do this."},
	{.key = "outputs",
	 .type = FIELD_GROUPS,
	 .group = &output_group,
	 .doc = "Formats of LinuxKit 2017; --format wins."},
	{.key = "layerworx",
	 .type = FIELD_GROUP,
	 .group = &layerworx_group,
	 .doc = "What LinuxKit does not know."},
};
const struct field_group definition_group =
	GROUP("definition", definition_fields);

const struct field *field_find(const struct field_group *group, const char *key)
{
	for (size_t i = 0; i < group->num; i++) {
		const struct field *field = &group->fields[i];

		if (strcmp(field->key, key) == 0 ||
		    (field->alias && strcmp(field->alias, key) == 0))
			return field;
	}
	return NULL;
}

#define DISTANCE_MAX 32U

/* Edit distance; texts are short, longer ones are far away. */
static size_t distance(const char *a, const char *b)
{
	size_t row[DISTANCE_MAX + 1];
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > DISTANCE_MAX || b_len > DISTANCE_MAX)
		return DISTANCE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

static void consider(const char *word, const char *text, const char **nearest,
		     size_t *best)
{
	size_t away = distance(word, text);

	if (away >= *best)
		return;
	*best = away;
	*nearest = word;
}

const char *field_nearest(const struct field_group *group, const char *key)
{
	size_t best = strlen(key) / 3 + 2;
	const char *nearest = NULL;

	for (size_t i = 0; i < group->num; i++)
		consider(group->fields[i].key, key, &nearest, &best);
	return nearest;
}

const char *text_nearest(const char *const *words, const char *text)
{
	size_t best = strlen(text) / 3 + 2;
	const char *nearest = NULL;

	for (; *words; words++)
		consider(*words, text, &nearest, &best);
	return nearest;
}

const char *field_type_name(enum field_type type)
{
	static const char *const names[] = {
		[FIELD_TEXT] = "text",
		[FIELD_BOOL] = "truth value",
		[FIELD_INT] = "number",
		[FIELD_OCTAL] = "octal text",
		[FIELD_ID] = "number or name",
		[FIELD_SIZE] = "size",
		[FIELD_TEXTS] = "list of texts",
		[FIELD_IDS] = "list of numbers or names",
		[FIELD_LABELS] = "map of texts",
		[FIELD_GROUP] = "map",
		[FIELD_GROUPS] = "list of maps",
		[FIELD_NAMED] = "map of maps",
		[FIELD_ANY] = "anything",
	};

	return names[type];
}

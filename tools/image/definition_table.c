/*
 * definition_table.c - see definition_table.h.
 */
#include "definition_table.h"

#include "macros.h"
#include "oci_spec.h"

#include <string.h>

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
static const struct field_group kernel_group =
	FIELD_GROUP_OF("kernel", kernel_fields);

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
	 .doc = "linux/ARCH of the build; others are refused."},
};
const struct field_group volume_group = FIELD_GROUP_OF("volume", volume_fields);

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
const struct field_group file_group = FIELD_GROUP_OF("file", file_fields);

static const struct field trust_fields[] = {
	{.key = "image", .type = FIELD_TEXTS, .doc = "Images to verify."},
	{.key = "org",
	 .type = FIELD_TEXTS,
	 .doc = "Organizations whose images to verify."},
};
static const struct field_group trust_group =
	FIELD_GROUP_OF("trust", trust_fields);

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
static const struct field_group output_group =
	FIELD_GROUP_OF("output", output_fields);

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
static const struct field_group health_group =
	FIELD_GROUP_OF("health", health_fields);

static const struct field lwx_service_fields[] = {
	{.key = "after",
	 .type = FIELD_TEXTS,
	 .doc = "Services that are up, and healthy, before it starts."},
	{.key = "restart",
	 .type = FIELD_TEXT,
	 .words = restart_words,
	 .doc = "When it is started again [on-failure]."},
	{.key = "stop_grace",
	 .type = FIELD_INT,
	 .doc = "Seconds it has after SIGTERM before it is killed [10]."},
	{.key = "health",
	 .type = FIELD_GROUP,
	 .group = &health_group,
	 .doc = "How it is found out whether it works."},
};
const struct field_group service_group =
	FIELD_GROUP_OF("service", lwx_service_fields);

static const struct field user_fields[] = {
	{.key = "uid",
	 .type = FIELD_INT,
	 .doc = "Number [the image's, else the next from 1000 on]."},
	{.key = "gid",
	 .type = FIELD_INT,
	 .doc = "Of its group [the image's, else as uid; a group of its "
		"name]."},
	{.key = "groups",
	 .type = FIELD_TEXTS,
	 .doc = "Groups of the image that it is in too."},
	{.key = "home", .type = FIELD_TEXT, .doc = "[/home/NAME]."},
	{.key = "shell", .type = FIELD_TEXT, .doc = "[/bin/sh]."},
	{.key = "password",
	 .type = FIELD_TEXT,
	 .doc = "Hash, as openssl passwd -6 prints it [no password fits]."},
	{.key = "ssh-keys",
	 .type = FIELD_TEXTS,
	 .doc = "Public keys in its .ssh/authorized_keys."},
};
static const struct field_group user_group =
	FIELD_GROUP_OF("user", user_fields);

static const struct field network_fields[] = {
	{.key = "dhcp", .type = FIELD_BOOL, .doc = "Address by DHCP, IPv4."},
	{.key = "addresses",
	 .type = FIELD_TEXTS,
	 .doc = "\"ADDRESS/PREFIX\", of either family."},
	{.key = "gateway4", .type = FIELD_TEXT, .doc = "Address."},
	{.key = "gateway6", .type = FIELD_TEXT, .doc = "Address."},
	{.key = "nameservers", .type = FIELD_TEXTS, .doc = "Addresses."},
};
static const struct field_group network_group =
	FIELD_GROUP_OF("network", network_fields);

static const struct field disk_fields[] = {
	{.key = "size",
	 .type = FIELD_TEXT,
	 .doc = "As --size, which wins: 1024M, 2G [as the content needs]."},
	{.key = "esp",
	 .type = FIELD_TEXT,
	 .doc = "EFI system partition of a host [1G]."},
	{.key = "root",
	 .type = FIELD_TEXT,
	 .doc = "Each of the two slots of a host [2G]."},
	{.key = "data",
	 .type = FIELD_TEXT,
	 .doc = "Data of a host at least [256M]."},
};
static const struct field_group disk_group =
	FIELD_GROUP_OF("disk", disk_fields);

const char *const definition_roles[] = {"container", "vm", "host", NULL};
static const struct field layerworx_fields[] = {
	{.key = "role",
	 .type = FIELD_TEXT,
	 .words = definition_roles,
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
	{.key = "users",
	 .type = FIELD_NAMED,
	 .group = &user_group,
	 .doc = "Users of the root, by their name."},
	{.key = "network",
	 .type = FIELD_NAMED,
	 .group = &network_group,
	 .doc = "Addresses, by interface; what metadata says of it wins, and "
		"ip= of the command line turns all off."},
	{.key = "disk",
	 .type = FIELD_GROUP,
	 .group = &disk_group,
	 .doc = "Sizes of disks."},
	{.key = "services",
	 .type = FIELD_NAMED,
	 .group = &service_group,
	 .doc = "More about services, by their name."},
};
static const struct field_group layerworx_group =
	FIELD_GROUP_OF("layerworx", layerworx_fields);

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
	FIELD_GROUP_OF("definition", definition_fields);

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

/*
 * root_verity.c - a dm-verity device by the ioctls of device mapper. See
 * root_init.h; linux: Documentation/admin-guide/device-mapper/verity.rst,
 * cryptsetup: docs/on-disk-format of verity.
 */
#include "root_init.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME "root"
#define BUF_SIZE 4096U
#define SECTOR 512U
#define BLOCK_MIN 512U
#define BLOCK_MAX 65536U

struct verity_header {
	char signature[8];
	uint32_t version;
	uint32_t hash_type;
	uint8_t uuid[16];
	char algorithm[32];
	uint32_t data_block;
	uint32_t hash_block;
	uint64_t data_blocks;
	uint16_t salt_size;
	uint8_t pad[6];
	uint8_t salt[256];
};

/* One request: header and what follows it in one buffer. */
static int request(int control, unsigned long code, unsigned int flags,
		   const void *more, size_t more_size, unsigned int targets,
		   uint64_t *dev)
{
	union {
		struct dm_ioctl head;
		char bytes[BUF_SIZE];
	} buf;

	memset(&buf, 0, sizeof(buf));
	buf.head.version[0] = DM_VERSION_MAJOR;
	buf.head.data_size = sizeof(buf);
	buf.head.data_start = sizeof(buf.head);
	buf.head.target_count = targets;
	buf.head.flags = flags;
	(void)snprintf(buf.head.name, sizeof(buf.head.name), NAME);
	if (more)
		memcpy(buf.bytes + sizeof(buf.head), more, more_size);
	if (ioctl(control, code, &buf)) {
		root_say(errno, "dm-verity: request %#lx", code);
		return -1;
	}
	if (dev)
		*dev = buf.head.dev;
	return 0;
}

static int read_header(const char *tree, struct verity_header *header)
{
	int fd = open(tree, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, header, sizeof(*header), 0);
	uint32_t data_block;
	uint32_t hash_block;

	if (fd >= 0)
		(void)close(fd);
	data_block = le32toh(header->data_block);
	hash_block = le32toh(header->hash_block);
	if (n != (ssize_t)sizeof(*header) ||
	    memcmp(header->signature, "verity\0\0", 8) != 0 ||
	    le32toh(header->version) != 1 || data_block < BLOCK_MIN ||
	    data_block > BLOCK_MAX || hash_block < BLOCK_MIN ||
	    hash_block > BLOCK_MAX ||
	    le16toh(header->salt_size) > sizeof(header->salt)) {
		root_say(n < 0 ? errno : 0, "%s: no dm-verity header", tree);
		return -1;
	}
	return 0;
}

static int device_number(const char *path, char *text, size_t size)
{
	struct stat st;

	if (stat(path, &st)) {
		root_say(errno, "%s", path);
		return -1;
	}
	(void)snprintf(text, size, "%u:%u", major(st.st_rdev),
		       minor(st.st_rdev));
	return 0;
}

/* A damaged block restarts the machine: better than to run what it says. */
static int make_target(const char *data, const char *tree, const char *hash,
		       const struct verity_header *h, char *params, size_t size)
{
	char data_dev[32];
	char tree_dev[32];
	char salt[2 * sizeof(h->salt) + 1] = "-";
	uint32_t hash_block = le32toh(h->hash_block);
	int n;

	if (device_number(data, data_dev, sizeof(data_dev)) ||
	    device_number(tree, tree_dev, sizeof(tree_dev)))
		return -1;
	for (size_t i = 0; i < le16toh(h->salt_size); i++)
		(void)snprintf(salt + 2 * i, 3, "%02x", h->salt[i]);
	n = snprintf(
		params, size,
		"%u %s %s %u %u %llu %u %.32s %s %s 1 restart_on_corruption",
		le32toh(h->hash_type), data_dev, tree_dev,
		le32toh(h->data_block), hash_block,
		(unsigned long long)le64toh(h->data_blocks),
		(uint32_t)((sizeof(*h) + hash_block - 1) / hash_block),
		h->algorithm, hash, salt);
	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int load(int control, const struct verity_header *header,
		const char *params, uint64_t *dev)
{
	char table[sizeof(struct dm_target_spec) + 2048] = {0};
	struct dm_target_spec spec = {
		.length = le64toh(header->data_blocks) *
			  (le32toh(header->data_block) / SECTOR),
		.target_type = "verity",
	};
	size_t len = strlen(params) + 1;

	spec.next = (uint32_t)(sizeof(spec) + ((len + 7) & ~7UL));
	memcpy(table, &spec, sizeof(spec));
	memcpy(table + sizeof(spec), params, len);
	if (request(control, DM_DEV_CREATE, DM_READONLY_FLAG, NULL, 0, 0,
		    dev) ||
	    request(control, DM_TABLE_LOAD, DM_READONLY_FLAG, table,
		    sizeof(table), 1, NULL))
		return -1;
	return request(control, DM_DEV_SUSPEND, 0, NULL, 0, 0, NULL);
}

int root_verity(const char *data, const char *tree, const char *hash, char *dev,
		size_t size)
{
	static char params[2048]; /* off the stack: there is one thread */
	struct verity_header header = {0};
	uint64_t number = 0;
	int control;
	int rc;

	if (read_header(tree, &header) ||
	    make_target(data, tree, hash, &header, params, sizeof(params)))
		return -1;
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		root_say(errno, "/dev/mapper/control");
		return -1;
	}
	rc = load(control, &header, params, &number);
	(void)close(control);
	if (rc)
		return -1;
	(void)snprintf(dev, size, "/dev/dm-%u", minor((dev_t)number));
	return 0;
}

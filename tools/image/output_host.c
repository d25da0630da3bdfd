/*
 * output_host.c - the disk of a machine that updates itself. See
 * output_internal.h.
 *
 * GPT with discoverable partition types: an EFI system partition with
 * systemd-boot and one unified kernel image per version, two slots of root and
 * its dm-verity hashes, data. The first slot is filled, the second is labelled
 * "_empty". A slot's partitions have the first and the last 128 bits of its
 * root hash as identifiers, so that "roothash=" on the command line says which
 * slot it is.
 */
#include "output_internal.h"

#include "cleanup.h"
#include "file_io.h"
#include "spawn.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ESP_SIZE (1024 * OUTPUT_MIB)
#define ROOT_SIZE (2048 * OUTPUT_MIB)
#define VERITY_PART 64U /* of the root; dm-verity needs half of it */
#define DATA_SIZE (256 * OUTPUT_MIB) /* grown at the first boot */
#define ESP_SPARE (64 * OUTPUT_MIB)
#define HASH_HEX 64U
#define VERITY_TEXT_MAX ((size_t)64 << 10)

enum host_part {
	ESP,
	ROOT_A,
	VERITY_A,
	ROOT_B,
	VERITY_B,
	DATA,
	HOST_PARTS
};

static const struct {
	const char *root;
	const char *verity;
} types[] = {
	[OUTPUT_X86_64] = {"4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
			   "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"},
	[OUTPUT_ARM64] = {"b921b045-1df0-41c3-af44-4c6f280d3fae",
			  "df3300ce-d69f-4c92-978c-9bfb0f38d820"},
};

/*
 * @ids:   of partitions, as text
 * @names: labels of the first slot
 */
struct host_disk {
	struct disk_partition parts[HOST_PARTS];
	char ids[HOST_PARTS][DISK_UUID_TEXT];
	char names[2][40];
	char hash[HASH_HEX + 1];
	char *root;
	char *verity;
	char *esp;
	char *data;
};

/* 32 hexadecimal digits as UUID. */
static void uuid_of_hash(const char *hex, char text[DISK_UUID_TEXT])
{
	(void)snprintf(text, DISK_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex,
		       hex + 8, hex + 12, hex + 16, hex + 20);
}

static int take_hash(struct host_disk *disk, const char *text, struct err *err)
{
	const char *at = strstr(text, "Root hash:");

	at = at ? at + strlen("Root hash:") : "";
	at += strspn(at, " \t");
	for (size_t i = 0; i < HASH_HEX; i++) {
		if (!isxdigit((unsigned char)at[i]))
			return err_setx(err, -EBADMSG,
					"veritysetup: no root hash in what it "
					"says");
		disk->hash[i] = at[i];
	}
	uuid_of_hash(disk->hash, disk->ids[ROOT_A]);
	uuid_of_hash(disk->hash + HASH_HEX - 32, disk->ids[VERITY_A]);
	return 0;
}

static int make_slot(const struct output *out, struct host_disk *disk,
		     struct err *err)
{
	char uuid[DISK_UUID_TEXT];
	char uuid_arg[64];
	char salt_arg[96];
	char salt[SHA256_HEX_SIZE];
	const char *const argv[] = {"veritysetup", "format",   uuid_arg,
				    salt_arg,	   disk->root, disk->verity,
				    NULL};
	struct spawn spawn = {
		.argv = argv,
		.package = "cryptsetup-bin",
		.epoch = out->input->epoch,
	};
	AUTO_FREE char *text = NULL;
	int rc = output_root_fs(out, "erofs", disk->root, err);

	if (rc)
		return rc;
	output_step(out, "dm-verity");
	output_uuid(out, "verity", uuid);
	sha256_hex(out->seed, salt);
	(void)snprintf(uuid_arg, sizeof(uuid_arg), "--uuid=%s", uuid);
	(void)snprintf(salt_arg, sizeof(salt_arg), "--salt=%s", salt);
	rc = spawn_read(&spawn, &text, NULL, VERITY_TEXT_MAX, err);
	return rc ? rc : take_hash(disk, text, err);
}

static int make_esp(const struct output *out, struct host_disk *disk,
		    struct err *err)
{
	AUTO_FREE char *uki = output_path(out, "uki", err);
	AUTO_FREE char *initrd = output_path(out, "initrd", err);
	AUTO_FREE char *words = NULL;
	AUTO_FREE char *cmdline = NULL;
	uint64_t esp = out->input->esp ? out->input->esp : ESP_SIZE;
	struct stat st;
	uint64_t size = 0;
	bool needed;
	int rc;

	if (!uki || !initrd)
		return -ENOMEM;
	if (asprintf(&words, "roothash=%s rootfstype=erofs ro", disk->hash) <
	    0) {
		words = NULL;
		return err_set(err, -ENOMEM, "command line");
	}
	cmdline = output_cmdline(out, words, err);
	if (!cmdline)
		return -ENOMEM;
	rc = output_root_initrd(out, "erofs", true, true, initrd, &needed, err);
	if (!rc)
		rc = output_uki(out, initrd, cmdline, uki, err);
	if (rc)
		return rc;
	if (stat(uki, &st))
		return err_set(err, -errno, "%s", uki);
	if ((uint64_t)st.st_size > (esp - ESP_SPARE) / 2)
		return err_setx(err, -EFBIG,
				"kernel and initrd have %llu MiB: the EFI "
				"system partition of %llu MiB must hold two "
				"versions: layerworx: disk: esp",
				(unsigned long long)st.st_size >> 20,
				(unsigned long long)(esp / OUTPUT_MIB));
	return output_esp(out, uki, disk->esp, esp, &size, err);
}

static int make_data(const struct output *out, struct host_disk *disk,
		     struct err *err)
{
	char uuid[DISK_UUID_TEXT];
	char seed[DISK_UUID_TEXT];
	char fake_time[64];
	char extended[96];
	const char *const argv[] = {
		"mkfs.ext4", "-q",     "-F", "-L", "data",     "-U", uuid,
		"-E",	     extended, "-m", "0",  disk->data, NULL};
	const char *const env[] = {fake_time, NULL};
	struct spawn spawn = {
		.argv = argv,
		.package = "e2fsprogs",
		.env = env,
		.epoch = out->input->epoch,
	};
	AUTO_CLOSE int fd = output_open(disk->data, err);
	int rc = fd < 0 ? fd
			: file_truncate(fd, disk->parts[DATA].size, disk->data,
					err);

	output_uuid(out, "data-fs", uuid);
	output_uuid(out, "data-seed", seed);
	/* Of 0 it would think that it is not set. */
	(void)snprintf(fake_time, sizeof(fake_time), "E2FSPROGS_FAKE_TIME=%lld",
		       (long long)(out->input->epoch ? out->input->epoch : 1));
	(void)snprintf(extended, sizeof(extended),
		       "hash_seed=%s,root_owner=0:0", seed);
	return rc ? rc : spawn_run(&spawn, err);
}

static int plan(const struct output *out, struct host_disk *disk,
		uint64_t *size, struct err *err)
{
	const struct output_input *input = out->input;
	uint64_t esp = input->esp ? input->esp : ESP_SIZE;
	uint64_t root_size = input->slot ? input->slot : ROOT_SIZE;
	uint64_t verity_size = (root_size / VERITY_PART + OUTPUT_MIB - 1) /
			       OUTPUT_MIB * OUTPUT_MIB;
	uint64_t sizes[HOST_PARTS] = {
		esp,	   root_size,	verity_size,
		root_size, verity_size, input->data ? input->data : DATA_SIZE};
	static const char *const what[HOST_PARTS] = {[ESP] = "esp",
						     [ROOT_B] = "root-b",
						     [VERITY_B] = "verity-b",
						     [DATA] = "data"};
	const char *version = out->input->version ? out->input->version : "0";
	const char *root = types[out->input->arch].root;
	const char *verity = types[out->input->arch].verity;
	const char *part_types[HOST_PARTS] = {
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
		root,
		verity,
		root,
		verity,
		"0fc63daf-8483-4772-8e79-3d69d8477de4"};
	const char *names[HOST_PARTS] = {"esp",		 disk->names[0],
					 disk->names[1], "_empty",
					 "_empty",	 "data"};

	if (esp < 2 * ESP_SPARE)
		return err_setx(
			err, -EINVAL,
			"disk: esp: an EFI system partition of a host "
			"has at least %llu MiB",
			(unsigned long long)(2 * ESP_SPARE / OUTPUT_MIB));
	(void)snprintf(disk->names[0], sizeof(disk->names[0]), "lwx_%.24s",
		       version);
	(void)snprintf(disk->names[1], sizeof(disk->names[1]),
		       "lwx_%.24s_verity", version);
	for (size_t i = 0; i < HOST_PARTS; i++) {
		if (what[i])
			output_uuid(out, what[i], disk->ids[i]);
		disk->parts[i] = (struct disk_partition){
			.type = part_types[i],
			.uuid = disk->ids[i],
			.name = names[i],
			.size = sizes[i],
		};
	}
	*size = disk_label_size(disk->parts, HOST_PARTS);
	if (out->input->size && out->input->size < *size)
		return err_setx(
			err, -EFBIG,
			"a host's disk has at least %llu MiB, --size "
			"allows %llu MiB",
			(unsigned long long)(*size / OUTPUT_MIB),
			(unsigned long long)(out->input->size / OUTPUT_MIB));
	if (out->input->size) {
		disk->parts[DATA].size +=
			(out->input->size - *size) / OUTPUT_MIB * OUTPUT_MIB;
		*size = disk_label_size(disk->parts, HOST_PARTS);
	}
	return 0;
}

static int place(const char *path, const char *source,
		 const struct disk_partition *part, struct err *err)
{
	AUTO_CLOSE int to = open(path, O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int from = open(source, O_RDONLY | O_CLOEXEC);
	uint64_t size = 0;
	int rc;

	if (to < 0 || from < 0)
		return err_set(err, -errno, "%s: open", source);
	rc = file_size(from, &size, source, err);
	if (!rc && size > part->size)
		rc = err_setx(err, -EFBIG,
			      "%s of %llu MiB: the partition has %llu MiB",
			      part->name,
			      (unsigned long long)(size / OUTPUT_MIB),
			      (unsigned long long)(part->size / OUTPUT_MIB));
	return rc ? rc : file_copy(from, 0, to, part->offset, size, path, err);
}

static int write_disk(const struct output *out, struct host_disk *disk,
		      uint64_t size, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = output_open(path, err);
	char id[DISK_UUID_TEXT];
	int rc = fd < 0 ? fd : file_truncate(fd, size, path, err);

	output_step(out, "disk of %llu MiB",
		    (unsigned long long)(size / OUTPUT_MIB));
	output_uuid(out, "disk", id);
	if (!rc)
		rc = disk_label_gpt(path, id, disk->parts, HOST_PARTS, err);
	if (!rc)
		rc = place(path, disk->esp, &disk->parts[ESP], err);
	if (!rc)
		rc = place(path, disk->root, &disk->parts[ROOT_A], err);
	if (!rc)
		rc = place(path, disk->verity, &disk->parts[VERITY_A], err);
	if (!rc)
		rc = place(path, disk->data, &disk->parts[DATA], err);
	return rc;
}

int output_host_disk(struct output *out, const char *path, struct err *err)
{
	AUTO_FREE struct host_disk *disk = calloc(1, sizeof(*disk));
	uint64_t size = 0;
	int rc;

	if (!disk)
		return err_set(err, -ENOMEM, "%s", path);
	disk->root = output_path(out, "root", err);
	disk->verity = output_path(out, "verity", err);
	disk->esp = output_path(out, "esp", err);
	disk->data = output_path(out, "data", err);
	rc = disk->root && disk->verity && disk->esp && disk->data
		     ? plan(out, disk, &size, err)
		     : -ENOMEM;
	if (!rc)
		rc = make_slot(out, disk, err);
	if (!rc)
		rc = make_esp(out, disk, err);
	if (!rc)
		rc = make_data(out, disk, err);
	if (!rc)
		rc = write_disk(out, disk, size, path, err);
	free(disk->root);
	free(disk->verity);
	free(disk->esp);
	free(disk->data);
	return rc;
}

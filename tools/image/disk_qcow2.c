/*
 * disk_qcow2.c - qcow2 in one pass. See disk_qcow2.h.
 *
 * Cluster 0 is the header, data follows as it comes, then second-level tables,
 * the first-level table, the reference counts of all that. Compressed clusters
 * follow each other without gaps, so a cluster of the file may hold parts of
 * several: its count is their number. All numbers are big-endian.
 */
#include "disk_qcow2.h"

#include "cleanup.h"
#include "file_io.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* input is const */
#include <zlib.h>
#include <zstd.h>

#define CLUSTER_BITS 16U
#define CLUSTER ((size_t)1 << CLUSTER_BITS)
#define SECTOR 512U
#define TABLE_ENTRIES (CLUSTER / sizeof(uint64_t))
#define COUNTS (CLUSTER / sizeof(uint16_t)) /* reference counts per cluster */
#define QCOW_VERSION 3U
#define QCOW_INCOMPATIBLE_COMPRESSION ((uint64_t)1 << 3)
#define QCOW_COUNT_ORDER 4U /* 16 bits */
#define ENTRY_COPIED ((uint64_t)1 << 63)
#define ENTRY_COMPRESSED ((uint64_t)1 << 62)
#define ENTRY_SECTORS_SHIFT (62U - (CLUSTER_BITS - 8U))
#define ZLIB_LEVEL 9
#define ZLIB_WINDOW (-12) /* raw deflate, as readers expect it */
#define ZSTD_LEVEL 15

struct qcow_header {
	uint32_t magic;
	uint32_t version;
	uint64_t backing_at;
	uint32_t backing_size;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t crypt;
	uint32_t l1_size;
	uint64_t l1_at;
	uint64_t counts_at;
	uint32_t counts_clusters;
	uint32_t snapshots;
	uint64_t snapshots_at;
	uint64_t incompatible;
	uint64_t compatible;
	uint64_t autoclear;
	uint32_t count_order;
	uint32_t header_size;
	uint8_t compression;
	uint8_t pad[7];
};
_Static_assert(sizeof(struct qcow_header) == 112, "qcow2 specification");
#define QCOW_MAGIC 0x514649fbU

/*
 * @l1:     per 512 MiB of the disk its second-level table, NULL: all zeros
 * @l1_num: of them
 * @counts: per cluster of the file; @count_num of them
 * @end:    of the file
 */
struct qcow {
	int out;
	enum disk_qcow2_compression compression;
	uint64_t **l1;
	size_t l1_num;
	uint16_t *counts;
	size_t count_num;
	uint64_t end;
	ZSTD_CCtx *zstd;
	z_stream zlib;
	uint8_t *packed;
};

static int count_up(struct qcow *qcow, uint64_t at, uint64_t size,
		    struct err *err)
{
	uint64_t last = (at + size - 1) / CLUSTER;

	if (last >= qcow->count_num) {
		size_t num = (size_t)(last + 1) * 2;
		uint16_t *more =
			reallocarray(qcow->counts, num, sizeof(*qcow->counts));

		if (!more)
			return err_set(err, -ENOMEM, "qcow2");
		memset(more + qcow->count_num, 0,
		       (num - qcow->count_num) * sizeof(*more));
		qcow->counts = more;
		qcow->count_num = num;
	}
	for (uint64_t i = at / CLUSTER; i <= last; i++)
		qcow->counts[i]++;
	return 0;
}

/* Whole clusters at the end of the file. */
static int append(struct qcow *qcow, const void *bytes, size_t size,
		  uint64_t *at, struct err *err)
{
	int rc;

	qcow->end = (qcow->end + CLUSTER - 1) / CLUSTER * CLUSTER;
	*at = qcow->end;
	rc = file_write(qcow->out, bytes, size, *at, "qcow2", err);
	if (!rc)
		rc = count_up(qcow, *at, size, err);
	qcow->end += size;
	return rc;
}

/* Return: bytes in @qcow->packed, 0 if it would not be smaller. */
static size_t pack(struct qcow *qcow, const uint8_t *cluster)
{
	if (qcow->compression == DISK_QCOW2_ZSTD) {
		size_t size = ZSTD_compress2(qcow->zstd, qcow->packed,
					     CLUSTER - 1, cluster, CLUSTER);

		return ZSTD_isError(size) ? 0 : size;
	}
	if (deflateReset(&qcow->zlib) != Z_OK)
		return 0;
	qcow->zlib.next_in = cluster;
	qcow->zlib.avail_in = (uInt)CLUSTER;
	qcow->zlib.next_out = qcow->packed;
	qcow->zlib.avail_out = (uInt)CLUSTER - 1;
	if (deflate(&qcow->zlib, Z_FINISH) != Z_STREAM_END)
		return 0;
	return CLUSTER - 1 - qcow->zlib.avail_out;
}

static int append_cluster(struct qcow *qcow, const uint8_t *cluster,
			  uint64_t *entry, struct err *err)
{
	size_t size = pack(qcow, cluster);
	uint64_t sectors;
	uint64_t at;
	int rc;

	if (size == 0) {
		rc = append(qcow, cluster, CLUSTER, &at, err);
		*entry = htobe64(at | ENTRY_COPIED);
		return rc;
	}
	at = qcow->end;
	/* Sectors that follow the one in which it starts. */
	sectors = (at + size - 1) / SECTOR - at / SECTOR;
	rc = file_write(qcow->out, qcow->packed, size, at, "qcow2", err);
	if (!rc)
		rc = count_up(qcow, at, size, err);
	*entry =
		htobe64(at | sectors << ENTRY_SECTORS_SHIFT | ENTRY_COMPRESSED);
	qcow->end += size;
	return rc;
}

static int append_data(struct qcow *qcow, int raw, uint64_t size,
		       struct err *err)
{
	AUTO_FREE uint8_t *cluster = malloc(CLUSTER);
	uint64_t offset = 0;
	int rc;

	if (!cluster)
		return err_set(err, -ENOMEM, "qcow2");
	while ((rc = file_next_block(raw, size, CLUSTER, &offset, cluster,
				     "disk", err)) > 0) {
		uint64_t index = offset / CLUSTER;
		uint64_t **l2 = &qcow->l1[index / TABLE_ENTRIES];

		if (!*l2)
			*l2 = calloc(TABLE_ENTRIES, sizeof(**l2));
		if (!*l2)
			return err_set(err, -ENOMEM, "qcow2");
		rc = append_cluster(qcow, cluster,
				    &(*l2)[index % TABLE_ENTRIES], err);
		if (rc)
			return rc;
		offset += CLUSTER;
	}
	return rc;
}

static int append_tables(struct qcow *qcow, struct qcow_header *header,
			 struct err *err)
{
	size_t size = (qcow->l1_num * sizeof(uint64_t) + CLUSTER - 1) /
		      CLUSTER * CLUSTER;
	AUTO_FREE uint64_t *l1 = calloc(1, size);
	uint64_t at = 0;
	int rc;

	if (!l1)
		return err_set(err, -ENOMEM, "qcow2");
	for (size_t i = 0; i < qcow->l1_num; i++) {
		if (!qcow->l1[i])
			continue;
		rc = append(qcow, qcow->l1[i], CLUSTER, &at, err);
		if (rc)
			return rc;
		l1[i] = htobe64(at | ENTRY_COPIED);
	}
	rc = append(qcow, l1, size, &at, err);
	header->l1_at = htobe64(at);
	header->l1_size = htobe32((uint32_t)qcow->l1_num);
	return rc;
}

/* The counts count the clusters that they are in themselves: find a number of
 * clusters for them that suffices for these too. */
static int append_counts(struct qcow *qcow, struct qcow_header *header,
			 struct err *err)
{
	uint64_t used = (qcow->end + CLUSTER - 1) / CLUSTER;
	uint64_t blocks = 1;
	uint64_t tables = 1;
	AUTO_FREE uint64_t *table = NULL;
	AUTO_FREE uint16_t *counts = NULL;
	uint64_t at;
	int rc;

	while (blocks * COUNTS < used + blocks + tables) {
		blocks++;
		tables = (blocks + TABLE_ENTRIES - 1) / TABLE_ENTRIES;
	}
	at = used * CLUSTER;
	rc = count_up(qcow, at, (blocks + tables) * CLUSTER, err);
	table = calloc(tables, CLUSTER);
	counts = calloc(blocks, CLUSTER);
	if (rc || !table || !counts)
		return err_set(err, -ENOMEM, "qcow2");
	for (uint64_t i = 0; i < used + blocks + tables; i++)
		counts[i] = htobe16(qcow->counts[i]);
	for (uint64_t i = 0; i < blocks; i++)
		table[i] = htobe64(at + (tables + i) * CLUSTER);
	rc = file_write(qcow->out, table, tables * CLUSTER, at, "qcow2", err);
	if (!rc)
		rc = file_write(qcow->out, counts, blocks * CLUSTER,
				at + tables * CLUSTER, "qcow2", err);
	header->counts_at = htobe64(at);
	header->counts_clusters = htobe32((uint32_t)tables);
	return rc;
}

static void qcow_fini(struct qcow *qcow)
{
	for (size_t i = 0; qcow->l1 && i < qcow->l1_num; i++)
		free(qcow->l1[i]);
	free(qcow->l1);
	free(qcow->counts);
	free(qcow->packed);
	(void)ZSTD_freeCCtx(qcow->zstd); /* always 0 */
	(void)deflateEnd(&qcow->zlib);	 /* data may be left after an error */
}

static int qcow_init(struct qcow *qcow, uint64_t size, struct err *err)
{
	size_t covers = TABLE_ENTRIES * CLUSTER;

	qcow->l1_num = (size_t)((size + covers - 1) / covers);
	qcow->l1 = calloc(qcow->l1_num, sizeof(*qcow->l1));
	qcow->packed = malloc(CLUSTER);
	qcow->zstd = ZSTD_createCCtx();
	qcow->end = CLUSTER;
	if (!qcow->l1 || !qcow->packed || !qcow->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(
		    qcow->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
	    deflateInit2(&qcow->zlib, ZLIB_LEVEL, Z_DEFLATED, ZLIB_WINDOW, 9,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, -ENOMEM, "qcow2");
	return count_up(qcow, 0, CLUSTER, err);
}

int disk_qcow2_write(int raw, uint64_t size,
		     enum disk_qcow2_compression compression, int out,
		     struct err *err)
{
	struct qcow qcow = {.out = out, .compression = compression};
	struct qcow_header header = {
		.magic = htobe32(QCOW_MAGIC),
		.version = htobe32(QCOW_VERSION),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(size),
		.count_order = htobe32(QCOW_COUNT_ORDER),
		.header_size = htobe32(sizeof(header)),
	};
	int rc;

	if (size == 0 || size % SECTOR != 0)
		return err_setx(err, -EINVAL,
				"qcow2: %llu bytes are no multiple of 512",
				(unsigned long long)size);
	if (compression == DISK_QCOW2_ZSTD) {
		header.incompatible = htobe64(QCOW_INCOMPATIBLE_COMPRESSION);
		header.compression = 1;
	}
	rc = qcow_init(&qcow, size, err);
	if (!rc)
		rc = append_data(&qcow, raw, size, err);
	if (!rc)
		rc = append_tables(&qcow, &header, err);
	if (!rc)
		rc = append_counts(&qcow, &header, err);
	if (!rc)
		rc = file_write(out, &header, sizeof(header), 0, "qcow2", err);
	qcow_fini(&qcow);
	return rc;
}

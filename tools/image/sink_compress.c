/*
 * sink_compress.c - gzip, zstd and lz4 by their libraries. See sink.h.
 */
#include "sink.h"

#include "macros.h"

#include <endian.h>
#include <errno.h>
#include <lz4hc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>
#include <zstd.h>

#define OUT_SIZE KIB(128)
#define GZIP_LEVEL 6
#define ZSTD_LEVEL 12
#define LZ4_LEVEL LZ4HC_CLEVEL_DEFAULT
/* The legacy frame: a magic number, then blocks of a length and up to 8 MiB
 * (linux: lib/decompress_unlz4.c). */
#define LZ4_MAGIC 0x184C2102U
#define LZ4_BLOCK MIB(8)

struct format {
	int (*start)(struct sink_compress *c, int level);
	int (*add)(struct sink_compress *c, const void *bytes, size_t size,
		   struct err *err);
	int (*end)(struct sink_compress *c, struct err *err);
};

/**
 * struct sink_compress - one of the formats at work
 * @out:    compressed bytes on their way, @out_size of them at most
 * @gzip:   of gzip
 * @zstd:   of zstd
 * @block:  of lz4: LZ4_BLOCK bytes, the first @block_len in use
 */
struct sink_compress {
	struct sink sink;
	struct sink *next;
	const struct format *format;
	char *out;
	size_t out_size;
	z_stream gzip;
	bool gzip_started;
	ZSTD_CCtx *zstd;
	int lz4_level;
	char *block;
	size_t block_len;
};

static int none_start(struct sink_compress *c, int level)
{
	(void)c;
	(void)level;
	return 0;
}

static int none_add(struct sink_compress *c, const void *bytes, size_t size,
		    struct err *err)
{
	return sink_write(c->next, bytes, size, err);
}

static int none_end(struct sink_compress *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}

static int gzip_start(struct sink_compress *c, int level)
{
	/* 16: a gzip frame; zlib writes no time and no name into it. */
	if (deflateInit2(&c->gzip, level ? level : GZIP_LEVEL, Z_DEFLATED,
			 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	c->gzip_started = true;
	return 0;
}

static int gzip_run(struct sink_compress *c, int flush, struct err *err)
{
	int rc;

	do {
		int done;

		c->gzip.next_out = (Bytef *)c->out;
		c->gzip.avail_out = (uInt)c->out_size;
		rc = deflate(&c->gzip, flush);
		if (rc == Z_STREAM_ERROR)
			return err_setx(err, -EINVAL, "gzip: bad state");
		done = sink_write(c->next, c->out,
				  c->out_size - c->gzip.avail_out, err);
		if (done)
			return done;
	} while (flush == Z_FINISH ? rc != Z_STREAM_END
				   : c->gzip.avail_out == 0);
	return 0;
}

static int gzip_add(struct sink_compress *c, const void *bytes, size_t size,
		    struct err *err)
{
	const Bytef *at = bytes;

	while (size) {
		uInt n = (uInt)MIN(size, GIB(1));
		int rc;

		c->gzip.next_in = at;
		c->gzip.avail_in = n;
		rc = gzip_run(c, Z_NO_FLUSH, err);
		if (rc)
			return rc;
		at += n;
		size -= n;
	}
	return 0;
}

static int gzip_end(struct sink_compress *c, struct err *err)
{
	c->gzip.avail_in = 0;
	return gzip_run(c, Z_FINISH, err);
}

static int zstd_start(struct sink_compress *c, int level)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd,
						ZSTD_c_compressionLevel,
						level ? level : ZSTD_LEVEL)) ||
	    ZSTD_isError(
		    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1)))
		return -EINVAL;
	return 0;
}

static int zstd_run(struct sink_compress *c, ZSTD_inBuffer *in,
		    ZSTD_EndDirective mode, struct err *err)
{
	size_t left;

	do {
		ZSTD_outBuffer out = {c->out, c->out_size, 0};
		int rc;

		left = ZSTD_compressStream2(c->zstd, &out, in, mode);
		if (ZSTD_isError(left))
			return err_setx(err, -EINVAL, "zstd: %s",
					ZSTD_getErrorName(left));
		rc = sink_write(c->next, c->out, out.pos, err);
		if (rc)
			return rc;
	} while (mode == ZSTD_e_end ? left != 0 : in->pos < in->size);
	return 0;
}

static int zstd_add(struct sink_compress *c, const void *bytes, size_t size,
		    struct err *err)
{
	ZSTD_inBuffer in = {bytes, size, 0};

	return zstd_run(c, &in, ZSTD_e_continue, err);
}

static int zstd_end(struct sink_compress *c, struct err *err)
{
	ZSTD_inBuffer in = {NULL, 0, 0};

	return zstd_run(c, &in, ZSTD_e_end, err);
}

static int put_le32(struct sink *sink, uint32_t number, struct err *err)
{
	uint32_t le = htole32(number);

	return sink_write(sink, &le, sizeof(le), err);
}

static int lz4_start(struct sink_compress *c, int level)
{
	c->lz4_level = level ? level : LZ4_LEVEL;
	c->block = malloc(LZ4_BLOCK);
	c->out_size = (size_t)LZ4_compressBound(LZ4_BLOCK);
	free(c->out);
	c->out = malloc(c->out_size);
	return c->block && c->out ? 0 : -ENOMEM;
}

static int lz4_flush(struct sink_compress *c, struct err *err)
{
	int n = LZ4_compress_HC(c->block, c->out, (int)c->block_len,
				(int)c->out_size, c->lz4_level);
	int rc;

	if (n <= 0)
		return err_setx(err, -EINVAL, "lz4: cannot compress");
	rc = put_le32(c->next, (uint32_t)n, err);
	c->block_len = 0;
	return rc ? rc : sink_write(c->next, c->out, (size_t)n, err);
}

static int lz4_add(struct sink_compress *c, const void *bytes, size_t size,
		   struct err *err)
{
	const char *at = bytes;

	while (size) {
		size_t n = MIN(size, LZ4_BLOCK - c->block_len);
		int rc;

		memcpy(c->block + c->block_len, at, n);
		c->block_len += n;
		at += n;
		size -= n;
		rc = c->block_len == LZ4_BLOCK ? lz4_flush(c, err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int lz4_end(struct sink_compress *c, struct err *err)
{
	return c->block_len ? lz4_flush(c, err) : 0;
}

static const struct format formats[] = {
	[COMPRESSION_NONE] = {none_start, none_add, none_end},
	[COMPRESSION_GZIP] = {gzip_start, gzip_add, gzip_end},
	[COMPRESSION_ZSTD] = {zstd_start, zstd_add, zstd_end},
	[COMPRESSION_LZ4] = {lz4_start, lz4_add, lz4_end},
};

static const char *const names[] = {
	[COMPRESSION_NONE] = "none",
	[COMPRESSION_GZIP] = "gzip",
	[COMPRESSION_ZSTD] = "zstd",
	[COMPRESSION_LZ4] = "lz4",
};

_Static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(formats), "a name for each");

int compression_parse(const char *name, enum compression *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum compression)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int compress_write(struct sink *sink, const void *bytes, size_t size,
			  struct err *err)
{
	struct sink_compress *c =
		container_of(sink, struct sink_compress, sink);

	return c->format->add(c, bytes, size, err);
}

int sink_compress_create(struct sink_compress **out, enum compression format,
			 int level, struct sink *next, struct err *err)
{
	struct sink_compress *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (c) {
		c->sink.write = compress_write;
		c->next = next;
		c->format = &formats[format];
		c->out_size = OUT_SIZE;
		c->out = malloc(c->out_size);
		if (c->out)
			rc = c->format->start(c, level);
	}
	if (!rc && format == COMPRESSION_LZ4)
		rc = put_le32(next, LZ4_MAGIC, err);
	if (rc) {
		sink_compress_destroy(c);
		return err_set(err, rc, "compression");
	}
	*out = c;
	return 0;
}

struct sink *sink_compress_sink(struct sink_compress *compress)
{
	return &compress->sink;
}

int sink_compress_finish(struct sink_compress *compress, struct err *err)
{
	return compress->format->end(compress, err);
}

void sink_compress_destroy(struct sink_compress *compress)
{
	if (!compress)
		return;
	if (compress->gzip_started)
		(void)deflateEnd(&compress->gzip); /* data may be left */
	(void)ZSTD_freeCCtx(compress->zstd);	   /* cannot fail */
	free(compress->block);
	free(compress->out);
	free(compress);
}

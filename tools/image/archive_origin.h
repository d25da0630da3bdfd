/*
 * archive_origin.h - the PAX records that libarchive does not know.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_ORIGIN_MAX 1024U /* bytes of one, with NUL */

/** struct archive_origin - "" when not given */
struct archive_origin {
	char source[ARCHIVE_ORIGIN_MAX];
	char location[ARCHIVE_ORIGIN_MAX];
};

/**
 * archive_origin_parse() - LINUXKIT.source and LINUXKIT.location of one entry
 * @headers: the blocks in front of its data, of any content
 *
 * What is damaged or too long counts as not given.
 */
void archive_origin_parse(struct archive_origin *origin, const char *headers,
			  size_t size);

/*
 * schema.h - tables that describe the fields of a structure, once.
 *
 * One table of fields drives everything that is said, read or written about a
 * structure: defaults, the parser of host.cfg, CBOR, the table in the manual
 * page, the tests of bad configurations. Text is owned by the structure.
 *
 * Values reach a structure only through the schema_set_*() and
 * schema_append_*() calls, which check them against the table; their messages
 * say what is wrong and what would be right, without the key.
 */
#pragma once

#include "cbor_rw.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_FIELDS_MAX 40 /* of one group */
#define SCHEMA_NAME_MAX 32   /* bytes: [A-Za-z0-9][A-Za-z0-9_.-]* */
#define SCHEMA_PATH_MAX 4095

enum schema_type {
	SCHEMA_TEXT,   /* char *, at most max bytes, no control characters */
	SCHEMA_NAME,   /* char *, see SCHEMA_NAME_MAX */
	SCHEMA_WORD,   /* char *, one of words */
	SCHEMA_PATH,   /* char * */
	SCHEMA_UUID,   /* char *, 36 characters, lower case */
	SCHEMA_CIDR,   /* char *, "10.20.0.1/24" */
	SCHEMA_MAC,    /* uint8_t[6]; num: offset of the bool "is set" */
	SCHEMA_BOOL,   /* bool */
	SCHEMA_UINT,   /* uint32_t in [min, max] */
	SCHEMA_INT,    /* int32_t in [min, max] */
	SCHEMA_COUNT,  /* uint64_t in [min, max] */
	SCHEMA_SIZE,   /* uint64_t bytes in [min, max]; text such as "8G" */
	SCHEMA_ENUM,   /* enum: index into words */
	SCHEMA_FD,     /* int, -1: none; never in a file */
	SCHEMA_GROUP,  /* embedded structure */
	SCHEMA_GROUPS, /* array of structures; num: offset of size_t count */
	SCHEMA_TEXTS,  /* array of char *; num: offset of size_t count */
	SCHEMA_INTS,   /* array of int32_t in [min, max]; num as above */
};

/** What a value names, to be looked up on the host by the launcher. */
enum schema_ref {
	SCHEMA_REF_NONE,
	SCHEMA_REF_FILE,    /* a file to read */
	SCHEMA_REF_DISK,    /* a file or block device to open as a disk */
	SCHEMA_REF_PARENT,  /* a file to be made: its folder */
	SCHEMA_REF_FOLDER,  /* a folder */
	SCHEMA_REF_NETWORK, /* an entry of networks = (...) */
	SCHEMA_REF_CPU,	    /* a CPU this process may run on */
	SCHEMA_REF_CGROUP,  /* a control group (v2) it may move processes to */
};

enum schema_flags {
	SCHEMA_FILE = 1,     /* key of a configuration file */
	SCHEMA_DEFAULTS = 2, /* also in defaults = {...} */
	SCHEMA_WIRE = 4,     /* travels as CBOR */
	SCHEMA_REQUIRED = 8,
	SCHEMA_POWER2 = 16, /* power of two */
};

struct schema_group;

/**
 * struct schema_field - one row
 * @key:      as written in the file and on the wire
 * @type:     see enum schema_type
 * @flags:    enum schema_flags
 * @ref:      what it refers to
 * @offset:   of the value in the structure
 * @num:      offset of the count or the "is set" flag, see the type
 * @capacity: elements of an array
 * @min:      smallest number; of text: bytes
 * @max:      largest number; of text: bytes
 * @step:     the number must be a multiple of it; 0: any
 * @def:      default of numbers, truth values and enums; may be out of range
 *            where it means "not set"
 * @words:    of words and enums, ended by NULL; of sizes: the only ones taken,
 *            or NULL
 * @group:    of groups
 * @doc:      one sentence for the manual page
 */
struct schema_field {
	const char *key;
	enum schema_type type;
	unsigned int flags;
	enum schema_ref ref;
	size_t offset;
	size_t num;
	size_t capacity;
	int64_t min;
	int64_t max;
	int64_t step;
	int64_t def;
	const char *const *words;
	const struct schema_group *group;
	const char *doc;
};

/**
 * struct schema_group - the fields of one structure
 * @name:   "disk", for messages and headings
 * @size:   bytes of the structure
 * @fields: @num rows, at most SCHEMA_FIELDS_MAX
 */
struct schema_group {
	const char *name;
	size_t size;
	const struct schema_field *fields;
	size_t num;
};

/** schema_init() - defaults into @base, which may hold anything before. */
void schema_init(const struct schema_group *group, void *base);

/** schema_fini() - free all text; @base is then empty, not default. */
void schema_fini(const struct schema_group *group, void *base);

/** schema_describe() - what a field takes, "a whole number from 1 to 64";
 * @buf of @size bytes. Return: @buf. */
const char *schema_describe(const struct schema_field *field, char *buf,
			    size_t size);

/** schema_default() - its default as written in a file, "" if none. */
const char *schema_default(const struct schema_field *field, char *buf,
			   size_t size);

/** schema_find() - the row of @key among those with all of @flags, or NULL. */
const struct schema_field *schema_find(const struct schema_group *group,
				       const char *key, unsigned int flags);

/** schema_suggest() - the key with all of @flags that @key may be a slip of,
 * or NULL. */
const char *schema_suggest(const struct schema_group *group, const char *key,
			   unsigned int flags);

/** schema_set_text() - a text value: text of all kinds, words, sizes, enums,
 * addresses. Return: 0 or -EINVAL with @err, -ENOMEM. */
int schema_set_text(const struct schema_field *field, void *base,
		    const char *text, struct err *err);

/** schema_set_int() - a number: also sizes in bytes and fds. Return: 0 or
 * -ERANGE with @err. */
int schema_set_int(const struct schema_field *field, void *base, int64_t value,
		   struct err *err);

/** schema_set_bool() - a truth value. */
void schema_set_bool(const struct schema_field *field, void *base, bool value);

/** schema_clear() - empty an array of texts or numbers. */
void schema_clear(const struct schema_field *field, void *base);

/** schema_append_text() - one more element of SCHEMA_TEXTS. Return: 0,
 * -EINVAL, -E2BIG or -ENOMEM with @err. */
int schema_append_text(const struct schema_field *field, void *base,
		       const char *text, struct err *err);

/** schema_append_int() - one more element of SCHEMA_INTS. Return: 0, -ERANGE or
 * -E2BIG with @err. */
int schema_append_int(const struct schema_field *field, void *base,
		      int64_t value, struct err *err);

/** schema_append_group() - one more element of SCHEMA_GROUPS, with defaults.
 * Return: it, or NULL with @err. */
void *schema_append_group(const struct schema_field *field, void *base,
			  struct err *err);

/** schema_is_set() - does the field differ from its default? Text, arrays,
 * addresses and fds: is there one? Groups: is anything set in it? */
bool schema_is_set(const struct schema_field *field, const void *base);

/**
 * schema_encode() - write the SCHEMA_WIRE fields of a group as a map
 * @fds: also SCHEMA_FD fields
 *
 * What is not set is left out.
 */
void schema_encode(const struct schema_group *group, const void *base, bool fds,
		   struct cbor_writer *w);

/** schema_decode() - read a map over the defaults in @base; errors go to the
 * reader. @base is complete and may be freed in any case. */
void schema_decode(const struct schema_group *group, void *base,
		   struct cbor_reader *r);

/** schema_parse_size() - "200M" to bytes: decimal digits and one of K M G T
 * (powers of 1024) or nothing. Return: 0 or -EINVAL. */
int schema_parse_size(const char *text, uint64_t *bytes);

/** schema_parse_cidr() - "10.20.0.1/24", prefix 8 to 30, to an address in host
 * order and the number of its network bits. Return: 0 or -EINVAL. */
int schema_parse_cidr(const char *text, uint32_t *address,
		      unsigned int *prefix);

/** schema_format_size() - bytes to the shortest exact text. Return: @buf. */
const char *schema_format_size(uint64_t bytes, char *buf, size_t size);

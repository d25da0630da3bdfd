/*
 * definition_table.h - every key of a definition, once.
 *
 * The tables drive the parser, the merge of files and with the label of an
 * image, config.json and runtime.json, the JSON schema, lwx-image.yml(5) and
 * the tests of bad definitions. Constant data, any thread.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>

struct oci_spec;

enum field_type {
	FIELD_TEXT,   /* text */
	FIELD_BOOL,   /* truth value */
	FIELD_INT,    /* number */
	FIELD_OCTAL,  /* text of octal digits; kept as a number */
	FIELD_ID,     /* number, or text: a name */
	FIELD_SIZE,   /* text such as "2MB", or a number of bytes */
	FIELD_TEXTS,  /* list of texts */
	FIELD_IDS,    /* list of FIELD_ID */
	FIELD_LABELS, /* map of texts, keys free */
	FIELD_GROUP,  /* map, keys of a table */
	FIELD_GROUPS, /* list of these */
	FIELD_NAMED,  /* map of these, keys free */
	FIELD_ANY,    /* whatever YAML can say */
};

enum field_flags {
	FIELD_REQUIRED = 1,
	FIELD_ADDS = 2,	  /* "x.add": goes behind the list "x" */
	FIELD_DEEP = 4,	  /* merged with the label key by key, not as a whole */
	FIELD_UNUSED = 8, /* taken and without effect: a warning says so */
	FIELD_REFUSED = 16, /* known and not done: an error says so */
	FIELD_YAML = 32,    /* not in a label */
};

struct field_group;

/**
 * struct field - one key
 * @key:    as written
 * @type:   of its value
 * @flags:  enum field_flags
 * @alias:  another spelling that LinuxKit's documentation or an older version
 *          has, or NULL
 * @words:  the only texts taken, of a FIELD_TEXT or in a FIELD_TEXTS, ended by
 *          NULL; NULL: any
 * @group:  of FIELD_GROUP, FIELD_GROUPS, FIELD_NAMED
 * @oci:    where the value goes in config.json ("process.oomScoreAdj"), NULL:
 *          nowhere or see @apply
 * @apply:  puts it into config.json where that takes more than a copy, or NULL
 * @doc:    one sentence for the manual page
 */
struct field {
	const char *key;
	enum field_type type;
	unsigned int flags;
	const char *alias;
	const char *const *words;
	const struct field_group *group;
	const char *oci;
	int (*apply)(struct oci_spec *spec, const json_t *value,
		     struct err *err);
	const char *doc;
};

/**
 * struct field_group - the keys of a map
 * @name:   for headings and messages
 * @fields: @num of them
 */
struct field_group {
	const char *name;
	const struct field *fields;
	size_t num;
};

/* A group of the array @f. */
#define FIELD_GROUP_OF(n, f)                                                   \
	{                                                                      \
		.name = (n), .fields = (f), .num = ARRAY_SIZE(f)               \
	}

extern const char *const definition_roles[];	  /* ends with NULL */
extern const struct field_group definition_group; /* a whole definition */
extern const struct field_group image_group;	  /* of onboot, services... */
extern const struct field_group volume_group;	  /* of volumes */
extern const struct field_group file_group;	  /* of files */
extern const struct field_group service_group;	  /* of layerworx: services */

/** field_find() - by key or alias, or NULL. */
const struct field *field_find(const struct field_group *group,
			       const char *key);

/** field_nearest() - the key that was perhaps meant, or NULL. */
const char *field_nearest(const struct field_group *group, const char *key);

/** text_nearest() - the one of @words (ended by NULL) that was perhaps meant,
 * or NULL. */
const char *text_nearest(const char *const *words, const char *text);

/** field_type_name() - "text", "list of texts". */
const char *field_type_name(enum field_type type);

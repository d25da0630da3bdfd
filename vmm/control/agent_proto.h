/*
 * agent_proto.h - messages between a host and the agent of a guest: encode,
 * decode, limits.
 *
 * A stream (vsock, or a unix socket that stands for it). One message is its
 * length in four bytes, most significant first, and one CBOR item of that
 *length (tools/agent.cddl is the normative text):
 *
 *	[1, "exec", {"argv": h'6c73002d6c00'}]
 *
 * Arguments, variables and paths are what Unix takes them for: bytes that end
 * with a NUL, in any encoding or none. Bytes from the peer are hostile, on both
 * sides. Pure functions, any thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_VERSION 1
#define AGENT_PORT                                                             \
	1024 /* vsock: of the agent, and of the host that it tells             \
	      */
#define AGENT_HEAD_SIZE 4	/* bytes of the length */
#define AGENT_MESSAGE_MAX 65536 /* bytes of the CBOR item */
#define AGENT_DATA_MAX 32768	/* bytes of one "data" */
#define AGENT_FRAME_MAX (AGENT_HEAD_SIZE + AGENT_MESSAGE_MAX)
#define AGENT_BOOT_MAX 1024   /* bytes of "boot" */
#define AGENT_STEPS_MAX 65536 /* bytes of the answer to "steps" */
#define AGENT_CREDIT 65536 /* bytes of standard input that may be under way */

/** enum agent_type - what a message is; the names are in agent_proto.c */
enum agent_type {
	AGENT_READY,
	AGENT_EXEC,
	AGENT_STARTED,
	AGENT_STDIN,
	AGENT_STDIN_END,
	AGENT_CREDIT_GIVEN,
	AGENT_SIGNAL,
	AGENT_RESIZE,
	AGENT_STDOUT,
	AGENT_STDERR,
	AGENT_EXITED,
	AGENT_GET,
	AGENT_PUT,
	AGENT_ENTRY,
	AGENT_DATA,
	AGENT_END,
	AGENT_LOGS,
	AGENT_LOG,
	AGENT_SERVICES,
	AGENT_CONTAINERS,
	AGENT_STEPS,
	AGENT_SHUTDOWN,
	AGENT_CONNECT,
	AGENT_CONNECTED,
	AGENT_ERROR,
	AGENT_TYPES,
};

/** enum agent_key - the keys of a message's map */
enum agent_key {
	AGENT_ACTION,	/* number: enum agent_power */
	AGENT_ARGV,	/* strings */
	AGENT_BOOT,	/* bytes: text, "SECONDS STEP" lines */
	AGENT_BYTES,	/* number */
	AGENT_COLS,	/* number */
	AGENT_CONTENT,	/* bytes; "data" */
	AGENT_DIR,	/* string */
	AGENT_ENV,	/* strings */
	AGENT_ERRNO,	/* number */
	AGENT_FOLLOW,	/* number: 0 or 1 */
	AGENT_HOSTNAME, /* string */
	AGENT_INIT_US,	/* number: process 1 began, after the kernel */
	AGENT_KIND,	/* number: enum agent_file */
	AGENT_MESSAGE,	/* string */
	AGENT_MODE,	/* number */
	AGENT_MTIME,	/* number: seconds since 1970 */
	AGENT_PATH,	/* string */
	AGENT_PID,	/* number */
	AGENT_READY_US, /* number: the agent serves, after the kernel began */
	AGENT_ROWS,	/* number */
	AGENT_SERVICE,	/* string: its name */
	AGENT_SIGNUM,	/* number; "signal" */
	AGENT_SIZE,	/* number */
	AGENT_STATUS,	/* number */
	AGENT_TARGET,	/* string */
	AGENT_TTY,	/* number: 0 or 1 */
	AGENT_KEYS,
};

/** enum agent_file - what an entry is */
enum agent_file {
	AGENT_FILE,
	AGENT_DIRECTORY,
	AGENT_SYMLINK,
	AGENT_FILE_KINDS,
};

/** enum agent_power - how a guest ends */
enum agent_power {
	AGENT_POWEROFF,
	AGENT_REBOOT,
	AGENT_HALT,
	AGENT_POWERS,
};

/**
 * struct agent_value - the value of one key
 * @number: of a number
 * @bytes:  of bytes; a NUL-terminated string; or strings, each with its NUL
 * @len:    bytes, without the NUL of a string, with those of strings
 */
struct agent_value {
	uint64_t number;
	const char *bytes;
	size_t len;
};

/**
 * struct agent_message - one message
 * @type:    what it is
 * @present: bit for each enum agent_key that is there
 * @values:  by enum agent_key; bytes are borrowed: by encode until it returns,
 *           after decode they point into the decoded buffer
 */
struct agent_message {
	enum agent_type type;
	uint32_t present;
	struct agent_value values[AGENT_KEYS];
};

/** agent_message_init() - a message of @type without values. */
void agent_message_init(struct agent_message *msg, enum agent_type type);

/** agent_put_number(), agent_put_bytes(), agent_put_string() - set a value.
 * agent_put_bytes() is for bytes and strings; @len counts their NULs. */
void agent_put_number(struct agent_message *msg, enum agent_key key,
		      uint64_t number);
void agent_put_bytes(struct agent_message *msg, enum agent_key key,
		     const char *bytes, size_t len);
void agent_put_string(struct agent_message *msg, enum agent_key key,
		      const char *text);

/** agent_has() - is @key there? */
bool agent_has(const struct agent_message *msg, enum agent_key key);

/** agent_type_name() - as it is written. */
const char *agent_type_name(enum agent_type type);

/**
 * agent_message_encode() - write a message with its length in front
 * @msg:  has all keys that its type must have, and none that it may not
 * @size: of @buf
 *
 * Return: bytes written, or -EMSGSIZE if they do not fit.
 */
int agent_message_encode(const struct agent_message *msg, uint8_t *buf,
			 size_t size);

/**
 * agent_message_length() - the length that stands in front of an item
 * @head: AGENT_HEAD_SIZE bytes
 *
 * Return: bytes of the item, or -EMSGSIZE if it is 0 or more than
 * AGENT_MESSAGE_MAX.
 */
int agent_message_length(const uint8_t *head);

/**
 * agent_message_decode() - read one item, in place
 * @msg: filled; points into @bytes, which must outlive it
 *
 * Keys that are unknown, missing, doubled or that the type has not, numbers out
 * of range, strings without their NUL or with another one are refused. Return:
 * 0, or -EBADMSG or -EMSGSIZE with @err.
 */
int agent_message_decode(struct agent_message *msg, const uint8_t *bytes,
			 size_t len, struct err *err);

/**
 * agent_strings() - the strings of a value as a list
 * @list: set to an array that ends with NULL; free() it, not its strings
 *
 * Return: their number, or -ENOMEM.
 */
int agent_strings(const struct agent_value *value, char ***list);

/*
 * ctl_proto.h - messages of the control protocol: encode, decode, limits.
 *
 * AF_UNIX SOCK_SEQPACKET, one CBOR item per message (tools/control.cddl is the
 * normative text):
 *
 *	request  [1, id, "vm.pause", {args}]
 *	reply    [1, id, 0, {result}]  or  [1, id, errno, {"message": text}]
 *	event    [1, 0, "vm.stopped", {"seq": n, "time": ns, ...}]
 *
 * Arguments and results are flat maps of booleans, unsigned integers and texts:
 * what is larger (metrics, tables) travels as a sealed memfd beside the reply.
 * Bytes from the peer are hostile. Pure functions, any thread.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_VERSION 1
#define CTL_MESSAGE_MAX 65536 /* bytes of one message */
#define CTL_FIELDS_MAX 32     /* entries of one map */
#define CTL_NAME_MAX 48	      /* bytes of a verb, event name or key */

enum ctl_kind {
	CTL_REQUEST,
	CTL_REPLY,
	CTL_EVENT,
};

enum ctl_type {
	CTL_BOOL,
	CTL_UINT,
	CTL_TEXT,
};

/**
 * struct ctl_field - one entry of a map
 * @key:     at most CTL_NAME_MAX bytes
 * @type:    which of the following is set
 * @boolean: CTL_BOOL
 * @number:  CTL_UINT
 * @text:    CTL_TEXT: UTF-8 without NUL inside, NUL-terminated
 *
 * Keys and texts are borrowed: by encode until it returns, after decode they
 * point into the decoded buffer.
 */
struct ctl_field {
	const char *key;
	enum ctl_type type;
	bool boolean;
	uint64_t number;
	const char *text;
};

#define CTL_FIELD_BOOL(k, v)                                                   \
	((struct ctl_field){.key = (k), .type = CTL_BOOL, .boolean = (v)})
#define CTL_FIELD_UINT(k, v)                                                   \
	((struct ctl_field){.key = (k), .type = CTL_UINT, .number = (v)})
#define CTL_FIELD_TEXT(k, v)                                                   \
	((struct ctl_field){.key = (k), .type = CTL_TEXT, .text = (v)})

/**
 * struct ctl_message - one message
 * @kind:       which of the three
 * @id:         of a request and its reply, never 0 there; 0 in events
 * @name:       verb or event name
 * @status:     reply: 0 or a positive errno
 * @fields:     the map, keys unique
 * @num_fields: entries used
 */
struct ctl_message {
	enum ctl_kind kind;
	uint32_t id;
	const char *name;
	uint32_t status;
	struct ctl_field fields[CTL_FIELDS_MAX];
	unsigned int num_fields;
};

/**
 * ctl_message_encode() - write a message
 * @msg:  to write; at most CTL_FIELDS_MAX fields
 * @buf:  receives the bytes
 * @size: of @buf
 *
 * Return: bytes written, or -EMSGSIZE if they do not fit.
 */
int ctl_message_encode(const struct ctl_message *msg, uint8_t *buf,
		       size_t size);

/**
 * ctl_message_decode() - read one message, in place
 * @msg: filled; its keys and texts point into @buf, which must outlive it
 * @buf: bytes of the peer; rewritten (texts are moved to gain their NUL)
 * @len: bytes in @buf
 *
 * Refused beside what cbor_rw.h refuses: nested values, duplicate keys, more
 * than CTL_FIELDS_MAX entries.
 *
 * Return: 0, or -EBADMSG or -EMSGSIZE with @err. If the id could be read before
 * the fault msg->id holds it, else 0.
 */
int ctl_message_decode(struct ctl_message *msg, uint8_t *buf, size_t len,
		       struct err *err);

/** ctl_message_find() - Return: the field named @key, or NULL. */
const struct ctl_field *ctl_message_find(const struct ctl_message *msg,
					 const char *key);

/** ctl_message_uint() - Return: the number named @key, or @fallback if there
 * is none of that name and type. */
uint64_t ctl_message_uint(const struct ctl_message *msg, const char *key,
			  uint64_t fallback);

/** ctl_message_text() - Return: the text named @key, or NULL if there is none
 * of that name and type. */
const char *ctl_message_text(const struct ctl_message *msg, const char *key);

/** ctl_message_bool() - Return: the boolean named @key, or @fallback. */
bool ctl_message_bool(const struct ctl_message *msg, const char *key,
		      bool fallback);

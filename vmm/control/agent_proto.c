/* agent_proto.c - messages of a guest's agent on top of cbor_rw. */
#include "agent_proto.h"

#include "cbor_rw.h"
#include "macros.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(AGENT_MESSAGE_MAX <= CBOR_MESSAGE_MAX, "cbor_rw checks sizes");
_Static_assert(AGENT_KEYS <= 32, "a bit for each");

#define ERRNO_MAX 4095
#define SIGNAL_MAX 64
#define TERMINAL_MAX 65535 /* rows or columns */

enum kind {
	NUMBER,
	BYTES,
	STRING,
	STRINGS,
};

/* @max: of a number; bytes of all others, NULs included. */
static const struct {
	const char *name;
	enum kind kind;
	uint64_t max;
} keys[AGENT_KEYS] = {
	[AGENT_ACTION] = {"action", NUMBER, AGENT_POWERS - 1},
	[AGENT_ARGV] = {"argv", STRINGS, AGENT_MESSAGE_MAX},
	[AGENT_BOOT] = {"boot", BYTES, AGENT_BOOT_MAX},
	[AGENT_BYTES] = {"bytes", NUMBER, AGENT_CREDIT},
	[AGENT_COLS] = {"cols", NUMBER, TERMINAL_MAX},
	[AGENT_CONTENT] = {"data", BYTES, AGENT_DATA_MAX},
	[AGENT_DIR] = {"dir", STRING, 4096},
	[AGENT_ENV] = {"env", STRINGS, AGENT_MESSAGE_MAX},
	[AGENT_ERRNO] = {"errno", NUMBER, ERRNO_MAX},
	[AGENT_FOLLOW] = {"follow", NUMBER, 1},
	[AGENT_HOSTNAME] = {"hostname", STRING, 65},
	[AGENT_INIT_US] = {"init_us", NUMBER, UINT64_MAX},
	[AGENT_KIND] = {"kind", NUMBER, AGENT_FILE_KINDS - 1},
	[AGENT_MESSAGE] = {"message", STRING, 512},
	[AGENT_MODE] = {"mode", NUMBER, 07777},
	[AGENT_MTIME] = {"mtime", NUMBER, UINT64_MAX >> 1},
	[AGENT_PATH] = {"path", STRING, 4096},
	[AGENT_PID] = {"pid", NUMBER, 1 << 22},
	[AGENT_READY_US] = {"ready_us", NUMBER, UINT64_MAX},
	[AGENT_ROWS] = {"rows", NUMBER, TERMINAL_MAX},
	[AGENT_SERVICE] = {"service", STRING, 256},
	[AGENT_SIGNUM] = {"signal", NUMBER, SIGNAL_MAX},
	[AGENT_SIZE] = {"size", NUMBER, UINT64_MAX >> 1},
	[AGENT_STATUS] = {"status", NUMBER, 255},
	[AGENT_TARGET] = {"target", STRING, 4096},
	[AGENT_TTY] = {"tty", NUMBER, 1},
};

#define KEY(name) (1U << AGENT_##name)

/* @must: keys that are there; @may: keys that can be there besides. */
static const struct {
	const char *name;
	uint32_t must;
	uint32_t may;
} types[AGENT_TYPES] = {
	[AGENT_READY] = {"ready", KEY(READY_US) | KEY(INIT_US),
			 KEY(HOSTNAME) | KEY(BOOT)},
	[AGENT_EXEC] = {"exec", KEY(ARGV),
			KEY(ENV) | KEY(DIR) | KEY(TTY) | KEY(ROWS) | KEY(COLS)},
	[AGENT_STARTED] = {"started", KEY(PID), 0},
	[AGENT_STDIN] = {"stdin", KEY(CONTENT), 0},
	[AGENT_STDIN_END] = {"stdin-end", 0, 0},
	[AGENT_CREDIT_GIVEN] = {"credit", KEY(BYTES), 0},
	[AGENT_SIGNAL] = {"signal", KEY(SIGNUM), 0},
	[AGENT_RESIZE] = {"resize", KEY(ROWS) | KEY(COLS), 0},
	[AGENT_STDOUT] = {"stdout", KEY(CONTENT), 0},
	[AGENT_STDERR] = {"stderr", KEY(CONTENT), 0},
	[AGENT_EXITED] = {"exited", 0, KEY(STATUS) | KEY(SIGNUM)},
	[AGENT_GET] = {"get", KEY(PATH), 0},
	[AGENT_PUT] = {"put", KEY(PATH), 0},
	[AGENT_ENTRY] = {"entry", KEY(PATH) | KEY(KIND) | KEY(MODE),
			 KEY(SIZE) | KEY(MTIME) | KEY(TARGET)},
	[AGENT_DATA] = {"data", KEY(CONTENT), 0},
	[AGENT_END] = {"end", 0, 0},
	[AGENT_LOGS] = {"logs", 0, KEY(SERVICE) | KEY(FOLLOW)},
	[AGENT_LOG] = {"log", KEY(SERVICE) | KEY(CONTENT), 0},
	[AGENT_SERVICES] = {"services", 0, 0},
	[AGENT_CONTAINERS] = {"containers", 0, 0},
	[AGENT_STEPS] = {"steps", 0, 0},
	[AGENT_SHUTDOWN] = {"shutdown", KEY(ACTION), 0},
	[AGENT_CONNECT] = {"connect", KEY(PATH), 0},
	[AGENT_CONNECTED] = {"connected", 0, 0},
	[AGENT_ERROR] = {"error", KEY(ERRNO) | KEY(MESSAGE), 0},
};

void agent_message_init(struct agent_message *msg, enum agent_type type)
{
	memset(msg, 0, sizeof(*msg));
	msg->type = type;
}

void agent_put_number(struct agent_message *msg, enum agent_key key,
		      uint64_t number)
{
	msg->values[key] = (struct agent_value){.number = number};
	msg->present |= 1U << key;
}

void agent_put_bytes(struct agent_message *msg, enum agent_key key,
		     const char *bytes, size_t len)
{
	msg->values[key] = (struct agent_value){.bytes = bytes, .len = len};
	msg->present |= 1U << key;
}

void agent_put_string(struct agent_message *msg, enum agent_key key,
		      const char *text)
{
	agent_put_bytes(msg, key, text, strlen(text));
}

bool agent_has(const struct agent_message *msg, enum agent_key key)
{
	return msg->present & 1U << key;
}

const char *agent_type_name(enum agent_type type)
{
	return types[type].name;
}

static void write_value(struct cbor_writer *w, enum agent_key key,
			const struct agent_value *value)
{
	cbor_write_text(w, keys[key].name);
	if (keys[key].kind == NUMBER)
		cbor_write_uint(w, value->number);
	else
		cbor_write_bytes(w, value->bytes,
				 value->len + (keys[key].kind == STRING));
}

int agent_message_encode(const struct agent_message *msg, uint8_t *buf,
			 size_t size)
{
	struct cbor_writer w;
	int len;

	assert((msg->present & types[msg->type].must) == types[msg->type].must);
	assert(!(msg->present &
		 ~(types[msg->type].must | types[msg->type].may)));
	if (size < AGENT_HEAD_SIZE)
		return -EMSGSIZE;
	cbor_writer_init(&w, buf + AGENT_HEAD_SIZE, size - AGENT_HEAD_SIZE);
	cbor_write_array_begin(&w);
	cbor_write_uint(&w, AGENT_VERSION);
	cbor_write_text(&w, types[msg->type].name);
	cbor_write_map_begin(&w);
	for (unsigned int key = 0; key < AGENT_KEYS; key++)
		if (msg->present & 1U << key)
			write_value(&w, (enum agent_key)key, &msg->values[key]);
	cbor_write_map_end(&w);
	cbor_write_array_end(&w);
	len = cbor_writer_finish(&w);
	if (len < 0)
		return len;
	for (unsigned int i = 0; i < AGENT_HEAD_SIZE; i++)
		buf[i] = (uint8_t)((unsigned int)len >> (24 - 8 * i));
	return AGENT_HEAD_SIZE + len;
}

int agent_message_length(const uint8_t *head)
{
	uint32_t len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
		       (uint32_t)head[2] << 8 | head[3];

	return len && len <= AGENT_MESSAGE_MAX ? (int)len : -EMSGSIZE;
}

static void check_nuls(struct cbor_reader *r, enum kind kind,
		       struct agent_value *value)
{
	const char *last = value->bytes + value->len - 1;

	if (kind == BYTES)
		return;
	if (!value->len || *last)
		cbor_reader_fail(r, "no NUL at the end");
	else if (kind == STRING && memchr(value->bytes, 0, value->len) != last)
		cbor_reader_fail(r, "a NUL inside");
	else if (kind == STRING)
		value->len--;
}

static void read_value(struct cbor_reader *r, enum agent_key key,
		       struct agent_value *value)
{
	if (keys[key].kind == NUMBER) {
		value->number = cbor_read_uint(r, 0, keys[key].max);
		return;
	}
	value->bytes = (const char *)cbor_read_bytes(r, &value->len);
	if (!value->bytes)
		return;
	if (value->len > keys[key].max)
		cbor_reader_fail(r, "%zu bytes, at most %llu", value->len,
				 (unsigned long long)keys[key].max);
	else
		check_nuls(r, keys[key].kind, value);
}

static enum agent_type read_type(struct cbor_reader *r)
{
	const char *names[AGENT_TYPES];

	for (size_t i = 0; i < AGENT_TYPES; i++)
		names[i] = types[i].name;
	return (enum agent_type)cbor_read_enum(r, names, AGENT_TYPES);
}

int agent_message_decode(struct agent_message *msg, const uint8_t *bytes,
			 size_t len, struct err *err)
{
	const char *names[AGENT_KEYS];
	struct cbor_reader r, items, values[AGENT_KEYS];
	uint32_t must, may;

	memset(msg, 0, sizeof(*msg));
	for (size_t i = 0; i < AGENT_KEYS; i++)
		names[i] = keys[i].name;
	if (cbor_reader_init(&r, bytes, len, err))
		return err->code;
	if (cbor_read_array(&r, 3, &items) != 3)
		cbor_reader_fail(&r, "not an array of 3");
	(void)cbor_read_uint(&items, AGENT_VERSION, AGENT_VERSION);
	msg->type = read_type(&items);
	must = types[msg->type].must;
	may = types[msg->type].may;
	cbor_read_map(&items, names, AGENT_KEYS, values);
	for (unsigned int key = 0; key < AGENT_KEYS && !err->code; key++) {
		if (!cbor_present(&values[key]))
			continue;
		msg->present |= 1U << key;
		read_value(&values[key], (enum agent_key)key,
			   &msg->values[key]);
	}
	if (!err->code &&
	    ((msg->present & must) != must || (msg->present & ~(must | may))))
		return err_setx(err, -EBADMSG,
				"%s: a key is missing or does not belong there",
				types[msg->type].name);
	return err->code;
}

int agent_strings(const struct agent_value *value, char ***list)
{
	const char *at = value->bytes;
	int num = 0;
	char **out;

	for (size_t i = 0; i < value->len; i++)
		num += !value->bytes[i];
	out = calloc((size_t)num + 1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (int i = 0; i < num; i++) {
		/* execve(2) takes what it does not change as char *. */
		out[i] = (char *)(uintptr_t)at;
		at += strlen(at) + 1;
	}
	*list = out;
	return num;
}

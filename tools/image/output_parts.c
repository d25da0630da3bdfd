/* output_parts.c - what the formats share: files, identifiers, programs. See
 * output_internal.h. */
#include "output_internal.h"

#include "cleanup.h"
#include "file_io.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *output_path(const struct output *out, const char *name, struct err *err)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", out->dir, name) < 0) {
		(void)err_set(err, -ENOMEM, "%s", name);
		return NULL;
	}
	return path;
}

char *output_file_path(struct output *out, size_t i, struct err *err)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "file%zu", i);
	out->made[i] = true;
	return output_path(out, name, err);
}

int output_open(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd < 0 ? err_set(err, -errno, "%s: make", path) : fd;
}

void output_step(const struct output *out, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!out->input->progress)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out->input->progress(out->input->progress_arg, text);
}

int output_run(const struct output *out, const char *package,
	       const char *const *argv, struct err *err)
{
	struct spawn spawn = {
		.argv = argv,
		.package = package,
		.epoch = out->input->epoch,
	};

	return spawn_run(&spawn, err);
}

static void derive(const struct output *out, const char *what,
		   uint8_t digest[SHA256_SIZE])
{
	char text[SHA256_SIZE + 64];
	size_t len = strnlen(what, 64);

	memcpy(text, out->seed, SHA256_SIZE);
	memcpy(text + SHA256_SIZE, what, len);
	sha256_bytes(text, SHA256_SIZE + len, digest);
}

void output_uuid_bytes(const struct output *out, const char *what,
		       uint8_t uuid[16])
{
	uint8_t digest[SHA256_SIZE];

	derive(out, what, digest);
	memcpy(uuid, digest, 16);
	/* RFC 9562: version 8, made by rules of our own. */
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

void output_uuid(const struct output *out, const char *what,
		 char text[DISK_UUID_TEXT])
{
	uint8_t u[16];

	output_uuid_bytes(out, what, u);
	(void)snprintf(text, DISK_UUID_TEXT,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		       "%02x%02x%02x%02x%02x%02x",
		       u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8],
		       u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

uint32_t output_id(const struct output *out, const char *what)
{
	uint8_t digest[SHA256_SIZE];
	uint32_t id;

	derive(out, what, digest);
	memcpy(&id, digest, sizeof(id));
	return id ? id : 1;
}

char *output_cmdline(const struct output *out, const char *more,
		     struct err *err)
{
	const char *cmdline = out->input->cmdline ? out->input->cmdline : "";
	char *text = NULL;

	if (asprintf(&text, "%s%s%s", cmdline, *cmdline && *more ? " " : "",
		     more) < 0) {
		(void)err_set(err, -ENOMEM, "command line");
		return NULL;
	}
	return text;
}

int output_write_text(const char *path, const char *text, struct err *err)
{
	AUTO_CLOSE int fd = output_open(path, err);

	return fd < 0 ? fd : file_write(fd, text, strlen(text), 0, path, err);
}

int output_write_content(const char *path, const struct tree_content *content,
			 struct err *err)
{
	AUTO_CLOSE int fd = output_open(path, err);
	struct sink_file file = {0};
	int rc = fd < 0 ? fd : sink_file_init(&file, fd, err);

	if (!rc)
		rc = sink_content(&file.sink, content, err);
	sink_file_fini(&file);
	return rc;
}

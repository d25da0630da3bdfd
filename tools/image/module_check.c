/*
 * module_check.c - an image that runs the checks of its modules; see
 * module_check.h.
 *
 * On the console: "@lwx-check NUMBER | output" and "@lwx-check NUMBER STATUS",
 * each line in one write(2), so nothing is mixed into it.
 */
#include "module_check.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "@lwx-check "
#define SCRIPT "usr/libexec/layerworx/checks"
#define OUTPUT_MAX 4096U /* of one check; a guest writes what it likes */

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

/* Names of the services of a module. Return: NULL without memory. */
static json_t *service_names(const struct module *module)
{
	const json_t *list = json_object_get(module->content, "services");
	json_t *names = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_array_append(
			    names,
			    json_object_get(json_array_get(list, i), "name"))) {
			json_decref(names);
			return NULL;
		}
	return names;
}

int module_checks(json_t *checks, const struct module *module, struct err *err)
{
	const json_t *list = json_object_get(module->content, "checks");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *check = json_array_get(list, i);

		if (json_array_append_new(
			    checks,
			    json_pack("{s:s,s:s,s:O,s:o}", "module",
				      module->name, "check",
				      definition_text(check, "name"), "command",
				      json_object_get(check, "command"),
				      "services", service_names(module))))
			return no_memory(err);
	}
	return 0;
}

/* A file as it was read becomes one as it is written, with an absolute source.
 */
static int write_file(json_t *file, const char *dir, struct err *err)
{
	const char *source = definition_text(file, "source");
	json_int_t mode = definition_int(file, "mode", -1);
	AUTO_FREE char *path = NULL;
	char octal[32];

	(void)snprintf(octal, sizeof(octal), "%04llo",
		       (unsigned long long)mode);
	if (mode >= 0 && json_object_set_new(file, "mode", json_string(octal)))
		return no_memory(err);
	if (!source || source[0] == '/')
		return 0;
	if (asprintf(&path, "%s/%s", dir, source) < 0)
		path = NULL;
	return !path || json_object_set_new(file, "source", json_string(path))
		       ? no_memory(err)
		       : 0;
}

int module_check_files(json_t *files, const struct module *module,
		       struct err *err)
{
	const json_t *list = json_object_get(module->content, "checks");
	AUTO_FREE char *dir = realpath(module->dir, NULL);
	int rc = 0;

	if (!dir)
		return err_set(err, -errno, "%s", module->dir);
	for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
		json_t *mine = definition_copy(
			json_object_get(json_array_get(list, i), "files"));

		for (size_t j = 0; j < json_array_size(mine) && !rc; j++)
			rc = write_file(json_array_get(mine, j), dir, err);
		if (!rc && mine && json_array_extend(files, mine))
			rc = no_memory(err);
		json_decref(mine);
	}
	return rc;
}

int module_check_box(const char *path, struct err *err)
{
	static const char *const dirs[] = {"", "/usr", "/dev", "/proc", "/sys"};
	static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
	char at[PATH_MAX];
	char to[16];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(at, sizeof(at), "%s%s", path, dirs[i]);
		if (mkdir(at, 0755))
			return err_set(err, -errno, "%s", at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		(void)snprintf(at, sizeof(at), "%s/%s", path, links[i]);
		(void)snprintf(to, sizeof(to), "usr/%s", links[i]);
		if (symlink(to, at))
			return err_set(err, -errno, "%s", at);
	}
	return 0;
}

/* A word as bash reads it. */
static void put_word(FILE *out, const char *word)
{
	(void)fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*word, out);
	}
	(void)fputc('\'', out);
}

static void put_check(FILE *out, size_t number, const json_t *check)
{
	const json_t *services = json_object_get(check, "services");
	const json_t *command = json_object_get(check, "command");

	(void)fputs("services=(", out);
	for (size_t i = 0; i < json_array_size(services); i++) {
		(void)fputs(i ? " " : "", out);
		put_word(out, json_string_value(json_array_get(services, i)));
	}
	(void)fprintf(out, ")\ncheck %zu", number);
	for (size_t i = 0; i < json_array_size(command); i++) {
		(void)fputc(' ', out);
		put_word(out, json_string_value(json_array_get(command, i)));
	}
	(void)fputc('\n', out);
}

/* Return: NULL without memory; free(). */
static char *make_script(const struct module_check_image *image,
			 const json_t *checks)
{
	static const char head[] =
		"#!/bin/bash\n"
		"# Made by lwx-image check.\n"
		"exec </dev/null >/dev/console 2>&1\n"
		"export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp "
		"LC_ALL=C.UTF-8 TERM=linux\n"
		"echo 1 >/proc/sys/kernel/printk\n"
		"cd /tmp || exit\n"
		"tell()\n"
		"{\n"
		"\ttail -n 20 | while IFS= read -r line; do\n"
		"\t\tprintf '" MARK "%s | %.500s\\n' \"$1\" \"$line\"\n"
		"\tdone\n"
		"}\n"
		"check()\n"
		"{\n"
		"\tlocal number=$1 status\n"
		"\tshift\n"
		"\ttimeout -k 5 \"$seconds\" \"$@\" >/tmp/lwx-check.out 2>&1\n"
		"\tstatus=$?\n"
		"\tif [ $status != 0 ]; then\n"
		"\t\ttell \"$number\" </tmp/lwx-check.out\n"
		"\t\tfor service in \"${services[@]}\"; do\n"
		"\t\t\t/usr/sbin/init ctl logs \"$service\" 2>&1 |\n"
		"\t\t\t\tsed \"s/^/$service: /\" | tell \"$number\"\n"
		"\t\tdone\n"
		"\tfi\n"
		"\tprintf '" MARK "%s %s\\n' \"$number\" $status\n"
		"}\n"
		"echo\n";
	/* clang-format off */
	static const char wait[] =
		"for ((waited = 0; waited < %u; waited++)); do\n"
		"\t! test -e /run/lwx-init/ready || break\n"
		"\tsleep 1\n"
		"done\n"
		"seconds=%u\n";
	/* clang-format on */
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputs(head, out);
	(void)fprintf(out, wait, MODULE_CHECK_WAIT, image->seconds);
	for (size_t i = 0; i < json_array_size(checks); i++)
		put_check(out, i, json_array_get(checks, i));
	(void)fputs("exec /usr/sbin/init ctl poweroff\n", out);
	if (ferror(out) | fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *make_service(const struct module_check_image *image)
{
	return json_pack("{s:s,s:s,s:s,s:b,s:[s],s:[s],s:[{s:s,s:s}],"
			 "s:[s,s,s,s,s,s,s,s,s,s]}",
			 "name", "lwx-check", "image", image->box, "pid",
			 "host", "readonly", true, "capabilities", "all",
			 "binds", "/usr:/usr:ro", "devices", "path", "all",
			 "type", "a", "command", "/usr/bin/nsenter", "--target",
			 "1", "--mount", "--uts", "--ipc", "--net", "--",
			 "/bin/bash", "/" SCRIPT);
}

static json_t *name_modules(const struct module_check_image *image)
{
	json_t *names = json_array();

	for (size_t i = 0; names && i < image->module_num; i++)
		if (json_array_append_new(names,
					  json_string(image->modules[i]))) {
			json_decref(names);
			return NULL;
		}
	return names;
}

json_t *module_check_definition(const struct module_check_image *image,
				const json_t *checks, const json_t *files)
{
	AUTO_FREE char *script = make_script(image, checks);
	json_t *all = json_deep_copy(files);
	json_t *kernel = json_pack("{s:s*,s:s}", "image", image->kernel,
				   "cmdline", image->cmdline);
	json_t *top = NULL;

	if (script && all && kernel &&
	    !json_array_append_new(all, json_pack("{s:s,s:s,s:s}", "path",
						  SCRIPT, "contents", script,
						  "mode", "0755")))
		top = json_pack("{s:O,s:O,s:[o],s:{s:s,s:s,s:o,s:{s:{s:s}}}}",
				"kernel", kernel, "files", all, "services",
				make_service(image), "layerworx", "name",
				"lwx-check", "role", image->role, "modules",
				name_modules(image), "services", "lwx-check",
				"restart", "no");
	json_decref(kernel);
	json_decref(all);
	return top;
}

/* What a check has written, a line more; JSON takes no other bytes. */
static int add_output(json_t *check, const char *line)
{
	const char *before = definition_text(check, "output");
	char text[OUTPUT_MAX];

	if (before && strlen(before) + strlen(line) + 2 > sizeof(text))
		return 0;
	(void)snprintf(text, sizeof(text), "%s%s%s", before ? before : "",
		       before ? "\n" : "", line);
	for (char *at = text; *at; at++)
		if ((*at < ' ' && *at != '\n') || *at > '~')
			*at = '?';
	return json_object_set_new(check, "output", json_string(text)) ? -ENOMEM
								       : 0;
}

int module_check_take(json_t *checks, const char *line, json_t **decided)
{
	const char *at = strstr(line, MARK);
	unsigned long number;
	json_t *check;
	char *end;
	long status;

	if (!at)
		return 0;
	at += strlen(MARK);
	number = strtoul(at, &end, 10);
	check = json_array_get(checks, number);
	if (end == at || *end != ' ' || !check)
		return 0;
	at = end + 1;
	if (strncmp(at, "| ", 2) == 0)
		return add_output(check, at + 2);
	status = strtol(at, &end, 10);
	if (end == at || status < 0 || status > 255 ||
	    json_object_get(check, "status"))
		return 0;
	if (json_object_set_new(check, "status", json_integer(status)))
		return -ENOMEM;
	*decided = check;
	return 1;
}

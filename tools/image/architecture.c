/* architecture.c - see architecture.h. */
#include "architecture.h"

#include "macros.h"
#include "program_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *machine;
	const char *console;
} architectures[] = {
	{"amd64", "x86_64", "ttyS0"},
	{"arm64", "aarch64", "ttyAMA0"},
};

const char *architecture_native(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "unknown";
#endif
}

const char *architecture_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(architectures[i].name, text) == 0 ||
		    strcmp(architectures[i].machine, text) == 0)
			return architectures[i].name;
	return NULL;
}

const char *architecture_any(const char *text)
{
	const char *name = architecture_parse(text);

	return name ? name : text;
}

const char *architecture_machine(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(architectures[i].name, name) == 0)
			return architectures[i].machine;
	return NULL;
}

const char *architecture_console(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(architectures[i].name, name) == 0)
			return architectures[i].console;
	return architectures[0].console;
}

int architecture_program(const char *name, const char *program, char *path,
			 size_t size, struct err *err)
{
	struct err plain = {0};
	char word[128];

	if (strcmp(name, architecture_native()) == 0)
		return program_path(program, path, size, err);
	(void)snprintf(word, sizeof(word), "%s/%s", name, program);
	if (!program_path(word, path, size, &plain))
		return 0;
	return err_setx(err, -ENOENT,
			"%s for %s is missing (%s): make %s-guests builds what "
			"there is for it",
			program, name, plain.msg, name);
}

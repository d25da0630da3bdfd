/*
 * cmdline.c - the kernel's command line; see cmdline.h.
 */
#include "cmdline.h"

#include "macros.h"

#include <stdio.h>
#include <string.h>

void cmdline_parse(struct cmdline *cmdline, const char *text)
{
	bool quoted = false;
	bool inside = false;
	size_t out = 0;

	cmdline->num = 0;
	for (; *text && out < CMDLINE_BYTES_MAX - 1; text++) {
		bool space = strchr(" \t\n", *text) && !quoted;

		if (*text == '"') {
			quoted = !quoted;
		} else if (space && inside) {
			cmdline->text[out++] = '\0';
			inside = false;
		} else if (!space) {
			if (!inside && cmdline->num == CMDLINE_WORDS_MAX)
				break;
			if (!inside)
				cmdline->words[cmdline->num++] =
					cmdline->text + out;
			inside = true;
			cmdline->text[out++] = *text;
		}
	}
	cmdline->text[out] = '\0';
}

const char *cmdline_get(const struct cmdline *cmdline, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = cmdline->num; i-- > 0;) {
		const char *word = cmdline->words[i];

		if (strncmp(word, key, len) != 0)
			continue;
		if (word[len] == '=')
			return word + len + 1;
		if (word[len] == '\0')
			return word + len;
	}
	return NULL;
}

bool cmdline_on(const struct cmdline *cmdline, const char *key)
{
	static const char *const words[] = {"", "1", "yes", "on", "true"};
	const char *value = cmdline_get(cmdline, key);

	for (size_t i = 0; value && i < ARRAY_SIZE(words); i++)
		if (strcmp(value, words[i]) == 0)
			return true;
	return false;
}

bool cmdline_writable(const struct cmdline *cmdline)
{
	bool writable = false;

	for (size_t i = 0; i < cmdline->num; i++) {
		if (strcmp(cmdline->words[i], "rw") == 0)
			writable = true;
		if (strcmp(cmdline->words[i], "ro") == 0)
			writable = false;
	}
	return writable;
}

/*
 * cmdline.h - the kernel's command line. No thread rule: read once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CMDLINE_BYTES_MAX 4096U
#define CMDLINE_WORDS_MAX 256U

/**
 * struct cmdline - its words
 * @text:  with a NUL after each word, quotes removed
 * @words: into @text
 * @num:   of @words
 */
struct cmdline {
	char text[CMDLINE_BYTES_MAX];
	const char *words[CMDLINE_WORDS_MAX];
	size_t num;
};

/** cmdline_parse() - split @text, as the kernel does: "a b" is one word. Words
 * after "--" are the init's own and belong to it, too. */
void cmdline_parse(struct cmdline *cmdline, const char *text);

/** cmdline_get() - the value of the last KEY=VALUE or KEY. Return: "" for KEY
 * alone, NULL if it is not there. */
const char *cmdline_get(const struct cmdline *cmdline, const char *key);

/** cmdline_on() - Return: true for KEY, KEY=1, KEY=yes, KEY=on, KEY=true. */
bool cmdline_on(const struct cmdline *cmdline, const char *key);

/** cmdline_writable() - Return: true if "rw" is the last of "ro" and "rw". */
bool cmdline_writable(const struct cmdline *cmdline);

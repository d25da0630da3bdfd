/*
 * host_config_scan.c - a look at the text of host.cfg before libconfig's.
 *
 * libconfig 1.5 cuts a number without "L" to 32 bits and says nothing, and it
 * reads any file that @include names. Both can only be seen in the text. The
 * scanner knows what hides text from libconfig (strings and three forms of
 * comment) and the shape of names and numbers, nothing else.
 */
#include "host_config_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 16 /* groups, lists and arrays around a value */

/** struct scan - where the scanner stands */
struct scan {
	struct host_loader *loader;
	const char *pos;
	unsigned int line;
	unsigned int nesting;
};

static void skip_line(struct scan *s)
{
	while (*s->pos && *s->pos != '\n')
		s->pos++;
}

/* Behind the end of a @what; counts lines on the way. */
static void skip_until(struct scan *s, const char *end, const char *what)
{
	unsigned int line = s->line;
	size_t len = strlen(end);

	while (*s->pos && strncmp(s->pos, end, len) != 0) {
		if (*end == '"' && s->pos[0] == '\\' && s->pos[1])
			s->pos++;
		if (*s->pos == '\n')
			s->line++;
		s->pos++;
	}
	if (!*s->pos)
		host_problem_add(s->loader, line, "syntax",
				 "a %s begins here and has no end", what);
	s->pos += strnlen(s->pos, len);
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

/* A number, from its sign or first digit. */
static void scan_number(struct scan *s)
{
	bool hex = s->pos[0] == '0' && (s->pos[1] == 'x' || s->pos[1] == 'X');
	const char *start = s->pos;
	long long value;
	char *end;

	errno = 0;
	value = strtoll(start, &end, hex ? 16 : 10);
	if (end == start)
		end++; /* a sign alone */
	s->pos = end;
	if (!hex && (*end == '.' || *end == 'e' || *end == 'E')) {
		while (name_char(*s->pos) || *s->pos == '.' || *s->pos == '+')
			s->pos++;
		return;
	}
	if (errno) {
		host_problem_add(s->loader, s->line, "number",
				 "%.*s: too large", (int)(end - start), start);
		return;
	}
	if (*end != 'L' && (value > INT32_MAX || value < INT32_MIN))
		host_problem_add(s->loader, s->line, "number",
				 "%.*s: needs more than 32 bits: write sizes "
				 "as strings such as \"8G\", other numbers "
				 "with L behind them",
				 (int)(end - start), start);
	while (name_char(*s->pos))
		s->pos++;
}

static void scan_bracket(struct scan *s, char c)
{
	if (strchr("({[", c)) {
		if (++s->nesting == NESTING_MAX + 1)
			host_problem_add(s->loader, s->line, "syntax",
					 "nested deeper than %d", NESTING_MAX);
	} else if (s->nesting) {
		s->nesting--;
	}
	s->pos++;
}

static void scan_one(struct scan *s)
{
	char c = *s->pos;

	if (c == '#' || !strncmp(s->pos, "//", 2)) {
		skip_line(s);
	} else if (!strncmp(s->pos, "/*", 2)) {
		s->pos += 2;
		skip_until(s, "*/", "comment");
	} else if (c == '"') {
		s->pos++;
		skip_until(s, "\"", "string");
	} else if (isalpha((unsigned char)c) || c == '*') {
		while (name_char(*s->pos))
			s->pos++;
	} else if (isdigit((unsigned char)c) || c == '-' || c == '+') {
		scan_number(s);
	} else if (strchr("(){}[]", c)) {
		scan_bracket(s, c);
	} else {
		if (c == '@')
			host_problem_add(s->loader, s->line, "@include",
					 "not supported: keep everything in "
					 "one file");
		s->line += c == '\n';
		s->pos++;
	}
}

void host_config_scan(struct host_loader *l, const char *text, size_t len)
{
	struct scan s = {.loader = l, .pos = text, .line = 1};

	while (*s.pos)
		scan_one(&s);
	if (s.pos != text + len)
		host_problem_add(l, s.line, "syntax",
				 "a byte of zero: this is not a text file");
}

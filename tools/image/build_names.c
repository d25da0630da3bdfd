/* build_names.c - names of Debian packages; see build_internal.h. */
#include "build_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *build_name(const struct build *build, const char *name)
{
	static const char mark[] = "@arch@";
	const char *at = strstr(name, mark);
	char *out;

	if (!at)
		return strdup(name);
	if (asprintf(&out, "%.*s%s%s", (int)(at - name), name,
		     build->options->architecture, at + strlen(mark)) < 0)
		return NULL;
	return out;
}

int build_names_add_one(struct build_names *names, const struct build *build,
			const char *name, struct err *err)
{
	char **more = reallocarray(names->names, names->num + 1, sizeof(*more));

	if (!more)
		return no_memory(err);
	names->names = more;
	more[names->num] = build_name(build, name);
	return more[names->num] ? (names->num++, 0) : no_memory(err);
}

int build_names_add(struct build_names *names, const struct build *build,
		    const json_t *list, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = build_names_add_one(
			names, build,
			json_string_value(json_array_get(list, i)), err);
	return rc;
}

void build_names_sort(struct build_names *names)
{
	size_t kept = 0;

	if (names->num)
		qsort(names->names, names->num, sizeof(*names->names), by_text);
	for (size_t i = 0; i < names->num; i++) {
		if (kept &&
		    strcmp(names->names[kept - 1], names->names[i]) == 0)
			free(names->names[i]);
		else
			names->names[kept++] = names->names[i];
	}
	names->num = kept;
}

void build_names_fini(struct build_names *names)
{
	for (size_t i = 0; i < names->num; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct build_names){0};
}

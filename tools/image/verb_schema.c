/* verb_schema.c - lwx-image schema. */
#include "lwx_image.h"

#include "definition.h"
#include "module.h"
#include "pkg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(const struct image_verb *verb, int argc, char **argv)
{
	bool manual = argc == 2 && strcmp(argv[1], "--manual") == 0;
	bool module = argc == 2 && strcmp(argv[1], "--module") == 0;
	bool pkg = argc == 2 && strcmp(argv[1], "--pkg") == 0;
	struct err err = {0};
	json_t *schema;
	char *text;
	int failed;

	if (argc != 1 && !manual && !module && !pkg)
		return image_usage_error(verb, "no arguments");
	schema = manual ? NULL
			: definition_schema(module ? &module_group
					    : pkg  ? &pkg_group
						   : &definition_group);
	text = manual ? definition_manual()
		      : json_dumps(schema, JSON_SORT_KEYS | JSON_INDENT(2));
	json_decref(schema);
	failed = !text || puts(text) < 0 || fflush(stdout);
	free(text);
	if (!failed)
		return IMAGE_EXIT_OK;
	(void)err_setx(&err, -EIO, "standard output");
	return image_fail(&err);
}

const struct image_verb image_verb_schema = {
	.name = "schema",
	.usage = "[--manual | --module | --pkg]",
	.summary = "Print the JSON Schema of definitions.",
	.help = "For editors and for programs that write definitions; draft "
		"7.\n"
		"\n"
		"  --module  the one of module.yml\n"
		"  --pkg     the one of build.yml of a package\n"
		"  --manual  the keys as the body of a manual page instead\n",
	.run = run,
};

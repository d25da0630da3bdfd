/* verb_module.c - lwx-image module. */
#include "lwx_image.h"

#include "cleanup.h"
#include "definition.h"
#include "macros.h"
#include "module.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX 16U

/**
 * struct request - one call
 * @dirs:        more places for modules, @dir_num of them
 * @role:        of the image, NULL: any
 * @no_optional: without what only also-add names
 * @as_json:     for scripts
 * @words:       arguments behind the subcommand, @word_num of them
 * @definition:  the one that was named, or NULL; owned
 * @set:         all modules; owned
 */
struct request {
	const char *dirs[DIRS_MAX];
	size_t dir_num;
	const char *role;
	bool no_optional;
	bool as_json;
	char **words;
	size_t word_num;
	json_t *definition;
	struct module_set *set;
};

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int load(struct request *request, struct err *err)
{
	AUTO_FREE char *copy = NULL;
	const char *file = NULL;
	int rc = 0;

	for (size_t i = 0; i < request->word_num && !file; i++)
		if (image_is_definition(request->words[i]))
			file = request->words[i];
	copy = strdup(file ? file : "./x");
	if (!copy)
		return no_memory(err);
	if (file)
		rc = definition_read(&request->definition, &file, 1, err);
	/* Modules beside a definition come first, as they do in a build. */
	return rc ? rc
		  : module_set_find(&request->set, dirname(copy), request->dirs,
				    request->dir_num, err);
}

static const char *text_of(const struct module *module, const char *key)
{
	const char *text = definition_text(module->content, key);

	return text ? text : "";
}

static json_t *module_json(const struct module *module)
{
	json_t *content = definition_copy(module->content);
	json_t *top = json_pack("{s:s,s:s}", "name", module->name, "directory",
				module->dir);

	if (content && top)
		(void)json_object_update_missing(top, content);
	json_decref(content);
	return top;
}

static int print_json(json_t *json, struct err *err)
{
	int rc = json &&
				 !json_dumpf(json, stdout,
					     JSON_SORT_KEYS | JSON_INDENT(2)) &&
				 putchar('\n') != EOF
			 ? 0
			 : err_setx(err, -EIO, "standard output");

	json_decref(json);
	return rc;
}

static bool has_text(const struct module *module, const char *text)
{
	AUTO_FREE char *all = json_dumps(module->content, JSON_COMPACT);

	return strcasestr(module->name, text) ||
	       (all && strcasestr(all, text) != NULL);
}

static int list(const struct request *request, struct err *err)
{
	const char *text = request->word_num ? request->words[0] : "";
	json_t *array = json_array();
	size_t found = 0;

	for (size_t i = 0; i < module_set_num(request->set); i++) {
		const struct module *module = module_set_at(request->set, i);

		if (!has_text(module, text))
			continue;
		found++;
		if (request->as_json)
			(void)json_array_append_new(array, module_json(module));
		else
			(void)printf("%-16s %s\n", module->name,
				     text_of(module, "summary"));
	}
	if (request->as_json)
		return print_json(array, err);
	json_decref(array);
	return found ? 0
		     : err_setx(err, -ENOENT,
				"no module found; --modules DIR names a "
				"directory of them");
}

static void print_list(const char *title, const json_t *array)
{
	if (!json_array_size(array))
		return;
	(void)printf("%-11s", title);
	for (size_t i = 0; i < json_array_size(array); i++)
		(void)printf(" %s",
			     json_string_value(json_array_get(array, i)));
	(void)putchar('\n');
}

static void print_sources(const struct module *module)
{
	const json_t *list = json_object_get(module->content, "sources");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *source = json_array_get(list, i);

		(void)printf("source      %s (%s)\n",
			     definition_text(source, "name"),
			     module_source_form(source));
	}
}

static int show(const struct request *request, struct err *err)
{
	static const char *const lists[] = {
		"roles",      "include",  "also-add", "conflicts", "provides",
		"stands-for", "packages", "remove",   "keep",
	};
	const struct module *module =
		module_find(request->set, request->words[0]);
	const json_t *checks;

	if (!module)
		return err_setx(err, -ENOENT, "there is no module %s",
				request->words[0]);
	if (request->as_json)
		return print_json(module_json(module), err);
	checks = json_object_get(module->content, "checks");
	(void)printf("name        %s\nsummary     %s\ndirectory   %s\n",
		     module->name, text_of(module, "summary"), module->dir);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		print_list(lists[i],
			   json_object_get(module->content, lists[i]));
	print_sources(module);
	for (size_t i = 0; i < json_array_size(checks); i++)
		(void)printf(
			"check       %s\n",
			definition_text(json_array_get(checks, i), "name"));
	return 0;
}

/* The words from @first on: names, or a definition that has them. */
static int resolve(const struct request *request, size_t first,
		   struct module_plan *plan, struct err *err)
{
	const json_t *layerworx =
		json_object_get(request->definition, "layerworx");
	const json_t *more = json_object_get(layerworx, "modules");
	const char **names = calloc(request->word_num + json_array_size(more),
				    sizeof(*names));
	struct module_wanted wanted = {.names = names,
				       .role = request->role,
				       .no_optional = request->no_optional};
	int rc;

	if (!names)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(more); i++)
		names[wanted.num++] =
			json_string_value(json_array_get(more, i));
	for (size_t i = first; i < request->word_num; i++)
		if (!image_is_definition(request->words[i]))
			names[wanted.num++] = request->words[i];
	if (!wanted.role)
		wanted.role = definition_text(layerworx, "role");
	rc = module_resolve(plan, request->set, &wanted, err);
	free(names);
	return rc;
}

static int print_plan(const struct request *request, struct err *err)
{
	struct module_plan plan;
	json_t *array = json_array();
	int rc = resolve(request, 0, &plan, err);

	for (size_t i = 0; !rc && i < plan.num; i++) {
		const struct module_choice *choice = &plan.choices[i];

		if (request->as_json)
			(void)json_array_append_new(
				array, json_pack("{s:s,s:s?}", "name",
						 choice->module->name, "by",
						 choice->by ? choice->by->name
							    : NULL));
		else
			(void)printf("%-16s %s\n", choice->module->name,
				     choice->by ? choice->by->name : "");
	}
	if (!rc && request->as_json)
		rc = print_json(json_incref(array), err);
	json_decref(array);
	module_plan_fini(&plan);
	return rc;
}

static int why(const struct request *request, struct err *err)
{
	struct module_plan plan;
	char chain[1024];
	int rc = resolve(request, 1, &plan, err);

	if (rc)
		return rc;
	rc = module_plan_why(&plan, request->words[0], chain, sizeof(chain));
	if (rc)
		rc = err_setx(err, rc, "module %s is not needed",
			      request->words[0]);
	else
		(void)puts(chain);
	module_plan_fini(&plan);
	return rc;
}

static int template(const struct request *request, struct err *err)
{
	static const char text[] =
		"# What %s is. Keys: lwx-image schema --module\n"
		"summary: %s\n"
		"include: [base]\n"
		"packages: [%s]\n"
		"checks:\n"
		"  - name: %s runs\n"
		"    command: [%s, --version]\n";
	const char *name = request->words[0];
	AUTO_FREE char *path = NULL;
	FILE *out;
	int rc = 0;

	if (asprintf(&path, "%s/module.yml", name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	if (mkdir(name, 0777) && errno != EEXIST)
		return err_set(err, -errno, "%s", name);
	out = fopen(path, "wxe");
	if (!out)
		return err_set(err, -errno, "%s", path);
	name = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (fprintf(out, text, name, name, name, name, name) < 0)
		rc = err_set(err, -EIO, "%s", path);
	if (fclose(out) && !rc)
		rc = err_set(err, -errno, "%s", path);
	if (!rc)
		(void)puts(path);
	return rc;
}

static const struct command {
	const char *name;
	size_t least;
	size_t most;
	bool loads;
	int (*run)(const struct request *request, struct err *err);
} commands[] = {
	{"list", 0, 0, true, list}, {"search", 1, 1, true, list},
	{"show", 1, 1, true, show}, {"resolve", 1, 256, true, print_plan},
	{"why", 2, 256, true, why}, {"template", 1, 1, false, template},
};

static int take_options(const struct image_verb *verb, struct request *request,
			int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"modules", required_argument, NULL, 'm'},
		{"no-optional", no_argument, NULL, 'n'},
		{"role", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return image_help(verb) + 1;
		case 'j':
			request->as_json = true;
			break;
		case 'm':
			if (request->dir_num < DIRS_MAX)
				request->dirs[request->dir_num++] = optarg;
			break;
		case 'n':
			request->no_optional = true;
			break;
		case 'r':
			request->role = optarg;
			break;
		default:
			(void)image_usage_error(verb, "%s", "");
			return -EINVAL;
		}
	}
	return 0;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct request request = {0};
	const struct command *command = NULL;
	struct err err = {0};
	int rc = take_options(verb, &request, argc, argv);

	if (rc)
		return rc > 0 ? IMAGE_EXIT_OK : IMAGE_EXIT_USAGE;
	for (size_t i = 0; optind < argc && i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, argv[optind]) == 0)
			command = &commands[i];
	if (!command)
		return image_usage_error(verb, "list, search, show, resolve, "
					       "why or template");
	request.words = argv + optind + 1;
	request.word_num = (size_t)(argc - optind - 1);
	if (request.word_num < command->least ||
	    request.word_num > command->most)
		return image_usage_error(verb, "%s: wrong number of arguments",
					 command->name);
	rc = command->loads ? load(&request, &err) : 0;
	if (!rc)
		rc = command->run(&request, &err);
	if (!rc && fflush(stdout))
		rc = err_set(&err, -errno, "standard output");
	module_set_destroy(request.set);
	json_decref(request.definition);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_module = {
	.name = "module",
	.usage = "[OPTION...] list | search TEXT | show NAME | resolve "
		 "NAME|FILE.yml... |\n"
		 "       why MODULE NAME|FILE.yml... | template DIR",
	.summary = "List modules, show what they need and why.",
	.help = "Modules are folders with module.yml: beside a definition, of "
		"--modules, and\n"
		"installed ones. resolve prints all modules that names or a "
		"definition stand for,\n"
		"in the order of their installation, and which one needs "
		"each; why prints the\n"
		"way to one of them. template makes a new one.\n"
		"\n"
		"  --modules DIR   more modules; may be repeated\n"
		"  --no-optional   without modules that also-add names\n"
		"  --role ROLE     container, vm or host: complain if one does "
		"not fit\n"
		"  --json          for scripts\n",
	.run = run,
};

/*
 * module_resolve.c - the closure of modules; see module.h.
 *
 * Depth first: a module is added once all that it includes is there, so the
 * result is a topological order that only the modules and the names decide.
 */
#include "module.h"

#include "definition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_SIZE 400U
#define DEPTH_MAX 64U

/**
 * struct walk - a resolution under way
 * @set:    what there is
 * @wanted: what was asked for
 * @plan:   grows
 * @stack:  from what was asked for down to where we are; @depth of them
 */
struct walk {
	const struct module_set *set;
	const struct module_wanted *wanted;
	struct module_plan *plan;
	const struct module *stack[DEPTH_MAX];
	size_t depth;
};

static void add_word(char *chain, size_t size, const char *word)
{
	size_t len = strlen(chain);

	(void)snprintf(chain + len, size - len, "%s%s", len ? " -> " : "",
		       word);
}

/* The way here, from stack[@from], and @last. */
static void chain_text(const struct walk *walk, size_t from, const char *last,
		       char chain[CHAIN_SIZE])
{
	chain[0] = '\0';
	for (size_t i = from; i < walk->depth; i++)
		add_word(chain, CHAIN_SIZE, walk->stack[i]->name);
	add_word(chain, CHAIN_SIZE, last);
}

static const struct module_choice *chosen(const struct module_plan *plan,
					  const struct module *module)
{
	for (size_t i = 0; i < plan->num; i++)
		if (plan->choices[i].module == module)
			return &plan->choices[i];
	return NULL;
}

static bool is_asked_for(const struct walk *walk, const struct module *module)
{
	for (size_t i = 0; i < walk->wanted->num; i++)
		if (strcmp(walk->wanted->names[i], module->name) == 0)
			return true;
	return false;
}

/* Who provides @name: one that is there or will be, else the only one. */
static const struct module *provider(const struct walk *walk, const char *name,
				     unsigned int *others)
{
	const struct module *only = NULL;
	unsigned int num = 0;

	for (size_t i = 0; i < module_set_num(walk->set); i++) {
		const struct module *module = module_set_at(walk->set, i);

		if (!module_names(module, "provides", name))
			continue;
		if (chosen(walk->plan, module) || is_asked_for(walk, module))
			return module;
		only = module;
		num++;
	}
	*others = num;
	return num == 1 ? only : NULL;
}

/* One that was asked for by its name takes the place of the module @name,
 * unless that was asked for too. */
static const struct module *stand_in(const struct walk *walk, const char *name)
{
	const struct module *found = NULL;

	for (size_t i = 0; i < walk->wanted->num; i++) {
		const struct module *module =
			module_find(walk->set, walk->wanted->names[i]);

		if (strcmp(walk->wanted->names[i], name) == 0)
			return NULL;
		if (module && module_names(module, "provides", name))
			found = module;
	}
	return found;
}

static const char *nearest(const struct module_set *set, const char *name)
{
	const char **words =
		calloc(module_set_num(set) + 1, sizeof(const char *));
	const char *word;

	if (!words)
		return NULL;
	for (size_t i = 0; i < module_set_num(set); i++)
		words[i] = module_set_at(set, i)->name;
	word = text_nearest(words, name);
	free(words);
	return word;
}

static int look_up(const struct walk *walk, const char *name,
		   const struct module **out, struct err *err)
{
	unsigned int others = 0;
	char chain[CHAIN_SIZE];
	const char *near;

	*out = stand_in(walk, name);
	if (!*out)
		*out = module_find(walk->set, name);
	if (!*out)
		*out = provider(walk, name, &others);
	if (*out)
		return 0;
	chain_text(walk, 0, name, chain);
	if (others)
		return err_setx(err, -ENOENT,
				"modules: %u of them provide %.64s: name one "
				"(%s)",
				others, name, chain);
	near = nearest(walk->set, name);
	return err_setx(err, -ENOENT,
			"modules: there is no module %.64s%s%s%s (%s)", name,
			near ? ", did you mean " : "", near ? near : "",
			near ? "?" : "", chain);
}

static int add_choice(const struct walk *walk, const struct module *module,
		      struct err *err)
{
	struct module_plan *plan = walk->plan;
	struct module_choice *choices =
		reallocarray(plan->choices, plan->num + 1, sizeof(*choices));

	if (!choices)
		return err_setx(err, -ENOMEM, "out of memory");
	plan->choices = choices;
	choices[plan->num++] = (struct module_choice){
		.module = module,
		.by = walk->depth ? walk->stack[walk->depth - 1] : NULL,
	};
	return 0;
}

static int check_here(const struct walk *walk, const struct module *module,
		      struct err *err)
{
	const char *role = walk->wanted->role;
	char chain[CHAIN_SIZE];

	for (size_t i = 0; i < walk->depth; i++) {
		if (walk->stack[i] != module)
			continue;
		chain_text(walk, i, module->name, chain);
		return err_setx(err, -ELOOP, "modules: %s includes itself: %s",
				module->name, chain);
	}
	if (walk->depth == DEPTH_MAX)
		return err_setx(err, -ELOOP, "modules: more than %u deep at %s",
				DEPTH_MAX, module->name);
	if (role && json_object_get(module->content, "roles") &&
	    !module_names(module, "roles", role)) {
		chain_text(walk, 0, module->name, chain);
		return err_setx(err, -EINVAL,
				"modules: %s is not for the role %s (%s)",
				module->name, role, chain);
	}
	return 0;
}

static int visit(struct walk *walk, const char *name, struct err *err);

static int visit_list(struct walk *walk, const json_t *list, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = visit(walk, json_string_value(json_array_get(list, i)),
			   err);
	return rc;
}

/* The depth is limited by check_here(). */
/* NOLINTNEXTLINE(misc-no-recursion) */
static int visit(struct walk *walk, const char *name, struct err *err)
{
	const struct module *module;
	int rc = look_up(walk, name, &module, err);

	if (rc || chosen(walk->plan, module))
		return rc;
	rc = check_here(walk, module, err);
	if (rc)
		return rc;
	walk->stack[walk->depth++] = module;
	rc = visit_list(walk, json_object_get(module->content, "include"), err);
	if (!rc && !walk->wanted->no_optional)
		rc = visit_list(walk,
				json_object_get(module->content, "also-add"),
				err);
	walk->depth--;
	return rc ? rc : add_choice(walk, module, err);
}

static int check_pair(const struct module_plan *plan, const struct module *a,
		      const struct module *b, struct err *err)
{
	const json_t *list = json_object_get(a->content, "conflicts");
	char why_a[CHAIN_SIZE];
	char why_b[CHAIN_SIZE];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (strcmp(b->name, name) != 0 &&
		    !module_names(b, "provides", name))
			continue;
		(void)module_plan_why(plan, a->name, why_a, sizeof(why_a));
		(void)module_plan_why(plan, b->name, why_b, sizeof(why_b));
		return err_setx(err, -EEXIST,
				"modules: %s conflicts with %s (%s; %s)",
				a->name, b->name, why_a, why_b);
	}
	return 0;
}

static int check_conflicts(const struct module_plan *plan, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < plan->num; i++)
		for (size_t j = 0; j < plan->num && !rc; j++)
			if (i != j)
				rc = check_pair(plan, plan->choices[i].module,
						plan->choices[j].module, err);
	return rc;
}

int module_resolve(struct module_plan *plan, const struct module_set *set,
		   const struct module_wanted *wanted, struct err *err)
{
	struct walk walk = {.set = set, .wanted = wanted, .plan = plan};
	int rc = 0;

	*plan = (struct module_plan){0};
	for (size_t i = 0; i < wanted->num && !rc; i++)
		rc = visit(&walk, wanted->names[i], err);
	if (!rc)
		rc = check_conflicts(plan, err);
	if (rc)
		module_plan_fini(plan);
	return rc;
}

void module_plan_fini(struct module_plan *plan)
{
	free(plan->choices);
	*plan = (struct module_plan){0};
}

int module_plan_why(const struct module_plan *plan, const char *name, char *out,
		    size_t size)
{
	const struct module *way[DEPTH_MAX];
	const struct module_choice *choice = NULL;
	size_t num = 0;

	for (size_t i = 0; i < plan->num; i++)
		if (strcmp(plan->choices[i].module->name, name) == 0)
			choice = &plan->choices[i];
	if (!choice)
		return -ENOENT;
	while (choice && num < DEPTH_MAX) {
		way[num++] = choice->module;
		choice = choice->by ? chosen(plan, choice->by) : NULL;
	}
	out[0] = '\0';
	while (num)
		add_word(out, size, way[--num]->name);
	return 0;
}

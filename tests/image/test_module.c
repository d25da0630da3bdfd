/*
 * test_module.c - module.yml, the closure of modules, its order, and the
 * messages of what cannot be resolved.
 */
#include "test.h"

#include "definition.h"
#include "module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKS "checks: [{name: c, command: [/bin/true]}]\n"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/module.yml", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fprintf(file, "summary: %s\n%s" CHECKS, name, text) > 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/lwx-modules.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command); /* NOLINT(cert-env33-c): a name of ours */
}

static struct module_set *read_all(void)
{
	const char *dirs[] = {dir, "/nonexistent"};
	struct module_set *set = NULL;
	struct err err = {0};

	if (module_set_read(&set, dirs, 2, &err))
		fail_msg("%s", err.msg);
	return set;
}

/* The names of @wanted resolve to @order, or fail with @message. */
static void check(const struct module_set *set, struct module_wanted wanted,
		  int code, const char *expected)
{
	struct module_plan plan;
	struct err err = {0};
	char text[256] = "";

	assert_int_equal(module_resolve(&plan, set, &wanted, &err), code);
	if (code) {
		assert_null(plan.choices);
		if (!strstr(err.msg, expected))
			fail_msg("\"%s\" is not in \"%s\"", expected, err.msg);
		return;
	}
	for (size_t i = 0; i < plan.num; i++) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s",
			       i ? " " : "", plan.choices[i].module->name);
	}
	assert_string_equal(text, expected);
	module_plan_fini(&plan);
}

#define WANT(...)                                                              \
	(struct module_wanted)                                                 \
	{                                                                      \
		.names = (const char *const[]){__VA_ARGS__},                   \
		.num = sizeof((const char *const[]){__VA_ARGS__}) /            \
		       sizeof(const char *)                                    \
	}

static void test_order(void **state)
{
	struct module_wanted wanted = WANT("host");
	struct module_set *set;

	(void)state;
	put("base", "");
	put("net", "include: [base]\n");
	put("vm", "include: [net, base]\nalso-add: [tools]\n");
	put("tools", "include: [base]\n");
	put("host", "include: [vm]\n");
	set = read_all();
	assert_int_equal(module_set_num(set), 5);
	check(set, wanted, 0, "base net tools vm host");
	wanted.no_optional = true;
	check(set, wanted, 0, "base net vm host");
	/* What was asked for first comes first. */
	check(set, WANT("tools", "host"), 0, "base tools net vm host");
	check(set, WANT("host", "host", "base"), 0, "base net tools vm host");
	module_set_destroy(set);
}

static void test_why(void **state)
{
	const struct module_wanted wanted = WANT("host");
	struct module_set *set;
	struct module_plan plan;
	struct err err = {0};
	char why[128];

	(void)state;
	put("base", "");
	put("vm", "include: [base]\n");
	put("host", "include: [vm]\n");
	set = read_all();
	assert_int_equal(module_resolve(&plan, set, &wanted, &err), 0);
	assert_int_equal(module_plan_why(&plan, "base", why, sizeof(why)), 0);
	assert_string_equal(why, "host -> vm -> base");
	assert_int_equal(module_plan_why(&plan, "host", why, sizeof(why)), 0);
	assert_string_equal(why, "host");
	assert_int_equal(module_plan_why(&plan, "x", why, sizeof(why)),
			 -ENOENT);
	module_plan_fini(&plan);
	module_set_destroy(set);
}

static void test_cycle(void **state)
{
	struct module_set *set;

	(void)state;
	put("a", "include: [b]\n");
	put("b", "include: [c]\n");
	put("c", "include: [b]\n");
	put("self", "include: [self]\n");
	set = read_all();
	check(set, WANT("a"), -ELOOP, "b includes itself: b -> c -> b");
	check(set, WANT("self"), -ELOOP, "self includes itself: self -> self");
	module_set_destroy(set);
}

static void test_missing(void **state)
{
	struct module_set *set;

	(void)state;
	put("network", "include: [bsae]\n");
	put("base", "");
	set = read_all();
	check(set, WANT("netwrok"), -ENOENT,
	      "there is no module netwrok, did you mean network?");
	check(set, WANT("network"), -ENOENT,
	      "did you mean base? (network -> bsae)");
	module_set_destroy(set);
}

static void test_conflict(void **state)
{
	struct module_set *set;

	(void)state;
	put("crun", "provides: [runtime]\n");
	put("runc", "provides: [runtime]\nconflicts: [runtime]\n");
	put("top", "include: [crun, runc]\n");
	set = read_all();
	check(set, WANT("top"), -EEXIST,
	      "runc conflicts with crun (top -> runc; top -> crun)");
	/* It does not conflict with what it provides itself. */
	check(set, WANT("runc"), 0, "runc");
	module_set_destroy(set);
}

static void test_provides(void **state)
{
	struct module_set *set;

	(void)state;
	put("crun", "provides: [runtime]\n");
	put("runc", "provides: [runtime]\n");
	put("only", "provides: [lonely]\n");
	put("top", "include: [runtime]\n");
	put("low", "include: [lonely]\n");
	set = read_all();
	check(set, WANT("low"), 0, "only low");
	check(set, WANT("top"), -ENOENT,
	      "2 of them provide runtime: name one (top -> runtime)");
	check(set, WANT("runc", "top"), 0, "runc top");
	check(set, WANT("top", "runc"), 0, "runc top");
	module_set_destroy(set);
}

static void test_role(void **state)
{
	struct module_wanted wanted = WANT("top");
	struct module_set *set;

	(void)state;
	put("kernel", "roles: [vm, host]\n");
	put("top", "include: [kernel]\n");
	set = read_all();
	wanted.role = "container";
	check(set, wanted, -EINVAL,
	      "kernel is not for the role container (top -> kernel)");
	wanted.role = "vm";
	check(set, wanted, 0, "kernel top");
	module_set_destroy(set);
}

static void test_stand_in(void **state)
{
	struct module_set *set;

	(void)state;
	put("box", "");
	put("box-source", "provides: [box]\n");
	put("net", "include: [box]\n");
	set = read_all();
	check(set, WANT("net"), 0, "box net");
	check(set, WANT("net", "box-source"), 0, "box-source net");
	check(set, WANT("net", "box-source", "box"), 0, "box net box-source");
	module_set_destroy(set);
}

static void test_image(void **state)
{
	const struct module *module;
	struct module_set *set;
	struct err err = {0};

	(void)state;
	put("ssh", "stands-for: [linuxkit/sshd]\n");
	set = read_all();
	assert_int_equal(
		module_of_image(set, "linuxkit/sshd:abc", &module, &err), 0);
	assert_string_equal(module->name, "ssh");
	assert_int_equal(module_of_image(set, "linuxkit/sshd2", &module, &err),
			 0);
	assert_null(module);
	assert_int_equal(module_of_image(set, "module:ssh", &module, &err), 0);
	assert_string_equal(module->name, "ssh");
	assert_int_equal(module_of_image(set, "module:no", &module, &err),
			 -ENOENT);
	module_set_destroy(set);
}

static void refuse(const char *text, const char *message)
{
	const char *dirs[] = {dir};
	struct module_set *set = NULL;
	struct err err = {0};
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/bad", dir);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/bad/module.yml", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(module_set_read(&set, dirs, 1, &err), -EBADMSG);
	if (!strstr(err.msg, message) || !strstr(err.msg, "bad/module.yml:"))
		fail_msg("\"%s\" is not in \"%s\"", message, err.msg);
}

static void test_bad(void **state)
{
	(void)state;
	refuse("summary: x\n", "module: checks is missing");
	refuse("summary: x\nchecks: []\n", "checks: a module has one at least");
	refuse(CHECKS, "module: summary is missing");
	refuse("summary: x\npakages: [a]\n" CHECKS, "did you mean packages?");
	refuse("summary: x\nroles: [vm, hots]\n" CHECKS, "did you mean host?");
	refuse("summary: x\npackages: bash\n" CHECKS, "list of texts");
}

#define SOURCE "summary: x\n" CHECKS "sources:\n  - name: s\n"

static void test_bad_source(void **state)
{
	(void)state;
	refuse(SOURCE, "bad/module.yml:4:5: source s: needs commands");
	refuse(SOURCE "    comands: x\n", "did you mean commands?");
	refuse(SOURCE "    commands: x\n    archive: /a.tar\n",
	       "archive: /a.tar: is to be a path below a folder");
	refuse(SOURCE "    commands: x\n    patches: [a, ../b]\n",
	       "patches: ../b: is to be");
	refuse(SOURCE "    commands: x\n    files: [a/../b]\n",
	       "files: a/../b: is to be");
	refuse(SOURCE "    spec: s\n    commands: x\n",
	       "spec says how it is built");
	refuse(SOURCE "    pkgbuild: s\n    debian: x\n",
	       "pkgbuild says how it is built");
	refuse(SOURCE "    pkgbuild: ../PKGBUILD\n",
	       "pkgbuild: ../PKGBUILD: is");
	refuse(SOURCE "    spec: s\n    archive: x\n", "spec is the source");
	refuse(SOURCE "    debian: s\n", "needs either commands or binaries");
	refuse(SOURCE "    debian: s\n    commands: x\n    archive: a\n",
	       "debian is the source");
	refuse(SOURCE "    commands: x\n    binaries: [s]\n", "no binaries");
	refuse("summary: x\n" CHECKS "sources: [{name: a/b, commands: x}]\n",
	       "name: a/b: letters, digits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_why, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cycle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conflict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_role, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stand_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_source, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

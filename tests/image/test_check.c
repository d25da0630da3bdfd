/*
 * test_check.c - checks of modules: the image that is made for them, and what
 * is understood of its console, which may say anything.
 */
#include "test.h"

#include "definition.h"
#include "module_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *some_checks(void)
{
	json_t *checks = json_pack(
		"[{s:s,s:s,s:[s,s]},{s:s,s:s,s:[s],s:[s,s]}]", "module", "a",
		"check", "first", "command", "/bin/echo", "it's \"$x\"\n",
		"module", "b", "check", "second", "command", "/bin/true",
		"services", "one", "two");

	assert_non_null(checks);
	return checks;
}

/* What one line means: -1 nothing, else the index of the check that ended. */
static int take(json_t *checks, const char *line)
{
	json_t *decided = NULL;
	int rc = module_check_take(checks, line, &decided);

	assert_in_range(rc, 0, 1);
	if (!rc) {
		assert_null(decided);
		return -1;
	}
	return decided == json_array_get(checks, 0) ? 0 : 1;
}

static const char *text(const json_t *checks, size_t i, const char *key)
{
	return json_string_value(
		json_object_get(json_array_get(checks, i), key));
}

static json_int_t status(const json_t *checks, size_t i)
{
	return json_integer_value(
		json_object_get(json_array_get(checks, i), "status"));
}

static void test_console(void **state)
{
	json_t *checks = some_checks();

	(void)state;
	assert_int_equal(take(checks, "[    0.1] Linux"), -1);
	assert_int_equal(take(checks, "@lwx-check 1 0"), 1);
	assert_int_equal(take(checks, "@lwx-check 0 | one"), -1);
	assert_int_equal(take(checks, "@lwx-check 0 | t\xff\x1bwo"), -1);
	assert_int_equal(take(checks, "noise@lwx-check 0 124\r"), 0);
	assert_string_equal(text(checks, 0, "output"), "one\nt??wo");
	assert_int_equal(status(checks, 0), 124);
	assert_int_equal(status(checks, 1), 0);
	/* The first word counts. */
	assert_int_equal(take(checks, "@lwx-check 1 7"), -1);
	assert_int_equal(status(checks, 1), 0);
	json_decref(checks);
}

static void test_hostile(void **state)
{
	static const char *const lines[] = {
		"@lwx-check ",
		"@lwx-check x 0",
		"@lwx-check 2 0",
		"@lwx-check -1 0",
		"@lwx-check 99999999999999999999999 0",
		"@lwx-check 0",
		"@lwx-check 0 ",
		"@lwx-check 0 ok",
		"@lwx-check 0 256",
		"@lwx-check 0 -1",
	};
	json_t *checks = some_checks();
	char line[512] = "@lwx-check 0 | ";

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(take(checks, lines[i]), -1);
	assert_null(json_object_get(json_array_get(checks, 0), "status"));
	memset(line + strlen(line), 'x', 400);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(take(checks, line), -1);
	assert_in_range(strlen(text(checks, 0, "output")), 400, 4096);
	json_decref(checks);
}

/* The script is what bash takes it for. */
static void test_script(void **state)
{
	const char *const modules[] = {"init", "a"};
	const struct module_check_image image = {
		.role = "vm",
		.modules = modules,
		.module_num = 2,
		.kernel = "module:kernel-stock",
		.cmdline = "quiet",
		.box = "/box",
		.seconds = 9,
	};
	json_t *checks = some_checks();
	json_t *files = json_pack("[{s:s,s:s,s:s}]", "path", "x", "source",
				  "/y", "mode", "0755");
	json_t *made = module_check_definition(&image, checks, files);
	char path[] = "/tmp/lwx-check.XXXXXX";
	const char *script;
	json_t *back = NULL;
	struct err err = {0};
	const char *name = path;
	FILE *file;

	(void)state;
	assert_non_null(made);
	script = json_string_value(json_object_get(
		json_array_get(json_object_get(made, "files"), 1), "contents"));
	assert_non_null(script);
	assert_non_null(strstr(
		script, "services=()\ncheck 0 '/bin/echo' 'it'\\''s \"$x\"\n'\n"
			"services=('one' 'two')\ncheck 1 '/bin/true'\n"));
	assert_non_null(strstr(script, "seconds=9\n"));
	/* A definition like any other. */
	assert_true(mkstemp(path) >= 0);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(json_dumpf(made, file, 0), 0);
	assert_int_equal(fclose(file), 0);
	if (definition_read(&back, &name, 1, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(unlink(path), 0);
	json_decref(back);
	json_decref(made);
	json_decref(files);
	json_decref(checks);
}

static void test_files(void **state)
{
	json_t *content = json_pack(
		"{s:[{s:s,s:[s],s:[{s:s,s:s,s:i}]},{s:s,s:[s]}]}", "checks",
		"name", "n", "command", "/c", "files", "path", "p", "source",
		"s", "mode", 0755, "name", "m", "command", "/d");
	char name[] = "m";
	char dir[] = "/tmp";
	const struct module module = {
		.name = name, .dir = dir, .content = content};
	json_t *files = json_array();
	json_t *checks = json_array();
	struct err err = {0};

	(void)state;
	assert_int_equal(module_checks(checks, &module, &err), 0);
	assert_int_equal(json_array_size(checks), 2);
	assert_string_equal(text(checks, 1, "check"), "m");
	assert_int_equal(module_check_files(files, &module, &err), 0);
	assert_int_equal(json_array_size(files), 1);
	assert_string_equal(text(files, 0, "source"), "/tmp/s");
	assert_string_equal(text(files, 0, "mode"), "0755");
	json_decref(files);
	json_decref(checks);
	json_decref(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_console),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

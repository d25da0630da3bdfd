/*
 * test_bad_config.c - for every key of the tables a value of the wrong type,
 * values out of range and, where it names something, one that is not there.
 *
 * The cases are made from the tables; what host.cfg's parser says about each is
 * compared with bad-config.golden. A new key fails this test until its messages
 * were read and the file made anew:
 *
 *	cd BUILD && LWX_GOLDEN=write tests/unit/test_bad_config
 */
#include "host_config.h"
#include "macros.h"
#include "vm_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/lwx-bad-config-XXXXXX";

static struct host_facts facts = {
	.memory = GIB(8),
	.cpus = {{0x3}},
	.machine_id = "00112233-4455-6677-8899-aabbccddeeff",
};

static const unsigned int group_flags = SCHEMA_FILE;

/**
 * struct level - a group on the way from the root to the key under test
 * @field: key of the group in the one around it; NULL: the VM or network
 * @group: what may stand in it
 */
struct level {
	const struct schema_field *field;
	const struct schema_group *group;
};

#define LEVELS_MAX 4

/** struct bad - one case: the levels down to the key, and its bad value */
struct bad {
	const char *root;
	struct level levels[LEVELS_MAX];
	size_t depth;
	const char *key;
	const char *value; /* NULL: the key is left out */
};

static FILE *out; /* what will be compared */

/* A value that a required key takes. */
static const char *good_value(const struct schema_field *field)
{
	static const char *const values[] = {
		[SCHEMA_NAME] = "\"good\"",
		[SCHEMA_PATH] = "\"disk.raw\"",
		[SCHEMA_WORD] = "\"raw\"",
		[SCHEMA_ENUM] = "\"tap\"",
		[SCHEMA_UINT] = "3",
		[SCHEMA_TEXT] = "\"x\"",
		[SCHEMA_CIDR] = "\"10.20.0.1/24\"",
	};

	if (field->ref == SCHEMA_REF_FOLDER)
		return "\".\"";
	return values[field->type];
}

/* A VM starts something: named in it, or in its boot group if that is there. */
static bool wants_kernel(const struct bad *bad, const struct level *level,
			 const struct level *next)
{
	const char *name = level->group->name;

	if (next)
		return !strcmp(name, "vm") &&
		       strcmp(next->field->key, "boot") != 0;
	return (!strcmp(name, "vm") || !strcmp(name, "boot")) &&
	       strcmp(bad->key, "kernel") != 0 && strcmp(bad->key, "uki") != 0;
}

static void write_level(FILE *f, const struct bad *bad, size_t index)
{
	const struct level *level = &bad->levels[index];
	const struct level *next = index + 1 < bad->depth ? level + 1 : NULL;
	const struct schema_field *field;
	size_t i;

	(void)fprintf(f, "{\n");
	for (i = 0; i < level->group->num; i++) {
		field = &level->group->fields[i];
		if ((field->flags & SCHEMA_REQUIRED) &&
		    (next || strcmp(field->key, bad->key) != 0))
			(void)fprintf(f, "%s = %s;\n", field->key,
				      good_value(field));
	}
	if (wants_kernel(bad, level, next))
		(void)fprintf(f, "kernel = \"kernel\";\n");
	if (next && next->field->type == SCHEMA_GROUPS) {
		(void)fprintf(f, "%s = (", next->field->key);
		write_level(f, bad, index + 1);
		(void)fprintf(f, ");\n");
	} else if (next) {
		(void)fprintf(f, "%s = ", next->field->key);
		write_level(f, bad, index + 1);
		(void)fprintf(f, ";\n");
	} else if (bad->value) {
		(void)fprintf(f, "%s = %s;\n", bad->key, bad->value);
	}
	(void)fprintf(f, "}\n");
}

/* "vms[0].disks[0].limit.ops" */
static void print_key(const struct bad *bad)
{
	size_t i;

	(void)fprintf(out, "== %s", bad->root);
	for (i = 1; i < bad->depth; i++)
		(void)fprintf(out, ".%s", bad->levels[i].field->key);
	(void)fprintf(out, ".%s", bad->key);
	if (!bad->value)
		(void)fprintf(out, " left out\n");
	else if (strlen(bad->value) < 60)
		(void)fprintf(out, " = %s\n", bad->value);
	else
		(void)fprintf(out, " = %.40s... (%zu bytes)\n", bad->value,
			      strlen(bad->value));
}

/* The folder's name differs from run to run. */
static void print_problem(const char *text)
{
	const char *at;

	while ((at = strstr(text, dir))) {
		(void)fprintf(out, "%.*sDIR", (int)(at - text), text);
		text = at + strlen(dir);
	}
	(void)fprintf(out, "%s\n", text);
}

static void run(const struct bad *bad)
{
	char *text = NULL, path[64];
	struct host_config *hc;
	size_t size = 0, i;
	FILE *f = open_memstream(&text, &size);
	struct err err;

	assert_non_null(f);
	(void)fprintf(f, "%s = (", bad->root);
	write_level(f, bad, 0);
	(void)fprintf(f, ");\n");
	if (strcmp(bad->root, "vms") != 0)
		(void)fprintf(f, "vms = ();\n");
	assert_int_equal(fclose(f), 0);

	(void)snprintf(path, sizeof(path), "%s/host.cfg", dir);
	print_key(bad);
	if (!host_config_parse(&hc, text, size, "host.cfg", path, &facts, &err))
		(void)fprintf(out, "TAKEN\n");
	for (i = 0; i < hc->num_problems; i++)
		print_problem(hc->problems[i].text);
	host_config_destroy(hc);
	free(text);
}

__attribute__((format(printf, 2, 3))) static void
run_value(struct bad *bad, const char *fmt, ...)
{
	char *value;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&value, fmt, ap) >= 0);
	va_end(ap);
	bad->value = value;
	run(bad);
	free(value);
	bad->value = NULL;
}

/* @count times @element, with commas; caller frees. */
static char *repeat(const char *element, size_t count)
{
	size_t size = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	while (count--)
		(void)fprintf(f, "%s%s", element, count ? "," : "");
	assert_int_equal(fclose(f), 0);
	return text;
}

/* An element of a list of groups. */
static const char *good_element(const struct schema_field *field)
{
	if (!strcmp(field->key, "disks"))
		return "{ path = \"disk.raw\"; format = \"raw\"; "
		       "readonly = true; }";
	if (!strcmp(field->key, "shares"))
		return "{ path = \".\"; tag = \"x\"; }";
	return "{ type = \"passt\"; }";
}

/* One element more than fits. */
static void run_too_many(struct bad *bad, const struct schema_field *field,
			 const char *element)
{
	bool list = field->type == SCHEMA_GROUPS;
	char *text = repeat(element, field->capacity + 1);

	run_value(bad, "%c %s %c", list ? '(' : '[', text, list ? ')' : ']');
	free(text);
}

static void run_type_cases(struct bad *bad, const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_BOOL:
		run_value(bad, "\"true\"");
		run_value(bad, "1");
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		run_value(bad, "\"1\"");
		run_value(bad, "1.5");
		break;
	case SCHEMA_GROUP:
		run_value(bad, "true");
		run_value(bad, "( )");
		break;
	case SCHEMA_GROUPS:
		run_value(bad, "{ }");
		run_value(bad, "( \"x\" )");
		break;
	case SCHEMA_TEXTS:
		run_value(bad, "\"-x\"");
		run_value(bad, "[ 1 ]");
		break;
	case SCHEMA_INTS:
		run_value(bad, "0");
		run_value(bad, "[ \"0\" ]");
		break;
	default:
		run_value(bad, "17");
		run_value(bad, "{ }");
		break;
	}
}

static void run_number_cases(struct bad *bad, const struct schema_field *field)
{
	run_value(bad, "%" PRId64 "L", field->min - 1);
	run_value(bad, "%" PRId64 "L", field->max + 1);
	if (field->flags & SCHEMA_POWER2)
		run_value(bad, "%" PRId64, field->max - 1);
}

static void run_size_cases(struct bad *bad, const struct schema_field *field)
{
	run_value(bad, "\"%" PRId64 "\"", field->min - 1);
	run_value(bad, "\"%" PRId64 "\"",
		  field->max + (field->step ? field->step : 1));
	if (field->step)
		run_value(bad, "\"%" PRId64 "\"", field->min + 1024);
	run_value(bad, "\"8 G\"");
	run_value(bad, "\"8388608T\"");
}

static void run_text_cases(struct bad *bad, const struct schema_field *field)
{
	char *longest = repeat("y", 3000); /* with commas: 5999 bytes */

	if (field->type != SCHEMA_TEXT || field->min)
		run_value(bad, "\"\"");
	run_value(bad, "\"%s\"", longest);
	run_value(bad, "\"\\x07\"");
	run_value(bad, "\"\\xff\"");
	free(longest);
}

static void run_range_cases(struct bad *bad, const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		run_number_cases(bad, field);
		break;
	case SCHEMA_SIZE:
		run_size_cases(bad, field);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
		run_text_cases(bad, field);
		break;
	case SCHEMA_NAME:
		run_text_cases(bad, field);
		run_value(bad, "\"-x\"");
		run_value(bad, "\"a/b\"");
		run_value(bad, "\"abcdefghijklmnopqrstuvwxyz0123456\"");
		break;
	case SCHEMA_UUID:
		run_value(bad, "\"6c1c7e3e\"");
		run_value(bad, "\"00000000-0000-0000-0000-000000000000\"");
		break;
	case SCHEMA_CIDR:
		run_value(bad, "\"10.20.0.1\"");
		run_value(bad, "\"10.20.0.256/24\"");
		run_value(bad, "\"10.20.0.1/31\"");
		run_value(bad, "\"10.20.0.1/7\"");
		run_value(bad, "\"fd00::1/64\"");
		break;
	case SCHEMA_MAC:
		run_value(bad, "\"52:54:00:00:00\"");
		run_value(bad, "\"52-54-00-00-00-01\"");
		run_value(bad, "\"01:00:5e:00:00:01\"");
		run_value(bad, "\"00:00:00:00:00:00\"");
		break;
	case SCHEMA_WORD:
	case SCHEMA_ENUM:
		run_value(bad, "\"\"");
		run_value(bad, "\"nonsense\"");
		break;
	case SCHEMA_GROUPS:
		run_too_many(bad, field, good_element(field));
		break;
	case SCHEMA_TEXTS:
		run_value(bad, "[ \"-\" ]");
		run_value(bad, "[ \"-a\", \"-abcdefghijklmnopqrstuvwxyz012345"
			       "6789\" ]");
		run_too_many(bad, field, "\"-x\"");
		break;
	case SCHEMA_INTS:
		run_value(bad, "[ 0, %" PRId64 " ]", field->min - 1);
		run_value(bad, "[ %" PRId64 " ]", field->max + 1);
		run_too_many(bad, field, "0");
		break;
	default:
		break;
	}
}

static void run_reference_cases(struct bad *bad,
				const struct schema_field *field)
{
	switch (field->ref) {
	case SCHEMA_REF_FILE:
	case SCHEMA_REF_DISK:
		run_value(bad, "\"absent\"");
		run_value(bad, "\"/dev/null\"");
		run_value(bad, "\".\"");
		break;
	case SCHEMA_REF_PARENT:
		run_value(bad, "\"absent/file\"");
		run_value(bad, "\"kernel/file\"");
		run_value(bad, "\".\"");
		break;
	case SCHEMA_REF_FOLDER:
		run_value(bad, "\"absent\"");
		run_value(bad, "\"kernel\"");
		break;
	case SCHEMA_REF_NETWORK:
		run_value(bad, "\"absent\"");
		break;
	case SCHEMA_REF_CPU:
		run_value(bad, "[ 2 ]");
		break;
	case SCHEMA_REF_CGROUP:
		run_value(bad, "\"absent\"");
		run_value(bad, "\"../lwx\"");
		break;
	default:
		break;
	}
	if (field->ref == SCHEMA_REF_DISK)
		run_value(bad, "\"empty\"");
}

static void run_group(struct bad *bad)
{
	const struct schema_group *group = bad->levels[bad->depth - 1].group;
	const struct schema_field *field;
	size_t i;

	bad->key = "nonsense";
	run_value(bad, "1");
	for (i = 0; i < group->num; i++) {
		field = &group->fields[i];
		if (!(field->flags & group_flags))
			continue;
		bad->key = field->key;
		if (field->flags & SCHEMA_REQUIRED)
			run(bad);
		run_type_cases(bad, field);
		run_range_cases(bad, field);
		run_reference_cases(bad, field);
		if (!field->group)
			continue;
		assert_true(bad->depth < LEVELS_MAX);
		bad->levels[bad->depth++] =
			(struct level){.field = field, .group = field->group};
		run_group(bad);
		bad->depth--;
	}
}

/* Where the first difference is; the files are small. */
static void compare(const char *found, const char *expected)
{
	const char *a = found, *b = expected;
	unsigned int line = 1;

	while (*a && *a == *b) {
		line += *a == '\n';
		a++;
		b++;
	}
	if (*a == *b)
		return;
	while (a > found && a[-1] != '\n') {
		a--;
		b--;
	}
	fail_msg("bad-config.golden:%u: differs; see the head of this file\n"
		 "found:    %.*s\nexpected: %.*s",
		 line, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

static char *read_golden(const char *path)
{
	size_t size = 4U << 20;
	char *text = calloc(1, size);
	FILE *f = fopen(path, "re");

	assert_non_null(text);
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(fread(text, 1, size - 1, f) < size - 1);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void test_every_key(void **state)
{
	struct bad network = {.root = "networks",
			      .levels = {{NULL, &host_network_schema}},
			      .depth = 1};
	struct bad vm = {
		.root = "vms", .levels = {{NULL, &vm_schema}}, .depth = 1};
	const char *mode = getenv("LWX_GOLDEN");
	char *found = NULL, *expected;
	size_t size = 0;
	FILE *f;

	(void)state;
	out = open_memstream(&found, &size);
	assert_non_null(out);
	run_group(&network);
	run_group(&vm);
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(found, "\nTAKEN\n"));
	if (mode && !strcmp(mode, "write")) {
		f = fopen(GOLDEN, "we");
		assert_non_null(f);
		assert_true(fputs(found, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	expected = read_golden(GOLDEN);
	compare(found, expected);
	free(expected);
	free(found);
}

static const struct {
	const char *name;
	const char *text;
} files[] = {{"kernel", "x"}, {"disk.raw", "x"}, {"empty", ""}};

static int setup(void **state)
{
	char path[64];
	size_t i;
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(facts.cgroup2, sizeof(facts.cgroup2), "%s", dir);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		f = fopen(path, "we");
		if (!f || fputs(files[i].text, f) < 0 || fclose(f))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		if (unlink(path))
			return -1;
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

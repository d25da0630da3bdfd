/*
 * test.c - a test of what runs in a VM, by liblwx and cmocka.
 *
 *	cc test.c $(pkg-config --cflags --libs --static lwx cmocka) -o test
 *	./test host.cfg web1
 */
#include <lwx.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *config, *name;

/* One boot for all tests. */
static int start(void **state)
{
	struct lwx_error error = {0};
	struct lwx_vm *vm = NULL;

	if (lwx_vm_create(&vm, config, name, &error) ||
	    lwx_vm_start(vm, -1, 30000, &error) ||
	    lwx_vm_wait_ready(vm, 60000, &error)) {
		print_error("%s\n", error.message);
		lwx_vm_destroy(vm);
		return -1;
	}
	*state = vm;
	return 0;
}

static int end(void **state)
{
	lwx_vm_destroy(*state);
	return 0;
}

/* Return: the exit status of "sh -c SCRIPT", or a negative errno. */
static int run(struct lwx_vm *vm, char *script, int out)
{
	char sh[] = "sh", c[] = "-c";
	char *argv[] = {sh, c, script, NULL};
	const struct lwx_command command = {
		.argv = argv, .in = -1, .out = out, .errors = STDERR_FILENO};
	struct lwx_error error;
	int status;
	int rc = lwx_vm_exec(vm, &command, &status, &error);

	return rc ? rc : status;
}

static void test_status(void **state)
{
	char good[] = "true", bad[] = "exit 7";

	assert_int_equal(run(*state, good, -1), 0);
	assert_int_equal(run(*state, bad, -1), 7);
}

static void test_output(void **state)
{
	char script[] = "echo hello", text[16] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(run(*state, script, ends[1]), 0);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], text, sizeof(text) - 1), 6);
	(void)close(ends[0]);
	assert_string_equal(text, "hello\n");
}

static void test_files(void **state)
{
	char there[] = "cat /tmp/in >/tmp/out", from[] = "/tmp/lwx-XXXXXX";
	char to[sizeof(from) + 8], text[16] = "";
	FILE *file = fdopen(mkstemp(from), "w");

	assert_non_null(file);
	assert_true(fputs("there and back", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(lwx_vm_copy_in(*state, from, "/tmp/in", NULL), 0);
	assert_int_equal(run(*state, there, -1), 0);
	(void)snprintf(to, sizeof(to), "%s.back", from);
	assert_int_equal(lwx_vm_copy_out(*state, "/tmp/out", to, NULL), 0);
	file = fopen(to, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	(void)fclose(file);
	assert_string_equal(text, "there and back");
	(void)unlink(from);
	(void)unlink(to);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_files),
	};

	if (argc != 3) {
		(void)fputs("usage: test HOST.CFG NAME\n", stderr);
		return 2;
	}
	config = argv[1];
	name = argv[2];
	return cmocka_run_group_tests(tests, start, end);
}

/* test_spawn.c - programs run clean, die with us and tell why they failed. */
#include "test.h"

#include "interrupt.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_sh(const char *script, struct err *err)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct spawn spawn = {.argv = argv};

	return spawn_run(&spawn, err);
}

static void failures_tell_the_last_lines(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(run_sh("true", &err), 0);
	assert_int_equal(run_sh("echo no space left >&2; exit 3", &err),
			 -ECHILD);
	assert_string_equal(err.msg,
			    "sh failed (exit status 3): no space left");
	assert_int_equal(run_sh("seq 100000 >&2; kill -9 $$", &err), -ECHILD);
	assert_string_equal(err.msg, "sh was killed by signal 9: "
				     "99997|99998|99999|100000");
}

static void missing_program_names_its_package(void **state)
{
	const char *const argv[] = {"no-such-program", NULL};
	struct spawn spawn = {.argv = argv, .package = "nothing"};
	struct err err = {0};

	(void)state;
	assert_int_equal(spawn_run(&spawn, &err), -ENOENT);
	assert_string_equal(err.msg, "no-such-program: no such program: "
				     "install the Debian package nothing");
	spawn.dir = "/no-such-directory";
	assert_int_equal(spawn_run(&spawn, &err), -ENOENT);
}

static void environment_is_clean(void **state)
{
	const char *const argv[] = {"sh", "-c",
				    "env | grep -v -e PWD -e SHLVL -e ^_= -e "
				    "^PATH= -e ^HOME= | sort; umask; pwd",
				    NULL};
	const char *const env[] = {"A=b", NULL};
	struct spawn spawn = {
		.argv = argv, .env = env, .epoch = 17, .dir = "/"};
	char *text = NULL;

	(void)state;
	assert_int_equal(setenv("LWX_LEAK", "1", 1), 0);
	assert_int_equal(spawn_read(&spawn, &text, NULL, 4096, NULL), 0);
	assert_string_equal(text,
			    "A=b\nLC_ALL=C\nSOURCE_DATE_EPOCH=17\nTZ=UTC\n"
			    "0022\n/\n");
	free(text);
}

static void output_is_bounded(void **state)
{
	const char *const argv[] = {"printf", "%s", "12345", NULL};
	struct spawn spawn = {.argv = argv};
	char *text = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(spawn_read(&spawn, &text, &size, 4, NULL), -EFBIG);
	assert_int_equal(spawn_read(&spawn, &text, &size, 5, NULL), 0);
	assert_string_equal(text, "12345");
	assert_int_equal(size, 5);
	free(text);
}

static void fakeroot_makes_root(void **state)
{
	const char *const argv[] = {"id", "-u", NULL};
	struct spawn spawn = {.argv = argv, .as = SPAWN_FAKEROOT};
	char *text = NULL;

	(void)state;
	if (access("/usr/bin/fakeroot", X_OK))
		skip();
	assert_int_equal(spawn_read(&spawn, &text, NULL, 10, NULL), 0);
	assert_string_equal(text, "0\n");
	free(text);
}

static void namespaces_are_empty(void **state)
{
	const char *const id[] = {"id", "-u", NULL};
	const char *const links[] = {"grep", "-c", ":", "/proc/self/net/dev",
				     NULL};
	const char *const exits[] = {"sh", "-c", "exit 7", NULL};
	struct spawn spawn = {.argv = id, .as = SPAWN_NAMESPACE};
	struct err err = {0};
	char *text = NULL;

	(void)state;
	if (system("unshare --user --map-root-user --mount --pid --fork true "
		   "2>/dev/null"))
		skip();
	assert_int_equal(spawn_read(&spawn, &text, NULL, 10, NULL), 0);
	assert_string_equal(text, "0\n");
	free(text);
	spawn.argv = exits;
	assert_int_equal(spawn_run(&spawn, &err), -ECHILD);
	assert_string_equal(err.msg, "sh failed (exit status 7)");
	spawn = (struct spawn){.argv = links, .no_network = true};
	assert_int_equal(spawn_read(&spawn, &text, NULL, 10, NULL), 0);
	assert_string_equal(text, "1\n"); /* lo */
	free(text);
}

/* In a process of its own: the signal is remembered for good. */
static void signal_ends_the_whole_group(void **state)
{
	char name[] = "/tmp/test_spawn.XXXXXX";
	char script[256];
	char line[32] = "";
	FILE *file;
	pid_t pid;
	int status = 0;
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	pid = fork();
	if (pid == 0) {
		struct err err = {0};

		interrupt_init();
		(void)snprintf(script, sizeof(script),
			       "sleep 1000 & echo $! >%s; kill -TERM %d; "
			       "wait",
			       name, (int)getpid());
		_exit(run_sh(script, &err) == -EINTR &&
				      interrupt_signal() == SIGTERM &&
				      run_sh("true", &err) == -EINTR
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	file = fdopen(fd, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	/* Killed: gone or, until init has reaped it, a zombie. */
	(void)snprintf(script, sizeof(script),
		       "for i in $(seq 100); do "
		       "grep -qs '^State:[^Z]*$' /proc/%d/status || exit 0; "
		       "sleep 0.1; done; exit 1",
		       atoi(line));
	assert_int_equal(system(script), 0);
	assert_int_equal(unlink(name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_tell_the_last_lines),
		cmocka_unit_test(missing_program_names_its_package),
		cmocka_unit_test(environment_is_clean),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(fakeroot_makes_root),
		cmocka_unit_test(namespaces_are_empty),
		cmocka_unit_test(signal_ends_the_whole_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

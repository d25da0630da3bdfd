/* host_program.c - run a program of the host to its end. */
#include "host_program.h"

#include "cleanup.h"
#include "host_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

extern char **environ;

const char *host_program_complaint(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static int add_files(posix_spawn_file_actions_t *actions, int input, int said)
{
	int rc = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

	if (!rc)
		rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO,
						      "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, said,
						      STDERR_FILENO);
	return rc;
}

/* Signals that we block for our own loop are not blocked for it. */
static int spawn(pid_t *pid, const char *path, const char *const argv[],
		 int input, int said)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return -rc;
	rc = posix_spawnattr_init(&attr);
	if (rc) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -rc;
	}
	(void)sigemptyset(&none);
	rc = posix_spawnattr_setsigmask(&attr, &none);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (!rc)
		rc = add_files(&actions, input, said);
	if (!rc) {
		union {
			const char *const *in;
			char *const *out;
		} args = {.in = argv}; /* it does not change them */

		rc = posix_spawn(pid, path, &actions, &attr, args.out, environ);
	}
	(void)posix_spawnattr_destroy(&attr);		  /* frees, no more */
	(void)posix_spawn_file_actions_destroy(&actions); /* the same */
	return -rc;
}

int host_program_run(const char *const argv[], const char *input,
		     const char *package, struct err *err)
{
	AUTO_CLOSE int in = memfd_create("lwx-input", MFD_CLOEXEC);
	AUTO_CLOSE int said = memfd_create("lwx-said", MFD_CLOEXEC);
	size_t len = strlen(input);
	char path[HOST_FACTS_PATH_SIZE], text[256];
	int rc, status;
	pid_t pid = -1;

	if (!host_facts_find_program(argv[0], path))
		return err_setx(err, -ENOENT,
				"%s is not installed: apt-get install %s",
				argv[0], package);
	if (in < 0 || said < 0 || write(in, input, len) != (ssize_t)len ||
	    lseek(in, 0, SEEK_SET))
		return err_set(err, -EIO, "%s: input", argv[0]);
	rc = spawn(&pid, path, argv, in, said);
	if (rc)
		return err_set(err, rc, "%s", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, -errno, "%s", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_setx(
			err, -EIO, "%s failed: %s", argv[0],
			host_program_complaint(said, text, sizeof(text)));
	return 0;
}

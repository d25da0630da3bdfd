/* host_probe.c - run lwx-vmm --probe; JSON of what is known about the host. */
#include "host_probe.h"

#include "cleanup.h"
#include "host_check.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PROBE_OUTPUT_MAX 4096
#define PROBE_TIMEOUT_MS 30000

/* All that is written until the end of the pipe. Return: 0 or -errno. */
static int read_output(int fd, char *buf, size_t size)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t got;

	do {
		if (poll(&ready, 1, PROBE_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		got = read(fd, buf + len, size - 1 - len);
		if (got < 0)
			return -errno;
		len += (size_t)got;
	} while (got && len < size - 1);
	buf[len] = '\0';
	return 0;
}

static int spawn_probe(const char *vmm_path, int out_fd, pid_t *pid)
{
	char program[] = "lwx-vmm", option[] = "--probe";
	char *const argv[] = {program, option, NULL};
	posix_spawn_file_actions_t actions;
	int rc;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn(pid, vmm_path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
	return -rc;
}

int host_probe_run(const char *vmm_path, struct host_probe *probe,
		   struct err *err)
{
	AUTO_CLOSE int read_fd = -1;
	char text[PROBE_OUTPUT_MAX];
	int fds[2] = {-1, -1}, rc, status;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, "pipe");
	read_fd = fds[0];
	rc = spawn_probe(vmm_path, fds[1], &pid);
	(void)close(fds[1]); /* the child's end */
	if (rc)
		return err_set(err, rc, "%s", vmm_path);
	rc = read_output(read_fd, text, sizeof(text));
	if (rc)
		(void)kill(pid, SIGKILL); /* it is our child: not reaped yet */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc)
		return err_set(err, rc, "%s --probe", vmm_path);
	return host_probe_parse(text, probe, err);
}

int host_probe_parse(const char *json, struct host_probe *probe,
		     struct err *err)
{
	const char *error = NULL;
	json_error_t problem;
	json_t *root, *missing = NULL, *name;
	size_t i, len = 0;
	int rc;

	*probe = (struct host_probe){0};
	root = json_loads(json, 0, &problem);
	if (!root)
		return err_setx(err, -EPROTO, "lwx-vmm --probe: %s",
				problem.text);
	rc = json_unpack_ex(root, &problem, 0, "{s:i, s:i, s:F, s:s, s:o}",
			    "api_version", &probe->api_version, "max_vcpus",
			    &probe->max_vcpus, "ring0_mips", &probe->ring0_mips,
			    "error", &error, "missing", &missing);
	if (rc) {
		json_decref(root);
		return err_setx(err, -EPROTO, "lwx-vmm --probe: %s",
				problem.text);
	}
	(void)snprintf(probe->error, sizeof(probe->error), "%s", error);
	json_array_foreach(missing, i, name) if (json_is_string(name) &&
						 len < sizeof(probe->missing))
		len +=
		(size_t)snprintf(probe->missing + len,
				 sizeof(probe->missing) - len, "%s%s",
				 len ? ", " : "", json_string_value(name));
	json_decref(root);
	return 0;
}

char *host_check_json(const struct host_check *check)
{
	json_t *results = json_array(), *root;
	size_t i;
	char *text;

	for (i = 0; i < check->num; i++)
		(void)json_array_append_new(
			results, json_pack("{s:s, s:s, s:s, s:s}", "name",
					   check->results[i].name, "status",
					   host_check_status_name(
						   check->results[i].status),
					   "detail", check->results[i].detail,
					   "advice", check->results[i].advice));
	root = json_pack("{s:o}", "results", results);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text;
}

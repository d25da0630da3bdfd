/*
 * control_client.c - lwx-init ctl; see control.h.
 */
#include "control.h"

#include "cleanup.h"
#include "files.h"
#include "log_ring.h"
#include "macros.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (256U << 10)
#define WAIT_STEPS 300
#define STEP_MS 100

static const char usage[] =
	"usage: lwx-init ctl COMMAND\n"
	"\n"
	"  list [--json]   services: state, pid, restarts, health\n"
	"  start NAME      start a service\n"
	"  stop NAME       stop it; it stays so\n"
	"  restart NAME    stop and start it\n"
	"  logs NAME [-f]  its last lines, also after its end; -f: and what "
	"comes\n"
	"  poweroff, reboot, halt\n"
	"\n"
	"Exit codes: 0 done, 1 it failed, 2 wrong usage.\n";

/* Return: the answer, json_decref(); NULL after a message. */
static json_t *ask(const char *verb, const char *name)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	AUTO_FREE char *answer = malloc(ANSWER_BYTES_MAX);
	struct sockaddr_un address = {.sun_family = AF_UNIX,
				      .sun_path = CONTROL_SOCKET};
	char text[300];
	json_t *json;
	ssize_t n;

	(void)snprintf(text, sizeof(text), "%s%s%s", verb, *name ? " " : "",
		       name);
	if (fd < 0 || !answer ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
		(void)fprintf(stderr, "lwx-init: " CONTROL_SOCKET ": %s\n",
			      strerror(errno));
		return NULL;
	}
	n = recv(fd, answer, ANSWER_BYTES_MAX, 0);
	json = n > 0 ? json_loadb(answer, (size_t)n, 0, NULL) : NULL;
	if (!json)
		(void)fputs("lwx-init: no answer\n", stderr);
	else if (json_object_get(json, "error"))
		(void)fprintf(
			stderr, "lwx-init: %s\n",
			json_string_value(json_object_get(json, "error")));
	return json;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int number_of(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

static int list(bool as_json)
{
	json_t *answer = ask("list", "");
	const json_t *services = json_object_get(answer, "services");
	int rc = services ? 0 : 1;

	if (services && as_json) {
		(void)json_dumpf(services, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else if (services) {
		(void)printf("%-24s %-11s %6s %8s %5s %-9s %6s %s\n", "NAME",
			     "STATE", "PID", "RESTARTS", "EXIT", "HEALTH",
			     "CHECKS", "FAILED");
	}
	for (size_t i = 0; !as_json && i < json_array_size(services); i++) {
		const json_t *s = json_array_get(services, i);

		(void)printf("%-24s %-11s %6d %8d %5d %-9s %6d %d\n",
			     text_of(s, "name"), text_of(s, "state"),
			     number_of(s, "pid"), number_of(s, "restarts"),
			     number_of(s, "exit"), text_of(s, "health"),
			     number_of(s, "checks"), number_of(s, "failures"));
	}
	json_decref(answer);
	return rc;
}

static void nap(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

	(void)nanosleep(&step, NULL);
}

/* Return: 0: it got there; 1: it did not. */
static int await(const char *name, const char *state)
{
	for (int i = 0; i < WAIT_STEPS; i++) {
		json_t *answer = ask("list", "");
		const json_t *services = json_object_get(answer, "services");
		bool there = false;

		for (size_t s = 0; s < json_array_size(services); s++) {
			const json_t *one = json_array_get(services, s);

			there |= strcmp(text_of(one, "name"), name) == 0 &&
				 strcmp(text_of(one, "state"), state) == 0;
		}
		json_decref(answer);
		if (there)
			return 0;
		if (!answer)
			break;
		nap();
	}
	(void)fprintf(stderr, "lwx-init: %s is not %s yet\n", name, state);
	return 1;
}

static int act(const char *verb, const char *name, const char *state)
{
	json_t *answer = ask(verb, name);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	if (!ok)
		return 1;
	return state ? await(name, state) : 0;
}

static int logs(const char *name, bool follow)
{
	AUTO_FREE char *text = malloc(LOG_RING_BYTES);
	uint64_t from = 0;
	char path[300];
	ssize_t n;

	if (!text || strchr(name, '/') || name[0] == '.') {
		(void)fprintf(stderr, "lwx-init: %s is not a name\n", name);
		return 2;
	}
	(void)snprintf(path, sizeof(path), RUN_DIR "/log/%s", name);
	do {
		n = log_ring_read(path, &from, text);
		if (n < 0) {
			(void)fprintf(stderr, "lwx-init: %s: %s\n", name,
				      strerror((int)-n));
			return 1;
		}
		(void)fwrite(text, 1, (size_t)n, stdout);
		if (fflush(stdout))
			return 1;
		if (follow)
			nap();
	} while (follow);
	return 0;
}

int control_main(int argc, char **argv)
{
	static const struct {
		const char *verb;
		const char *state;
	} named[] = {{"start", "running"},
		     {"stop", "stopped"},
		     {"restart", "running"}};
	const char *verb = argc > 0 ? argv[0] : "";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0) {
		(void)fputs(usage, stdout);
		return 0;
	}
	if (strcmp(verb, "list") == 0 && argc <= 2)
		return list(argc == 2 && strcmp(argv[1], "--json") == 0);
	if (strcmp(verb, "logs") == 0 && argc >= 2)
		return logs(argv[1], argc == 3 && strcmp(argv[2], "-f") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		if (strcmp(verb, named[i].verb) == 0 && argc == 2)
			return act(verb, argv[1], named[i].state);
	if (argc == 1 &&
	    (strcmp(verb, "poweroff") == 0 || strcmp(verb, "reboot") == 0 ||
	     strcmp(verb, "halt") == 0))
		return act(verb, "", NULL);
	(void)fputs(usage, stderr);
	return 2;
}

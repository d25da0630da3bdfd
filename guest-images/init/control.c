/*
 * control.c - the init's side; see control.h.
 */
#include "control.h"

#include "agent_service.h"
#include "loop.h"
#include "macros.h"
#include "power.h"
#include "say.h"
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
	const char *verb;
	int (*act)(const char *name);
} acts[] = {
	{"start", services_start},
	{"stop", services_stop},
	{"restart", services_restart},
};

static const struct {
	const char *verb;
	enum power power;
} powers[] = {
	{"poweroff", POWER_OFF},
	{"reboot", POWER_REBOOT},
	{"halt", POWER_HALT},
};

static json_t *list_all(void)
{
	json_t *services = services_list();

	if (services)
		agent_service_list(services);
	return json_pack("{s:o}", "services", services);
}

static json_t *answer(const char *verb, const char *name)
{
	if (strcmp(verb, "list") == 0)
		return list_all();
	for (size_t i = 0; i < ARRAY_SIZE(powers); i++) {
		if (strcmp(powers[i].verb, verb) != 0)
			continue;
		power_request(powers[i].power);
		return json_pack("{s:b}", "ok", 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (strcmp(acts[i].verb, verb) != 0)
			continue;
		if (acts[i].act(name))
			return json_pack("{s:s+}", "error",
					 "there is no service ", name);
		return json_pack("{s:b}", "ok", 1);
	}
	return json_pack("{s:s}", "error", "unknown request");
}

static void serve(int fd, void *arg)
{
	char text[300];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	(void)arg;
	if (n > 0) {
		char *name;
		json_t *json;
		char *out;

		text[n] = '\0';
		name = strchr(text, ' ');
		if (name)
			*name++ = '\0';
		json = answer(text, name ? name : "");
		out = json ? json_dumps(json, JSON_COMPACT) : NULL;
		if (out)
			(void)send(fd, out, strlen(out),
				   MSG_DONTWAIT | MSG_NOSIGNAL);
		free(out);
		json_decref(json);
	}
	loop_remove(fd);
	(void)close(fd);
}

static void take(int fd, void *arg)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)arg;
	if (client >= 0 && loop_add(client, serve, NULL, false))
		(void)close(client);
}

void control_listen(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX,
				      .sun_path = CONTROL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	(void)unlink(CONTROL_SOCKET);
	(void)umask(0177);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 16) || loop_add(fd, take, NULL, false)) {
		say_errno(CONTROL_SOCKET);
		if (fd >= 0)
			(void)close(fd);
	}
	(void)umask(022);
}

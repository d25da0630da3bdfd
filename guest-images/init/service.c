/*
 * service.c - supervision; see service.h. What happens to a process is only
 * noted where it is seen; services_step() acts on it.
 */
#include "service.h"

#include "backoff.h"
#include "files.h"
#include "loop.h"
#include "macros.h"
#include "power.h"
#include "say.h"
#include "service_config.h"
#include "service_internal.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS 60000
#define END_MS 2000 /* for the end of who was killed */

static struct service *services;
static size_t service_num;
static bool all_up;

static const char *const state_words[] = {
	[SERVICE_WAITING] = "waiting",	  [SERVICE_RUNNING] = "running",
	[SERVICE_BACKOFF] = "restarting", [SERVICE_STOPPING] = "stopping",
	[SERVICE_STOPPED] = "stopped",	  [SERVICE_DONE] = "done",
	[SERVICE_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(state_words) == SERVICE_FAILED + 1, "a word each");

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load(struct service *service, const char *name, bool console)
{
	struct err err = {0};
	json_t *json = NULL;
	char path[640];
	int rc;

	(void)snprintf(path, sizeof(path), "/containers/services/%s", name);
	container_init(&service->container, path, console);
	(void)snprintf(path, sizeof(path), "/containers/services/%s/lwx.json",
		       name);
	rc = json_load_limited(&json, path, &err);
	if (!rc)
		rc = service_config_read(&service->config, json, name, &err);
	if (rc) {
		say_err(&err);
		service_config_fini(&service->config);
		(void)service_config_read(&service->config, NULL, name, NULL);
	}
	json_decref(json);
}

/* A container of onboot has ended before: nothing to wait for. */
static void forget_onboot(struct service_config *config)
{
	struct dirent **list;
	int num = scandir("/containers/onboot", &list, no_dots, alphasort);

	for (int i = 0; i < num; i++) {
		for (size_t a = config->after_num; a-- > 0;) {
			if (strlen(list[i]->d_name) < 5 ||
			    strcmp(list[i]->d_name + 4, config->after[a]) != 0)
				continue;
			free(config->after[a]);
			config->after[a] = config->after[--config->after_num];
		}
		free(list[i]);
	}
	if (num >= 0)
		free(list);
}

static void tell(const char *text)
{
	say_error("%s", text);
}

void services_init(bool console)
{
	struct dirent **list;
	int num = scandir("/containers/services", &list, no_dots, alphasort);
	struct service_node *nodes;

	if (num <= 0)
		return;
	services = calloc((size_t)num, sizeof(*services));
	nodes = calloc((size_t)num, sizeof(*nodes));
	for (int i = 0; i < num; i++) {
		if (services && nodes) {
			load(&services[i], list[i]->d_name, console);
			forget_onboot(&services[i].config);
			nodes[i].name = services[i].container.id;
			nodes[i].config = &services[i].config;
			service_num++;
		}
		free(list[i]);
	}
	free(list);
	(void)service_order(nodes, service_num, tell);
	free(nodes);
}

static struct service *find(const char *name)
{
	for (size_t i = 0; i < service_num; i++)
		if (strcmp(services[i].container.id, name) == 0)
			return &services[i];
	return NULL;
}

static bool is_up(const struct service *service)
{
	if (service->state == SERVICE_DONE)
		return true;
	return service->state == SERVICE_RUNNING &&
	       (!service->config.command_num || service->healthy);
}

static bool may_start(const struct service *service)
{
	for (size_t i = 0; i < service->config.after_num; i++) {
		const struct service *other = find(service->config.after[i]);

		if (other && !is_up(other))
			return false;
	}
	return true;
}

/* What it does after it ended with @code. */
static void decide(struct service *service, int code, uint64_t now)
{
	const char *name = service->container.id;

	service->exit_code = code;
	if (!service->ended)
		say_step("end", "service", name);
	service->ended = true;
	if (service->state == SERVICE_STOPPING && !service->restart_wanted) {
		service->state = SERVICE_STOPPED;
		return;
	}
	if (service->restart_wanted) {
		service->restart_wanted = false;
		service->pause_ms = 0;
		service->state = SERVICE_WAITING;
		return;
	}
	if (!service_restarts(&service->config, code)) {
		service->state = code ? SERVICE_FAILED : SERVICE_DONE;
		if (code)
			say_error("service %s failed: status %d", name, code);
		return;
	}
	service->pause_ms =
		backoff_next(service->pause_ms, now - service->started_ms);
	service->due_ms = now + service->pause_ms;
	service->restarts++;
	service->state = SERVICE_BACKOFF;
	say_error("service %s ended: status %d; restart %u in %u ms", name,
		  code, service->restarts, service->pause_ms);
}

static void start(struct service *service, uint64_t now)
{
	struct err err = {0};
	int rc;

	service->started_ms = now;
	service->failures = 0;
	service->healthy = false;
	service->unhealthy = false;
	service->kill_ms = 0;
	service->check_ms = now + MIN(service->config.interval_ms, 1000U);
	if (!service->begun)
		say_step("begin", "service", service->container.id);
	service->begun = true;
	rc = container_start(&service->container, true, &err);
	if (rc == -ECANCELED)
		return;
	if (!rc) {
		service->state = SERVICE_RUNNING;
		service->starts++;
		say_info("service %s: started, pid %d", service->container.id,
			 service->container.main.pid);
		if (service->starts == 1)
			say_mark(service->container.id);
		return;
	}
	say_err(&err);
	decide(service, 255, now);
}

static void ended(struct service *service, uint64_t now)
{
	int code = child_exit_code(&service->container.main);

	child_forget(&service->container.main);
	service_check_end(service);
	container_ended(&service->container);
	if (service->unhealthy && !code)
		code = 255; /* it took SIGTERM well, but was ill */
	decide(service, code, now);
}

static void step(struct service *service, uint64_t now)
{
	switch (service->state) {
	case SERVICE_WAITING:
		if (may_start(service))
			start(service, now);
		break;
	case SERVICE_BACKOFF:
		if (now >= service->due_ms && may_start(service))
			start(service, now);
		break;
	case SERVICE_RUNNING:
	case SERVICE_STOPPING:
		if (service->container.main.done)
			ended(service, now);
		else if (service->state == SERVICE_STOPPING &&
			 now >= service->due_ms)
			container_stop(&service->container, true);
		else if (service->state == SERVICE_RUNNING)
			service_check(service, now);
		break;
	case SERVICE_STOPPED:
	case SERVICE_DONE:
	case SERVICE_FAILED:
		break;
	}
}

static uint64_t next_due(const struct service *service, uint64_t now)
{
	switch (service->state) {
	case SERVICE_WAITING:
		return may_start(service) ? now : now + IDLE_MS;
	case SERVICE_BACKOFF:
	case SERVICE_STOPPING:
		/* It is overdue while it waits for another, or for its end. */
		return service->due_ms > now ? service->due_ms : now + 1000;
	case SERVICE_RUNNING:
		if (service->container.main.done)
			return now;
		return service_check_due(service, now + IDLE_MS);
	case SERVICE_STOPPED:
	case SERVICE_DONE:
	case SERVICE_FAILED:
		break;
	}
	return now + IDLE_MS;
}

int services_step(void)
{
	uint64_t wait = IDLE_MS;
	bool up = true;

	for (size_t i = 0; i < service_num && !power_wanted(); i++)
		step(&services[i], loop_now_ms());
	for (size_t i = 0; i < service_num; i++) {
		uint64_t now = loop_now_ms();
		uint64_t due = next_due(&services[i], now);

		wait = MIN(wait, due > now ? due - now : 0);
		up &= is_up(&services[i]);
	}
	if (up && !all_up && !power_wanted()) {
		all_up = true;
		say_mark("ready");
		say_step("end", "init", "ready");
		(void)file_write(RUN_DIR "/ready", "", 0644);
		say_info("all services are up");
	}
	return (int)wait;
}

json_t *services_list(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < service_num; i++) {
		const struct service *s = &services[i];
		const char *health = !s->config.command_num ? "none"
				     : s->healthy	    ? "healthy"
				     : s->unhealthy	    ? "unhealthy"
							    : "starting";
		json_t *one = json_pack(
			"{s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:i,s:i}", "name",
			s->container.id, "state", state_words[s->state], "pid",
			(int)s->container.main.pid, "starts", (int)s->starts,
			"restarts", (int)s->restarts, "exit", s->exit_code,
			"health", health, "checks", (int)s->checks, "failures",
			(int)s->all_failures);

		if (!one || json_array_append_new(list, one)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int services_start(const char *name)
{
	struct service *service = find(name);

	if (!service)
		return -ENOENT;
	if (service->state == SERVICE_STOPPING)
		service->restart_wanted = true;
	else if (service->state != SERVICE_RUNNING)
		service->state = SERVICE_WAITING;
	return 0;
}

static void stop(struct service *service)
{
	if (service->state != SERVICE_RUNNING) {
		if (service->state != SERVICE_STOPPING)
			service->state = SERVICE_STOPPED;
		return;
	}
	container_stop(&service->container, false);
	service->due_ms = loop_now_ms() + service->config.grace_ms;
	service->state = SERVICE_STOPPING;
}

int services_stop(const char *name)
{
	struct service *service = find(name);

	if (!service)
		return -ENOENT;
	service->restart_wanted = false;
	stop(service);
	return 0;
}

int services_restart(const char *name)
{
	struct service *service = find(name);

	if (!service)
		return -ENOENT;
	if (service->state != SERVICE_RUNNING)
		return services_start(name);
	service->restart_wanted = true;
	stop(service);
	return 0;
}

static bool is_needed(const struct service *service)
{
	for (size_t i = 0; i < service_num; i++)
		for (size_t a = 0; a < services[i].config.after_num; a++)
			if (services[i].container.main.pid &&
			    strcmp(services[i].config.after[a],
				   service->container.id) == 0)
				return true;
	return false;
}

/* @all: also who is still needed. */
static void end_one(struct service *service, bool all)
{
	struct child *child = &service->container.main;

	service_check_end(service);
	if (!child->pid)
		return;
	if (child->done) {
		child_forget(child);
		container_ended(&service->container);
	} else if (service->state != SERVICE_STOPPING) {
		if (all || !is_needed(service))
			stop(service);
	} else if (loop_now_ms() >= service->due_ms) {
		container_stop(&service->container, true);
	}
}

static uint32_t longest_grace_ms(void)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < service_num; i++)
		if (services[i].container.main.pid)
			longest = MAX(longest, services[i].config.grace_ms);
	return longest;
}

void services_end(void)
{
	uint64_t start_ms = loop_now_ms(), past = 0;
	uint32_t longest = longest_grace_ms();
	bool left = true;

	/* Who is needed is asked once the others are gone, or had the time. */
	while (left && past < 2ULL * longest + END_MS) {
		left = false;
		for (size_t i = 0; i < service_num; i++) {
			end_one(&services[i], past > longest);
			left |= services[i].container.main.pid != 0;
		}
		if (left)
			loop_wait(100, false);
		past = loop_now_ms() - start_ms;
	}
	for (size_t i = 0; i < service_num; i++) {
		container_fini(&services[i].container);
		service_config_fini(&services[i].config);
	}
	free(services);
	services = NULL;
	service_num = 0;
}

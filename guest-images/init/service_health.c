/*
 * service_health.c - health checks; see service_internal.h.
 */
#include "say.h"
#include "service_internal.h"

#include <signal.h>

#define FIRST_MS 1000U /* until it is healthy it is asked more often */

static void judge(struct service *service, bool good, uint64_t now)
{
	const struct service_config *config = &service->config;
	uint32_t pause = config->interval_ms;

	service->checks++;
	service->failures = good ? 0 : service->failures + 1;
	service->all_failures += good ? 0 : 1;
	if (good && !service->healthy)
		say_info("service %s: healthy", service->container.id);
	if (good && !service->ended && !service->was_healthy)
		say_step("up", "service", service->container.id);
	if (good) {
		service->was_healthy = true;
		service->healthy = true;
		service->unhealthy = false;
	}
	if (!service->healthy && !good && pause > FIRST_MS)
		pause = FIRST_MS;
	service->check_ms = now + pause;
	if (service->failures < config->retries || service->unhealthy)
		return;
	service->healthy = false;
	service->unhealthy = true;
	say_error("service %s: unhealthy, %u checks failed",
		  service->container.id, service->failures);
	if (config->restart == RESTART_NO)
		return;
	/* As if it had ended by itself: with back-off. */
	container_stop(&service->container, false);
	service->kill_ms = now + config->grace_ms;
}

static void start_check(struct service *service, uint64_t now)
{
	pid_t pid =
		container_check(&service->container, service->config.command,
				service->config.command_num);

	if (pid < 0) {
		judge(service, false, now);
		return;
	}
	child_watch(&service->check, pid);
	service->check_ms = now + service->config.timeout_ms;
}

void service_check(struct service *service, uint64_t now)
{
	bool good;

	if (service->kill_ms && now >= service->kill_ms)
		container_stop(&service->container, true);
	if (!service->config.command_num)
		return;
	if (!service->check.pid) {
		if (now >= service->check_ms)
			start_check(service, now);
		return;
	}
	if (!service->check.done && now < service->check_ms)
		return;
	good = service->check.done && child_exit_code(&service->check) == 0;
	service_check_end(service);
	judge(service, good, now);
}

uint64_t service_check_due(const struct service *service, uint64_t none)
{
	uint64_t due = none;

	if (service->kill_ms)
		due = service->kill_ms;
	if (!service->config.command_num)
		return due;
	if (service->check.pid && service->check.done)
		return 0;
	return service->check_ms < due ? service->check_ms : due;
}

void service_check_end(struct service *service)
{
	if (!service->check.pid)
		return;
	if (!service->check.done)
		(void)kill(service->check.pid, SIGKILL);
	child_forget(&service->check);
}

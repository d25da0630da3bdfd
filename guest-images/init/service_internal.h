/* service_internal.h - a service; its health. For service*.c only. */
#pragma once

#include "container.h"
#include "service_config.h"

#include <stdbool.h>
#include <stdint.h>

enum service_state {
	SERVICE_WAITING, /* for those in after */
	SERVICE_RUNNING,
	SERVICE_BACKOFF, /* until due_ms */
	SERVICE_STOPPING,
	SERVICE_STOPPED, /* by hand */
	SERVICE_DONE,	 /* ended well, not to be started again */
	SERVICE_FAILED,	 /* ended badly, not to be started again */
};

/**
 * struct service - one service
 * @container:      what runs
 * @config:         lwx.json
 * @state:          see there
 * @restart_wanted: start again when it has stopped
 * @exit_code:      of its last end
 * @starts:         how often it was started
 * @restarts:       how often it was started because it had ended
 * @pause_ms:       last pause of the back-off
 * @started_ms:     when it was started
 * @due_ms:         in BACKOFF: start then; in STOPPING: kill then
 * @kill_ms:        unhealthy and told to end: kill then; 0: not so
 * @check:          the health check that runs; pid 0: none
 * @check_ms:       no check runs: start it then; else: it is too late then
 * @checks:         checks so far
 * @failures:       in a row
 * @all_failures:   in all
 * @healthy:        the last check was good
 * @unhealthy:      config.retries in a row were not
 * @begun:          its first start was tried
 * @ended:          its first run has ended
 * @was_healthy:    a check was good, ever
 */
struct service {
	struct container container;
	struct service_config config;
	enum service_state state;
	bool restart_wanted;
	int exit_code;
	unsigned int starts;
	unsigned int restarts;
	uint32_t pause_ms;
	uint64_t started_ms;
	uint64_t due_ms;
	uint64_t kill_ms;
	struct child check;
	uint64_t check_ms;
	unsigned int checks;
	unsigned int failures;
	unsigned int all_failures;
	bool healthy;
	bool unhealthy;
	bool begun;
	bool ended;
	bool was_healthy;
};

/** service_check() - the health of a running service, if it is due. One that is
 * unhealthy and is to be restarted is stopped. */
void service_check(struct service *service, uint64_t now);

/** service_check_due() - Return: when service_check() has to be called, @none
 * if there is no check. */
uint64_t service_check_due(const struct service *service, uint64_t none);

/** service_check_end() - no check runs any more. */
void service_check_end(struct service *service);

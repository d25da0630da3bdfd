/*
 * service_config.h - lwx.json of a service, as lwx-image writes it; the order
 * of services. No thread rule.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_AFTER_MAX 32U
#define SERVICE_ARGS_MAX 64U

enum service_restart {
	RESTART_ON_FAILURE,
	RESTART_ALWAYS,
	RESTART_NO,
};

/**
 * struct service_config - how a service is looked after
 * @after:       names of services that are up, and healthy, before; owned
 * @after_num:   of @after
 * @restart:     when it is started again
 * @command:     health check, ended with NULL; owned
 * @command_num: of @command; 0: none
 * @interval_ms: between checks
 * @timeout_ms:  for one check
 * @retries:     failures in a row that make it unhealthy
 * @grace_ms:    from SIGTERM to SIGKILL
 */
struct service_config {
	char *after[SERVICE_AFTER_MAX];
	size_t after_num;
	enum service_restart restart;
	char *command[SERVICE_ARGS_MAX + 1];
	size_t command_num;
	uint32_t interval_ms;
	uint32_t timeout_ms;
	uint32_t retries;
	uint32_t grace_ms;
};

/**
 * service_config_read() - check and take @json
 * @config: filled; service_config_fini(), also after a failure
 * @json:   NULL: all defaults
 * @name:   of the service, for messages
 *
 * Return: 0, -EBADMSG, -ENOMEM with @err.
 */
int service_config_read(struct service_config *config, const json_t *json,
			const char *name, struct err *err);

/** service_config_fini() - free what it owns. */
void service_config_fini(struct service_config *config);

/** service_restarts() - Return: true if it is started again after it ended with
 * @code, or was unhealthy: @code not 0. */
bool service_restarts(const struct service_config *config, int code);

/**
 * struct service_node - a service in the order of all
 * @name:   of the service
 * @config: its @after is cut: who closes a circle, or does not exist, goes
 */
struct service_node {
	const char *name;
	struct service_config *config;
};

/**
 * service_order() - make @after something that can be waited for
 * @nodes: all services
 * @num:   of @nodes
 * @told:  called with each thing that was wrong; or NULL
 *
 * Return: number of things that were wrong.
 */
size_t service_order(struct service_node *nodes, size_t num,
		     void (*told)(const char *text));

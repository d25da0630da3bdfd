/*
 * service_config.c - see service_config.h.
 */
#include "service_config.h"

#include "macros.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 86400
#define RETRIES_MAX 1000
#define GRACE_MAX 3600 /* as of host.cfg */

static const char *const restart_words[] = {
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
	[RESTART_NO] = "no",
};
_Static_assert(ARRAY_SIZE(restart_words) == RESTART_NO + 1, "a word for each");

static int bad(struct err *err, const char *name, const char *key,
	       const char *want)
{
	return err_setx(err, -EBADMSG, "%s: lwx.json: %s: expected %s", name,
			key, want);
}

static int read_texts(char **to, size_t *num, size_t max, const json_t *list,
		      const char *name, const char *key, struct err *err)
{
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > max)
		return bad(err, name, key, "a list of texts, not too long");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text)
			return bad(err, name, key, "texts");
		to[*num] = strdup(text);
		if (!to[*num])
			return err_set(err, -ENOMEM, "%s", name);
		(*num)++;
	}
	return 0;
}

static int read_number(uint32_t *to, uint32_t unit, json_int_t max,
		       const json_t *object, const char *key, const char *name,
		       struct err *err)
{
	const json_t *value = json_object_get(object, key);
	json_int_t number = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || number < 1 || number > max)
		return bad(err, name, key, "a number from 1 on");
	*to = (uint32_t)number * unit;
	return 0;
}

static int read_health(struct service_config *config, const json_t *health,
		       const char *name, struct err *err)
{
	int rc;

	if (!health)
		return 0;
	if (!json_is_object(health))
		return bad(err, name, "health", "an object");
	rc = read_texts(config->command, &config->command_num, SERVICE_ARGS_MAX,
			json_object_get(health, "command"), name, "command",
			err);
	if (!rc && !config->command_num)
		rc = bad(err, name, "health", "a command");
	if (!rc)
		rc = read_number(&config->interval_ms, 1000, SECONDS_MAX,
				 health, "interval", name, err);
	if (!rc)
		rc = read_number(&config->timeout_ms, 1000, SECONDS_MAX, health,
				 "timeout", name, err);
	if (!rc)
		rc = read_number(&config->retries, 1, RETRIES_MAX, health,
				 "retries", name, err);
	return rc;
}

static int read_restart(struct service_config *config, const json_t *json,
			const char *name, struct err *err)
{
	const json_t *value = json_object_get(json, "restart");
	const char *text = json_string_value(value);

	if (!value)
		return 0;
	for (size_t i = 0; text && i < ARRAY_SIZE(restart_words); i++) {
		if (strcmp(text, restart_words[i]) != 0)
			continue;
		config->restart = (enum service_restart)i;
		return 0;
	}
	return bad(err, name, "restart", "no, on-failure or always");
}

int service_config_read(struct service_config *config, const json_t *json,
			const char *name, struct err *err)
{
	int rc;

	*config = (struct service_config){.interval_ms = 10000,
					  .timeout_ms = 5000,
					  .retries = 3,
					  .grace_ms = 10000};
	if (!json)
		return 0;
	if (!json_is_object(json))
		return bad(err, name, "file", "an object");
	rc = read_texts(config->after, &config->after_num, SERVICE_AFTER_MAX,
			json_object_get(json, "after"), name, "after", err);
	if (!rc)
		rc = read_restart(config, json, name, err);
	if (!rc)
		rc = read_number(&config->grace_ms, 1000, GRACE_MAX, json,
				 "stop_grace", name, err);
	return rc ? rc
		  : read_health(config, json_object_get(json, "health"), name,
				err);
}

void service_config_fini(struct service_config *config)
{
	for (size_t i = 0; i < config->after_num; i++)
		free(config->after[i]);
	for (size_t i = 0; i < config->command_num; i++)
		free(config->command[i]);
	config->after_num = 0;
	config->command_num = 0;
}

bool service_restarts(const struct service_config *config, int code)
{
	return config->restart == RESTART_ALWAYS ||
	       (config->restart == RESTART_ON_FAILURE && code != 0);
}

static void drop_after(struct service_config *config, size_t i)
{
	free(config->after[i]);
	config->after_num--;
	memmove(config->after + i, config->after + i + 1,
		(config->after_num - i) * sizeof(config->after[0]));
}

static size_t find(const struct service_node *nodes, size_t num,
		   const char *name)
{
	size_t i = 0;

	while (i < num && strcmp(nodes[i].name, name) != 0)
		i++;
	return i;
}

enum colour {
	UNSEEN,
	ON_THE_WAY,
	SEEN,
};

/* Depth first without recursion: @path are the services on the way, @edge how
 * far each has come in its list. */
static size_t cut_circles(struct service_node *nodes, size_t num, size_t start,
			  uint8_t *colours, size_t *path, size_t *edge,
			  void (*told)(const char *text))
{
	size_t depth = 1;
	size_t wrong = 0;

	path[0] = start;
	edge[0] = 0;
	colours[start] = ON_THE_WAY;
	while (depth) {
		struct service_node *node = &nodes[path[depth - 1]];
		size_t *at = &edge[depth - 1];
		char text[300];
		size_t next;

		if (*at == node->config->after_num) {
			colours[path[--depth]] = SEEN;
			continue;
		}
		next = find(nodes, num, node->config->after[*at]);
		if (next == num || colours[next] == ON_THE_WAY) {
			(void)snprintf(text, sizeof(text),
				       next == num
					       ? "service %.100s: after: there "
						 "is no service %.100s: not "
						 "waited for"
					       : "service %.100s: after: "
						 "%.100s closes a circle: not "
						 "waited for",
				       node->name, node->config->after[*at]);
			if (told)
				told(text);
			drop_after(node->config, *at);
			wrong++;
			continue;
		}
		(*at)++;
		if (colours[next] == SEEN)
			continue;
		colours[next] = ON_THE_WAY;
		path[depth] = next;
		edge[depth++] = 0;
	}
	return wrong;
}

size_t service_order(struct service_node *nodes, size_t num,
		     void (*told)(const char *text))
{
	uint8_t *colours = calloc(num + 1, sizeof(*colours));
	size_t *path = calloc(num + 1, sizeof(*path));
	size_t *edge = calloc(num + 1, sizeof(*edge));
	size_t wrong = 0;

	for (size_t i = 0; colours && path && edge && i < num; i++)
		if (colours[i] == UNSEEN)
			wrong += cut_circles(nodes, num, i, colours, path, edge,
					     told);
	free(colours);
	free(path);
	free(edge);
	return wrong;
}

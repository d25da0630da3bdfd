/* host_config_walk.c - values of host.cfg into structures, along the tables. */
#include "cleanup.h"
#include "host_config_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void host_problem_add(struct host_loader *l, unsigned int line, const char *key,
		      const char *fmt, ...)
{
	struct host_config *hc = l->hc;
	struct host_problem *grown;
	char reason[512], where[16] = "", *text;
	va_list ap;

	if (l->muted)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (line)
		(void)snprintf(where, sizeof(where), "%u:", line);
	grown = reallocarray(hc->problems, hc->num_problems + 1,
			     sizeof(*hc->problems));
	if (grown)
		hc->problems = grown;
	if (!grown ||
	    asprintf(&text, "%s:%s %s: %s", l->name, where, key, reason) < 0) {
		l->rc = -ENOMEM;
		return;
	}
	grown[hc->num_problems] = (struct host_problem){
		.line = line, .order = hc->num_problems, .text = text};
	hc->num_problems++;
}

void host_config_refuse(struct host_loader *l, const char *key, const char *fmt,
			...)
{
	char reason[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	host_problem_add(l, host_config_line(l, key), key, "%s", reason);
}

const char *host_config_type(const config_setting_t *s)
{
	static const char *const names[] = {
		[CONFIG_TYPE_NONE] = "nothing",
		[CONFIG_TYPE_GROUP] = "a group { ... }",
		[CONFIG_TYPE_INT] = "a whole number",
		[CONFIG_TYPE_INT64] = "a whole number",
		[CONFIG_TYPE_FLOAT] = "a number with a point",
		[CONFIG_TYPE_STRING] = "a string",
		[CONFIG_TYPE_BOOL] = "true or false",
		[CONFIG_TYPE_ARRAY] = "an array [ ... ]",
		[CONFIG_TYPE_LIST] = "a list ( ... )",
	};

	return names[config_setting_type(s)];
}

static bool is_number(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_INT ||
	       config_setting_type(s) == CONFIG_TYPE_INT64;
}

static bool is_sequence(const config_setting_t *s)
{
	return config_setting_is_array(s) || config_setting_is_list(s);
}

/* Has the setting the type that the field takes? */
static bool type_ok(const struct schema_field *field, const config_setting_t *s)
{
	switch (field->type) {
	case SCHEMA_BOOL:
		return config_setting_type(s) == CONFIG_TYPE_BOOL;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		return is_number(s);
	case SCHEMA_GROUP:
		return config_setting_is_group(s);
	case SCHEMA_GROUPS:
		return config_setting_is_list(s);
	case SCHEMA_TEXTS:
	case SCHEMA_INTS:
		return is_sequence(s);
	default:
		return config_setting_type(s) == CONFIG_TYPE_STRING;
	}
}

bool host_config_typed(struct host_loader *l, const config_setting_t *s,
		       const struct schema_field *field, const char *key)
{
	char need[256];

	if (type_ok(field, s))
		return true;
	host_problem_add(l, s->line, key, "%s: need %s", host_config_type(s),
			 schema_describe(field, need, sizeof(need)));
	return false;
}

static int set_path(struct host_loader *l, const struct schema_field *field,
		    void *base, const char *text, struct err *err)
{
	AUTO_FREE char *absolute = NULL;

	if (!text[0] || text[0] == '/')
		return schema_set_text(field, base, text, err);
	if (asprintf(&absolute, "%.*s/%s", l->dir_len, l->hc->path, text) < 0) {
		absolute = NULL;
		return err_set(err, -ENOMEM, "path");
	}
	return schema_set_text(field, base, absolute, err);
}

static void set_elements(struct host_loader *l, const config_setting_t *from,
			 const struct schema_field *field, void *base,
			 const char *key)
{
	char element_key[HOST_KEY_MAX];
	const config_setting_t *s;
	struct err err;
	int i, rc;

	for (i = 0; i < config_setting_length(from); i++) {
		s = config_setting_get_elem(from, (unsigned int)i);
		(void)snprintf(element_key, sizeof(element_key), "%s[%d]", key,
			       i);
		if (field->type == SCHEMA_TEXTS &&
		    config_setting_type(s) == CONFIG_TYPE_STRING)
			rc = schema_append_text(field, base,
						config_setting_get_string(s),
						&err);
		else if (field->type == SCHEMA_INTS && is_number(s))
			rc = schema_append_int(
				field, base, config_setting_get_int64(s), &err);
		else
			rc = err_setx(&err, -EINVAL, "%s: need %s",
				      host_config_type(s),
				      field->type == SCHEMA_TEXTS
					      ? "a string"
					      : "a whole number");
		if (rc) {
			host_problem_add(l, s->line, element_key, "%s",
					 err.msg);
			return;
		}
	}
}

static void set_groups(struct host_loader *l, const config_setting_t *from,
		       const struct schema_field *field, void *base,
		       unsigned int flags, const char *key)
{
	char element_key[HOST_KEY_MAX];
	const config_setting_t *s;
	struct err err;
	void *element;
	int i;

	for (i = 0; i < config_setting_length(from); i++) {
		s = config_setting_get_elem(from, (unsigned int)i);
		(void)snprintf(element_key, sizeof(element_key), "%s[%d]", key,
			       i);
		if (!config_setting_is_group(s)) {
			host_problem_add(l, s->line, element_key,
					 "%s: need a group { ... }",
					 host_config_type(s));
			continue;
		}
		element = schema_append_group(field, base, &err);
		if (!element) {
			host_problem_add(l, s->line, element_key, "%s",
					 err.msg);
			return;
		}
		host_config_walk(l, s, field->group, element, flags,
				 element_key);
	}
}

void host_config_value(struct host_loader *l, const config_setting_t *s,
		       const struct schema_field *field, void *base,
		       unsigned int flags, const char *key)
{
	struct err err;
	int rc = 0;

	if (!host_config_typed(l, s, field, key))
		return;
	switch (field->type) {
	case SCHEMA_BOOL:
		schema_set_bool(field, base, config_setting_get_bool(s));
		break;
	case SCHEMA_UINT:
	case SCHEMA_INT:
	case SCHEMA_COUNT:
		rc = schema_set_int(field, base, config_setting_get_int64(s),
				    &err);
		break;
	case SCHEMA_GROUP:
		host_config_walk(l, s, field->group,
				 (char *)base + field->offset, flags, key);
		break;
	case SCHEMA_GROUPS:
		set_groups(l, s, field, base, flags, key);
		break;
	case SCHEMA_TEXTS:
	case SCHEMA_INTS:
		schema_clear(field, base);
		set_elements(l, s, field, base, key);
		break;
	case SCHEMA_PATH:
		rc = set_path(l, field, base, config_setting_get_string(s),
			      &err);
		break;
	default:
		rc = schema_set_text(field, base, config_setting_get_string(s),
				     &err);
		break;
	}
	if (rc)
		host_problem_add(l, s->line, key, "%s", err.msg);
}

void host_config_unknown(struct host_loader *l, const config_setting_t *s,
			 const struct schema_group *group, unsigned int flags,
			 const char *key)
{
	const char *name = config_setting_name(s);
	const char *close = schema_suggest(group, name, flags);

	if ((flags & SCHEMA_DEFAULTS) && schema_find(group, name, SCHEMA_FILE))
		host_problem_add(l, s->line, key,
				 "cannot have a default: set it in each VM");
	else if (close)
		host_problem_add(l, s->line, key,
				 "unknown key: did you mean \"%s\"?", close);
	else
		host_problem_add(l, s->line, key,
				 "unknown key in %s: see host.cfg(5)",
				 group->name);
}

static void require_keys(struct host_loader *l, const config_setting_t *from,
			 const struct schema_group *group, const void *base,
			 unsigned int flags, const char *prefix)
{
	const struct schema_field *field;
	char key[HOST_KEY_MAX];
	size_t i;

	for (i = 0; i < group->num; i++) {
		field = &group->fields[i];
		if ((field->flags & (flags | SCHEMA_REQUIRED)) !=
			    (flags | SCHEMA_REQUIRED) ||
		    config_setting_get_member(from, field->key) ||
		    schema_is_set(field, base))
			continue;
		(void)snprintf(key, sizeof(key), "%s.%s", prefix, field->key);
		host_problem_add(l, from->line, key, "missing: each %s has one",
				 group->name);
	}
}

void host_config_walk(struct host_loader *l, const config_setting_t *from,
		      const struct schema_group *group, void *base,
		      unsigned int flags, const char *prefix)
{
	const struct schema_field *field;
	const config_setting_t *s;
	char key[HOST_KEY_MAX];
	int i;

	for (i = 0; i < config_setting_length(from); i++) {
		s = config_setting_get_elem(from, (unsigned int)i);
		(void)snprintf(key, sizeof(key), "%s.%s", prefix,
			       config_setting_name(s));
		field = schema_find(group, config_setting_name(s), flags);
		if (field)
			host_config_value(l, s, field, base, flags, key);
		else
			host_config_unknown(l, s, group, flags, key);
	}
	require_keys(l, from, group, base, flags, prefix);
}

/* Line of "vms[0].x", which is "vms.[0].x" to libconfig; 0: not there. */
static unsigned int line_of(struct host_loader *l, const char *key)
{
	char path[HOST_KEY_MAX + 16];
	const config_setting_t *s;
	size_t len = 0;

	for (; *key && len < sizeof(path) - 2; key++) {
		if (*key == '[')
			path[len++] = '.';
		path[len++] = *key;
	}
	path[len] = '\0';
	s = config_lookup(&l->file, path);
	return s ? s->line : 0;
}

/* The key itself, or the short form of "X.boot.kernel". */
static unsigned int line_of_either(struct host_loader *l, const char *key)
{
	const char *boot = strstr(key, ".boot.");
	unsigned int line = line_of(l, key);
	char short_key[HOST_KEY_MAX];

	if (line || !boot)
		return line;
	(void)snprintf(short_key, sizeof(short_key), "%.*s%s",
		       (int)(boot - key), key, boot + strlen(".boot"));
	return line_of(l, short_key);
}

unsigned int host_config_line(struct host_loader *l, const char *key)
{
	const char *rest = strncmp(key, "vms[", 4) ? NULL : strchr(key, '.');
	unsigned int line = line_of_either(l, key);
	char other[HOST_KEY_MAX];
	char *cut;

	if (!line && rest) {
		(void)snprintf(other, sizeof(other), "defaults%s", rest);
		line = line_of_either(l, other);
	}
	(void)snprintf(other, sizeof(other), "%s", key);
	while (!line && (cut = strrchr(other, '.'))) {
		*cut = '\0';
		line = line_of(l, other);
	}
	return line;
}

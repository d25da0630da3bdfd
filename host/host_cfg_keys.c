/*
 * host_cfg_keys.c - the keys of host.cfg as a part of host.cfg(5), made from
 * the tables that the parser uses. Run by the build; reads the page's template
 * on stdin and puts the keys where it says @KEYS@.
 */
#include "host_config.h"
#include "macros.h"
#include "vm_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 16

/** struct section - a group that has a section of its own */
struct section {
	const struct schema_group *group;
	const char *title;
};

static struct section sections[GROUPS_MAX];
static size_t num_sections;

/* Text of a page: a dash is a minus sign, a quote at the start is no request */
static void put_text(const char *text)
{
	for (; *text; text++)
		if (*text == '-')
			(void)fputs("\\-", stdout);
		else if (*text == '\\')
			(void)fputs("\\e", stdout);
		else
			(void)putchar(*text);
}

static const char *title_of(const struct schema_field *field)
{
	static const struct {
		const char *key;
		const char *title;
	} titles[] = {
		{"boot", "boot: what to start"},
		{"disks", "disks: a list of groups"},
		{"limit", "limit: rates"},
		{"nets", "nets: a list of groups"},
		{"rng", "rng: entropy"},
		{"topology", "topology: CPUs as the guest sees them"},
		{"vsock", "vsock: sockets between host and guest"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (!strcmp(titles[i].key, field->key))
			return titles[i].title;
	return field->key;
}

static void add_section(const struct schema_group *group, const char *title)
{
	for (size_t i = 0; i < num_sections; i++)
		if (sections[i].group == group)
			return;
	if (num_sections == GROUPS_MAX) {
		(void)fputs("host_cfg_keys: GROUPS_MAX is too small\n", stderr);
		exit(EXIT_FAILURE);
	}
	sections[num_sections++] = (struct section){group, title};
}

static void put_field(const struct schema_group *group,
		      const struct schema_field *field)
{
	char text[256];

	(void)printf(".TP\n.B ");
	put_text(field->key);
	(void)putchar('\n');
	put_text(field->doc);
	(void)putchar(' ');
	schema_describe(field, text, sizeof(text));
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	put_text(text);
	(void)putchar('.');
	if (schema_default(field, text, sizeof(text))[0]) {
		(void)fputs(" Default: ", stdout);
		put_text(text);
		(void)putchar('.');
	}
	if (field->flags & SCHEMA_REQUIRED)
		(void)fputs(" Required.", stdout);
	if (group == &vm_schema && !(field->flags & SCHEMA_DEFAULTS))
		(void)fputs(" Not in defaults.", stdout);
	if (group == &vm_schema && !(field->flags & SCHEMA_WIRE))
		(void)printf(" Short for the same key in boot.");
	(void)putchar('\n');
}

static void put_section(const struct section *section)
{
	const struct schema_group *group = section->group;

	(void)printf(".SS ");
	put_text(section->title);
	(void)putchar('\n');
	for (size_t i = 0; i < group->num; i++) {
		const struct schema_field *field = &group->fields[i];

		if (!(field->flags & SCHEMA_FILE))
			continue;
		put_field(group, field);
		if (field->group)
			add_section(field->group, title_of(field));
	}
}

int main(void)
{
	char line[512];

	add_section(&vm_schema, "vms: a list of groups; defaults: a group");
	add_section(&host_network_schema, "networks: a list of groups");
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "@KEYS@\n") != 0) {
			(void)fputs(line, stdout);
			continue;
		}
		for (size_t i = 0; i < num_sections; i++)
			put_section(&sections[i]);
	}
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

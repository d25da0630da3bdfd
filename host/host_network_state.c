/* host_network_state.c - a network's directory, written and read. */
#include "host_network_priv.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *network_state_settings(const struct host_network *network)
{
	char *text;

	if (asprintf(&text,
		     "address %s\naddress6 %s\nport %s\nnat %d\n"
		     "dhcp %d\n",
		     network->address ? network->address : "",
		     network->address6 ? network->address6 : "",
		     network->port ? network->port : "", network->nat,
		     network->dhcp) < 0)
		return NULL;
	return text;
}

char *network_state_member(const struct vm_net *net)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	(void)fprintf(f, "mac %02x:%02x:%02x:%02x:%02x:%02x\naddress %s\n",
		      net->mac[0], net->mac[1], net->mac[2], net->mac[3],
		      net->mac[4], net->mac[5],
		      net->address ? net->address : "");
	for (size_t i = 0; i < net->num_publish; i++)
		(void)fprintf(f, "publish %s\n", net->publish[i]);
	return fclose(f) ? NULL : text;
}

/* Lines "KEY VALUE" of a file to @set, in turn. */
static int read_lines(int dir, const char *file,
		      void (*set)(void *ctx, const char *key,
				  const char *value),
		      void *ctx)
{
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[128], *value;

	if (!f) {
		if (fd >= 0)
			(void)close(fd);
		return -ENOENT;
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		set(ctx, line, value);
	}
	(void)fclose(f); /* it was only read */
	return 0;
}

static void set_setting(void *ctx, const char *key, const char *value)
{
	struct network_state *state = ctx;

	if (!strcmp(key, "address"))
		(void)snprintf(state->address, sizeof(state->address), "%s",
			       value);
	else if (!strcmp(key, "address6"))
		(void)snprintf(state->address6, sizeof(state->address6), "%s",
			       value);
	else if (!strcmp(key, "port"))
		(void)snprintf(state->port, sizeof(state->port), "%s", value);
	else if (!strcmp(key, "nat"))
		state->nat = !strcmp(value, "1");
	else if (!strcmp(key, "dhcp"))
		state->dhcp = !strcmp(value, "1");
}

static void set_member(void *ctx, const char *key, const char *value)
{
	struct network_member *m = ctx;

	if (!strcmp(key, "mac"))
		(void)snprintf(m->mac, sizeof(m->mac), "%s", value);
	else if (!strcmp(key, "address"))
		(void)snprintf(m->address, sizeof(m->address), "%s", value);
	else if (!strcmp(key, "publish") && m->num_publish < VM_PUBLISH_MAX &&
		 !host_publish_parse(value, &m->publish[m->num_publish]))
		m->num_publish++;
}

/* @file: "INDEX-NAME" */
static int load_member(struct network_state *state, int members,
		       const char *file)
{
	const char *dash = strchr(file, '-');
	struct network_member *grown, *m;

	if (!dash)
		return 0;
	grown = reallocarray(state->members, state->num_members + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	state->members = grown;
	m = &grown[state->num_members];
	*m = (struct network_member){0};
	(void)snprintf(m->name, sizeof(m->name), "%s", dash + 1);
	if (!read_lines(members, file, set_member, m))
		state->num_members++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct network_member *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int network_state_load(struct network_state *state, int dir, const char *bridge)
{
	AUTO_CLOSE int members = -1;
	struct dirent *entry;
	int rc;
	DIR *d;

	*state = (struct network_state){0};
	(void)snprintf(state->bridge, sizeof(state->bridge), "%s", bridge);
	rc = read_lines(dir, "settings", set_setting, state);
	if (rc)
		return rc;
	members = openat(dir, "members",
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = members < 0 ? NULL : vm_registry_scan(members);
	while (d && !rc && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			rc = load_member(state, members, entry->d_name);
	if (d)
		(void)closedir(d);
	if (state->num_members)
		qsort(state->members, state->num_members,
		      sizeof(*state->members), by_name);
	return rc;
}

void network_state_fini(struct network_state *state)
{
	free(state->members);
	state->members = NULL;
	state->num_members = 0;
}

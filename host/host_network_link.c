/* host_network_link.c - the kernel's side of a network: bridge and rules. */
#include "host_network_priv.h"

#include "cleanup.h"
#include "host_program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF6 "/proc/sys/net/ipv6/conf"

/* @value: a digit. */
static int set_sysctl(const char *path, char value, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
	char state = '\0', line[] = {value, '\n'};

	if (fd >= 0 && read(fd, &state, 1) == 1 && state == value)
		return 0;
	if (fd < 0 || pwrite(fd, line, sizeof(line), 0) != sizeof(line))
		return err_set(err, -errno, "%s: write %c", path, value);
	return 0;
}

/* An interface of a router does not take router advertisements, unless it is
 * told to by a 2: whoever took them goes on. */
static int keep_advertised(struct err *err)
{
	DIR *dir = opendir(CONF6);
	const struct dirent *entry;
	char path[sizeof(CONF6) + NAME_MAX + 16], state;
	int rc = dir ? 0 : err_set(err, -errno, CONF6);

	while (!rc && (entry = readdir(dir))) {
		FILE *file;

		(void)snprintf(path, sizeof(path), CONF6 "/%s/accept_ra",
			       entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		state = file ? (char)fgetc(file) : '0';
		if (file)
			(void)fclose(file);
		if (state == '1')
			rc = set_sysctl(path, '2', err);
	}
	if (dir)
		(void)closedir(dir);
	return rc;
}

static int forward6(struct err *err)
{
	static const char path[] = CONF6 "/all/forwarding";
	FILE *file = fopen(path, "re");
	int state = file ? fgetc(file) : '0';
	int rc = 0;

	if (file)
		(void)fclose(file);
	if (state != '1')
		rc = keep_advertised(err);
	return rc ? rc : set_sysctl(path, '1', err);
}

/* The host's routes and forwarding for a bridge that is up. */
static int set_sysctls(const struct network_state *state, struct err *err)
{
	char path[96];
	int rc;

	(void)snprintf(path, sizeof(path),
		       "/proc/sys/net/ipv4/conf/%s/route_localnet",
		       state->bridge);
	rc = set_sysctl(path, '1', err);
	if (!rc && state->nat)
		rc = set_sysctl("/proc/sys/net/ipv4/ip_forward", '1', err);
	if (!rc && state->nat && state->address6[0])
		rc = forward6(err);
	return rc;
}

/* A guest is no router of the host. Without IPv6 there is nothing to set. */
static int refuse_advertised(const struct network_state *state, struct err *err)
{
	char path[96];

	(void)snprintf(path, sizeof(path), CONF6 "/%s/accept_ra",
		       state->bridge);
	if (state->port[0] || access(path, F_OK))
		return 0;
	return set_sysctl(path, '0', err);
}

/* The host would lose them: only a bridge answers for them. */
static int check_port(const struct network_state *state, struct err *err)
{
	struct ifaddrs *all = NULL;
	const struct ifaddrs *a;
	bool addressed = false;

	if (!if_nametoindex(state->port))
		return err_setx(err, -ENODEV,
				"port %s: no such interface: ip link tells "
				"which there are",
				state->port);
	if (getifaddrs(&all))
		return err_set(err, -errno, "port %s", state->port);
	for (a = all; a; a = a->ifa_next)
		if (!strcmp(a->ifa_name, state->port) && a->ifa_addr &&
		    a->ifa_addr->sa_family == AF_INET)
			addressed = true;
	freeifaddrs(all);
	if (addressed)
		return err_setx(err, -EBUSY,
				"port %s: has an address of the host, which "
				"would be cut off: give the address to the "
				"bridge (address), or let the host's own "
				"configuration make the bridge and name only "
				"that",
				state->port);
	return 0;
}

static int run_ip(const char *lines, struct err *err)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};

	return host_program_run(argv, lines, "iproute2", err);
}

static int run_nft(const char *rules, struct err *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};

	return host_program_run(argv, rules, "nftables", err);
}

static int configure(const struct network_state *state, struct err *err)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rc;

	if (!f)
		return err_set(err, -ENOMEM, "ip");
	if (state->address[0])
		(void)fprintf(f, "address add %s dev %s\n", state->address,
			      state->bridge);
	if (state->address6[0])
		(void)fprintf(f, "address add %s dev %s nodad\n",
			      state->address6, state->bridge);
	if (state->port[0])
		(void)fprintf(f, "link set %s master %s up\n", state->port,
			      state->bridge);
	(void)fprintf(f, "link set %s up\n", state->bridge);
	rc = fclose(f) ? err_set(err, -ENOMEM, "ip")
		       : refuse_advertised(state, err);
	if (!rc)
		rc = run_ip(text, err);
	free(text);
	return rc ? rc : set_sysctls(state, err);
}

int network_link_make(const struct network_state *state, struct err *err)
{
	char line[64];
	int rc = 0;

	if (if_nametoindex(state->bridge))
		return err_setx(err, -EEXIST,
				"bridge %s: there is an interface of this name "
				"that lwx-vm did not make: remove it, or "
				"choose another name",
				state->bridge);
	if (state->port[0])
		rc = check_port(state, err);
	if (rc)
		return rc;
	(void)snprintf(line, sizeof(line), "link add %s type bridge\n",
		       state->bridge);
	rc = run_ip(line, err);
	if (rc)
		return rc;
	rc = configure(state, err);
	if (rc)
		network_link_remove(state->bridge);
	return rc;
}

void network_link_remove(const char *bridge)
{
	char lines[128];

	/* What is not there need not go. */
	(void)snprintf(lines, sizeof(lines),
		       "table inet lwx-%s\ndelete table inet lwx-%s\n", bridge,
		       bridge);
	(void)run_nft(lines, NULL);
	(void)snprintf(lines, sizeof(lines), "link del %s\n", bridge);
	if (if_nametoindex(bridge))
		(void)run_ip(lines, NULL);
}

int network_link_apply(const struct network_state *state, struct err *err)
{
	AUTO_FREE char *rules = network_rules(state);

	return rules ? run_nft(rules, err) : err_set(err, -ENOMEM, "nft");
}

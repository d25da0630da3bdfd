/* host_network.c - networks in the state directory: joining and sweeping. */
#include "host_network_priv.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define SETTLE_MS 5000
#define SETTLE_STEP_MS 10

int network_open(struct vm_registry *reg, const char *bridge)
{
	int fd = openat(reg->networks_fd, bridge,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool network_is_used(int dir)
{
	/* Not a user of it: without a writer, and with no lock to leave. */
	AUTO_CLOSE int fd = openat(
		dir, "users", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

void network_forget(struct vm_registry *reg, int dir, const char *bridge)
{
	vm_registry_remove_dir(dir, "members");
	vm_registry_remove_dir(reg->networks_fd, bridge);
}

static void notify(int dir)
{
	AUTO_CLOSE int fd = openat(
		dir, "users", O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && write(fd, "", 1) != 1)
		return; /* full of the same news */
}

/* Rules follow the members. */
static int update(int dir, const char *bridge, struct err *err)
{
	struct network_state state;
	int rc = network_state_load(&state, dir, bridge);

	if (rc)
		(void)err_set(err, rc, "network %s: state", bridge);
	else
		rc = network_link_apply(&state, err);
	network_state_fini(&state);
	return rc;
}

/* Return: were there members whose VM has ended? */
static bool sweep_members(struct vm_registry *reg, int dir)
{
	AUTO_CLOSE int members =
		openat(dir, "members",
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = members < 0 ? NULL : vm_registry_scan(members);
	struct dirent *entry;
	bool found = false;

	while (d && (entry = readdir(d))) {
		const char *dash = strchr(entry->d_name, '-');

		if (!dash || vm_registry_alive(reg, dash + 1))
			continue;
		(void)unlinkat(members, entry->d_name, 0);
		found = true;
	}
	if (d)
		(void)closedir(d);
	return found;
}

/* Return: is there a keeper that will take it away? */
static bool sweep_network(struct vm_registry *reg, const char *bridge)
{
	AUTO_CLOSE int dir = network_open(reg, bridge);

	if (dir < 0)
		return false;
	if (network_is_used(dir)) {
		if (sweep_members(reg, dir)) {
			(void)update(dir, bridge, NULL); /* or the next does */
			notify(dir);
		}
		return false;
	}
	if (vm_registry_held(dir, "keeper"))
		return true;
	network_end_dnsmasq(reg, dir, bridge);
	network_link_remove(bridge);
	network_forget(reg, dir, bridge);
	return false;
}

bool network_sweep(struct vm_registry *reg)
{
	DIR *d = vm_registry_scan(reg->networks_fd);
	struct dirent *entry;
	bool pending = false;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			pending |= sweep_network(reg, entry->d_name);
	if (d)
		(void)closedir(d);
	return pending;
}

void host_network_settle(struct vm_registry *reg)
{
	for (int ms = 0; ms < SETTLE_MS; ms += SETTLE_STEP_MS) {
		AUTO_CLOSE int lock = vm_registry_lock(reg, NULL);

		if (lock < 0 || !network_sweep(reg))
			return;
		(void)close(steal_fd(&lock));
		(void)poll(NULL, 0, SETTLE_STEP_MS);
	}
}

/**
 * struct joining - one host_network_join()
 * @dir:   of the network
 * @users: its FIFO, open
 * @file:  of the member in its members
 * @fresh: the network is being made
 */
struct joining {
	struct vm_registry *reg;
	const struct host_network *network;
	const struct vm_config *cfg;
	const struct vm_net *net;
	const char *source;
	int dir;
	int users;
	char file[VM_NAME_MAX + 16];
	bool fresh;
};

static int store(int dir, const char *file, const char *text, struct err *err)
{
	int rc = text ? vm_registry_write(dir, file, text, strlen(text))
		      : -ENOMEM;

	return rc ? err_set(err, rc, "state directory: %s", file) : 0;
}

/* The network is in use: is it the one that we mean? */
static int compare_settings(const struct joining *j, struct err *err)
{
	AUTO_FREE char *ours = network_state_settings(j->network);
	char theirs[512], source[512];

	vm_registry_read_text(j->dir, "settings", theirs, sizeof(theirs));
	vm_registry_read_text(j->dir, "source", source, sizeof(source));
	if (!ours)
		return err_set(err, -ENOMEM, "settings");
	if (!strcmp(ours, theirs))
		return 0;
	return err_setx(err, -EBUSY,
			"bridge %s is in use by VMs of %s with other settings: "
			"make them the same, or choose another bridge",
			j->network->bridge, source);
}

static int open_directory(struct joining *j, struct err *err)
{
	const char *bridge = j->network->bridge;
	int rc;

	if (mkdirat(j->reg->networks_fd, bridge, 0700) && errno != EEXIST)
		return err_set(err, -errno, "state directory: %s", bridge);
	j->dir = network_open(j->reg, bridge);
	if (j->dir < 0)
		return err_set(err, j->dir, "state directory: %s", bridge);
	if (mkdirat(j->dir, "members", 0700) && errno != EEXIST)
		return err_set(err, -errno, "state directory: members");
	if (mkfifoat(j->dir, "users", 0600) && errno != EEXIST)
		return err_set(err, -errno, "state directory: users");
	j->fresh = !network_is_used(j->dir);
	rc = j->fresh ? 0 : compare_settings(j, err);
	if (rc)
		return rc;
	/* Both ways: it opens without a reader. */
	j->users = openat(j->dir, "users",
			  O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (j->users < 0 || flock(j->users, LOCK_SH | LOCK_NB))
		return err_set(err, -errno, "state directory: users");
	return 0;
}

static int compare_publish(const struct network_member *m,
			   const struct vm_net *net, struct err *err)
{
	struct host_publish publish;

	for (size_t i = 0; i < net->num_publish; i++) {
		if (host_publish_parse(net->publish[i], &publish))
			continue; /* was checked */
		for (size_t k = 0; k < m->num_publish; k++)
			if (m->publish[k].host_port == publish.host_port &&
			    m->publish[k].udp == publish.udp)
				return err_setx(err, -EBUSY,
						"port %u of the host is "
						"published by VM %s already",
						publish.host_port, m->name);
	}
	return 0;
}

/* VMs of other files: those of one file were compared when it was read. */
static int check_conflicts(const struct joining *j, const char *bridge,
			   struct err *err)
{
	AUTO_CLOSE int dir = network_open(j->reg, bridge);
	struct network_state state = {0};
	int rc = 0;

	if (dir >= 0 && !network_state_load(&state, dir, bridge))
		for (size_t i = 0; !rc && i < state.num_members; i++) {
			const struct network_member *m = &state.members[i];

			if (!strcmp(m->name, j->cfg->name))
				continue;
			rc = compare_publish(m, j->net, err);
			if (!rc && j->net->address &&
			    !strcmp(bridge, j->network->bridge) &&
			    !strcmp(m->address, j->net->address))
				rc = err_setx(err, -EBUSY,
					      "address %s is in use by VM %s: "
					      "set address in nets",
					      m->address, m->name);
		}
	network_state_fini(&state);
	return rc;
}

static int check_all_conflicts(const struct joining *j, struct err *err)
{
	DIR *d = vm_registry_scan(j->reg->networks_fd);
	struct dirent *entry;
	int rc = 0;

	while (d && !rc && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			rc = check_conflicts(j, entry->d_name, err);
	if (d)
		(void)closedir(d);
	return rc;
}

static int write_down(const struct joining *j, struct err *err)
{
	AUTO_FREE char *settings = network_state_settings(j->network);
	AUTO_FREE char *member = network_state_member(j->net);
	AUTO_CLOSE int members =
		openat(j->dir, "members",
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = members < 0 ? err_set(err, -errno, "members")
			     : store(members, j->file, member, err);

	if (!rc && j->fresh)
		rc = store(j->dir, "source", j->source, err);
	if (!rc && j->fresh)
		rc = store(j->dir, "settings", settings, err);
	return rc;
}

static int make(const struct joining *j, struct err *err)
{
	const char *bridge = j->network->bridge;
	struct network_state state;
	int rc = network_state_load(&state, j->dir, bridge);

	if (rc)
		(void)err_set(err, rc, "network %s: state", bridge);
	else
		rc = network_link_make(&state, err);
	network_state_fini(&state);
	return rc;
}

static int connect_member(const struct joining *j, struct err *err)
{
	const char *bridge = j->network->bridge;
	int rc = update(j->dir, bridge, err);

	if (rc)
		return rc;
	if (!vm_registry_held(j->dir, "keeper"))
		return network_keeper_start(j->reg, j->dir, bridge, err);
	notify(j->dir);
	return 0;
}

/* Nothing is left of a network that could not be made, and of a member that
 * could not join. @made: the bridge is ours */
static void undo(struct joining *j, bool made)
{
	const char *bridge = j->network->bridge;
	char path[sizeof(j->file) + sizeof("members/")];

	if (j->dir < 0)
		return;
	(void)snprintf(path, sizeof(path), "members/%s", j->file);
	if (j->users >= 0)
		(void)close(j->users);
	if (!j->fresh) {
		(void)unlinkat(j->dir, path, 0);
		(void)update(j->dir, bridge, NULL); /* as it was before */
		return;
	}
	if (made)
		network_link_remove(bridge);
	network_forget(j->reg, j->dir, bridge);
}

static int join(struct joining *j, struct err *err)
{
	bool made = false;
	int rc = open_directory(j, err);

	if (!rc)
		rc = check_all_conflicts(j, err);
	if (!rc)
		rc = write_down(j, err);
	if (!rc && j->fresh) {
		rc = make(j, err);
		made = !rc;
	}
	if (!rc)
		rc = connect_member(j, err);
	if (rc)
		undo(j, made);
	return rc;
}

/* One that a keeper is about to take away is another network. */
static int lock_settled(struct vm_registry *reg, struct err *err)
{
	host_network_settle(reg);
	return vm_registry_lock(reg, err);
}

int host_network_join(struct vm_registry *reg,
		      const struct host_network *network,
		      const struct vm_config *cfg, size_t index,
		      const char *source, struct err *err)
{
	AUTO_CLOSE int lock = lock_settled(reg, err);
	struct joining j = {
		.reg = reg,
		.network = network,
		.cfg = cfg,
		.net = &cfg->nets[index],
		.source = source,
		.dir = -1,
		.users = -1,
	};
	int rc;

	if (lock < 0)
		return lock;
	(void)snprintf(j.file, sizeof(j.file), "%zu-%s", index, cfg->name);
	rc = join(&j, err);
	if (j.dir >= 0)
		(void)close(j.dir);
	if (rc)
		return err_prefix(err, "%s: network %s", cfg->name,
				  network->name);
	return j.users;
}

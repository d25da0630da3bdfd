/* supervised_launch.c - make an lwx-vmm for a VM, or adopt the one it has. */
#include "supervised_vm.h"

#include "cleanup.h"
#include "host_agent.h"
#include "host_facts.h"
#include "host_network.h"
#include "vm_resources.h"
#include "vmm_launch.h"

#include "cbor_rw.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define CALL_TIMEOUT_MS 5000
#define ORIGIN_MAX (PATH_MAX + VM_CONFIG_HASH_SIZE + 16)
#define DETACHED "detached"
#define OWNED "owned"
#define ORPHAN_WAIT_MS 10000 /* for a VM whose supervisor was killed */
#define ORPHAN_STEP_MS 10

/*
 * "SOURCE\nHASH\nMODE\n": a restart of the same VM is told from another one,
 * and a VM that outlives its supervisor from one that is about to end.
 */
static int format_origin(const struct supervised_vm *vm, char **origin,
			 struct err *err)
{
	char hash[VM_CONFIG_HASH_SIZE];
	int rc = vm_config_hash(vm->cfg, hash, err);

	if (rc)
		return rc;
	if (asprintf(origin, "%s\n%s\n", vm->sup->source, hash) < 0) {
		*origin = NULL;
		(void)err_set(err, -ENOMEM, "%s", vm->cfg->name);
		return -ENOMEM;
	}
	return 0;
}

static int store_origin(struct supervised_vm *vm, struct err *err)
{
	AUTO_FREE char *origin = NULL;
	AUTO_FREE char *text = NULL;
	int rc = format_origin(vm, &origin, err);

	if (rc)
		return rc;
	if (asprintf(&text, "%s%s\n", origin,
		     vm->sup->detached ? DETACHED : OWNED) < 0) {
		text = NULL;
		return err_set(err, -ENOMEM, "%s", vm->cfg->name);
	}
	return vm_claim_store(vm->claim, "origin", text, strlen(text), err);
}

static int encode_config(const struct vm_config *cfg, uint8_t **out,
			 size_t *len, struct err *err)
{
	AUTO_FREE uint8_t *buf = malloc(CBOR_MESSAGE_MAX);
	int n;

	if (!buf)
		return err_set(err, -ENOMEM, "%s", cfg->name);
	n = vm_config_encode(cfg, buf, CBOR_MESSAGE_MAX, err);
	if (n < 0)
		return n;
	*out = steal_ptr(&buf);
	*len = (size_t)n;
	return 0;
}

/* What lwx-vmm makes outside the state directory and cannot remove when it is
 * killed. */
static int store_leftovers(struct supervised_vm *vm, struct err *err)
{
	const char *path = vm->cfg->vsock.path;
	AUTO_FREE char *lines = NULL;
	char agent[256];
	int len;

	if (!vm->cfg->vsock.cid || !path)
		return 0;
	host_agent_path(&vm->cfg->vsock, agent, sizeof(agent));
	len = asprintf(&lines, "%s\n%s.seqpacket\n%s\n", path, path,
		       vm->cfg->vsock.agent ? agent : path);
	if (len < 0) {
		lines = NULL;
		return err_set(err, -ENOMEM, "%s", vm->cfg->name);
	}
	return vm_claim_store(vm->claim, "leftovers", lines, (size_t)len, err);
}

static int store_config(struct supervised_vm *vm, struct err *err)
{
	AUTO_FREE uint8_t *bytes = NULL;
	size_t len = 0;
	int rc = encode_config(vm->cfg, &bytes, &len, err);

	if (!rc)
		rc = vm_claim_store(vm->claim, "config.cbor", bytes, len, err);
	if (!rc)
		rc = store_leftovers(vm, err);
	return rc ? rc : store_origin(vm, err);
}

/* The network that lwx-vm makes for an interface, or NULL. */
static const struct host_network *network_of(const struct supervised_vm *vm,
					     const struct vm_net *net)
{
	const struct host_network *network =
		vm->sup->file && net->network
			? host_config_network(vm->sup->file, net->network)
			: NULL;

	return network && host_network_is_made(network) ? network : NULL;
}

static int join_networks(struct supervised_vm *vm, struct err *err)
{
	const struct host_network *network;
	int fd, rc = 0;

	for (size_t i = 0; !rc && i < vm->cfg->num_nets; i++) {
		network = network_of(vm, &vm->cfg->nets[i]);
		if (!network)
			continue;
		fd = host_network_join(vm->sup->reg, network, vm->cfg, i,
				       vm->sup->source, err);
		rc = fd < 0 ? fd : vm_claim_add(vm->claim, fd, err);
	}
	return rc;
}

/* It stays over restarts. */
static int claim(struct supervised_vm *vm, struct err *err)
{
	int rc;

	if (vm->claim)
		return 0;
	rc = vm_registry_claim(vm->sup->reg, vm->cfg, &vm->claim, err);
	if (!rc)
		rc = store_config(vm, err);
	return rc ? rc : join_networks(vm, err);
}

/*
 * In the foreground all output comes to us through a pipe in the place of the
 * console log, and we write the log: so nothing is lost between the start and a
 * first vm.console.
 */
static int open_console(struct supervised_vm *vm, struct err *err)
{
	const struct vm_config *cfg = vm->cfg;
	int pipe_fds[2];

	if (vm->sup->detached)
		return 0;
	if (cfg->console_log && vm->log_fd < 0) {
		vm->log_fd = open(cfg->console_log,
				  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
					  O_NOCTTY,
				  0600);
		if (vm->log_fd < 0)
			return err_set(err, -errno, "%s: console log %s",
				       cfg->name, cfg->console_log);
	}
	if (pipe2(pipe_fds, O_CLOEXEC))
		return err_set(err, -errno, "%s: console pipe", cfg->name);
	vm->console_fd = pipe_fds[0];
	vm->cfg->console_log_fd = pipe_fds[1];
	if (fcntl(vm->console_fd, F_SETFL, O_NONBLOCK))
		return err_set(err, -errno, "%s: console pipe", cfg->name);
	return 0;
}

static int config_memfd(const struct vm_config *cfg, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("lwx-config", MFD_CLOEXEC);
	AUTO_FREE uint8_t *bytes = NULL;
	size_t len = 0;
	ssize_t n;
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: memfd_create", cfg->name);
	rc = encode_config(cfg, &bytes, &len, err);
	if (rc)
		return rc;
	n = write(fd, bytes, len);
	if (n < 0 || (size_t)n != len || lseek(fd, 0, SEEK_SET))
		return err_set(err, -EIO, "%s: configuration", cfg->name);
	return steal_fd(&fd);
}

/* The process exists already: its threads are still to come and follow it. */
static int join_cgroup(const struct supervised_vm *vm, struct err *err)
{
	const char *group = vm->cfg->cgroup;
	AUTO_CLOSE int fd = -1;
	char mount[HOST_FACTS_PATH_SIZE], path[1024], pid[16];
	int len;

	if (!group)
		return 0;
	if (host_facts_cgroup2(mount))
		return err_setx(err, -ENODEV,
				"%s: cgroup %s: cgroup2 is not "
				"mounted",
				vm->cfg->name, group);
	(void)snprintf(path, sizeof(path), "%s/%s/cgroup.procs", mount, group);
	len = snprintf(pid, sizeof(pid), "%d", (int)vm->proc.pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, pid, (size_t)len) != len)
		return err_set(err, -errno, "%s: cgroup %s", vm->cfg->name,
			       group);
	return 0;
}

/* Events from the first on: what was before we connected is replayed. */
static int follow_events(struct supervised_vm *vm, struct err *err)
{
	struct ctl_field follow = CTL_FIELD_BOOL("follow", true);
	int rc;

	if (!vm->control) {
		rc = vm_registry_connect(vm->sup->reg, vm->cfg->name,
					 &vm->control, err);
		if (rc)
			return rc;
	}
	rc = ctl_client_send(vm->control, "vm.events", &follow, 1, err);
	return rc < 0 ? rc : 0;
}

static int spawn(struct supervised_vm *vm, struct err *err)
{
	AUTO_CLOSE int config_fd = config_memfd(vm->cfg, err);
	AUTO_CLOSE int control_fd = -1;
	AUTO_CLOSE int log_fd = -1;
	int fds[VM_PROCESS_FDS_MAX];
	struct vm_process_config process = {
		.path = vm->sup->vmm_path,
		.name = vm->cfg->name,
		.lifeline_fd = vm->lifeline_fd,
		.log_fd = STDERR_FILENO,
		.fds = fds,
	};
	const int *locks;
	unsigned int num_locks;
	int rc;

	if (config_fd < 0)
		return config_fd;
	control_fd = vm_claim_listen(vm->claim, err);
	if (control_fd < 0)
		return control_fd;
	if (vm->sup->detached) {
		log_fd = vm_claim_log(vm->claim, err);
		if (log_fd < 0)
			return log_fd;
		process.log_fd = log_fd;
	}
	/* The socket listens already. A VM may be gone before we return. */
	rc = follow_events(vm, err);
	if (rc)
		return rc;
	num_locks = vm_claim_fds(vm->claim, &locks);
	memcpy(fds, locks, num_locks * sizeof(fds[0]));
	process.num_fds =
		num_locks + vm_resources_fds(vm->cfg, fds + num_locks,
					     VM_PROCESS_FDS_MAX - num_locks);
	process.config_fd = config_fd;
	process.control_fd = control_fd;
	return vm_process_spawn(&vm->proc, &process, err);
}

static int launch(struct supervised_vm *vm, struct err *err)
{
	int rc = claim(vm, err);

	if (!rc)
		rc = open_console(vm, err);
	if (!rc)
		rc = vm_resources_open(vm->cfg, err);
	if (rc)
		return rc;
	rc = spawn(vm, err);
	return rc ? rc : join_cgroup(vm, err);
}

/* Return: 0 and the VM's origin in @buf, or a negative errno with @err. */
static int load_origin(struct supervised_vm *vm, char *buf, size_t size,
		       struct err *err)
{
	ssize_t len = vm_registry_load(vm->sup->reg, vm->cfg->name, "origin",
				       buf, size - 1);

	if (len < 0)
		return err_set(err, (int)len, "%s: origin", vm->cfg->name);
	buf[len] = '\0';
	return 0;
}

/* Whose VM is it, and is it the one of our configuration? */
static int check_origin(struct supervised_vm *vm, const char *theirs,
			struct err *err)
{
	const char *name = vm->cfg->name, *end = strchr(theirs, '\n');
	AUTO_FREE char *ours = NULL;
	int rc;

	rc = format_origin(vm, &ours, err);
	if (rc)
		return rc;
	if (!end || strncmp(ours, theirs, (size_t)(end - theirs) + 1) != 0)
		return err_setx(err, -EBUSY,
				"%s: a VM of this name is running, from %.*s",
				name, end ? (int)(end - theirs) : 0, theirs);
	if (!strncmp(ours, theirs, strlen(ours)))
		return 0;
	if (!vm->sup->recreate)
		return err_setx(err, -EBUSY,
				"%s: is running with another configuration: "
				"stop it, or start with --recreate",
				name);
	vm->recreate = true;
	return 0;
}

/* The id cannot have been reused while the connection stands: asked twice. */
static int attach(struct supervised_vm *vm, struct err *err)
{
	struct ctl_message msg;
	pid_t pid;
	int rc;

	rc = ctl_client_call(vm->control, "vm.info", NULL, 0, CALL_TIMEOUT_MS,
			     &msg, NULL, err);
	if (rc)
		return rc;
	pid = (pid_t)ctl_message_uint(&msg, "pid", 0);
	if (pid <= 0)
		return err_setx(err, -EPROTO, "vm.info without pid");
	rc = vm_process_attach(&vm->proc, pid, err);
	if (!rc)
		rc = ctl_client_call(vm->control, "vm.info", NULL, 0,
				     CALL_TIMEOUT_MS, &msg, NULL, err);
	if (!rc && !vm->sup->detached) {
		rc = ctl_client_call(vm->control, "vm.console", NULL, 0,
				     CALL_TIMEOUT_MS, &msg, &vm->console_fd,
				     err);
		if (!rc && fcntl(vm->console_fd, F_SETFL, O_NONBLOCK))
			rc = err_set(err, -errno, "console");
	}
	return rc;
}

static int adopt(struct supervised_vm *vm, const char *origin, struct err *err)
{
	const char *name = vm->cfg->name;
	int rc;

	rc = check_origin(vm, origin, err);
	if (rc)
		return rc;
	rc = vm_registry_connect(vm->sup->reg, name, &vm->control, err);
	if (rc)
		return rc;
	rc = attach(vm, err);
	if (rc)
		return err_prefix(err, "%s: adopt", name);
	vm->state = SUPERVISED_RUNNING;
	vm->was_up = true;
	rc = follow_events(vm, err);
	if (!rc && vm->recreate)
		supervised_stop(vm, false);
	return rc;
}

/* Its supervisor was killed, so it is ending: make room. */
static int wait_for_orphan(struct supervised_vm *vm, struct err *err)
{
	const char *name = vm->cfg->name;

	for (int ms = 0; vm_registry_exists(vm->sup->reg, name);
	     ms += ORPHAN_STEP_MS) {
		if (ms > ORPHAN_WAIT_MS)
			return err_setx(err, -EBUSY,
					"%s: its supervisor is gone and it "
					"does not end: lwx-vm stop --now %s",
					name, name);
		(void)poll(NULL, 0, ORPHAN_STEP_MS);
	}
	(void)close(vm->supervise_fd);
	vm->supervise_fd = -1;
	vm_registry_sweep(vm->sup->reg);
	return 0;
}

/* Return: 1 if the VM that is there was adopted, 0 if there is none any more,
 * or a negative errno with @err. */
static int take_over(struct supervised_vm *vm, struct err *err)
{
	char origin[ORIGIN_MAX];
	int rc;

	vm->supervise_fd =
		vm_registry_supervise(vm->sup->reg, vm->cfg->name, err);
	if (vm->supervise_fd < 0)
		return vm->supervise_fd;
	rc = load_origin(vm, origin, sizeof(origin), err);
	if (rc)
		return rc;
	if (strstr(origin, "\n" OWNED "\n"))
		return wait_for_orphan(vm, err);
	rc = adopt(vm, origin, err);
	return rc ? rc : 1;
}

int supervised_launch(struct supervised_vm *vm, struct err *err)
{
	int rc = 0;

	if (!vm->claim && vm_registry_exists(vm->sup->reg, vm->cfg->name))
		rc = take_over(vm, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = launch(vm, err);
	vm_resources_close(vm->cfg);
	return rc;
}

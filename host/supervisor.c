/* supervisor.c - the loop over all VMs of one host.cfg. */
#include "supervisor.h"

#include "cleanup.h"
#include "host_network.h"
#include "macros.h"
#include "supervised_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

/* Of each VM: pidfd, control, console. Before them: signals, stdout. */
#define POLL_PER_VM 3
#define POLL_SIGNALS 0
#define POLL_STDOUT 1
#define POLL_FIRST_VM 2

/**
 * struct supervisor - the VMs and the loop's state
 * @vms:         in start order
 * @signal_fd:   SIGINT, SIGTERM, SIGHUP
 * @lifeline:    pipe whose write end no other process has; -1 when detached
 * @signals:     how many came
 * @reported_up: cfg->up() was called
 * @first_bad:   status of the first VM that ended with another than 0
 */
struct supervisor {
	const struct supervisor_config *cfg;
	struct supervised_vm *vms;
	struct pollfd *pfds;
	int signal_fd;
	int lifeline[2];
	unsigned int signals;
	bool reported_up;
	int first_bad;
	struct console_out out;
};

static int compare_start_order(const void *a, const void *b)
{
	const struct vm_config *x = *(struct vm_config *const *)a;
	const struct vm_config *y = *(struct vm_config *const *)b;

	if (x->start_order != y->start_order)
		return x->start_order < y->start_order ? -1 : 1;
	return (x > y) - (x < y); /* one array: the order of the file */
}

static bool is_settled(const struct supervised_vm *vm)
{
	return vm->state != SUPERVISED_WAITING &&
	       vm->state != SUPERVISED_STARTING && !vm->recreate;
}

/* Start those whose turn it is: all before them run or have failed. */
static void start_due(struct supervisor *sup)
{
	bool blocked = sup->signals > 0;

	for (size_t i = 0; i < sup->cfg->num_vms && !blocked; i++) {
		struct supervised_vm *vm = &sup->vms[i];

		for (size_t j = 0; j < i && !blocked; j++)
			blocked = sup->vms[j].cfg->start_order <
					  vm->cfg->start_order &&
				  !is_settled(&sup->vms[j]);
		if (!blocked && vm->state == SUPERVISED_WAITING)
			supervised_start(vm);
	}
}

/* Stop those whose turn it is: all that started after them have ended. */
static void stop_due(struct supervisor *sup)
{
	bool blocked = false;

	if (!sup->signals)
		return;
	for (size_t i = sup->cfg->num_vms; i > 0 && !blocked; i--) {
		struct supervised_vm *vm = &sup->vms[i - 1];

		for (size_t j = i; j < sup->cfg->num_vms && !blocked; j++)
			blocked = sup->vms[j].cfg->start_order >
					  vm->cfg->start_order &&
				  sup->vms[j].state != SUPERVISED_ENDED;
		if (!blocked && !vm->kill_stage)
			supervised_stop(vm, false);
	}
}

static void kill_all(struct supervisor *sup)
{
	sup->out.fd = -1; /* whoever does not read it must not hold us up */
	sup->out.len = 0;
	for (size_t i = 0; i < sup->cfg->num_vms; i++)
		supervised_stop(&sup->vms[i], true);
}

static void take_signals(struct supervisor *sup)
{
	struct signalfd_siginfo info;

	while (read(sup->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (++sup->signals == 2)
			kill_all(sup);
}

static void note_ended(struct supervisor *sup, const struct supervised_vm *vm)
{
	if (vm->state == SUPERVISED_ENDED && vm->status > 0 && !sup->first_bad)
		sup->first_bad = vm->status;
}

static void set_pollfds(struct supervisor *sup)
{
	struct pollfd *pfd = sup->pfds;
	bool room = console_out_has_room(&sup->out);

	*pfd++ = (struct pollfd){.fd = sup->signal_fd, .events = POLLIN};
	*pfd++ = (struct pollfd){
		.fd = sup->out.len ? sup->out.fd : -1,
		.events = POLLOUT,
	};
	for (size_t i = 0; i < sup->cfg->num_vms; i++) {
		const struct supervised_vm *vm = &sup->vms[i];

		/* The end is looked at when the output has been read. */
		*pfd++ = (struct pollfd){
			.fd = vm->console_fd < 0 ? vm->proc.pidfd : -1,
			.events = POLLIN,
		};
		*pfd++ = (struct pollfd){
			.fd = vm->control ? ctl_client_fd(vm->control) : -1,
			.events = POLLIN,
		};
		*pfd++ = (struct pollfd){
			.fd = room ? vm->console_fd : -1,
			.events = POLLIN,
		};
	}
}

static int next_timeout(const struct supervisor *sup)
{
	int64_t now = supervised_now_ms(), best = INT32_MAX;

	for (size_t i = 0; i < sup->cfg->num_vms; i++)
		if (sup->vms[i].deadline_ms)
			best = MIN(best, MAX(sup->vms[i].deadline_ms - now,
					     (int64_t)0));
	return best == INT32_MAX ? -1 : (int)best;
}

static void serve_vm(struct supervisor *sup, struct supervised_vm *vm,
		     const struct pollfd *pfds)
{
	bool ended = pfds[0].revents != 0;

	if (pfds[1].revents && vm->control)
		supervised_control_ready(vm);
	if (pfds[2].revents && vm->console_fd >= 0 &&
	    console_out_has_room(&sup->out))
		supervised_console_ready(vm, &sup->out);
	if (ended)
		supervised_process_ended(vm);
	if (vm->deadline_ms && supervised_now_ms() >= vm->deadline_ms)
		supervised_deadline(vm);
	note_ended(sup, vm);
}

static bool all_are(const struct supervisor *sup, bool ended)
{
	for (size_t i = 0; i < sup->cfg->num_vms; i++)
		if (ended ? sup->vms[i].state != SUPERVISED_ENDED
			  : !is_settled(&sup->vms[i]))
			return false;
	return true;
}

static void loop(struct supervisor *sup)
{
	size_t num = POLL_FIRST_VM + POLL_PER_VM * sup->cfg->num_vms;

	for (;;) {
		start_due(sup);
		stop_due(sup);
		for (size_t i = 0; i < sup->cfg->num_vms; i++)
			note_ended(sup, &sup->vms[i]);
		if (!sup->reported_up && all_are(sup, false)) {
			sup->reported_up = true;
			sup->cfg->up(sup->cfg->ctx, sup->first_bad);
		}
		if (all_are(sup, true) && !sup->out.len)
			return;
		set_pollfds(sup);
		if (poll(sup->pfds, num, next_timeout(sup)) < 0)
			continue; /* EINTR: nothing was filled in */
		if (sup->pfds[POLL_SIGNALS].revents)
			take_signals(sup);
		if (sup->pfds[POLL_STDOUT].revents)
			console_out_flush(&sup->out);
		for (size_t i = 0; i < sup->cfg->num_vms; i++)
			serve_vm(sup, &sup->vms[i],
				 &sup->pfds[POLL_FIRST_VM + POLL_PER_VM * i]);
	}
}

static int open_signals(struct supervisor *sup, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_set(err, -errno, "signals");
	sup->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->signal_fd < 0)
		return err_set(err, -errno, "signalfd");
	return 0;
}

static int set_up(struct supervisor *sup, struct err *err)
{
	const struct supervisor_config *cfg = sup->cfg;
	int rc = open_signals(sup, err);

	if (rc)
		return rc;
	if (!cfg->detached && pipe2(sup->lifeline, O_CLOEXEC))
		return err_set(err, -errno, "lifeline");
	sup->vms = calloc(cfg->num_vms, sizeof(*sup->vms));
	sup->pfds = calloc(POLL_FIRST_VM + POLL_PER_VM * cfg->num_vms,
			   sizeof(*sup->pfds));
	if (!sup->vms || !sup->pfds) {
		(void)err_set(err, -ENOMEM, "supervisor");
		return -ENOMEM;
	}
	qsort(cfg->vms, cfg->num_vms, sizeof(struct vm_config *),
	      compare_start_order);
	for (size_t i = 0; i < cfg->num_vms; i++)
		supervised_init(&sup->vms[i], cfg, cfg->vms[i],
				sup->lifeline[0]);
	return 0;
}

static void tear_down(struct supervisor *sup)
{
	for (size_t i = 0; sup->vms && i < sup->cfg->num_vms; i++)
		supervised_fini(&sup->vms[i]);
	for (size_t i = 0; i < ARRAY_SIZE(sup->lifeline); i++)
		if (sup->lifeline[i] >= 0)
			(void)close(sup->lifeline[i]);
	if (sup->signal_fd >= 0)
		(void)close(sup->signal_fd);
	free(sup->vms);
	free(sup->pfds);
	free(sup);
}

int supervisor_run(const struct supervisor_config *cfg, struct err *err)
{
	struct supervisor *sup = calloc(1, sizeof(*sup));
	int rc;

	if (!sup)
		return err_set(err, -ENOMEM, "supervisor");
	sup->cfg = cfg;
	sup->signal_fd = sup->lifeline[0] = sup->lifeline[1] = -1;
	sup->out.fd = cfg->stdout_fd;
	/* A reader of our output that goes away is no reason to end. */
	(void)signal(SIGPIPE, SIG_IGN);
	rc = set_up(sup, err);
	if (!rc) {
		loop(sup);
		rc = sup->first_bad;
	}
	tear_down(sup);
	host_network_settle(cfg->reg);
	return rc;
}

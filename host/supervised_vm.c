/* supervised_vm.c - the life of one VM under a supervisor. */
#include "supervised_vm.h"

#include "cleanup.h"
#include "macros.h"
#include "vm_resources.h"
#include "vmm_launch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KILL_WAIT_MS 3000     /* from vm.kill to SIGKILL */
#define BACKOFF_FIRST_MS 100  /* doubled by each further restart */
#define BACKOFF_MAX_MS 60000  /* longest pause */
#define MESSAGES_PER_ROUND 64 /* so that no VM keeps us from the others */
#define LAST_ROUNDS 64	      /* of reading when lwx-vmm has ended */
#define NEWS_MAX 10	      /* messages of one VM told in NEWS_SPAN_MS */
#define NEWS_SPAN_MS 10000
#define LONG_RUN_MS 10000 /* forgives the restarts before */

int64_t supervised_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

__attribute__((format(printf, 3, 4))) static void
report(struct supervised_vm *vm, bool important, const char *fmt, ...)
{
	char text[sizeof(((struct err *)NULL)->msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm->sup->report(vm->sup->ctx, vm->cfg->name, important, text);
}

/* Messages of the lower layers begin with the VM's name; the report adds it. */
static const char *without_name(const struct supervised_vm *vm,
				const char *text)
{
	size_t len = strlen(vm->cfg->name);

	if (!strncmp(text, vm->cfg->name, len) && !strncmp(text + len, ": ", 2))
		return text + len + 2;
	return text;
}

void supervised_init(struct supervised_vm *vm,
		     const struct supervisor_config *sup, struct vm_config *cfg,
		     int lifeline_fd)
{
	*vm = (struct supervised_vm){
		.sup = sup,
		.cfg = cfg,
		.lifeline_fd = lifeline_fd,
		.supervise_fd = -1,
		.proc = {.pidfd = -1},
		.console_fd = -1,
		.log_fd = -1,
		.status = -1,
	};
	if (sup->num_vms > 1)
		vm->line.name = cfg->name;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* Everything of one run; the claim stays for the next. */
static void close_run(struct supervised_vm *vm)
{
	ctl_client_destroy(vm->control);
	vm->control = NULL;
	close_fd(&vm->console_fd);
	close_fd(&vm->supervise_fd);
	vm->deadline_ms = 0;
	vm->kill_stage = 0;
}

void supervised_fini(struct supervised_vm *vm)
{
	close_run(vm);
	close_fd(&vm->log_fd);
	close_fd(&vm->proc.pidfd);
}

static void end(struct supervised_vm *vm)
{
	bool adopted = vm->supervise_fd >= 0;

	close_run(vm);
	close_fd(&vm->log_fd);
	close_fd(&vm->proc.pidfd); /* open if adopting it failed */
	vm->proc.pid = 0;
	vm_claim_release(vm->claim);
	vm->claim = NULL;
	vm->state = SUPERVISED_ENDED;
	if (adopted)
		vm_registry_sweep(vm->sup->reg);
}

static void back_off(struct supervised_vm *vm, bool reset)
{
	int64_t now = supervised_now_ms();
	int64_t delay;

	if (now - vm->started_ms >= LONG_RUN_MS)
		vm->attempts = 0;
	delay = (int64_t)BACKOFF_FIRST_MS << MIN(vm->attempts, 10U);
	if (reset && !vm->attempts)
		delay = 0; /* an ordinary reboot */
	vm->attempts++;
	close_run(vm);
	vm->state = SUPERVISED_BACKOFF;
	vm->deadline_ms = now + MIN(delay, (int64_t)BACKOFF_MAX_MS);
	if (delay)
		report(vm, true, "starts again in %lld ms",
		       (long long)MIN(delay, (int64_t)BACKOFF_MAX_MS));
}

static bool is_reset(const struct supervised_vm *vm)
{
	return vm->reason[0] ? !strcmp(vm->reason, VMM_REASON_RESET)
			     : vm->status == VMM_STATUS_RESET;
}

static bool wants_restart(const struct supervised_vm *vm)
{
	if (vm->stop_requested || !vm->was_up)
		return false;
	if (is_reset(vm) && vm->cfg->on_reboot == VM_REBOOT_RESTART)
		return true;
	return vm->cfg->restart == VM_RESTART_ALWAYS ||
	       (vm->cfg->restart == VM_RESTART_ON_FAILURE && vm->status != 0);
}

static const struct {
	int status;
	const char *reason;
	const char *text;
} endings[] = {
	{VMM_STATUS_SETUP, NULL, "set-up failed"},
	{VMM_STATUS_FAULT, VMM_REASON_FAULT, "the VM failed"},
	{VMM_STATUS_TRIPLE, VMM_REASON_TRIPLE, "triple fault of the guest"},
	{VMM_STATUS_PANIC, VMM_REASON_PANIC, "panic of the guest"},
	{VMM_STATUS_RESET, VMM_REASON_RESET, "the guest asked for a reset"},
	{VMM_STATUS_HOST_ENDED, VMM_REASON_HOST, "ended by the host"},
	{0, VMM_REASON_POWEROFF, "powered off"},
};

static void report_end(struct supervised_vm *vm)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		const char *reason = endings[i].reason;

		if (endings[i].status != vm->status ||
		    (vm->reason[0] && reason &&
		     strcmp(vm->reason, reason) != 0))
			continue;
		report(vm, vm->status != 0, "%s (status %d)", endings[i].text,
		       vm->status);
		return;
	}
	report(vm, vm->status != 0, "exit status %d", vm->status);
}

static void finish(struct supervised_vm *vm)
{
	if (vm->recreate) {
		end(vm);
		vm->recreate = vm->stop_requested = vm->was_up = false;
		supervised_start(vm);
		return;
	}
	report_end(vm);
	if (wants_restart(vm))
		back_off(vm, is_reset(vm));
	else
		end(vm);
}

void supervised_start(struct supervised_vm *vm)
{
	struct err err = {0};

	vm->state = SUPERVISED_STARTING;
	vm->status = -1;
	vm->reason[0] = '\0';
	vm->deadline_ms = 0;
	vm->started_ms = supervised_now_ms();
	if (!supervised_launch(vm, &err))
		return;
	report(vm, true, "%s", without_name(vm, err.msg));
	vm->status = VMM_STATUS_SETUP;
	/* What we started we end, and notice as any other end. */
	if (vm->proc.child)
		supervised_stop(vm, true);
	else
		end(vm);
}

/* A detached VM's own words are in its log: pass the last ones on. */
static void report_log(struct supervised_vm *vm)
{
	char log[4096];
	ssize_t len = vm_registry_load(vm->sup->reg, vm->cfg->name, "log", log,
				       sizeof(log) - 1);
	char *line, *next;

	if (!vm->sup->detached || len <= 0)
		return;
	log[len] = '\0';
	for (line = log; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		if (line[0] == '<' && strchr(line, '>'))
			line = strchr(line, '>') + 1;
		report(vm, true, "%s", without_name(vm, line));
	}
}

void supervised_process_ended(struct supervised_vm *vm)
{
	int sig;

	/* vm.stopped may wait there, behind no more than the ring holds. */
	for (int i = 0; vm->control && i < LAST_ROUNDS; i++)
		supervised_control_ready(vm);
	sig = vm_process_reap(&vm->proc, &vm->status);
	if (sig && !vm->stop_requested)
		report(vm, true, "lwx-vmm was killed by signal %d (%s)", sig,
		       strsignal(sig));
	if (sig)
		vm->status = vm->stop_requested ? VMM_STATUS_HOST_ENDED
						: VMM_STATUS_FAULT;
	if (vm->status < 0 || vm->share_gone)
		vm->status = VMM_STATUS_FAULT;
	if (vm->status == VMM_STATUS_SETUP && !vm->was_up)
		report_log(vm);
	else
		vm->was_up = true; /* too quick for us to see it start */
	finish(vm);
}

/* Whoever waits for such a folder in the guest would wait for ever. */
static void end_without_share(struct supervised_vm *vm)
{
	if (!vm->sup->need_shares || vm->stop_requested)
		return;
	supervised_stop(vm, true);
	vm->share_gone = true;
}

/* A guest on a broken disk makes an event of every request. */
static void report_news(struct supervised_vm *vm, const char *event,
			const char *message)
{
	int64_t now = supervised_now_ms();

	if (now - vm->news_ms >= NEWS_SPAN_MS) {
		vm->news_ms = now;
		vm->num_news = 0;
	}
	if (vm->num_news < NEWS_MAX)
		report(vm, true, "%s: %s", event, message);
	else if (vm->num_news == NEWS_MAX)
		report(vm, true, "more of this kind: see lwx-vm events %s",
		       vm->cfg->name);
	vm->num_news = MIN(vm->num_news + 1, NEWS_MAX + 1U);
}

static void handle_event(struct supervised_vm *vm,
			 const struct ctl_message *msg)
{
	const char *message = ctl_message_text(msg, "message");
	const char *reason = ctl_message_text(msg, "reason");

	if (message && ctl_message_uint(msg, "seq", 0) > vm->quiet_until)
		report_news(vm, msg->name, message);
	if (!strcmp(msg->name, VMM_EVENT_STARTED)) {
		vm->was_up = true;
		if (vm->state == SUPERVISED_STARTING)
			vm->state = SUPERVISED_RUNNING;
	} else if (!strcmp(msg->name, VMM_EVENT_SHARE_GONE)) {
		end_without_share(vm);
	} else if (!strcmp(msg->name, VMM_EVENT_STOP_REQUESTED)) {
		vm->stop_requested = true;
	} else if (!strcmp(msg->name, VMM_EVENT_STOPPED)) {
		(void)snprintf(vm->reason, sizeof(vm->reason), "%s",
			       reason ? reason : "");
		vm->status =
			(int)ctl_message_uint(msg, "status", VMM_STATUS_FAULT) &
			0xff;
	}
}

static void handle_reply(struct supervised_vm *vm,
			 const struct ctl_message *msg)
{
	const char *text = ctl_message_text(msg, "message");

	if (!msg->status) {
		if (!vm->proc.child) /* the answer to vm.events */
			vm->quiet_until =
				ctl_message_uint(msg, "last", vm->quiet_until);
		return;
	}
	report(vm, true, "%s", text ? text : strerror((int)msg->status));
	if (vm->kill_stage == 1)
		supervised_stop(vm, true); /* it cannot be asked politely */
}

void supervised_control_ready(struct supervised_vm *vm)
{
	struct ctl_message msg;
	struct err err;
	int rc = 0;

	for (int i = 0; i < MESSAGES_PER_ROUND; i++) {
		rc = ctl_client_receive(vm->control, 0, &msg, NULL, &err);
		if (rc <= 0)
			break;
		if (msg.kind == CTL_EVENT)
			handle_event(vm, &msg);
		else
			handle_reply(vm, &msg);
	}
	if (rc < 0) {
		if (rc != -ECONNRESET)
			report(vm, true, "%s", err.msg);
		ctl_client_destroy(vm->control);
		vm->control = NULL;
	}
}

static void write_log(struct supervised_vm *vm, const char *bytes, size_t len)
{
	ssize_t n;

	if (vm->log_fd < 0)
		return;
	n = write(vm->log_fd, bytes, len);
	if (n >= 0 && (size_t)n == len)
		return;
	report(vm, true, "console log %s: %s: not written any more",
	       vm->cfg->console_log, strerror(n < 0 ? errno : ENOSPC));
	close_fd(&vm->log_fd);
}

void supervised_console_ready(struct supervised_vm *vm, struct console_out *out)
{
	char chunk[CONSOLE_CHUNK_MAX];
	ssize_t n = read(vm->console_fd, chunk, sizeof(chunk));

	if (n > 0) {
		console_out_add(out, &vm->line, chunk, (size_t)n);
		write_log(vm, chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		console_out_end(out, &vm->line);
		close_fd(&vm->console_fd);
	}
}

static void set_deadline(struct supervised_vm *vm, int64_t delay)
{
	vm->deadline_ms = supervised_now_ms() + delay;
}

static int send_verb(struct supervised_vm *vm, const char *verb)
{
	struct err err;
	int rc = -ENOTCONN;

	if (vm->control)
		rc = ctl_client_send(vm->control, verb, NULL, 0, &err);
	return rc;
}

static void next_kill_stage(struct supervised_vm *vm)
{
	if (vm->kill_stage < 2) {
		vm->kill_stage = 2;
		set_deadline(vm, KILL_WAIT_MS);
		if (send_verb(vm, "vm.kill") >= 0)
			return;
	}
	vm->kill_stage = 3;
	vm->deadline_ms = 0;
	vm_process_kill(&vm->proc);
}

void supervised_deadline(struct supervised_vm *vm)
{
	if (vm->state != SUPERVISED_BACKOFF)
		next_kill_stage(vm);
	else if (vm->claim && vm_claim_stop_marked(vm->claim))
		supervised_stop(vm, true);
	else
		supervised_start(vm);
}

void supervised_stop(struct supervised_vm *vm, bool now)
{
	vm->stop_requested = true;
	if (vm->state == SUPERVISED_ENDED)
		return;
	if (!vm->proc.pid) {
		end(vm);
		return;
	}
	if (vm->kill_stage == 0 && !now) {
		vm->kill_stage = 1;
		set_deadline(vm, (int64_t)vm->cfg->stop_grace * 1000);
		if (send_verb(vm, "vm.stop") >= 0)
			return;
	}
	if (vm->kill_stage < 2)
		next_kill_stage(vm);
}

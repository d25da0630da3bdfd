/*
 * lwx.c - liblwx: see lwx.h. A VM is a child, lwx-vm start, that supervises it;
 * all the rest goes over its sockets, as for any other command of lwx-vm.
 */
#include "lwx.h"

#include "agent_files.h"
#include "cleanup.h"
#include "ctl_client.h"
#include "err.h"
#include "guest_exec.h"
#include "host_agent.h"
#include "macros.h"
#include "vm_registry.h"
#include "vmm_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL_MS 10000
#define STEP_MS 10
#define USAGE_STATUS 2 /* of lwx-vm: a name that the file has not, say */

_Static_assert(sizeof(struct lwx_error) == sizeof(struct err),
	       "messages fit whole");

/*
 * @child:  lwx-vm start, or 0
 * @pidfd:  of it, or -1
 * @said:   memory file with what it had to say, or -1
 * @events: connection that follows the VM's events, or NULL
 * @status: exit status of the last run, or -1
 */
struct lwx_vm {
	char *config;
	char *name;
	struct vm_registry *registry;
	pid_t child;
	int pidfd;
	int said;
	struct ctl_client *events;
	int status;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What is left until @end; -1: there is no end. */
static int left_ms(int64_t end)
{
	return end < 0 ? -1 : (int)MIN(MAX(end - now_ms(), 0), INT_MAX);
}

static int64_t end_of(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

static int tell(struct lwx_error *error, int rc, const struct err *err)
{
	if (!error || rc >= 0)
		return rc;
	error->code = rc;
	(void)snprintf(error->message, sizeof(error->message), "%s", err->msg);
	return rc;
}

static void close_run(struct lwx_vm *vm)
{
	ctl_client_destroy(vm->events);
	vm->events = NULL;
	if (vm->pidfd >= 0)
		(void)close(vm->pidfd);
	if (vm->said >= 0)
		(void)close(vm->said);
	vm->pidfd = vm->said = -1;
	vm->child = 0;
}

int lwx_vm_create(struct lwx_vm **out, const char *config, const char *name,
		  struct lwx_error *error)
{
	struct lwx_vm *vm = calloc(1, sizeof(*vm));
	struct err err;
	int rc;

	if (!vm)
		return tell(error, err_set(&err, -ENOMEM, "%s", name), &err);
	vm->pidfd = vm->said = vm->status = -1;
	vm->config = realpath(config, NULL);
	rc = vm->config ? 0 : err_set(&err, -errno, "%s", config);
	vm->name = strdup(name);
	if (!rc && !vm->name)
		rc = err_set(&err, -ENOMEM, "%s", name);
	if (!rc)
		rc = vm_registry_open(&vm->registry, &err);
	if (rc)
		lwx_vm_destroy(vm);
	else
		*out = vm;
	return tell(error, rc, &err);
}

void lwx_vm_destroy(struct lwx_vm *vm)
{
	if (!vm)
		return;
	(void)lwx_vm_kill(vm, NULL);
	close_run(vm);
	vm_registry_close(vm->registry);
	free(vm->config);
	free(vm->name);
	free(vm);
}

/* In the child; only what is safe after fork() of a program with threads. */
static void become_supervisor(char *const *argv, const char *program,
			      pid_t parent, int console, int said)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(VMM_STATUS_HOST_ENDED);
	(void)setpgid(0, 0); /* Ctrl-C is the caller's affair */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(console >= 0 ? console : null, STDOUT_FILENO) >= 0 &&
	    dup2(said, STDERR_FILENO) >= 0)
		(void)execvp(program, argv);
	_exit(VMM_STATUS_SETUP);
}

static int spawn(struct lwx_vm *vm, int console, struct err *err)
{
	static char lwx_vm[] = "lwx-vm", start[] = "start", end[] = "--";
	char *const argv[] = {lwx_vm, start, end, vm->config, vm->name, NULL};
	const char *chosen = getenv("LWX_VM");
	pid_t parent = getpid();

	vm->status = -1;
	vm->said = memfd_create("liblwx", MFD_CLOEXEC);
	if (vm->said < 0)
		return err_set(err, -errno, "%s", vm->name);
	vm->child = fork();
	if (vm->child == 0)
		become_supervisor(argv, chosen ? chosen : LWX_VM_PATH, parent,
				  console, vm->said);
	if (vm->child > 0)
		vm->pidfd = pidfd_open(vm->child, 0);
	if (vm->pidfd >= 0)
		return 0;
	(void)err_set(err, -errno, "%s: lwx-vm", vm->name);
	if (vm->child > 0) {
		(void)kill(vm->child, SIGKILL);
		(void)waitpid(vm->child, NULL, 0);
	}
	close_run(vm);
	return err->code;
}

/* Wait for the child's end. Return: whether it came. */
static bool wait_child(struct lwx_vm *vm, int timeout_ms)
{
	struct pollfd pfd = {.fd = vm->pidfd, .events = POLLIN};
	int64_t end = end_of(timeout_ms);
	int status, n;

	if (!vm->child)
		return true;
	do
		n = poll(&pfd, 1, left_ms(end));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	if (waitpid(vm->child, &status, 0) != vm->child)
		status = VMM_STATUS_FAULT << 8; /* somebody else took it */
	vm->status = WIFEXITED(status) ? WEXITSTATUS(status) : VMM_STATUS_FAULT;
	vm->child = 0;
	return true;
}

/* It has ended. Return: 0 if the VM ran, short as that was; or -EIO with the
 * first line that lwx-vm said, without its own name. */
static int judge_end(const struct lwx_vm *vm, struct err *err)
{
	static const char name[] = "lwx-vm: ";
	char text[sizeof(err->msg)];
	ssize_t n;
	const char *line = text;

	if (vm->status != VMM_STATUS_SETUP && vm->status != USAGE_STATUS)
		return 0;
	n = pread(vm->said, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, name, strlen(name)) == 0)
		line += strlen(name);
	return err_setx(err, -EIO, "%s",
			line[0] ? line : "lwx-vm start cannot be run");
}

static int follow(struct lwx_vm *vm, struct err *err)
{
	const struct ctl_field field = CTL_FIELD_BOOL("follow", true);
	int rc = vm_registry_connect(vm->registry, vm->name, &vm->events, err);

	if (!rc)
		rc = ctl_client_send(vm->events, "vm.events", &field, 1, err);
	return rc < 0 ? rc : 0;
}

/* Return: 1 and @msg, 0 after the time, or a negative errno with @err. */
static int next_event(struct lwx_vm *vm, struct ctl_message *msg,
		      int timeout_ms, struct err *err)
{
	int64_t end = end_of(timeout_ms);
	int rc;

	if (!vm->events)
		return err_setx(err, -ECONNRESET, "%s: does not run", vm->name);
	do
		rc = ctl_client_receive(vm->events, left_ms(end), msg, NULL,
					err);
	while (rc > 0 && msg->kind != CTL_EVENT);
	return rc;
}

/* Return: 0 once the event came, -ETIMEDOUT, or another negative errno. */
static int wait_event(struct lwx_vm *vm, const char *name, int timeout_ms,
		      struct err *err)
{
	struct ctl_message msg;
	int64_t end = end_of(timeout_ms);
	int rc;

	for (;;) {
		rc = next_event(vm, &msg, left_ms(end), err);
		if (rc == 0)
			return err_setx(err, -ETIMEDOUT, "%s: no %s in time",
					vm->name, name);
		if (rc < 0)
			return rc;
		if (strcmp(msg.name, name) == 0)
			return 0;
	}
}

/* On a connection of its own: no event is lost for lwx_vm_event(). */
static int wait_apart(struct lwx_vm *vm, const char *name, int timeout_ms,
		      struct err *err)
{
	struct ctl_client *mine = vm->events;
	int rc;

	vm->events = NULL;
	rc = follow(vm, err);
	if (rc == -ESRCH)
		rc = err_setx(err, -ECONNRESET, "%s: does not run", vm->name);
	if (!rc)
		rc = wait_event(vm, name, timeout_ms, err);
	ctl_client_destroy(vm->events);
	vm->events = mine;
	return rc;
}

/* Until its socket listens. Return: also 0 if it has ended before. */
static int wait_socket(struct lwx_vm *vm, int64_t end, struct err *err)
{
	for (;;) {
		if (wait_child(vm, STEP_MS))
			return judge_end(vm, err);
		if (!follow(vm, err))
			return 0;
		if (end >= 0 && now_ms() >= end)
			return err_setx(err, -ETIMEDOUT,
					"%s: not started in time", vm->name);
	}
}

int lwx_vm_start(struct lwx_vm *vm, int console, int timeout_ms,
		 struct lwx_error *error)
{
	int64_t end = end_of(timeout_ms);
	struct err err = {0};
	int rc;

	if (vm->child && !wait_child(vm, 0))
		return tell(
			error,
			err_setx(&err, -EBUSY, "%s: runs already", vm->name),
			&err);
	close_run(vm);
	rc = spawn(vm, console, &err);
	if (!rc)
		rc = wait_socket(vm, end, &err);
	if (!rc && vm->child)
		rc = wait_apart(vm, VMM_EVENT_STARTED, left_ms(end), &err);
	if (rc == -ECONNRESET && wait_child(vm, CALL_MS))
		rc = judge_end(vm, &err);
	if (rc)
		(void)lwx_vm_kill(vm, NULL);
	return tell(error, rc, &err);
}

int lwx_vm_event(struct lwx_vm *vm, struct lwx_event *event, int timeout_ms,
		 struct lwx_error *error)
{
	struct ctl_message msg;
	struct err err;
	const char *text;
	int rc = next_event(vm, &msg, timeout_ms, &err);

	if (rc <= 0)
		return tell(error, rc, &err);
	text = ctl_message_text(&msg, "message");
	(void)snprintf(event->name, sizeof(event->name), "%s", msg.name);
	(void)snprintf(event->message, sizeof(event->message), "%s",
		       text ? text : "");
	event->sequence = ctl_message_uint(&msg, "seq", 0);
	return 1;
}

int lwx_vm_wait_ready(struct lwx_vm *vm, int timeout_ms,
		      struct lwx_error *error)
{
	struct err err;

	return tell(error, wait_apart(vm, VMM_EVENT_READY, timeout_ms, &err),
		    &err);
}

static int open_agent(struct lwx_vm *vm, struct agent_stream **s,
		      struct err *err)
{
	return host_agent_open(s, vm->registry, vm->name, CALL_MS, err);
}

/* Who reads the output may go: that is told by EPIPE, not by a signal that ends
 * the caller. */
static void block_sigpipe(sigset_t *old, bool *pending)
{
	sigset_t set;

	(void)sigpending(&set);
	*pending = sigismember(&set, SIGPIPE) == 1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, old);
}

static void unblock_sigpipe(const sigset_t *old, bool pending)
{
	const struct timespec now = {0};
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	while (!pending && sigtimedwait(&set, NULL, &now) > 0)
		;
	(void)pthread_sigmask(SIG_SETMASK, old, NULL);
}

int lwx_vm_exec(struct lwx_vm *vm, const struct lwx_command *command,
		int *status, struct lwx_error *error)
{
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct guest_exec exec = {
		.argv = command->argv,
		.env = command->env,
		.dir = command->dir,
		.leave_signals = true,
		.in = command->in,
		.out = command->out >= 0 ? command->out : null,
		.errors = command->errors >= 0 ? command->errors : null,
	};
	struct agent_stream *s = NULL;
	sigset_t old;
	struct err err;
	bool pending;
	int rc = open_agent(vm, &s, &err);

	if (!rc) {
		block_sigpipe(&old, &pending);
		rc = guest_exec_run(s, &exec, status, &err);
		unblock_sigpipe(&old, pending);
	}
	agent_stream_destroy(s);
	return tell(error, rc, &err);
}

int lwx_vm_copy_in(struct lwx_vm *vm, const char *from, const char *to,
		   struct lwx_error *error)
{
	struct agent_stream *s = NULL;
	struct err err;
	int rc = open_agent(vm, &s, &err);

	if (!rc)
		rc = agent_files_put(s, from, to, &err);
	agent_stream_destroy(s);
	return tell(error, rc, &err);
}

int lwx_vm_copy_out(struct lwx_vm *vm, const char *from, const char *to,
		    struct lwx_error *error)
{
	struct agent_stream *s = NULL;
	struct err err;
	int rc = open_agent(vm, &s, &err);

	if (!rc)
		rc = agent_files_get(s, from, to, &err);
	agent_stream_destroy(s);
	return tell(error, rc, &err);
}

int lwx_vm_wait(struct lwx_vm *vm, int timeout_ms, int *status,
		struct lwx_error *error)
{
	struct err err;

	if (!wait_child(vm, timeout_ms))
		return tell(
			error,
			err_setx(&err, -ETIMEDOUT, "%s: still runs", vm->name),
			&err);
	if (vm->status < 0)
		return tell(
			error,
			err_setx(&err, -ESRCH, "%s: was not started", vm->name),
			&err);
	*status = vm->status;
	vm_registry_sweep(vm->registry); /* if the child was killed */
	return 0;
}

/* By its supervisor, which presses, waits and kills. */
int lwx_vm_stop(struct lwx_vm *vm, struct lwx_error *error)
{
	struct err err;

	if (!vm->child || wait_child(vm, 0))
		return 0;
	if (pidfd_send_signal(vm->pidfd, SIGTERM, NULL, 0))
		return tell(error, err_set(&err, -errno, "%s", vm->name), &err);
	return 0;
}

int lwx_vm_kill(struct lwx_vm *vm, struct lwx_error *error)
{
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	struct err err;

	if (!vm->child || wait_child(vm, 0))
		return 0;
	if (!vm_registry_connect(vm->registry, vm->name, &client, &err))
		(void)ctl_client_call(client, "vm.kill", NULL, 0, CALL_MS, &msg,
				      NULL, &err);
	ctl_client_destroy(client);
	/* The first says that this is the end, the second that it is now. */
	for (int i = 0; i < 2 && !wait_child(vm, i * 1000); i++)
		(void)pidfd_send_signal(vm->pidfd, SIGTERM, NULL, 0);
	if (!wait_child(vm, CALL_MS)) {
		(void)pidfd_send_signal(vm->pidfd, SIGKILL, NULL, 0);
		if (!wait_child(vm, CALL_MS))
			return tell(error,
				    err_setx(&err, -ETIMEDOUT,
					     "%s: does not end", vm->name),
				    &err);
	}
	vm_registry_sweep(vm->registry);
	return 0;
}

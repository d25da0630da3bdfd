/* payload_vm.c - run lwx-vmm with a payload guest. */
#include "payload_vm.h"

#include "cbor_rw.h"
#include "cleanup.h"
#include "macros.h"
#include "vmm_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PAYLOAD_MEMORY MIB(32)

extern char **environ;

void payload_require_kvm(void)
{
	AUTO_CLOSE int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const char *ci = getenv("CI");

	if (fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION)
		return;
	(void)fprintf(stderr, "payload tier: /dev/kvm: %s\n", strerror(errno));
	exit(ci && !strcmp(ci, "true") ? 1 : 77);
}

uint64_t payload_random(void)
{
	uint64_t value;

	assert_int_equal(getrandom(&value, sizeof(value), 0), sizeof(value));
	return value;
}

int payload_temp_file(off_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static char *copy(const char *text)
{
	char *copied = strdup(text);

	assert_non_null(copied);
	return copied;
}

void payload_vm_init(struct payload_vm *vm, const char *cmdline)
{
	memset(vm, 0, sizeof(*vm));
	vm_config_init(&vm->cfg);
	vm->pidfd = vm->console = vm->input = vm->lifeline = -1;
	vm->cfg.name = copy("payload");
	vm->cfg.uuid = copy("6c1c7e3e-0000-4000-8000-000000000001");
	vm->cfg.vcpus = 1;
	vm->cfg.memory.size = PAYLOAD_MEMORY;
	vm->cfg.announce = VM_ANNOUNCE_CMDLINE;
	vm->cfg.console_log = copy("pipe");
	vm->cfg.boot.kernel = copy(PAYLOAD_ELF);
	vm->cfg.boot.cmdline = copy(cmdline);
	vm->cfg.boot.kernel_fd = open(PAYLOAD_ELF, O_RDONLY | O_CLOEXEC);
	assert_true(vm->cfg.boot.kernel_fd >= 0);
}

struct vm_disk *payload_vm_add_disk(struct payload_vm *vm, int fd)
{
	struct vm_disk *disk = &vm->cfg.disks[vm->cfg.num_disks++];
	char name[32];

	(void)snprintf(name, sizeof(name), "disk of fd %d", fd);
	disk->path = copy(name);
	disk->format = copy("raw");
	disk->fd = fd;
	return disk;
}

struct vm_net *payload_vm_add_net(struct payload_vm *vm, enum vm_net_type type,
				  int fd)
{
	struct vm_net *net = &vm->cfg.nets[vm->cfg.num_nets++];

	*net = (struct vm_net){
		.type = type,
		.fd = fd,
		.mac = {0x52, 0x54, 0, 0, 0, (uint8_t)vm->cfg.num_nets},
		.has_mac = true,
	};
	return net;
}

void payload_vm_add_vsock(struct payload_vm *vm, const char *path)
{
	vm->cfg.vsock.cid = 3;
	vm->cfg.vsock.path = copy(path);
}

static int config_file(struct payload_vm *vm)
{
	AUTO_FREE uint8_t *bytes = malloc(CBOR_MESSAGE_MAX);
	int fd = memfd_create("config", MFD_CLOEXEC), len;
	struct err err = {0};

	assert_non_null(bytes);
	assert_true(fd >= 0);
	len = vm_config_encode(&vm->cfg, bytes, CBOR_MESSAGE_MAX, &err);
	if (len < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
	return fd;
}

/* A socket that listens at an address of the kernel's choice, and a client. */
static int control_socket(struct payload_vm *vm)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);
	int listening, client;
	struct err err = {0};

	listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(listening >= 0 && client >= 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listening, 4), 0);
	len = sizeof(address);
	assert_int_equal(
		getsockname(listening, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
	assert_int_equal(ctl_client_create(&vm->control, client, &err), 0);
	return listening;
}

/* Let the child have @fd under the same number. */
static void inherit(posix_spawn_file_actions_t *actions, int fd)
{
	if (fd >= 0)
		assert_int_equal(
			posix_spawn_file_actions_adddup2(actions, fd, fd), 0);
}

void payload_vm_start(struct payload_vm *vm)
{
	posix_spawn_file_actions_t actions;
	int lifeline[2], console[2];
	char numbers[3][12];
	char *argv[] = {(char[]){LWX_VMM}, (char[]){"--config-fd"},
			numbers[0],	   (char[]){"--control-fd"},
			numbers[1],	   (char[]){"--lifeline-fd"},
			numbers[2],	   NULL};

	assert_int_equal(pipe2(lifeline, O_CLOEXEC), 0);
	assert_int_equal(pipe2(console, O_CLOEXEC), 0);
	vm->cfg.console_log_fd = console[1];
	const int fds[] = {config_file(vm), control_socket(vm), lifeline[0]};

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%d", fds[i]);
		inherit(&actions, fds[i]);
	}
	inherit(&actions, vm->cfg.boot.kernel_fd);
	inherit(&actions, vm->cfg.boot.initrd_fd);
	inherit(&actions, vm->cfg.console_log_fd);
	for (size_t i = 0; i < vm->cfg.num_disks; i++)
		inherit(&actions, vm->cfg.disks[i].fd);
	for (size_t i = 0; i < vm->cfg.num_nets; i++)
		inherit(&actions, vm->cfg.nets[i].fd);
	assert_int_equal(
		posix_spawn(&vm->pid, LWX_VMM, &actions, NULL, argv, environ),
		0);
	(void)posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	(void)close(console[1]);
	vm->console = console[0];
	vm->lifeline = lifeline[1];
	vm->pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	assert_true(vm->pidfd >= 0);
}

/* Take what the console has. Return: false at its end. */
static bool read_console(struct payload_vm *vm)
{
	size_t room = PAYLOAD_OUTPUT_MAX - vm->output_len;
	ssize_t n;

	if (!room) { /* keep the newer half */
		room = PAYLOAD_OUTPUT_MAX / 2;
		memmove(vm->output, vm->output + room,
			PAYLOAD_OUTPUT_MAX - room);
		vm->output_len -= room;
	}
	n = read(vm->console, vm->output + vm->output_len, room);
	assert_true(n >= 0);
	if (!n)
		return false;
	vm->output_len += (size_t)n;
	vm->output[vm->output_len] = '\0';
	return true;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int payload_vm_wait(struct payload_vm *vm)
{
	const int64_t deadline = now_ms() + PAYLOAD_TIMEOUT_MS;
	struct pollfd fds[] = {
		{.fd = vm->pidfd, .events = POLLIN},
		{.fd = vm->console, .events = POLLIN},
	};
	int status;

	while (!(fds[0].revents & POLLIN)) {
		if (now_ms() > deadline)
			fail_msg("the VM does not end; output: %s", vm->output);
		(void)poll(fds, ARRAY_SIZE(fds), 1000);
		if (fds[1].revents && !read_console(vm))
			fds[1].fd = -1;
	}
	if (fds[1].fd >= 0)
		while (read_console(vm))
			;
	assert_int_equal(waitpid(vm->pid, &status, 0), vm->pid);
	vm->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

int payload_vm_run(struct payload_vm *vm)
{
	int status;

	payload_vm_start(vm);
	status = payload_vm_wait(vm);
	payload_vm_fini(vm);
	return status;
}

void payload_vm_expect(struct payload_vm *vm, const char *text)
{
	const int64_t deadline = now_ms() + PAYLOAD_TIMEOUT_MS;
	struct pollfd fd = {.fd = vm->console, .events = POLLIN};

	while (!strstr(vm->output, text)) {
		if (now_ms() > deadline ||
		    (poll(&fd, 1, 1000) == 1 && !read_console(vm)))
			fail_msg("\"%s\" was not printed, but: %s", text,
				 vm->output);
	}
}

void payload_vm_drain_output(struct payload_vm *vm)
{
	struct pollfd fd = {.fd = vm->console, .events = POLLIN};

	while (poll(&fd, 1, 0) == 1 && read_console(vm))
		;
}

void payload_vm_expect_more(struct payload_vm *vm)
{
	struct pollfd fd = {.fd = vm->console, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, PAYLOAD_TIMEOUT_MS), 1);
	assert_true(read_console(vm));
}

void payload_vm_type(struct payload_vm *vm, const char *text)
{
	struct ctl_message reply;
	struct err err = {0};

	if (vm->input < 0 &&
	    ctl_client_call(vm->control, "vm.console", NULL, 0,
			    PAYLOAD_TIMEOUT_MS, &reply, &vm->input, &err))
		fail_msg("vm.console: %s", err.msg);
	assert_int_equal(write(vm->input, text, strlen(text)), strlen(text));
}

void payload_vm_call_with(struct payload_vm *vm, const char *verb,
			  const struct ctl_field *fields,
			  unsigned int num_fields, struct ctl_message *reply)
{
	struct err err = {0};

	if (ctl_client_call(vm->control, verb, fields, num_fields,
			    PAYLOAD_TIMEOUT_MS, reply, NULL, &err))
		fail_msg("%s: %s", verb, err.msg);
}

void payload_vm_call(struct payload_vm *vm, const char *verb,
		     struct ctl_message *reply)
{
	payload_vm_call_with(vm, verb, NULL, 0, reply);
}

uint64_t payload_vm_metric(struct payload_vm *vm, const char *name,
			   const char *labels)
{
	static char text[65536];
	struct ctl_message reply;
	AUTO_CLOSE int fd = -1;
	struct err err = {0};
	const char *line;
	char start[160];
	ssize_t n;

	if (ctl_client_call(vm->control, "vm.metrics", NULL, 0,
			    PAYLOAD_TIMEOUT_MS, &reply, &fd, &err))
		fail_msg("vm.metrics: %s", err.msg);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	(void)snprintf(start, sizeof(start), "\n%s{vm=\"payload\"%s%s} ", name,
		       *labels ? "," : "", labels);
	line = strstr(text, start);
	if (!line)
		fail_msg("no%sin:\n%s", start, text);
	return line ? strtoull(line + strlen(start), NULL, 10) : 0;
}

void payload_vm_follow(struct payload_vm *vm)
{
	const struct ctl_field follow = CTL_FIELD_BOOL("follow", true);
	struct ctl_message reply;

	payload_vm_call_with(vm, "vm.events", &follow, 1, &reply);
}

const char *payload_vm_reason(struct payload_vm *vm)
{
	struct ctl_message msg = {.name = ""};
	struct err err = {0};

	while (ctl_client_receive(vm->control, PAYLOAD_TIMEOUT_MS, &msg, NULL,
				  &err) == 1)
		if (msg.kind == CTL_EVENT &&
		    !strcmp(msg.name, VMM_EVENT_STOPPED))
			(void)snprintf(vm->reason, sizeof(vm->reason), "%s",
				       ctl_message_text(&msg, "reason"));
	return vm->reason;
}

void payload_vm_fini(struct payload_vm *vm)
{
	if (vm->pid) {
		(void)kill(vm->pid, SIGKILL);
		(void)waitpid(vm->pid, NULL, 0);
		vm->pid = 0;
	}
	ctl_client_destroy(vm->control);
	vm->control = NULL;
	if (vm->pidfd >= 0)
		(void)close(vm->pidfd);
	if (vm->console >= 0)
		(void)close(vm->console);
	if (vm->input >= 0)
		(void)close(vm->input);
	if (vm->lifeline >= 0)
		(void)close(vm->lifeline);
	if (vm->cfg.boot.kernel_fd >= 0)
		(void)close(vm->cfg.boot.kernel_fd);
	vm->pidfd = vm->console = vm->input = vm->lifeline = -1;
	vm->cfg.boot.kernel_fd = -1;
	vm_config_fini(&vm->cfg);
}

/* bench_guest.c - start one guest under lwx-vmm or under a peer. */
#include "bench_guest.h"

#include "cbor_rw.h"
#include "cleanup.h"
#include "macros.h"
#include "vm_config.h"
#include "vm_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 64
#define BENCH_UUID "6ba7b810-9dad-41d1-80b4-00c04fd430c8"

/** struct command - an argument vector under construction; no allocation */
struct command {
	const char *argv[ARGS_MAX];
	size_t argc;
	char numbers[4][32];
	char path[1024];
	char drive[1200];
	char net[64];
};

const char *bench_vmm_name(enum bench_vmm vmm)
{
	static const char *const names[] = {
		[BENCH_LWX] = "lwx-vmm",
		[BENCH_QEMU] = "QEMU microvm",
	};
	_Static_assert(ARRAY_SIZE(names) == BENCH_VMMS, "a name for each");

	return names[vmm];
}

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void add(struct command *cmd, const char *arg)
{
	if (cmd->argc < ARGS_MAX - 1)
		cmd->argv[cmd->argc++] = arg;
}

static void add_trace(struct command *cmd, const struct bench_guest_config *cfg)
{
	if (!cfg->trace)
		return;
	add(cmd, "strace");
	add(cmd, "-f");
	add(cmd, "-qq");
	add(cmd, "-o");
	add(cmd, cfg->trace);
}

static void qemu_disk(struct command *cmd, const struct bench_guest_config *cfg)
{
	(void)snprintf(cmd->drive, sizeof(cmd->drive),
		       "if=none,id=disk0,format=raw,file=%s,cache=%s,aio=%s",
		       cfg->disk, cfg->direct ? "none" : "writeback", cfg->aio);
	add(cmd, "-drive");
	add(cmd, cmd->drive);
	if (cfg->iothread) {
		add(cmd, "-object");
		add(cmd, "iothread,id=io0");
	}
	add(cmd, "-device");
	add(cmd, cfg->iothread ? "virtio-blk-device,drive=disk0,iothread=io0"
			       : "virtio-blk-device,drive=disk0");
}

static void qemu_net(struct command *cmd, const struct bench_guest_config *cfg)
{
	(void)snprintf(cmd->net, sizeof(cmd->net), "%s,id=net0,fd=%d",
		       cfg->net_stream ? "socket" : "tap", cfg->net_fd);
	add(cmd, "-netdev");
	add(cmd, cmd->net);
	add(cmd, "-device");
	add(cmd, "virtio-net-device,netdev=net0");
}

static void qemu_command(struct command *cmd,
			 const struct bench_guest_config *cfg)
{
	add_trace(cmd, cfg);
	add(cmd, "qemu-system-x86_64");
	add(cmd, "-nodefaults");
	add(cmd, "-no-user-config");
	add(cmd, "-no-reboot");
	add(cmd, "-display");
	add(cmd, "none");
	add(cmd, "-serial");
	add(cmd, "stdio");
	add(cmd, "-device");
	add(cmd, "isa-debug-exit,iobase=0x604,iosize=1");
	add(cmd, "-machine");
	add(cmd, cfg->acpi ? "microvm,accel=kvm,rtc=on"
			   : "microvm,accel=kvm,acpi=off,pit=off,pic=off");
	add(cmd, "-cpu");
	/* A KVM that emulates may refuse this MSR, which QEMU does not survive.
	 */
	add(cmd, "host,-arch-capabilities");
	(void)snprintf(cmd->numbers[0], sizeof(cmd->numbers[0]), "%llu",
		       (unsigned long long)(cfg->memory >> 20));
	add(cmd, "-m");
	add(cmd, cmd->numbers[0]);
	add(cmd, "-kernel");
	add(cmd, cfg->kernel);
	if (cfg->initrd) {
		add(cmd, "-initrd");
		add(cmd, cfg->initrd);
	}
	add(cmd, "-append");
	add(cmd, cfg->cmdline);
	/* Virtio 1, as lwx-vmm has it; vCPU threads that can be told apart. */
	add(cmd, "-global");
	add(cmd, "virtio-mmio.force-legacy=false");
	add(cmd, "-name");
	add(cmd, "bench,debug-threads=on");
	if (cfg->disk)
		qemu_disk(cmd, cfg);
	if (cfg->net_fd)
		qemu_net(cmd, cfg);
	if (cfg->control_fd) {
		(void)snprintf(cmd->numbers[1], sizeof(cmd->numbers[1]),
			       "socket,id=qmp,fd=%d", cfg->control_fd);
		add(cmd, "-chardev");
		add(cmd, cmd->numbers[1]);
		add(cmd, "-mon");
		add(cmd, "chardev=qmp,mode=control");
	}
}

static int open_inheritable(const char *path, int flags, struct err *err)
{
	int fd = open(path, flags); /* lwx-vmm gets it by number */

	return fd < 0 ? err_set(err, -errno, "%s", path) : fd;
}

static int add_disk(struct vm_config *vm, const struct bench_guest_config *cfg,
		    struct err *err)
{
	static char path[] = "disk", format[] = "raw";
	struct vm_disk *disk = &vm->disks[vm->num_disks++];

	*disk = (struct vm_disk){
		.path = path,
		.format = format,
		.direct = cfg->direct,
		.block_size = 512,
		.queues = 1,
		.queue_size = 256,
	};
	disk->fd = open_inheritable(cfg->disk,
				    O_RDWR | (cfg->direct ? O_DIRECT : 0), err);
	return MIN(disk->fd, 0);
}

static void add_net(struct vm_config *vm, const struct bench_guest_config *cfg)
{
	vm->nets[vm->num_nets++] = (struct vm_net){
		.type = cfg->net_stream ? VM_NET_PASST : VM_NET_TAP,
		.fd = cfg->net_fd,
		.mac = {0x52, 0x54, 0, 0, 0, 1},
		.has_mac = true,
	};
}

/* Fill the configuration; the strings are borrowed, so nothing is freed. */
static int fill_config(struct vm_config *vm,
		       const struct bench_guest_config *cfg, char *name,
		       char *uuid, int console_fd, struct err *err)
{
	vm_config_init(vm);
	vm->name = name;
	vm->uuid = uuid;
	vm->vcpus = 1;
	vm->memory.size = cfg->memory;
	vm->announce = cfg->acpi ? VM_ANNOUNCE_ACPI : VM_ANNOUNCE_CMDLINE;
	vm->poll_us = cfg->poll_us;
	vm->console_log_fd = console_fd;
	vm->boot.kernel_fd = open_inheritable(cfg->kernel, O_RDONLY, err);
	if (vm->boot.kernel_fd < 0)
		return vm->boot.kernel_fd;
	if (cfg->initrd) {
		vm->boot.initrd_fd =
			open_inheritable(cfg->initrd, O_RDONLY, err);
		if (vm->boot.initrd_fd < 0)
			return vm->boot.initrd_fd;
	}
	if (cfg->net_fd)
		add_net(vm, cfg);
	return cfg->disk ? add_disk(vm, cfg, err) : 0;
}

static int config_memfd(const struct bench_guest_config *cfg, int console_fd,
			struct err *err)
{
	AUTO_FREE uint8_t *cbor = malloc(CBOR_MESSAGE_MAX);
	AUTO_CLOSE int fd = memfd_create("config", 0);
	AUTO_FREE char *kernel = strdup(cfg->kernel);
	AUTO_FREE char *initrd = cfg->initrd ? strdup(cfg->initrd) : NULL;
	AUTO_FREE char *cmdline = strdup(cfg->cmdline);
	AUTO_FREE char *vsock = cfg->vsock ? strdup(cfg->vsock) : NULL;
	char name[] = "bench", uuid[] = BENCH_UUID;
	char log[] = "console";
	struct vm_config vm;
	int len;

	if (!cbor || fd < 0 || !kernel || !cmdline ||
	    (cfg->initrd && !initrd) || (cfg->vsock && !vsock))
		return err_set(err, -ENOMEM, "configuration");
	len = fill_config(&vm, cfg, name, uuid, console_fd, err);
	if (len < 0)
		return len;
	vm.boot.kernel = kernel;
	vm.boot.initrd = initrd;
	vm.boot.cmdline = cmdline;
	vm.console_log = log;
	vm.vsock.cid = vsock ? 3 : 0;
	vm.vsock.path = vsock;
	len = vm_config_encode(&vm, cbor, CBOR_MESSAGE_MAX, err);
	if (len < 0)
		return len;
	if (write(fd, cbor, (size_t)len) != len || lseek(fd, 0, SEEK_SET))
		return err_set(err, -EIO, "configuration");
	return steal_fd(&fd);
}

/* A control socket that nobody will call: bound to an abstract address. */
static int control_socket(struct err *err)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)) ||
	    listen(fd, 1))
		return err_set(err, -errno, "control socket");
	return steal_fd(&fd);
}

static int lwx_command(struct command *cmd,
		       const struct bench_guest_config *cfg, int console_fd,
		       struct err *err)
{
	int rc, config_fd, control_fd;

	rc = vm_process_find(cmd->path, sizeof(cmd->path), err);
	if (rc)
		return rc;
	config_fd = config_memfd(cfg, console_fd, err);
	if (config_fd < 0)
		return config_fd;
	control_fd = cfg->control_fd ? cfg->control_fd : control_socket(err);
	if (control_fd < 0)
		return control_fd;
	(void)snprintf(cmd->numbers[0], sizeof(cmd->numbers[0]), "%d",
		       config_fd);
	(void)snprintf(cmd->numbers[1], sizeof(cmd->numbers[1]), "%d",
		       control_fd);
	add_trace(cmd, cfg);
	add(cmd, cmd->path);
	add(cmd, "--config-fd");
	add(cmd, cmd->numbers[0]);
	add(cmd, "--control-fd");
	add(cmd, cmd->numbers[1]);
	return 0;
}

/* In the child: files are opened here, so that the parent's table stays as it
 * is from guest to guest. */
_Noreturn static void exec_guest(enum bench_vmm vmm,
				 const struct bench_guest_config *cfg,
				 int console_fd)
{
	static struct command cmd; /* once: exec follows */
	struct err err = {0};

	(void)dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
	if (cfg->net_fd)
		(void)fcntl(cfg->net_fd, F_SETFD, 0);
	if (cfg->control_fd)
		(void)fcntl(cfg->control_fd, F_SETFD, 0);
	if (vmm == BENCH_QEMU) {
		(void)dup2(console_fd, STDOUT_FILENO);
		qemu_command(&cmd, cfg);
	} else if (lwx_command(&cmd, cfg, console_fd, &err)) {
		(void)fprintf(stderr, "lwx-bench: %s\n", err.msg);
		_exit(127);
	}
	(void)execvp(cmd.argv[0], (char *const *)(uintptr_t)cmd.argv);
	(void)fprintf(stderr, "lwx-bench: %s: %s\n", cmd.argv[0],
		      strerror(errno));
	_exit(127);
}

int bench_guest_start(struct bench_guest *guest, enum bench_vmm vmm,
		      const struct bench_guest_config *cfg, struct err *err)
{
	int ends[2];

	if (pipe2(ends, 0))
		return err_set(err, -errno, "pipe");
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	guest->started_ns = bench_now_ns();
	guest->pid = fork();
	if (!guest->pid)
		exec_guest(vmm, cfg, ends[1]);
	(void)close(ends[1]);
	if (guest->pid < 0) {
		(void)close(ends[0]);
		return err_set(err, -errno, "fork");
	}
	guest->console = ends[0];
	return 0;
}

int bench_guest_wait_text(struct bench_guest *guest, const char *text,
			  uint64_t *at_ns)
{
	size_t matched = 0;
	char c;

	while (text[matched]) {
		ssize_t n = read(guest->console, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		if (c == text[matched])
			matched++;
		else
			matched = c == text[0];
	}
	*at_ns = bench_now_ns();
	return 0;
}

int bench_guest_read_line(struct bench_guest *guest, char *line, size_t size)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(guest->console, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		line[len] = '\0';
		if (n <= 0)
			return -EPIPE;
		if (c == '\n')
			return 0;
		if (len < size - 1)
			line[len++] = c;
	}
}

int bench_guest_wait_end(struct bench_guest *guest, uint64_t *cpu_ns)
{
	struct rusage usage;
	int status;

	while (wait4(guest->pid, &status, 0, &usage) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	(void)close(guest->console);
	*cpu_ns = ((uint64_t)usage.ru_utime.tv_sec +
		   (uint64_t)usage.ru_stime.tv_sec) *
			  1000000000ULL +
		  ((uint64_t)usage.ru_utime.tv_usec +
		   (uint64_t)usage.ru_stime.tv_usec) *
			  1000ULL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

void bench_guest_kill(struct bench_guest *guest)
{
	uint64_t cpu_ns;

	(void)kill(guest->pid, SIGKILL);
	(void)bench_guest_wait_end(guest, &cpu_ns);
}

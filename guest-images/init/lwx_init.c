/*
 * lwx_init.c - lwx-init: process 1 of a Layerworx image, and the client that
 * talks to it. One thread.
 *
 * Boot: file systems, drivers, names, metadata, network; volumes; onboot
 * containers one after another; services, looked after until the machine is
 * turned off. What goes wrong is said on the console and never ends process 1,
 * but for a command line that asks for what this system does not have.
 */
#include "agent_service.h"
#include "cmdline.h"
#include "container.h"
#include "control.h"
#include "files.h"
#include "loop.h"
#include "machine.h"
#include "metadata.h"
#include "modules.h"
#include "mounts.h"
#include "network.h"
#include "power.h"
#include "process.h"
#include "say.h"
#include "service.h"
#include "volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define GETTY_PAUSE_MS 1000

static const char usage[] =
	"usage: lwx-init ctl COMMAND      talk to process 1: see ctl --help\n"
	"       lwx-init service COMMAND  the same\n"
	"       lwx-init --help | --version\n"
	"\n"
	"As process 1 it boots the machine: lwx-init(8).\n";

static struct cmdline cmdline;
static struct child getty;
static uint64_t getty_due_ms;

/* Somebody's Ctrl-S is not to stop process 1. */
static void free_console(void)
{
	int fd = STDOUT_FILENO;
	struct termios terminal;

	if (tcgetattr(fd, &terminal))
		return;
	terminal.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	(void)tcsetattr(fd, TCSANOW, &terminal);
}

/* Only if it is asked for: there is no login by default. */
static void keep_getty(void)
{
	const char *wish = cmdline_get(&cmdline, "lwx.getty");
	bool busybox = access("/sbin/agetty", X_OK) != 0;
	char name[] = "getty";
	char agetty[] = "agetty";
	char local[] = "-L";
	char speed[] = "0";
	char type[] = "vt100";
	char tty[64];
	char *argv[] = {busybox ? name : agetty, local, speed, tty, type, NULL};
	char *other[] = {agetty, local, tty, type, NULL};
	pid_t pid;

	if (!wish || (getty.pid && !getty.done) || loop_now_ms() < getty_due_ms)
		return;
	if (getty.pid)
		child_forget(&getty);
	(void)snprintf(tty, sizeof(tty), "%s", *wish ? wish : "console");
	getty_due_ms = loop_now_ms() + GETTY_PAUSE_MS;
	pid = process_spawn(busybox ? argv : other, -1);
	if (pid > 0)
		child_watch(&getty, pid);
}

static void reached(const char *step)
{
	say_mark(step);
	say_step("end", "init", step);
}

static int prepare(void)
{
	char text[CMDLINE_BYTES_MAX];
	bool contained;

	(void)umask(022);
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	contained = mounts_early();
	(void)file_read("/proc/cmdline", text, sizeof(text));
	cmdline_parse(&cmdline, text);
	/* Or the kernel drops what is said quickly. */
	(void)file_put("/proc/sys/kernel/printk_devkmsg", "on");
	if (contained)
		power_contained();
	else
		mounts_root(cmdline_writable(&cmdline));
	free_console();
	reached("mounts");
	if (loop_init())
		say_errno("signals");
	if (strcmp(cmdline_get(&cmdline, "linuxkit.unified_cgroup_hierarchy")
			   ? cmdline_get(&cmdline,
					 "linuxkit.unified_cgroup_hierarchy")
			   : "",
		   "0") == 0) {
		say_error("linuxkit.unified_cgroup_hierarchy=0 asks for cgroup "
			  "v1, which this system does not have: take it off "
			  "the command line");
		return -1;
	}
	mounts_cgroup();
	machine_limits();
	if (!contained) {
		modules_load();
		reached("modules");
		machine_clock();
		machine_sysctl();
		power_buttons();
		modules_listen();
	}
	metadata_load(&cmdline);
	machine_hostname(&cmdline);
	say_step("end", "init", "metadata");
	if (!contained) {
		network_start(&cmdline);
		reached("network");
	}
	return 0;
}

static void run(void)
{
	const char *agent = cmdline_get(&cmdline, "lwx.agent");
	bool with_agent = !agent || strcmp(agent, "off") != 0;
	bool loud = cmdline_on(&cmdline, "linuxkit.runc_console") ||
		    cmdline_on(&cmdline, "lwx.console");

	container_debug(cmdline_on(&cmdline, "linuxkit.runc_debug"));
	volumes_mount();
	say_step("end", "init", "volumes");
	control_listen();
	(void)container_run_all("/containers/onboot", -1);
	reached("onboot");
	if (!power_wanted())
		services_init(loud);
	while (!power_wanted()) {
		int wait = services_step();

		if (with_agent)
			wait = agent_service_step(wait);
		keep_getty();
		if (getty.pid && wait > GETTY_PAUSE_MS)
			wait = GETTY_PAUSE_MS;
		if (!power_wanted())
			loop_wait(wait, true);
	}
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];

	if (getenv(NETWORK_DHCP_ENV) && argc >= 2)
		return network_dhcp_event(argv[1]);
	if (strcmp(name, "service") == 0)
		return control_main(argc - 1, argv + 1);
	if (strcmp(name, "poweroff") == 0 || strcmp(name, "reboot") == 0 ||
	    strcmp(name, "halt") == 0) {
		char *verb[] = {(char *)(uintptr_t)name, NULL};

		return control_main(1, verb);
	}
	if (argc >= 2 &&
	    (strcmp(argv[1], "ctl") == 0 || strcmp(argv[1], "service") == 0))
		return control_main(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("lwx-init %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (getpid() != 1) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		(void)fputs(usage, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	if (prepare())
		return 1;
	run();
	power_down();
	return 0;
}

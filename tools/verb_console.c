/* verb_console.c - lwx-vm console: type at a VM. */
#include "lwx_vm.h"

#include "cleanup.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#define ESCAPE 0x1d /* Ctrl-] */
#define LOG_IDLE_MS 300
#define IDLE_MAX_S 1000000

static struct termios saved_termios;

static int raw_mode(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved_termios))
		return -errno;
	raw = saved_termios;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return -errno;
	return 0;
}

static int write_fd(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Return: 1 to go on, 0 at the end of the VM, or a negative errno. */
static int copy_output(int console)
{
	char buf[4096];
	ssize_t n = read(console, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0)
		return 0; /* ECONNRESET: our input was not read to its end */
	n = write_fd(STDOUT_FILENO, buf, (size_t)n);
	return n < 0 ? (int)n : 1;
}

/* Return: 1 to go on, 0 after the escape, or a negative errno. @ended is set
 * at the end of stdin: output goes on. */
static int copy_input(int console, bool tty, bool *ended)
{
	char buf[1024];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
	const char *escape;
	size_t len;

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	*ended = n == 0;
	len = (size_t)n;
	escape = tty ? memchr(buf, ESCAPE, len) : NULL;
	if (escape)
		len = (size_t)(escape - buf);
	/* A VM that has just gone is noticed by its output. */
	(void)write_fd(console, buf, len);
	return escape ? 0 : 1;
}

/* @idle_ms: leave when nothing came for so long after the end of stdin; -1:
 * stay. */
static int talk(int console, bool tty, int idle_ms)
{
	struct pollfd pfds[] = {
		{.fd = console, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	bool ended = false;
	int rc = 1;

	while (rc > 0) {
		int num = poll(pfds, 2, ended ? idle_ms : -1);

		if (num == 0)
			return 0;
		if (num < 0)
			continue;
		if (pfds[0].revents)
			rc = copy_output(console);
		if (rc > 0 && pfds[1].revents)
			rc = copy_input(console, tty, &ended);
		if (ended)
			pfds[1].fd = -1;
	}
	return rc;
}

static int attach(const char *name, int idle_ms)
{
	bool tty = isatty(STDIN_FILENO);
	struct err err;
	AUTO_CLOSE int console = lwx_call_fd(name, "vm.console", NULL, 0, &err);
	int rc;

	if (console < 0)
		return lwx_fail(&err);
	(void)signal(SIGPIPE, SIG_IGN);
	if (tty) {
		lwx_complain("connected to %s, Ctrl-] leaves", name);
		rc = raw_mode();
		if (rc) {
			lwx_complain("terminal: %s", strerror(-rc));
			return LWX_EXIT_FAILURE;
		}
	}
	rc = talk(console, tty, idle_ms);
	if (tty) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
		(void)write_fd(STDOUT_FILENO, "\n", 1);
	}
	if (rc < 0)
		lwx_complain("%s: console: %s", name, strerror(-rc));
	return rc < 0 ? LWX_EXIT_FAILURE : LWX_EXIT_OK;
}

/* The VM keeps the end of what was printed and gives it to a new client. */
static int print_log(const char *name)
{
	struct err err;
	AUTO_CLOSE int console = lwx_call_fd(name, "vm.console", NULL, 0, &err);
	struct pollfd pfd = {.fd = console, .events = POLLIN};
	int rc = 1;

	if (console < 0)
		return lwx_fail(&err);
	while (rc > 0 && poll(&pfd, 1, LOG_IDLE_MS) > 0)
		rc = copy_output(console);
	return rc < 0 ? LWX_EXIT_FAILURE : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"idle", required_argument, NULL, 'i'},
		{"log", no_argument, NULL, 'l'},
		{0},
	};
	double idle = -1;
	bool log = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'l')
			log = true;
		else if (c != 'i')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		else if (lwx_seconds(optarg, &idle) || idle > IDLE_MAX_S)
			return lwx_usage_error(
				verb, "--idle %s: need seconds, at most %d",
				optarg, IDLE_MAX_S);
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return log ? print_log(argv[optind])
		   : attach(argv[optind], idle < 0 ? -1 : (int)(idle * 1000));
}

const struct lwx_verb lwx_verb_console = {
	.name = "console",
	.usage = "[--idle SECONDS] [--log] NAME",
	.summary = "Talk to a VM's console; Ctrl-] leaves.",
	.help = "Starts with the last 64 KiB that the console printed. Several "
		"may be connected\n"
		"at once. Ctrl-] leaves a terminal; all other keys, Ctrl-C "
		"included, go to the\n"
		"guest. When stdin is no terminal it is passed on as it is, "
		"and the end of it\n"
		"does not end the output, unless --idle says when.\n"
		"\n"
		"  --idle SECONDS  leave when stdin has ended and nothing was "
		"printed for so long\n"
		"  --log  print what the console has printed (the last 64 KiB) "
		"and return;\n"
		"         host.cfg's console_log keeps all of it in a file\n",
	.run = run,
};

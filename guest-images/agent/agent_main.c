/* agent_main.c - lwx-agent: the command line. */
#include "agent.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void usage(FILE *to)
{
	(void)fputs(
		"Usage: lwx-agent [--wait] [--run-dir DIR] [--sockets FILE] "
		"[--unix PATH]\n"
		"       lwx-agent --version | --help\n"
		"\n"
		"Runs in a guest and does what lwx-vm exec, shell and cp ask "
		"for, over vsock\n"
		"port 1024. It tells the host when it is ready.\n"
		"\n"
		"  --wait         tell it once lwx-init has started all "
		"services\n"
		"  --run-dir DIR  of lwx-init (" AGENT_RUN_DIR ")\n"
		"  --sockets FILE what unix sockets lwx-vm forward may reach, "
		"a "
		"path a line\n"
		"                 (" AGENT_SOCKETS
		"), beside those of container "
		"engines\n"
		"  --unix PATH    listen on a unix socket instead\n"
		"  --version      print the version\n"
		"  --help         print this text\n",
		to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"wait", no_argument, NULL, 'w'},
		{"run-dir", required_argument, NULL, 'r'},
		{"sockets", required_argument, NULL, 's'},
		{"unix", required_argument, NULL, 'u'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct agent_options agent = {.run_dir = AGENT_RUN_DIR,
				      .sockets = AGENT_SOCKETS};
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			agent.unix_path = optarg;
			break;
		case 'r':
			agent.run_dir = optarg;
			break;
		case 's':
			agent.sockets = optarg;
			break;
		case 'w':
			agent.wait = true;
			break;
		case 'v':
			(void)puts("lwx-agent " PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	if (agent_serve(&agent, &err)) {
		(void)fprintf(stderr, "lwx-agent: %s\n", err.msg);
		return 1;
	}
	if (agent.unix_path)
		(void)unlink(agent.unix_path);
	return 0;
}

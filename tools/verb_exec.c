/* verb_exec.c - lwx-vm exec and shell: commands in a running VM. */
#include "lwx_vm.h"

#include "cleanup.h"
#include "guest_exec.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* As a shell has them, for what is no status of a command. */
enum exec_status {
	EXEC_FAILED = 125,  /* VM or agent */
	EXEC_NOT_RUN = 126, /* found, but cannot be run */
	EXEC_NOT_FOUND = 127,
};

#define ENV_MAX 256
#define TERM_SIZE 128

static int exec_status(const char *name, bool connected, const struct err *err)
{
	if (connected && err->code != -ECONNRESET && err->code != -EPROTO) {
		lwx_complain("%s: %s", name, err->msg);
		return err->code == -ENOENT ? EXEC_NOT_FOUND : EXEC_NOT_RUN;
	}
	lwx_complain("%s", err->msg);
	return EXEC_FAILED;
}

static int execute(const char *name, const struct guest_exec *cfg)
{
	struct agent_stream *s = NULL;
	struct err err;
	int status = EXEC_FAILED;
	int rc = lwx_agent(name, &s, &err);

	(void)signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = guest_exec_run(s, cfg, &status, &err);
	if (rc)
		status = exec_status(name, s != NULL, &err);
	agent_stream_destroy(s);
	return status;
}

/* The terminal's kind goes with it. */
static void put_term(char **env, size_t *num, char *term, size_t size)
{
	const char *kind = getenv("TERM");

	if (!kind)
		return;
	(void)snprintf(term, size, "TERM=%s", kind);
	env[(*num)++] = term;
}

static int run_exec(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"tty", no_argument, NULL, 't'},
		{"no-stdin", no_argument, NULL, 'n'},
		{"env", required_argument, NULL, 'e'},
		{"dir", required_argument, NULL, 'w'},
		{0},
	};
	char *env[ENV_MAX + 2] = {NULL};
	struct guest_exec cfg = {
		.env = env,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.errors = STDERR_FILENO,
	};
	char term[TERM_SIZE];
	size_t num = 0;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+tne:w:", options, NULL)) >= 0) {
		if (c == 't')
			cfg.tty = true;
		else if (c == 'n')
			cfg.in = -1;
		else if (c == 'w')
			cfg.dir = optarg;
		else if (c != 'e')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		else if (num == ENV_MAX || !strchr(optarg, '='))
			return lwx_usage_error(
				verb, "--env %s: need NAME=VALUE", optarg);
		else
			env[num++] = optarg;
	}
	if (optind + 2 > argc)
		return lwx_usage_error(verb, "which VM, and which command?");
	if (cfg.tty)
		put_term(env, &num, term, sizeof(term));
	cfg.argv = argv + optind + 1;
	if (strcmp(cfg.argv[0], "--") == 0 && !*++cfg.argv)
		return lwx_usage_error(verb, "which command?");
	return execute(argv[optind], &cfg);
}

static int run_shell(const struct lwx_verb *verb, int argc, char **argv)
{
	static char sh[] = "/bin/sh", c[] = "-c",
		    script[] = "command -v bash >/dev/null && exec bash -l; "
			       "exec sh -l";
	static char *const shell[] = {sh, c, script, NULL};
	char *env[2] = {NULL};
	struct guest_exec cfg = {
		.argv = shell,
		.env = env,
		.tty = true,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.errors = STDERR_FILENO,
	};
	char term[TERM_SIZE];
	size_t num = 0;

	if (argc != 2 || argv[1][0] == '-')
		return lwx_usage_error(verb, "which VM?");
	put_term(env, &num, term, sizeof(term));
	return execute(argv[1], &cfg);
}

const struct lwx_verb lwx_verb_exec = {
	.name = "exec",
	.usage = "[-t] [-n] [--env NAME=VALUE]... [--dir DIR] NAME [--] "
		 "COMMAND [ARGUMENT...]",
	.summary = "Run a command in a VM and return its exit status.",
	.help = "lwx-agent must run in the guest, and the VM have a vsock. "
		"Input, output and\n"
		"errors are passed on apart; so are SIGINT, SIGTERM, SIGHUP, "
		"SIGQUIT, SIGUSR1 and\n"
		"SIGUSR2. If the connection ends, so does the command.\n"
		"\n"
		"  -t, --tty              give it a terminal, of the size of "
		"ours\n"
		"  -n, --no-stdin         it has nothing to read\n"
		"  -e, --env NAME=VALUE   a variable of its environment\n"
		"  -w, --dir DIR          where it works\n"
		"\n"
		"Exit status: that of the command; 128 and the number of the "
		"signal that ended\n"
		"it; 127: not found; 126: cannot be run; 125: the VM or its "
		"agent failed.\n",
	.run = run_exec,
};

const struct lwx_verb lwx_verb_shell = {
	.name = "shell",
	.usage = "NAME",
	.summary = "Open a shell in a VM.",
	.help = "A login shell (bash if it is there, else sh) with a terminal, "
		"by lwx-agent. As\n"
		"lwx-vm exec -t NAME; needs no network and no password.\n",
	.run = run_shell,
};

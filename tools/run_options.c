/* run_options.c - the command line of lwx-vm run. */
#include "run_options.h"

#include "macros.h"
#include "schema.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option options[] = {
	{"kernel", required_argument, NULL, 'k'},
	{"initrd", required_argument, NULL, 'i'},
	{"modules", required_argument, NULL, 'M'},
	{"root", required_argument, NULL, 'r'},
	{"image", required_argument, NULL, 'I'},
	{"share", required_argument, NULL, 's'},
	{"disk", required_argument, NULL, 'd'},
	{"announce", required_argument, NULL, 'a'},
	{"net", required_argument, NULL, 'n'},
	{"vsock", required_argument, NULL, 'V'},
	{"env", required_argument, NULL, 'e'},
	{"dir", required_argument, NULL, 'w'},
	{"cpus", required_argument, NULL, 'c'},
	{"memory", required_argument, NULL, 'm'},
	{"timeout", required_argument, NULL, 'T'},
	{"junit", required_argument, NULL, 'j'},
	{"tty", no_argument, NULL, 't'},
	{"verbose", no_argument, NULL, 'v'},
	{0},
};

static int parse_cpus(const char *text, uint32_t *cpus)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*cpus = (uint32_t)value;
	return end == text || *end || !value || value > VM_VCPUS_MAX ? -EINVAL
								     : 0;
}

static int parse_announce(const char *text, enum vm_announce *announce)
{
	bool cmdline = strcmp(text, "cmdline") == 0;

	*announce = cmdline ? VM_ANNOUNCE_CMDLINE : VM_ANNOUNCE_ACPI;
	return cmdline || strcmp(text, "acpi") == 0 ? 0 : -EINVAL;
}

static int parse_net(const char *text, bool *net)
{
	*net = strcmp(text, "user") == 0;
	return *net || strcmp(text, "none") == 0 ? 0 : -EINVAL;
}

/* Return: 0, or -EINVAL if the value cannot be. */
static int take_option(struct run_options *run, int c)
{
	switch (c) {
	case 'k':
		run->kernel = optarg;
		return 0;
	case 'i':
		run->initrd = optarg;
		return 0;
	case 'M':
		run->modules = optarg;
		return 0;
	case 'r':
		run->root = optarg;
		return 0;
	case 'I':
		run->image = optarg;
		return 0;
	case 's':
		if (run->num_shares == RUN_SHARES_MAX)
			return -EINVAL;
		run->shares[run->num_shares++] = optarg;
		return 0;
	case 'd':
		if (run->num_disks == RUN_DISKS_MAX)
			return -EINVAL;
		run->disks[run->num_disks++] = optarg;
		return 0;
	case 'a':
		return parse_announce(optarg, &run->announce);
	case 'n':
		return parse_net(optarg, &run->net);
	case 'V':
		run->vsock = optarg;
		return 0;
	case 'e':
		if (run->num_env == RUN_ENV_MAX || !strchr(optarg, '='))
			return -EINVAL;
		run->env[run->num_env++] = optarg;
		return 0;
	case 'w':
		run->dir = optarg;
		return 0;
	case 'c':
		return parse_cpus(optarg, &run->cpus);
	case 'm':
		return schema_parse_size(optarg, &run->memory);
	case 'T':
		return lwx_seconds(optarg, &run->timeout);
	case 'j':
		run->junit = optarg;
		return 0;
	case 't':
		run->tty = true;
		return 0;
	default:
		run->verbose = true;
		return 0;
	}
}

/* Return: 0, or what is wrong with them together. */
static const char *check_options(const struct run_options *run)
{
	if (run->root && run->image)
		return "--root and --image: one of them";
	if (run_has_agent(run) && run->initrd)
		return "--initrd: a VM with a root gets its own";
	if (!run_has_agent(run) && !run->kernel)
		return "--root DIR or --image FILE, or --kernel FILE alone";
	if (run_has_agent(run) && run->vsock)
		return "--vsock: a VM with a root has its own, see lwx-vm "
		       "forward";
	if (!run_has_agent(run) &&
	    (run->num_shares || run->num_env || run->dir || run->tty))
		return "--share, --env, --dir, --tty: need --root or --image";
	if (run_has_agent(run) && !run->command[0])
		return "which command?";
	return NULL;
}

/* On the host's own root, work where we are; a terminal's kind goes with it. */
static void add_defaults(struct run_options *run)
{
	static char term[128], cwd[PATH_MAX];
	const char *kind = getenv("TERM");

	if (run->tty && kind) {
		(void)snprintf(term, sizeof(term), "TERM=%s", kind);
		run->env[run->num_env++] = term;
	}
	if (run->root && strcmp(run->root, "/") == 0 && !run->dir &&
	    getcwd(cwd, sizeof(cwd)))
		run->dir = cwd;
}

int run_options_parse(const struct lwx_verb *verb, struct run_options *run,
		      int argc, char **argv)
{
	const char *wrong;
	int c;

	*run = (struct run_options){.cpus = 1, .memory = MIB(512)};
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+e:w:tv", options, NULL)) >= 0) {
		if (c == '?')
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
		if (take_option(run, c))
			return lwx_usage_error(verb, "%s: not a value for it",
					       optarg);
	}
	run->command = argv + optind;
	wrong = check_options(run);
	if (wrong)
		return lwx_usage_error(verb, "%s", wrong);
	add_defaults(run);
	return 0;
}

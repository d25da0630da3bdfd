/* lwx_vm.c - the lwx-vm command: verbs and what they share. */
#include "lwx_vm.h"

#include "cleanup.h"
#include "host_agent.h"
#include "macros.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct lwx_verb *const verbs[] = {
	&lwx_verb_run,	      &lwx_verb_exec,	    &lwx_verb_shell,
	&lwx_verb_cp,	      &lwx_verb_wait,	    &lwx_verb_logs,
	&lwx_verb_services,   &lwx_verb_containers, &lwx_verb_shutdown,
	&lwx_verb_forward,    &lwx_verb_ctr,	    &lwx_verb_start,
	&lwx_verb_stop,	      &lwx_verb_ps,	    &lwx_verb_console,
	&lwx_verb_pause,      &lwx_verb_resume,	    &lwx_verb_inspect,
	&lwx_verb_events,     &lwx_verb_metrics,    &lwx_verb_check,
	&lwx_verb_boot_chart, &lwx_verb_disk,
};

void lwx_complain(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "lwx-vm: %s\n", text);
}

int lwx_help(const struct lwx_verb *verb)
{
	(void)printf("Usage: lwx-vm %s %s\n\n%s\n\n%s", verb->name, verb->usage,
		     verb->summary, verb->help);
	return LWX_EXIT_OK;
}

int lwx_usage_error(const struct lwx_verb *verb, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (text[0])
		lwx_complain("%s: %s", verb->name, text);
	(void)fprintf(stderr,
		      "Usage: lwx-vm %s %s\n"
		      "Try: lwx-vm %s --help\n",
		      verb->name, verb->usage, verb->name);
	return LWX_EXIT_USAGE;
}

int lwx_fail(const struct err *err)
{
	lwx_complain("%s", err->msg);
	return LWX_EXIT_FAILURE;
}

int lwx_connect(const char *name, struct ctl_client **out, struct err *err)
{
	struct vm_registry *reg = NULL;
	int rc = vm_registry_open(&reg, err);

	if (!rc)
		rc = vm_registry_connect(reg, name, out, err);
	vm_registry_close(reg);
	return rc;
}

int lwx_call_fd(const char *name, const char *verb,
		const struct ctl_field *fields, unsigned int num_fields,
		struct err *err)
{
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	int fd = -1;
	int rc = lwx_connect(name, &client, err);

	if (rc)
		return rc;
	rc = ctl_client_call(client, verb, fields, num_fields,
			     LWX_CALL_TIMEOUT_MS, &msg, &fd, err);
	ctl_client_destroy(client);
	if (rc)
		return err_prefix(err, "%s", name);
	if (fd < 0)
		return err_setx(err, -EPROTO, "%s: %s: no descriptor came back",
				name, verb);
	return fd;
}

int lwx_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end == text || *end || !(*seconds > 0 && *seconds < 1e9)
		       ? -EINVAL
		       : 0;
}

int lwx_agent(const char *name, struct agent_stream **out, struct err *err)
{
	struct vm_registry *reg = NULL;
	int rc = vm_registry_open(&reg, err);

	if (!rc)
		rc = host_agent_open(out, reg, name, LWX_CALL_TIMEOUT_MS, err);
	vm_registry_close(reg);
	return rc;
}

ssize_t lwx_read_all(int fd, uint8_t **out)
{
	AUTO_FREE uint8_t *buf = NULL;
	size_t len = 0, size = 0;
	ssize_t n;

	do {
		if (size - len < 4096) {
			uint8_t *grown = realloc(buf, size * 2 + 16384);

			if (!grown)
				return -ENOMEM;
			buf = grown;
			size = size * 2 + 16384;
		}
		n = read(fd, buf + len, size - len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n);
	*out = steal_ptr(&buf);
	return (ssize_t)len;
}

int lwx_write_all(const void *bytes, size_t len)
{
	if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout))
		return -EIO;
	return 0;
}

const char *lwx_colour(const char *code)
{
	static char sequence[16];

	if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR"))
		return "";
	if (!code)
		return "\033[0m";
	(void)snprintf(sequence, sizeof(sequence), "\033[%sm", code);
	return sequence;
}

static void print_overview(FILE *to)
{
	(void)fprintf(to, "Usage: lwx-vm VERB [ARGUMENT...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		(void)fprintf(to, "  %-10s %s\n", verbs[i]->name,
			      verbs[i]->summary);
	(void)fprintf(
		to,
		"\nlwx-vm VERB --help tells more.\n"
		"\n"
		"Exit status: 0 success, 1 failure, 2 wrong usage; of start: "
		"see there.\n"
		"State: $LWX_STATE_DIR, else /run/lwx for root, else "
		"$XDG_RUNTIME_DIR/lwx,\n"
		"else /tmp/lwx-UID.\n");
}

static int run_verb(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int status;

		if (strcmp(argv[1], verbs[i]->name) != 0)
			continue;
		for (int k = 2; k < argc && strcmp(argv[k], "--") != 0; k++)
			if (!strcmp(argv[k], "--help"))
				return lwx_help(verbs[i]);
		status = verbs[i]->run(verbs[i], argc - 1, argv + 1);
		if (fflush(stdout) && status == LWX_EXIT_OK) {
			lwx_complain("stdout: %s", strerror(errno));
			status = LWX_EXIT_FAILURE;
		}
		return status;
	}
	lwx_complain("unknown verb %s", argv[1]);
	print_overview(stderr);
	return LWX_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_overview(stderr);
		return LWX_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		(void)printf("lwx-vm %s\n", PACKAGE_VERSION);
		return LWX_EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		print_overview(stdout);
		return LWX_EXIT_OK;
	}
	return run_verb(argc, argv);
}

/* verb_inspect.c - lwx-vm inspect and metrics: what a VM tells of itself. */
#include "acpi_dump.h"
#include "lwx_vm.h"

#include "cbor_json.h"
#include "cleanup.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static int fetch(const char *name, const char *verb, const char *what,
		 uint8_t **out, size_t *len, struct err *err)
{
	struct ctl_field field = CTL_FIELD_TEXT("what", what);
	AUTO_CLOSE int fd = lwx_call_fd(name, verb, &field, what ? 1 : 0, err);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = lwx_read_all(fd, out);
	if (n < 0)
		return err_set(err, (int)n, "%s: %s", name, verb);
	*len = (size_t)n;
	return 0;
}

static json_t *get_info(const char *name, struct err *err)
{
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	json_t *json = NULL;
	int rc = lwx_connect(name, &client, err);

	if (!rc)
		rc = ctl_client_call(client, "vm.info", NULL, 0,
				     LWX_CALL_TIMEOUT_MS, &msg, NULL, err);
	if (!rc)
		json = ctl_fields_to_json(&msg);
	ctl_client_destroy(client);
	return json;
}

static json_t *get_config(const char *name, struct err *err)
{
	AUTO_FREE uint8_t *bytes = NULL;
	size_t len = 0;

	if (fetch(name, "vm.inspect", "config", &bytes, &len, err))
		return NULL;
	return cbor_to_json(bytes, len, err);
}

static int print_json(json_t *json, const struct err *err)
{
	if (!json)
		return lwx_fail(err);
	json_print(json, false);
	json_decref(json);
	return LWX_EXIT_OK;
}

static int inspect_all(const char *name)
{
	struct err err = {0};
	json_t *info = get_info(name, &err), *config;

	if (!info)
		return lwx_fail(&err);
	config = get_config(name, &err);
	if (!config) {
		json_decref(info);
		return lwx_fail(&err);
	}
	(void)json_object_set_new(info, "config", config);
	return print_json(info, &err);
}

static void print_value(const char *key, const json_t *value)
{
	if (json_is_string(value))
		(void)printf("%-10s %s\n", key, json_string_value(value));
	else if (json_is_integer(value))
		(void)printf("%-10s %lld\n", key,
			     (long long)json_integer_value(value));
	else
		(void)printf("%-10s %s\n", key,
			     json_is_true(value) ? "true" : "false");
}

static int inspect_info(const char *name)
{
	struct err err = {0};
	json_t *info = get_info(name, &err), *value;
	const char *key;

	if (!info)
		return lwx_fail(&err);
	json_object_foreach (info, key, value)
		print_value(key, value);
	json_decref(info);
	return LWX_EXIT_OK;
}

static int inspect_config(const char *name)
{
	struct err err = {0};

	return print_json(get_config(name, &err), &err);
}

static int inspect_fdt(const char *name)
{
	AUTO_FREE uint8_t *bytes = NULL;
	struct err err;
	size_t len = 0;

	if (isatty(STDOUT_FILENO)) {
		lwx_complain("a device tree is binary: pipe it into dtc");
		return LWX_EXIT_FAILURE;
	}
	if (fetch(name, "vm.inspect", "fdt", &bytes, &len, &err))
		return lwx_fail(&err);
	return lwx_write_all(bytes, len) ? LWX_EXIT_FAILURE : LWX_EXIT_OK;
}

static int inspect_acpi(const char *name)
{
	AUTO_FREE uint8_t *bytes = NULL;
	struct err err;
	size_t len = 0;

	if (fetch(name, "vm.inspect", "acpi", &bytes, &len, &err) ||
	    acpi_dump(stdout, bytes, len, &err))
		return lwx_fail(&err);
	return LWX_EXIT_OK;
}

static int run_inspect(const struct lwx_verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"acpi", no_argument, NULL, 'a'},
		{"config", no_argument, NULL, 'c'},
		{"fdt", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	int (*inspect)(const char *name) = inspect_info;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'a')
			inspect = inspect_acpi;
		else if (c == 'c')
			inspect = inspect_config;
		else if (c == 'f')
			inspect = inspect_fdt;
		else if (c == 'j')
			inspect = inspect_all;
		else
			return lwx_usage_error(verb, "unknown option %s",
					       argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return lwx_usage_error(verb, "which VM?");
	return inspect(argv[optind]);
}

static int print_metrics(const char *name)
{
	AUTO_FREE uint8_t *bytes = NULL;
	struct err err;
	size_t len = 0;

	if (fetch(name, "vm.metrics", NULL, &bytes, &len, &err))
		return lwx_fail(&err);
	return lwx_write_all(bytes, len) ? LWX_EXIT_FAILURE : LWX_EXIT_OK;
}

static int print_all_metrics(void)
{
	struct vm_registry *reg = NULL;
	int status = LWX_EXIT_OK, num;
	char **names = NULL;
	struct err err;

	if (vm_registry_open(&reg, &err))
		return lwx_fail(&err);
	num = vm_registry_list(reg, &names, &err);
	vm_registry_close(reg);
	if (num < 0)
		return lwx_fail(&err);
	for (int i = 0; i < num; i++)
		status |= print_metrics(names[i]);
	vm_registry_free_list(names, num);
	return status;
}

static int run_metrics(const struct lwx_verb *verb, int argc, char **argv)
{
	if (argc > 1 && argv[1][0] == '-')
		return lwx_usage_error(verb, "unknown option %s", argv[1]);
	if (argc > 2)
		return lwx_usage_error(verb, "unexpected %s", argv[2]);
	return argc > 1 ? print_metrics(argv[1]) : print_all_metrics();
}

const struct lwx_verb lwx_verb_inspect = {
	.name = "inspect",
	.usage = "[--acpi | --config | --fdt | --json] NAME",
	.summary = "Show what a VM is made of.",
	.help = "  --acpi    its ACPI tables, as text in acpidump's format:\n"
		"            lwx-vm inspect --acpi VM >dump; acpixtract -a "
		"dump; iasl -d dsdt.dat\n"
		"  --config  the configuration it runs with, as JSON\n"
		"  --fdt     its device tree, binary: lwx-vm inspect --fdt VM "
		"| dtc -I dtb\n"
		"  --json    everything but the tables, as JSON\n",
	.run = run_inspect,
};

const struct lwx_verb lwx_verb_metrics = {
	.name = "metrics",
	.usage = "[NAME]",
	.summary = "Print counters of a VM, or of all, as Prometheus text.",
	.help = "Requests, bytes, latencies, kicks and interrupts of each "
		"queue; exits by\nreason of each virtual CPU.\n",
	.run = run_metrics,
};

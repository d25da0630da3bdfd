/* vm_commands.c - handlers of the control protocol. */
#include "vm_commands.h"

#include "cbor_rw.h"
#include "cleanup.h"
#include "macros.h"
#include "vmm_launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void handle_info(void *opaque, struct ctl_request *req)
{
	const struct vm_context *ctx = opaque;
	const struct ctl_field fields[] = {
		CTL_FIELD_TEXT("name", ctx->cfg->name),
		CTL_FIELD_TEXT("uuid", ctx->cfg->uuid),
		CTL_FIELD_TEXT("state", machine_is_paused(ctx->machine)
						? "paused"
						: "running"),
		CTL_FIELD_UINT("pid", (uint64_t)getpid()),
		CTL_FIELD_UINT("vcpus", ctx->cfg->vcpus),
		CTL_FIELD_UINT("memory", ctx->cfg->memory.size),
		CTL_FIELD_UINT("started", ctx->started_ns),
	};

	ctl_request_reply(req, fields, ARRAY_SIZE(fields));
}

static void handle_boot(void *opaque, struct ctl_request *req)
{
	const struct vm_context *ctx = opaque;
	const struct vm_start_times *boot = &ctx->boot;
	const struct ctl_field fields[] = {
		CTL_FIELD_UINT("began", boot->began_real_ns),
		CTL_FIELD_UINT("run_us",
			       (boot->run_ns - boot->began_ns) / 1000),
		CTL_FIELD_UINT("heard_us",
			       (boot->heard_ns - boot->began_ns) / 1000),
		CTL_FIELD_UINT("init_us", boot->init_us),
		CTL_FIELD_UINT("ready_us", boot->ready_us),
		CTL_FIELD_TEXT("hostname", boot->hostname),
	};

	ctl_request_reply(req, fields, boot->heard_ns ? ARRAY_SIZE(fields) : 2);
}

static void handle_pause(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;

	if (!machine_is_paused(ctx->machine)) {
		machine_pause(ctx->machine);
		(void)ctl_server_event(ctx->server, "vm.paused", NULL, 0);
	}
	ctl_request_reply(req, NULL, 0);
}

static void handle_resume(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;

	if (machine_is_paused(ctx->machine)) {
		machine_resume(ctx->machine);
		(void)ctl_server_event(ctx->server, "vm.resumed", NULL, 0);
	}
	ctl_request_reply(req, NULL, 0);
}

static void handle_stop(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;

	/* A paused guest cannot see its power button. */
	machine_resume(ctx->machine);
	machine_power_button(ctx->machine);
	(void)ctl_server_event(ctx->server, VMM_EVENT_STOP_REQUESTED, NULL, 0);
	ctl_request_reply(req, NULL, 0);
}

static void handle_kill(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;

	(void)ctl_server_event(ctx->server, VMM_EVENT_STOP_REQUESTED, NULL, 0);
	machine_end(ctx->machine, MACHINE_HOST, 0);
	ctl_request_reply(req, NULL, 0);
}

static void handle_console(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;
	struct err err = {0};
	int fd = machine_attach_console(ctx->machine, &err);

	if (fd < 0)
		ctl_request_fail(req, &err);
	else
		ctl_request_reply_fd(req, NULL, 0, fd);
}

static void handle_metrics(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;
	size_t len = 0;
	AUTO_FREE char *text = machine_metrics(ctx->machine, &len);
	struct err err = {0};

	if (text) {
		ctl_request_reply_blob(req, text, len);
	} else {
		(void)err_set(&err, -ENOMEM, "metrics");
		ctl_request_fail(req, &err);
	}
}

static int inspect_config(struct vm_context *ctx, uint8_t **blob, size_t *size,
			  struct err *err)
{
	int len;

	*blob = malloc(CBOR_MESSAGE_MAX);
	if (!*blob)
		return err_set(err, -ENOMEM, "config");
	len = vm_config_encode(ctx->cfg, *blob, CBOR_MESSAGE_MAX, err);
	if (len < 0)
		return len;
	*size = (size_t)len;
	return 0;
}

static void handle_inspect(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;
	const char *what = ctl_request_text(req, "what");
	AUTO_FREE uint8_t *blob = NULL;
	struct err err = {0};
	size_t size = 0;
	int rc;

	if (!strcmp(what, "acpi"))
		rc = machine_acpi(ctx->machine, &blob, &size, &err);
	else if (!strcmp(what, "fdt"))
		rc = machine_fdt(ctx->machine, &blob, &size, &err);
	else if (!strcmp(what, "config"))
		rc = inspect_config(ctx, &blob, &size, &err);
	else
		rc = err_setx(&err, -EINVAL,
			      "inspect: \"%s\" is unknown: acpi, config or fdt",
			      what);
	if (rc)
		ctl_request_fail(req, &err);
	else
		ctl_request_reply_blob(req, blob, size);
}

static void handle_resize(void *opaque, struct ctl_request *req)
{
	struct vm_context *ctx = opaque;
	const char *disk = ctl_request_text(req, "disk");
	uint64_t size = ctl_request_uint(req, "size", 0);
	int index = machine_find_disk(ctx->machine, disk);
	struct err err = {0};
	int rc;

	rc = index < 0 ? err_setx(&err, -ENOENT, "%s: there is no such disk",
				  disk)
		       : machine_resize_disk(ctx->machine, (size_t)index, size,
					     &size, &err);
	if (rc) {
		ctl_request_fail(req, &err);
	} else {
		const struct ctl_field fields[] = {
			CTL_FIELD_TEXT("disk", disk),
			CTL_FIELD_UINT("size", size),
		};

		(void)ctl_server_event(ctx->server, "disk.resized", fields,
				       ARRAY_SIZE(fields));
		ctl_request_reply(req, &fields[1], 1);
	}
}

static const struct ctl_arg inspect_args[] = {
	{.name = "what", .type = CTL_TEXT, .required = true, .max = 16},
};

static const struct ctl_arg resize_args[] = {
	{.name = "disk", .type = CTL_TEXT, .required = true, .max = 32},
	{.name = "size", .type = CTL_UINT, .max = INT64_MAX},
};

static const struct ctl_command commands[] = {
	{"vm.info", NULL, 0, handle_info},
	{"vm.boot", NULL, 0, handle_boot},
	{"vm.pause", NULL, 0, handle_pause},
	{"vm.resume", NULL, 0, handle_resume},
	{"vm.stop", NULL, 0, handle_stop},
	{"vm.kill", NULL, 0, handle_kill},
	{"vm.console", NULL, 0, handle_console},
	{"vm.metrics", NULL, 0, handle_metrics},
	{"vm.inspect", inspect_args, ARRAY_SIZE(inspect_args), handle_inspect},
	{"disk.resize", resize_args, ARRAY_SIZE(resize_args), handle_resize},
};

unsigned int vm_commands(const struct ctl_command **out)
{
	*out = commands;
	return ARRAY_SIZE(commands);
}

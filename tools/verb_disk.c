/* verb_disk.c - lwx-vm disk resize. */
#include "lwx_vm.h"

#include "schema.h"

#include <stdio.h>
#include <string.h>

static int resize(const char *name, const char *disk, bool has_size,
		  uint64_t size)
{
	const struct ctl_field args[] = {
		CTL_FIELD_TEXT("disk", disk),
		CTL_FIELD_UINT("size", size),
	};
	struct ctl_client *client = NULL;
	struct ctl_message msg;
	struct err err;
	char text[32];
	int rc = lwx_connect(name, &client, &err);

	if (!rc) {
		rc = ctl_client_call(client, "disk.resize", args,
				     has_size ? 2 : 1, LWX_CALL_TIMEOUT_MS,
				     &msg, NULL, &err);
		if (rc)
			(void)err_prefix(&err, "%s", name);
		else
			(void)printf("%s\n",
				     schema_format_size(
					     ctl_message_uint(&msg, "size", 0),
					     text, sizeof(text)));
	}
	ctl_client_destroy(client);
	return rc ? lwx_fail(&err) : LWX_EXIT_OK;
}

static int run(const struct lwx_verb *verb, int argc, char **argv)
{
	uint64_t size = 0;

	if (argc < 2 || strcmp(argv[1], "resize") != 0)
		return lwx_usage_error(verb, "resize is the only thing to do");
	if (argc < 4 || argc > 5)
		return lwx_usage_error(verb, "need a VM and a disk");
	if (argc == 5 && (schema_parse_size(argv[4], &size) || !size))
		return lwx_usage_error(verb, "%s: need a size such as 20G",
				       argv[4]);
	return resize(argv[2], argv[3], argc == 5, size);
}

const struct lwx_verb lwx_verb_disk = {
	.name = "disk",
	.usage = "resize NAME DISK [SIZE]",
	.summary = "Change the size of a disk while its VM runs.",
	.help = "DISK is the disk's serial in host.cfg, or disk0, disk1... in "
		"its order. With\n"
		"SIZE (bytes, or with K, M, G, T) a file is given that size "
		"first; without it\n"
		"the size it has now, changed from outside, is announced to "
		"the guest. Prints\n"
		"the new size.\n",
	.run = run,
};

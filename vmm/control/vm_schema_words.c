/* vm_schema_words.c - the words that keys of a VM take, by their enum. */
#include "vm_schema_words.h"

#include "vm_config.h"

#include <stddef.h>

const char *const announce_words[] = {
	[VM_ANNOUNCE_ACPI] = "acpi",
	[VM_ANNOUNCE_CMDLINE] = "cmdline",
	NULL,
};
const char *const restart_words[] = {
	[VM_RESTART_NO] = "no",
	[VM_RESTART_ON_FAILURE] = "on-failure",
	[VM_RESTART_ALWAYS] = "always",
	NULL,
};
const char *const reboot_words[] = {
	[VM_REBOOT_RESTART] = "restart",
	[VM_REBOOT_EXIT] = "exit",
	NULL,
};
const char *const cache_words[] = {
	[VM_CACHE_WRITEBACK] = "writeback",
	[VM_CACHE_WRITETHROUGH] = "writethrough",
	NULL,
};
const char *const net_words[] = {
	[VM_NET_TAP] = "tap",
	[VM_NET_PASST] = "passt",
	NULL,
};
const char *const memory_words[] = {
	[GUEST_MEM_PRIVATE] = "private",
	[GUEST_MEM_SHARED] = "shared",
	[GUEST_MEM_HUGEPAGES] = "hugepages",
	NULL,
};
const char *const engine_words[] = {
	[IO_ENGINE_AUTO] = "auto",
	[IO_ENGINE_URING] = "io_uring",
	[IO_ENGINE_AIO] = "aio",
	NULL,
};
const char *const page_words[] = {"2M", "1G", NULL};
const char *const format_words[] = {"raw", NULL};

/* fuzz_host_config.c - any text as host.cfg. */
#include "host_config.h"
#include "macros.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 forgets a string it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_facts facts = {
		.memory = GIB(8),
		.cpus = {{0x3}},
		.machine_id = "00112233-4455-6677-8899-aabbccddeeff",
	};
	static uint8_t buf[CBOR_MESSAGE_MAX];
	char *text = malloc(size + 1);
	struct host_config *hc;
	struct err err;
	size_t i;
	int rc;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rc = host_config_parse(&hc, text, size, "host.cfg", "/lwx/host.cfg",
			       &facts, &err);
	free(text);
	assert(hc && !rc == !hc->num_problems);
	/* What the parser takes, lwx-vmm takes. */
	for (i = 0; !rc && i < hc->num_vms; i++) {
		static struct vm_config copy;
		int len = vm_config_encode(&hc->vms[i], buf, sizeof(buf), &err);

		if (len < 0)
			continue;
		assert(!vm_config_decode(&copy, buf, (size_t)len, &err));
		vm_config_fini(&copy);
	}
	host_config_destroy(hc);
	return 0;
}

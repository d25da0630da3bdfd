/* fuzz_yaml_doc.c - any bytes as a YAML document. */
#include "yaml_doc.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every node that can be reached; the weight bounds how many. */
static size_t walk(const struct yaml_node *node)
{
	size_t num = 1;

	for (size_t i = 0; i < node->num; i++)
		num += walk(node->items[i]) + (node->keys ? 1 : 0);
	return num;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc *doc;
	struct err err = {0};

	if (yaml_doc_parse(&doc, (const char *)data, size, "fuzz", &err)) {
		if (!err.code || !err.msg[0])
			__builtin_trap();
		return 0;
	}
	if (yaml_doc_root(doc) && walk(yaml_doc_root(doc)) > YAML_NODES_MAX)
		__builtin_trap();
	yaml_doc_destroy(doc);
	return 0;
}

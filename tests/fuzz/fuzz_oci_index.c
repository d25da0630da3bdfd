/* fuzz_oci_index.c - the JSON of images: index, manifest, configuration, SPDX.
 */
#include "oci.h"
#include "sbom.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read and written is read as the same again. */
static void config(const char *text, size_t size)
{
	struct oci_config first = {0};
	struct oci_config second = {0};
	char *out = NULL;
	size_t out_size;
	struct err err;

	if (oci_config_parse(&first, text, size, "config", &err) == 0 &&
	    oci_config_write(&first, &out, &out_size, &err) == 0 &&
	    (oci_config_parse(&second, out, out_size, "config", &err) ||
	     first.label_num != second.label_num ||
	     first.env.num != second.env.num ||
	     first.diff_ids.num != second.diff_ids.num))
		abort();
	free(out);
	oci_config_fini(&first);
	oci_config_fini(&second);
}

static void document(const char *text, size_t size)
{
	struct sbom *sbom = NULL;
	char *out = NULL;
	size_t out_size;
	struct err err;

	if (sbom_create(&sbom, &err))
		abort();
	if (sbom_read(sbom, text, size, "sbom", &err) == 0 &&
	    sbom_write(sbom, "fuzz", 0, &out, &out_size, &err) == 0)
		free(out);
	sbom_destroy(sbom);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct oci_want any = {0};
	const struct oci_want one = {.name = "a", .architecture = "amd64"};
	struct oci_descriptor found = {0};
	struct oci_manifest manifest = {0};
	char *text = malloc(size + 1);
	struct err err;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)oci_index_pick(&found, text, size, "index", &any, &err);
	oci_descriptor_fini(&found);
	(void)oci_index_pick(&found, text, size, "index", &one, &err);
	oci_descriptor_fini(&found);
	(void)oci_manifest_parse(&manifest, text, size, "manifest", &err);
	oci_manifest_fini(&manifest);
	config(text, size);
	document(text, size);
	free(text);
	return 0;
}

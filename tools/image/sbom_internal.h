/* sbom_internal.h - shared by the files that implement sbom.h. */
#pragma once

#include "sbom.h"

#define SBOM_IMAGE_ID "SPDXRef-Image"
#define SBOM_NO_ASSERTION "NOASSERTION"

/** sbom_put_file() - one more file, copied. Return: 0 or -ENOMEM with @err. */
int sbom_put_file(struct sbom *sbom, const struct sbom_file *file,
		  struct err *err);

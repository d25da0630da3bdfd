/* pkg_table.c - the keys of build.yml; see pkg.h. linuxkit: docs/packages.md.
 */
#include "macros.h"
#include "pkg.h"

static const struct field pkg_fields[] = {
	{.key = "image",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Name of the image."},
	{.key = "org",
	 .type = FIELD_TEXT,
	 .doc = "What is in front of it [" PKG_ORG "]."},
	{.key = "tag",
	 .type = FIELD_TEXT,
	 .doc = "Of the image; {{.Hash}} is the hash of the directory "
		"[{{.Hash}}]."},
	{.key = "dockerfile",
	 .type = FIELD_TEXT,
	 .doc = "File with the steps [Dockerfile]."},
	{.key = "arches",
	 .type = FIELD_TEXTS,
	 .doc = "Architectures that it builds for [any]."},
	{.key = "extra-sources",
	 .type = FIELD_TEXTS,
	 .doc = "\"source:destination\": more files for the build."},
	{.key = "gitrepo",
	 .type = FIELD_TEXT,
	 .doc = "Where it comes from: the label "
		"org.opencontainers.image.source."},
	{.key = "network",
	 .type = FIELD_BOOL,
	 .doc = "Its steps may use the network [false]."},
	{.key = "disable-cache",
	 .type = FIELD_BOOL,
	 .doc = "Build it also if it is there."},
	{.key = "disable-content-trust",
	 .type = FIELD_BOOL,
	 .flags = FIELD_UNUSED,
	 .doc = "There is no content trust."},
	{.key = "buildArgs",
	 .type = FIELD_TEXTS,
	 .doc = "\"NAME=value\" for ARG; \"@lkt:pkg:DIR\" is the name of "
		"another package."},
	{.key = "config",
	 .type = FIELD_ANY,
	 .doc = "The label org.mobyproject.config."},
	{.key = "depends",
	 .type = FIELD_ANY,
	 .flags = FIELD_REFUSED,
	 .doc = "Name images in the Dockerfile (FROM, COPY --from), they come "
		"from the cache."},
};
const struct field_group pkg_group = FIELD_GROUP_OF("package", pkg_fields);

/*
 * module_table.c - the keys of module.yml; see module.h.
 */
#include "module.h"

#include "macros.h"

static const struct field unpack_fields[] = {
	{.key = "package",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "Debian package."},
	{.key = "depends",
	 .type = FIELD_TEXT,
	 .doc = "Pattern: those of its dependencies are unpacked in its "
		"place, as a metapackage needs it."},
};
static const struct field_group unpack_group =
	FIELD_GROUP_OF("unpack", unpack_fields);

static const struct field check_fields[] = {
	{.key = "name",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "What is shown."},
	{.key = "command",
	 .type = FIELD_TEXTS,
	 .flags = FIELD_REQUIRED,
	 .doc = "Runs in a booted image, in its root, once all services are "
		"up; status 0: the module works."},
	{.key = "files",
	 .type = FIELD_GROUPS,
	 .group = &file_group,
	 .doc = "As the module's; only in the image that lwx-image check "
		"boots."},
};
static const struct field_group check_group =
	FIELD_GROUP_OF("check", check_fields);

static const struct field run_fields[] = {
	{.key = "entrypoint", .type = FIELD_TEXTS, .doc = "First words."},
	{.key = "cmd", .type = FIELD_TEXTS, .doc = "Words after these."},
	{.key = "env", .type = FIELD_TEXTS, .doc = "NAME=VALUE."},
	{.key = "workdir", .type = FIELD_TEXT, .doc = "Where it starts."},
	{.key = "label",
	 .type = FIELD_TEXT,
	 .doc = "YAML, the label org.mobyproject.config: capabilities, binds "
		"and the like."},
};
static const struct field_group run_group = FIELD_GROUP_OF("image", run_fields);

static const struct field module_layerworx_fields[] = {
	{.key = "services",
	 .type = FIELD_NAMED,
	 .group = &service_group,
	 .doc = "More about services, by their name."},
};
static const struct field_group module_layerworx_group =
	FIELD_GROUP_OF("layerworx", module_layerworx_fields);

static const struct field module_fields[] = {
	{.key = "summary",
	 .type = FIELD_TEXT,
	 .flags = FIELD_REQUIRED,
	 .doc = "One line: what it gives."},
	{.key = "roles",
	 .type = FIELD_TEXTS,
	 .words = definition_roles,
	 .doc = "Images that it makes sense in: container, vm, host [all]."},
	{.key = "include",
	 .type = FIELD_TEXTS,
	 .doc = "Modules that it needs, or what one provides."},
	{.key = "also-add",
	 .type = FIELD_TEXTS,
	 .doc = "Modules that go well with it; --no-optional leaves them "
		"out."},
	{.key = "conflicts",
	 .type = FIELD_TEXTS,
	 .doc = "Modules, or what they provide, that cannot be beside it."},
	{.key = "provides",
	 .type = FIELD_TEXTS,
	 .doc = "Further names that include and conflicts may use: the module "
		"is asked for in place of the one with that name."},
	{.key = "stands-for",
	 .type = FIELD_TEXTS,
	 .doc = "Images that it is taken for, without a tag: "
		"linuxkit/sshd."},
	{.key = "packages",
	 .type = FIELD_TEXTS,
	 .doc = "Debian packages; @arch@ is the architecture."},
	{.key = "unpack",
	 .type = FIELD_GROUPS,
	 .group = &unpack_group,
	 .doc = "Debian packages of which only the files are taken: no "
		"dependencies, no scripts."},
	{.key = "sources",
	 .type = FIELD_GROUPS,
	 .group = &source_group,
	 .doc = "Software that is built from its source, after the packages "
		"and over them."},
	{.key = "kernel",
	 .type = FIELD_TEXT,
	 .doc = "Pattern of a file that is a kernel: an image of this module "
		"has it as \"kernel\"."},
	{.key = "remove",
	 .type = FIELD_TEXTS,
	 .doc = "Patterns of paths that are taken out of the image; * also "
		"stands for /."},
	{.key = "keep",
	 .type = FIELD_TEXTS,
	 .doc = "Patterns of paths that no module's remove takes."},
	{.key = "volumes",
	 .type = FIELD_GROUPS,
	 .group = &volume_group,
	 .doc = "As in a definition, before its own."},
	{.key = "onboot",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "As in a definition, before its own."},
	{.key = "onshutdown",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "As in a definition, before its own."},
	{.key = "services",
	 .type = FIELD_GROUPS,
	 .group = &image_group,
	 .doc = "As in a definition, before its own."},
	{.key = "files",
	 .type = FIELD_GROUPS,
	 .group = &file_group,
	 .doc = "As in a definition, before its own; a source is relative to "
		"the module, program:NAME is one of this project's guest "
		"programs."},
	{.key = "layerworx",
	 .type = FIELD_GROUP,
	 .group = &module_layerworx_group,
	 .doc = "As in a definition."},
	{.key = "image",
	 .type = FIELD_GROUP,
	 .group = &run_group,
	 .doc = "How a container of module:NAME runs."},
	{.key = "checks",
	 .type = FIELD_GROUPS,
	 .flags = FIELD_REQUIRED,
	 .group = &check_group,
	 .doc = "How it is found out whether it works."},
};
const struct field_group module_group = FIELD_GROUP_OF("module", module_fields);

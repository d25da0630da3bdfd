/*
 * build_internal.h - what the steps of a build share. One thread.
 */
#pragma once

#include "build.h"
#include "debs.h"
#include "module.h"
#include "oci_read.h"
#include "reference.h"
#include "sbom.h"
#include "tree.h"

#include <jansson.h>

/**
 * struct build - one build
 * @options:    of the caller
 * @definition: all files, merged; owned
 * @resolver:   finds images
 * @root:       the root file system, grows step by step; owned
 * @ids:        users of containers by name; owned
 * @unpacked:   where in @root an image already is, by reference; owned
 * @built:      names of LinuxKit's packages; owned
 * @sbom:       packages of every image; owned
 * @kernel:     owned reference, NULL: none
 * @ucode:      owned reference, NULL: none
 * @cmdline:    of the definition
 * @key:        of build_unchanged()
 * @made:       digests of the files that were made, by path; owned
 * @modules:    all that can be used; owned
 * @plan:       those that are
 * @debs:       packages of modules
 * @source_roots: set of packages to the directory that has them, for what is
 *              built from source; NULL: none yet; owned
 */
struct build {
	const struct build_options *options;
	json_t *definition;
	struct resolver resolver;
	struct tree *root;
	json_t *ids;
	json_t *unpacked;
	json_t *built;
	struct sbom *sbom;
	struct tree_content *kernel;
	struct tree_content *ucode;
	const char *cmdline;
	uint8_t key[SHA256_SIZE];
	json_t *made;
	struct module_set *modules;
	struct module_plan plan;
	struct debs debs;
	json_t *source_roots;
};

/** build_say() - one line of progress on stderr, unless quiet. */
void build_say(const struct build *build, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** build_image() - read the image of @object; a failure names its place.
 * Return: as reference_read(). */
int build_image(struct build *build, const json_t *object,
		const char *reference, const char *location,
		struct oci_image **out, struct err *err);

/** build_dir() - a directory of @mode in the root. Return: as tree_put(). */
int build_dir(struct build *build, const char *path, uint32_t mode,
	      const char *location, struct err *err);

/** build_text() - a file of @mode in the root. Return: as tree_put(). */
int build_text(struct build *build, const char *path, const char *text,
	       size_t size, uint32_t mode, const char *location,
	       struct err *err);

/** build_clean() - take out what an engine leaves in images of containers.
 * @links: resolv.conf becomes a link into /run, as the root has it. Return: 0
 * or a negative errno with @err. */
int build_clean(struct tree *tree, bool links, struct err *err);

/** build_kernel() - kernel, modules, microcode. Return: 0 or a negative errno
 * with @err. */
int build_kernel(struct build *build, struct err *err);

/** build_volumes() - containers/volumes/NAME. Return: as build_kernel(). */
int build_volumes(struct build *build, struct err *err);

/** build_bundles() - onboot, onshutdown, services. Return: as build_kernel().
 */
int build_bundles(struct build *build, struct err *err);

/** build_files() - what files: says. Return: as build_kernel(). */
int build_files(struct build *build, struct err *err);

/** build_users() - what layerworx: users says. Return: as build_kernel(). */
int build_users(struct build *build, struct err *err);

/** build_network() - what layerworx: network says. Return: as build_kernel().
 */
int build_network(struct build *build, struct err *err);

/** build_put_files() - a list of files into @tree. Return: as build_kernel().
 */
int build_put_files(struct build *build, struct tree *tree, const json_t *list,
		    struct err *err);

/* A source of a file of a module: one of our programs. */
#define BUILD_PROGRAM "program:"

#define BUILD_BASE "base" /* the module that all images share */

/**
 * struct build_names - names of Debian packages; zero-initialise
 * @names: @num of them; owned
 */
struct build_names {
	char **names;
	size_t num;
};

/** build_name() - @arch@ in @name becomes the architecture. Return: NULL
 * without memory; free(). */
char *build_name(const struct build *build, const char *name);

/** build_names_add_one() - build_name() of one more. Return: 0 or -ENOMEM with
 * @err. */
int build_names_add_one(struct build_names *names, const struct build *build,
			const char *name, struct err *err);

/** build_names_add() - of a list of texts, NULL: none. Return: as
 * build_names_add_one(). */
int build_names_add(struct build_names *names, const struct build *build,
		    const json_t *list, struct err *err);

/** build_names_sort() - sorted, each once. */
void build_names_sort(struct build_names *names);

/** build_names_fini() - release; a zeroed one is fine. */
void build_names_fini(struct build_names *names);

/** build_sources() - what @module has from source, into @tree. Return: as
 * source_build_run() and debs_install(). */
int build_sources(struct build *build, const struct module *module,
		  struct tree *tree, struct err *err);

/** build_sources_end() - remove what the builds of one run share. */
void build_sources_end(struct build *build);

/** build_modules() - what layerworx: modules names: containers and files go in
 * front of those of the definition. Return: as module_resolve(). */
int build_modules(struct build *build, struct err *err);

/** build_packages() - the packages of the modules, all in one go, into the
 * root. Return: as debs_install(). */
int build_packages(struct build *build, struct err *err);

/** build_module_image() - a module, and all that it includes, as an image.
 * Return: as debs_install(); oci_image_destroy() when done. */
int build_module_image(struct build *build, const struct module *module,
		       struct oci_image **out, struct err *err);

/** build_plan_image() - the same of a plan; @module: the one of it that the
 * image is. */
int build_plan_image(struct build *build, const struct module *module,
		     const struct module_plan *plan, struct oci_image **out,
		     struct err *err);

#define BUILD_DEB "deb:" /* in front of names of Debian packages */

/** build_is_deb() - does an image reference name packages? */
bool build_is_deb(const char *reference);

/** build_deb_image() - Debian packages, with all that they depend on, on the
 * base. Return: -EBADMSG if one is no name, or as build_module_image(). */
int build_deb_image(struct build *build, const char *reference,
		    struct oci_image **out, struct err *err);

/** build_volume_binds() - sources of binds and mounts of @image that are
 * volumes become paths. Return: 0, -EBADMSG or -ENOMEM with @err. */
int build_volume_binds(const struct build *build, json_t *image,
		       struct err *err);

/** build_source_path() - where the source of a file is: "~/" is the home
 * directory, else relative to the definition. Return: NULL without memory;
 * free(). */
char *build_source_path(const struct build *build, const char *source);

/** build_unchanged() - fills @build->key. Return: 1 if everything that would be
 * made is there, 0 if not, or a negative errno with @err. */
int build_unchanged(struct build *build, struct err *err);

/** build_made() - note a file that was made. Return: 0, -EIO or -ENOMEM with
 * @err. */
int build_made(struct build *build, const char *path, struct err *err);

/** build_remember() - for the next build_unchanged(). Return: 0 or a negative
 * errno with @err. */
int build_remember(struct build *build, struct err *err);

/** build_outputs() - every format and the SBOM. Return: as output_make(). */
int build_outputs(struct build *build, struct err *err);

/* verb_pkg.c - lwx-image pkg. */
#include "lwx_image.h"

#include "architecture.h"
#include "cleanup.h"
#include "macros.h"
#include "pkg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * struct request - one call
 * @json: array of what was done, NULL: text
 */
struct request {
	struct pkg_options options;
	struct pkg_build how;
	const char *cache_dir;
	json_t *json;
};

static int tell(const struct request *request, const struct pkg *pkg,
		const char *digest)
{
	if (!request->json)
		return digest ? printf("%s sha256:%s\n", pkg->name, digest) < 0
			      : puts(pkg->name) < 0;
	return json_array_append_new(request->json,
				     json_pack("{s:s,s:s,s:s?}", "directory",
					       pkg->dir, "name", pkg->name,
					       "digest", digest));
}

static int do_build(const struct request *request, const struct pkg *pkg,
		    struct image_cache *cache, struct err *err)
{
	int rc = pkg_build(pkg, cache, &request->how, err);

	return rc ? rc : tell(request, pkg, NULL);
}

static int do_show_tag(const struct request *request, const struct pkg *pkg,
		       struct image_cache *cache, struct err *err)
{
	(void)cache;
	(void)err;
	return tell(request, pkg, NULL);
}

static int do_manifest(const struct request *request, const struct pkg *pkg,
		       struct image_cache *cache, struct err *err)
{
	char digest[SHA256_HEX_SIZE];
	int rc = pkg_index(pkg, cache, digest, err);

	return rc ? rc : tell(request, pkg, digest);
}

static const struct action {
	const char *name;
	bool cache;
	int (*run)(const struct request *request, const struct pkg *pkg,
		   struct image_cache *cache, struct err *err);
} actions[] = {
	{"build", true, do_build},
	{"show-tag", false, do_show_tag},
	{"manifest", true, do_manifest},
	{"index", true, do_manifest}, /* as LinuxKit calls it now */
};

static int act(const struct request *request, const struct action *action,
	       int argc, char **argv, struct err *err)
{
	struct image_cache *cache = NULL;
	int rc = action->cache
			 ? image_cache_open(&cache, request->cache_dir, err)
			 : 0;

	for (int i = 0; i < argc && !rc; i++) {
		struct pkg pkg = {0};

		rc = pkg_open(&pkg, argv[i], &request->options, err);
		if (!rc)
			rc = action->run(request, &pkg, cache, err);
		pkg_close(&pkg);
	}
	if (!rc && request->json)
		rc = json_dumpf(request->json, stdout,
				JSON_SORT_KEYS | JSON_INDENT(2)) ||
		     putchar('\n') == EOF;
	if (!rc && fflush(stdout))
		rc = 1;
	image_cache_close(cache);
	return rc > 0 ? err_setx(err, -EIO, "standard output") : rc;
}

/* "linux/amd64,arm64"; @text is cut. Return: 0 or -EINVAL. */
static int add_architectures(struct pkg_build *how, char *text)
{
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		const char *name;

		if (strncmp(word, "linux/", 6) == 0)
			word += 6;
		name = architecture_parse(word);
		if (!name || how->num == PKG_ARCHES_MAX)
			return -EINVAL;
		how->architectures[how->num++] = name;
	}
	return 0;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	const struct action *action = NULL;
	struct request request = {0};
	const char *arch = architecture_native();
	bool as_json = false;
	bool dev = false;
	const struct image_option options[] = {
		{"arch", &arch, NULL},
		{"build-yml", &request.options.yml, NULL},
		{"cache", &request.cache_dir, NULL},
		{"dev", NULL, &dev},
		{"force", NULL, &request.how.force},
		{"json", NULL, &as_json},
		{"org", &request.options.org, NULL},
		{"platforms", &arch, NULL},
		{"tag", &request.options.tag, NULL},
		{NULL, NULL, NULL}};
	AUTO_FREE char *words = NULL;
	struct err err = {0};
	int status;
	int rc;

	if (!image_options(verb, options, argc, argv, &status))
		return status;
	words = strdup(arch);
	if (!words || add_architectures(&request.how, words))
		return image_usage_error(verb, "--arch %s: amd64, arm64", arch);
	if (dev)
		request.options.tag = "dev";
	for (size_t i = 0; optind < argc && i < ARRAY_SIZE(actions); i++)
		if (strcmp(actions[i].name, argv[optind]) == 0)
			action = &actions[i];
	if (!action)
		return image_usage_error(verb, "build, show-tag or manifest");
	if (optind + 1 == argc)
		return image_usage_error(verb, "%s: need a directory",
					 action->name);
	if (image_epoch(&request.how.epoch))
		return image_usage_error(verb, "SOURCE_DATE_EPOCH is not a "
					       "number of seconds");
	request.json = as_json ? json_array() : NULL;
	rc = act(&request, action, argc - optind - 1, argv + optind + 1, &err);
	json_decref(request.json);
	return rc ? image_fail(&err) : IMAGE_EXIT_OK;
}

const struct image_verb image_verb_pkg = {
	.name = "pkg",
	.usage = "[OPTION...] ACTION DIR...",
	.summary = "Packages of LinuxKit: build, show-tag, manifest.",
	.help = "DIR has a Dockerfile and build.yml, see "
		"lwx-image.yml(5). A definition names\n"
		"the package as image: \"@pkg:DIR\".\n"
		"\n"
		"  build DIR...     into the cache, by buildah; what is there "
		"is not built again.\n"
		"                   Images of FROM and COPY --from come from "
		"the cache. Without a\n"
		"                   network, unless build.yml says network: "
		"true\n"
		"  show-tag DIR...  name and tag: git's hash of the directory "
		"as it is\n"
		"  manifest DIR...  the image of all architectures that were "
		"built, and its digest\n"
		"\n"
		"  --arch ARCH,...   amd64, arm64 [of this machine]; as "
		"--platforms\n"
		"  --org ORG         in front of the name [of build.yml, else "
		"linuxkit]\n"
		"  --tag TAG         in place of the hash; --dev: dev\n"
		"  --build-yml FILE  its name in DIR [build.yml]\n"
		"  --force           build also what is there\n"
		"  --cache DIR       [$XDG_CACHE_HOME/lwx]\n"
		"  --json            for programs\n"
		"\n"
		"RUN needs root, or ids of yours in /etc/subuid and "
		"/etc/subgid.\n",
	.run = run,
};

/* verb_diff.c - lwx-image diff. */
#include "lwx_image.h"

#include "architecture.h"
#include "json.h"
#include "macros.h"
#include "subject.h"
#include "tree_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_DIFFERENT 1
#define EXIT_TROUBLE 2

/**
 * struct report - what has been found
 * @json: with --json an array of each
 */
struct report {
	bool as_json;
	json_t *packages;
	json_t *files;
	size_t package_num;
	size_t added;
	size_t removed;
	size_t changed;
	int64_t grown; /* bytes */
};

static const struct {
	unsigned int bit;
	const char *name;
} words[] = {
	{TREE_DIFF_TYPE, "type"},     {TREE_DIFF_MODE, "mode"},
	{TREE_DIFF_OWNER, "owner"},   {TREE_DIFF_CONTENT, "content"},
	{TREE_DIFF_TARGET, "target"}, {TREE_DIFF_DEVICE, "device"},
	{TREE_DIFF_XATTRS, "xattrs"}, {TREE_DIFF_LINKS, "links"},
};

static void words_of(unsigned int what, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (what & words[i].bit)
			used += (size_t)snprintf(out + used, size - used,
						 "%s%s", used ? "," : "",
						 words[i].name);
	}
}

static void tell_package(struct report *report, const char *name,
			 const char *from, const char *to)
{
	report->package_num++;
	if (report->as_json) {
		json_t *object = json_object();

		(void)json_put(object, "name", name);
		(void)json_put(object, "from", from);
		(void)json_put(object, "to", to);
		(void)json_array_append_new(report->packages, object);
	} else if (from && to) {
		(void)printf("~ package %s %s -> %s\n", name, from, to);
	} else {
		(void)printf("%c package %s %s\n", from ? '-' : '+', name,
			     from ? from : to);
	}
}

static const char *version_of(const struct sbom_package *package)
{
	return package->version ? package->version : "";
}

/* Both lists are sorted by name. */
static void diff_packages(struct report *report, const struct sbom *from,
			  const struct sbom *to)
{
	size_t a_num;
	size_t b_num;
	const struct sbom_package *a = sbom_packages(from, &a_num);
	const struct sbom_package *b = sbom_packages(to, &b_num);
	size_t i = 0;
	size_t k = 0;

	while (i < a_num || k < b_num) {
		int order = i == a_num	 ? 1
			    : k == b_num ? -1
					 : strcmp(a[i].name, b[k].name);

		if (order < 0) {
			tell_package(report, a[i].name, version_of(&a[i]),
				     NULL);
			i++;
		} else if (order > 0) {
			tell_package(report, b[k].name, NULL,
				     version_of(&b[k]));
			k++;
		} else {
			if (strcmp(version_of(&a[i]), version_of(&b[k])) != 0)
				tell_package(report, a[i].name,
					     version_of(&a[i]),
					     version_of(&b[k]));
			i++;
			k++;
		}
	}
}

static void tell_file(struct report *report, unsigned int what,
		      const char *path, uint64_t from, uint64_t to)
{
	const char *sign = what & TREE_DIFF_ADDED     ? "+"
			   : what & TREE_DIFF_REMOVED ? "-"
						      : "~";
	char text[80];

	words_of(what, text, sizeof(text));
	report->added += *sign == '+';
	report->removed += *sign == '-';
	report->changed += *sign == '~';
	report->grown += (int64_t)to - (int64_t)from;
	if (!report->as_json) {
		(void)printf("%s /%s%s%s", sign, path, *text ? " " : "", text);
		if (from != to)
			(void)printf(" %+" PRId64, (int64_t)to - (int64_t)from);
		(void)putchar('\n');
		return;
	}
	(void)json_array_append_new(report->files,
				    json_pack("{s:s,s:s,s:s,s:I,s:I}", "path",
					      path, "change", sign, "what",
					      text, "from", (json_int_t)from,
					      "to", (json_int_t)to));
}

static int tell_entry(void *data, unsigned int what,
		      const struct tree_entry *from,
		      const struct tree_entry *to)
{
	if (!from)
		tell_file(data, what, to->path, 0, to->size);
	else
		tell_file(data, what, from->path, from->size,
			  to ? to->size : 0);
	return 0;
}

/* Documents have digests, not sizes. */
static void diff_documents(struct report *report, const struct sbom *from,
			   const struct sbom *to)
{
	size_t a_num;
	size_t b_num;
	const struct sbom_file *a = sbom_files(from, &a_num);
	const struct sbom_file *b = sbom_files(to, &b_num);
	size_t i = 0;
	size_t k = 0;

	while (i < a_num || k < b_num) {
		int order = i == a_num	 ? 1
			    : k == b_num ? -1
					 : strcmp(a[i].path, b[k].path);
		const char *x = order <= 0 ? a[i].sha256 : NULL;
		const char *y = order >= 0 ? b[k].sha256 : NULL;

		if (order < 0)
			tell_file(report, TREE_DIFF_REMOVED, a[i].path, 0, 0);
		else if (order > 0)
			tell_file(report, TREE_DIFF_ADDED, b[k].path, 0, 0);
		else if (x && y && strcmp(x, y) != 0)
			tell_file(report, TREE_DIFF_CONTENT, a[i].path, 0, 0);
		i += order <= 0;
		k += order >= 0;
	}
}

/* Files of a tree, so that it can be compared with a document. */
static int fill_files(struct subject *subject, struct err *err)
{
	int rc = subject->image ? sbom_add_files(subject->sbom,
						 subject->image->tree, err)
				: 0;

	sbom_sort(subject->sbom);
	return rc;
}

static int compare(struct report *report, struct subject *from,
		   struct subject *to, struct err *err)
{
	int rc = 0;

	sbom_sort(from->sbom);
	sbom_sort(to->sbom);
	diff_packages(report, from->sbom, to->sbom);
	if (from->image && to->image)
		return tree_diff(from->image->tree, to->image->tree, tell_entry,
				 report, err);
	rc = fill_files(from, err);
	if (!rc)
		rc = fill_files(to, err);
	if (!rc)
		diff_documents(report, from->sbom, to->sbom);
	return rc;
}

static int finish(struct report *report, struct err *err)
{
	if (!report->as_json) {
		(void)printf("%zu packages differ; %zu files added, %zu "
			     "removed, %zu changed, %+" PRId64 " bytes\n",
			     report->package_num, report->added,
			     report->removed, report->changed, report->grown);
	} else {
		json_t *top = json_pack(
			"{s:O,s:O,s:I}", "packages", report->packages, "files",
			report->files, "grown", (json_int_t)report->grown);
		int rc = json_dumpf(top, stdout,
				    JSON_SORT_KEYS | JSON_INDENT(2));

		json_decref(top);
		(void)putchar('\n');
		if (rc)
			return err_set(err, -EIO, "standard output");
	}
	if (fflush(stdout))
		return err_set(err, -errno, "standard output");
	return 0;
}

static int diff(const char *a, const char *b,
		const struct subject_options *options, bool as_json)
{
	struct report report = {.as_json = as_json,
				.packages = json_array(),
				.files = json_array()};
	struct subject from = {0};
	struct subject to = {0};
	struct err err = {0};
	int rc = subject_load(&from, a, options, &err);

	if (!rc)
		rc = subject_load(&to, b, options, &err);
	if (!rc)
		rc = compare(&report, &from, &to, &err);
	if (!rc)
		rc = finish(&report, &err);
	subject_fini(&from);
	subject_fini(&to);
	json_decref(report.packages);
	json_decref(report.files);
	if (rc) {
		(void)image_fail(&err); /* 1 says that they differ */
		return EXIT_TROUBLE;
	}
	return report.package_num || report.added || report.removed ||
			       report.changed
		       ? EXIT_DIFFERENT
		       : IMAGE_EXIT_OK;
}

static int run(const struct image_verb *verb, int argc, char **argv)
{
	struct subject_options subject = {0};
	bool as_json = false;
	const struct image_option options[] = {
		{"arch", &subject.architecture, NULL},
		{"cache", &subject.cache, NULL},
		{"json", NULL, &as_json},
		{NULL, NULL, NULL}};
	int status;

	if (!image_options(verb, options, argc, argv, &status))
		return status;
	if (optind + 2 != argc)
		return image_usage_error(verb, "need two images");
	return diff(argv[optind], argv[optind + 1], &subject, as_json);
}

const struct image_verb image_verb_diff = {
	.name = "diff",
	.usage = "[--json] [--arch ARCH] [--cache DIR] FROM TO",
	.summary = "Tell in which packages, files and sizes two images differ.",
	.help = "FROM and TO are what lwx-image inspect takes, of any two "
		"kinds. Times are no\n"
		"difference. Exit status 0: the same, 1: different, 2: could "
		"not compare.\n"
		"\n"
		"  + added, - removed, ~ changed: type, mode, owner, content, "
		"target, device,\n"
		"  xattrs, links; then by how many bytes\n"
		"\n"
		"  --json       for programs\n"
		"  --arch ARCH  which one, if an image is for several\n"
		"  --cache DIR  [$XDG_CACHE_HOME/lwx]\n",
	.run = run,
};

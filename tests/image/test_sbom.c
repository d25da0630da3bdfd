/* test_sbom.c - SPDX documents: complete, valid, the same again, merged. */
#include "test.h"

#include "image_rig.h"
#include "json.h"
#include "sbom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char alpha[] = "alpha";
static char beta[] = "beta";
static char one[] = "1.0";
static char two[] = "2.0";

static struct sbom *make(void)
{
	struct sbom *sbom = NULL;

	assert_int_equal(sbom_create(&sbom, NULL), 0);
	return sbom;
}

static size_t add(struct sbom *sbom, char *name, char *version)
{
	struct sbom_package package = {.name = name, .version = version};
	size_t index = 99;

	assert_int_equal(sbom_add_package(sbom, &package, &index, NULL), 0);
	return index;
}

static struct tree *debian(void)
{
	struct tree *tree = rig_tree();

	rig_put(tree, TREE_SYMLINK, "bin", "usr/bin");
	rig_put(tree, TREE_FILE, "usr/bin/dash", "dash");
	rig_put(tree, TREE_FILE, "usr/lib/libc.so.6", "libc");
	rig_put(tree, TREE_FILE, "etc/own", "own");
	rig_put(tree, TREE_FILE, "odd/\xff", "odd");
	rig_put(tree, TREE_FILE, "var/lib/dpkg/status",
		"Package: libc6\nStatus: install ok installed\n"
		"Architecture: amd64\nVersion: 2.36-9\nDescription: C\n "
		"more\n\n"
		"Package: gone\nStatus: deinstall ok config-files\n"
		"Architecture: amd64\nVersion: 1\n\n"
		"Package: dash\nStatus: install ok installed\n"
		"Architecture: amd64\nVersion: 0.5.12-2\n");
	rig_put(tree, TREE_FILE, "var/lib/dpkg/info/libc6:amd64.list",
		"/.\n/usr/lib\n/usr/lib/libc.so.6\n/../x\n");
	rig_put(tree, TREE_FILE, "var/lib/dpkg/info/dash.list",
		"/.\n/bin\n/bin/dash\n");
	return tree;
}

static char *write_doc(struct sbom *sbom, size_t *size)
{
	char *text = NULL;

	assert_int_equal(
		sbom_write(sbom, "test", 1500000000, &text, size, NULL), 0);
	return text;
}

static char *debian_doc(size_t *size)
{
	struct tree *tree = debian();
	struct sbom *sbom = make();
	char *text;

	assert_int_equal(sbom_add_dpkg(sbom, tree, NULL), 0);
	tree_remove(tree, "var/lib/dpkg");
	assert_int_equal(sbom_add_files(sbom, tree, NULL), 0);
	text = write_doc(sbom, size);
	sbom_destroy(sbom);
	tree_destroy(tree);
	return text;
}

static void assert_text(const json_t *object, const char *key, const char *want)
{
	assert_string_equal(json_string_value(json_object_get(object, key)),
			    want);
}

/* Every SPDXID is unique and well formed, every relationship leads somewhere.
 */
static void assert_valid(const json_t *top)
{
	static const char *const arrays[] = {"packages", "files"};
	static const char *const ends[] = {"spdxElementId",
					   "relatedSpdxElement"};
	const json_t *relations = json_object_get(top, "relationships");
	json_t *ids = json_object();

	assert_text(top, "spdxVersion", "SPDX-2.3");
	assert_text(top, "dataLicense", "CC0-1.0");
	assert_text(top, "SPDXID", "SPDXRef-DOCUMENT");
	assert_text(json_object_get(top, "creationInfo"), "created",
		    "2017-07-14T02:40:00Z");
	assert_true(json_is_string(json_object_get(top, "documentNamespace")));
	(void)json_object_set_new(ids, "SPDXRef-DOCUMENT", json_true());
	for (size_t a = 0; a < 2; a++) {
		const json_t *array = json_object_get(top, arrays[a]);

		for (size_t i = 0; i < json_array_size(array); i++) {
			const json_t *object = json_array_get(array, i);
			const char *id = json_string_value(
				json_object_get(object, "SPDXID"));

			assert_int_equal(strncmp(id, "SPDXRef-", 8), 0);
			assert_int_equal(strspn(id + 8,
						"abcdefghijklmnopqrstuvwxyz"
						"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						"0123456789.-"),
					 strlen(id + 8));
			assert_null(json_object_get(ids, id));
			(void)json_object_set_new(ids, id, json_true());
			if (a == 1) {
				const json_t *sums =
					json_object_get(object, "checksums");

				assert_int_equal(json_array_size(sums), 2);
				assert_text(json_array_get(sums, 0),
					    "algorithm", "SHA1");
			}
		}
	}
	assert_true(json_array_size(relations) > 0);
	for (size_t i = 0; i < json_array_size(relations); i++) {
		for (size_t e = 0; e < 2; e++)
			assert_non_null(json_object_get(
				ids, json_string_value(json_object_get(
					     json_array_get(relations, i),
					     ends[e]))));
	}
	json_decref(ids);
}

static void document_is_valid(void **state)
{
	size_t size = 0;
	char *text = debian_doc(&size);
	json_t *top = NULL;

	(void)state;
	assert_int_equal(json_read(&top, text, size, "doc", NULL), 0);
	assert_valid(top);
	assert_int_equal(json_array_size(json_object_get(top, "packages")), 3);
	assert_int_equal(json_array_size(json_object_get(top, "files")), 4);
	json_decref(top);
	free(text);
}

static void dpkg_owns_files(void **state)
{
	struct sbom *sbom = make();
	const struct sbom_package *packages;
	const struct sbom_file *files;
	size_t package_num;
	size_t num;
	size_t size = 0;
	char *text = debian_doc(&size);

	(void)state;
	assert_int_equal(sbom_read(sbom, text, size, "doc", NULL), 0);
	packages = sbom_packages(sbom, &package_num);
	files = sbom_files(sbom, &num);
	assert_int_equal(package_num, 2);
	assert_int_equal(num, 4);
	assert_string_equal(packages[0].name, "dash");
	assert_string_equal(packages[1].purl,
			    "pkg:deb/debian/libc6@2.36-9?arch=amd64");
	assert_string_equal(files[0].path, "etc/own");
	assert_int_equal(files[0].package, SIZE_MAX);
	assert_string_equal(files[2].path, "usr/bin/dash");
	assert_int_equal(files[2].package, 0);
	assert_string_equal(files[3].path, "usr/lib/libc.so.6");
	assert_int_equal(files[3].package, 1);
	assert_string_equal(files[3].sha1,
			    "cb9c5e2d56e129ddbf7d7f021e9ecdcc26174648");
	free(text);
	sbom_destroy(sbom);
}

static void order_of_adding_is_no_matter(void **state)
{
	struct sbom *left = make();
	struct sbom *right = make();
	size_t sizes[2];
	char *texts[2];

	(void)state;
	assert_int_equal(add(left, alpha, one), 0);
	assert_int_equal(add(left, beta, one), 1);
	assert_int_equal(add(left, alpha, two), 2);
	assert_int_equal(add(left, alpha, one), 0);
	add(right, alpha, two);
	add(right, alpha, one);
	add(right, beta, one);
	texts[0] = write_doc(left, &sizes[0]);
	texts[1] = write_doc(right, &sizes[1]);
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(texts[0], texts[1], sizes[0]);
	free(texts[0]);
	free(texts[1]);
	sbom_destroy(left);
	sbom_destroy(right);
}

static void parts_become_one(void **state)
{
	struct sbom *sbom = make();
	size_t size = 0;
	size_t num;
	char *text = debian_doc(&size);

	(void)state;
	add(sbom, alpha, one);
	assert_int_equal(sbom_read(sbom, text, size, "doc", NULL), 0);
	(void)sbom_packages(sbom, &num);
	assert_int_equal(num, 3);
	free(text);
	text = write_doc(sbom, &size);
	sbom_destroy(sbom);
	sbom = make();
	assert_int_equal(sbom_read(sbom, text, size, "doc", NULL), 0);
	(void)sbom_packages(sbom, &num);
	assert_int_equal(num, 3);
	assert_int_equal(sbom_read(sbom, "{}", 2, "doc", NULL), -EBADMSG);
	assert_int_equal(sbom_read(sbom, "[", 1, "doc", NULL), -EBADMSG);
	free(text);
	sbom_destroy(sbom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_is_valid),
		cmocka_unit_test(dpkg_owns_files),
		cmocka_unit_test(order_of_adding_is_no_matter),
		cmocka_unit_test(parts_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

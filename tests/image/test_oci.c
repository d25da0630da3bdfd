/* test_oci.c - images written, read back, and read by skopeo. */
#include "test.h"

#include "archive_write_tar.h"
#include "image_rig.h"
#include "oci_layer.h"
#include "oci_read.h"
#include "oci_write.h"
#include "sink.h"
#include "tree_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EPOCH 1500000000

static char name[] = "layerworx/test:1";
static char architecture[] = "amd64";
static char user[] = "nobody";
static char env[] = "PATH=/bin";
static char command[] = "/bin/sh";
static char *envs[] = {env};
static char *commands[] = {command};

static struct oci_config sample_config(void)
{
	return (struct oci_config){
		.architecture = architecture,
		.user = user,
		.env = {envs, 1},
		.cmd = {commands, 1},
	};
}

/* What the second layer leaves of the first. */
static struct tree *upper_layer(void)
{
	struct tree *tree = rig_tree();

	rig_put(tree, TREE_FILE, "etc/.wh.shadow", "");
	rig_put(tree, TREE_FILE, "odd/.wh..wh..opq", "");
	rig_put(tree, TREE_FILE, "odd/new", "n");
	rig_put(tree, TREE_FILE, "lib/libc.so", "lib");
	return tree;
}

static void assert_result(const struct oci_image *image)
{
	struct tree *want = rig_sample();

	tree_remove(want, "etc/shadow");
	tree_empty(want, "odd");
	rig_put(want, TREE_FILE, "odd/new", "n");
	rig_put(want, TREE_FILE, "usr/lib/libc.so", "lib");
	rig_assert_same(want, image->tree);
	assert_int_equal(image->layer_num, 2);
	assert_string_equal(image->config.architecture, "amd64");
	assert_string_equal(image->config.user, "nobody");
	assert_string_equal(image->config.env.items[0], "PATH=/bin");
	assert_string_equal(image->config.cmd.items[0], "/bin/sh");
	assert_string_equal(image->config.created, "2017-07-14T02:40:00Z");
	assert_string_equal(oci_config_label(&image->config, "b"), "2");
	assert_null(oci_config_label(&image->config, "c"));
	tree_destroy(want);
}

typedef int (*write_fn)(struct tree *out, const struct oci_output *output,
			struct err *err);

/* The image of two layers as a tree of files. */
static struct tree *write_image(write_fn fn)
{
	struct oci_config config = sample_config();
	struct tree *lower = rig_sample();
	struct tree *upper = upper_layer();
	const struct tree *layers[] = {lower, upper};
	struct oci_output output = {
		.name = name,
		.config = &config,
		.layers = layers,
		.layer_num = 2,
		.epoch = EPOCH,
	};
	struct tree *out = rig_tree();
	struct err err = {0};

	assert_int_equal(oci_config_set_label(&config, "b", "1"), 0);
	assert_int_equal(oci_config_set_label(&config, "a", "0"), 0);
	assert_int_equal(oci_config_set_label(&config, "b", "2"), 0);
	if (fn(out, &output, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < config.label_num; i++) {
		free(config.labels[i].key);
		free(config.labels[i].value);
	}
	free(config.labels);
	tree_destroy(lower);
	tree_destroy(upper);
	return out;
}

static void write_archive(const struct tree *tree, const char *path)
{
	struct tar_options options = {.epoch = EPOCH};
	struct sink_file file;
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(sink_file_init(&file, fd, NULL), 0);
	assert_int_equal(archive_write_tar(tree, &options, &file.sink, NULL),
			 0);
	sink_file_fini(&file);
	(void)close(fd);
}

static void assert_reads(const char *path, enum oci_kind kind,
			 struct image_cache *cache)
{
	struct oci_source source = {
		.path = path,
		.want = {.name = name, .architecture = "amd64"},
		.cache = cache};
	struct oci_image *image = NULL;
	struct err err = {0};

	if (oci_image_read(&image, &source, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(image->kind, kind);
	assert_result(image);
	oci_image_destroy(image);
}

static void assert_fails(const struct oci_source *source, int code,
			 const char *text)
{
	struct oci_image *image = NULL;
	struct err err = {0};

	assert_int_equal(oci_image_read(&image, source, &err), code);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" is not in: %s", text, err.msg);
}

static void all_forms_come_back(void **state)
{
	char *dir = rig_dir();
	char path[256];
	char cached[256];
	struct image_cache *cache = NULL;
	struct tree *layout = write_image(oci_write_layout);
	struct tree *docker = write_image(oci_write_docker);

	(void)state;
	(void)snprintf(cached, sizeof(cached), "%s/cache", dir);
	assert_int_equal(image_cache_open(&cache, cached, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/layout", dir);
	assert_int_equal(tree_dir_write(layout, path, NULL), 0);
	assert_reads(path, OCI_LAYOUT, NULL);
	assert_reads(path, OCI_LAYOUT, cache);
	assert_reads(path, OCI_LAYOUT, cache); /* now from the cache */
	(void)snprintf(path, sizeof(path), "%s/oci.tar", dir);
	write_archive(layout, path);
	assert_reads(path, OCI_ARCHIVE, NULL);
	rig_sh("gzip %s && mv %s.gz %s", path, path, path);
	assert_reads(path, OCI_ARCHIVE, cache);
	(void)snprintf(path, sizeof(path), "%s/docker.tar", dir);
	write_archive(docker, path);
	assert_reads(path, OCI_DOCKER_ARCHIVE, NULL);
	assert_reads(path, OCI_DOCKER_ARCHIVE, cache);
	image_cache_close(cache);
	tree_destroy(layout);
	tree_destroy(docker);
	rig_remove(dir);
}

static void skopeo_reads_and_copies(void **state)
{
	char *dir = rig_dir();
	char path[256];
	struct tree *layout = write_image(oci_write_layout);
	struct tree *docker = write_image(oci_write_docker);

	(void)state;
	if (access("/usr/bin/skopeo", X_OK))
		skip();
	(void)snprintf(path, sizeof(path), "%s/layout", dir);
	assert_int_equal(tree_dir_write(layout, path, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/docker.tar", dir);
	write_archive(docker, path);
	rig_sh("cd %s && skopeo inspect oci:layout:%s >inspect && "
	       "grep -q '\"Architecture\": \"amd64\"' inspect && "
	       "skopeo inspect --config oci:layout:%s >config && "
	       "grep -q '\"User\": \"nobody\"' config && "
	       "for to in oci:again:%s docker-archive:again.tar:%s; do "
	       "skopeo --insecure-policy copy -q oci:layout:%s $to && "
	       "skopeo --insecure-policy copy -q docker-archive:docker.tar "
	       "dir:$(mktemp -d -p .) || exit 1; done",
	       dir, name, name, name, name, name);
	(void)snprintf(path, sizeof(path), "%s/again", dir);
	assert_reads(path, OCI_LAYOUT, NULL);
	tree_destroy(layout);
	tree_destroy(docker);
	rig_remove(dir);
}

static void same_input_same_bytes(void **state)
{
	static const write_fn fns[] = {oci_write_layout, oci_write_docker};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tree *one = write_image(fns[i]);
		struct tree *two = write_image(fns[i]);

		rig_assert_same(one, two);
		tree_destroy(one);
		tree_destroy(two);
	}
}

static void damage_is_found(void **state)
{
	char *dir = rig_dir();
	char path[256];
	struct tree *layout = write_image(oci_write_layout);
	struct oci_source source = {.path = path};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/l", dir);
	assert_int_equal(tree_dir_write(layout, path, NULL), 0);
	source.want.architecture = "arm64";
	assert_fails(&source, -ENOENT,
		     "no image for arm64; there is: layerworx/test:1 for "
		     "amd64");
	source.want.architecture = NULL;
	source.want.name = "other";
	assert_fails(&source, -ENOENT, "no image other for linux");
	source.want.name = NULL;
	rig_sh("cd %s/blobs/sha256 && big=$(ls -S | head -n 1) && cp $big "
	       "%s/keep && printf X | dd of=$big bs=1 seek=100 conv=notrunc "
	       "status=none",
	       path, dir);
	assert_fails(&source, -EBADMSG, "is damaged: its digest differs");
	rig_sh("cd %s/blobs/sha256 && big=$(ls -S | head -n 1) && "
	       "truncate -s 200 $big",
	       path);
	assert_fails(&source, -EBADMSG, "has 200 bytes, not ");
	rig_sh("cd %s && rm -r blobs", path);
	assert_fails(&source, -EBADMSG, "has no blobs/sha256/");
	rig_sh("cd %s && echo '{\"manifests\": [}' >index.json", path);
	assert_fails(&source, -EBADMSG, ":1:16: ");
	tree_destroy(layout);
	rig_remove(dir);
}

static void put_text(struct tree *tree, const char *path, const char *text)
{
	assert_int_equal(rig_put(tree, TREE_FILE, path, text), 0);
}

/* The usual form of an image for several machines: an index in the index. */
static void index_in_index(void **state)
{
	char *dir = rig_dir();
	char path[256];
	char blob[128];
	char inner[1024] = "";
	char outer[1024];
	char hex[SHA256_HEX_SIZE];
	uint8_t digest[SHA256_SIZE];
	struct tree *layout = write_image(oci_write_layout);
	const struct tree_entry *index = tree_find(layout, "index.json");
	struct oci_source source = {.path = path,
				    .want = {.architecture = "arm64"}};

	(void)state;
	assert_true(index->size < sizeof(inner));
	assert_int_equal(
		tree_content_read(index->content, 0, inner, index->size, NULL),
		0);
	sha256_bytes(inner, index->size, digest);
	sha256_hex(digest, hex);
	(void)snprintf(outer, sizeof(outer),
		       "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
		       "\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu,"
		       "\"annotations\":{\"%s\":\"%s\"}}]}",
		       OCI_INDEX, hex, (size_t)index->size, OCI_REF_NAME, name);
	(void)snprintf(blob, sizeof(blob), "blobs/sha256/%s", hex);
	put_text(layout, blob, inner);
	put_text(layout, "index.json", outer);
	(void)snprintf(path, sizeof(path), "%s/l", dir);
	assert_int_equal(tree_dir_write(layout, path, NULL), 0);
	assert_reads(path, OCI_LAYOUT, NULL);
	assert_fails(&source, -ENOENT,
		     "no image for arm64; there is: "
		     "layerworx/test:1 for amd64");
	tree_destroy(layout);
	rig_remove(dir);
}

/* Docker's older archives: each layer in a folder, equal ones by a link. */
static void linked_layers(void **state)
{
	char *dir = rig_dir();
	char path[256];
	struct tree *docker = write_image(oci_write_docker);
	struct oci_source source = {.path = path};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/d.tar", dir);
	write_archive(docker, path);
	rig_sh("cd %s && mkdir x && tar -xf d.tar -C x && cd x && mkdir a b && "
	       "for tar in *.tar; do mv $tar a/ && ln -s ../a/$tar b/$tar && "
	       "sed -i \"s|$tar|b/$tar|\" manifest.json; done && "
	       "tar -cf ../d.tar .",
	       dir);
	assert_reads(path, OCI_DOCKER_ARCHIVE, NULL);
	rig_sh("cd %s/x && sed -i 's|\"b/|\"../../b/|' manifest.json && "
	       "tar -cf ../d.tar .",
	       dir);
	assert_fails(&source, -EBADMSG, "layer 1 is no file of it");
	tree_destroy(docker);
	rig_remove(dir);
}

static void plain_forms(void **state)
{
	char *dir = rig_dir();
	char path[256];
	struct oci_source source = {.path = path, .origin = "here"};
	struct oci_image *image = NULL;

	(void)state;
	rig_sh("cd %s && mkdir -p root/bin && echo x >root/bin/x && "
	       "tar -cJf root.tar.xz -C root .",
	       dir);
	(void)snprintf(path, sizeof(path), "%s/root", dir);
	assert_int_equal(oci_image_read(&image, &source, NULL), 0);
	assert_int_equal(image->kind, OCI_DIRECTORY);
	assert_string_equal(rig_paths(image->tree), "/ /bin /bin/x ");
	assert_string_equal(tree_find(image->tree, "bin/x")->origin, "here");
	oci_image_destroy(image);
	(void)snprintf(path, sizeof(path), "%s/root.tar.xz", dir);
	assert_int_equal(oci_image_read(&image, &source, NULL), 0);
	assert_int_equal(image->kind, OCI_TAR);
	assert_string_equal(rig_paths(image->tree), "/ /bin /bin/x ");
	oci_image_destroy(image);
	(void)snprintf(path, sizeof(path), "%s/none", dir);
	assert_fails(&source, -ENOENT, "none: No such file or directory");
	rig_remove(dir);
}

static void layers_replace_and_remove(void **state)
{
	struct tree *tree = rig_tree();
	struct tree *layer = rig_tree();

	(void)state;
	rig_put(tree, TREE_FILE, "a/b/c", "1");
	rig_put(tree, TREE_FILE, "a/d", "1");
	rig_put(tree, TREE_FILE, "e", "1");
	rig_put(tree, TREE_SYMLINK, "s", "a");
	rig_put(layer, TREE_FILE, "a/.wh.b", "");
	rig_put(layer, TREE_FILE, "a/b/new", "2"); /* gone and back */
	rig_put(layer, TREE_FILE, ".wh.e", "");
	rig_put(layer, TREE_FILE, "s/.wh.d", ""); /* through a link */
	rig_put(layer, TREE_FILE, ".wh.nothing", "");
	rig_put(layer, TREE_FILE, ".wh...", "");
	rig_put(layer, TREE_FILE, ".wh..wh.plnk/1", "");
	assert_int_equal(oci_layer_apply(tree, layer, NULL), 0);
	assert_string_equal(rig_paths(tree), "/ /a /a/b /a/b/new /s ");
	tree_destroy(layer);
	layer = rig_tree();
	rig_put(layer, TREE_FILE, ".wh..wh..opq", "");
	rig_put(layer, TREE_FILE, "only", "");
	assert_int_equal(oci_layer_apply(tree, layer, NULL), 0);
	assert_string_equal(rig_paths(tree), "/ /only ");
	tree_destroy(layer);
	tree_destroy(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_replace_and_remove),
		cmocka_unit_test(all_forms_come_back),
		cmocka_unit_test(skopeo_reads_and_copies),
		cmocka_unit_test(same_input_same_bytes),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(index_in_index),
		cmocka_unit_test(linked_layers),
		cmocka_unit_test(plain_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * oci_write.c - layers, configuration, manifest, index. See oci_write.h.
 */
#include "oci_write.h"

#include "archive_read.h"
#include "archive_write_tar.h"
#include "cleanup.h"
#include "json.h"
#include "sink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DIGEST_TEXT_SIZE (sizeof("sha256:") + SHA256_HEX_SIZE)
#define TIME_SIZE 32U

/**
 * struct blob - one that has been made
 * @content: owned
 */
struct blob {
	struct tree_content *content;
	uint8_t digest[SHA256_SIZE];
	uint64_t size;
};

static void digest_text(const uint8_t digest[SHA256_SIZE],
			char text[DIGEST_TEXT_SIZE])
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(digest, hex);
	(void)snprintf(text, DIGEST_TEXT_SIZE, "sha256:%s", hex);
}

static int put_file(struct tree *out, const char *path,
		    struct tree_content *content, int64_t epoch,
		    struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct tree_entry entry = {
		.path = copy,
		.mode = 0644,
		.mtime = epoch,
		.size = tree_content_size(content),
		.content = content,
	};

	return copy ? tree_put(out, &entry, err)
		    : err_set(err, -ENOMEM, "%s", path);
}

static int put_blob(struct tree *out, const struct blob *blob, int64_t epoch,
		    struct err *err)
{
	char path[sizeof("blobs/sha256/") + SHA256_HEX_SIZE] = "blobs/sha256/";

	sha256_hex(blob->digest, path + strlen(path));
	return put_file(out, path, blob->content, epoch, err);
}

static int blob_text(struct blob *blob, const json_t *json, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = json_write(json, &text, &size, err);

	if (rc)
		return rc;
	sha256_bytes(text, size, blob->digest);
	blob->size = size;
	return tree_content_memory(&blob->content, text, size, err);
}

/* The tar of @layer in a nameless file. @diff_id: before compression. */
static int write_tar(const struct tree *layer, const struct oci_output *output,
		     bool compressed, int fd, struct blob *blob,
		     uint8_t diff_id[SHA256_SIZE], struct err *err)
{
	struct tar_options options = {.epoch = output->epoch};
	struct sink_compress *compress = NULL;
	struct sink_file file = {0};
	struct sink_tee tee = {0};
	int rc = sink_file_init(&file, fd, err);

	if (!rc)
		rc = sink_compress_create(&compress,
					  compressed ? COMPRESSION_GZIP
						     : COMPRESSION_NONE,
					  output->level, &file.sink, err);
	if (!rc)
		rc = sink_tee_init(&tee, sink_compress_sink(compress), err);
	if (!rc)
		rc = archive_write_tar(layer, &options, &tee.sink, err);
	if (!rc)
		rc = sink_compress_finish(compress, err);
	if (!rc) {
		sink_tee_digest(&tee, diff_id);
		sink_file_digest(&file, blob->digest);
		blob->size = file.size;
	}
	sink_tee_fini(&tee);
	sink_compress_destroy(compress);
	sink_file_fini(&file);
	return rc;
}

static int layer_make(const struct tree *layer, const struct oci_output *output,
		      bool compressed, struct blob *blob,
		      struct oci_config *config, struct err *err)
{
	AUTO_CLOSE int fd = archive_temp_file(err);
	uint8_t diff_id[SHA256_SIZE];
	char text[DIGEST_TEXT_SIZE];
	int rc;

	if (fd < 0)
		return fd;
	rc = write_tar(layer, output, compressed, fd, blob, diff_id, err);
	if (rc)
		return rc;
	digest_text(diff_id, text);
	if (oci_list_add(&config->diff_ids, text))
		return err_set(err, -ENOMEM, "OCI image");
	return tree_content_file(&blob->content, fd, 0, blob->size, err);
}

static json_t *descriptor_make(const struct blob *blob, const char *type)
{
	json_t *object = json_object();
	char text[DIGEST_TEXT_SIZE];

	digest_text(blob->digest, text);
	if (json_put(object, "mediaType", type) ||
	    json_put(object, "digest", text) ||
	    json_object_set_new(object, "size",
				json_integer((json_int_t)blob->size))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *manifest_make(const struct blob *config,
			     const struct blob *layers, size_t num)
{
	json_t *manifest = json_object();
	json_t *array = json_array();

	for (size_t i = 0; i < num; i++)
		(void)json_array_append_new(
			array, descriptor_make(&layers[i], OCI_LAYER_GZIP));
	/* A member that is missing for want of memory shows in the size. */
	if (json_array_size(array) != num ||
	    json_put(manifest, "mediaType", OCI_MANIFEST) ||
	    json_object_set_new(manifest, "schemaVersion", json_integer(2)) ||
	    json_object_set_new(manifest, "config",
				descriptor_make(config, OCI_CONFIG)) ||
	    json_object_set(manifest, "layers", array)) {
		json_decref(manifest);
		manifest = NULL;
	}
	json_decref(array);
	return manifest;
}

static json_t *platform_make(const struct oci_config *config)
{
	json_t *platform = json_object();

	if (json_put(platform, "os", config->os ? config->os : "linux") ||
	    json_put(platform, "architecture", config->architecture) ||
	    json_put(platform, "variant", config->variant)) {
		json_decref(platform);
		return NULL;
	}
	return platform;
}

static json_t *index_make(const struct blob *manifest,
			  const struct oci_output *output)
{
	json_t *index = json_object();
	json_t *array = json_array();
	json_t *entry = descriptor_make(manifest, OCI_MANIFEST);
	json_t *notes = json_object();

	if (json_object_set_new(entry, "platform",
				platform_make(output->config)) ||
	    json_put(notes, OCI_REF_NAME, output->name) ||
	    (output->name && json_object_set(entry, "annotations", notes)) ||
	    json_array_append(array, entry) ||
	    json_put(index, "mediaType", OCI_INDEX) ||
	    json_object_set_new(index, "schemaVersion", json_integer(2)) ||
	    json_object_set(index, "manifests", array)) {
		json_decref(index);
		index = NULL;
	}
	json_decref(notes);
	json_decref(entry);
	json_decref(array);
	return index;
}

/* @json is taken. */
static int put_json(struct tree *out, const char *path, json_t *json,
		    int64_t epoch, struct err *err)
{
	struct blob blob = {0};
	int rc = json ? blob_text(&blob, json, err)
		      : err_set(err, -ENOMEM, "%s", path);

	json_decref(json);
	if (!rc)
		rc = put_file(out, path, blob.content, epoch, err);
	tree_content_unref(blob.content);
	return rc;
}

/**
 * struct image - what is made for one output
 * @config:      as given, with diff_ids and the time; shares all else
 * @layers:      one blob for each
 * @config_blob: @config as JSON
 */
struct image {
	struct oci_config config;
	struct blob *layers;
	struct blob config_blob;
	char created[TIME_SIZE];
};

static int image_make(struct image *image, const struct oci_output *output,
		      bool compressed, struct err *err)
{
	time_t epoch = (time_t)output->epoch;
	AUTO_FREE char *text = NULL;
	struct tm tm;
	size_t size = 0;
	int rc = 0;

	image->config = *output->config;
	image->config.diff_ids = (struct oci_list){0};
	image->config.created = image->created;
	if (!gmtime_r(&epoch, &tm) ||
	    !strftime(image->created, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return err_setx(err, -EINVAL,
				"SOURCE_DATE_EPOCH: not a time: %lld",
				(long long)output->epoch);
	image->layers = calloc(output->layer_num, sizeof(*image->layers));
	if (!image->layers)
		return err_set(err, -ENOMEM, "OCI image");
	for (size_t i = 0; i < output->layer_num && !rc; i++)
		rc = layer_make(output->layers[i], output, compressed,
				&image->layers[i], &image->config, err);
	if (!rc)
		rc = oci_config_write(&image->config, &text, &size, err);
	if (rc)
		return rc;
	sha256_bytes(text, size, image->config_blob.digest);
	image->config_blob.size = size;
	return tree_content_memory(&image->config_blob.content, text, size,
				   err);
}

static void image_fini(struct image *image, size_t layer_num)
{
	for (size_t i = 0; image->layers && i < layer_num; i++)
		tree_content_unref(image->layers[i].content);
	free(image->layers);
	tree_content_unref(image->config_blob.content);
	oci_list_fini(&image->config.diff_ids);
}

static int put_layout(struct tree *out, const struct image *image,
		      const struct oci_output *output, struct err *err)
{
	int64_t epoch = output->epoch;
	json_t *json = manifest_make(&image->config_blob, image->layers,
				     output->layer_num);
	json_t *layout = json_object();
	struct blob manifest = {0};
	int rc = json ? blob_text(&manifest, json, err)
		      : err_set(err, -ENOMEM, "OCI image");

	json_decref(json);
	for (size_t i = 0; i < output->layer_num && !rc; i++)
		rc = put_blob(out, &image->layers[i], epoch, err);
	if (!rc)
		rc = put_blob(out, &image->config_blob, epoch, err);
	if (!rc)
		rc = put_blob(out, &manifest, epoch, err);
	if (!rc)
		rc = put_json(out, "index.json", index_make(&manifest, output),
			      epoch, err);
	if (!rc && json_put(layout, "imageLayoutVersion", "1.0.0"))
		rc = err_set(err, -ENOMEM, "OCI image");
	if (!rc)
		rc = put_json(out, "oci-layout", json_incref(layout), epoch,
			      err);
	json_decref(layout);
	tree_content_unref(manifest.content);
	return rc;
}

int oci_write_layout(struct tree *out, const struct oci_output *output,
		     struct err *err)
{
	struct image image = {0};
	int rc = image_make(&image, output, true, err);

	if (!rc)
		rc = put_layout(out, &image, output, err);
	image_fini(&image, output->layer_num);
	return rc;
}

/* docker wants a tag. */
static json_t *tags_make(const char *name)
{
	AUTO_FREE char *text = NULL;
	const char *slash;

	if (!name)
		return json_null();
	slash = strrchr(name, '/');
	if (asprintf(&text, "%s%s", name,
		     strchr(slash ? slash : name, ':') ? "" : ":latest") < 0) {
		text = NULL;
		return NULL;
	}
	return json_pack("[s]", text);
}

static int put_docker(struct tree *out, const struct image *image,
		      const struct oci_output *output, struct err *err)
{
	char name[SHA256_HEX_SIZE + sizeof(".json")];
	json_t *layers = json_array();
	json_t *manifest = NULL;
	int rc = 0;

	for (size_t i = 0; i < output->layer_num && !rc; i++) {
		sha256_hex(image->layers[i].digest, name);
		strcat(name, ".tar");
		rc = put_file(out, name, image->layers[i].content,
			      output->epoch, err);
		if (!rc && json_array_append_new(layers, json_string(name)))
			rc = err_set(err, -ENOMEM, "docker archive");
	}
	sha256_hex(image->config_blob.digest, name);
	strcat(name, ".json");
	if (!rc)
		rc = put_file(out, name, image->config_blob.content,
			      output->epoch, err);
	if (!rc)
		manifest = json_pack("[{s:s, s:o, s:O}]", "Config", name,
				     "RepoTags", tags_make(output->name),
				     "Layers", layers);
	if (!rc)
		rc = put_json(out, "manifest.json", manifest, output->epoch,
			      err);
	json_decref(layers);
	return rc;
}

int oci_write_docker(struct tree *out, const struct oci_output *output,
		     struct err *err)
{
	struct image image = {0};
	int rc = image_make(&image, output, false, err);

	if (!rc)
		rc = put_docker(out, &image, output, err);
	image_fini(&image, output->layer_num);
	return rc;
}

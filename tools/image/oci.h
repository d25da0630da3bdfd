/*
 * oci.h - what the parts of an OCI image say (image-spec 1.0), and the older
 * names that Docker gave them. One thread.
 */
#pragma once

#include "err.h"
#include "sha256.h"

#include <stddef.h>
#include <stdint.h>

struct json_t;

#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_REF_NAME "org.opencontainers.image.ref.name"
#define OCI_LAYERS_MAX 512U
#define OCI_JSON_MAX (16U << 20) /* bytes of a manifest, index, config */

/** struct oci_list - texts in their order; owned */
struct oci_list {
	char **items;
	size_t num;
};

/** struct oci_label - one of a map, which is sorted by @key; owned */
struct oci_label {
	char *key;
	char *value;
};

/**
 * struct oci_config - image configuration, texts NULL when not given; owned
 * @architecture: "amd64"
 * @os:           "linux"
 * @created:      RFC 3339
 * @user:         "name", "uid", either with ":group"
 * @env:          "NAME=value"
 * @volumes:      paths, sorted
 * @ports:        "80/tcp", sorted
 * @diff_ids:     "sha256:..." of the uncompressed layers, base first
 */
struct oci_config {
	char *architecture;
	char *variant;
	char *os;
	char *created;
	char *author;
	char *user;
	char *workdir;
	char *stop_signal;
	struct oci_list env;
	struct oci_list entrypoint;
	struct oci_list cmd;
	struct oci_list volumes;
	struct oci_list ports;
	struct oci_label *labels;
	size_t label_num;
	struct oci_list diff_ids;
};

/** oci_config_parse() - from JSON. @name: of the document. Return: 0 or
 * -EBADMSG or -ENOMEM with @err; oci_config_fini() in both cases. */
int oci_config_parse(struct oci_config *config, const char *text, size_t size,
		     const char *name, struct err *err);

/** oci_config_write() - as JSON that depends on @config alone. Return: 0 or
 * -ENOMEM with @err; free(). */
int oci_config_write(const struct oci_config *config, char **out, size_t *size,
		     struct err *err);

/** oci_config_fini() - release; a zeroed one is fine. */
void oci_config_fini(struct oci_config *config);

/** oci_config_label() - the value of a label or NULL. */
const char *oci_config_label(const struct oci_config *config, const char *key);

/** oci_config_set_label() - add or replace. Return: 0 or -ENOMEM. */
int oci_config_set_label(struct oci_config *config, const char *key,
			 const char *value);

/** oci_list_add() - one more text, copied. Return: 0 or -ENOMEM. */
int oci_list_add(struct oci_list *list, const char *text);

/** oci_list_fini() - release. */
void oci_list_fini(struct oci_list *list);

/**
 * struct oci_descriptor - points to a blob
 * @media_type: as given; owned
 * @digest:     of its bytes
 * @size:       of it
 */
struct oci_descriptor {
	char *media_type;
	uint8_t digest[SHA256_SIZE];
	uint64_t size;
};

/** oci_descriptor_parse() - from an object of an index or manifest. Return: 0,
 * -EBADMSG or -ENOMEM with @err; oci_descriptor_fini() in both cases. */
int oci_descriptor_parse(struct oci_descriptor *descriptor,
			 const struct json_t *object, struct err *err);

/** oci_descriptor_fini() - release. */
void oci_descriptor_fini(struct oci_descriptor *descriptor);

/**
 * struct oci_manifest - what an image consists of; owned
 * @layers: base first
 */
struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor *layers;
	size_t layer_num;
};

/** oci_manifest_parse() - Return: 0, -EBADMSG or -ENOMEM with @err;
 * oci_manifest_fini() in both cases. */
int oci_manifest_parse(struct oci_manifest *manifest, const char *text,
		       size_t size, const char *name, struct err *err);

/** oci_manifest_fini() - release. */
void oci_manifest_fini(struct oci_manifest *manifest);

/**
 * struct oci_want - which image of an index
 * @name:         org.opencontainers.image.ref.name, NULL: the only one
 * @architecture: "amd64", NULL: the first one
 */
struct oci_want {
	const char *name;
	const char *architecture;
};

/**
 * oci_index_pick() - the wanted entry of an index
 * @out: a manifest, or an index to pick from again
 *
 * Return: 0; -ENOENT if there is none, naming those that are there; -EBADMSG,
 * -ENOMEM; with @err.
 */
int oci_index_pick(struct oci_descriptor *out, const char *text, size_t size,
		   const char *name, const struct oci_want *want,
		   struct err *err);

/** oci_is_index() - of either maker. */
int oci_is_index(const char *media_type);

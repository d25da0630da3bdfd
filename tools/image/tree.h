/*
 * tree.h - a file tree: sorted entries, content by reference, one digest.
 *
 * Every input of an image (layer, package, directory, inline file) becomes a
 * tree, every output is a pure function of trees. A tree never touches the
 * file system that it describes: owners, devices and extended attributes are
 * data, so no step needs privileges.
 *
 * Paths are relative, without "." and "..", without a leading or trailing
 * slash; "" is the root. Entries are kept in byte order of their paths, a
 * directory before what is in it. One thread per tree.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_DIGEST_SIZE 32 /* SHA-256 */
#define TREE_NAME_MAX 255   /* bytes of one component */
#define TREE_PATH_SIZE 4096 /* bytes of a path with its NUL */

enum tree_type {
	TREE_FILE,
	TREE_DIR,
	TREE_SYMLINK,
	TREE_CHAR,
	TREE_BLOCK,
	TREE_FIFO,
};

/**
 * struct tree_content - the bytes of a file; shared by reference count
 *
 * Either memory or a range of a file that is kept open (an archive in the
 * cache, a file of a directory). Immutable.
 */
struct tree_content;

/**
 * struct tree_xattr - one extended attribute
 * @name:  "security.capability"
 * @value: @size bytes
 */
struct tree_xattr {
	char *name;
	void *value;
	size_t size;
};

/**
 * struct tree_entry - one path
 * @path:     see above; owned
 * @type:     what it is
 * @mode:     permission bits, 07777
 * @uid:      owner
 * @gid:      group
 * @mtime:    seconds since 1970; outputs clamp it to SOURCE_DATE_EPOCH
 * @size:     bytes of a file
 * @content:  of a file of more than 0 bytes; owned reference
 * @target:   of a symbolic link; owned
 * @major:    of a device
 * @minor:    of a device
 * @xattrs:   @xattr_num of them, by name (tree_put() sorts its copy); owned
 * @link:     serial number shared by all hard links of one file (all fields but
 *            the path are equal), from tree_new_link(); 0: one link
 * @implied:  a directory that is here only because something is below it: put
 * on one that is there it changes nothing
 * @origin:   what brought it ("LINUXKIT.source"); owned by the tree, or NULL
 * @location: field of the definition that named it ("LINUXKIT.location");
 *            owned by the tree, or NULL
 */
struct tree_entry {
	char *path;
	enum tree_type type;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t mtime;
	uint64_t size;
	struct tree_content *content;
	char *target;
	uint32_t major;
	uint32_t minor;
	struct tree_xattr *xattrs;
	size_t xattr_num;
	uint64_t link;
	bool implied;
	const char *origin;
	const char *location;
};

struct tree;

/** tree_create() - an empty tree with an implied root of mode 0755. Return: 0
 * or -ENOMEM with @err. */
int tree_create(struct tree **out, struct err *err);

/** tree_destroy() - NULL is fine. */
void tree_destroy(struct tree *tree);

/** tree_num() - entries, the root among them. */
size_t tree_num(const struct tree *tree);

/** tree_at() - entry @i of tree_num() in path order; valid until the tree
 * changes. */
const struct tree_entry *tree_at(const struct tree *tree, size_t i);

/** tree_find() - the entry at @path or NULL; valid until the tree changes. */
const struct tree_entry *tree_find(const struct tree *tree, const char *path);

/**
 * tree_put() - add or replace one entry
 * @entry: copied, its content referenced once more
 *
 * Symbolic links among the parents are followed as tree_resolve() does, so the
 * entry may land elsewhere inside the tree. Missing parents are made (0755,
 * owner 0, implied). A directory put on a directory keeps what is in it;
 * anything else replaces what was at the path and below.
 *
 * Return: 0; -EINVAL if @entry is not as struct tree_entry says, -ENOTDIR if a
 * parent is not a directory, -ELOOP, -ENOMEM; with @err.
 */
int tree_put(struct tree *tree, const struct tree_entry *entry,
	     struct err *err);

/**
 * tree_put_bytes() - tree_put() of a file that has a copy of @size bytes
 * @like: mode, owner, time and the like; its path, type, size and content are
 *        not looked at
 *
 * Return: as tree_put().
 */
int tree_put_bytes(struct tree *tree, const char *path,
		   const struct tree_entry *like, const void *bytes,
		   size_t size, struct err *err);

/**
 * tree_link() - one more name for the file, link or device at @target
 * @path:   put as tree_put() does
 * @target: its parents are resolved too
 *
 * Return: 0; -ENOENT if nothing is at @target, -EISDIR if it is a directory,
 * -EINVAL if it is @path itself, or as tree_put(); with @err.
 */
int tree_link(struct tree *tree, const char *path, const char *target,
	      struct err *err);

/**
 * tree_resolve() - where a path is once the links among its parents are
 * followed
 * @path: as trees have it; its last component is not followed
 * @out:  filled
 *
 * As under chroot(2): an absolute target starts at the root of the tree, ".."
 * stops there. What is missing counts as a directory.
 *
 * Return: 0; -ELOOP after 40 links, -ENOTDIR if a parent is not a directory,
 * -ENAMETOOLONG.
 */
int tree_resolve(const struct tree *tree, const char *path,
		 char out[TREE_PATH_SIZE]);

/** tree_follow() - the entry that open(2) would find at @path, all links
 * followed as tree_resolve() does, or NULL. */
const struct tree_entry *tree_follow(const struct tree *tree, const char *path);

/** tree_remove() - what is at @path and below; nothing there is fine. The root
 * stays, it is emptied. */
void tree_remove(struct tree *tree, const char *path);

/** tree_empty() - what is below @path goes, @path itself stays. */
void tree_empty(struct tree *tree, const char *path);

/** tree_merge() - put every entry of @from below @prefix ("": the root) of
 * @tree; hard links stay hard links. Return: as tree_put(). */
int tree_merge(struct tree *tree, const struct tree *from, const char *prefix,
	       struct err *err);

/** tree_link_firsts() - per entry the index of the first one with the same
 * link: its own if there is none before it. Return: an array to free(), or NULL
 * without memory. */
size_t *tree_link_firsts(const struct tree *tree);

/**
 * tree_digest() - SHA-256 over all entries, times left out
 *
 * Equal for equal trees, wherever and whenever they were read.
 *
 * Return: 0, or the negative errno of a failed read with @err.
 */
int tree_digest(const struct tree *tree, uint8_t digest[TREE_DIGEST_SIZE],
		struct err *err);

/**
 * tree_path_clean() - the form of a foreign path that trees use
 * @out:  filled: "./usr//bin/" and "/usr/bin" become "usr/bin", "." and "/" ""
 * @size: of @out; TREE_PATH_SIZE always suffices
 *
 * Return: 0; -EINVAL if a component is "..", longer than TREE_NAME_MAX or the
 * whole does not fit.
 */
int tree_path_clean(const char *path, char *out, size_t size);

/** tree_new_link() - a serial number for hard links that nothing in @tree
 * uses yet; see struct tree_entry. */
uint64_t tree_new_link(struct tree *tree);

/** tree_content_memory() - @size bytes, copied. Return: 0 or -ENOMEM with
 * @err; tree_content_unref() when done. */
int tree_content_memory(struct tree_content **out, const void *bytes,
			size_t size, struct err *err);

/** tree_content_file() - @size bytes at @offset of @fd, which is duplicated.
 * Return: 0, -EMFILE or -ENOMEM with @err. */
int tree_content_file(struct tree_content **out, int fd, uint64_t offset,
		      uint64_t size, struct err *err);

/** tree_content_whole() - all of the file @path, kept open. Return: 0 or a
 * negative errno with @err. */
int tree_content_whole(struct tree_content **out, const char *path,
		       struct err *err);

/**
 * struct tree_source - an open file or directory that many contents share
 *
 * An image has more files than a process may have descriptors.
 */
struct tree_source;

/** tree_source_create() - @fd is taken, also on failure. Return: 0 or -ENOMEM
 * with @err; tree_source_unref() when done. */
int tree_source_create(struct tree_source **out, int fd, struct err *err);

/** tree_source_ref() - one more reference. Return: @source. */
struct tree_source *tree_source_ref(struct tree_source *source);

/** tree_source_unref() - one reference less; NULL is fine. */
void tree_source_unref(struct tree_source *source);

/** tree_content_range() - @size bytes at @offset of the file @source, which is
 * referenced. Return: 0 or -ENOMEM with @err. */
int tree_content_range(struct tree_content **out, struct tree_source *source,
		       uint64_t offset, uint64_t size, struct err *err);

/** tree_content_path() - the @size bytes of the file @path below the directory
 * @source, which is referenced; opened for each read, never through a symbolic
 * link. Return: 0 or -ENOMEM with @err. */
int tree_content_path(struct tree_content **out, struct tree_source *source,
		      const char *path, uint64_t size, struct err *err);

/** tree_content_ref() - one more reference. Return: @content. */
struct tree_content *tree_content_ref(struct tree_content *content);

/** tree_content_unref() - one reference less; NULL is fine. */
void tree_content_unref(struct tree_content *content);

/** tree_content_size() - in bytes. */
uint64_t tree_content_size(const struct tree_content *content);

/** tree_content_read() - @size bytes at @offset into @buf; all or an error.
 * Return: 0, -EIO if the file has become shorter, or a negative errno; with
 * @err. */
int tree_content_read(const struct tree_content *content, uint64_t offset,
		      void *buf, size_t size, struct err *err);

/**
 * tree_content_open() - a file that holds the bytes
 * @offset: where they start in it
 *
 * Return: a descriptor for reading, the caller's; or a negative errno with
 * @err.
 */
int tree_content_open(const struct tree_content *content, uint64_t *offset,
		      struct err *err);

/** tree_content_digest() - SHA-256 of the bytes; computed once and kept. NULL
 * is the empty content. Return: 0 or as tree_content_read(). */
int tree_content_digest(struct tree_content *content,
			uint8_t digest[TREE_DIGEST_SIZE], struct err *err);

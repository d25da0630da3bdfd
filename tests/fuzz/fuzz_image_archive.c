/*
 * fuzz_image_archive.c - both halves of reading an archive, in one process: the
 * bytes as a tar through the child's code, and as the words of a child that an
 * archive has taken over.
 */
#include "archive_reader.h"
#include "macros.h"
#include "tree.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort(); /* not the input's fault */
	return fd;
}

/* Whatever was said: contents are readable and every path is inside. */
static void check(const struct tree *tree)
{
	for (size_t i = 0; i < tree_num(tree); i++) {
		const struct tree_entry *entry = tree_at(tree, i);
		char clean[TREE_PATH_SIZE];
		char byte;

		if (tree_path_clean(entry->path, clean, sizeof(clean)))
			abort();
		if (entry->size &&
		    tree_content_read(entry->content, entry->size - 1, &byte, 1,
				      NULL))
			abort();
	}
}

static void build(int records, int archive, int spill)
{
	struct archive_input input = {.fd = archive, .name = "fuzz"};
	struct archive_reader reader;
	struct tree *tree = NULL;
	struct err err;

	if (tree_create(&tree, &err) ||
	    archive_reader_attach(&reader, "fuzz", records, &err))
		abort();
	(void)archive_read_told(tree, &reader, &input, spill, &err);
	check(tree);
	archive_reader_end(&reader);
	tree_destroy(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive_child child = {
		.size = UINT64_MAX,
		.limits = {.bytes = MIB(1), .entries = 1000},
	};

	child.in = memory_file(data, size);
	child.out = memory_file(NULL, 0);
	child.pipe = memory_file(NULL, 0);
	(void)archive_child_read(&child);
	if (lseek(child.pipe, 0, SEEK_SET) != 0)
		abort();
	build(child.pipe, child.in, child.out);
	(void)close(child.in);

	child.in = memory_file(data, size);
	child.out = memory_file(NULL, 0);
	child.pipe = memory_file(NULL, 0);
	(void)archive_child_decompress(&child);
	(void)close(child.out);
	(void)close(child.pipe);
	build(memory_file(data, size), child.in, memory_file(NULL, 0));
	(void)close(child.in);
	return 0;
}

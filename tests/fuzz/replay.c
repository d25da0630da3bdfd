/*
 * replay.c - main() of a fuzz target in the default build: runs the target on
 * every input of its corpus, or on the files named as arguments.
 *
 * The corpus of fuzz_NAME is $srcdir/tests/fuzz/corpus/NAME; automake's test
 * driver sets srcdir. An input that makes the target crash fails the test by
 * that crash; an empty or missing corpus fails it as well.
 */
#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(int dir, const char *name)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	AUTO_FREE uint8_t *data = NULL;
	struct stat st;
	size_t size;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		(void)fprintf(stderr, "%s: not a file: %s\n", name,
			      strerror(errno));
		return -1;
	}
	/* Exactly as large as the input, so that ASan sees a read beyond. */
	size = (size_t)st.st_size;
	data = malloc(size ? size : 1);
	if (!data || read(fd, data, size) != (ssize_t)size) {
		(void)fprintf(stderr, "%s: read: %s\n", name, strerror(errno));
		return -1;
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	return 0;
}

/* Return: number of inputs, or -1. */
static int run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!dir) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (count >= 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		count = run_file(dirfd(dir), entry->d_name) ? -1 : count + 1;
	}
	(void)closedir(dir); /* read only */
	return count;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	const char *name = strstr(argv[0], "fuzz_");
	char path[4096];
	int count = 0;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			if (run_file(AT_FDCWD, argv[i]))
				return EXIT_FAILURE;
		return EXIT_SUCCESS;
	}
	for (const char *next = name; next; next = strstr(next + 1, "fuzz_"))
		name = next;
	if (!name)
		return EXIT_FAILURE;
	(void)snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
		       srcdir ? srcdir : ".", name + strlen("fuzz_"));
	count = run_directory(path);
	if (!count)
		(void)fprintf(stderr, "%s: no inputs\n", path);
	else if (count > 0)
		(void)printf("%d inputs\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

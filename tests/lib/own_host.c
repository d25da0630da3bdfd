/* own_host.c - see own_host.h. */
#include "own_host.h"

#include "cleanup.h"
#include "macros.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const own_folders[] = {"/tmp", "/run", "/dev/shm"};

/* "mkdir -p" of all above the last part, and of that. */
static void make_path(const char *path)
{
	AUTO_FREE char *part = strdup(path);

	assert_non_null(part);
	for (char *at = part + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		assert_true(!mkdir(part, 0755) || errno == EEXIST);
		*at = '/';
	}
	assert_true(!mkdir(part, 0755) || errno == EEXIST);
}

/* Where we work stays, also if it is below /tmp. */
static void replace_folders(void)
{
	AUTO_CLOSE int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX], link[64];

	assert_true(here >= 0);
	assert_non_null(getcwd(path, sizeof(path)));
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(own_folders); i++)
		assert_int_equal(
			mount("tmpfs", own_folders[i], "tmpfs", 0, "mode=1777"),
			0);
	if (access(path, F_OK)) {
		make_path(path);
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", here);
		assert_int_equal(
			mount(link, path, NULL, MS_BIND | MS_REC, NULL), 0);
	}
	assert_int_equal(chdir(path), 0);
}

static void make_network(void)
{
	static const char commands[] =
		"PATH=$PATH:/usr/sbin:/sbin; "
		"ip link set lo up && "
		"ip link add " OWN_HOST_BRIDGE
		" address 02:00:00:00:00:fe type bridge && "
		"ip addr add 192.0.2.2/24 dev " OWN_HOST_BRIDGE " && "
		"ip link set " OWN_HOST_BRIDGE " up && "
		"ip route add default via 192.0.2.1";
	static const char no_ipv6[] =
		"/proc/sys/net/ipv6/conf/all/disable_ipv6";
	AUTO_CLOSE int fd = open(no_ipv6, O_WRONLY | O_CLOEXEC);

	/* Nothing of the kernel's own on the bridge; there may be none at all.
	 */
	if (fd >= 0)
		assert_int_equal(write(fd, "1", 1), 1);
	/* NOLINTNEXTLINE(cert-env33-c): a constant. */
	assert_int_equal(system(commands), 0);
}

bool own_host_enter(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET))
		return false;
	replace_folders();
	make_network();
	return true;
}

/* For add_entry(): nftw() hands over nothing of ours. */
static FILE *listing;

/* What is inside the build's folder changes for other reasons. */
static int add_entry(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	(void)fprintf(listing, "file %s, mode %o\n", path, st->st_mode);
	return 0;
}

/* What the lines of a file of /proc have from one of @starts on, up to one of
 * @ends. */
static void add_lines(const char *file, const char *kind, const char *starts,
		      const char *ends)
{
	FILE *in = fopen(file, "re");
	AUTO_FREE char *line = NULL;
	size_t size = 0;

	assert_non_null(in);
	while (getline(&line, &size, in) > 0) {
		const char *at = strpbrk(line, starts);

		if (at)
			(void)fprintf(listing, "%s %.*s\n", kind,
				      (int)strcspn(at, ends), at);
	}
	(void)fclose(in); /* read-only */
}

char *own_host_listing(void)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	char *text = NULL;
	size_t size = 0;

	listing = open_memstream(&text, &size);
	assert_non_null(listing);
	for (size_t i = 0; i < ARRAY_SIZE(own_folders); i++)
		assert_int_equal(nftw(own_folders[i], add_entry, 16,
				      FTW_PHYS | FTW_MOUNT),
				 0);
	add_lines("/proc/self/mountinfo", "mount", "/", "\n");
	add_lines("/proc/net/dev", "interface", letters, ":\n");
	add_lines("/proc/net/unix", "socket", "/@", "\n");
	assert_int_equal(fclose(listing), 0);
	listing = NULL;
	return text;
}

/* Is @line a whole one of @text? */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

/* Return: how many lines of @text are not in @other, each told. */
static unsigned int compare(const char *text, const char *other,
			    const char *what)
{
	AUTO_FREE char *lines = strdup(text);
	unsigned int count = 0;
	char *rest = NULL;

	assert_non_null(lines);
	for (char *line = strtok_r(lines, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (has_line(other, line))
			continue;
		print_error("%s: %s\n", what, line);
		count++;
	}
	return count;
}

void own_host_expect(const char *before)
{
	AUTO_FREE char *after = own_host_listing();
	unsigned int count = compare(after, before, "left behind");

	count += compare(before, after, "gone");
	if (count)
		fail_msg("%u things of the host are not as before", count);
}

/*
 * archive_sandbox.c - locks the parsing child down. See archive_sandbox.h.
 */
#include "archive_sandbox.h"

#include "macros.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The largest window that zstd accepts without being asked is 128 MiB; xz wants
 * up to 1.5 GiB for its largest dictionary. */
#define MEMORY_MAX GIB(2)

static const int allowed[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(close),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fstat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), /* fstat() of glibc: an fd and an empty path */
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(read),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill), /* abort() */
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

static int close_others(const int *keep, size_t keep_num, struct err *err)
{
	unsigned int from = 3;

	/* @keep is in no order; there are few. */
	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < keep_num; i++) {
			if ((unsigned int)keep[i] >= from)
				next = MIN(next, (unsigned int)keep[i]);
		}
		if (next > from && syscall(SYS_close_range, from, next - 1, 0))
			return err_set(err, -errno, "close descriptors");
		if (next == ~0U)
			return 0;
		from = next + 1;
	}
}

#ifndef __SANITIZE_ADDRESS__
/* What the parent had when it forked: its trees, for instance. */
static uint64_t memory_now(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char text[32] = "";

	if (file) {
		if (!fgets(text, sizeof(text), file))
			text[0] = '\0';
		(void)fclose(file); /* only ever read */
	}
	return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
#endif

static int limits_set(uint64_t file_bytes, struct err *err)
{
	struct rlimit none = {0};
	struct rlimit file = {file_bytes, file_bytes};
	/* A write beyond it is to fail, not to kill. */
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGXFSZ, &ignore, NULL);
	if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_FSIZE, &file))
		return err_set(err, -errno, "resource limits");
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is 16 TiB */
	uint64_t bytes = memory_now() + MEMORY_MAX;
	struct rlimit memory = {bytes, bytes};

	if (setrlimit(RLIMIT_AS, &memory))
		return err_set(err, -errno, "resource limits");
#endif
	return 0;
}

/* No rule follows, so no path can be opened, made or removed. */
static int landlock_enter(struct err *err)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr),
			      0);
	int rc = 0;

	if (fd < 0)
		return 0; /* not in this kernel: seccomp says the same */
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		rc = err_set(err, -errno, "landlock");
	(void)close(fd);
	return rc;
}

static int seccomp_enter(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !rc; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc ? err_set(err, rc, "seccomp") : 0;
}

int archive_sandbox_enter(const int *keep, size_t keep_num, uint64_t file_bytes,
			  struct err *err)
{
	int rc = close_others(keep, keep_num, err);

	if (!rc)
		rc = limits_set(file_bytes, err);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = err_set(err, -errno, "no new privileges");
	if (!rc)
		rc = landlock_enter(err);
	if (!rc)
		rc = seccomp_enter(err);
	return rc;
}

/*
 * lwx_vm_rig.h - run the lwx-vm command in a folder of its own, and look at
 * what it leaves behind.
 *
 * The test process becomes a child subreaper: lwx-vmm and background
 * supervisors that lose their parent become our children, so "no process
 * remains" is a plain waitpid(2). Failures end the test (cmocka). One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RIG_TIMEOUT_MS 60000

/**
 * struct rig - a folder with a host.cfg and a state directory
 * @dir:  "/tmp/lwx-test-XXXXXX"
 * @runs: commands started in it
 * @uid:  whom they run as; 0: as the test does
 */
struct rig {
	char dir[64];
	unsigned int runs;
	uid_t uid;
};

/**
 * struct rig_run - one command
 * @pid:    its process, 0 once waited for
 * @out:    file that collects its stdout
 * @err:    file that collects its stderr
 */
struct rig_run {
	pid_t pid;
	char out[96];
	char err[96];
};

/** rig_set_up() / rig_tear_down() - cmocka fixtures: *state is the rig. The
 * tear-down checks that nothing is left (rig_expect_clean()). */
int rig_set_up(void **state);
int rig_tear_down(void **state);

/** rig_build_path() - a file of the build tree. Return: static storage. */
const char *rig_build_path(const char *file);

/** rig_set_vmm() - what lwx-vm starts as lwx-vmm: file of the build tree. */
void rig_set_vmm(const char *file);

/** rig_write() - make a file in the folder. */
void rig_write(const struct rig *rig, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define RIG_CANNOT_RUN 99 /* exit status when lwx-vm could not be executed */

/** rig_remove_tree() - remove a folder and all below it. */
void rig_remove_tree(const char *path);

/** rig_start() - start "lwx-vm ARGS..." in the folder; ends with NULL. */
void rig_start(struct rig *rig, struct rig_run *run, ...)
	__attribute__((sentinel));

/** rig_wait() - wait for its end. Return: exit status, or 1000 + signal. */
int rig_wait(struct rig_run *run);

/** rig_command() - rig_start() and rig_wait(). */
#define rig_command(rig, run, ...)                                             \
	(rig_start((rig), (run), __VA_ARGS__, NULL), rig_wait(run))

/** rig_read() - a whole file as text. Return: the caller's to free, empty if
 * there is none. */
char *rig_read(const char *path);

/** rig_contains() - does the file contain @text now? */
bool rig_contains(const char *path, const char *text);

/** rig_expect() - wait until the file contains @text. */
void rig_expect(const char *path, const char *text);

/** rig_expect_text() - the file contains @text, once or not at all. */
void rig_expect_exactly(const char *path, const char *text);

/** rig_vm_number() - a number of "lwx-vm ps --json" about the only VM, e.g.
 * its "pid"; 0 if there is none or the VM does not tell. */
uint64_t rig_vm_number(struct rig *rig, const char *key);

/** rig_wait_process() - wait until a process has ended; reaps it if it became
 * our child. */
void rig_wait_process(pid_t pid);

/** rig_parent_of() - of a background VM this is its supervisor. */
pid_t rig_parent_of(pid_t pid);

/** rig_kill_supervisor() - SIGKILL to the supervisor of the only VM. Return:
 * the VM's process. */
pid_t rig_kill_supervisor(struct rig *rig);

/** rig_now_ms() - monotonic clock. */
int64_t rig_now_ms(void);

/** rig_expect_clean() - after a sweep there is no process, no VM directory, no
 * claim. */
void rig_expect_clean(struct rig *rig);

/*
 * host_share.c - file servers of shared folders.
 *
 * Between fork and exec runs only what is safe there; the caller may have
 * threads. What fails there comes back through a pipe that exec closes.
 */
#include "host_share.h"

#include "cleanup.h"
#include "host_facts.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 30
#define PRIVATE_RUN "/run" /* virtiofsd keeps a file with its id there */
#define SOURCE PRIVATE_RUN "/share"

/** enum launch_step - where the way to virtiofsd ended */
enum launch_step {
	STEP_FORK,
	STEP_NAMESPACE,
	STEP_IDENTITY,
	STEP_FOLDER,
	STEP_MOUNT,
	STEP_EXEC,
};

static const char *const step_names[] = {
	[STEP_FORK] = "fork",
	[STEP_NAMESPACE] = "a namespace of its own",
	[STEP_IDENTITY] = "user and group of its namespace",
	[STEP_FOLDER] = "opening the folder",
	[STEP_MOUNT] = "mounting the folder",
	[STEP_EXEC] = "starting it",
};

/** struct launch_failure - sent through the pipe */
struct launch_failure {
	int step;
	int error;
};

/**
 * struct launch - what the new process needs; all made before the fork
 * @share:    the folder
 * @program:  path of virtiofsd
 * @listen:   socket it accepts its one connection on
 * @report:   end of the pipe for failures
 * @said:     pipe for what virtiofsd writes on stderr
 * @uid_map:  text for /proc/self/uid_map, empty for root
 * @gid_map:  likewise
 * @argv:     of virtiofsd
 */
struct launch {
	const struct vm_share *share;
	const char *program;
	int listen;
	int report;
	int said[2];
	char uid_map[32];
	char gid_map[32];
	char *argv[16];
};

/*
 * In the new process.
 */

static _Noreturn void give_up(const struct launch *launch,
			      enum launch_step step)
{
	const struct launch_failure failure = {.step = (int)step,
					       .error = errno};

	if (write(launch->report, &failure, sizeof(failure)) < 0)
		_exit(2); /* nobody listens any more */
	_exit(1);
}

static int write_text(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return -1;
	return 0;
}

/*
 * virtiofsd 7.2 drops its further groups and ends if it cannot; in a user
 * namespace made without privileges nobody can. It may keep them, they are the
 * caller's: setgroups() succeeds without doing anything.
 */
static int ignore_setgroups(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static const struct sock_fprog program = {.len = ARRAY_SIZE(filter),
						  .filter = filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void enter_namespaces(const struct launch *launch)
{
	bool root = !launch->uid_map[0];

	if (unshare(root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER))
		give_up(launch, STEP_NAMESPACE);
	if (root)
		return;
	if (write_text("/proc/self/setgroups", "deny") ||
	    write_text("/proc/self/uid_map", launch->uid_map) ||
	    write_text("/proc/self/gid_map", launch->gid_map) ||
	    ignore_setgroups())
		give_up(launch, STEP_IDENTITY);
}

/* The folder at a place of its own, so that its path may lie below /run. */
static void mount_folder(const struct launch *launch)
{
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
	char path[32];
	int fd = open(launch->share->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		give_up(launch, STEP_FOLDER);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", PRIVATE_RUN, "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=755") ||
	    mkdir(SOURCE, 0700) ||
	    mount(path, SOURCE, NULL, MS_BIND | MS_REC, NULL))
		give_up(launch, STEP_MOUNT);
	if (launch->share->readonly &&
	    mount_setattr(AT_FDCWD, SOURCE, AT_RECURSIVE, &readonly,
			  sizeof(readonly)))
		give_up(launch, STEP_MOUNT);
}

static _Noreturn void become_server(const struct launch *launch)
{
	sigset_t none;

	/* Ctrl-C is for the supervisor; the server ends with its VM. */
	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	enter_namespaces(launch);
	mount_folder(launch);
	/* It complains of every regular end, and a guest can make it complain.
	 * So it writes into a pipe that does not block and whose other end it
	 * holds itself: the first 64 KiB are kept for start_server(), the rest
	 * is dropped. */
	if (fcntl(launch->listen, F_SETFD, 0) ||
	    fcntl(launch->said[0], F_SETFD, 0) ||
	    dup2(launch->said[1], STDERR_FILENO) < 0)
		give_up(launch, STEP_EXEC);
	(void)execv(launch->program, launch->argv);
	give_up(launch, STEP_EXEC);
}

/*
 * In the supervisor.
 */

/* A socket that nobody else can reach, and a connection to it. */
static int make_sockets(int *listening, int *connected, struct err *err)
{
	char dir[] = "/tmp/lwx-share.XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr *to = (const void *)&address;
	int rc = 0;

	if (!mkdtemp(dir))
		return err_set(err, -errno, "%s", dir);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
		       dir);
	*listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listening < 0 || *connected < 0 ||
	    bind(*listening, to, sizeof(address)) || listen(*listening, 1) ||
	    connect(*connected, to, sizeof(address)))
		rc = err_set(err, -errno, "socket");
	(void)unlink(address.sun_path); /* may not be there yet */
	(void)rmdir(dir);
	return rc;
}

static void set_arguments(struct launch *launch, char *fd, size_t size)
{
	static char name[] = "virtiofsd", option[] = "-o", front[] = "-f",
		    source[] = "source=" SOURCE,
		    sandbox[] = "sandbox=namespace", cache[] = "cache=auto",
		    level[] = "log_level=err", rlimit[] = "--rlimit-nofile=0";
	char *const argv[] = {name,   front,   fd,     option, source,
			      option, sandbox, option, cache,  option,
			      level,  rlimit,  NULL};

	(void)snprintf(fd, size, "--fd=%d", launch->listen);
	_Static_assert(sizeof(argv) <= sizeof(launch->argv), "room");
	memcpy(launch->argv, argv, sizeof(argv));
	/* Only root may raise its limit of open files. */
	if (!launch->uid_map[0])
		launch->argv[ARRAY_SIZE(argv) - 2] = NULL;
}

static void map_identity(struct launch *launch)
{
	if (!geteuid())
		return;
	(void)snprintf(launch->uid_map, sizeof(launch->uid_map), "0 %u 1",
		       geteuid());
	(void)snprintf(launch->gid_map, sizeof(launch->gid_map), "0 %u 1",
		       getegid());
}

/* Twice forked: the server is init's child, not ours to wait for. */
static int fork_server(const struct launch *launch)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		pid = fork();
		if (!pid)
			become_server(launch);
		if (pid < 0)
			give_up(launch, STEP_FORK);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Return: 0 once virtiofsd runs, or the negative errno of its end. */
static int await_exec(int report, struct err *err)
{
	struct launch_failure failure;
	ssize_t n;

	do
		n = read(report, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(err, -errno, "pipe");
	if (n == sizeof(failure))
		return err_set(err, -failure.error, "%s",
			       step_names[failure.step]);
	return 0;
}

/* Ask for its features, as a sign of life: lwx-vmm will ask again. */
static int await_answer(int connected, int said, struct err *err)
{
	static const uint32_t question[] = {1, 1, 0}; /* GET_FEATURES */
	const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	char answer[20], words[160];
	bool late;
	ssize_t n;

	if (setsockopt(connected, SOL_SOCKET, SO_RCVTIMEO, &limit,
		       sizeof(limit)) ||
	    send(connected, question, sizeof(question), MSG_NOSIGNAL) !=
		    sizeof(question))
		return err_set(err, -errno, "socket");
	do
		n = recv(connected, answer, sizeof(answer), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n == sizeof(answer))
		return 0;
	late = n < 0 && errno != ECONNRESET;
	n = read(said, words, sizeof(words) - 1);
	words[n > 0 ? n : 0] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (words[0])
		return err_setx(err, -EIO, "virtiofsd does not serve it: %s",
				words);
	return late ? err_setx(err, -ETIMEDOUT,
			       "virtiofsd does not serve it: no answer")
		    : err_setx(err, -EPIPE,
			       "virtiofsd has ended without a word");
}

static int start_server(struct launch *launch, int connected, struct err *err)
{
	AUTO_CLOSE int report = -1;
	AUTO_CLOSE int said = -1;
	char fd[24];
	int ends[2], rc;

	if (pipe2(launch->said, O_CLOEXEC | O_NONBLOCK))
		return err_set(err, -errno, "pipe");
	said = launch->said[0];
	if (pipe2(ends, O_CLOEXEC)) {
		(void)close(launch->said[1]); /* a pipe, not written here */
		return err_set(err, -errno, "pipe");
	}
	report = ends[0];
	launch->report = ends[1];
	map_identity(launch);
	set_arguments(launch, fd, sizeof(fd));
	rc = fork_server(launch);
	(void)close(ends[1]); /* pipes, not written here */
	(void)close(launch->said[1]);
	if (rc)
		return err_set(err, rc, "fork");
	rc = await_exec(report, err);
	return rc ? rc : await_answer(connected, said, err);
}

static int serve(struct vm_share *share, const char *program, struct err *err)
{
	AUTO_CLOSE int listening = -1;
	AUTO_CLOSE int connected = -1;
	struct launch launch = {.share = share, .program = program};
	int rc = make_sockets(&listening, &connected, err);

	launch.listen = listening;
	if (!rc)
		rc = start_server(&launch, connected, err);
	if (!rc)
		share->fd = steal_fd(&connected);
	return rc;
}

int host_share_open(struct vm_share *share, const char *vm, struct err *err)
{
	char program[HOST_FACTS_PATH_SIZE];
	int rc;

	if (share->fd >= 0)
		return 0;
	if (!host_facts_find_program("virtiofsd", program))
		return err_setx(err, -ENOENT,
				"%s: virtiofsd is not installed: apt-get "
				"install qemu-system-common",
				vm);
	rc = serve(share, program, err);
	/* Seen once in some hundred starts on a busy machine: virtiofsd 7.2
	 * comes up in the second. */
	if (rc == -EPIPE)
		rc = serve(share, program, err);
	return rc ? err_prefix(err, "%s: file server of %s", vm, share->path)
		  : 0;
}

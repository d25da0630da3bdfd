/* agent_files.c - trees of files over a connection of the agent. */
#include "agent_files.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MODE_MASK 0777

static int send_content(struct agent_stream *s, const char *path,
			struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO_FREE char *chunk = malloc(AGENT_DATA_MAX);
	struct agent_message msg;
	ssize_t n;
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s", path);
	if (!chunk)
		return err_set(err, -ENOMEM, "%s", path);
	while ((n = read(fd, chunk, AGENT_DATA_MAX)) > 0) {
		agent_message_init(&msg, AGENT_DATA);
		agent_put_bytes(&msg, AGENT_CONTENT, chunk, (size_t)n);
		rc = agent_stream_push(s, &msg, err);
		if (rc)
			return rc;
	}
	return n < 0 ? err_set(err, -errno, "%s", path) : 0;
}

/* Return: 1 if it was sent, 0 if it is of a kind that is left out, or a
 * negative errno with @err. */
static int send_head(struct agent_stream *s, const FTSENT *entry,
		     const char *name, struct err *err)
{
	char target[PATH_MAX];
	struct agent_message msg;
	enum agent_file kind = AGENT_FILE;
	ssize_t len;
	int rc;

	agent_message_init(&msg, AGENT_ENTRY);
	if (S_ISDIR(entry->fts_statp->st_mode)) {
		kind = AGENT_DIRECTORY;
	} else if (S_ISLNK(entry->fts_statp->st_mode)) {
		kind = AGENT_SYMLINK;
		len = readlink(entry->fts_accpath, target, sizeof(target) - 1);
		if (len < 0)
			return err_set(err, -errno, "%s", entry->fts_path);
		target[len] = '\0';
		agent_put_string(&msg, AGENT_TARGET, target);
	} else if (!S_ISREG(entry->fts_statp->st_mode)) {
		return 0;
	}
	agent_put_string(&msg, AGENT_PATH, name);
	agent_put_number(&msg, AGENT_KIND, kind);
	agent_put_number(&msg, AGENT_MODE,
			 entry->fts_statp->st_mode & MODE_MASK);
	agent_put_number(&msg, AGENT_MTIME,
			 (uint64_t)MAX(entry->fts_statp->st_mtime, 0));
	if (kind == AGENT_FILE)
		agent_put_number(&msg, AGENT_SIZE,
				 (uint64_t)entry->fts_statp->st_size);
	rc = agent_stream_push(s, &msg, err);
	return rc ? rc : 1;
}

/* @skip: bytes of the paths in front of the name of the tree. */
static int send_entry(struct agent_stream *s, const FTSENT *entry, size_t skip,
		      struct err *err)
{
	const char *name = entry->fts_path + skip;
	int rc;

	switch (entry->fts_info) {
	case FTS_DP:
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return err_set(err, -entry->fts_errno, "%s", entry->fts_path);
	default:
		break;
	}
	if (strlen(name) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "%s", name);
	rc = send_head(s, entry, name, err);
	if (rc > 0 && S_ISREG(entry->fts_statp->st_mode))
		return send_content(s, entry->fts_accpath, err);
	return rc < 0 ? rc : 0;
}

static int send_tree(struct agent_stream *s, char *path, struct err *err)
{
	char *const roots[] = {path, NULL};
	const char *slash = strrchr(path, '/');
	size_t skip = slash ? (size_t)(slash + 1 - path) : 0;
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *entry;
	int rc = 0;

	if (!fts)
		return err_set(err, -errno, "%s", path);
	do {
		errno = 0;
		entry = fts_read(fts);
		if (entry)
			rc = send_entry(s, entry, skip, err);
		else if (errno)
			rc = err_set(err, -errno, "%s", path);
	} while (!rc && entry);
	(void)fts_close(fts);
	return rc;
}

int agent_files_send(struct agent_stream *s, const char *path, struct err *err)
{
	AUTO_FREE char *resolved = realpath(path, NULL);
	struct agent_message end;
	int rc;

	if (!resolved)
		return err_set(err, -errno, "%s", path);
	if (strcmp(resolved, "/") == 0)
		return err_setx(err, -EINVAL,
				"/: name what of it is to be copied");
	rc = send_tree(s, resolved, err);
	if (rc)
		return rc;
	agent_message_init(&end, AGENT_END);
	return agent_stream_push(s, &end, err);
}

/*
 * @parent: folder in which the tree appears
 * @name:   under which; empty: the sender's
 * @file:   open file, or -1
 * @mtime:  of @file
 * @failed: throw the rest away
 */
struct receiver {
	int parent;
	char name[NAME_MAX + 1];
	int file;
	struct timespec mtime;
	bool failed;
};

/* Where does the tree go? */
static int find_place(struct receiver *r, const char *path, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);
	struct stat st;
	char *slash;

	if (!copy)
		return err_set(err, -ENOMEM, "%s", path);
	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		r->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return r->parent < 0 ? err_set(err, -errno, "%s", path) : 0;
	}
	slash = strrchr(copy, '/');
	if (!(slash ? slash[1] : copy[0]))
		return err_setx(err, -ENOTDIR, "%s: no such folder", path);
	if (strlen(slash ? slash + 1 : copy) > NAME_MAX)
		return err_set(err, -ENAMETOOLONG, "%s", path);
	(void)snprintf(r->name, sizeof(r->name), "%s",
		       slash ? slash + 1 : copy);
	if (slash)
		slash[slash == copy] = '\0';
	r->parent =
		open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->parent < 0 ? err_set(err, -errno, "%s", copy) : 0;
}

/* The peer's path, with our name in the place of its first part. */
static int place(const struct receiver *r, const char *theirs, char *ours,
		 size_t size, struct err *err)
{
	const char *rest = theirs + strcspn(theirs, "/");
	int n;

	if (r->name[0])
		n = snprintf(ours, size, "%s%s", r->name, rest);
	else
		n = snprintf(ours, size, "%s", theirs);
	for (const char *at = theirs; at;) {
		size_t len = strcspn(at, "/");

		if (!len || (len == 1 && *at == '.') ||
		    (len == 2 && !strncmp(at, "..", 2)))
			return err_setx(err, -EBADMSG,
					"\"%s\": not a path below the tree",
					theirs);
		at = at[len] ? at + len + 1 : NULL;
	}
	return (size_t)n < size ? 0 : err_set(err, -ENAMETOOLONG, "%s", theirs);
}

/* The folder of @path, without following a link, and the name in it. */
static int open_folder(const struct receiver *r, char *path, const char **name,
		       struct err *err)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	char *slash = strrchr(path, '/');
	long fd;

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	fd = syscall(SYS_openat2, r->parent, slash ? path : ".", &how,
		     sizeof(how));
	return fd < 0 ? err_set(err, -errno, "%s", path) : (int)fd;
}

static int make_folder(int dir, const char *name, mode_t mode)
{
	struct stat st;

	if (!mkdirat(dir, name, mode))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -EEXIST;
}

static int make(struct receiver *r, int dir, const char *name,
		const struct agent_message *msg)
{
	mode_t mode = msg->values[AGENT_MODE].number & MODE_MASK;

	/* What is to be filled must be ours to fill. */
	if (msg->values[AGENT_KIND].number == AGENT_DIRECTORY)
		return make_folder(dir, name, mode | 0700);
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		return -errno;
	if (msg->values[AGENT_KIND].number == AGENT_SYMLINK) {
		if (!agent_has(msg, AGENT_TARGET))
			return -EBADMSG;
		return symlinkat(msg->values[AGENT_TARGET].bytes, dir, name)
			       ? -errno
			       : 0;
	}
	r->mtime.tv_sec = (time_t)msg->values[AGENT_MTIME].number;
	r->file = openat(dir, name,
			 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			 0600);
	return r->file < 0 || fchmod(r->file, mode) ? -errno : 0;
}

static int finish_file(struct receiver *r, struct err *err)
{
	const struct timespec times[2] = {r->mtime, r->mtime};
	int fd = r->file;
	int rc = 0;

	if (fd < 0)
		return 0;
	r->file = -1;
	(void)futimens(fd, times); /* not every file system has it */
	if (close(fd))
		rc = err_set(err, -errno, "close");
	return rc;
}

static int receive_entry(struct receiver *r, const struct agent_message *msg,
			 struct err *err)
{
	char path[PATH_MAX + NAME_MAX];
	AUTO_CLOSE int dir = -1;
	const char *name;
	int rc = finish_file(r, err);

	if (!rc)
		rc = place(r, msg->values[AGENT_PATH].bytes, path, sizeof(path),
			   err);
	if (rc)
		return rc;
	dir = open_folder(r, path, &name, err);
	if (dir < 0)
		return dir;
	rc = make(r, dir, name, msg);
	return rc ? err_set(err, rc, "%s", msg->values[AGENT_PATH].bytes) : 0;
}

static int receive_data(const struct receiver *r,
			const struct agent_value *data, struct err *err)
{
	size_t done = 0;

	if (r->file < 0)
		return err_setx(err, -EBADMSG, "data without a file");
	while (done < data->len) {
		ssize_t n =
			write(r->file, data->bytes + done, data->len - done);

		if (n < 0 && errno != EINTR)
			return err_set(err, -errno, "write");
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

/* Return: 1 to go on, 0 at the end, or a negative errno with @err: the
 * connection is of no more use. The first fault goes to @first. */
static int receive_one(struct receiver *r, struct agent_stream *s,
		       struct err *first, struct err *err)
{
	struct agent_message msg;
	struct err own;
	int rc = agent_stream_wait(s, &msg, -1, err);

	if (rc)
		return rc;
	if (msg.type == AGENT_ERROR)
		return err_setx(err, -(int)msg.values[AGENT_ERRNO].number, "%s",
				msg.values[AGENT_MESSAGE].bytes);
	if (msg.type == AGENT_END)
		return 0;
	if (r->failed)
		return 1;
	if (msg.type == AGENT_ENTRY)
		rc = receive_entry(r, &msg, &own);
	else if (msg.type == AGENT_DATA)
		rc = receive_data(r, &msg.values[AGENT_CONTENT], &own);
	else
		return err_setx(err, -EBADMSG, "\"%s\" is out of place",
				agent_type_name(msg.type));
	if (rc) {
		*first = own;
		r->failed = true;
	}
	return 1;
}

int agent_files_receive(struct agent_stream *s, const char *path,
			struct err *err)
{
	struct receiver r = {.parent = -1, .file = -1};
	struct err first = {0};
	int rc;

	r.failed = find_place(&r, path, &first) != 0;
	do
		rc = receive_one(&r, s, &first, err);
	while (rc > 0);
	if (!rc && !r.failed && finish_file(&r, &first))
		r.failed = true;
	if (r.file >= 0)
		(void)close(r.file);
	if (r.parent >= 0)
		(void)close(r.parent);
	if (!rc && r.failed) {
		*err = first;
		rc = first.code;
	}
	return rc;
}

/*
 * The host, which asks for it.
 */

int agent_files_put(struct agent_stream *s, const char *from, const char *to,
		    struct err *err)
{
	struct agent_message msg;
	int rc;

	agent_message_init(&msg, AGENT_PUT);
	agent_put_string(&msg, AGENT_PATH, to);
	rc = agent_stream_push(s, &msg, err);
	if (!rc)
		rc = agent_files_send(s, from, err);
	if (!rc)
		rc = agent_stream_wait(s, &msg, -1, err);
	if (!rc && msg.type == AGENT_ERROR)
		rc = err_setx(err, -(int)msg.values[AGENT_ERRNO].number, "%s",
			      msg.values[AGENT_MESSAGE].bytes);
	return rc;
}

int agent_files_get(struct agent_stream *s, const char *from, const char *to,
		    struct err *err)
{
	struct agent_message msg;
	int rc;

	agent_message_init(&msg, AGENT_GET);
	agent_put_string(&msg, AGENT_PATH, from);
	rc = agent_stream_push(s, &msg, err);
	return rc ? rc : agent_files_receive(s, to, err);
}

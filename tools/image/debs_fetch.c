/*
 * debs_fetch.c - ask apt which packages a set needs, and fetch them; see
 * debs.h.
 *
 * apt runs with this machine's sources and keys, lists of its own and an empty
 * status file: what is installed here makes no difference. It checks what it
 * fetches against the signed indexes.
 */
#include "debs_internal.h"

#include "cleanup.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX (4U << 20)
#define ARGS_MAX 768U

static int no_memory(struct err *err)
{
	return err_setx(err, -ENOMEM, "out of memory");
}

static int write_text(const char *dir, const char *name, const char *text,
		      struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_set(err, errno ? -errno : -ENOSPC, "%s", path);
	return 0;
}

static int configure(struct debs_apt *apt, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc;

	if (asprintf(&text,
		     "Dir::State \"%s\";\n"
		     "Dir::State::lists \"%s/lists\";\n"
		     "Dir::State::status \"%s/status\";\n"
		     "Dir::Cache \"%s\";\n"
		     "Dir::Cache::archives \"%s\";\n"
		     "APT::Architecture \"%s\";\n"
		     "APT::Architectures { \"%s\"; };\n"
		     "APT::Install-Recommends \"false\";\n"
		     "APT::Sandbox::User \"\";\n"
		     "Acquire::Languages \"none\";\n"
		     /* Else apt itself counts as essential. */
		     "pkgCacheGen::ForceEssential \",\";\n",
		     apt->dir, apt->dir, apt->dir, apt->dir, apt->packages,
		     apt->debs->architecture, apt->debs->architecture) < 0) {
		text = NULL;
		return no_memory(err);
	}
	rc = write_text(apt->dir, "status", "", err);
	if (!rc)
		rc = write_text(apt->dir, "apt.conf", text, err);
	if (!rc &&
	    asprintf(&apt->config, "APT_CONFIG=%s/apt.conf", apt->dir) < 0) {
		apt->config = NULL;
		rc = no_memory(err);
	}
	return rc;
}

int debs_apt_run(const struct debs_apt *apt, const char *dir,
		 const char *const *argv, char **text, struct err *err)
{
	const char *const env[] = {apt->config,
				   "DEBIAN_FRONTEND=noninteractive", NULL};
	struct spawn spawn = {
		.argv = argv,
		.package = "apt",
		.dir = dir,
		.env = env,
		.epoch = apt->debs->epoch,
	};

	return spawn_read(&spawn, text, NULL, OUTPUT_MAX, err);
}

static int run(const struct debs_apt *apt, const char *const *argv, char **text,
	       struct err *err)
{
	return debs_apt_run(apt, apt->packages, argv, text, err);
}

static int update(struct debs_apt *apt, struct err *err)
{
	static const char *const argv[] = {
		"apt-get", "-qq", "-o", "APT::Update::Error-Mode=any",
		"update",  NULL};
	AUTO_FREE char *text = NULL;
	int rc;

	if (apt->debs->updated)
		return 0;
	if (apt->debs->say)
		apt->debs->say(apt->debs->say_arg, "apt-get update");
	rc = run(apt, argv, &text, err);
	if (!rc)
		apt->debs->updated = true;
	return rc;
}

int debs_apt_open(struct debs_apt *apt, struct debs *debs, struct err *err)
{
	int rc;

	*apt = (struct debs_apt){.debs = debs, .lock = -1};
	rc = debs_dir(debs, true, &apt->dir, err);
	if (!rc)
		rc = debs_dir(debs, false, &apt->packages, err);
	if (rc)
		return rc;
	/* Of all architectures: apt would not wait for its own lock there. */
	apt->lock = open(apt->packages, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (apt->lock < 0 || flock(apt->lock, LOCK_EX))
		return err_set(err, -errno, "%s: lock", apt->packages);
	rc = configure(apt, err);
	return rc ? rc : update(apt, err);
}

void debs_apt_close(struct debs_apt *apt)
{
	free(apt->dir);
	free(apt->packages);
	free(apt->config);
	if (apt->lock >= 0)
		(void)close(apt->lock); /* a directory, only read */
}

/* The file that apt has fetched goes into the lock. */
static int record(const struct debs_apt *apt, const struct deb *deb,
		  struct err *err)
{
	AUTO_FREE char *path = debs_path(apt->debs, deb);
	struct deb whole = *deb;
	char hex[SHA256_HEX_SIZE];
	int rc = path ? sha256_file(path, hex, err) : no_memory(err);

	if (rc)
		return err_prefix(err, "package %s", deb->name);
	whole.sha256 = hex;
	return debs_record(apt->debs, &whole, err);
}

/* "Inst NAME (VERSION ORIGIN [ARCHITECTURE])"; @line is cut. */
bool debs_parse_inst(char *line, struct deb *deb)
{
	char *version;
	char *arch;
	char *end;

	if (strncmp(line, "Inst ", 5) != 0)
		return false;
	deb->name = line + 5;
	end = strchr(line + 5, ' ');
	version = strchr(line + 5, '(');
	if (version) /* what follows may have brackets too */
		version[strcspn(version, ")")] = '\0';
	arch = version ? strrchr(version, '[') : NULL;
	if (!end || !arch)
		return false;
	*end = '\0';
	deb->version = version + 1;
	version[1 + strcspn(version + 1, " ")] = '\0';
	deb->arch = arch + 1;
	arch[1 + strcspn(arch + 1, "]")] = '\0';
	return true;
}

static int record_all(const struct debs_apt *apt, char *text, const char *set,
		      struct err *err)
{
	json_t *names = json_array();
	char *rest = NULL;
	int rc = names ? 0 : no_memory(err);

	for (char *line = strtok_r(text, "\n", &rest); line && !rc;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct deb deb = {0};

		if (!debs_parse_inst(line, &deb))
			continue;
		rc = record(apt, &deb, err);
		if (!rc && json_array_append_new(names, json_string(deb.name)))
			rc = no_memory(err);
	}
	if (!rc && !json_array_size(names))
		rc = err_setx(err, -EBADMSG, "apt chose no package for %s",
			      set);
	if (rc) {
		json_decref(names);
		return rc;
	}
	return debs_record_set(apt->debs, set, names, err);
}

static int install(const struct debs_apt *apt, const char *const *packages,
		   size_t num, const char *how, char **text, struct err *err)
{
	const char *argv[ARGS_MAX] = {"apt-get", "-q",	       "-y",	   how,
				      "install", "?essential", DEBS_MERGED};
	size_t at = 7;

	if (num > ARGS_MAX - 8)
		return err_setx(err, -E2BIG, "more than %u packages",
				ARGS_MAX - 8);
	for (size_t i = 0; i < num; i++)
		argv[at++] = packages[i];
	return run(apt, argv, text, err);
}

int debs_fetch_set(struct debs *debs, const char *const *packages, size_t num,
		   const char *set, struct err *err)
{
	AUTO_FREE char *chosen = NULL;
	AUTO_FREE char *noise = NULL;
	struct debs_apt apt;
	int rc = debs_apt_open(&apt, debs, err);

	if (!rc)
		rc = install(&apt, packages, num, "--simulate", &chosen, err);
	if (!rc && debs->say)
		debs->say(debs->say_arg, "fetch packages");
	if (!rc)
		rc = install(&apt, packages, num, "--download-only", &noise,
			     err);
	if (!rc)
		rc = record_all(&apt, chosen, set, err);
	debs_apt_close(&apt);
	return rc;
}

/* "'URI' NAME_VERSION_ARCH.deb SIZE HASH"; @line is cut, an epoch is decoded.
 */
static bool parse_uri(char *line, struct deb *deb)
{
	char *file = strstr(line, "' ");
	char *version;
	char *arch;
	char *colon;

	if (line[0] != '\'' || !file)
		return false;
	file += 2;
	file[strcspn(file, " ")] = '\0';
	version = strchr(file, '_');
	arch = strrchr(file, '_');
	if (!version || version == arch || !strstr(arch, ".deb"))
		return false;
	*version++ = '\0';
	*arch++ = '\0';
	*strstr(arch, ".deb") = '\0';
	colon = strstr(version, "%3a");
	if (colon) {
		*colon = ':';
		memmove(colon + 1, colon + 3, strlen(colon + 3) + 1);
	}
	*deb = (struct deb){.name = file, .version = version, .arch = arch};
	return true;
}

static int fetch_one(const struct debs_apt *apt, const char *name,
		     json_t *names, struct err *err)
{
	const char *const ask[] = {"apt-get",  "-qq", "--print-uris",
				   "download", name,  NULL};
	const char *const get[] = {"apt-get", "-qq", "download", name, NULL};
	AUTO_FREE char *noise = NULL;
	AUTO_FREE char *text = NULL;
	struct deb deb = {0};
	/* Elsewhere: apt tells nothing of a file that is there already. */
	int rc = debs_apt_run(apt, apt->dir, ask, &text, err);

	if (!rc && !parse_uri(text, &deb))
		rc = err_setx(err, -EBADMSG, "apt: no address of %s", name);
	if (!rc)
		rc = run(apt, get, &noise, err);
	if (!rc)
		rc = record(apt, &deb, err);
	if (!rc && json_array_append_new(names, json_string(deb.name)))
		rc = no_memory(err);
	return rc;
}

/* The dependencies that @pattern means. */
static int fetch_depends(const struct debs_apt *apt, const char *package,
			 const char *pattern, json_t *names, struct err *err)
{
	const char *const argv[] = {"apt-cache", "depends", "--important",
				    package, NULL};
	static const char mark[] = "  Depends: ";
	AUTO_FREE char *text = NULL;
	char *rest = NULL;
	int rc = run(apt, argv, &text, err);

	for (char *line = rc ? NULL : strtok_r(text, "\n", &rest); line && !rc;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *name = line + strlen(mark);

		if (strncmp(line, mark, strlen(mark)) == 0 &&
		    fnmatch(pattern, name, 0) == 0)
			rc = fetch_one(apt, name, names, err);
	}
	if (!rc && !json_array_size(names))
		rc = err_setx(err, -ENOENT,
			      "package %s depends on nothing like %s", package,
			      pattern);
	return rc;
}

int debs_fetch_alone(struct debs *debs, const char *package,
		     const char *depends, const char *set, struct err *err)
{
	json_t *names = json_array();
	struct debs_apt apt;
	int rc = debs_apt_open(&apt, debs, err);

	if (!rc && !names)
		rc = no_memory(err);
	if (!rc && debs->say)
		debs->say(debs->say_arg, "fetch packages");
	if (!rc && depends)
		rc = fetch_depends(&apt, package, depends, names, err);
	else if (!rc)
		rc = fetch_one(&apt, package, names, err);
	if (!rc)
		rc = debs_record_set(debs, set, json_incref(names), err);
	json_decref(names);
	debs_apt_close(&apt);
	return rc;
}

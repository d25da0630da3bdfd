/* run_config.c - see run_config.h. */
#include "run_config.h"

#include "cleanup.h"
#include "macros.h"
#include "program_path.h"
#include "run_initrd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ROOT_TAG "root"
#define CMDLINE_MAX 2048 /* Linux, x86 */
/* Quiet, and a fault of the kernel or of process 1 ends the VM at once. */
#define CMDLINE_BASE "console=ttyS0 quiet panic=-1 reboot=t"
#define CID_BASE 0x40000000U /* far above those that people choose */

bool run_has_agent(const struct run_options *options)
{
	return options->root || options->image;
}

static int set(char **text, const char *value, struct err *err)
{
	*text = strdup(value);
	return *text ? 0 : err_set(err, -ENOMEM, "%s", value);
}

/* Paths as one word of the kernel's command line: lwx-run-init knows %XX. */
static void write_escaped(FILE *out, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("/._-+,@", *text))
			(void)fputc(*text, out);
		else
			(void)fprintf(out, "%%%02x", (unsigned char)*text);
}

static int add_share(struct vm_config *cfg, const char *path, const char *tag,
		     bool readonly, struct err *err)
{
	struct vm_share *share = &cfg->shares[cfg->num_shares];
	AUTO_FREE char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st))
		return err_set(err, -errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s", path);
	cfg->num_shares++;
	share->readonly = readonly;
	share->path = steal_ptr(&real);
	return set(&share->tag, tag, err);
}

/* "HOSTDIR:/path[:ro]"; the host's folder may have colons. */
static int add_user_share(struct vm_config *cfg, const char *text,
			  size_t number, FILE *cmdline, struct err *err)
{
	AUTO_FREE char *copy = strdup(text);
	size_t len = strlen(text);
	bool readonly = len > 3 && strcmp(text + len - 3, ":ro") == 0;
	char tag[32];
	char *target;
	int rc;

	if (!copy)
		return err_set(err, -ENOMEM, "--share");
	if (readonly)
		copy[len - 3] = '\0';
	target = strrchr(copy, ':');
	if (!target || target[1] != '/' || strstr(target, "/../"))
		return err_setx(err, -EINVAL,
				"--share %s: need HOSTDIR:/path or "
				"HOSTDIR:/path:ro",
				text);
	*target++ = '\0';
	(void)snprintf(tag, sizeof(tag), "share%zu", number);
	rc = add_share(cfg, copy, tag, readonly, err);
	if (rc)
		return err_prefix(err, "--share");
	(void)fprintf(cmdline, " lwx.share=%s:", tag);
	write_escaped(cmdline, target);
	(void)fprintf(cmdline, "%s", readonly ? ":ro" : "");
	return 0;
}

/* "FILE[:ro]" */
static int add_disk(struct vm_config *cfg, const char *text, bool readonly,
		    struct err *err)
{
	struct vm_disk *disk = &cfg->disks[cfg->num_disks];
	AUTO_FREE char *path = strdup(text);
	size_t len = strlen(text);

	if (!path)
		return err_set(err, -ENOMEM, "%s", text);
	disk->readonly = readonly;
	if (len > 3 && strcmp(text + len - 3, ":ro") == 0) {
		disk->readonly = true;
		path[len - 3] = '\0';
	}
	disk->path = realpath(path, NULL);
	if (!disk->path)
		return err_set(err, -errno, "%s", path);
	cfg->num_disks++;
	return set(&disk->format, "raw", err);
}

/* The image comes first: it is /dev/vda. */
static int add_disks(const struct run_options *options, struct vm_config *cfg,
		     struct err *err)
{
	int rc = options->image ? add_disk(cfg, options->image, true, err) : 0;

	for (size_t i = 0; !rc && i < options->num_disks; i++)
		rc = add_disk(cfg, options->disks[i], false, err);
	return rc;
}

/* Nobody else is on its network: any address will do. */
static void add_net(const struct run_options *options, struct vm_config *cfg)
{
	static const uint8_t mac[] = {0x02, 0, 0, 0, 0, 1};
	struct vm_net *net = &cfg->nets[0];

	if (!options->net)
		return;
	net->type = VM_NET_PASST;
	memcpy(net->mac, mac, sizeof(mac));
	net->has_mac = true;
	cfg->num_nets = 1;
}

static int add_root(const struct run_options *options, struct vm_config *cfg,
		    FILE *cmdline, struct err *err)
{
	int rc;

	if (options->image) {
		(void)fprintf(cmdline, " lwx.root=/dev/vda");
		return 0;
	}
	rc = add_share(cfg, options->root, ROOT_TAG, true, err);
	if (rc)
		return err_prefix(err, "--root");
	(void)fprintf(cmdline, " lwx.root=virtiofs:" ROOT_TAG);
	return 0;
}

/* Which kernel is the host's? The one that runs, else the newest. */
static int find_kernel(char *path, size_t size, struct err *err)
{
	struct utsname host;
	glob_t found;

	if (!uname(&host)) {
		(void)snprintf(path, size, "/boot/vmlinuz-%s", host.release);
		if (!access(path, R_OK))
			return 0;
	}
	path[0] = '\0';
	if (glob("/boot/vmlinuz-*", 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (strverscmp(found.gl_pathv[i], path) > 0)
				(void)snprintf(path, size, "%s",
					       found.gl_pathv[i]);
		globfree(&found);
	}
	return path[0] ? 0
		       : err_setx(err, -ENOENT,
				  "no /boot/vmlinuz-*: name a kernel, "
				  "--kernel FILE");
}

static int find_modules(const struct run_options *options, const char *kernel,
			char *path, size_t size, struct err *err)
{
	char release[RUN_RELEASE_SIZE];
	int rc;

	if (options->modules) {
		(void)snprintf(path, size, "%s", options->modules);
		return 0;
	}
	rc = run_kernel_release(kernel, release, err);
	if (rc)
		return rc;
	if (!release[0])
		return err_setx(err, -EINVAL,
				"%s: no bzImage, whose release would tell its "
				"modules: name them, --modules DIR",
				kernel);
	(void)snprintf(path, size, "%s/lib/modules/%s",
		       options->root ? options->root : "", release);
	if (access(path, F_OK))
		(void)snprintf(path, size, "/lib/modules/%s", release);
	if (access(path, F_OK))
		return err_setx(err, -ENOENT,
				"%s: not there: name the kernel's modules, "
				"--modules DIR",
				path);
	return 0;
}

static int set_kernel(const struct run_options *options, struct vm_config *cfg,
		      struct err *err)
{
	char kernel[PATH_MAX];
	int rc = 0;

	if (options->kernel)
		(void)snprintf(kernel, sizeof(kernel), "%s", options->kernel);
	else
		rc = find_kernel(kernel, sizeof(kernel), err);
	if (!rc)
		rc = set(&cfg->boot.kernel, kernel, err);
	if (!rc && options->initrd)
		rc = set(&cfg->boot.initrd, options->initrd, err);
	return rc;
}

static int open_initrd(const struct run_options *options, struct vm_config *cfg,
		       struct err *err)
{
	char modules[PATH_MAX], init[256];
	const struct run_initrd from = {
		.init = init,
		.modules = modules,
		.image = options->image,
		.net = options->net,
	};
	int rc;

	if (!run_has_agent(options))
		return 0;
	rc = find_modules(options, cfg->boot.kernel, modules, sizeof(modules),
			  err);
	if (!rc)
		rc = program_path("lwx-run-init", init, sizeof(init), err);
	if (rc)
		return rc;
	cfg->boot.initrd_fd = run_initrd_open(&from, err);
	return cfg->boot.initrd_fd < 0 ? cfg->boot.initrd_fd : 0;
}

/* The words of the command are the kernel's. */
static void write_words(FILE *cmdline, char *const *words)
{
	for (; *words; words++)
		(void)fprintf(cmdline, "%s%s", *words, words[1] ? " " : "");
}

static int write_cmdline(const struct run_options *options, const char *name,
			 struct vm_config *cfg, FILE *cmdline, struct err *err)
{
	int rc;

	if (!run_has_agent(options)) {
		write_words(cmdline, options->command);
		return 0;
	}
	(void)fprintf(cmdline, CMDLINE_BASE " lwx.hostname=%s", name);
	rc = add_root(options, cfg, cmdline, err);
	for (size_t i = 0; !rc && i < options->num_shares; i++)
		rc = add_user_share(cfg, options->shares[i], i, cmdline, err);
	if (options->net)
		(void)fprintf(cmdline, " lwx.net=eth0");
	return rc;
}

static int set_cmdline(const struct run_options *options, const char *name,
		       struct vm_config *cfg, struct err *err)
{
	size_t size = 0;
	FILE *cmdline = open_memstream(&cfg->boot.cmdline, &size);
	int rc;

	if (!cmdline)
		return err_set(err, -ENOMEM, "command line");
	rc = write_cmdline(options, name, cfg, cmdline, err);
	if (fclose(cmdline) && !rc)
		rc = err_set(err, -ENOMEM, "command line");
	if (!rc && size >= CMDLINE_MAX)
		rc = err_setx(err, -E2BIG,
			      "the kernel's command line would have %zu bytes, "
			      "at most %d",
			      size, CMDLINE_MAX - 1);
	return rc;
}

/* Absolute: who removes its sockets after a kill may be anywhere. */
static int set_vsock_path(const char *path, struct vm_config *cfg,
			  struct err *err)
{
	char dir[PATH_MAX] = "";

	if (path[0] != '/' && !getcwd(dir, sizeof(dir)))
		return err_set(err, -errno, "--vsock %s", path);
	if (asprintf(&cfg->vsock.path, "%s%s%s", dir, dir[0] ? "/" : "", path) <
	    0) {
		cfg->vsock.path = NULL;
		return err_set(err, -ENOMEM, "--vsock %s", path);
	}
	return 0;
}

static int set_vsock(const struct run_options *options, const char *state,
		     const char *name, struct vm_config *cfg, struct err *err)
{
	cfg->vsock.cid = CID_BASE + (uint32_t)getpid();
	cfg->vsock.agent = run_has_agent(options);
	if (options->vsock)
		return set_vsock_path(options->vsock, cfg, err);
	if (asprintf(&cfg->vsock.path, "%s/vms/%s/vsock", state, name) < 0) {
		cfg->vsock.path = NULL;
		return err_set(err, -ENOMEM, "vsock");
	}
	return 0;
}

static void first_problem(void *ctx, const char *key, const char *reason)
{
	struct err *err = ctx;

	if (!err->code)
		(void)err_setx(err, -EINVAL, "%s: %s", key, reason);
}

int run_config_make(const struct run_options *options, const char *state,
		    const char *name, struct vm_config *cfg, struct err *err)
{
	/* Nothing keeps it: any will do. */
	static const char uuid[] = "00000000-0000-4000-8000-000000000000";
	int rc;

	err->code = 0;
	cfg->vcpus = options->cpus;
	cfg->memory.size = options->memory;
	cfg->announce = options->announce;
	cfg->restart = VM_RESTART_NO;
	cfg->on_reboot = VM_REBOOT_EXIT;
	cfg->stop_grace = 0; /* nothing in it is worth keeping */
	rc = set(&cfg->name, name, err);
	if (!rc)
		rc = set(&cfg->uuid, uuid, err);
	if (!rc)
		rc = set_kernel(options, cfg, err);
	if (!rc)
		rc = open_initrd(options, cfg, err);
	if (!rc)
		rc = add_disks(options, cfg, err);
	add_net(options, cfg);
	if (!rc)
		rc = set_cmdline(options, name, cfg, err);
	if (!rc && (run_has_agent(options) || options->vsock))
		rc = set_vsock(options, state, name, cfg, err);
	if (cfg->num_shares)
		cfg->memory.kind = GUEST_MEM_SHARED;
	if (!rc && vm_config_check(cfg, first_problem, err))
		rc = err->code;
	return rc;
}

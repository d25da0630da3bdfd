/* vm_claim.c - one VM's place in the state directory and what it holds. */
#include "host_network_priv.h"
#include "vm_registry_priv.h"

#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLAIMS_MAX (1 + 1 + VM_NETS_MAX * 2) /* name, CID, taps, networks */
#define LISTEN_BACKLOG 16

/**
 * struct vm_claim - what one VM holds
 * @reg:        where; outlives the claim
 * @dir:        ROOT/vms/NAME
 * @supervisor: lock of that name, stays in this process
 * @fds:        locks handed on; the first one is ROOT/vms/NAME/lock
 * @files:      their names in ROOT/claims; empty for what has none
 */
struct vm_claim {
	struct vm_registry *reg;
	char name[VM_NAME_MAX + 1];
	int dir;
	int supervisor;
	int fds[CLAIMS_MAX];
	char files[CLAIMS_MAX][64];
	unsigned int num_fds;
};

static int take_lock(int dir, const char *file)
{
	AUTO_CLOSE int fd = openat(
		dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return steal_fd(&fd);
}

static int claim_resource(struct vm_claim *claim, const char *kind,
			  const char *value, struct err *err)
{
	char *file = claim->files[claim->num_fds];
	char holder[VM_NAME_MAX + 1];
	int fd;

	(void)snprintf(file, sizeof(claim->files[0]), "%s-%s", kind, value);
	fd = take_lock(claim->reg->claims_fd, file);
	if (fd == -EBUSY) {
		vm_registry_read_text(claim->reg->claims_fd, file, holder,
				      sizeof(holder));
		return err_setx(err, -EBUSY, "%s: %s %s is in use by VM %s",
				claim->name, kind, value, holder);
	}
	if (fd < 0)
		return err_set(err, fd, "%s: claim of %s %s", claim->name, kind,
			       value);
	claim->fds[claim->num_fds++] = fd;
	if (ftruncate(fd, 0) || write(fd, claim->name, strlen(claim->name)) < 0)
		return err_set(err, -errno, "%s: claim of %s %s", claim->name,
			       kind, value);
	return 0;
}

static int claim_name(struct vm_claim *claim, struct err *err)
{
	const char *name = claim->name;
	int fd;

	if (mkdirat(claim->reg->vms_fd, name, 0700) && errno != EEXIST)
		return err_set(err, -errno, "%s: state directory", name);
	claim->dir = openat(claim->reg->vms_fd, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (claim->dir < 0)
		return err_set(err, -errno, "%s: state directory", name);
	fd = take_lock(claim->dir, "lock");
	if (fd == -EBUSY)
		return err_setx(err, fd, "%s: a VM of this name is running",
				name);
	if (fd < 0)
		return err_set(err, fd, "%s: lock", name);
	claim->fds[claim->num_fds++] = fd;
	claim->supervisor = take_lock(claim->dir, "supervisor");
	if (claim->supervisor < 0)
		return err_set(err, claim->supervisor, "%s: supervisor lock",
			       name);
	return 0;
}

static int claim_resources(struct vm_claim *claim, const struct vm_config *cfg,
			   struct err *err)
{
	char number[16];
	int rc = 0;

	if (cfg->vsock.cid) {
		(void)snprintf(number, sizeof(number), "%u", cfg->vsock.cid);
		rc = claim_resource(claim, "cid", number, err);
	}
	for (size_t i = 0; !rc && i < cfg->num_nets; i++)
		if (cfg->nets[i].tap)
			rc = claim_resource(claim, "tap", cfg->nets[i].tap,
					    err);
	return rc;
}

/* Under the lock of the registry. */
static void release_locked(struct vm_claim *claim)
{
	for (unsigned int i = 1; i < claim->num_fds; i++)
		if (claim->files[i][0])
			(void)unlinkat(claim->reg->claims_fd, claim->files[i],
				       0);
	/* Without the name's lock the directory is another VM's. */
	if (claim->num_fds)
		vm_registry_remove(claim->reg, claim->name);
	/* Who sees the VM gone, by the first one, may look for the rest. */
	for (unsigned int i = claim->num_fds; i > 0; i--)
		(void)close(claim->fds[i - 1]);
	if (claim->supervisor >= 0)
		(void)close(claim->supervisor);
	if (claim->dir >= 0)
		(void)close(claim->dir);
	free(claim);
}

int vm_registry_claim(struct vm_registry *reg, const struct vm_config *cfg,
		      struct vm_claim **out, struct err *err)
{
	AUTO_CLOSE int lock = vm_registry_lock(reg, err);
	struct vm_claim *claim;
	int rc;

	if (lock < 0)
		return lock;
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return err_set(err, -ENOMEM, "%s", cfg->name);
	claim->reg = reg;
	claim->dir = claim->supervisor = -1;
	(void)snprintf(claim->name, sizeof(claim->name), "%s", cfg->name);
	rc = claim_name(claim, err);
	if (!rc)
		rc = claim_resources(claim, cfg, err);
	if (rc) {
		release_locked(claim);
		return rc;
	}
	*out = claim;
	return 0;
}

static void release(struct vm_claim *claim)
{
	/* Without this lock somebody may look, but the VM's own still hold. */
	struct vm_registry *reg = claim->reg;
	AUTO_CLOSE int lock = vm_registry_lock(reg, NULL);

	release_locked(claim);
	if (lock >= 0)
		(void)network_sweep(reg); /* its ports, its name */
}

void vm_claim_release(struct vm_claim *claim)
{
	if (claim)
		release(claim);
}

int vm_claim_add(struct vm_claim *claim, int fd, struct err *err)
{
	if (claim->num_fds == CLAIMS_MAX) {
		(void)close(fd);
		return err_setx(err, -E2BIG, "%s: too many claims",
				claim->name);
	}
	claim->files[claim->num_fds][0] = '\0';
	claim->fds[claim->num_fds++] = fd;
	return 0;
}

unsigned int vm_claim_fds(const struct vm_claim *claim, const int **fds)
{
	*fds = claim->fds;
	return claim->num_fds;
}

int vm_claim_listen(struct vm_claim *claim, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s: control socket", claim->name);
	(void)unlinkat(claim->dir, "control", 0); /* of the run before */
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path),
		       "/proc/self/fd/%d/control", claim->dir);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, LISTEN_BACKLOG))
		return err_set(err, -errno, "%s: control socket", claim->name);
	return steal_fd(&fd);
}

int vm_claim_store(struct vm_claim *claim, const char *file, const void *data,
		   size_t len, struct err *err)
{
	int rc = vm_registry_write(claim->dir, file, data, len);

	return rc ? err_set(err, rc, "%s: %s", claim->name, file) : 0;
}

int vm_claim_log(struct vm_claim *claim, struct err *err)
{
	int fd = openat(claim->dir, "log",
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return err_set(err, -errno, "%s: log", claim->name);
	return fd;
}

bool vm_claim_stop_marked(const struct vm_claim *claim)
{
	return !faccessat(claim->dir, "stop", F_OK, AT_SYMLINK_NOFOLLOW);
}

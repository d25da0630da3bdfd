/* vm_resources.c - files of a VM, opened with the rights of the caller. */
#include "vm_resources.h"

#include "cleanup.h"
#include "disk_file.h"
#include "host_agent.h"
#include "host_net.h"
#include "host_share.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

static int open_file(const char *path, const char *name, const char *noun,
		     int flags, int *fd, struct err *err)
{
	if (!path || *fd >= 0)
		return 0;
	*fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0600);
	if (*fd < 0)
		return err_set(err, -errno, "%s: %s %s", name, noun, path);
	return 0;
}

static int open_disk(const char *name, struct vm_disk *disk, struct err *err)
{
	struct disk_file_options options = {
		.readonly = disk->readonly,
		.direct = disk->direct,
	};
	int rc;

	if (disk->fd >= 0)
		return 0;
	rc = disk_file_open(disk->path, &options, &disk->fd, err);
	return rc ? err_prefix(err, "%s", name) : 0;
}

static int open_all(struct vm_config *cfg, struct err *err)
{
	struct vm_boot *boot = &cfg->boot;
	int rc;

	rc = open_file(boot->uki ? boot->uki : boot->kernel, cfg->name,
		       boot->uki ? "uki" : "kernel", O_RDONLY, &boot->kernel_fd,
		       err);
	if (!rc)
		rc = open_file(boot->initrd, cfg->name, "initrd", O_RDONLY,
			       &boot->initrd_fd, err);
	if (!rc)
		rc = open_file(cfg->console_log, cfg->name, "console log",
			       O_WRONLY | O_CREAT | O_APPEND,
			       &cfg->console_log_fd, err);
	for (size_t i = 0; !rc && i < cfg->num_disks; i++)
		rc = open_disk(cfg->name, &cfg->disks[i], err);
	for (size_t i = 0; !rc && i < cfg->num_nets; i++)
		rc = host_net_open(&cfg->nets[i], cfg->name, err);
	for (size_t i = 0; !rc && i < cfg->num_shares; i++)
		rc = host_share_open(&cfg->shares[i], cfg->name, err);
	return rc ? rc : host_agent_listen(&cfg->vsock, cfg->name, err);
}

int vm_resources_open(struct vm_config *cfg, struct err *err)
{
	int rc = open_all(cfg, err);

	if (rc)
		vm_resources_close(cfg);
	return rc;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void vm_resources_close(struct vm_config *cfg)
{
	close_fd(&cfg->boot.kernel_fd);
	close_fd(&cfg->boot.initrd_fd);
	close_fd(&cfg->console_log_fd);
	for (size_t i = 0; i < cfg->num_disks; i++)
		close_fd(&cfg->disks[i].fd);
	for (size_t i = 0; i < cfg->num_nets; i++)
		close_fd(&cfg->nets[i].fd);
	for (size_t i = 0; i < cfg->num_shares; i++)
		close_fd(&cfg->shares[i].fd);
	close_fd(&cfg->vsock.agent_fd);
}

static void add_fd(int *fds, unsigned int max, unsigned int *num, int fd)
{
	if (fd < 0)
		return;
	assert(*num < max);
	fds[(*num)++] = fd;
}

unsigned int vm_resources_fds(const struct vm_config *cfg, int *fds,
			      unsigned int max)
{
	unsigned int num = 0;

	add_fd(fds, max, &num, cfg->boot.kernel_fd);
	add_fd(fds, max, &num, cfg->boot.initrd_fd);
	add_fd(fds, max, &num, cfg->console_log_fd);
	for (size_t i = 0; i < cfg->num_disks; i++)
		add_fd(fds, max, &num, cfg->disks[i].fd);
	for (size_t i = 0; i < cfg->num_nets; i++)
		add_fd(fds, max, &num, cfg->nets[i].fd);
	for (size_t i = 0; i < cfg->num_shares; i++)
		add_fd(fds, max, &num, cfg->shares[i].fd);
	add_fd(fds, max, &num, cfg->vsock.agent_fd);
	return num;
}

/* io_engine_create.c - which engine: io_uring, or libaio where it is refused.
 */
#include "io_engine_impl.h"

#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* What an administrator can do about a refusal; the errno alone is vague. */
static const char *why_refused(int code)
{
	static const char path[] = "/proc/sys/kernel/io_uring_disabled";
	AUTO_CLOSE int fd = -1;
	char value = '0';

	if (code == -ENOSYS)
		return "not in this kernel, or hidden by a seccomp filter";
	if (code == -ENOMEM)
		return "RLIMIT_MEMLOCK may be too small";
	if (code != -EPERM && code != -EACCES)
		return "kernel too old?";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &value, 1) != 1 || value == '0')
		return "forbidden by a seccomp filter or a security module";
	if (value == '1')
		return "kernel.io_uring_disabled=1: join kernel.io_uring_group";
	return "kernel.io_uring_disabled=2";
}

static int create_auto(struct io_engine **out,
		       const struct io_engine_config *cfg, struct err *err)
{
	static atomic_flag warned = ATOMIC_FLAG_INIT;
	struct err refusal = {0};
	int rc;

	rc = io_uring_engine_create(out, cfg, &refusal);
	if (!rc)
		return 0;
	rc = io_aio_engine_create(out, cfg, err);
	if (!rc && !atomic_flag_test_and_set(&warned))
		log_warn("%s (%s): using libaio instead", refusal.msg,
			 why_refused(refusal.code));
	return rc;
}

int io_engine_create(struct io_engine **out, const struct io_engine_config *cfg,
		     struct err *err)
{
	if (!cfg->depth || cfg->max_files > INT16_MAX)
		return err_setx(err, -EINVAL, "I/O engine: bad configuration");
	switch (cfg->kind) {
	case IO_ENGINE_URING:
		return io_uring_engine_create(out, cfg, err);
	case IO_ENGINE_AIO:
		return io_aio_engine_create(out, cfg, err);
	default:
		return create_auto(out, cfg, err);
	}
}

/* sandbox.c - give up what the running VM does not need. */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int sandbox_enter(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, -errno, "sandbox: no_new_privs");
#ifndef __SANITIZE_ADDRESS__
	/* LeakSanitizer stops the threads by ptrace, which this forbids. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return err_set(err, -errno, "sandbox: not dumpable");
#endif
	/* The bounding set may stay: no_new_privs means that no later execve
	 * gains anything from it. */
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return err_setx(err, -EPERM,
				"sandbox: cannot drop "
				"capabilities");
	return 0;
}

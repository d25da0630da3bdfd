/* io_engine_call.c - run a function on the owner's thread and wait for it. */
#include "io_engine_impl.h"

#include "macros.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * struct call - io_engine_call() on the caller's stack
 * @over: 0, then 1; the futex. Once it is 1 the call may be gone
 */
struct call {
	struct io_op op;
	void (*fn)(void *arg);
	void *arg;
	_Atomic uint32_t over;
};

static void call_done(struct io_op *op, int res)
{
	struct call *call = container_of(op, struct call, op);
	_Atomic uint32_t *over = &call->over;

	(void)res;
	call->fn(call->arg);
	atomic_store_explicit(over, 1, memory_order_release);
	/* The frame may be gone by now; a wake-up at a stale address is at
	 * worst a spurious one for somebody else, which futex users expect. */
	(void)syscall(SYS_futex, over, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void io_engine_call(struct io_engine *engine, void (*fn)(void *arg), void *arg)
{
	struct call call = {.op = {.done = call_done}, .fn = fn, .arg = arg};

	if (!io_engine_try_post(engine, &call.op)) {
		fn(arg);
		return;
	}
	while (!atomic_load_explicit(&call.over, memory_order_acquire))
		/* EAGAIN and EINTR: look again. */
		(void)syscall(SYS_futex, &call.over, FUTEX_WAIT_PRIVATE, 0,
			      NULL, NULL, 0);
}

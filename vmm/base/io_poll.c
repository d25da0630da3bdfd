/*
 * io_poll.c - look for work in shared memory for a while before sleeping.
 *
 * DOC: theory of operation
 *
 * The window is how long the owner looks. It adapts to what idle times (looking
 * and sleeping together) turn out to be: one that poll_max_ns would have
 * covered doubles the window, a longer one closes it. A closed window costs
 * nothing but the two clock readings around a sleep.
 *
 * While the window is open a poller leaves its doorbells off. No wake-up is
 * lost: before the owner sleeps every poller's rest() turns them on, fences and
 * looks once more; posts and completions are looked at in each turn, and the
 * kernel is told to wait for them after that.
 */
#include "clock.h"
#include "io_engine_impl.h"

#include "macros.h"

#define WINDOW_MIN_NS 4000U

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* Return: 1 if a poller was given work, 0 if none has any, -1 if none may be
 * polled now. */
static int look(struct io_engine *engine)
{
	int best = -1;

	for (struct io_poller *p = engine->pollers; p; p = p->next) {
		int rc = p->look(p);

		if (rc > 0)
			p->work(p);
		best = MAX(best, rc);
	}
	return best;
}

static bool others_wait(struct io_engine *engine)
{
	return engine->backend->pending(engine) ||
	       atomic_load_explicit(&engine->posted, memory_order_relaxed) ||
	       atomic_load_explicit(&engine->stop, memory_order_relaxed);
}

static bool spin(struct io_engine *engine, uint64_t begin)
{
	uint64_t now = begin;
	int rc;

	do {
		rc = look(engine);
		if (rc < 0)
			return false;
		if (rc > 0 || others_wait(engine))
			break;
		relax();
		now = clock_ns();
	} while (now - begin < engine->poll_window_ns);
	io_engine_count(&engine->stats.poll_ns, now - begin);
	if (now - begin >= engine->poll_window_ns) {
		io_engine_count(&engine->stats.polls_vain, 1);
		return false;
	}
	io_engine_count(&engine->stats.polls_found, 1);
	return true;
}

bool io_poll_before_wait(struct io_engine *engine)
{
	bool found = false;

	engine->idle_since_ns = clock_ns();
	if (engine->poll_window_ns) {
		/* What is prepared goes to the kernel first. */
		if (engine->backend->pending(engine))
			return true;
		if (spin(engine, engine->idle_since_ns))
			return true;
	}
	for (struct io_poller *p = engine->pollers; p; p = p->next) {
		if (!p->rest(p))
			continue;
		p->work(p);
		found = true;
	}
	return found;
}

void io_poll_after_wait(struct io_engine *engine)
{
	uint64_t idle = clock_ns() - engine->idle_since_ns;

	if (idle > engine->poll_max_ns)
		engine->poll_window_ns = 0;
	else
		engine->poll_window_ns =
			MIN(MAX(engine->poll_window_ns * 2, WINDOW_MIN_NS),
			    engine->poll_max_ns);
}

void io_engine_poller_add(struct io_engine *engine, struct io_poller *poller)
{
	if (!engine->poll_max_ns)
		return;
	poller->next = engine->pollers;
	engine->pollers = poller;
}

bool io_engine_is_polling(const struct io_engine *engine)
{
	return engine->poll_window_ns != 0;
}

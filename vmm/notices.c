/* notices.c - bounded queue from the I/O threads to the control thread. */
#include "notices.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int notices_init(struct notices *n, struct err *err)
{
	*n = (struct notices){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (n->fd < 0)
		return err_set(err, -errno, "eventfd");
	(void)pthread_mutex_init(&n->lock, NULL); /* cannot fail */
	return 0;
}

void notices_fini(struct notices *n)
{
	if (n->fd < 0)
		return;
	(void)close(n->fd);
	(void)pthread_mutex_destroy(&n->lock);
	n->fd = -1;
}

void notices_post(struct notices *n, const struct disk_notice *notice)
{
	uint64_t one = 1;

	(void)pthread_mutex_lock(&n->lock);
	if (n->count < NOTICES_MAX)
		n->queue[n->count++] = *notice;
	else
		n->lost++;
	(void)pthread_mutex_unlock(&n->lock);
	/* EAGAIN: a wake-up is pending already. */
	if (write(n->fd, &one, sizeof(one)) < 0)
		return;
}

bool notices_take(struct notices *n, struct disk_notice *out)
{
	uint64_t count;
	bool found;

	(void)pthread_mutex_lock(&n->lock);
	found = n->count > 0;
	if (found) {
		*out = n->queue[0];
		n->count--;
		memmove(n->queue, n->queue + 1, n->count * sizeof(n->queue[0]));
	} else if (read(n->fd, &count, sizeof(count)) < 0) {
		found = false; /* EAGAIN: already drained */
	}
	(void)pthread_mutex_unlock(&n->lock);
	return found;
}

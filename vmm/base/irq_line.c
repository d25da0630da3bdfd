/* irq_line.c - raise an interrupt by eventfd. */
#include "irq_line.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

void irq_line_raise(const struct irq_line *line)
{
	uint64_t one = 1;
	ssize_t n;

	/* EAGAIN: the counter is full, so an edge is pending already. */
	do
		n = write(line->fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

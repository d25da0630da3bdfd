/*
 * irq_line.h - an edge-triggered interrupt, raised through an eventfd that the
 * machine binds to a GSI (irqfd). Tests read the eventfd instead.
 */
#pragma once

/**
 * struct irq_line - one interrupt source
 * @fd: non-blocking eventfd, owned by the machine
 */
struct irq_line {
	int fd;
};

/** irq_line_raise() - raise one edge; any thread, never blocks. */
void irq_line_raise(const struct irq_line *line);

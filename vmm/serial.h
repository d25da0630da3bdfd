/*
 * serial.h - 16550A UART (COM1) on the port bus.
 *
 * Any thread: registers are touched by vCPU threads, input comes from the I/O
 * thread; one mutex guards the registers. The call-backs run without that mutex
 * on the thread that caused them.
 */
#pragma once

#include "err.h"
#include "io_bus.h"
#include "irq_line.h"

#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORTS 8	    /* ports claimed on the bus */
#define SERIAL_FIFO_SIZE 16 /* bytes of input the chip holds */

struct serial;

/**
 * struct serial_config - what a UART is connected to
 * @irq:        edge interrupt; may be NULL for a UART that is only polled
 * @output:     the guest sent @len bytes; must not block
 * @input_room: there is room again after serial_input() took less than it was
 *              given; may be NULL
 * @arg:        passed to both
 */
struct serial_config {
	const struct irq_line *irq;
	void (*output)(void *arg, const void *bytes, size_t len);
	void (*input_room)(void *arg);
	void *arg;
};

/** serial_ops - for io_bus_add() with SERIAL_PORTS and the struct serial. */
extern const struct io_bus_ops serial_ops;

/**
 * serial_create() - make a UART in its power-on state
 * @cfg: copied; @cfg->irq must outlive the UART
 *
 * Return: 0 and *out (release with serial_destroy()), or -ENOMEM.
 */
int serial_create(struct serial **out, const struct serial_config *cfg,
		  struct err *err);

/** serial_destroy() - free; accepts NULL. No other thread may use it then. */
void serial_destroy(struct serial *serial);

/**
 * serial_input() - bytes arrive on the line; any thread, never blocks
 *
 * Return: how many the receive FIFO took. If fewer than @len, input_room tells
 * when to offer the rest.
 */
size_t serial_input(struct serial *serial, const void *bytes, size_t len);

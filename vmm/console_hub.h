/*
 * console_hub.h - where the bytes of a guest's consoles go, and where the
 * bytes typed at them come from.
 *
 * What the serial port and hvc0 print is merged into one 64 KiB ring. Behind it
 * stand the log file and any number of attached clients, each with its own
 * position: whoever cannot keep up loses the oldest bytes (counted), and nobody
 * makes a vCPU wait. A new client first gets the whole ring: the replay.
 *
 * Input of all clients goes to the serial port until the guest has written to
 * hvc0, then to hvc0: with a login on both, one of them must have it.
 *
 * Threads: console_hub_write(), console_hub_input_room(), console_hub_attach()
 * and console_hub_stats() may be called from any thread; sockets and the log
 * are served on the thread of the I/O engine.
 */
#pragma once

#include "err.h"
#include "io_engine.h"

#include <stddef.h>
#include <stdint.h>

#define CONSOLE_HUB_REPLAY 65536u /* bytes of the ring */
#define CONSOLE_HUB_CLIENTS_MAX 16u

/** CONSOLE_HUB_FILES - io_engine_file_add() slots a hub may take. */
#define CONSOLE_HUB_FILES (CONSOLE_HUB_CLIENTS_MAX + 1)

enum console_source {
	CONSOLE_SERIAL,
	CONSOLE_HVC0,
	CONSOLE_SOURCES,
};

struct console_hub;

/**
 * struct console_hub_stats - counters since the hub was made
 * @written:     bytes the guest printed
 * @logged:      bytes that reached the log
 * @log_dropped: bytes that did not: disk full, or the log was too slow
 * @client_dropped: bytes clients missed because they did not read, summed
 * @clients:     attached now
 */
struct console_hub_stats {
	uint64_t written;
	uint64_t logged;
	uint64_t log_dropped;
	uint64_t client_dropped;
	unsigned int clients;
};

/**
 * console_hub_create() - make a hub
 * @engine: serves the hub; must have room for CONSOLE_HUB_FILES files
 * @log_fd: file, FIFO or terminal that collects all output, or -1; stays the
 *          caller's, and open until console_hub_destroy(). Must not be shared
 *          with another writer unless it is O_APPEND.
 *
 * Call before the engine runs or on its thread. Return: 0 and *out, or -ENOMEM,
 * or the errno of looking at @log_fd.
 */
int console_hub_create(struct console_hub **out, struct io_engine *engine,
		       int log_fd, struct err *err);

/**
 * console_hub_drain() - wait until all that was printed is where it goes
 *
 * By the control thread while the engine runs and after the guest has stopped
 * printing. Clients get what their sockets take at once; the log gets up to one
 * second to take the rest. Accepts NULL.
 */
void console_hub_drain(struct console_hub *hub);

/** console_hub_destroy() - detach everybody and free; after io_engine_run()
 * has returned, or if it was never entered. Accepts NULL. */
void console_hub_destroy(struct console_hub *hub);

/**
 * console_hub_set_input() - where input for @source goes
 * @input: takes up to @len bytes on the I/O thread, never blocks, and returns
 *         how many it took; if fewer, console_hub_input_room() must follow
 * @arg:   passed to it
 *
 * Call before the engine runs. Without it input for @source is discarded.
 */
void console_hub_set_input(struct console_hub *hub, enum console_source source,
			   size_t (*input)(void *arg, const void *bytes,
					   size_t len),
			   void *arg);

/** console_hub_input_room() - an input call-back can take more now; any
 * thread. */
void console_hub_input_room(struct console_hub *hub);

/** console_hub_write() - the guest printed; any thread, never blocks. */
void console_hub_write(struct console_hub *hub, enum console_source source,
		       const void *bytes, size_t len);

/**
 * console_hub_attach() - connect one more client; any thread
 *
 * Return: the client's end of a stream socket pair (blocking, close-on-exec),
 * owned by the caller; closing or shutting it down for writing detaches.
 * -EMFILE from the process, -EBUSY when CONSOLE_HUB_CLIENTS_MAX are attached,
 * -ENOMEM.
 */
int console_hub_attach(struct console_hub *hub, struct err *err);

/** console_hub_stats() - copy the counters; any thread. */
void console_hub_stats(struct console_hub *hub, struct console_hub_stats *out);

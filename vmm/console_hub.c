/*
 * console_hub.c - where the bytes of a guest's consoles go.
 *
 * DOC: theory of operation. Positions count bytes since the hub was made;
 * byte n lives at ring[n % CONSOLE_HUB_REPLAY]. A writer copies into the ring
 * and posts @wake unless it is on its way. On the I/O thread hub_serve() then
 * brings every reader (each client and the log) from its own position up to
 * @total. A reader that is more than a ring behind is moved forward and the gap
 * is counted as dropped: that is all the back-pressure there is.
 *
 * A client is served with non-blocking socket calls. Its one watch asks for
 * input unless earlier input is still waiting for the guest, and for output
 * room only while the socket is full. The log is written through the engine,
 * one chunk at a time, so that a slow disk stalls nothing else.
 */
#include "console_hub.h"

#include "log.h"
#include "macros.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLIENT_CHUNK 4096u /* bytes per send() */
#define CLIENT_INPUT 512u  /* bytes per recv() */
#define LOG_CHUNK 16384u   /* bytes per write of the log */
#define LOG_GRACE_S 1	   /* for the log in console_hub_drain() */

/**
 * struct hub_client - one attached client; owned by the I/O thread
 * @hub:      back pointer
 * @next:     in hub->clients or hub->fresh
 * @fd:       our end of the socket pair
 * @file:     engine slot of @fd
 * @watch:    the one watch on @file
 * @watching: @watch is in flight
 * @events:   what @watch was armed with
 * @changing: @watch was cancelled to be armed with other events
 * @full:     the socket takes no more output
 * @closing:  to be released as soon as @watch is not in flight
 * @position: next byte to send
 * @input:    bytes received and not yet taken by the guest
 * @input_at: first of them
 * @input_end: end of them
 */
struct hub_client {
	struct console_hub *hub;
	struct hub_client *next;
	int fd;
	int file;
	struct io_op watch;
	bool watching;
	uint32_t events;
	bool changing;
	bool full;
	bool closing;
	uint64_t position;
	uint8_t input[CLIENT_INPUT];
	size_t input_at;
	size_t input_end;
};

/**
 * struct hub_log - the log file; owned by the I/O thread
 * @file:     engine slot, -1 without a log
 * @op:       the one write
 * @busy:     @op is in flight
 * @failing:  the last write failed, and that was said
 * @position: next byte to write
 * @offset:   file offset of the next write, -1 for a stream
 * @iov:      into @chunk
 * @chunk:    copy of what @op writes
 */
struct hub_log {
	int file;
	struct io_op op;
	bool busy;
	bool failing;
	uint64_t position;
	int64_t offset;
	struct iovec iov;
	uint8_t chunk[LOG_CHUNK];
};

struct hub_input {
	size_t (*fn)(void *arg, const void *bytes, size_t len);
	void *arg;
};

/**
 * struct console_hub - see DOC above
 * @engine:   serves the hub
 * @inputs:   where input goes, by source; constant while the engine runs
 * @clients:  attached clients; owned by the I/O thread
 * @log:      owned by the I/O thread
 * @log_wrote: with @lock: the log has moved on
 * @lock:     guards everything below
 * @wake:     posted to run hub_serve()
 * @posted:   @wake is on its way
 * @fresh:    clients attached since the last service
 * @input_to: source that gets the input
 * @total:    position of the next byte the guest prints
 * @stats:    counters but for @written, which is @total
 * @ring:     the last CONSOLE_HUB_REPLAY bytes
 */
struct console_hub {
	struct io_engine *engine;
	struct hub_input inputs[CONSOLE_SOURCES];
	struct hub_client *clients;
	struct hub_log log;
	pthread_cond_t log_wrote;
	pthread_mutex_t lock;
	struct io_op wake;
	bool posted;
	struct hub_client *fresh;
	enum console_source input_to;
	uint64_t total;
	struct console_hub_stats stats;
	uint8_t ring[CONSOLE_HUB_REPLAY];
};

/* Copy in, @len at most a ring. Caller holds the lock. */
static void ring_put(struct console_hub *hub, const uint8_t *bytes, size_t len)
{
	size_t at = hub->total % CONSOLE_HUB_REPLAY;
	size_t first = MIN(len, CONSOLE_HUB_REPLAY - at);

	memcpy(hub->ring + at, bytes, first);
	memcpy(hub->ring, bytes + first, len - first);
	hub->total += len;
}

/*
 * Copy out from *@position, moving it over a gap, which the counter @dropped
 * (in hub->stats) gets.
 * Return: bytes copied, 0 when the reader is up to date.
 */
static size_t ring_get(struct console_hub *hub, uint64_t *position,
		       uint64_t *dropped, uint8_t *bytes, size_t len)
{
	size_t at, first;

	pthread_mutex_lock(&hub->lock);
	if (hub->total - *position > CONSOLE_HUB_REPLAY) {
		uint64_t oldest = hub->total - CONSOLE_HUB_REPLAY;

		*dropped += oldest - *position;
		*position = oldest;
	}
	len = MIN(len, (size_t)(hub->total - *position));
	at = *position % CONSOLE_HUB_REPLAY;
	first = MIN(len, CONSOLE_HUB_REPLAY - at);
	memcpy(bytes, hub->ring + at, first);
	memcpy(bytes + first, hub->ring, len - first);
	pthread_mutex_unlock(&hub->lock);
	return len;
}

static void hub_wake(struct console_hub *hub)
{
	bool post;

	pthread_mutex_lock(&hub->lock);
	post = !hub->posted;
	hub->posted = true;
	pthread_mutex_unlock(&hub->lock);
	if (post)
		io_engine_post(hub->engine, &hub->wake);
}

/* --- the log ----------------------------------------------------------- */

static void log_flush(struct console_hub *hub)
{
	struct hub_log *log = &hub->log;
	size_t len;

	if (log->file < 0 || log->busy)
		return;
	len = ring_get(hub, &log->position, &hub->stats.log_dropped, log->chunk,
		       sizeof(log->chunk));
	if (!len)
		return;
	log->iov = (struct iovec){.iov_base = log->chunk, .iov_len = len};
	log->busy = true;
	io_engine_writev(hub->engine, &log->op, log->file, &log->iov, 1,
			 log->offset, 0);
}

static void log_written(struct io_op *op, int res)
{
	struct hub_log *log = container_of(op, struct hub_log, op);
	struct console_hub *hub = container_of(log, struct console_hub, log);

	log->busy = false;
	pthread_mutex_lock(&hub->lock);
	if (res > 0)
		hub->stats.logged += (unsigned int)res;
	else
		hub->stats.log_dropped += log->iov.iov_len;
	(void)pthread_cond_signal(&hub->log_wrote); /* cannot fail */
	pthread_mutex_unlock(&hub->lock);
	if (res > 0) {
		log->position += (unsigned int)res;
		if (log->offset >= 0)
			log->offset += res;
	} else {
		log->position += log->iov.iov_len;
		if (!log->failing)
			log_warn("console log: write: %s; output is dropped",
				 strerror(-res));
	}
	log->failing = res <= 0;
	log_flush(hub);
}

static int log_open(struct console_hub *hub, int fd, struct err *err)
{
	struct hub_log *log = &hub->log;
	struct stat st;

	log->offset = -1;
	log->file = -1;
	log->op.done = log_written;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "console log");
	if (S_ISREG(st.st_mode))
		log->offset = st.st_size;
	log->file = io_engine_file_add(hub->engine, fd);
	if (log->file < 0)
		return err_set(err, log->file, "console log");
	return 0;
}

/* --- clients ----------------------------------------------------------- */

/* Let go of a client that is in no list. */
static void client_free(struct hub_client *client)
{
	if (client->file >= 0)
		io_engine_file_remove(client->hub->engine, client->file);
	(void)close(client->fd); /* a socket: nothing is lost */
	free(client);
}

static void client_release(struct hub_client *client)
{
	struct console_hub *hub = client->hub;
	struct hub_client **link = &hub->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client_free(client);
	pthread_mutex_lock(&hub->lock);
	hub->stats.clients--;
	pthread_mutex_unlock(&hub->lock);
}

/* Arm, re-arm or end the watch, as the state of the client asks. */
static void client_watch(struct hub_client *client)
{
	struct io_engine *engine = client->hub->engine;
	uint32_t events = 0;

	if (client->input_at == client->input_end)
		events |= EPOLLIN;
	if (client->full)
		events |= EPOLLOUT;
	if (client->watching) {
		if (!client->changing &&
		    (client->closing || events != client->events)) {
			client->changing = true;
			io_engine_cancel(engine, &client->watch);
		}
		return;
	}
	if (client->closing) {
		client_release(client);
		return;
	}
	client->watching = true;
	client->events = events;
	io_engine_watch(engine, &client->watch, client->file, events);
}

/* Send what the client has not seen yet; at most one ring per call. */
static void client_send(struct hub_client *client)
{
	struct console_hub *hub = client->hub;
	uint8_t chunk[CLIENT_CHUNK];

	for (size_t sent = 0;
	     sent < CONSOLE_HUB_REPLAY && !client->closing && !client->full;) {
		size_t len = ring_get(hub, &client->position,
				      &hub->stats.client_dropped, chunk,
				      sizeof(chunk));
		ssize_t n;

		if (!len)
			break;
		n = send(client->fd, chunk, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			client->position += (size_t)n;
			sent += (size_t)n;
		} else if (errno == EAGAIN) {
			client->full = true;
		} else if (errno != EINTR) {
			client->closing = true;
		}
	}
}

/* Offer what is left of the client's input to the guest. */
static void client_offer(struct hub_client *client)
{
	struct console_hub *hub = client->hub;
	size_t len = client->input_end - client->input_at;
	const struct hub_input *input;

	if (!len)
		return;
	pthread_mutex_lock(&hub->lock);
	input = &hub->inputs[hub->input_to];
	pthread_mutex_unlock(&hub->lock);
	if (input->fn)
		len = input->fn(input->arg, client->input + client->input_at,
				len);
	client->input_at += len;
}

static void client_receive(struct hub_client *client)
{
	ssize_t n;

	if (client->input_at != client->input_end)
		return; /* told before the watch was changed */
	n = recv(client->fd, client->input, sizeof(client->input),
		 MSG_DONTWAIT);
	if (n > 0) {
		client->input_at = 0;
		client->input_end = (size_t)n;
		client_offer(client);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		client->closing = true;
	}
}

static void client_ready(struct io_op *op, int res)
{
	struct hub_client *client = container_of(op, struct hub_client, watch);

	if (res < 0) {
		client->watching = false;
		if (!client->changing)
			client->closing = true;
		client->changing = false;
		client_watch(client);
		return;
	}
	if (res & EPOLLOUT) {
		client->full = false;
		client_send(client);
	}
	if (res & EPOLLIN)
		client_receive(client);
	else if (res & (EPOLLHUP | EPOLLERR))
		client->closing = true;
	client_watch(client);
}

static void client_start(struct console_hub *hub, struct hub_client *client)
{
	client->next = hub->clients;
	hub->clients = client;
	client->file = io_engine_file_add(hub->engine, client->fd);
	if (client->file < 0) {
		log_warn("console: client: %s", strerror(-client->file));
		client->closing = true;
	}
}

/* --- the hub ----------------------------------------------------------- */

/* Bring every reader up to date and offer input that had to wait. */
static void hub_serve(void *arg)
{
	struct console_hub *hub = arg;
	struct hub_client *client, *next;

	pthread_mutex_lock(&hub->lock);
	client = hub->fresh;
	hub->fresh = NULL;
	pthread_mutex_unlock(&hub->lock);
	for (; client; client = next) {
		next = client->next;
		client_start(hub, client);
	}
	for (client = hub->clients; client; client = next) {
		next = client->next;
		client_send(client);
		client_offer(client);
		client_watch(client);
	}
	log_flush(hub);
}

static void hub_woken(struct io_op *op, int res)
{
	struct console_hub *hub = container_of(op, struct console_hub, wake);

	(void)res; /* a post always succeeds */
	pthread_mutex_lock(&hub->lock);
	hub->posted = false; /* before looking: what comes later posts again */
	pthread_mutex_unlock(&hub->lock);
	hub_serve(hub);
}

int console_hub_create(struct console_hub **out, struct io_engine *engine,
		       int log_fd, struct err *err)
{
	struct console_hub *hub = calloc(1, sizeof(*hub));
	pthread_condattr_t monotonic;
	int rc;

	if (!hub)
		return err_set(err, -ENOMEM, "console");
	hub->engine = engine;
	hub->wake.done = hub_woken;
	rc = log_open(hub, log_fd, err);
	if (rc < 0) {
		free(hub);
		return rc;
	}
	pthread_mutex_init(&hub->lock, NULL);
	(void)pthread_condattr_init(&monotonic); /* cannot fail on Linux */
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&hub->log_wrote, &monotonic);
	*out = hub;
	return 0;
}

void console_hub_drain(struct console_hub *hub)
{
	const struct console_hub_stats *stats;
	struct timespec until;
	int rc = 0;

	if (!hub)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
	until.tv_sec += LOG_GRACE_S;
	io_engine_call(hub->engine, hub_serve, hub);
	if (hub->log.file < 0)
		return;
	pthread_mutex_lock(&hub->lock);
	stats = &hub->stats;
	while (!rc && stats->logged + stats->log_dropped < hub->total)
		rc = pthread_cond_timedwait(&hub->log_wrote, &hub->lock,
					    &until);
	pthread_mutex_unlock(&hub->lock);
}

static void free_list(struct hub_client *client)
{
	while (client) {
		struct hub_client *next = client->next;

		client_free(client);
		client = next;
	}
}

/* Nothing is in flight: the engine has ended, or never ran. */
void console_hub_destroy(struct console_hub *hub)
{
	if (!hub)
		return;
	free_list(hub->fresh);
	free_list(hub->clients);
	if (hub->log.file >= 0)
		io_engine_file_remove(hub->engine, hub->log.file);
	pthread_cond_destroy(&hub->log_wrote);
	pthread_mutex_destroy(&hub->lock);
	free(hub);
}

void console_hub_set_input(struct console_hub *hub, enum console_source source,
			   size_t (*input)(void *arg, const void *bytes,
					   size_t len),
			   void *arg)
{
	hub->inputs[source] = (struct hub_input){.fn = input, .arg = arg};
}

void console_hub_input_room(struct console_hub *hub)
{
	hub_wake(hub);
}

void console_hub_write(struct console_hub *hub, enum console_source source,
		       const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	pthread_mutex_lock(&hub->lock);
	if (source == CONSOLE_HVC0)
		hub->input_to = CONSOLE_HVC0;
	while (len) {
		size_t part = MIN(len, (size_t)CONSOLE_HUB_REPLAY);

		ring_put(hub, from, part);
		from += part;
		len -= part;
	}
	pthread_mutex_unlock(&hub->lock);
	hub_wake(hub);
}

/* Return: false if there are too many clients. */
static bool add_client(struct console_hub *hub, struct hub_client *client)
{
	bool room;

	pthread_mutex_lock(&hub->lock);
	room = hub->stats.clients < CONSOLE_HUB_CLIENTS_MAX;
	if (room) {
		if (hub->total > CONSOLE_HUB_REPLAY)
			client->position = hub->total - CONSOLE_HUB_REPLAY;
		client->next = hub->fresh;
		hub->fresh = client;
		hub->stats.clients++;
	}
	pthread_mutex_unlock(&hub->lock);
	if (room)
		hub_wake(hub);
	return room;
}

int console_hub_attach(struct console_hub *hub, struct err *err)
{
	struct hub_client *client;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, -errno, "console: socket pair");
	client = calloc(1, sizeof(*client));
	if (client) {
		client->hub = hub;
		client->fd = pair[1];
		client->file = -1;
		client->watch.done = client_ready;
		if (add_client(hub, client))
			return pair[0];
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	if (!client)
		return err_set(err, -ENOMEM, "console");
	free(client);
	return err_setx(err, -EBUSY, "console: %u clients are attached",
			CONSOLE_HUB_CLIENTS_MAX);
}

void console_hub_stats(struct console_hub *hub, struct console_hub_stats *out)
{
	pthread_mutex_lock(&hub->lock);
	*out = hub->stats;
	out->written = hub->total;
	pthread_mutex_unlock(&hub->lock);
}

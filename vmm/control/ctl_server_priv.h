/*
 * ctl_server_priv.h - what ctl_server.c (clients) and ctl_request.c (requests
 * and replies) share. Control thread only.
 */
#pragma once

#include "ctl_server.h"

#include "event_log.h"

#include <sys/queue.h>

/**
 * struct ctl_outgoing - a reply that waits for room in the socket
 * @fd:   travels with it, or -1
 * @len:  bytes in @data
 */
struct ctl_outgoing {
	STAILQ_ENTRY(ctl_outgoing) link;
	int fd;
	size_t len;
	uint8_t data[];
};

/**
 * struct ctl_conn - one client
 * @fd:       -1 once dropped; freed at the end of the dispatch
 * @interest: epoll events asked for now
 * @pending:  requests without reply
 * @replies:  replies not sent yet
 * @reading:  vm.events was answered and its events are not all sent
 * @seq:      event it gets next
 * @until:    last event it gets; UINT64_MAX when it follows
 */
struct ctl_conn {
	TAILQ_ENTRY(ctl_conn) link;
	struct ctl_server *server;
	int fd;
	uint32_t interest;
	unsigned int pending;
	STAILQ_HEAD(, ctl_outgoing) replies;
	bool reading;
	uint64_t seq;
	uint64_t until;
};

/**
 * struct ctl_request - a request between its arrival and its reply
 * @conn:    whom to answer; NULL when that client has gone
 * @command: what it asks for
 * @msg:     decoded in place from @data
 */
struct ctl_request {
	TAILQ_ENTRY(ctl_request) link;
	struct ctl_server *server;
	struct ctl_conn *conn;
	const struct ctl_command *command;
	struct ctl_message msg;
	uint8_t data[];
};

/**
 * struct ctl_server - the server
 * @reserve_fd: given up for a moment to refuse a client when no descriptor is
 *              left, which would otherwise keep the listener ready for ever
 * @closing:    the VM has ended: nothing but its events can be asked for
 * @buf:        one message, in either direction
 */
struct ctl_server {
	struct ctl_server_config cfg;
	int epoll_fd;
	int reserve_fd;
	struct event_log *log;
	bool closing;
	unsigned int num_conns;
	TAILQ_HEAD(, ctl_conn) conns;
	TAILQ_HEAD(, ctl_request) requests;
	uint8_t buf[CTL_MESSAGE_MAX];
};

/** ctl_conn_flush() - send what is due; read on only when all went out. */
void ctl_conn_flush(struct ctl_conn *conn);

/** ctl_conn_drop() - disconnect; its requests lose their client. */
void ctl_conn_drop(struct ctl_conn *conn);

/** ctl_request_run() - find the verb, check the arguments, call the handler. */
void ctl_request_run(struct ctl_request *req);

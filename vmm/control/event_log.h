/*
 * event_log.h - the last N events, numbered, encoded once, for readers that
 * come late. Owner: the control thread.
 */
#pragma once

#include "ctl_proto.h"

struct event_log;

/**
 * event_log_create() - make an empty log
 * @capacity: events kept; the oldest makes room
 *
 * Return: 0 and *out, or -ENOMEM.
 */
int event_log_create(struct event_log **out, unsigned int capacity);

/** event_log_destroy() - free; accepts NULL. */
void event_log_destroy(struct event_log *log);

/**
 * event_log_append() - number, date and keep an event
 * @fields: copied, behind "seq" and "time" (CLOCK_REALTIME, ns)
 *
 * An event that does not fit into a message, or finds no memory, keeps its
 * number but has no bytes: readers are told that it was lost.
 *
 * Return: its number; the first is 1.
 */
uint64_t event_log_append(struct event_log *log, const char *name,
			  const struct ctl_field *fields,
			  unsigned int num_fields);

/** event_log_last() - Return: number of the newest event, 0 if none. */
uint64_t event_log_last(const struct event_log *log);

/**
 * event_log_read() - what a reader gets next
 * @seq:  number it wants; set to the number after what it was given
 * @data: the event's message, valid until the next append; NULL if only lost
 *        events stand here
 * @len:  bytes at @data
 * @lost: events from the old @seq on that are gone, 0 when @data is set
 *
 * Return: 1 if @data or @lost was filled, 0 if there is nothing at @seq yet.
 */
int event_log_read(const struct event_log *log, uint64_t *seq,
		   const uint8_t **data, size_t *len, uint64_t *lost);

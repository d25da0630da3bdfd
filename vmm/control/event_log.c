/* event_log.c - ring of encoded events. */
#include "event_log.h"

#include "macros.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENT_MAX 4096 /* bytes of one encoded event */

struct event_entry {
	uint8_t *data; /* NULL: lost */
	size_t len;
};

/**
 * struct event_log - event n stands in entries[n % capacity]
 * @last: number of the newest event
 */
struct event_log {
	uint64_t last;
	unsigned int capacity;
	struct event_entry entries[];
};

int event_log_create(struct event_log **out, unsigned int capacity)
{
	struct event_log *log;

	log = calloc(1, sizeof(*log) + capacity * sizeof(log->entries[0]));
	if (!log)
		return -ENOMEM;
	log->capacity = capacity;
	*out = log;
	return 0;
}

void event_log_destroy(struct event_log *log)
{
	if (!log)
		return;
	for (unsigned int i = 0; i < log->capacity; i++)
		free(log->entries[i].data);
	free(log);
}

static uint64_t realtime_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t event_log_append(struct event_log *log, const char *name,
			  const struct ctl_field *fields,
			  unsigned int num_fields)
{
	struct event_entry *entry;
	struct ctl_message msg = {.kind = CTL_EVENT, .name = name};
	uint8_t buf[EVENT_MAX];
	int len;

	entry = &log->entries[++log->last % log->capacity];
	free(entry->data);
	*entry = (struct event_entry){0};
	if (num_fields > CTL_FIELDS_MAX - 2)
		return log->last;
	msg.fields[0] = CTL_FIELD_UINT("seq", log->last);
	msg.fields[1] = CTL_FIELD_UINT("time", realtime_ns());
	for (unsigned int i = 0; i < num_fields; i++)
		msg.fields[2 + i] = fields[i];
	msg.num_fields = 2 + num_fields;
	len = ctl_message_encode(&msg, buf, sizeof(buf));
	if (len < 0)
		return log->last;
	entry->data = malloc((size_t)len);
	if (!entry->data)
		return log->last;
	memcpy(entry->data, buf, (size_t)len);
	entry->len = (size_t)len;
	return log->last;
}

uint64_t event_log_last(const struct event_log *log)
{
	return log->last;
}

int event_log_read(const struct event_log *log, uint64_t *seq,
		   const uint8_t **data, size_t *len, uint64_t *lost)
{
	uint64_t first =
		log->last < log->capacity ? 1 : log->last - log->capacity + 1;
	uint64_t want = MAX(*seq, (uint64_t)1);
	const struct event_entry *entry;

	*data = NULL;
	*len = 0;
	*lost = 0;
	if (want > log->last)
		return 0;
	if (want < first)
		*lost = first - want;
	want += *lost;
	entry = &log->entries[want % log->capacity];
	while (!entry->data && want <= log->last) {
		++*lost;
		entry = &log->entries[++want % log->capacity];
	}
	*seq = want;
	if (*lost)
		return 1;
	*data = entry->data;
	*len = entry->len;
	*seq = want + 1;
	return 1;
}

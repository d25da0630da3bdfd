/*
 * log.h - messages to stderr; any thread.
 *
 * Lines carry journald's `<n>` priority prefix when stderr is the journal
 * (JOURNAL_STREAM, looked at by log_init()), then the prefix given to
 * log_init(). Anything a guest can trigger goes through log_guest(), which
 * drops what exceeds its token bucket.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/**
 * log_init() - set what every line starts with and what is printed at all
 * @prefix: program or VM name; copied, cut to 63 bytes
 * @level:  messages above this level are dropped
 *
 * Call before the first thread starts. Without it: no prefix, LOG_LEVEL_INFO.
 */
void log_init(const char *prefix, enum log_level level);

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * struct log_bucket - token bucket of one source that a guest can trigger
 * @tokens:      messages it may still print now; LOG_BUCKET_BURST at most
 * @refilled_ns: CLOCK_MONOTONIC of the last refill
 * @dropped:     messages dropped since the last one printed
 *
 * Zero-initialise. One thread per bucket.
 */
struct log_bucket {
	uint32_t tokens;
	uint64_t refilled_ns;
	uint64_t dropped;
};

#define LOG_BUCKET_BURST 10 /* messages */

/** log_bucket_take() - Return: true if the source may report once more now;
 * false counts the report as dropped. */
bool log_bucket_take(struct log_bucket *bucket);

/** log_guest() - warning caused by a guest: at most one per second and bucket
 * after a burst of LOG_BUCKET_BURST; the number dropped is told later. */
void log_guest(struct log_bucket *bucket, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

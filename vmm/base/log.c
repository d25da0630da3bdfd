/* log.c - messages to stderr, one write(2) a line. */
#include "log.h"

#include "clock.h"
#include "macros.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char log_prefix[64];
static bool log_to_journal;
static enum log_level log_level = LOG_LEVEL_INFO;

/* systemd tells by "DEV:INODE" which stream leads to the journal; a child whose
 * stderr was redirected since has the variable, too. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st))
		return false;
	(void)snprintf(ours, sizeof(ours), "%llu:%llu",
		       (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	return !strcmp(stream, ours);
}

void log_init(const char *prefix, enum log_level level)
{
	log_to_journal = stderr_is_journal();
	(void)snprintf(log_prefix, sizeof(log_prefix), "%s", prefix);
	log_level = level;
}

/* A guest's string must not forge a second line or move a cursor. */
static void blank_controls(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == '\177')
			text[i] = '?';
}

__attribute__((format(printf, 2, 0))) static void
log_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[1024];
	size_t len = 0;
	int n;

	if (level > log_level)
		return;
	if (log_to_journal)
		len = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	if (log_prefix[0])
		len += (size_t)snprintf(line + len, sizeof(line) - len,
					"%s: ", log_prefix);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	if (n < 0)
		return;
	n = (int)MIN((size_t)n, sizeof(line) - 2 - len);
	blank_controls(line + len, (size_t)n);
	len += (size_t)n;
	line[len++] = '\n';
	/* Nobody is left to tell when stderr itself fails. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

#define DEFINE_LOG(name, level)                                                \
	void name(const char *fmt, ...)                                        \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		log_line(level, fmt, ap);                                      \
		va_end(ap);                                                    \
	}

DEFINE_LOG(log_err, LOG_LEVEL_ERR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)

bool log_bucket_take(struct log_bucket *bucket)
{
	uint64_t now = clock_ns(), earned;

	if (!bucket->refilled_ns) {
		bucket->tokens = LOG_BUCKET_BURST;
		bucket->refilled_ns = now;
	}
	earned = (now - bucket->refilled_ns) / NSEC_PER_SEC;
	if (earned) {
		bucket->tokens = (uint32_t)MIN(bucket->tokens + earned,
					       (uint64_t)LOG_BUCKET_BURST);
		bucket->refilled_ns += earned * NSEC_PER_SEC;
	}
	if (!bucket->tokens) {
		bucket->dropped++;
		return false;
	}
	bucket->tokens--;
	return true;
}

void log_guest(struct log_bucket *bucket, const char *fmt, ...)
{
	va_list ap;

	if (!log_bucket_take(bucket))
		return;
	if (bucket->dropped) {
		log_warn("%llu messages of this kind dropped",
			 (unsigned long long)bucket->dropped);
		bucket->dropped = 0;
	}
	va_start(ap, fmt);
	log_line(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

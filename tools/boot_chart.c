/* boot_chart.c - from the words of lwx-vmm and of the guest to bars. */
#include "boot_chart.h"

#include "macros.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 400
#define SECONDS_MAX 1000000000U

static const char *const kind_words[BOOT_KINDS] = {
	[BOOT_VMM] = "vmm",	    [BOOT_KERNEL] = "kernel",
	[BOOT_INIT] = "init",	    [BOOT_ONBOOT] = "onboot",
	[BOOT_SERVICE] = "service", [BOOT_AGENT] = "agent",
};

/*
 * Where a chart grows.
 * @zero_us: the guest's clock began
 * @last_us: the last step of the init ended
 */
struct reader {
	struct boot_chart *chart;
	uint64_t zero_us;
	uint64_t last_us;
};

static void copy_name(char *to, const char *from)
{
	size_t i = 0;

	for (; i < BOOT_NAME_MAX - 1 && from[i]; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[i] = '\0';
}

static struct boot_bar *add(struct boot_chart *chart, enum boot_kind kind,
			    const char *name, uint64_t begin_us,
			    uint64_t end_us)
{
	struct boot_bar *bar;

	if (chart->num == BOOT_BARS_MAX)
		return NULL;
	bar = &chart->bars[chart->num++];
	*bar = (struct boot_bar){.kind = kind,
				 .begin_us = begin_us,
				 .up_us = BOOT_UNKNOWN,
				 .end_us = end_us};
	copy_name(bar->name, name);
	return bar;
}

static struct boot_bar *find(struct boot_chart *chart, enum boot_kind kind,
			     const char *name)
{
	char clean[BOOT_NAME_MAX];

	copy_name(clean, name);
	for (size_t i = 0; i < chart->num; i++)
		if (chart->bars[i].kind == kind &&
		    strcmp(chart->bars[i].name, clean) == 0)
			return &chart->bars[i];
	return NULL;
}

/* "12.345678 "; with exactly six decimals. Return: what follows, or NULL. */
static const char *read_time(const char *text, uint64_t *us)
{
	char *point, *end;
	unsigned long long seconds, rest;

	if (*text < '0' || *text > '9')
		return NULL;
	seconds = strtoull(text, &point, 10);
	if (*point != '.' || seconds > SECONDS_MAX || point[1] < '0' ||
	    point[1] > '9')
		return NULL;
	rest = strtoull(point + 1, &end, 10);
	if (end != point + 7 || *end != ' ')
		return NULL;
	*us = seconds * 1000000 + rest;
	return end + 1;
}

/* One of @words and a space at *@at. Return: its index, or -1. */
static int read_word(const char **at, const char *const *words, int num)
{
	for (int i = 0; i < num; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(*at, words[i], len) != 0 || (*at)[len] != ' ')
			continue;
		*at += len + 1;
		return i;
	}
	return -1;
}

/* What the init did itself: from the end of the last step on. */
static void take_init(struct reader *reader, const char *name, uint64_t us)
{
	(void)add(reader->chart, BOOT_INIT, name, reader->last_us, us);
	reader->last_us = us;
}

static void take_line(struct reader *reader, const char *line)
{
	enum {
		BEGIN,
		UP,
		END
	};
	static const char *const events[] = {"begin", "up", "end"};
	struct boot_chart *chart = reader->chart;
	struct boot_bar *bar;
	uint64_t us;
	const char *at = read_time(line, &us);
	int event = at ? read_word(&at, events, ARRAY_SIZE(events)) : -1;
	int kind = event < 0 ? -1 : read_word(&at, kind_words, BOOT_KINDS);

	if (kind < BOOT_INIT || !*at)
		return;
	us += reader->zero_us;
	if (us > chart->ready_us)
		return; /* not of the boot any more */
	if (kind == BOOT_INIT) {
		if (event == END)
			take_init(reader, at, us);
		return;
	}
	bar = find(chart, (enum boot_kind)kind, at);
	if (!bar && event == BEGIN)
		(void)add(chart, (enum boot_kind)kind, at, us, BOOT_UNKNOWN);
	else if (bar && event == UP && bar->up_us == BOOT_UNKNOWN)
		bar->up_us = us;
	else if (bar && event == END && bar->end_us == BOOT_UNKNOWN)
		bar->end_us = us;
}

static void take_steps(struct reader *reader, const char *steps, size_t len)
{
	char line[LINE_BYTES_MAX];

	while (len) {
		const char *end = memchr(steps, '\n', len);
		size_t n = end ? (size_t)(end - steps) : len;

		if (end && n < sizeof(line)) {
			memcpy(line, steps, n);
			line[n] = '\0';
			take_line(reader, line);
		}
		n += end != NULL;
		steps += n;
		len -= n;
	}
}

static int by_begin(const void *a, const void *b)
{
	const struct boot_bar *x = a, *y = b;

	if (x->begin_us != y->begin_us)
		return x->begin_us < y->begin_us ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

void boot_chart_read(struct boot_chart *chart, const char *vm,
		     const struct boot_times *times, const char *steps,
		     size_t len)
{
	struct reader reader = {.chart = chart};
	uint64_t heard = MIN(times->heard_us, SECONDS_MAX * 1000000ULL);
	uint64_t run = MIN(times->run_us, heard);
	uint64_t ran = heard - run;
	uint64_t ready = MIN(times->ready_us, ran);
	uint64_t init = MIN(times->init_us, ready);
	size_t before;

	chart->vm = vm;
	chart->ready_us = heard;
	chart->num = 0;
	copy_name(chart->hostname, times->hostname);
	reader.zero_us = heard - ready;
	reader.last_us = reader.zero_us + init;
	(void)add(chart, BOOT_VMM, "set up", 0, run);
	(void)add(chart, BOOT_KERNEL, "until its clock runs", run,
		  reader.zero_us);
	(void)add(chart, BOOT_KERNEL, "until process 1", reader.zero_us,
		  reader.last_us);
	before = chart->num;
	take_steps(&reader, steps, len);
	if (reader.last_us < heard)
		take_init(&reader,
			  chart->num == before ? "until ready" : "until told",
			  heard);
	qsort(chart->bars, chart->num, sizeof(chart->bars[0]), by_begin);
}

json_t *boot_chart_json(const struct boot_chart *chart)
{
	json_t *bars = json_array();

	for (size_t i = 0; i < chart->num; i++) {
		const struct boot_bar *bar = &chart->bars[i];
		json_t *one = json_pack(
			"{s:s,s:s,s:I}", "kind", kind_words[bar->kind], "name",
			bar->name, "begin_us", (json_int_t)bar->begin_us);

		if (bar->up_us != BOOT_UNKNOWN)
			(void)json_object_set_new(
				one, "up_us",
				json_integer((json_int_t)bar->up_us));
		if (bar->end_us != BOOT_UNKNOWN)
			(void)json_object_set_new(
				one, "end_us",
				json_integer((json_int_t)bar->end_us));
		(void)json_array_append_new(bars, one);
	}
	return json_pack("{s:s,s:s,s:I,s:o}", "vm", chart->vm, "hostname",
			 chart->hostname, "ready_us",
			 (json_int_t)chart->ready_us, "bars", bars);
}

/* boot_chart_draw.c - the chart as characters and as SVG. */
#include "boot_chart.h"

#include "macros.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS 40 /* of the bars of characters */

/* Of SVG, in its pixels. */
#define LABELS 250U
#define WIDTH 760U
#define ROW 18U
#define HEAD 44U

static const struct {
	const char *word;
	const char *colour;
} kinds[BOOT_KINDS] = {
	[BOOT_VMM] = {"lwx-vmm", "#6b7280"},
	[BOOT_KERNEL] = {"kernel", "#b45309"},
	[BOOT_INIT] = {"init", "#1d4ed8"},
	[BOOT_ONBOOT] = {"onboot", "#7e22ce"},
	[BOOT_SERVICE] = {"service", "#15803d"},
	[BOOT_AGENT] = {"agent", "#0f766e"},
};

/* Where @us lies on a line of @length. */
static unsigned int place(const struct boot_chart *chart, uint64_t us,
			  unsigned int length)
{
	uint64_t ready = MAX(chart->ready_us, 1ULL);

	return (unsigned int)((double)MIN(us, ready) / (double)ready * length);
}

/* Until when a bar is full: what comes after it is there, not on the way. */
static uint64_t full_until(const struct boot_bar *bar)
{
	if (bar->up_us != BOOT_UNKNOWN)
		return bar->up_us;
	if (bar->end_us != BOOT_UNKNOWN)
		return bar->end_us;
	return bar->begin_us;
}

static uint64_t lasts_until(const struct boot_chart *chart,
			    const struct boot_bar *bar)
{
	return bar->end_us == BOOT_UNKNOWN ? chart->ready_us : bar->end_us;
}

static void print_time(FILE *out, uint64_t us)
{
	if (us == BOOT_UNKNOWN)
		(void)fprintf(out, " %9s", "-");
	else
		(void)fprintf(out, " %5" PRIu64 ".%03" PRIu64, us / 1000000,
			      us / 1000 % 1000);
}

static void print_bar(const struct boot_chart *chart,
		      const struct boot_bar *bar, FILE *out)
{
	unsigned int begin = place(chart, bar->begin_us, COLUMNS - 1);
	unsigned int full = place(chart, full_until(bar), COLUMNS - 1);
	unsigned int end = place(chart, lasts_until(chart, bar), COLUMNS - 1);
	char line[COLUMNS + 1];

	for (unsigned int i = 0; i < COLUMNS; i++) {
		line[i] = ' ';
		if (i >= begin && i <= end)
			line[i] = '-';
		if (i >= begin && i <= full)
			line[i] = '#';
	}
	line[COLUMNS] = '\0';
	(void)fprintf(out, "  |%s|", line);
}

void boot_chart_text(const struct boot_chart *chart, FILE *out)
{
	(void)fprintf(out,
		      "%s: ready %" PRIu64 ".%03" PRIu64
		      " s after lwx-vmm began",
		      chart->vm, chart->ready_us / 1000000,
		      chart->ready_us / 1000 % 1000);
	if (chart->hostname[0])
		(void)fprintf(out, ", host name %s", chart->hostname);
	(void)fprintf(out, "\n\n%-8s %-22s %9s %9s %9s\n", "WHAT", "", "BEGIN",
		      "HEALTHY", "END");
	for (size_t i = 0; i < chart->num; i++) {
		const struct boot_bar *bar = &chart->bars[i];

		(void)fprintf(out, "%-8s %-22s", kinds[bar->kind].word,
			      bar->name);
		print_time(out, bar->begin_us);
		print_time(out, bar->up_us);
		print_time(out, bar->end_us);
		print_bar(chart, bar, out);
		(void)fputc('\n', out);
	}
}

static void print_escaped(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '&')
			(void)fputs("&amp;", out);
		else if (*text == '<')
			(void)fputs("&lt;", out);
		else if (*text == '>')
			(void)fputs("&gt;", out);
		else if (*text == '"')
			(void)fputs("&quot;", out);
		else
			(void)fputc(*text, out);
	}
}

/* 1, 2 or 5 of a power of ten, so that there are at most eight of them. */
static uint64_t grid_step(uint64_t total)
{
	static const unsigned int factors[] = {2, 5, 10};
	uint64_t unit = 1000;

	for (;;) {
		if (total / unit <= 8)
			return unit;
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
			if (total / (unit * factors[i]) <= 8)
				return unit * factors[i];
		unit *= 10;
	}
}

static void draw_grid(const struct boot_chart *chart, unsigned int height,
		      FILE *out)
{
	uint64_t step = grid_step(chart->ready_us);

	for (uint64_t us = 0; us <= chart->ready_us; us += step) {
		unsigned int x = LABELS + place(chart, us, WIDTH);

		(void)fprintf(out,
			      "<path d=\"M%u %u V%u\" stroke=\"#d1d5db\"/>"
			      "<text x=\"%u\" y=\"%u\" fill=\"#6b7280\" "
			      "text-anchor=\"middle\">%" PRIu64 ".%03" PRIu64
			      " s</text>\n",
			      x, HEAD, height, x, HEAD - 6, us / 1000000,
			      us / 1000 % 1000);
	}
}

static void draw_part(const struct boot_chart *chart, uint64_t from,
		      uint64_t to, unsigned int y, const char *style, FILE *out)
{
	unsigned int x = place(chart, from, WIDTH);
	unsigned int end = place(chart, to, WIDTH);

	(void)fprintf(out,
		      "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" "
		      "%s/>",
		      LABELS + x, y + 3, MAX(end, x + 1) - x, ROW - 6, style);
}

static void draw_bar(const struct boot_chart *chart, const struct boot_bar *bar,
		     unsigned int y, FILE *out)
{
	char style[64];

	(void)fprintf(out,
		      "<g fill=\"%s\"><text x=\"%u\" y=\"%u\" "
		      "text-anchor=\"end\">%s ",
		      kinds[bar->kind].colour, LABELS - 8, y + ROW - 5,
		      kinds[bar->kind].word);
	print_escaped(bar->name, out);
	(void)fputs("</text>", out);
	(void)snprintf(style, sizeof(style), "fill-opacity=\"0.35\"");
	draw_part(chart, bar->begin_us, lasts_until(chart, bar), y, style, out);
	draw_part(chart, bar->begin_us, full_until(bar), y, "", out);
	(void)fputs("</g>\n", out);
}

void boot_chart_svg(const struct boot_chart *chart, FILE *out)
{
	unsigned int height = HEAD + (unsigned int)chart->num * ROW + 8;

	(void)fprintf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
		      "height=\"%u\" font-family=\"sans-serif\" "
		      "font-size=\"11\">\n"
		      "<rect width=\"100%%\" height=\"100%%\" "
		      "fill=\"#ffffff\"/>\n"
		      "<text x=\"8\" y=\"16\" font-size=\"14\">",
		      LABELS + WIDTH + 40, height);
	print_escaped(chart->vm, out);
	(void)fprintf(out,
		      ": ready %" PRIu64 ".%03" PRIu64
		      " s after lwx-vmm began</text>\n",
		      chart->ready_us / 1000000, chart->ready_us / 1000 % 1000);
	draw_grid(chart, height - 8, out);
	for (size_t i = 0; i < chart->num; i++)
		draw_bar(chart, &chart->bars[i], HEAD + (unsigned int)i * ROW,
			 out);
	(void)fputs("</svg>\n", out);
}

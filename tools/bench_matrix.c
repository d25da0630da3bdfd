/* bench_matrix.c - results of lwx-bench as table, JSON and plot. */
#include "bench_matrix.h"

#include "macros.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define OURS 0

/* How a metric is told. */
static const struct {
	const char *name; /* in JSON */
	const char *head; /* of its column */
	int digits;
} metrics[] = {
	[BENCH_RATE] = {"per_second", "1/s", 0},
	[BENCH_P50] = {"p50_us", "p50 us", 1},
	[BENCH_P99] = {"p99_us", "p99 us", 1},
	[BENCH_CPU] = {"cpu_us", "CPU us", 2},
	[BENCH_CALLS] = {"system_calls", "calls", 3},
	[BENCH_EXIT] = {"exits", "exits", 4},
	[BENCH_INTERRUPT] = {"interrupts", "irqs", 3},
};
_Static_assert(ARRAY_SIZE(metrics) == BENCH_METRICS, "a row for each");

static struct bench_values *cell(const struct bench_matrix *matrix, size_t load,
				 size_t variant, size_t metric)
{
	return &matrix->cells[(load * matrix->num_variants + variant) *
				      BENCH_METRICS +
			      metric];
}

static double median(const struct bench_matrix *matrix, size_t load,
		     size_t variant, enum bench_metric metric)
{
	return bench_values_median(cell(matrix, load, variant, metric));
}

int bench_matrix_create(struct bench_matrix *matrix, struct err *err)
{
	matrix->cells =
		calloc(matrix->num_cases * matrix->num_variants * BENCH_METRICS,
		       sizeof(*matrix->cells));
	return matrix->cells ? 0 : err_set(err, -ENOMEM, "results");
}

void bench_matrix_destroy(struct bench_matrix *matrix)
{
	free(matrix->cells);
}

void bench_matrix_add(struct bench_matrix *matrix, size_t load, size_t variant,
		      enum bench_metric metric, double value)
{
	bench_values_add(cell(matrix, load, variant, metric), value);
}

/* The peer's setting with the highest rate; OURS if there is none. */
static size_t best_peer(const struct bench_matrix *matrix, size_t load)
{
	size_t best = OURS;
	double most = 0;

	for (size_t v = OURS + 1 + matrix->num_more; v < matrix->num_variants;
	     v++) {
		double rate = median(matrix, load, v, BENCH_RATE);

		if (rate > most) {
			most = rate;
			best = v;
		}
	}
	return best;
}

static void print_row(const struct bench_matrix *matrix, FILE *out, size_t load,
		      size_t variant)
{
	(void)fprintf(out, "%-24s %-22s", matrix->cases[load],
		      matrix->variants[variant]);
	for (size_t m = 0; m < BENCH_METRICS; m++) {
		struct bench_values *values = cell(matrix, load, variant, m);

		if (values->count)
			(void)fprintf(out, " %9.*f", metrics[m].digits,
				      bench_values_median(values));
		else
			(void)fprintf(out, " %9s", "-");
	}
	(void)fputc('\n', out);
}

static double ratio(double ours, double theirs)
{
	return theirs > 0 ? ours / theirs : 0;
}

static void print_comparison(const struct bench_matrix *matrix, FILE *out,
			     size_t load, size_t ours)
{
	size_t peer = best_peer(matrix, load);

	if (peer == OURS)
		return;
	(void)fprintf(out, "%-24s %-22s %8.2f %8.2f %8.2f\n",
		      ours == OURS ? matrix->cases[load]
				   : matrix->variants[ours],
		      matrix->variants[peer],
		      ratio(median(matrix, load, ours, BENCH_RATE),
			    median(matrix, load, peer, BENCH_RATE)),
		      ratio(median(matrix, load, ours, BENCH_P99),
			    median(matrix, load, peer, BENCH_P99)),
		      ratio(median(matrix, load, ours, BENCH_CPU),
			    median(matrix, load, peer, BENCH_CPU)));
}

void bench_matrix_print(const struct bench_matrix *matrix, FILE *out)
{
	(void)fprintf(out, "%-24s %-22s", "load (medians)", "");
	for (size_t m = 0; m < BENCH_METRICS; m++)
		(void)fprintf(out, " %9s", metrics[m].head);
	(void)fputc('\n', out);
	for (size_t load = 0; load < matrix->num_cases; load++) {
		for (size_t v = 0; v < matrix->num_variants; v++) {
			if (cell(matrix, load, v, BENCH_RATE)->count)
				print_row(matrix, out, load, v);
		}
	}
	if (matrix->num_variants == 1)
		return;
	(void)fprintf(out, "\n%-24s %-22s %8s %8s %8s\n",
		      "ours / best of the peer", "", "rate", "p99", "CPU");
	for (size_t load = 0; load < matrix->num_cases; load++) {
		for (size_t v = OURS; v <= OURS + matrix->num_more; v++)
			print_comparison(matrix, out, load, v);
	}
}

static json_t *cell_json(const struct bench_matrix *matrix, size_t load,
			 size_t variant)
{
	json_t *object = json_object();

	for (size_t m = 0; m < BENCH_METRICS; m++) {
		struct bench_values *v = cell(matrix, load, variant, m);

		/* A part that cannot be made is missing; the dump tells. */
		if (v->count)
			(void)json_object_set_new(
				object, metrics[m].name,
				json_pack("{s:f, s:f, s:f, s:I}", "median",
					  bench_values_median(v), "min",
					  bench_values_quantile(v, 0), "max",
					  bench_values_quantile(v, 1), "rounds",
					  (json_int_t)v->count));
	}
	return object;
}

int bench_matrix_json(const struct bench_matrix *matrix, FILE *out,
		      struct err *err)
{
	json_t *root = json_object();
	int rc = 0;

	for (size_t load = 0; load < matrix->num_cases; load++) {
		json_t *row = json_object();

		for (size_t v = 0; v < matrix->num_variants; v++) {
			if (cell(matrix, load, v, BENCH_RATE)->count)
				(void)json_object_set_new(
					row, matrix->variants[v],
					cell_json(matrix, load, v));
		}
		(void)json_object_set_new(root, matrix->cases[load], row);
	}
	if (json_dumpf(root, out, JSON_INDENT(2) | JSON_SORT_KEYS) ||
	    fputc('\n', out) == EOF)
		rc = err_setx(err, -EIO, "cannot write JSON");
	json_decref(root);
	return rc;
}

/*
 * The plot: loads from top to bottom, a bar for each VMM.
 */

#define LABEL_WIDTH 190.0
#define BAR_WIDTH 460.0 /* of the longest bar */
#define BAR_HEIGHT 12.0
#define MARGIN 10.0
#define HEAD 34.0

static const char *const colours[] = {"#1b6ca8", "#9aa5b1", "#c2a878",
				      "#a8b59a", "#b59aa8", "#7f8c8d",
				      "#d0d5da"};

/* Rate of a variant relative to the peer's best, or to ours without a peer. */
static double relative(const struct bench_matrix *matrix, size_t load,
		       size_t variant)
{
	return ratio(median(matrix, load, variant, BENCH_RATE),
		     median(matrix, load, best_peer(matrix, load), BENCH_RATE));
}

static double longest(const struct bench_matrix *matrix)
{
	double most = 1;

	for (size_t load = 0; load < matrix->num_cases; load++)
		for (size_t v = 0; v < matrix->num_variants; v++)
			most = MAX(most, relative(matrix, load, v));
	return most;
}

static void draw_bar(const struct bench_matrix *matrix, FILE *out, size_t load,
		     size_t variant, double y, double scale)
{
	double width = relative(matrix, load, variant) * scale;

	(void)fprintf(out,
		      "<rect x='%.0f' y='%.0f' width='%.1f' height='%.0f' "
		      "fill='%s'/>\n<text x='%.1f' y='%.0f' font-size='9'>"
		      "%.2f %s</text>\n",
		      LABEL_WIDTH, y, width, BAR_HEIGHT - 2,
		      colours[variant % ARRAY_SIZE(colours)],
		      LABEL_WIDTH + width + 4, y + BAR_HEIGHT - 4,
		      relative(matrix, load, variant),
		      matrix->variants[variant]);
}

static void draw(const struct bench_matrix *matrix, FILE *out)
{
	double group = BAR_HEIGHT * (double)matrix->num_variants + MARGIN;
	double scale = BAR_WIDTH / longest(matrix), y = HEAD;

	(void)fprintf(out,
		      "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' "
		      "height='%.0f' font-family='sans-serif'>\n"
		      "<rect width='100%%' height='100%%' fill='white'/>\n"
		      "<text x='%.0f' y='20' font-size='14'>%s</text>\n",
		      LABEL_WIDTH + BAR_WIDTH + 190,
		      HEAD + group * (double)matrix->num_cases, MARGIN,
		      matrix->title);
	for (size_t load = 0; load < matrix->num_cases; load++) {
		(void)fprintf(out,
			      "<text x='%.0f' y='%.0f' font-size='11'>%s"
			      "</text>\n",
			      MARGIN, y + BAR_HEIGHT - 3, matrix->cases[load]);
		for (size_t v = 0; v < matrix->num_variants; v++) {
			if (cell(matrix, load, v, BENCH_RATE)->count)
				draw_bar(matrix, out, load, v,
					 y + BAR_HEIGHT * (double)v, scale);
		}
		y += group;
	}
	(void)fputs("</svg>\n", out);
}

int bench_matrix_svg(const struct bench_matrix *matrix, const char *path,
		     struct err *err)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return err_set(err, -errno, "%s", path);
	draw(matrix, out);
	if (fclose(out))
		return err_set(err, -errno, "%s", path);
	return 0;
}

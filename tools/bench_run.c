/*
 * bench_run.c - what a short VM costs: wall and CPU time of one, and of many at
 * once, whose wall time is set against what their CPU time alone would take on
 * all processors. In turns, so that a machine that gets slower is as bad for
 * all.
 */
#include "bench_run.h"

#include "bench_job.h"
#include "cleanup.h"
#include "macros.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALONE_PER_ROUND 10

/** struct run_result - of one kind of job; ms */
struct run_result {
	struct bench_values wall_one;
	struct bench_values cpu_one;
	struct bench_values wall_all;
	struct bench_values cpu_all;
};

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static int measure(struct bench_jobs *jobs, enum bench_job kind,
		   unsigned int num, struct run_result *result, struct err *err)
{
	struct bench_cost cost;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < ALONE_PER_ROUND; i++) {
		rc = bench_jobs_run(jobs, kind, 1, &cost, err);
		bench_values_add(&result->wall_one, ms(cost.wall_ns));
		bench_values_add(&result->cpu_one, ms(cost.cpu_ns));
	}
	if (!rc)
		rc = bench_jobs_run(jobs, kind, num, &cost, err);
	bench_values_add(&result->wall_all, ms(cost.wall_ns));
	bench_values_add(&result->cpu_all, ms(cost.cpu_ns));
	return rc;
}

/* Wall time of all, against their CPU time if each cost what one does alone. */
static double stretch(struct run_result *result, unsigned int num)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double cpu = bench_values_median(&result->cpu_one) * num;

	return cpu > 0 ? bench_values_median(&result->wall_all) *
				 (double)(cpus > 0 ? cpus : 1) / cpu
		       : 0.0;
}

static void print_row(const char *name, const double values[BENCH_JOB_KINDS],
		      const char *unit)
{
	(void)printf("%-36s", name);
	for (size_t i = 0; i < BENCH_JOB_KINDS; i++)
		if (values[i] > 0)
			(void)printf(" %12.2f", values[i]);
		else
			(void)printf(" %12s", "-");
	(void)printf(" %s\n", unit);
}

static void print_table(struct run_result *results, unsigned int num)
{
	double rows[5][BENCH_JOB_KINDS];
	char at_once[64], each[64];

	(void)printf("%-36s", "median");
	for (size_t i = 0; i < BENCH_JOB_KINDS; i++) {
		struct run_result *r = &results[i];

		(void)printf(" %12s", bench_job_name((enum bench_job)i));
		rows[0][i] = bench_values_median(&r->wall_one);
		rows[1][i] = bench_values_median(&r->cpu_one);
		rows[2][i] = bench_values_median(&r->wall_all);
		rows[3][i] = bench_values_median(&r->cpu_all) / num;
		rows[4][i] = stretch(r, num);
	}
	(void)snprintf(at_once, sizeof(at_once), "%u at once: wall", num);
	(void)snprintf(each, sizeof(each), "%u at once: CPU of each", num);
	(void)putchar('\n');
	print_row("one: wall", rows[0], "ms");
	print_row("one: CPU of all its processes", rows[1], "ms");
	print_row(at_once, rows[2], "ms");
	print_row(each, rows[3], "ms");
	print_row("wall / (CPU of one x all / CPUs)", rows[4], "");
}

static json_t *values_json(struct bench_values *v)
{
	return json_pack(
		"{s:f, s:f, s:f, s:I}", "median", bench_values_median(v), "min",
		bench_values_quantile(v, 0), "max", bench_values_quantile(v, 1),
		"rounds", (json_int_t)v->count);
}

static int print_json(struct run_result *results, unsigned int num,
		      struct err *err)
{
	json_t *root =
		json_pack("{s:I, s:I}", "number", (json_int_t)num, "cpus",
			  (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
	int rc = 0;

	for (size_t i = 0; i < BENCH_JOB_KINDS; i++) {
		struct run_result *r = &results[i];

		/* A part that cannot be made is missing, which dump reports. */
		(void)json_object_set_new(
			root, bench_job_name((enum bench_job)i),
			json_pack("{s:o, s:o, s:o, s:o, s:f}", "one_wall_ms",
				  values_json(&r->wall_one), "one_cpu_ms",
				  values_json(&r->cpu_one), "all_wall_ms",
				  values_json(&r->wall_all), "all_cpu_ms",
				  values_json(&r->cpu_all), "stretch",
				  stretch(r, num)));
	}
	if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) ||
	    putchar('\n') == EOF)
		rc = err_setx(err, -EIO, "cannot write JSON");
	json_decref(root);
	return rc;
}

/* Runs a second, one after another and at once, beside QEMU. */
static int write_svg(struct run_result *results, unsigned int num,
		     const char *path, struct err *err)
{
	const char *names[BENCH_JOB_KINDS];
	char at_once[32];
	const char *cases[] = {"one after another", at_once};
	struct bench_matrix matrix = {
		.title = "Runs of a short VM a second, relative to QEMU",
		.cases = cases,
		.num_cases = ARRAY_SIZE(cases),
		.variants = names,
		.num_variants = BENCH_JOB_KINDS,
		.num_more = 1,
	};
	int rc;

	(void)snprintf(at_once, sizeof(at_once), "%u at once", num);
	rc = bench_matrix_create(&matrix, err);
	for (size_t i = 0; !rc && i < BENCH_JOB_KINDS; i++) {
		struct run_result *r = &results[i];

		names[i] = bench_job_name((enum bench_job)i);
		if (!r->wall_one.count)
			continue;
		bench_matrix_add(&matrix, 0, i, BENCH_RATE,
				 1e3 / bench_values_median(&r->wall_one));
		bench_matrix_add(&matrix, 1, i, BENCH_RATE,
				 num * 1e3 / bench_values_median(&r->wall_all));
	}
	if (!rc)
		rc = bench_matrix_svg(&matrix, path, err);
	bench_matrix_destroy(&matrix);
	return rc;
}

int bench_run(const struct bench_load_options *opt, unsigned int num,
	      struct err *err)
{
	AUTO_FREE struct run_result *results =
		calloc(BENCH_JOB_KINDS, sizeof(*results));
	struct bench_jobs *jobs = NULL;
	int rc;

	if (!results)
		return err_set(err, -ENOMEM, "results");
	rc = bench_jobs_create(&jobs, opt->payload, num, err);
	for (unsigned int i = 0; !rc && i < opt->rounds * BENCH_JOB_KINDS;
	     i++) {
		enum bench_job kind = (enum bench_job)(i % BENCH_JOB_KINDS);

		if (!opt->match || strstr(bench_job_name(kind), opt->match))
			rc = measure(jobs, kind, num, &results[kind], err);
	}
	bench_jobs_destroy(jobs);
	if (!rc && opt->svg)
		rc = write_svg(results, num, opt->svg, err);
	if (rc)
		return rc;
	if (opt->json)
		return print_json(results, num, err);
	print_table(results, num);
	return 0;
}

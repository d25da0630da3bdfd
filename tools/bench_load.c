/* bench_load.c - one payload guest under load. */
#include "bench_load.h"

#include "bench_meter.h"
#include "macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define CALIBRATION_NS 50000000L

/** struct window - what the guest says of its window of time */
struct window {
	uint64_t count;
	uint64_t ticks;
	uint64_t p50;
	uint64_t p99;
};

double bench_tsc_hz(void)
{
	static double hz;
	struct timespec pause = {.tv_nsec = CALIBRATION_NS};
	uint64_t ns, ticks;

	if (hz > 0)
		return hz;
	ns = bench_now_ns();
	ticks = __rdtsc();
	(void)nanosleep(&pause, NULL); /* cut short it is as good */
	ticks = __rdtsc() - ticks;
	ns = bench_now_ns() - ns;
	hz = (double)ticks * 1e9 / (double)ns;
	return hz;
}

/* Counters at "begin" and at "end", and what the guest counted between. */
static int watch(struct bench_guest *guest, const struct bench_meter *meter,
		 struct bench_sample samples[2], struct window *window,
		 struct err *err)
{
	char line[160];
	uint64_t at_ns;
	int rc;

	if (bench_guest_wait_text(guest, "begin\n", &at_ns))
		return err_setx(err, -EPIPE, "the guest ended too early");
	rc = bench_meter_read(meter, &samples[0], err);
	if (rc)
		return rc;
	if (bench_guest_wait_text(guest, "end ", &at_ns))
		return err_setx(err, -EPIPE, "the guest ended too early");
	rc = bench_meter_read(meter, &samples[1], err);
	if (rc)
		return rc;
	/* NOLINTBEGIN(cert-err34-c): our own guest's numbers. */
	if (bench_guest_read_line(guest, line, sizeof(line)) ||
	    sscanf(line,
		   "count=%" SCNu64 " ticks=%" SCNu64 " p50=%" SCNu64
		   " p99=%" SCNu64,
		   &window->count, &window->ticks, &window->p50,
		   &window->p99) != 4 ||
	    !window->count)
		return err_setx(err, -EPROTO, "the guest printed: %s", line);
	/* NOLINTEND(cert-err34-c) */
	return 0;
}

static void add_figures(struct bench_matrix *matrix, size_t load,
			size_t variant, const struct bench_meter *meter,
			const struct bench_sample samples[2],
			const struct window *window)
{
	static const enum bench_metric event_metrics[BENCH_EVENTS] = {
		[BENCH_SYSCALLS] = BENCH_CALLS,
		[BENCH_EXITS] = BENCH_EXIT,
		[BENCH_INTERRUPTS] = BENCH_INTERRUPT,
	};
	double count = (double)window->count, hz = bench_tsc_hz();

	bench_matrix_add(matrix, load, variant, BENCH_RATE,
			 count * hz / (double)window->ticks);
	bench_matrix_add(matrix, load, variant, BENCH_P50,
			 (double)window->p50 * 1e6 / hz);
	bench_matrix_add(matrix, load, variant, BENCH_P99,
			 (double)window->p99 * 1e6 / hz);
	bench_matrix_add(matrix, load, variant, BENCH_CPU,
			 (double)(samples[1].cpu_ns - samples[0].cpu_ns) / 1e3 /
				 count);
	for (size_t i = 0; meter->traced && i < BENCH_EVENTS; i++)
		bench_matrix_add(
			matrix, load, variant, event_metrics[i],
			(double)(samples[1].events[i] - samples[0].events[i]) /
				count);
}

int bench_load_run(struct bench_matrix *matrix, size_t load, size_t variant,
		   enum bench_vmm vmm, const struct bench_guest_config *cfg,
		   struct err *err)
{
	struct bench_sample samples[2];
	struct window window = {0};
	struct bench_meter meter;
	struct bench_guest guest;
	uint64_t at_ns;
	int rc;

	rc = bench_guest_start(&guest, vmm, cfg, err);
	if (rc)
		return err_prefix(err, "%s", matrix->variants[variant]);
	/* All its threads are there once the guest runs. */
	if (bench_guest_wait_text(&guest, "ready\n", &at_ns))
		rc = err_setx(err, -EPIPE, "the guest does not start");
	if (!rc)
		rc = bench_meter_open(&meter, guest.pid, err);
	if (!rc) {
		rc = watch(&guest, &meter, samples, &window, err);
		if (!rc)
			add_figures(matrix, load, variant, &meter, samples,
				    &window);
		bench_meter_close(&meter);
	}
	bench_guest_kill(&guest);
	return rc ? err_prefix(err, "%s, %s", matrix->cases[load],
			       matrix->variants[variant])
		  : 0;
}

static bool picked(const struct bench_load_options *opt, const char *name)
{
	return !opt->match || strstr(name, opt->match);
}

static int report(const struct bench_load_options *opt,
		  const struct bench_matrix *matrix, struct err *err)
{
	if (opt->svg) {
		int rc = bench_matrix_svg(matrix, opt->svg, err);

		if (rc)
			return rc;
	}
	if (opt->json)
		return bench_matrix_json(matrix, stdout, err);
	bench_matrix_print(matrix, stdout);
	return 0;
}

int bench_load_rounds(const struct bench_load_options *opt,
		      struct bench_matrix *matrix,
		      int (*run)(struct bench_matrix *matrix, size_t load,
				 size_t variant, void *arg, struct err *err),
		      void *arg, struct err *err)
{
	size_t measured = 0;
	int rc;

	rc = bench_matrix_create(matrix, err);
	for (unsigned int round = 0; round < opt->rounds && !rc; round++) {
		for (size_t load = 0; load < matrix->num_cases && !rc; load++) {
			if (!picked(opt, matrix->cases[load]))
				continue;
			measured++;
			(void)fprintf(stderr, "\rround %u of %u: %-24s",
				      round + 1, opt->rounds,
				      matrix->cases[load]);
			/* In another order each time. */
			for (size_t v = 0; v < matrix->num_variants && !rc; v++)
				rc = run(matrix, load,
					 (v + round) % matrix->num_variants,
					 arg, err);
		}
	}
	(void)fprintf(stderr, "\r%-48s\r", "");
	if (!rc && !measured)
		rc = err_setx(err, -EINVAL, "no load is named like \"%s\"",
			      opt->match);
	if (!rc)
		rc = report(opt, matrix, err);
	bench_matrix_destroy(matrix);
	return rc;
}

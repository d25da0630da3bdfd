/*
 * boot_chart.h - the start of a VM on one time line: lwx-vmm, the kernel, the
 * init, each container and service; as text, JSON and SVG. No thread rule.
 *
 * Times are microseconds since lwx-vmm began. Those of the guest are moved by
 * the host's time of its "ready" less the guest's. What comes from the guest is
 * hostile: times are clamped, names become printable ASCII.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BOOT_NAME_MAX 64
#define BOOT_BARS_MAX 512
#define BOOT_UNKNOWN UINT64_MAX

/** enum boot_kind - whose time it is */
enum boot_kind {
	BOOT_VMM,
	BOOT_KERNEL,
	BOOT_INIT,
	BOOT_ONBOOT,
	BOOT_SERVICE,
	BOOT_AGENT,
	BOOT_KINDS,
};

/**
 * struct boot_bar - one thing that took time
 * @kind:     see there
 * @name:     printable ASCII
 * @begin_us: BOOT_UNKNOWN only while the chart is read
 * @up_us:    its first health check was good, or BOOT_UNKNOWN
 * @end_us:   or BOOT_UNKNOWN: it ran on when the guest was ready
 */
struct boot_bar {
	enum boot_kind kind;
	char name[BOOT_NAME_MAX];
	uint64_t begin_us;
	uint64_t up_us;
	uint64_t end_us;
};

/**
 * struct boot_times - what lwx-vmm says: vm.boot of control.cddl
 * @run_us:   virtual CPUs run
 * @heard_us: the guest's agent told that it is ready
 * @init_us:  process 1 began, by the guest's clock
 * @ready_us: the agent was ready, by the guest's clock
 * @hostname: of the guest, as it came
 */
struct boot_times {
	uint64_t run_us;
	uint64_t heard_us;
	uint64_t init_us;
	uint64_t ready_us;
	char hostname[BOOT_NAME_MAX];
};

/**
 * struct boot_chart - what is drawn
 * @vm:       name of the VM; borrowed
 * @hostname: of the guest, printable ASCII, or empty
 * @ready_us: the end of the time line
 * @bars:     by their begin
 * @num:      of them
 */
struct boot_chart {
	const char *vm;
	char hostname[BOOT_NAME_MAX];
	uint64_t ready_us;
	struct boot_bar bars[BOOT_BARS_MAX];
	size_t num;
};

/**
 * boot_chart_read() - put it together
 * @vm:    name of the VM, borrowed by @chart
 * @steps: the guest's answer to "steps" of agent.cddl, @len bytes; lines that
 *         are none are left out
 */
void boot_chart_read(struct boot_chart *chart, const char *vm,
		     const struct boot_times *times, const char *steps,
		     size_t len);

/** boot_chart_text() - a table with bars of characters. */
void boot_chart_text(const struct boot_chart *chart, FILE *out);

/** boot_chart_json() - Return: a new reference, or NULL without memory. */
json_t *boot_chart_json(const struct boot_chart *chart);

/** boot_chart_svg() - a drawing that needs no other file. */
void boot_chart_svg(const struct boot_chart *chart, FILE *out);

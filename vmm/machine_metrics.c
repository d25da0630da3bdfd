/* machine_metrics.c - counters of a VM as Prometheus text. */
#include "machine_internal.h"
#include "macros.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_exits(FILE *out, struct machine *m)
{
	(void)fputs("# HELP lwx_vcpu_exits_total Exits to user space.\n"
		    "# TYPE lwx_vcpu_exits_total counter\n",
		    out);
	for (uint32_t i = 0; i < m->num_vcpus; i++) {
		for (uint32_t reason = 0; reason < VCPU_EXIT_REASONS;
		     reason++) {
			uint64_t count =
				atomic_load_explicit(&m->vcpus[i].exits[reason],
						     memory_order_relaxed);
			const char *name = kvm_vcpu_exit_name(reason);

			if (!count)
				continue;
			(void)fprintf(out,
				      "lwx_vcpu_exits_total{vm=\"%s\","
				      "vcpu=\"%u\",reason=\"",
				      m->cfg->name, i);
			if (name)
				(void)fprintf(out, "%s", name);
			else
				(void)fprintf(out, "%u", reason);
			(void)fprintf(out, "\"} %" PRIu64 "\n", count);
		}
	}
}

/* Each queue counter: its name, help text and place in the statistics. */
static const struct {
	const char *name;
	const char *help;
	size_t offset;
} queue_counters[] = {
	{"lwx_queue_requests_total", "Requests taken from the queue.",
	 offsetof(struct virtqueue_stats, popped)},
	{"lwx_queue_completed_total", "Requests given back.",
	 offsetof(struct virtqueue_stats, pushed)},
	{"lwx_queue_kicks_total", "Doorbells of the driver.",
	 offsetof(struct virtqueue_stats, kicks)},
	{"lwx_queue_interrupts_total", "Interrupts raised.",
	 offsetof(struct virtqueue_stats, interrupts)},
};

/* Written by the I/O thread meanwhile: one 64-bit load, never torn. */
static uint64_t load_counter(const struct virtqueue_stats *stats, size_t offset)
{
	const void *at = (const char *)stats + offset;

	return __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
}

static void print_queue_counter(FILE *out, const struct machine *m, size_t c)
{
	for (unsigned int i = 0; i < m->num_virtio; i++) {
		const struct virtio_device *dev = m->virtio[i].dev;

		for (unsigned int q = 0; q < dev->num_queues; q++)
			(void)fprintf(out,
				      "%s{vm=\"%s\",device=\"%s\","
				      "queue=\"%u\"} %" PRIu64 "\n",
				      queue_counters[c].name, m->cfg->name,
				      dev->name, q,
				      load_counter(&dev->queues[q].stats,
						   queue_counters[c].offset));
	}
}

static void print_queues(FILE *out, const struct machine *m)
{
	for (size_t c = 0; c < ARRAY_SIZE(queue_counters); c++) {
		(void)fprintf(out, "# HELP %s %s\n# TYPE %s counter\n",
			      queue_counters[c].name, queue_counters[c].help,
			      queue_counters[c].name);
		print_queue_counter(out, m, c);
	}
}

char *machine_metrics(struct machine *m, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	print_exits(out, m);
	print_queues(out, m);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* machine_metrics.c - counters of a VM as Prometheus text. */
#include "machine_internal.h"
#include "macros.h"
#include "virtio_blk.h"
#include "virtio_net.h"
#include "virtio_vsock.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>

static void print_head(FILE *out, const char *name, const char *type,
		       const char *help)
{
	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		      type);
}

static void print_exits(FILE *out, struct machine *m)
{
	print_head(out, "lwx_vcpu_exits_total", "counter",
		   "Exits to user space.");
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
		print_head(out, queue_counters[c].name, "counter",
			   queue_counters[c].help);
		print_queue_counter(out, m, c);
	}
}

/* The counters of one queue of one disk, with the labels they all share. */
struct disk_queue {
	char labels[96];
	struct virtio_blk_stats stats;
};

static void print_by_op(FILE *out, const struct disk_queue *queues,
			size_t count, const char *name, const char *help,
			size_t offset)
{
	print_head(out, name, "counter", help);
	for (size_t i = 0; i < count; i++) {
		const void *at = (const char *)&queues[i].stats + offset;
		const uint64_t *values = at;

		for (unsigned int op = 0; op < BLK_OP_COUNT; op++)
			(void)fprintf(out, "%s{%s,op=\"%s\"} %" PRIu64 "\n",
				      name, queues[i].labels, blk_op_name(op),
				      values[op]);
	}
}

static void print_plain(FILE *out, const struct disk_queue *queues,
			size_t count, const char *name, const char *help,
			size_t offset)
{
	print_head(out, name, "counter", help);
	for (size_t i = 0; i < count; i++) {
		const void *at = (const char *)&queues[i].stats + offset;

		(void)fprintf(out, "%s{%s} %" PRIu64 "\n", name,
			      queues[i].labels, *(const uint64_t *)at);
	}
}

/* Bucket n counts what took less than 2^n us; Prometheus wants running sums. */
static void print_latency(FILE *out, const struct disk_queue *queues,
			  size_t count)
{
	const char *name = "lwx_disk_latency_seconds";

	print_head(out, name, "histogram",
		   "Time of a request from the queue and back.");
	for (size_t i = 0; i < count; i++) {
		const struct virtio_blk_stats *stats = &queues[i].stats;
		uint64_t sum = 0;

		for (unsigned int b = 0; b < BLK_LATENCY_BUCKETS - 1; b++) {
			sum += stats->latency[b];
			(void)fprintf(out,
				      "%s_bucket{%s,le=\"%.6f\"} %" PRIu64 "\n",
				      name, queues[i].labels,
				      (double)(1ULL << b) / 1e6, sum);
		}
		sum += stats->latency[BLK_LATENCY_BUCKETS - 1];
		(void)fprintf(out,
			      "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n"
			      "%s_sum{%s} %.6f\n%s_count{%s} %" PRIu64 "\n",
			      name, queues[i].labels, sum, name,
			      queues[i].labels, (double)stats->latency_us / 1e6,
			      name, queues[i].labels, sum);
	}
}

static int print_disks(FILE *out, const struct machine *m)
{
	struct disk_queue *queues;
	size_t count = 0;

	queues = calloc(m->cfg->num_disks * VIRTIO_BLK_QUEUES_MAX + 1,
			sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	for (size_t d = 0; d < m->cfg->num_disks; d++) {
		const struct virtio_device *dev = m->virtio[m->disks[d]].dev;

		for (unsigned int q = 0; q < dev->num_queues; q++) {
			struct disk_queue *queue = &queues[count++];

			(void)snprintf(queue->labels, sizeof(queue->labels),
				       "vm=\"%s\",device=\"%s\",queue=\"%u\"",
				       m->cfg->name, dev->name, q);
			virtio_blk_stats(dev, q, &queue->stats);
		}
	}
	if (count) {
		print_by_op(out, queues, count, "lwx_disk_requests_total",
			    "Requests completed.",
			    offsetof(struct virtio_blk_stats, requests));
		print_by_op(out, queues, count, "lwx_disk_bytes_total",
			    "Bytes transferred.",
			    offsetof(struct virtio_blk_stats, bytes));
		print_plain(out, queues, count, "lwx_disk_errors_total",
			    "Requests that did not succeed.",
			    offsetof(struct virtio_blk_stats, errors));
		print_plain(out, queues, count, "lwx_disk_throttled_total",
			    "Requests made to wait by the rate limit.",
			    offsetof(struct virtio_blk_stats, throttled));
		print_latency(out, queues, count);
	}
	free(queues);
	return 0;
}

/* The @nth device of a kind, or NULL. */
static struct virtio_device *find_device(const struct machine *m, uint32_t id,
					 unsigned int nth)
{
	for (unsigned int i = 0; i < m->num_virtio; i++) {
		struct virtio_device *dev = m->virtio[i].dev;

		if (dev->ops->device_id == id && nth-- == 0)
			return dev;
	}
	return NULL;
}

static const struct {
	const char *name;
	const char *help;
	size_t offset;
} net_counters[] = {
	{"lwx_net_frames_total", "Frames carried.",
	 offsetof(struct virtio_net_stats, frames)},
	{"lwx_net_bytes_total", "Bytes of these frames.",
	 offsetof(struct virtio_net_stats, bytes)},
	{"lwx_net_dropped_total", "Frames refused, or without room.",
	 offsetof(struct virtio_net_stats, dropped)},
};

static void print_nets(FILE *out, const struct machine *m)
{
	static const char *const directions[] = {
		[VIRTIO_NET_RX] = "to-guest", [VIRTIO_NET_TX] = "from-guest"};
	struct virtio_device *dev;

	if (!m->cfg->num_nets)
		return;
	for (size_t c = 0; c < ARRAY_SIZE(net_counters); c++) {
		print_head(out, net_counters[c].name, "counter",
			   net_counters[c].help);
		for (unsigned int n = 0;
		     (dev = find_device(m, VIRTIO_ID_NET, n)); n++) {
			for (unsigned int d = 0; d < ARRAY_SIZE(directions);
			     d++) {
				struct virtio_net_stats stats;
				const void *at = (const char *)&stats +
						 net_counters[c].offset;

				virtio_net_stats(dev, d, &stats);
				(void)fprintf(out,
					      "%s{vm=\"%s\",device=\"%s\","
					      "direction=\"%s\"} %" PRIu64 "\n",
					      net_counters[c].name,
					      m->cfg->name, dev->name,
					      directions[d],
					      *(const uint64_t *)at);
			}
		}
	}
}

static const struct {
	const char *name;
	const char *type;
	const char *help;
	size_t offset;
} vsock_counters[] = {
	{"lwx_vsock_connections", "gauge", "Connections now, in any state.",
	 offsetof(struct virtio_vsock_stats, connections)},
	{"lwx_vsock_from_guest_total", "counter",
	 "Connections the guest asked for.",
	 offsetof(struct virtio_vsock_stats, from_guest)},
	{"lwx_vsock_from_host_total", "counter",
	 "Clients of the host that were accepted.",
	 offsetof(struct virtio_vsock_stats, from_host)},
	{"lwx_vsock_refused_total", "counter",
	 "Connections that ended before they were established.",
	 offsetof(struct virtio_vsock_stats, refused)},
	{"lwx_vsock_to_guest_bytes_total", "counter", "Bytes to the guest.",
	 offsetof(struct virtio_vsock_stats, bytes_to_guest)},
	{"lwx_vsock_from_guest_bytes_total", "counter", "Bytes of the guest.",
	 offsetof(struct virtio_vsock_stats, bytes_to_host)},
};

static void print_vsock(FILE *out, const struct machine *m)
{
	const struct virtio_device *dev = find_device(m, VIRTIO_ID_VSOCK, 0);
	struct virtio_vsock_stats stats;

	if (!dev)
		return;
	virtio_vsock_stats(dev, &stats);
	for (size_t c = 0; c < ARRAY_SIZE(vsock_counters); c++) {
		const void *at =
			(const char *)&stats + vsock_counters[c].offset;

		print_head(out, vsock_counters[c].name, vsock_counters[c].type,
			   vsock_counters[c].help);
		(void)fprintf(out, "%s{vm=\"%s\",device=\"%s\"} %" PRIu64 "\n",
			      vsock_counters[c].name, m->cfg->name, dev->name,
			      *(const uint64_t *)at);
	}
}

static const struct {
	const char *name;
	const char *help;
	size_t offset;
} console_counters[] = {
	{"lwx_console_bytes_total", "Bytes the guest printed.",
	 offsetof(struct console_hub_stats, written)},
	{"lwx_console_logged_bytes_total", "Bytes of these in the log.",
	 offsetof(struct console_hub_stats, logged)},
	{"lwx_console_log_dropped_bytes_total",
	 "Bytes a full or slow log lost.",
	 offsetof(struct console_hub_stats, log_dropped)},
	{"lwx_console_client_dropped_bytes_total",
	 "Bytes clients that do not read missed.",
	 offsetof(struct console_hub_stats, client_dropped)},
};

static void print_console(FILE *out, const struct machine *m)
{
	struct console_hub_stats stats;

	console_hub_stats(m->hub, &stats);
	for (size_t i = 0; i < ARRAY_SIZE(console_counters); i++) {
		const void *at =
			(const char *)&stats + console_counters[i].offset;

		print_head(out, console_counters[i].name, "counter",
			   console_counters[i].help);
		(void)fprintf(out, "%s{vm=\"%s\"} %" PRIu64 "\n",
			      console_counters[i].name, m->cfg->name,
			      *(const uint64_t *)at);
	}
}

static const struct {
	const char *name;
	const char *help;
	size_t offset;
} poll_counters[] = {
	{"lwx_io_polls_found_total", "Polls of an I/O thread that found work.",
	 offsetof(struct io_engine_stats, polls_found)},
	{"lwx_io_polls_vain_total", "Polls that found none.",
	 offsetof(struct io_engine_stats, polls_vain)},
	{"lwx_io_poll_nanoseconds_total", "Time spent polling.",
	 offsetof(struct io_engine_stats, poll_ns)},
};

static void print_polls(FILE *out, const struct machine *m)
{
	for (size_t c = 0; c < ARRAY_SIZE(poll_counters); c++) {
		print_head(out, poll_counters[c].name, "counter",
			   poll_counters[c].help);
		for (unsigned int i = 0; i < m->num_io_threads; i++) {
			struct io_engine_stats stats;
			const void *at =
				(const char *)&stats + poll_counters[c].offset;

			io_engine_stats(m->io_threads[i].engine, &stats);
			(void)fprintf(out,
				      "%s{vm=\"%s\",thread=\"%u\"} %" PRIu64
				      "\n",
				      poll_counters[c].name, m->cfg->name, i,
				      *(const uint64_t *)at);
		}
	}
}

char *machine_metrics(struct machine *m, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	int rc;

	if (!out)
		return NULL;
	print_exits(out, m);
	print_queues(out, m);
	print_polls(out, m);
	print_console(out, m);
	print_nets(out, m);
	print_vsock(out, m);
	rc = print_disks(out, m);
	if (fclose(out) || rc) {
		free(text);
		return NULL;
	}
	return text;
}

/*
 * bench_net.c - frames a second through a tap, in a network namespace of its
 * own: out of the guest, where the host drops them, and into it, from a thread
 * that sends as fast as the tap takes them.
 */
#include "bench_net.h"

#include "bench_guest.h"
#include "cleanup.h"
#include "macros.h"
#include "tap_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEMORY MIB(64)
#define PROTOCOL 0x88b5 /* of the payload's frames */
#define FRAME_MAX 1514U
#define BATCH 64U

static const struct load {
	const char *name;
	unsigned int bytes; /* of a frame, without its check sum */
	bool receive;
} loads[] = {
	{"send 64", 60, false},
	{"send 1500", 1514, false},
	{"receive 64", 60, true},
	{"receive 1500", 1514, true},
};

static const char *const columns[] = {"lwx-vmm", "QEMU"};

/**
 * struct sender - the thread that fills the tap
 * @fd:    packet socket of the tap
 * @bytes: of a frame
 * @over:  it is to end
 */
struct sender {
	int fd;
	unsigned int bytes;
	atomic_bool over;
	pthread_t thread;
};

static void *send_frames(void *arg)
{
	struct sender *sender = arg;
	uint8_t frame[FRAME_MAX] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,	     2,
		0,    0,    0,	  0,	2,    PROTOCOL >> 8, PROTOCOL & 0xff};
	struct iovec iov = {.iov_base = frame, .iov_len = sender->bytes};
	struct mmsghdr messages[BATCH] = {0};

	for (unsigned int i = 0; i < BATCH; i++)
		messages[i].msg_hdr =
			(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	while (!atomic_load_explicit(&sender->over, memory_order_relaxed)) {
		/* A full tap: let the VMM have the CPU. */
		if (sendmmsg(sender->fd, messages, BATCH, 0) < (int)BATCH)
			(void)sched_yield();
	}
	return NULL;
}

static int start_sender(struct sender *sender, const char *tap, struct err *err)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(PROTOCOL),
		.sll_ifindex = (int)if_nametoindex(tap),
	};
	const int yes = 1;
	int rc;

	sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sender->fd < 0 ||
	    bind(sender->fd, (const struct sockaddr *)&address,
		 sizeof(address)) ||
	    setsockopt(sender->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes,
		       sizeof(yes)))
		return err_set(err, -errno, "packet socket");
	rc = pthread_create(&sender->thread, NULL, send_frames, sender);
	return rc ? err_set(err, -rc, "thread") : 0;
}

static void stop_sender(struct sender *sender)
{
	atomic_store(&sender->over, true);
	(void)pthread_join(sender->thread, NULL); /* started by us */
	(void)close(sender->fd);		  /* nothing to lose */
}

static int run_cell(struct bench_matrix *matrix, size_t row, size_t column,
		    void *arg, struct err *err)
{
	const struct bench_load_options *opt = arg;
	struct sender sender = {.fd = -1, .bytes = loads[row].bytes};
	char name[IFNAMSIZ] = "bench%d", cmdline[160];
	AUTO_CLOSE int tap = -1;
	struct bench_guest_config cfg = {
		.kernel = opt->payload,
		.cmdline = cmdline,
		.memory = MEMORY,
	};
	int rc;

	rc = tap_open(&tap, name, NULL, 0, err);
	if (rc)
		return rc;
	cfg.net_fd = tap;
	(void)snprintf(cmdline, sizeof(cmdline),
		       "payload=bench-net bytes=%u receive=%d ticks=%.0f",
		       loads[row].bytes, loads[row].receive,
		       bench_tsc_hz() * opt->seconds);
	if (loads[row].receive) {
		rc = start_sender(&sender, name, err);
		if (rc)
			return rc;
	}
	rc = bench_load_run(matrix, row, column,
			    column ? BENCH_QEMU : BENCH_LWX, &cfg, err);
	if (loads[row].receive)
		stop_sender(&sender);
	return rc;
}

/* No IPv6 of the kernel's own on the taps to come; there may be none at all. */
static void silence(void)
{
	AUTO_CLOSE int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6",
				 O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) != 1)
		(void)fprintf(stderr, "lwx-bench: IPv6 stays on\n");
}

int bench_net(const struct bench_load_options *opt, struct err *err)
{
	const char *rows[ARRAY_SIZE(loads)];
	struct bench_matrix matrix = {
		.title = "Frames a second, relative to QEMU",
		.cases = rows,
		.num_cases = ARRAY_SIZE(loads),
		.variants = columns,
		.num_variants = ARRAY_SIZE(columns),
	};
	struct bench_load_options options = *opt;

	if (unshare(CLONE_NEWNET))
		return err_set(err, -errno, "network namespace");
	silence();
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		rows[i] = loads[i].name;
	return bench_load_rounds(opt, &matrix, run_cell, &options, err);
}

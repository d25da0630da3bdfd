/*
 * virtio_net.c - network device: configuration, features, life cycle.
 * [I/O thread] unless said otherwise. Frames: net_rx.c and net_tx.c.
 */
#include "virtio_net_impl.h"

#include "clock.h"
#include "macros.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MTU_MIN 68 /* 5.1.4.1 */
#define MTU_MAX 65535
#define GUEST_GSO                                                              \
	(NET_FEATURE(GUEST_TSO4) | NET_FEATURE(GUEST_TSO6) |                   \
	 NET_FEATURE(GUEST_USO4) | NET_FEATURE(GUEST_USO6))

_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HEADER_SIZE,
	       "the header of 5.1.6");

static struct virtio_net *to_net(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

/*
 * Counters and pace.
 */

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void virtio_net_count(struct virtio_net_stats *stats, uint64_t bytes)
{
	add(&stats->frames, 1);
	add(&stats->bytes, bytes);
}

void virtio_net_drop(struct virtio_net_stats *stats)
{
	add(&stats->dropped, 1);
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void virtio_net_stats(struct virtio_device *dev, unsigned int direction,
		      struct virtio_net_stats *out)
{
	*out = (struct virtio_net_stats){0};
	for (unsigned int i = 0; i < NET_PAIRS; i++) {
		const struct virtio_net_stats *stats =
			&to_net(dev)->pairs[i].stats[direction];

		out->frames += load(&stats->frames);
		out->bytes += load(&stats->bytes);
		out->dropped += load(&stats->dropped);
	}
}

bool virtio_net_admit(struct virtio_net *net, struct net_pace *pace,
		      uint32_t bytes)
{
	uint64_t retry_ns;

	if (!rate_limit_enabled(&pace->limit))
		return true;
	retry_ns = rate_limit_take(&pace->limit, net->now_ns(), bytes);
	if (!retry_ns)
		return true;
	pace->waiting = true;
	io_engine_timer(net->dev.engine, &pace->timer, retry_ns);
	return false;
}

void virtio_net_stop_pace(struct virtio_net *net, struct net_pace *pace)
{
	if (pace->waiting)
		io_engine_cancel(net->dev.engine, &pace->timer);
}

/* The values of gso_type and what allows them, per direction. */
static const struct {
	uint8_t type;
	uint64_t allow[2];
} gso_types[] = {
	{VIRTIO_NET_HDR_GSO_TCPV4,
	 {NET_FEATURE(GUEST_TSO4), NET_FEATURE(HOST_TSO4)}},
	{VIRTIO_NET_HDR_GSO_TCPV6,
	 {NET_FEATURE(GUEST_TSO6), NET_FEATURE(HOST_TSO6)}},
	{VIRTIO_NET_HDR_GSO_UDP_L4,
	 {NET_FEATURE(GUEST_USO4) | NET_FEATURE(GUEST_USO6),
	  NET_FEATURE(HOST_USO)}},
};
static const uint64_t allow_ecn[] = {NET_FEATURE(GUEST_ECN),
				     NET_FEATURE(HOST_ECN)};

bool virtio_net_gso_allowed(const struct virtio_net *net,
			    unsigned int direction, uint8_t gso_type)
{
	uint8_t type = gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	uint64_t features = net->dev.driver_features;

	if (gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if ((gso_type & VIRTIO_NET_HDR_GSO_ECN) &&
	    !(features & allow_ecn[direction]))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(gso_types); i++) {
		if (gso_types[i].type == type)
			return features & gso_types[i].allow[direction];
	}
	return false;
}

/*
 * Life cycle.
 */

bool virtio_net_running(const struct virtio_net *net)
{
	return net->dev.run == VIRTIO_RUN_ON;
}

static void forget_file(struct net_pair *pair)
{
	if (pair->file >= 0)
		io_engine_file_remove(pair->net->dev.engine, pair->file);
	pair->file = -1;
}

void virtio_net_watch_ended(struct virtio_net *net)
{
	if (virtio_net_running(net))
		virtio_device_fail(&net->dev, "backend cannot be watched");
	virtio_net_check_drained(net);
}

static bool pair_is_idle(const struct net_pair *pair)
{
	return !pair->rx.watching && !pair->tx.watching &&
	       !pair->rx.pace.waiting && !pair->tx.pace.waiting;
}

void virtio_net_check_drained(struct virtio_net *net)
{
	if (!net->stopping)
		return;
	for (unsigned int i = 0; i < NET_PAIRS; i++) {
		if (!pair_is_idle(&net->pairs[i]))
			return;
	}
	net->stopping = false;
	for (unsigned int i = 0; i < NET_PAIRS; i++) {
		if (net->dev.run == VIRTIO_RUN_RESETTING)
			forget_file(&net->pairs[i]);
	}
	virtio_device_drained(&net->dev);
}

/* 5.1.4: the link's state is config space that changes. */
void virtio_net_link_down(struct virtio_net *net)
{
	(void)pthread_mutex_lock(&net->dev.lock);
	if (net->config.status & htole16(VIRTIO_NET_S_LINK_UP)) {
		net->config.status = 0;
		virtio_device_config_changed(&net->dev);
	}
	(void)pthread_mutex_unlock(&net->dev.lock);
}

static int activate_pair(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	uint64_t features = net->dev.driver_features;
	int rc;

	rc = pair->backend->ops->offload(pair->backend, features);
	if (rc)
		return rc;
	pair->file = io_engine_file_add(net->dev.engine, pair->backend->fd);
	if (pair->file < 0)
		return pair->file;
	pair->rx.need = NET_HEADER_SIZE + (features & GUEST_GSO
						   ? NET_FRAME_MAX
						   : net->mtu + NET_OVERHEAD);
	pair->tx.blocked = false;
	pair->tx.paid = false;
	return 0;
}

static int net_activate(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);
	int rc = 0;

	for (unsigned int i = 0; i < NET_PAIRS && !rc; i++)
		rc = activate_pair(&net->pairs[i]);
	for (unsigned int i = 0; i < NET_PAIRS && rc; i++)
		forget_file(&net->pairs[i]);
	return rc;
}

static void net_kick(struct virtio_device *dev, unsigned int index)
{
	struct net_pair *pair = &to_net(dev)->pairs[index / 2];

	if (index % 2 == VIRTIO_NET_TX) {
		net_tx_run(pair);
		return;
	}
	if (!pair->rx.watching) {
		/* The watch tells at its start what is there already. */
		pair->rx.watching = true;
		io_engine_watch(dev->engine, &pair->rx.watch, pair->file,
				EPOLLIN | EPOLLET);
	}
	net_rx_run(pair);
}

static void net_stop(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);

	net->stopping = true;
	for (unsigned int i = 0; i < NET_PAIRS; i++) {
		net_rx_stop(&net->pairs[i]);
		net_tx_stop(&net->pairs[i]);
	}
	virtio_net_check_drained(net);
}

static void net_config_read(struct virtio_device *dev, uint32_t offset,
			    void *data, uint32_t len)
{
	struct virtio_net *net = to_net(dev);

	virtio_device_copy_config(&net->config, sizeof(net->config), offset,
				  data, len);
}

/* 5.1.3.1: what a feature needs. */
static const struct {
	unsigned int feature;
	uint64_t needs; /* one of them */
} requirements[] = {
	{VIRTIO_NET_F_GUEST_TSO4, NET_FEATURE(GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_TSO6, NET_FEATURE(GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_USO4, NET_FEATURE(GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_USO6, NET_FEATURE(GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_ECN,
	 NET_FEATURE(GUEST_TSO4) | NET_FEATURE(GUEST_TSO6)},
	{VIRTIO_NET_F_HOST_TSO4, NET_FEATURE(CSUM)},
	{VIRTIO_NET_F_HOST_TSO6, NET_FEATURE(CSUM)},
	{VIRTIO_NET_F_HOST_USO, NET_FEATURE(CSUM)},
	{VIRTIO_NET_F_HOST_ECN,
	 NET_FEATURE(HOST_TSO4) | NET_FEATURE(HOST_TSO6)},
};

/* [any vCPU] */
static bool net_check_features(uint64_t features)
{
	for (size_t i = 0; i < ARRAY_SIZE(requirements); i++) {
		if ((features & (UINT64_C(1) << requirements[i].feature)) &&
		    !(features & requirements[i].needs))
			return false;
	}
	return true;
}

/* [control thread] */
static void net_destroy(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);

	for (unsigned int i = 0; i < NET_PAIRS; i++) {
		struct net_backend *backend = net->pairs[i].backend;

		if (backend)
			backend->ops->destroy(backend);
	}
	virtio_device_fini(dev);
	free(net);
}

static const struct virtio_device_ops net_ops = {
	.name = "net",
	.device_id = VIRTIO_ID_NET,
	.check_features = net_check_features,
	.config_read = net_config_read,
	.activate = net_activate,
	.kick = net_kick,
	.reset = net_stop,
	.quiesce = net_stop,
	.destroy = net_destroy,
};

static uint64_t offered(const struct virtio_net_options *options)
{
	uint64_t features = options->backend->features | NET_FEATURE(MAC) |
			    NET_FEATURE(STATUS) | NET_FEATURE(MRG_RXBUF);

	return options->mtu ? features | NET_FEATURE(MTU) : features;
}

static void init_pair(struct virtio_net *net, unsigned int index,
		      const struct rate_limit *limit)
{
	struct net_pair *pair = &net->pairs[index];

	pair->net = net;
	pair->index = index;
	pair->file = -1;
	pair->rx.pace.limit = *limit;
	pair->tx.pace.limit = *limit;
	net_rx_init(pair);
	net_tx_init(pair);
}

int virtio_net_create(struct virtio_device **out,
		      const struct virtio_net_options *options,
		      const struct guest_mem *mem, struct io_engine *engine,
		      struct err *err)
{
	struct virtio_net *net;
	int rc;

	if (options->mtu && (options->mtu < MTU_MIN || options->mtu > MTU_MAX))
		return err_setx(err, -EINVAL, "%s: mtu %u is not in %d..%d",
				options->name, options->mtu, MTU_MIN, MTU_MAX);
	net = calloc(1, sizeof(*net));
	if (!net)
		return err_set(err, -ENOMEM, "%s", options->name);
	net->mtu = options->mtu ? options->mtu : MTU_MAX;
	net->now_ns = options->now_ns ? options->now_ns : clock_ns;
	memcpy(net->config.mac, options->mac, sizeof(net->config.mac));
	net->config.status = htole16(VIRTIO_NET_S_LINK_UP);
	net->config.max_virtqueue_pairs = htole16(NET_PAIRS);
	net->config.mtu = htole16((uint16_t)options->mtu);
	for (unsigned int i = 0; i < NET_PAIRS; i++)
		init_pair(net, i, &options->limit);
	rc = virtio_device_init(&net->dev, &net_ops, options->name, mem, engine,
				2 * NET_PAIRS, options->queue_size,
				offered(options), err);
	if (rc) {
		net_destroy(&net->dev);
		return rc;
	}
	net->pairs[0].backend = options->backend;
	*out = &net->dev;
	return 0;
}

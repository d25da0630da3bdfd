/*
 * vhost_user.c - requests to a vhost-user back end and their answers. Thread
 * rule: vhost_user.h.
 *
 * The protocol is QEMU's docs/interop/vhost-user.rst, all fields in host byte
 * order. A back end that has REPLY_ACK answers every request, so a failure is
 * known where it happens.
 */
#include "vhost_user.h"

#include "macros.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MEMORY_REGIONS_MAX 8
#define FEATURE_PROTOCOL (1ULL << 30) /* VHOST_USER_F_PROTOCOL_FEATURES */
#define PROTOCOL_REPLY_ACK (1ULL << 3)

#define FLAG_VERSION 0x1U
#define FLAG_VERSION_MASK 0x3U
#define FLAG_REPLY 0x4U
#define FLAG_NEED_REPLY 0x8U

enum vhost_user_request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};

struct message_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vring_state {
	uint32_t index;
	uint32_t num;
};

struct vring_address {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct memory_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t address;
	uint64_t offset;
};

struct memory_table {
	uint32_t num;
	uint32_t padding;
	struct memory_region regions[MEMORY_REGIONS_MAX];
};

/**
 * struct vhost_user - one connection
 * @fd:       the socket
 * @acks:     REPLY_ACK was negotiated
 * @features: virtio features of the back end
 * @mem:      guest memory, whose host addresses name the rings
 */
struct vhost_user {
	int fd;
	bool acks;
	uint64_t features;
	const struct guest_mem *mem;
};

/**
 * struct request - one message on its way out
 * @code:    what is asked
 * @payload: @size bytes
 * @fds:     @num_fds descriptors that go along
 */
struct request {
	enum vhost_user_request code;
	const void *payload;
	uint32_t size;
	const int *fds;
	unsigned int num_fds;
};

static void attach_fds(struct msghdr *msg, void *control, size_t size,
		       const struct request *request)
{
	size_t bytes = request->num_fds * sizeof(int);
	struct cmsghdr *header;

	if (!request->num_fds)
		return;
	memset(control, 0, size);
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(bytes);
	header = CMSG_FIRSTHDR(msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(header), request->fds, bytes);
}

/* A message is far smaller than a socket buffer: it goes whole or not. */
static int send_request(const struct vhost_user *vu,
			const struct request *request, uint32_t flags)
{
	struct message_header header = {
		.request = request->code,
		.flags = FLAG_VERSION | flags,
		.size = request->size,
	};
	struct iovec iov[] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)request->payload,
		 .iov_len = request->size},
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov)};
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(MEMORY_REGIONS_MAX * sizeof(int))];
	ssize_t n;

	attach_fds(&msg, control, sizeof(control), request);
	do
		n = sendmsg(vu->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(header) + request->size ? 0 : -EPROTO;
}

static int receive(const struct vhost_user *vu, void *buf, size_t size)
{
	ssize_t n;

	do
		n = recv(vu->fd, buf, size, MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -EPIPE;
	return (size_t)n == size ? 0 : -EPROTO;
}

static int receive_reply(const struct vhost_user *vu,
			 enum vhost_user_request code, void *reply,
			 uint32_t size)
{
	struct message_header header;
	int rc = receive(vu, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.request != (uint32_t)code || header.size != size ||
	    (header.flags & FLAG_VERSION_MASK) != FLAG_VERSION ||
	    !(header.flags & FLAG_REPLY))
		return -EPROTO;
	return receive(vu, reply, size);
}

/* Ask for @reply of @size bytes. */
static int ask(const struct vhost_user *vu, const struct request *request,
	       void *reply, uint32_t size)
{
	int rc = send_request(vu, request, 0);

	return rc ? rc : receive_reply(vu, request->code, reply, size);
}

/* Tell something; its success is the answer, where the back end gives one. */
static int tell(const struct vhost_user *vu, const struct request *request)
{
	uint64_t failed = 0;
	int rc = send_request(vu, request, vu->acks ? FLAG_NEED_REPLY : 0);

	if (!rc && vu->acks)
		rc = receive_reply(vu, request->code, &failed, sizeof(failed));
	return rc ? rc : failed ? -EIO : 0;
}

static int tell_u64(const struct vhost_user *vu, enum vhost_user_request code,
		    uint64_t value, const int *fd)
{
	const struct request request = {
		.code = code,
		.payload = &value,
		.size = sizeof(value),
		.fds = fd,
		.num_fds = fd ? 1 : 0,
	};

	return tell(vu, &request);
}

static int ask_u64(const struct vhost_user *vu, enum vhost_user_request code,
		   uint64_t *value)
{
	const struct request request = {.code = code};

	return ask(vu, &request, value, sizeof(*value));
}

static int tell_state(const struct vhost_user *vu, enum vhost_user_request code,
		      uint32_t index, uint32_t num)
{
	const struct vring_state state = {.index = index, .num = num};
	const struct request request = {
		.code = code,
		.payload = &state,
		.size = sizeof(state),
	};

	return tell(vu, &request);
}

static int set_memory(const struct vhost_user *vu, const struct guest_mem *mem,
		      struct err *err)
{
	const struct guest_mem_region *regions;
	unsigned int num = guest_mem_regions(mem, &regions);
	struct memory_table table = {.num = num};
	int fds[MEMORY_REGIONS_MAX], rc;
	struct request request = {
		.code = SET_MEM_TABLE,
		.payload = &table,
		.fds = fds,
		.num_fds = num,
	};

	if (num > MEMORY_REGIONS_MAX)
		return err_setx(err, -E2BIG, "%u regions of memory", num);
	for (unsigned int i = 0; i < num; i++) {
		if (regions[i].fd < 0)
			return err_setx(err, -EINVAL,
					"memory is private: the other process "
					"cannot map it");
		fds[i] = regions[i].fd;
		table.regions[i] = (struct memory_region){
			.gpa = regions[i].gpa,
			.size = regions[i].size,
			.address = (uint64_t)(uintptr_t)regions[i].host,
			.offset = regions[i].fd_offset,
		};
	}
	request.size = (uint32_t)(offsetof(struct memory_table, regions) +
				  num * sizeof(table.regions[0]));
	rc = tell(vu, &request);
	return rc ? err_set(err, rc, "handing over memory") : 0;
}

static int negotiate_protocol(struct vhost_user *vu)
{
	uint64_t offered;
	int rc;

	if (!(vu->features & FEATURE_PROTOCOL))
		return 0;
	rc = ask_u64(vu, GET_PROTOCOL_FEATURES, &offered);
	if (rc)
		return rc;
	offered &= PROTOCOL_REPLY_ACK;
	rc = tell_u64(vu, SET_PROTOCOL_FEATURES, offered, NULL);
	vu->acks = offered;
	return rc;
}

static int greet(struct vhost_user *vu, struct err *err)
{
	const struct timeval limit = {.tv_sec = VHOST_USER_TIMEOUT_S};
	const struct request own = {.code = SET_OWNER};
	int rc;

	if (setsockopt(vu->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
		       sizeof(limit)) ||
	    setsockopt(vu->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return err_set(err, -errno, "time limit");
	rc = tell(vu, &own);
	if (!rc)
		rc = ask_u64(vu, GET_FEATURES, &vu->features);
	if (!rc)
		rc = negotiate_protocol(vu);
	return rc ? err_set(err, rc, "greeting") : 0;
}

int vhost_user_create(struct vhost_user **out, int fd,
		      const struct guest_mem *mem, struct err *err)
{
	struct vhost_user *vu = calloc(1, sizeof(*vu));
	int rc;

	if (!vu) {
		(void)close(fd); /* a socket without data */
		return err_set(err, -ENOMEM, "vhost-user");
	}
	vu->fd = fd;
	vu->mem = mem;
	rc = greet(vu, err);
	if (!rc)
		rc = set_memory(vu, mem, err);
	if (rc) {
		vhost_user_destroy(vu);
		return err_prefix(err, "vhost-user");
	}
	*out = vu;
	return 0;
}

void vhost_user_destroy(struct vhost_user *vu)
{
	if (!vu)
		return;
	(void)close(vu->fd); /* a socket without data */
	free(vu);
}

int vhost_user_fd(const struct vhost_user *vu)
{
	return vu->fd;
}

uint64_t vhost_user_features(const struct vhost_user *vu)
{
	return vu->features & ~FEATURE_PROTOCOL;
}

int vhost_user_set_features(struct vhost_user *vu, uint64_t features)
{
	features |= vu->features & FEATURE_PROTOCOL;
	return tell_u64(vu, SET_FEATURES, features, NULL);
}

/* Where the ring part at @gpa is mapped here: the back end knows it by this
 * address. */
static int ring_address(const struct vhost_user *vu, uint64_t gpa, uint64_t len,
			uint64_t *address)
{
	struct iovec iov;
	int rc = guest_mem_slice(vu->mem, gpa, len, &iov);

	if (!rc)
		*address = (uint64_t)(uintptr_t)iov.iov_base;
	return rc;
}

static int set_addresses(const struct vhost_user *vu, uint32_t index,
			 const struct virtqueue_layout *layout)
{
	struct vring_address address = {.index = index};
	const struct request request = {
		.code = SET_VRING_ADDR,
		.payload = &address,
		.size = sizeof(address),
	};
	int rc;

	/* Sizes: virtio 1.2, 2.7. */
	rc = ring_address(vu, layout->desc, 16ULL * layout->size,
			  &address.desc);
	if (!rc)
		rc = ring_address(vu, layout->avail, 6 + 2ULL * layout->size,
				  &address.avail);
	if (!rc)
		rc = ring_address(vu, layout->used, 6 + 8ULL * layout->size,
				  &address.used);
	return rc ? rc : tell(vu, &request);
}

int vhost_user_start_ring(struct vhost_user *vu, uint32_t index,
			  const struct vhost_user_ring *ring)
{
	int rc;

	rc = tell_state(vu, SET_VRING_NUM, index, ring->layout->size);
	if (!rc)
		rc = tell_state(vu, SET_VRING_BASE, index, ring->base);
	if (!rc)
		rc = set_addresses(vu, index, ring->layout);
	if (!rc)
		rc = tell_u64(vu, SET_VRING_CALL, index, &ring->call);
	if (!rc)
		rc = tell_u64(vu, SET_VRING_KICK, index, &ring->kick);
	/* Without the protocol feature a ring is enabled from the start. */
	if (!rc && vu->features & FEATURE_PROTOCOL)
		rc = tell_state(vu, SET_VRING_ENABLE, index, 1);
	return rc;
}

int vhost_user_stop_ring(struct vhost_user *vu, uint32_t index, uint16_t *base)
{
	const struct vring_state which = {.index = index};
	const struct request request = {
		.code = GET_VRING_BASE,
		.payload = &which,
		.size = sizeof(which),
	};
	struct vring_state answer;
	int rc = ask(vu, &request, &answer, sizeof(answer));

	if (rc)
		return rc;
	if (answer.index != index || answer.num > UINT16_MAX)
		return -EPROTO;
	*base = (uint16_t)answer.num;
	return 0;
}

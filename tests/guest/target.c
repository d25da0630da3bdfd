/* target.c - any virtio device we know how to talk to. */
#include "target.h"

#include "disk.h"

#define NET_HEADER 12u
#define NET_FRAME (NET_HEADER + 60u)
#define VSOCK_HEADER 44u

static uint8_t data[SECTOR_SIZE];
static struct disk_request disk_request;

bool target_at(unsigned int index, struct target *target)
{
	struct device device;

	for (unsigned int i = 0; device_at(i, &device); i++) {
		if (device.id != DEVICE_NET && device.id != DEVICE_BLOCK &&
		    device.id != DEVICE_CONSOLE &&
		    device.id != DEVICE_ENTROPY && device.id != DEVICE_VSOCK)
			continue;
		if (index-- == 0) {
			target->device = device;
			target->work = device.id != DEVICE_BLOCK &&
				       device.id != DEVICE_ENTROPY;
			return true;
		}
	}
	return false;
}

static bool has_queue(struct target *target, unsigned int index)
{
	device_write(&target->device, MMIO_QUEUE_SEL, index);
	return device_read(&target->device, MMIO_QUEUE_NUM_MAX) != 0;
}

void target_open(struct target *target, uint64_t features)
{
	device_negotiate(&target->device, features);
	target->num_queues = 0;
	while (target->num_queues < TARGET_QUEUES_MAX &&
	       has_queue(target, target->num_queues)) {
		queue_init(&target->queues[target->num_queues], &target->device,
			   target->num_queues, 0);
		target->num_queues++;
	}
	check(target->num_queues > target->work);
	device_ok(&target->device);
}

unsigned int target_request(const struct target *target,
			    struct buffer buffers[TARGET_BUFFERS_MAX])
{
	switch (target->device.id) {
	case DEVICE_BLOCK:
		disk_request.type = DISK_IN;
		disk_request.sector = 0;
		disk_request.status = DISK_S_NONE;
		buffers[0] =
			(struct buffer){.data = &disk_request, .length = 16};
		buffers[1] = (struct buffer){
			.data = data, .length = sizeof(data), .writable = true};
		buffers[2] = (struct buffer){.data = &disk_request.status,
					     .length = 1,
					     .writable = true};
		return 3;
	case DEVICE_NET: /* a header, a frame to nobody */
		memset(data, 0, NET_FRAME);
		buffers[0] =
			(struct buffer){.data = data, .length = NET_HEADER};
		buffers[1] = (struct buffer){.data = data + NET_HEADER,
					     .length = NET_FRAME - NET_HEADER};
		return 2;
	case DEVICE_VSOCK: /* a header of zeroes: from a stranger */
		memset(data, 0, VSOCK_HEADER);
		buffers[0] =
			(struct buffer){.data = data, .length = VSOCK_HEADER};
		return 1;
	case DEVICE_CONSOLE:
		data[0] = '.';
		buffers[0] = (struct buffer){.data = data, .length = 1};
		return 1;
	default:
		buffers[0] = (struct buffer){
			.data = data, .length = 16, .writable = true};
		return 1;
	}
}

void target_check(struct target *target)
{
	struct buffer buffers[TARGET_BUFFERS_MAX];
	struct queue *queue;
	void *mark = alloc_mark();

	target_open(target, FEATURES_RING);
	queue = target_queue(target);
	for (unsigned int i = 0; i < 2; i++) {
		check(queue_add(queue, buffers,
				target_request(target, buffers)) >= 0);
		queue_kick(queue);
		queue_wait(queue, NULL);
		if (target->device.id == DEVICE_BLOCK)
			check(disk_request.status == DISK_S_OK);
	}
	check(!(device_read(&target->device, MMIO_STATUS) &
		STATUS_NEEDS_RESET));
	device_reset(&target->device);
	alloc_release(mark);
}

/*
 * virtio_fs.c - shared folder. [I/O thread], except create and destroy.
 *
 * The queues are offloaded: the file server gets doorbells and the interrupt
 * line, so no request passes here. What is left is to hand the queues over, to
 * take them back, and to watch the connection. Handing over waits for the file
 * server: only when the driver starts or stops the device.
 */
#include "virtio_fs.h"

#include "macros.h"
#include "vhost_user.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FS_QUEUES 2 /* high priority, and one for requests (5.11.2) */

/**
 * struct virtio_fs - the model
 * @config:   config space
 * @server:   connection to the file server
 * @file:     engine slot of its socket, -1 while not activated
 * @watch:    tells its end
 * @watching: @watch is in flight
 * @stopping: reset or quiesce; drained once @watch has ended
 * @resetting: the stop is a reset: @file is given back
 * @served:   queues the server has
 * @bases:    where it goes on in each
 */
struct virtio_fs {
	struct virtio_device dev;
	struct virtio_fs_config config;
	struct vhost_user *server;
	int file;
	struct io_op watch;
	bool watching;
	bool stopping;
	bool resetting;
	bool served[FS_QUEUES];
	uint16_t bases[FS_QUEUES];
};

static struct virtio_fs *to_fs(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_fs, dev);
}

static void fs_config_read(struct virtio_device *dev, uint32_t offset,
			   void *data, uint32_t len)
{
	virtio_device_copy_config(&to_fs(dev)->config,
				  sizeof(to_fs(dev)->config), offset, data,
				  len);
}

static void finish_stop(struct virtio_fs *fs)
{
	fs->stopping = false;
	if (fs->resetting)
		io_engine_file_remove(fs->dev.engine, fs->file);
	virtio_device_drained(&fs->dev);
}

static void watch_done(struct io_op *op, int res)
{
	struct virtio_fs *fs = container_of(op, struct virtio_fs, watch);

	if (res >= 0) {
		if (!fs->stopping)
			virtio_device_fail(&fs->dev, "the file server is gone");
		/* Level-triggered: it would be told for ever. */
		io_engine_cancel(fs->dev.engine, op);
		return;
	}
	fs->watching = false;
	if (fs->stopping)
		finish_stop(fs);
}

static int fs_activate(struct virtio_device *dev)
{
	struct virtio_fs *fs = to_fs(dev);
	int rc;

	memset(fs->bases, 0, sizeof(fs->bases));
	rc = vhost_user_set_features(fs->server, dev->driver_features);
	if (rc)
		return rc;
	fs->file = io_engine_file_add(dev->engine, vhost_user_fd(fs->server));
	return fs->file < 0 ? fs->file : 0;
}

/* After activate and resume: the server takes the queue. */
static void fs_kick(struct virtio_device *dev, unsigned int index)
{
	struct virtio_fs *fs = to_fs(dev);
	const struct vhost_user_ring ring = {
		.layout = &dev->layouts[index],
		.base = fs->bases[index],
		.kick = dev->doorbells[index],
		.call = dev->irq.fd,
	};

	if (!fs->watching) {
		fs->watching = true;
		io_engine_watch(dev->engine, &fs->watch, fs->file, 0);
	}
	if (fs->served[index])
		return;
	if (vhost_user_start_ring(fs->server, index, &ring))
		virtio_device_fail(dev, "the file server takes no queue");
	else
		fs->served[index] = true;
}

static void stop(struct virtio_fs *fs, bool resetting)
{
	for (unsigned int i = 0; i < FS_QUEUES; i++) {
		/* A server that does not answer is gone: watch_done() tells. */
		if (fs->served[i])
			(void)vhost_user_stop_ring(fs->server, i,
						   &fs->bases[i]);
		fs->served[i] = false;
	}
	fs->stopping = true;
	fs->resetting = resetting;
	if (fs->watching)
		io_engine_cancel(fs->dev.engine, &fs->watch);
	else
		finish_stop(fs);
}

static void fs_reset(struct virtio_device *dev)
{
	stop(to_fs(dev), true);
}

static void fs_quiesce(struct virtio_device *dev)
{
	stop(to_fs(dev), false);
}

static void fs_destroy(struct virtio_device *dev)
{
	struct virtio_fs *fs = to_fs(dev);

	virtio_device_fini(dev);
	vhost_user_destroy(fs->server);
	free(fs);
}

static const struct virtio_device_ops fs_ops = {
	.name = "fs",
	.device_id = VIRTIO_ID_FS,
	.config_read = fs_config_read,
	.activate = fs_activate,
	.kick = fs_kick,
	.reset = fs_reset,
	.quiesce = fs_quiesce,
	.destroy = fs_destroy,
};

int virtio_fs_create(struct virtio_device **out,
		     const struct virtio_fs_options *options,
		     const struct guest_mem *mem, struct io_engine *engine,
		     struct err *err)
{
	struct virtio_fs *fs = calloc(1, sizeof(*fs));
	int rc;

	if (!fs) {
		(void)close(options->fd); /* a socket without data */
		return err_set(err, -ENOMEM, "%s", options->name);
	}
	fs->watch.done = watch_done;
	fs->config.num_request_queues = htole32(FS_QUEUES - 1);
	memcpy(fs->config.tag, options->tag,
	       MIN(strlen(options->tag), (size_t)VIRTIO_FS_TAG_MAX));
	rc = virtio_device_init(&fs->dev, &fs_ops, options->name, mem, engine,
				FS_QUEUES, options->queue_size, 0, err);
	if (rc)
		(void)close(options->fd); /* a socket without data */
	else
		rc = vhost_user_create(&fs->server, options->fd, mem, err);
	if (!rc &&
	    !(vhost_user_features(fs->server) & (1ULL << VIRTIO_F_VERSION_1)))
		rc = err_setx(err, -EPROTO,
			      "the file server does not know virtio 1");
	if (rc) {
		(void)err_prefix(err, "%s", options->name);
		fs_destroy(&fs->dev);
		return rc;
	}
	fs->dev.device_features &= vhost_user_features(fs->server);
	fs->dev.offloaded = true;
	*out = &fs->dev;
	return 0;
}

/*
 * test_virtio_fs.c - shared folders: Debian's virtiofsd behind the fake driver,
 * which speaks FUSE, and back ends that break the vhost-user protocol.
 */
#include "cleanup.h"
#include "device_rig.h"
#include "engines.h"
#include "host_facts.h"
#include "host_share.h"
#include "macros.h"
#include "test.h"
#include "vhost_user.h"
#include "virtio_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUESTS 1U /* queue */
#define BUFFER 8192U
#define NOBODY 65534
#define FURTHER_GROUP 107
#define TEXT "written on the host\n"

/* A folder with the file "hello", its server and a driver. */
struct fixture {
	struct device_rig rig;
	char folder[32];
	uint64_t out; /* guest-physical: what the driver sends */
	uint64_t in;  /* and what it gets */
	uint64_t unique;
};

static void make_folder(struct fixture *f)
{
	char path[64];
	FILE *file;

	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/share.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(path, sizeof(path), "%s/hello", f->folder);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(TEXT, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void drop_folder(const struct fixture *f)
{
	static const char *const names[] = {"hello", "new"};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->folder,
			       names[i]);
		(void)unlink(path); /* not every test makes both */
	}
	assert_int_equal(rmdir(f->folder), 0);
}

static void start_driver(struct fixture *f)
{
	fake_driver_start(&f->rig.driver, ~0ULL, 0);
	f->out = fake_driver_alloc(&f->rig.driver, BUFFER, 4096);
	f->in = fake_driver_alloc(&f->rig.driver, BUFFER, 4096);
}

static void start(struct fixture *f, void **state, bool readonly)
{
	char path[32];
	struct vm_share share = {
		.path = path,
		.readonly = readonly,
		.fd = -1,
	};
	struct virtio_fs_options options = {
		.name = "share0",
		.tag = "src",
		.queue_size = 64,
	};
	struct virtio_device *dev = NULL;
	struct err err = {0};

	*f = (struct fixture){0};
	make_folder(f);
	(void)snprintf(path, sizeof(path), "%s", f->folder);
	device_rig_init_shared(&f->rig, engine_kind(state), MIB(16));
	if (host_share_open(&share, "test", &err))
		fail_msg("%s", err.msg);
	options.fd = share.fd;
	if (virtio_fs_create(&dev, &options, f->rig.mem, f->rig.engine, &err))
		fail_msg("%s", err.msg);
	device_rig_attach(&f->rig, dev);
	start_driver(f);
}

static void end(struct fixture *f)
{
	device_rig_fini(&f->rig);
	drop_folder(f);
}

/*
 * One FUSE request: @arg and @name (with its NUL) go out, up to @room bytes of
 * @reply come back. Return: the error of the answer, 0 or negative.
 */
static int call(struct fixture *f, uint32_t opcode, uint64_t node,
		const void *arg, size_t arg_len, const char *name, void *reply,
		uint32_t room)
{
	struct fake_driver *driver = &f->rig.driver;
	uint8_t *out = fake_driver_ptr(driver, f->out, BUFFER);
	uint8_t *in = fake_driver_ptr(driver, f->in, BUFFER);
	struct fuse_in_header header = {
		.opcode = opcode, .unique = ++f->unique, .nodeid = node};
	size_t name_len = name ? strlen(name) + 1 : 0;
	struct fuse_out_header answer;
	struct fake_buffer buffers[2];
	uint16_t head;
	uint32_t len;

	header.len = (uint32_t)(sizeof(header) + arg_len + name_len);
	memcpy(out, &header, sizeof(header));
	if (arg_len)
		memcpy(out + sizeof(header), arg, arg_len);
	if (name)
		memcpy(out + sizeof(header) + arg_len, name, name_len);
	buffers[0] = (struct fake_buffer){.gpa = f->out, .len = header.len};
	buffers[1] = (struct fake_buffer){
		.gpa = f->in,
		.len = (uint32_t)sizeof(answer) + room,
		.writable = true,
	};
	(void)fake_driver_add(driver, REQUESTS, buffers, 2);
	(void)fake_driver_kick(driver, REQUESTS);
	fake_driver_wait(driver, REQUESTS, &head, &len);
	assert_in_range(len, sizeof(answer), sizeof(answer) + room);
	memcpy(&answer, in, sizeof(answer));
	assert_true(answer.unique == f->unique);
	if (room)
		memcpy(reply, in + sizeof(answer), room);
	return answer.error;
}

static void fuse_init(struct fixture *f)
{
	const struct fuse_init_in arg = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = 65536,
	};
	struct fuse_init_out reply;

	assert_int_equal(call(f, FUSE_INIT, 0, &arg, sizeof(arg), NULL, &reply,
			      sizeof(reply)),
			 0);
	assert_int_equal(reply.major, FUSE_KERNEL_VERSION);
}

static uint64_t look_up(struct fixture *f, const char *name)
{
	struct fuse_entry_out entry;

	assert_int_equal(call(f, FUSE_LOOKUP, FUSE_ROOT_ID, NULL, 0, name,
			      &entry, sizeof(entry)),
			 0);
	return entry.nodeid;
}

static void read_hello(struct fixture *f)
{
	uint64_t node = look_up(f, "hello");
	const struct fuse_open_in open_arg = {.flags = O_RDONLY};
	struct fuse_open_out file;
	struct fuse_read_in read_arg = {.size = 4096};
	char text[4096];

	assert_int_equal(call(f, FUSE_OPEN, node, &open_arg, sizeof(open_arg),
			      NULL, &file, sizeof(file)),
			 0);
	read_arg.fh = file.fh;
	assert_int_equal(call(f, FUSE_READ, node, &read_arg, sizeof(read_arg),
			      NULL, text, sizeof(text)),
			 0);
	assert_memory_equal(text, TEXT, strlen(TEXT));
}

static int create_new(struct fixture *f)
{
	struct {
		struct fuse_create_in create;
		char name[4];
	} arg = {
		.create = {.flags = O_RDWR | O_CREAT, .mode = S_IFREG | 0644},
		.name = "new",
	};
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out file;
	} reply;

	return call(f, FUSE_CREATE, FUSE_ROOT_ID, &arg, sizeof(arg), NULL,
		    &reply, sizeof(reply));
}

static bool exists(const struct fixture *f, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return !access(path, F_OK);
}

static void test_read_and_write(void **state)
{
	struct fixture f;
	char tag[VIRTIO_FS_TAG_MAX] = "";

	start(&f, state, false);
	fake_driver_config_read(&f.rig.driver, 0, tag, 4);
	assert_string_equal(tag, "src");
	fuse_init(&f);
	read_hello(&f);
	assert_false(exists(&f, "new"));
	assert_int_equal(create_new(&f), 0);
	assert_true(exists(&f, "new"));
	/* The server raised the line; the driver sees why. */
	assert_true(fake_driver_interrupts(&f.rig.driver) > 0);
	assert_true(
		fake_driver_read(&f.rig.driver, VIRTIO_MMIO_INTERRUPT_STATUS) &
		VIRTIO_MMIO_INT_VRING);
	end(&f);
}

static void test_readonly(void **state)
{
	struct fixture f;

	start(&f, state, true);
	fuse_init(&f);
	read_hello(&f);
	assert_int_equal(create_new(&f), -EROFS);
	assert_false(exists(&f, "new"));
	end(&f);
}

/* A paused device goes on where it was; a reset one starts anew. */
static void test_pause_and_reset(void **state)
{
	struct fixture f;

	start(&f, state, false);
	fuse_init(&f);
	for (int i = 0; i < 10; i++) {
		virtio_mmio_pause(f.rig.transport);
		virtio_mmio_resume(f.rig.transport);
		read_hello(&f);
	}
	fake_driver_reset(&f.rig.driver);
	start_driver(&f);
	fuse_init(&f);
	read_hello(&f);
	end(&f);
}

static void test_private_memory(void **state)
{
	struct virtio_fs_options options = {
		.name = "share0", .tag = "src", .queue_size = 64};
	struct virtio_device *dev = NULL;
	struct fixture f = {0};
	struct vm_share share = {.path = f.folder, .fd = -1};
	struct err err = {0};

	make_folder(&f);
	device_rig_init(&f.rig, engine_kind(state), MIB(16));
	if (host_share_open(&share, "test", &err))
		fail_msg("%s", err.msg);
	options.fd = share.fd;
	assert_int_equal(
		virtio_fs_create(&dev, &options, f.rig.mem, f.rig.engine, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "memory is private"));
	device_rig_fini(&f.rig);
	drop_folder(&f);
}

/* What the owner of a folder may do without privileges, as a member of a
 * further group. */
static void serve_as_nobody(const char *folder)
{
	static const gid_t further = FURTHER_GROUP;
	char path[64];
	struct vm_share share = {.path = path, .fd = -1};
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "%s", folder);
	/* A process that changed its user does not own its /proc files. */
	if (setgroups(1, &further) || setgid(NOBODY) || setuid(NOBODY) ||
	    prctl(PR_SET_DUMPABLE, 1))
		_exit(2);
	if (!host_share_open(&share, "test", &err))
		_exit(0);
	(void)fprintf(stderr, "%s\n", err.msg);
	_exit(1);
}

static void test_without_root(void **state)
{
	struct fixture f = {0};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip(); /* then the other tests are this one */
	make_folder(&f);
	assert_int_equal(chown(f.folder, NOBODY, NOBODY), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		serve_as_nobody(f.folder);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	drop_folder(&f);
}

static void test_no_such_folder(void **state)
{
	char path[] = "./no-such-folder";
	struct vm_share share = {.path = path, .fd = -1};
	struct err err = {0};

	(void)state;
	assert_int_equal(host_share_open(&share, "web1", &err), -ENOENT);
	assert_string_equal(err.msg,
			    "web1: file server of ./no-such-folder: opening "
			    "the folder: No such file or directory");
	assert_int_equal(share.fd, -1);
}

/*
 * Back ends that misbehave.
 */

/** struct back_end - answers requests until number @last, then closes
 * @fd:      its end of the socket
 * @last:    the request it does not answer; 0: it answers all
 * @damage:  spoils the answer to that request instead of closing
 * @thread:  runs serve()
 */
struct back_end {
	int fd;
	unsigned int last;
	void (*damage)(uint32_t *header, uint64_t *payload);
	pthread_t thread;
};

/* Requests of virtio/vhost_user.c that have an answer of their own. */
static bool has_answer(uint32_t request)
{
	return request == 1 || request == 11 || request == 15;
}

static void *serve(void *arg)
{
	const struct back_end *be = arg;
	uint32_t header[3];
	uint64_t payload[64];
	unsigned int num = 0;

	while (recv(be->fd, header, sizeof(header), MSG_WAITALL) ==
	       sizeof(header)) {
		assert_true(header[2] <= sizeof(payload));
		memset(payload, 0, sizeof(payload));
		if (header[2] && recv(be->fd, payload, header[2],
				      MSG_WAITALL) != (ssize_t)header[2])
			break;
		if (!has_answer(header[0]) && !(header[1] & 8))
			continue;
		/* All features; REPLY_ACK; success; ring base 0. */
		payload[0] = header[0] == 1    ? ~0ULL
			     : header[0] == 15 ? 8
			     : header[0] == 11 ? payload[0] & UINT32_MAX
					       : 0;
		header[1] = 1 | 4;
		header[2] = 8;
		if (++num == be->last) {
			if (!be->damage)
				break;
			be->damage(header, payload);
		}
		if (send(be->fd, header, 12, MSG_NOSIGNAL) != 12 ||
		    send(be->fd, payload, 8, MSG_NOSIGNAL) != 8)
			break;
	}
	(void)shutdown(be->fd, SHUT_RDWR); /* the other end may be gone */
	return NULL;
}

static int start_back_end(struct back_end *be)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	be->fd = pair[1];
	assert_int_equal(pthread_create(&be->thread, NULL, serve, be), 0);
	return pair[0];
}

static void end_back_end(struct back_end *be)
{
	assert_int_equal(pthread_join(be->thread, NULL), 0);
	assert_int_equal(close(be->fd), 0);
}

static void wrong_request(uint32_t *header, uint64_t *payload)
{
	(void)payload;
	header[0]++;
}

static void wrong_size(uint32_t *header, uint64_t *payload)
{
	(void)payload;
	header[2] = UINT32_MAX;
}

static void wrong_flags(uint32_t *header, uint64_t *payload)
{
	(void)payload;
	header[1] = 0;
}

static void refusal(uint32_t *header, uint64_t *payload)
{
	(void)header;
	*payload = 1;
}

static void test_bad_greeting(void **state)
{
	/* Answers: features, protocol features, their acknowledgement is not
	 * asked for, memory table. */
	static const struct {
		unsigned int last;
		void (*damage)(uint32_t *header, uint64_t *payload);
		int rc;
	} cases[] = {
		{1, NULL, -EPIPE},	   {1, wrong_request, -EPROTO},
		{1, wrong_size, -EPROTO},  {1, wrong_flags, -EPROTO},
		{2, NULL, -EPIPE},	   {2, wrong_size, -EPROTO},
		{3, NULL, -EPIPE},	   {3, refusal, -EIO},
		{3, wrong_flags, -EPROTO},
	};
	struct device_rig rig;
	struct err err = {0};

	device_rig_init_shared(&rig, engine_kind(state), MIB(16));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct back_end be = {.last = cases[i].last,
				      .damage = cases[i].damage};
		struct vhost_user *vu = NULL;
		int fd = start_back_end(&be);

		assert_int_equal(vhost_user_create(&vu, fd, rig.mem, &err),
				 cases[i].rc);
		assert_null(vu);
		end_back_end(&be);
	}
	device_rig_fini(&rig);
}

static bool needs_reset(struct fake_driver *driver)
{
	for (int i = 0; i < 6000; i++) {
		if (fake_driver_read(driver, VIRTIO_MMIO_STATUS) &
		    VIRTIO_CONFIG_S_NEEDS_RESET)
			return true;
		(void)poll(NULL, 0, 10);
	}
	return false;
}

/* The server dies at any of its requests: the device asks for a reset, which
 * ends, and the VM lives on. */
static void test_server_dies(void **state)
{
	struct virtio_fs_options options = {
		.name = "share0", .tag = "src", .queue_size = 64};

	/* 3 answers to the greeting, 1 to SET_FEATURES, 6 for each queue. */
	for (unsigned int last = 4; last <= 16; last++) {
		struct back_end be = {.last = last};
		struct virtio_device *dev = NULL;
		struct device_rig rig;
		struct err err = {0};

		device_rig_init_shared(&rig, engine_kind(state), MIB(16));
		options.fd = start_back_end(&be);
		if (virtio_fs_create(&dev, &options, rig.mem, rig.engine, &err))
			fail_msg("%s", err.msg);
		device_rig_attach(&rig, dev);
		fake_driver_start(&rig.driver, ~0ULL, 0);
		/* After the last answer it goes by itself. */
		if (last == 16)
			assert_int_equal(shutdown(be.fd, SHUT_RDWR), 0);
		assert_true(needs_reset(&rig.driver));
		fake_driver_reset(&rig.driver);
		assert_int_equal(
			fake_driver_read(&rig.driver, VIRTIO_MMIO_STATUS), 0);
		device_rig_fini(&rig);
		end_back_end(&be);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_and_write),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_pause_and_reset),
		cmocka_unit_test(test_private_memory),
		cmocka_unit_test(test_without_root),
		cmocka_unit_test(test_no_such_folder),
		cmocka_unit_test(test_bad_greeting),
		cmocka_unit_test(test_server_dies),
	};
	char path[HOST_FACTS_PATH_SIZE];

	if (!host_facts_find_program("virtiofsd", path)) {
		(void)fprintf(stderr, "virtiofsd is not installed: apt-get "
				      "install qemu-system-common\n");
		return 77;
	}
	return run_on_engines(tests, ARRAY_SIZE(tests));
}

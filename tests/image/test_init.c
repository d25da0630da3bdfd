/* test_init.c - the parts of lwx-init that need no machine. */
#include "backoff.h"
#include "cmdline.h"
#include "ip_option.h"
#include "log_ring.h"
#include "metadata.h"
#include "mount_spec.h"
#include "service_config.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/lwx-test-init.XXXXXX";

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static void test_cmdline(void **state)
{
	static struct cmdline c;

	(void)state;
	cmdline_parse(&c, "a=1 rw quiet \"b=x y\" a=2 flag off=0 ro\n");
	assert_string_equal(cmdline_get(&c, "a"), "2");
	assert_string_equal(cmdline_get(&c, "b"), "x y");
	assert_null(cmdline_get(&c, "qui"));
	assert_true(cmdline_on(&c, "flag"));
	assert_false(cmdline_on(&c, "off"));
	assert_false(cmdline_writable(&c));
}

static void test_backoff(void **state)
{
	uint32_t pause = 0;

	(void)state;
	pause = backoff_next(pause, 0);
	assert_int_equal(pause, 500);
	assert_int_equal(backoff_next(pause, 10), 1000);
	assert_int_equal(backoff_next(40000, 10), 60000);
	assert_int_equal(backoff_next(60000, 10), 60000);
	assert_int_equal(backoff_next(60000, 60000), 500);
}

static void test_service_config(void **state)
{
	static const char *const wrong[] = {
		"[]",
		"{\"after\":\"x\"}",
		"{\"after\":[1]}",
		"{\"restart\":\"maybe\"}",
		"{\"stop_grace\":0}",
		"{\"stop_grace\":3601}",
		"{\"health\":{}}",
		"{\"health\":{\"command\":[\"a\"],\"retries\":0}}"};
	struct service_config config;
	struct err err;
	json_t *json = parse("{\"after\":[\"a\",\"b\"],\"restart\":\"always\","
			     "\"stop_grace\":60,"
			     "\"health\":{\"command\":[\"x\"],\"timeout\":2}}");

	(void)state;
	assert_int_equal(service_config_read(&config, json, "s", &err), 0);
	assert_int_equal(config.after_num, 2);
	assert_int_equal(config.timeout_ms, 2000);
	assert_int_equal(config.interval_ms, 10000);
	assert_int_equal(config.grace_ms, 60000);
	assert_true(service_restarts(&config, 0));
	service_config_fini(&config);
	json_decref(json);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json = parse(wrong[i]);
		assert_int_equal(service_config_read(&config, json, "s", &err),
				 -EBADMSG);
		service_config_fini(&config);
		json_decref(json);
	}
	assert_int_equal(service_config_read(&config, NULL, "s", &err), 0);
	assert_int_equal(config.grace_ms, 10000);
	assert_true(service_restarts(&config, 1));
	assert_false(service_restarts(&config, 0));
}

/* a -> b -> c -> a, and one that is not there. */
static void test_order(void **state)
{
	struct service_config configs[3] = {0};
	struct service_node nodes[] = {
		{"a", &configs[0]}, {"b", &configs[1]}, {"c", &configs[2]}};

	(void)state;
	configs[0].after[configs[0].after_num++] = strdup("b");
	configs[1].after[configs[1].after_num++] = strdup("nobody");
	configs[1].after[configs[1].after_num++] = strdup("c");
	configs[2].after[configs[2].after_num++] = strdup("a");
	assert_int_equal(service_order(nodes, 3, NULL), 2);
	assert_int_equal(configs[0].after_num, 1);
	assert_int_equal(configs[1].after_num, 1);
	assert_string_equal(configs[1].after[0], "c");
	assert_int_equal(configs[2].after_num, 0);
	for (size_t i = 0; i < 3; i++)
		service_config_fini(&configs[i]);
}

static void test_log_ring(void **state)
{
	static char buf[LOG_RING_BYTES + 1];
	struct log_ring *ring;
	char path[64];
	uint64_t from = 0;
	ssize_t n;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(log_ring_open(&ring, path), 0);
	log_ring_write(ring, "one\ntw", 6);
	log_ring_write(ring, "o\n", 2);
	n = log_ring_read(path, &from, buf);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "] one\n"));
	assert_non_null(strstr(buf, "] two\n"));
	assert_int_equal(log_ring_read(path, &from, buf), 0);
	for (int i = 0; i < 5000; i++) {
		char line[32];
		int len = snprintf(line, sizeof(line), "line %d\n", i);

		log_ring_write(ring, line, (size_t)len);
	}
	log_ring_close(ring);
	n = log_ring_read(path, &from, buf);
	assert_true(n > 0 && n <= (ssize_t)LOG_RING_BYTES);
	buf[n] = '\0';
	assert_int_equal(buf[0], '['); /* a whole line first */
	assert_non_null(strstr(buf, "line 4999\n"));
	assert_null(strstr(buf, "line 0\n"));
}

static int tree_of(const char *text)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	json_t *json = parse(text);
	struct err err;
	int rc = metadata_tree(fd, json, &err);

	json_decref(json);
	(void)close(fd);
	return rc;
}

static void test_metadata_tree(void **state)
{
	static const char *const wrong[] = {
		"{\"..\":{\"content\":\"x\"}}",
		"{\"a/b\":{\"content\":\"x\"}}",
		"{\"\":{\"content\":\"x\"}}",
		"{\"d\":{\"entries\":{\"../x\":{\"content\":\"x\"}}}}",
		"{\"x\":{\"content\":\"x\",\"perm\":\"4755\"}}",
		"{\"x\":{\"content\":1}}",
		"{\"x\":{}}"};
	struct stat st;
	char path[64];
	char out[64];

	(void)state;
	assert_int_equal(
		tree_of("{\"d\":{\"entries\":{\"f\":{\"content\":\"text\","
			"\"perm\":\"0600\"}}}}"),
		0);
	(void)snprintf(path, sizeof(path), "%s/d/f", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(st.st_mode & 07777, 0600);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(tree_of(wrong[i]), -EBADMSG);
	/* A link is not followed. */
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("/etc", path), 0);
	assert_true(tree_of("{\"link\":{\"entries\":{}}}") < 0);
	assert_int_equal(metadata_base64("aGVsbG8=", out, sizeof(out)), 5);
	assert_string_equal(out, "hello");
	assert_int_equal(metadata_base64("a*", out, sizeof(out)), -EINVAL);
}

static void test_ip_option(void **state)
{
	struct ip_option option;
	struct err err;

	(void)state;
	assert_int_equal(ip_option_parse(&option, "dhcp", &err), 0);
	assert_int_equal(option.method, IP_DHCP);
	assert_int_equal(
		ip_option_parse(&option,
				"10.0.0.2::10.0.0.1:255.255.255.0::eth0:off",
				&err),
		0);
	assert_int_equal(option.method, IP_STATIC);
	assert_int_equal(option.prefix, 24);
	assert_string_equal(option.device, "eth0");
	assert_int_equal(
		ip_option_parse(&option, "10.0.0.2:::255.0.255.0", &err),
		-EINVAL);
	assert_int_equal(ip_option_parse(&option, "perhaps", &err), -EINVAL);
}

static void test_mount_options(void **state)
{
	static struct mount_flags flags;
	json_t *json = parse("[\"ro\",\"rw\",\"nosuid\",\"rprivate\",\"a=1\","
			     "\"lowerdir=/l\"]");
	const char *value;

	(void)state;
	assert_int_equal(mount_options_parse(&flags, json), 0);
	assert_int_equal(flags.flags, MS_NOSUID);
	assert_int_equal(flags.propagation, MS_PRIVATE | MS_REC);
	assert_string_equal(flags.data, "a=1,lowerdir=/l");
	assert_int_equal(mount_option_value(flags.data, "lowerdir", &value), 2);
	json_decref(json);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int clean(void **state)
{
	(void)state;
	return nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_service_config),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_log_ring),
		cmocka_unit_test(test_metadata_tree),
		cmocka_unit_test(test_ip_option),
		cmocka_unit_test(test_mount_options),
	};

	if (!mkdtemp(dir))
		return 99;
	return cmocka_run_group_tests(tests, NULL, clean);
}

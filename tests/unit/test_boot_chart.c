/* test_boot_chart.c - a boot of fixed data as text, JSON and SVG; times and
 * names that a guest made up. */
#include "boot_chart.h"
#include "test.h"

#include <string.h>

static const struct boot_times times = {
	.run_us = 50000,
	.heard_us = 2050000,
	.init_us = 800000,
	.ready_us = 1900000,
	.hostname = "machine",
};

static const char steps[] = "0.900000 end init mounts\n"
			    "1.000000 begin onboot 000-disk\n"
			    "1.100000 end onboot 000-disk\n"
			    "1.110000 end init onboot\n"
			    "1.120000 begin service web\n"
			    "1.200000 begin service once\n"
			    "1.400000 end service once\n"
			    "1.700000 up service web\n"
			    "1.850000 end init ready\n"
			    "9.000000 end service web\n";

static char *draw(void (*how)(const struct boot_chart *chart, FILE *out),
		  const struct boot_chart *chart)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	how(chart, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_text(void **state)
{
	static const char expected[] =
		"web1: ready 2.050 s after lwx-vmm began, host name machine\n"
		"\n"
		"WHAT                                BEGIN   HEALTHY       "
		"END\n"
		"lwx-vmm  set up                     0.000         -     0.050"
		"  |#                                       |\n"
		"kernel   until its clock runs       0.050         -     0.150"
		"  |###                                     |\n"
		"kernel   until process 1            0.150         -     0.950"
		"  |  #################                     |\n"
		"init     mounts                     0.950         -     1.050"
		"  |                  ##                    |\n"
		"init     onboot                     1.050         -     1.260"
		"  |                   #####                |\n"
		"onboot   000-disk                   1.150         -     1.250"
		"  |                     ###                |\n"
		"init     ready                      1.260         -     2.000"
		"  |                       ################ |\n"
		"service  web                        1.270     1.850         -"
		"  |                        ############----|\n"
		"service  once                       1.350         -     1.550"
		"  |                         #####          |\n"
		"init     until told                 2.000         -     2.050"
		"  |                                      ##|\n";
	static struct boot_chart chart;
	char *text;

	(void)state;
	boot_chart_read(&chart, "web1", &times, steps, sizeof(steps) - 1);
	text = draw(boot_chart_text, &chart);
	assert_string_equal(text, expected);
	free(text);
}

static void test_json(void **state)
{
	static struct boot_chart chart;
	json_t *json, *bars, *web;

	(void)state;
	boot_chart_read(&chart, "web1", &times, steps, sizeof(steps) - 1);
	json = boot_chart_json(&chart);
	assert_string_equal(json_string_value(json_object_get(json, "vm")),
			    "web1");
	assert_int_equal(json_integer_value(json_object_get(json, "ready_us")),
			 2050000);
	bars = json_object_get(json, "bars");
	assert_int_equal(json_array_size(bars), 10);
	web = json_array_get(bars, 7);
	assert_string_equal(json_string_value(json_object_get(web, "kind")),
			    "service");
	assert_string_equal(json_string_value(json_object_get(web, "name")),
			    "web");
	assert_int_equal(json_integer_value(json_object_get(web, "begin_us")),
			 1270000);
	assert_int_equal(json_integer_value(json_object_get(web, "up_us")),
			 1850000);
	assert_null(json_object_get(web, "end_us"));
	json_decref(json);
}

static void test_svg(void **state)
{
	static const char tags[] = "1.500000 begin service <b>&\"\033[2J\n";
	static struct boot_chart chart;
	char *text;

	(void)state;
	boot_chart_read(&chart, "web1", &times, tags, sizeof(tags) - 1);
	text = draw(boot_chart_svg, &chart);
	assert_int_equal(strncmp(text, "<svg xmlns=", 11), 0);
	assert_non_null(strstr(text, ">service &lt;b&gt;&amp;&quot;?[2J<"));
	assert_null(strstr(text, "<b>"));
	assert_null(strchr(text, '\033'));
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	free(text);
}

/* Without lwx-init; and whatever the guest claims of its clock. */
static void test_times_of_a_guest(void **state)
{
	static const struct boot_times claims[] = {
		{.run_us = 5, .heard_us = 9},
		{.run_us = 5, .heard_us = 9, .init_us = UINT64_MAX},
		{.run_us = 5, .heard_us = 9, .ready_us = UINT64_MAX},
		{.run_us = 5,
		 .heard_us = 9,
		 .init_us = UINT64_MAX,
		 .ready_us = UINT64_MAX},
		{.run_us = UINT64_MAX, .heard_us = UINT64_MAX},
	};
	static struct boot_chart chart;

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		boot_chart_read(&chart, "web1", &claims[i], NULL, 0);
		assert_in_range(chart.num, 3, 4);
		for (size_t b = 0; b < chart.num; b++)
			assert_true(chart.bars[b].begin_us <=
					    chart.bars[b].end_us &&
				    chart.bars[b].end_us <= chart.ready_us);
		free(draw(boot_chart_svg, &chart));
	}
}

static void test_lines_that_are_none(void **state)
{
	static const char lines[] = "\n"
				    "1.500000\n"
				    "1.5 begin service a\n"
				    "-1.500000 begin service a\n"
				    "1.500000 jump service a\n"
				    "1.500000 begin machine a\n"
				    "1.500000 begin kernel a\n"
				    "1.500000 begin service \n"
				    "1.500000 up service a\n"
				    "1.500000 end service a\n"
				    "2000000000.000000 begin service a\n"
				    "1.500000 begin service no newline";
	static char many[BOOT_BARS_MAX * 4 * 32];
	static struct boot_chart chart;
	size_t len = 0;

	(void)state;
	boot_chart_read(&chart, "web1", &times, lines, sizeof(lines) - 1);
	assert_int_equal(chart.num, 4);
	for (int i = 0; i < BOOT_BARS_MAX * 4; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len,
					"1.500000 begin service %d\n", i);
	boot_chart_read(&chart, "web1", &times, many, len);
	assert_int_equal(chart.num, BOOT_BARS_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_svg),
		cmocka_unit_test(test_times_of_a_guest),
		cmocka_unit_test(test_lines_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

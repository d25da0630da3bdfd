/* engines.c - see engines.h. */
#include "engines.h"

#include "macros.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define TESTS_MAX 64U

static bool works(enum io_engine_kind kind)
{
	const struct io_engine_config config = {
		.kind = kind, .depth = 8, .max_files = 8};
	struct io_engine *engine = NULL;
	struct err err = {0};

	if (io_engine_create(&engine, &config, &err) < 0) {
		print_message("SKIP: %s\n", err.msg);
		return false;
	}
	io_engine_destroy(engine);
	return true;
}

int run_on_engines(const struct CMUnitTest *tests, size_t count)
{
	static struct {
		enum io_engine_kind kind;
		const char *name;
	} engines[] = {{IO_ENGINE_URING, "io_uring"}, {IO_ENGINE_AIO, "aio"}};
	struct CMUnitTest copy[TESTS_MAX];
	int failed = 0;

	assert(count <= TESTS_MAX);
	for (size_t k = 0; k < ARRAY_SIZE(engines); k++) {
		if (!works(engines[k].kind))
			continue;
		memcpy(copy, tests, count * sizeof(*tests));
		for (size_t i = 0; i < count; i++)
			copy[i].initial_state = &engines[k].kind;
		failed += _cmocka_run_group_tests(engines[k].name, copy, count,
						  NULL, NULL);
	}
	return failed;
}

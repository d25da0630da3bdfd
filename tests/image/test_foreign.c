/*
 * test_foreign.c - names of architectures, and programs of another one: without
 * QEMU the error says what to install.
 */
#include "test.h"

#include "architecture.h"
#include "foreign.h"
#include "image_rig.h"
#include "interrupt.h"
#include "spawn.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE 0x400000U

static void architectures_have_two_names(void **state)
{
	(void)state;
	assert_string_equal(architecture_parse("amd64"), "amd64");
	assert_string_equal(architecture_parse("x86_64"), "amd64");
	assert_string_equal(architecture_parse("arm64"), "arm64");
	assert_string_equal(architecture_parse("aarch64"), "arm64");
	assert_null(architecture_parse("s390x"));
	assert_string_equal(architecture_machine("arm64"), "aarch64");
	assert_null(architecture_machine("s390x"));
	assert_string_equal(architecture_console("arm64"), "ttyAMA0");
}

static void programs_of_another_have_their_folder(void **state)
{
	char path[4096];
	struct err err = {0};

	(void)state;
	assert_int_equal(architecture_program("arm64", "no-such", path,
					      sizeof(path), &err),
			 -ENOENT);
	assert_non_null(strstr(path, "/arm64/no-such"));
	assert_non_null(strstr(err.msg, "no-such for arm64 is missing"));
	assert_non_null(strstr(err.msg, "make arm64-guests"));
}

static void nothing_is_needed_for_this_machine(void **state)
{
	const char *argv[FOREIGN_WORDS_MAX];
	struct foreign *foreign = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(foreign_open(&foreign, architecture_native(), &err),
			 0);
	assert_null(foreign);
	assert_int_equal(foreign_words(foreign, argv), 0);
	assert_int_equal(foreign_open(&foreign, "s390x", &err), -EINVAL);
}

/* exit(7) for arm64: mov x0, #7; mov x8, #93; svc #0. */
static char *write_program(const char *dir)
{
	static const uint32_t code[] = {0xd28000e0, 0xd2800ba8, 0xd4000001};
	const struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
		uint32_t code[3];
	} program = {
		.head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				     ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			 .e_type = ET_EXEC,
			 .e_machine = EM_AARCH64,
			 .e_version = EV_CURRENT,
			 .e_entry = BASE + 120,
			 .e_phoff = sizeof(Elf64_Ehdr),
			 .e_ehsize = sizeof(Elf64_Ehdr),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 1},
		.segment = {.p_type = PT_LOAD,
			    .p_flags = PF_R | PF_X,
			    .p_vaddr = BASE,
			    .p_paddr = BASE,
			    .p_filesz = sizeof(program),
			    .p_memsz = sizeof(program),
			    .p_align = 0x1000},
		.code = {code[0], code[1], code[2]},
	};
	char *path;
	int fd;

	assert_true(asprintf(&path, "%s/program", dir) > 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &program, sizeof(program)), sizeof(program));
	assert_int_equal(close(fd), 0);
	return path;
}

/* What this machine has decides which of the two is shown. */
static void a_program_for_arm64_runs(void **state)
{
	char *dir = rig_dir();
	char *path = write_program(dir);
	const char *argv[FOREIGN_WORDS_MAX + 2] = {NULL};
	struct spawn spawn = {.argv = argv, .name = "program"};
	struct foreign *foreign = NULL;
	struct err err = {0};
	int rc = foreign_open(&foreign, "arm64", &err);

	(void)state;
	if (rc) {
		assert_non_null(strstr(err.msg, "packages for arm64: "));
		if (rc == -ENOENT || rc == -ENOTSUP)
			assert_non_null(strstr(err.msg, "qemu-user-static"));
	} else {
		argv[foreign_words(foreign, argv)] = path;
		if (foreign) {
			spawn.keep = foreign_fds(foreign);
			spawn.keep_num = 2;
		}
		assert_int_equal(spawn_run(&spawn, &err), -ECHILD);
		assert_string_equal(err.msg, "program failed (exit status 7)");
	}
	foreign_close(foreign);
	free(path);
	rig_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(architectures_have_two_names),
		cmocka_unit_test(programs_of_another_have_their_folder),
		cmocka_unit_test(nothing_is_needed_for_this_machine),
		cmocka_unit_test(a_program_for_arm64_runs),
	};

	interrupt_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

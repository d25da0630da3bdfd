/*
 * run.c - a command in a VM of a host.cfg, by liblwx.
 *
 *	cc run.c $(pkg-config --cflags --libs --static lwx) -o run
 *	./run host.cfg web1 uname -r
 */
#include <lwx.h>

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct lwx_error error = {0};
	struct lwx_vm *vm = NULL;
	struct lwx_command command = {
		.argv = argv + 3,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.errors = STDERR_FILENO,
	};
	int status = 125;
	int rc;

	if (argc < 4) {
		(void)fputs("usage: run HOST.CFG NAME COMMAND...\n", stderr);
		return 2;
	}
	rc = lwx_vm_create(&vm, argv[1], argv[2], &error);
	if (!rc)
		rc = lwx_vm_start(vm, -1, 30000, &error);
	if (!rc)
		rc = lwx_vm_wait_ready(vm, 60000, &error);
	if (!rc)
		rc = lwx_vm_exec(vm, &command, &status, &error);
	if (rc)
		(void)fprintf(stderr, "run: %s\n", error.message);
	lwx_vm_destroy(vm);
	return status;
}

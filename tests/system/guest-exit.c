/*
 * guest-exit.c - end this VM with an exit code: guest-exit CODE
 *
 * Writes CODE (0-255) to the exit port of the machine, docs/machine.md.
 */
#include "x86_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

int main(int argc, char *argv[])
{
	char *end = NULL;
	unsigned long code = argc == 2 ? strtoul(argv[1], &end, 10) : 256;

	if (code > 255 || !end || *end != '\0') {
		fprintf(stderr, "usage: guest-exit CODE\n");
		return 2;
	}
	if (ioperm(X86_PORT_EXIT, 1, 1) < 0) {
		perror("guest-exit: ioperm");
		return 1;
	}
	outb((unsigned char)code, X86_PORT_EXIT);
	return 1; /* the port did not end the machine */
}

/*
 * lwx_image.c - lwx-image: builds container, VM and bare-metal images from one
 * definition. This file picks the verb. One thread.
 */
#include <stdio.h>
#include <string.h>

static const char help_text[] =
	"usage: lwx-image VERB [OPTION...] [ARGUMENT...]\n"
	"\n"
	"  --help     this text\n"
	"  --version  the version\n";

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		(void)fputs(help_text, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts(PACKAGE_STRING);
		return 0;
	}
	(void)fputs(help_text, stderr);
	return 2;
}

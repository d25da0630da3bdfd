/*
 * lwx_image.c - lwx-image: builds container, VM and bare-metal images from one
 * definition. This file picks the verb. One thread.
 */
#include "lwx_image.h"

#include "architecture.h"
#include "interrupt.h"
#include "log.h"
#include "macros.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 128		 /* of a verb; above every character */
#define EPOCH_DEFAULT 1492473600 /* 2017-04-18, which LinuxKit uses */

static const struct image_verb *const verbs[] = {
	&image_verb_build,  &image_verb_cache,	 &image_verb_check,
	&image_verb_diff,   &image_verb_inspect, &image_verb_metadata,
	&image_verb_module, &image_verb_pkg,	 &image_verb_push,
	&image_verb_run,    &image_verb_schema,	 &image_verb_size,
};

void image_complain(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "lwx-image: %s\n", text);
}

int image_help(const struct image_verb *verb)
{
	(void)printf("Usage: lwx-image %s %s\n\n%s\n\n%s", verb->name,
		     verb->usage, verb->summary, verb->help);
	return IMAGE_EXIT_OK;
}

int image_usage_error(const struct image_verb *verb, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (text[0])
		image_complain("%s: %s", verb->name, text);
	(void)fprintf(stderr,
		      "Usage: lwx-image %s %s\n"
		      "Try: lwx-image %s --help\n",
		      verb->name, verb->usage, verb->name);
	return IMAGE_EXIT_USAGE;
}

bool image_options(const struct image_verb *verb,
		   const struct image_option *options, int argc, char **argv,
		   int *status)
{
	struct option words[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, 1}};
	const struct image_option *option;
	int c;

	for (int i = 0; i < OPTIONS_MAX && options[i].name; i++)
		words[i + 1] = (struct option){
			options[i].name,
			options[i].text ? required_argument : no_argument, NULL,
			i + OPTIONS_MAX};
	while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
		if (c < OPTIONS_MAX) {
			*status = c == 1 ? image_help(verb)
					 : image_usage_error(verb, "%s", "");
			return false;
		}
		option = &options[c - OPTIONS_MAX];
		if (!option->text)
			*option->flag = true;
		else if (strcmp(option->name, "arch") == 0)
			*option->text = architecture_any(optarg);
		else
			*option->text = optarg;
	}
	return true;
}

int image_fail(const struct err *err)
{
	image_complain("%s", err->msg);
	return interrupt_signal() ? 128 + interrupt_signal()
				  : IMAGE_EXIT_FAILURE;
}

const char *image_size_text(uint64_t bytes, char text[IMAGE_SIZE_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double number = (double)bytes;
	size_t unit = 0;

	while (number >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		number /= 1024;
		unit++;
	}
	(void)snprintf(text, IMAGE_SIZE_TEXT, unit ? "%.1f %s" : "%.0f %s",
		       number, units[unit]);
	return text;
}

bool image_is_definition(const char *word)
{
	const char *dot = strrchr(word, '.');

	return dot && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

int image_number(const char *text, unsigned int max, unsigned int *out)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || number == 0 || number > max)
		return -EINVAL;
	*out = (unsigned int)number;
	return 0;
}

int image_bytes(const char *text, uint64_t *out)
{
	unsigned int shift = 20;
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || number > 1U << 30)
		return -EINVAL;
	if (*end == 'G' || *end == 'g')
		shift = 30;
	else if (*end && *end != 'M' && *end != 'm')
		return -EINVAL;
	if (*end && end[1] && strcmp(end + 1, "B") != 0)
		return -EINVAL;
	*out = (uint64_t)number << shift;
	return 0;
}

int image_epoch(int64_t *out)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*out = EPOCH_DEFAULT;
	if (!text || !*text)
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno || *end || *out < 0 ? -EINVAL : 0;
}

static void help(FILE *out)
{
	(void)fputs("Usage: lwx-image VERB [OPTION...] [ARGUMENT...]\n"
		    "\n"
		    "Builds container, VM and bare-metal images from one "
		    "definition.\n"
		    "\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		(void)fprintf(out, "  %-9s %s\n", verbs[i]->name,
			      verbs[i]->summary);
	(void)fputs("\nlwx-image VERB --help tells more.\n", out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	log_init("lwx-image", LOG_LEVEL_INFO);
	interrupt_init();
	if (strcmp(name, "--help") == 0) {
		help(stdout);
		return IMAGE_EXIT_OK;
	}
	if (strcmp(name, "--version") == 0) {
		(void)puts(PACKAGE_STRING);
		return IMAGE_EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const struct image_verb *verb = verbs[i];

		if (strcmp(name, verb->name) != 0)
			continue;
		if (argc > 2 && strcmp(argv[2], "--help") == 0)
			return image_help(verb);
		return verb->run(verb, argc - 1, argv + 1);
	}
	if (*name)
		image_complain("no such verb: %s", name);
	help(stderr);
	return IMAGE_EXIT_USAGE;
}

/*
 * lwx_image.h - what the verbs of the lwx-image command share.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status of every verb. */
enum image_exit {
	IMAGE_EXIT_OK = 0,
	IMAGE_EXIT_FAILURE = 1,
	IMAGE_EXIT_USAGE = 2,
};

/**
 * struct image_verb - one verb
 * @name:    as typed
 * @usage:   its arguments
 * @summary: one line for lwx-image --help
 * @help:    the rest of its own --help
 * @run:     gets the arguments from the verb's name on; returns the exit status
 */
struct image_verb {
	const char *name;
	const char *usage;
	const char *summary;
	const char *help;
	int (*run)(const struct image_verb *verb, int argc, char **argv);
};

extern const struct image_verb image_verb_build;
extern const struct image_verb image_verb_cache;
extern const struct image_verb image_verb_check;
extern const struct image_verb image_verb_diff;
extern const struct image_verb image_verb_inspect;
extern const struct image_verb image_verb_metadata;
extern const struct image_verb image_verb_module;
extern const struct image_verb image_verb_pkg;
extern const struct image_verb image_verb_push;
extern const struct image_verb image_verb_run;
extern const struct image_verb image_verb_schema;
extern const struct image_verb image_verb_size;

/** image_complain() - one line on stderr: "lwx-image: text". */
void image_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** image_help() - the verb's help on stdout. Return: IMAGE_EXIT_OK. */
int image_help(const struct image_verb *verb);

/** image_usage_error() - what is wrong and how it is used, on stderr. Return:
 * IMAGE_EXIT_USAGE. */
int image_usage_error(const struct image_verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * struct image_option - "--name"; a table of them ends with a zeroed one
 * @text: gets what follows it, or NULL
 * @flag: becomes true, where @text is NULL
 */
struct image_option {
	const char *name;
	const char **text;
	bool *flag;
};

/**
 * image_options() - read the options of a verb, and --help; an --arch is what
 * architecture_any() makes of it
 *
 * Return: true with optind at the first argument; false with @status of the
 * verb if it has nothing more to do.
 */
bool image_options(const struct image_verb *verb,
		   const struct image_option *options, int argc, char **argv,
		   int *status);

/** image_fail() - print the error. Return: IMAGE_EXIT_FAILURE, after a signal
 * 128 and its number. */
int image_fail(const struct err *err);

#define IMAGE_SIZE_TEXT 16U

/** image_size_text() - "12.3 MiB". Return: @text. */
const char *image_size_text(uint64_t bytes, char text[IMAGE_SIZE_TEXT]);

/** image_is_definition() - does the word name one, or a module? */
bool image_is_definition(const char *word);

/** image_number() - of an option, 1 to @max. Return: 0 or -EINVAL. */
int image_number(const char *text, unsigned int max, unsigned int *out);

/** image_bytes() - "1024M", "1G"; a number alone is MiB, as LinuxKit has it.
 * Return: 0 or -EINVAL. */
int image_bytes(const char *text, uint64_t *out);

/** image_epoch() - SOURCE_DATE_EPOCH, or what LinuxKit uses. Return: 0, or
 * -EINVAL if it is not a number of seconds. */
int image_epoch(int64_t *out);

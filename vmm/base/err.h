/*
 * err.h - error object of set-up and control code: a code and one sentence.
 *
 * Fallible functions return 0 or a negative errno. Set-up and control functions
 * also take a `struct err *` last and fail with
 *
 *	return err_set(err, -errno, "disk %s: open", path);
 *
 * The lowest level that knows the noun writes the message, the program prints
 * it once. Hot-path functions take no err.
 */
#pragma once

#include <stddef.h>

/**
 * struct err - why a call failed; no allocation, plain copy is fine
 * @code: negative errno, 0 when nothing failed
 * @msg:  one sentence without newline
 */
struct err {
	int code;
	char msg[512];
};

/**
 * err_set() - record a failure together with the text of its errno
 * @err:  may be NULL, then only @code is passed through
 * @code: negative errno
 * @fmt:  what failed; ": strerror(-code)" is appended
 *
 * Return: @code.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * err_setx() - record a failure whose message says everything
 * @err:  may be NULL
 * @code: negative errno
 * @fmt:  the whole message; nothing is appended
 *
 * Return: @code.
 */
int err_setx(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * err_prefix() - put context in front of a recorded message
 * @err: may be NULL
 * @fmt: context; ": " is put between it and the message
 *
 * Return: the recorded code, or -EINVAL if @err is NULL or records none.
 */
int err_prefix(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* Static analysers look at one file and cannot know that these return @code,
 * nor that it is negative. */
#define ERR_KNOWN_(fn, err, code, ...)                                         \
	({                                                                     \
		int code_ = (code);                                            \
		if (code_ >= 0)                                                \
			__builtin_unreachable();                               \
		(void)(fn)(err, code_, __VA_ARGS__);                           \
		code_;                                                         \
	})
#define err_set(err, code, ...) ERR_KNOWN_(err_set, err, code, __VA_ARGS__)
#define err_setx(err, code, ...) ERR_KNOWN_(err_setx, err, code, __VA_ARGS__)
#endif

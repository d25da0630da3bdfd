/*
 * files.h - small files: of /proc and /sys, of /run, JSON with limits. One
 * thread.
 */
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#define RUN_DIR "/run/lwx-init"
#define FILE_BYTES_MAX (1U << 20)

/** file_read() - a text of at most @size - 1 bytes, ended with NUL. Return: its
 * length or a negative errno. */
ssize_t file_read(const char *path, char *buf, size_t size);

/** file_read_line() - its first line. Return: as file_read(). */
ssize_t file_read_line(const char *path, char *buf, size_t size);

/** file_write() - @text in a file, made with @mode if it is missing, emptied if
 * not. Return: 0 or a negative errno. */
int file_write(const char *path, const char *text, mode_t mode);

/** file_put() - @text into a file of /proc or /sys. Return: 0 or a negative
 * errno. */
int file_put(const char *path, const char *text);

/** dir_make() - a directory with its parents. Return: 0 or a negative errno. */
int dir_make(const char *path, mode_t mode);

/** path_is_mount() - Return: 1 if another file system is mounted on @path. */
int path_is_mount(const char *path);

/**
 * json_load_limited() - a JSON file of at most FILE_BYTES_MAX bytes
 * @out: json_decref(); NULL if there is no such file, which is no error
 *
 * Return: 0, or a negative errno with path and line in @err. A member that is
 * there twice is an error.
 */
int json_load_limited(json_t **out, const char *path, struct err *err);

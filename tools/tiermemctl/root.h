/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the system, or of a copy of its trees below another directory. */
#ifndef TIERMEMCTL_ROOT_H
#define TIERMEMCTL_ROOT_H

#include <stdarg.h>
#include <stdbool.h>

/* Everything is below this directory from now on: --root, or the environment. */
void root_set(const char *dir);

/* That directory, or NULL. */
const char *root_get(void);

/* Paths below the root: "sys/kernel/tiermem". To be freed. */
char *root_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* asprintf() that ends the program where memory does. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *format_list(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/**
 * file_read() - all of a file
 * @path: as open() wants it
 * @text: what is in it, to be freed; NULL on error
 *
 * Return: 0, or a negative error number.
 */
int file_read(const char *path, char **text);

/* One write of @text, as of echo. @flags are for open(). Return: 0, or a negative error number. */
int file_write(const char *path, const char *text, int flags);

/* The first line of a file below the root, to be freed; NULL if it can't be read. */
char *root_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool root_exists(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Is the module there? */
bool module_loaded(void);

/* Ends the program, with a message and EXIT_NO_MODULE, if the module isn't loaded. */
void module_needed(void);

#endif

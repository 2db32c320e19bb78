/* SPDX-License-Identifier: GPL-2.0 */
/* Flat keyed files: a key and a number in each line. */
#ifndef TIERMEMCTL_KEYED_H
#define TIERMEMCTL_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed {
	char *text;			/* keys point into it */
	struct keyed_line {
		const char *key;
		uint64_t value;
	} *line;
	size_t lines;
};

/**
 * keyed_read() - read a file
 * @keyed: result, empty on error; keyed_free() either way
 * @path: of the file
 *
 * Lines that are not a key and a number are left out: the format has room for more.
 *
 * Return: 0, or a negative error number.
 */
int keyed_read(struct keyed *keyed, const char *path);

void keyed_free(struct keyed *keyed);

/* The number of @key; 0 if there is none. */
uint64_t keyed_value(const struct keyed *keyed, const char *key);

/* The line of @key, or NULL. */
const struct keyed_line *keyed_find(const struct keyed *keyed, const char *key);

#endif

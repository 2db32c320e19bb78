/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes as people write and read them. */
#ifndef TIERMEMCTL_SIZE_H
#define TIERMEMCTL_SIZE_H

#include <stdint.h>

/* Longest result of size_text(), and its end. */
#define SIZE_CHARS 8

/**
 * size_text() - a size for people: "512", "2.1G", "99.9T"
 * @bytes: what to write
 * @text: where to
 *
 * Return: @text.
 */
char *size_text(uint64_t bytes, char text[SIZE_CHARS]);

/**
 * size_parse() - a size from people: "4096", "2G", "1.5GiB"
 * @text: all of it is the size
 * @bytes: the result
 *
 * Return: NULL, or what is wrong, for a message.
 */
const char *size_parse(const char *text, uint64_t *bytes);

/**
 * size_write() - a size that size_parse() and the module read back, no smaller, but shorter
 * @bytes: what to write
 *
 * Return: to be freed.
 */
char *size_write(uint64_t bytes);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Arrays that grow. */
#ifndef TIERMEMCTL_ARRAY_H
#define TIERMEMCTL_ARRAY_H

#include <err.h>
#include <stdlib.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * Room for one more than @n elements of @size bytes; ends the program where memory does. An array
 * that grows by nothing else has room up to the next power of two, so that it is seldom copied.
 */
static inline void *array_grow(void *array, size_t n, size_t size)
{
	void *larger;

	if (n & (n - 1))
		return array;
	larger = reallocarray(array, n ? 2 * n : 1, size);
	if (!larger)
		errx(EXIT_FAILURE, "out of memory");
	return larger;
}

#endif

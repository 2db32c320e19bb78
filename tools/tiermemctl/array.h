/* SPDX-License-Identifier: GPL-2.0 */
/* Arrays that grow. */
#ifndef TIERMEMCTL_ARRAY_H
#define TIERMEMCTL_ARRAY_H

#include <err.h>
#include <stdlib.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Room for one more than @n elements of @size bytes; ends the program where memory does. */
static inline void *array_grow(void *array, size_t n, size_t size)
{
	void *larger = reallocarray(array, n + 1, size);

	if (!larger)
		errx(EXIT_FAILURE, "out of memory");
	return larger;
}

#endif

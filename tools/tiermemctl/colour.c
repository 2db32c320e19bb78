// SPDX-License-Identifier: GPL-2.0
/* Colours of a terminal. */
#include <stdlib.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#include "colour.h"

/* How many the terminal has; -1 if nothing is known of it. */
static int colours(void)
{
	static int n = -2;
	int error;

	if (n == -2)
		n = setupterm(NULL, STDOUT_FILENO, &error) == OK ? tigetnum("colors") : -1;
	return n;
}

bool colour_wanted(void)
{
	const char *no = getenv("NO_COLOR");

	return (!no || !*no) && isatty(STDOUT_FILENO) && colours() >= 8;
}

const char *colour_text(enum colour colour)
{
	/* Blue and orange: apart for all eyes, on light and on dark. */
	static const char * const many[COLOURS] = { "\033[0m", "\033[38;5;39m", "\033[38;5;208m" };
	static const char * const few[COLOURS] = { "\033[0m", "\033[36m", "\033[33m" };

	return colours() >= 256 ? many[colour] : few[colour];
}

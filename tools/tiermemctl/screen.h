/* SPDX-License-Identifier: GPL-2.0 */
/* What top shows on a terminal. */
#ifndef TIERMEMCTL_SCREEN_H
#define TIERMEMCTL_SCREEN_H

#include <stdbool.h>

#include "view.h"

#define MIN_INTERVAL_S	0.1
#define MAX_INTERVAL_S	3600

struct top {
	bool all;
	enum view_column by;
	bool reverse;
	double interval_s;
};

/* Until somebody presses q. Return: an exit status. */
int screen_run(struct top *top);

#endif

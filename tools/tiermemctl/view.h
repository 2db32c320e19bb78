/* SPDX-License-Identifier: GPL-2.0 */
/* The table of groups that list and top show. */
#ifndef TIERMEMCTL_VIEW_H
#define TIERMEMCTL_VIEW_H

#include <stdbool.h>

#include "group.h"

enum view_column { BY_NAME, BY_DRAM, BY_QUOTA, BY_SLOW, BY_OVER, BY_PROMOTED, BY_DEMOTED,
		   BY_USEFUL, VIEW_COLUMNS };

/* Where there is no pool, a table ends here. */
#define VIEW_NO_POOL BY_USEFUL

/* What a column is called, and the key that sorts by it. */
extern const struct view_title {
	const char *text;
	char key;
} view_titles[VIEW_COLUMNS];

/* All columns but the names are so wide. */
#define VIEW_NUMBER_WIDTH 7

/* Columns of a terminal that names have; 0 is no limit. Those from @end on are not shown. */
int view_name_width(int columns, enum view_column end);

/* Columns of the terminal that stdout is; 0 if it is none. COLUMNS overrules. */
int view_columns(void);

/* Sort: names upwards, numbers downwards, or the other way round. */
void view_sort(struct groups *gs, enum view_column by, bool reverse);

/* The longest name, for view_line() where there is no limit. */
int view_longest_name(const struct groups *gs);

/* The line of titles, to be freed. */
char *view_header(int name_width, enum view_column end);

/* The line of a group, to be freed. */
char *view_line(const struct group *g, int name_width, enum view_column end);

/* Header and lines to stdout. */
void view_print(const struct groups *gs, enum view_column end);

#endif

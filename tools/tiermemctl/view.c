// SPDX-License-Identifier: GPL-2.0
/* The table of groups that list and top show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cgroup.h"
#include "root.h"
#include "size.h"
#include "text.h"
#include "view.h"

const struct view_title view_titles[VIEW_COLUMNS] = {
	[BY_NAME] = { "GROUP", 'n' },
	[BY_DRAM] = { "DRAM", 'd' },
	[BY_QUOTA] = { "QUOTA", 'm' },
	[BY_SLOW] = { "SLOW", 's' },
	[BY_OVER] = { "OVER", 'o' },
	[BY_PROMOTED] = { "PROM/s", 'p' },
	[BY_DEMOTED] = { "DEM/s", 'e' },
	[BY_USEFUL] = { "USEFUL", 'u' },
};

/* Less can't be told apart. */
#define LEAST_NAME_WIDTH 12

int view_columns(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) > 0)
		return atoi(columns);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col ?: 80;
}

int view_name_width(int columns, enum view_column end)
{
	int width = columns - ((int)end - 1) * VIEW_NUMBER_WIDTH;

	if (!columns)
		return 0;
	return width < LEAST_NAME_WIDTH ? LEAST_NAME_WIDTH : width;
}

/* Return: false if it is not known, or there is no quota. */
static bool number(const struct group *g, enum view_column column, uint64_t *bytes)
{
	double rate = column == BY_PROMOTED ? g->promote_rate : g->demote_rate;

	switch (column) {
	case BY_DRAM:
		*bytes = group_stat(g, "dram_bytes");
		return true;
	case BY_QUOTA:
		*bytes = group_quota(g);
		return *bytes != NO_QUOTA;
	case BY_SLOW:
		*bytes = group_stat(g, "slow_bytes");
		return true;
	case BY_OVER:
		*bytes = group_stat(g, "over_quota_bytes");
		return true;
	case BY_PROMOTED:
	case BY_DEMOTED:
		*bytes = rate < 0 ? 0 : rate < 1e18 ? rate : 1e18;
		return rate >= 0;
	case BY_USEFUL:
		*bytes = g->useful_bytes;
		return *bytes != NO_QUOTA;
	default:
		*bytes = 0;
		return true;
	}
}

/* What is not known comes last. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct group *x = a, *y = b;
	enum view_column by = *(enum view_column *)arg;
	uint64_t bytes_x, bytes_y;
	bool known_x = number(x, by, &bytes_x), known_y = number(y, by, &bytes_y);

	if (known_x != known_y)
		return known_x ? -1 : 1;
	if (known_x && bytes_x != bytes_y)
		return bytes_x > bytes_y ? -1 : 1;
	return cgroup_compare(x->cgroup, y->cgroup);
}

static int compare_reverse(const void *a, const void *b, void *arg)
{
	return compare(b, a, arg);
}

void view_sort(struct groups *gs, enum view_column by, bool reverse)
{
	if (gs->n)
		qsort_r(gs->group, gs->n, sizeof(*gs->group), reverse ? compare_reverse : compare,
			&by);
}

int view_longest_name(const struct groups *gs)
{
	int longest = LEAST_NAME_WIDTH, width;
	size_t i;

	for (i = 0; i < gs->n; i++) {
		char *name = text_printable(gs->group[i].cgroup);

		width = text_width(name);
		longest = width > longest ? width : longest;
		free(name);
	}
	return longest;
}

static char *line(char *name, char numbers[VIEW_COLUMNS][SIZE_CHARS], int name_width,
		  enum view_column end)
{
	char *text = text_fit(name, name_width);
	enum view_column i;

	free(name);
	for (i = BY_NAME + 1; i < end; i++) {
		char *longer = format_text("%s%*s", text, VIEW_NUMBER_WIDTH, numbers[i]);

		free(text);
		text = longer;
	}
	return text;
}

char *view_header(int name_width, enum view_column end)
{
	char numbers[VIEW_COLUMNS][SIZE_CHARS];
	enum view_column i;

	for (i = BY_NAME + 1; i < end; i++)
		stpcpy(numbers[i], view_titles[i].text);
	return line(format_text("%s", view_titles[BY_NAME].text), numbers, name_width, end);
}

char *view_line(const struct group *g, int name_width, enum view_column end)
{
	char numbers[VIEW_COLUMNS][SIZE_CHARS];
	enum view_column i;

	for (i = BY_NAME + 1; i < end; i++) {
		uint64_t bytes;

		if (number(g, i, &bytes))
			size_text(bytes, numbers[i]);
		else
			stpcpy(numbers[i], "-");
	}
	return line(text_printable(g->cgroup), numbers, name_width, end);
}

void view_print(const struct groups *gs, enum view_column end)
{
	int width = view_name_width(view_columns(), end);
	char *text;
	size_t i;

	/* Nobody looks at it now, so nothing is left out. */
	if (!width)
		width = view_longest_name(gs);
	text = view_header(width, end);
	puts(text);
	free(text);
	for (i = 0; i < gs->n; i++) {
		text = view_line(&gs->group[i], width, end);
		puts(text);
		free(text);
	}
}

// SPDX-License-Identifier: GPL-2.0
/* tiermemctl top */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "group.h"
#include "root.h"
#include "screen.h"
#include "share.h"
#include "verb.h"
#include "view.h"

struct top_options {
	struct common common;
	struct top top;
	bool batch;
	long iterations;		/* 0: no end */
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "also groups without a quota and without slow memory", 0 },
	{ "batch", 'b', NULL, 0, "print tables, one after the other, and read no keys", 0 },
	{ "iterations", 'n', "N", 0, "end after so many of them", 0 },
	{ "interval", 'i', "SECONDS", 0, "between two looks (1)", 0 },
	{ "sort", 's', "COLUMN", 0,
	  "name, dram (default), quota, slow, over, promoted, demoted or useful", 0 },
	{ "reverse", 'r', NULL, 0, "sort the other way round", 0 },
	{ 0 }
};

static enum view_column column(const struct argp_state *state, const char *name)
{
	static const char * const names[VIEW_COLUMNS] = {
		[BY_NAME] = "name", [BY_DRAM] = "dram", [BY_QUOTA] = "quota", [BY_SLOW] = "slow",
		[BY_OVER] = "over", [BY_PROMOTED] = "promoted", [BY_DEMOTED] = "demoted",
		[BY_USEFUL] = "useful",
	};
	enum view_column i;

	for (i = 0; i < VIEW_COLUMNS; i++)
		if (!strcmp(names[i], name))
			return i;
	argp_error(state, "there is no column '%s': name, dram, quota, slow, over, promoted, demoted, useful",
		   name);
	return BY_NAME;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct top_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'a':
		o->top.all = true;
		return 0;
	case 'b':
		o->batch = true;
		return 0;
	case 'n':
		o->iterations = argument_number(state, "N", arg, 1, 1e9);
		return 0;
	case 'i':
		o->top.interval_s = argument_number(state, "SECONDS", arg, MIN_INTERVAL_S,
						    MAX_INTERVAL_S);
		return 0;
	case 's':
		o->top.by = column(state, arg);
		return 0;
	case 'r':
		o->top.reverse = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_table(const struct groups *gs, const struct shares *shares)
{
	char stamp[40], *pool = shares_text(shares);
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
	puts(stamp);
	if (pool)
		puts(pool);
	free(pool);
	view_print(gs, shares->any ? VIEW_COLUMNS : VIEW_NO_POOL);
	putchar('\n');
}

static void print_json(const struct groups *gs)
{
	struct json_object *object = json_object_new_object(), *array = json_object_new_array();
	size_t i;

	for (i = 0; i < gs->n; i++)
		json_object_array_add(array, group_json(&gs->group[i]));
	json_object_object_add(object, "time_s", json_object_new_int64(time(NULL)));
	json_object_object_add(object, "groups", array);
	json_print(object, true);
}

static int batch(const struct top_options *o)
{
	struct groups before, now;
	struct shares shares;
	bool complete = true;
	long i;

	groups_read(&before, o->top.all);
	for (i = 0; !o->iterations || i < o->iterations; i++) {
		sleep_s(o->top.interval_s);
		module_needed();
		groups_read(&now, o->top.all);
		groups_rates(&now, &before);
		shares_read(&shares, &now);
		complete &= !now.incomplete;
		view_sort(&now, o->top.by, o->top.reverse);
		if (o->common.json)
			print_json(&now);
		else
			print_table(&now, &shares);
		shares_free(&shares);
		groups_free(&before);
		before = now;
		if (output_end(EXIT_SUCCESS))
			break;
	}
	groups_free(&before);
	return ferror(stdout) || !complete ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verb_top(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, NULL,
		"Shows the groups that list does, and what moves, until q is "
		"pressed. Keys: n, d, m, s, o, p, e and u sort by name, DRAM, quota, slow memory, "
		"bytes over the quota, promoted, demoted and useful bytes; < and > by the column beside; r the "
		"other way round; a shows all groups or those only; + and - change the interval; "
		"arrows scroll.\v--json means --batch, with an object a line.",
		children, NULL, NULL
	};
	struct top_options o = { .top = { .interval_s = 1, .by = BY_DRAM } };

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	if (o.batch || o.common.json)
		return batch(&o);
	if (o.iterations)
		errx(EXIT_USAGE, "--iterations is for --batch");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		errx(EXIT_USAGE, "this is no terminal: use --batch");
	return screen_run(&o.top);
}

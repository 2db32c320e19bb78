// SPDX-License-Identifier: GPL-2.0
/* tiermemctl list */
#include <stdio.h>
#include <stdlib.h>

#include "group.h"
#include "pidquota.h"
#include "root.h"
#include "size.h"
#include "verb.h"
#include "view.h"

struct list_options {
	struct common common;
	bool all;
	double interval_s;
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "also groups without a quota and without slow memory", 0 },
	{ "interval", 'i', "SECONDS", 0,
	  "look a second time so much later, for the rates (1); 0: no rates", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct list_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'a':
		o->all = true;
		return 0;
	case 'i':
		o->interval_s = argument_number(state, "SECONDS", arg, 0, 3600);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Processes with a quota of their own; who may not ask sees none. Return: whether there are any. */
static bool print_processes(bool after_groups)
{
	char dram[SIZE_CHARS], slow[SIZE_CHARS], quota[SIZE_CHARS];
	struct pidquota q = { 0 };
	bool any = false;

	while (pidquota_next(&q, q.pid)) {
		char *name = pidquota_name(&q);

		if (!any)
			printf("%s%-31s %6s %6s %6s\n", after_groups ? "\n" : "", "PROCESS", "DRAM",
			       "QUOTA", "SLOW");
		printf("%-31s %6s %6s %6s\n", name, size_text(q.dram_bytes, dram),
		       size_text(q.dram_max_bytes, quota), size_text(q.slow_bytes, slow));
		free(name);
		any = true;
	}
	return any;
}

static struct json_object *processes_json(void)
{
	struct json_object *array = json_object_new_array();
	struct pidquota q = { 0 };

	while (pidquota_next(&q, q.pid))
		json_object_array_add(array, pidquota_json(&q));
	return array;
}

int verb_list(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, NULL,
		"Lists the groups that have a quota, a part in the pool or slow memory: what they "
		"have in DRAM, the quota that binds now, what they have in slow memory, how much "
		"they are over the quota, and what is promoted and demoted a second. Each includes "
		"what is below it. Then, for root, processes with a quota of their own.",
		children, NULL, NULL
	};
	struct list_options o = { .interval_s = 1 };
	struct groups gs;
	bool incomplete;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	if (o.interval_s > 0)
		groups_read_rates(&gs, o.all, o.interval_s);
	else
		groups_read(&gs, o.all);
	if (o.common.json) {
		struct json_object *object = json_object_new_object();
		struct json_object *array = json_object_new_array();

		for (i = 0; i < gs.n; i++)
			json_object_array_add(array, group_json(&gs.group[i]));
		json_object_object_add(object, "groups", array);
		json_object_object_add(object, "processes", processes_json());
		json_print(object, false);
	} else {
		if (gs.n)
			view_print(&gs, VIEW_NO_POOL);
		if (!print_processes(gs.n) && !gs.n)
			puts("No group has a quota: tiermemctl set GROUP dram_max=2G (list --all: groups that there are)");
	}
	incomplete = gs.incomplete;
	groups_free(&gs);
	return output_end(incomplete ? EXIT_FAILURE : EXIT_SUCCESS);
}

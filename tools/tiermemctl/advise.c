// SPDX-License-Identifier: GPL-2.0
/* tiermemctl advise */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "curve.h"
#include "group.h"
#include "root.h"
#include "size.h"
#include "text.h"
#include "verb.h"

struct advise_options {
	struct common common;
	double target_percent;
	const char *group;
};

static const struct argp_option options[] = {
	{ "target", 't', "PERCENT", 0, "of the accesses that DRAM is to serve (99)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct advise_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 't':
		o->target_percent = argument_number(state, "PERCENT", arg, 1, 100);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		o->group = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct advice {
	uint64_t dram_bytes;		/* that would do */
	uint64_t size_bytes;		/* what was observed */
	/* Of the accesses, what DRAM may serve now, and by its quota alone. */
	double percent;
	double max_percent;
};

static double percent_of(const struct curve *curve, uint64_t quota_bytes, uint64_t size_bytes)
{
	return curve_percent(curve, quota_bytes < size_bytes ? quota_bytes : size_bytes);
}

static void advise(struct advice *a, const struct curve *curve, const struct group *g,
		   double target_percent)
{
	a->dram_bytes = curve_bytes(curve, target_percent);
	a->size_bytes = curve->point[curve->n - 1].bytes;
	a->percent = percent_of(curve, group_quota(g), a->size_bytes);
	a->max_percent = percent_of(curve, g->dram_max_bytes, a->size_bytes);
}

static void print(const struct group *g, const struct curve *curve, double target_percent)
{
	char *name = text_printable(g->cgroup), *command;
	char dram[SIZE_CHARS], quota[SIZE_CHARS], size[SIZE_CHARS];
	struct advice a;

	if (!curve->n || curve_idle(curve)) {
		printf("%s: %s\n", name, curve->n ? "idle, nothing of it is accessed now" :
		       !group_takes_part(g) ?
		       "not observed: give it a quota, which may be as much as it has now" :
		       "not observed yet: wait some seconds");
		free(name);
		return;
	}
	advise(&a, curve, g, target_percent);
	command = size_write(a.dram_bytes);
	size_text(a.dram_bytes, dram);
	size_text(a.size_bytes, size);
	if (group_quota(g) == NO_QUOTA)
		stpcpy(quota, "none");
	else
		size_text(group_quota(g), quota);
	if (group_quota(g) >= a.dram_bytes)
		printf("%s could run in %s with %g %% of its accesses in DRAM\n", name, dram,
		       target_percent);
	else
		printf("%s needs %s to have %g %% of its accesses in DRAM\n", name, dram,
		       target_percent);
	printf("    now: quota %s, %.1f %% in DRAM at best; observed: %s\n", quota, a.percent,
	       size);
	printf("    tiermemctl set '%s' dram_max=%s\n", name, command);
	free(command);
	free(name);
}

static struct json_object *to_json(const struct group *g, const struct curve *curve,
				   double target_percent)
{
	struct json_object *o = json_object_new_object(), *points = json_object_new_array(), *p;
	struct advice a = { 0 };
	bool known = curve->n && !curve_idle(curve);
	size_t i;

	if (known)
		advise(&a, curve, g, target_percent);
	json_object_object_add(o, "cgroup", name_json(g->cgroup));
	json_object_object_add(o, "target_percent", json_object_new_double(target_percent));
	json_object_object_add(o, "state", json_object_new_string(known ? "observed" :
			       curve->n ? "idle" : "unknown"));
	json_object_object_add(o, "advised_bytes",
			       known ? json_object_new_uint64(a.dram_bytes) : NULL);
	json_object_object_add(o, "observed_bytes",
			       known ? json_object_new_uint64(a.size_bytes) : NULL);
	json_object_object_add(o, "dram_max_bytes", quota_json(g->dram_max_bytes));
	json_object_object_add(o, "dram_max_percent",
			       known ? json_object_new_double(a.max_percent) : NULL);
	if (g->knows_pool) {
		json_object_object_add(o, "dram_effective_bytes",
				       quota_json(g->dram_effective_bytes));
		json_object_object_add(o, "dram_effective_percent",
				       known ? json_object_new_double(a.percent) : NULL);
	}
	for (i = 0; i < curve->n; i++) {
		p = json_object_new_object();
		json_object_object_add(p, "bytes", json_object_new_uint64(curve->point[i].bytes));
		json_object_object_add(p, "percent",
				       json_object_new_double(curve->point[i].percent));
		json_object_array_add(points, p);
	}
	json_object_object_add(o, "curve", points);
	return o;
}

/* Return: false after a message. */
static bool one_group(const struct group *g, const struct advise_options *o,
		      struct json_object *array)
{
	struct curve curve;
	int ret = curve_read(&curve, g->cgroup);

	if (ret) {
		char *name = text_printable(g->cgroup);

		warnx("cannot read tiermem.dram_curve of %s: %s", name, strerror(-ret));
		free(name);
	} else if (o->common.json) {
		json_object_array_add(array, to_json(g, &curve, o->target_percent));
	} else {
		print(g, &curve, o->target_percent);
	}
	curve_free(&curve);
	return !ret;
}

/* The group that was named, or all that have a quota. */
static void read_groups(struct groups *gs, const char *name)
{
	char *cgroup;
	int ret;

	if (!name) {
		groups_read(gs, false);
		return;
	}
	cgroup = cgroup_find(name);
	cgroup_needs_tiermem(cgroup);
	memset(gs, 0, sizeof(*gs));
	gs->group = malloc(sizeof(*gs->group));
	if (!gs->group)
		errx(EXIT_FAILURE, "out of memory");
	ret = group_read(gs->group, cgroup);
	if (ret)
		errx(EXIT_FAILURE, "cannot read tiermem's files of %s: %s", cgroup, strerror(-ret));
	gs->n = 1;
	free(cgroup);
}

int verb_advise(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "[GROUP]",
		"Says how much DRAM would serve nearly all accesses of a group, or of each that has "
		"a quota or a part in the pool, if it held the hottest pages.\v"
		"This is a prediction from what was accessed lately: look at a time of usual load.",
		children, NULL, NULL
	};
	struct advise_options o = { .target_percent = 99 };
	struct json_object *array = NULL, *object;
	struct groups gs;
	bool ok, any = false;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	read_groups(&gs, o.group);
	ok = !gs.incomplete;
	if (o.common.json)
		array = json_object_new_array();
	for (i = 0; i < gs.n; i++) {
		if (!o.group && !group_takes_part(&gs.group[i]))
			continue;
		ok &= one_group(&gs.group[i], &o, array);
		any = true;
	}
	if (o.common.json) {
		object = json_object_new_object();
		json_object_object_add(object, "groups", array);
		json_print(object, false);
	} else if (!any) {
		puts("No group has a quota: only those are observed (tiermemctl set GROUP dram_max=2G)");
	}
	groups_free(&gs);
	return output_end(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

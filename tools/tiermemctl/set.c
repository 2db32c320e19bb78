// SPDX-License-Identifier: GPL-2.0
/* tiermemctl set */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "group.h"
#include "pidquota.h"
#include "quota.h"
#include "root.h"
#include "setting.h"
#include "size.h"
#include "text.h"
#include "verb.h"

struct set_options {
	struct common common;
	bool no_wait;
	bool pid;
	const char *group;
	const char *argument[SETTINGS];	/* NULL: leave it alone */
};

/* The same, found to be right. */
struct change {
	char *cgroup;
	char *name;			/* printable */
	char *value[SETTINGS];
	char *old[SETTINGS];
	bool wait;
};

static const struct argp_option options[] = {
	{ "pid", 'p', NULL, 0, "GROUP is a pid, that process alone: it has a dram_max", 0 },
	{ "no-wait", 'n', NULL, 0, "do not wait until the group's pages have moved", 0 },
	{ 0 }
};

static void parse_pair(struct set_options *o, const char *pair, struct argp_state *state)
{
	const char *equals = strchr(pair, '=');
	enum setting s;

	if (!equals)
		argp_error(state, "'%s' is not KEY=VALUE: dram_max=2G", pair);
	s = setting_find(pair, equals - pair);
	if (s == SETTINGS)
		argp_error(state,
			   "there is no key '%.*s' to be set: groups have dram_max, dram_min and dram_weight, / has dram_pool, pool_policy, cpu_budget_percent and migrate_mbps",
			   (int)(equals - pair), pair);
	if (o->argument[s])
		argp_error(state, "%s is there twice", setting_key(s));
	o->argument[s] = equals + 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct set_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'n':
		o->no_wait = true;
		return 0;
	case 'p':
		o->pid = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			parse_pair(o, arg, state);
		else
			o->group = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->group)
			argp_error(state, "the name of a group is missing");
		if (state->arg_num < 2)
			argp_error(state, "KEY=VALUE is missing: dram_max=2G");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Ends the program, with a message, if anything is wrong. Nothing is written before. */
static void prepare(struct change *c, const struct set_options *o)
{
	enum setting s;

	module_needed();
	for (s = 0; s < SETTINGS; s++)
		if (o->argument[s])
			c->value[s] = setting_argument(s, o->argument[s]);
	c->cgroup = cgroup_find(o->group);
	c->name = text_printable(c->cgroup);
	c->wait = !o->no_wait;
	for (s = 0; s < SETTINGS; s++) {
		if (!c->value[s])
			continue;
		setting_needs(s, c->cgroup);
		c->old[s] = setting_read(s, c->cgroup);
		if (!c->old[s])
			errx(EXIT_FAILURE, "nothing was set: cannot read %s of %s: %s",
			     setting_key(s), c->name, setting_error(-errno));
	}
}

/* Keys of a change, from one setting to before another, for a message; to be freed. */
static char *list_keys(const struct change *c, enum setting from, enum setting to)
{
	char *list = format_text("%s", ""), *longer;

	for (; from < to; from++) {
		if (!c->value[from])
			continue;
		longer = format_text("%s%s%s", list, *list ? ", " : "", setting_key(from));
		free(list);
		list = longer;
	}
	return list;
}

/* Says how far it came when a setting was refused. */
static void explain_refusal(const struct change *c, enum setting refused, int error)
{
	char *done = list_keys(c, 0, refused), *left = list_keys(c, refused, SETTINGS);

	warnx("cannot set %s of %s: %s", setting_key(refused), c->name, setting_error(error));
	warnx("set: %s; as before: %s", *done ? done : "nothing", left);
	free(done);
	free(left);
}

/* Return: false after a message. */
static bool apply(const struct change *c)
{
	enum setting s;
	int ret;

	for (s = 0; s < SETTINGS; s++) {
		if (!c->value[s])
			continue;
		ret = setting_write(s, c->cgroup, c->value[s], c->wait ? 0 : O_NONBLOCK);
		if (ret) {
			explain_refusal(c, s, ret);
			return false;
		}
	}
	return true;
}

/* Why the group is over a quota that has just been set. */
static void explain(const struct change *c, const struct group *g)
{
	uint64_t over = group_stat(g, "over_quota_bytes");
	char text[SIZE_CHARS];

	/* All else changes shares, which move little by little: nothing that is waited for. */
	if (!over || !c->value[SETTING_DRAM_MAX])
		return;
	warnx("%s is still %s over its quota, and goes on in the background%s", c->name,
	      size_text(over, text),
	      c->wait ? ": slow memory is full, or pages are pinned (tiermemctl check)" : "");
}

static void print_json(const struct change *c, const struct group *g)
{
	struct json_object *object = group_json(g);
	enum setting s;

	for (s = 0; s < SETTINGS; s++) {
		char *key;

		if (!c->value[s])
			continue;
		key = format_text("old_%s", setting_json_key(s));
		json_object_object_add(object, key, value_json(c->old[s]));
		free(key);
	}
	json_print(object, false);
}

/* What came of it. */
static void report(const struct change *c, bool json)
{
	struct group g;
	int ret = group_read(&g, c->cgroup);

	if (ret)
		errx(EXIT_FAILURE, "%s was set, but cannot be read: %s", c->name, strerror(-ret));
	explain(c, &g);
	if (json)
		print_json(c, &g);
	group_free(&g);
}

static void forget(struct change *c)
{
	enum setting s;

	for (s = 0; s < SETTINGS; s++) {
		free(c->value[s]);
		free(c->old[s]);
	}
	free(c->name);
	free(c->cgroup);
}

/* A process alone, in whatever cgroup it is. */
static int set_process(const struct set_options *o)
{
	struct pidquota old, q;
	char text[SIZE_CHARS];
	uint64_t bytes;
	enum setting s;
	int pid = pidquota_argument(o->group);

	for (s = 0; s < SETTINGS; s++)
		if (o->argument[s] && s != SETTING_DRAM_MAX)
			errx(EXIT_USAGE, "a process has no %s, only a dram_max: set it for its group",
			     setting_key(s));
	bytes = quota_argument("quota", o->argument[SETTING_DRAM_MAX]);
	module_needed();
	pidquota_get(&old, pid);
	quota_judge("quota", bytes);
	pidquota_set(&q, pid, bytes, !o->no_wait);
	if (q.dram_max_bytes != NO_QUOTA && q.dram_bytes > q.dram_max_bytes) {
		char *name = pidquota_name(&q);

		warnx("process %s is still %s over its quota, and goes on in the background", name,
		      size_text(q.dram_bytes - q.dram_max_bytes, text));
		free(name);
	}
	if (o->common.json) {
		struct json_object *object = pidquota_json(&q);

		json_object_object_add(object, "old_dram_max_bytes",
				       quota_json(old.dram_max_bytes));
		json_print(object, false);
	}
	return output_end(EXIT_SUCCESS);
}

int verb_set(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "GROUP KEY=VALUE...",
		"Sets, of a group, dram_max=SIZE, its DRAM quota; and where groups share a pool, "
		"dram_min=SIZE, a reservation, and dram_weight=1..10000 (or default), its share "
		"of what is contended. Of the machine, which is called /: dram_pool=SIZE, "
		"pool_policy=fair or throughput, cpu_budget_percent=1..100 and "
		"migrate_mbps=1..1000000. SIZE is 2G, 1536M, 50% of the machine's DRAM, or "
		"max. A smaller quota is waited for, until pages have moved; Ctrl-C ends that "
		"early.\v"
		"GROUP is a cgroup, a systemd unit, a virtual machine or a pid, which means its cgroup; "
		"with --pid that process alone, until it ends or executes another program. What is set is gone "
		"when its cgroup is, as when a service is started again: see 'tiermemctl apply'.",
		children, NULL, NULL
	};
	struct set_options o = { 0 };
	struct change change = { 0 };
	enum setting s;
	bool ok;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.pid)
		return set_process(&o);
	prepare(&change, &o);
	for (s = 0; s < SETTINGS; s++)
		if (change.value[s])
			setting_judge(s, change.value[s]);
	ok = apply(&change);
	if (ok && (o.common.json || change.value[SETTING_DRAM_MAX]))
		report(&change, o.common.json);
	forget(&change);
	return output_end(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

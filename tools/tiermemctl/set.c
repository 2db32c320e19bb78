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
#include "quota.h"
#include "root.h"
#include "size.h"
#include "text.h"
#include "verb.h"

struct set_options {
	struct common common;
	bool no_wait;
	const char *group;
	const char *value;
};

static const struct argp_option options[] = {
	{ "no-wait", 'n', NULL, 0, "do not wait until the group's pages have moved", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct set_options *o = state->input;
	char *value;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'n':
		o->no_wait = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!state->arg_num) {
			o->group = arg;
			return 0;
		}
		value = strchr(arg, '=');
		if (!value)
			argp_error(state, "'%s' is not KEY=VALUE: dram_max=2G", arg);
		if (strncmp(arg, "dram_max=", 9))
			argp_error(state, "there is no key '%.*s' to be set: dram_max is one",
				   (int)(value - arg), arg);
		if (o->value)
			argp_error(state, "dram_max is there twice");
		o->value = value + 1;
		return 0;
	case ARGP_KEY_END:
		if (!o->group)
			argp_error(state, "the name of a group is missing");
		if (!o->value)
			argp_error(state, "dram_max=SIZE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Why the group is over a quota that has just been set. */
static void explain(const struct group *g, const char *name, bool waited)
{
	uint64_t over = group_stat(g, "over_quota_bytes");
	char text[SIZE_CHARS];

	if (!over)
		return;
	warnx("%s is still %s over its quota, and goes on in the background%s", name,
	      size_text(over, text),
	      waited ? ": slow memory is full, or pages are pinned (tiermemctl check)" : "");
}

int verb_set(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "GROUP dram_max=SIZE",
		"Sets the DRAM quota of a group. SIZE is 2G, 1536M, 50% of the machine's DRAM, or "
		"max for none. A smaller quota is waited for, until pages have moved; Ctrl-C ends "
		"that early.\v"
		"GROUP is a cgroup, a systemd unit, a virtual machine or a pid. The quota is gone "
		"when its cgroup is, as when a service is started again: see tiermemctl(1).",
		children, NULL, NULL
	};
	struct set_options o = { 0 };
	uint64_t quota_bytes, old_bytes;
	char *cgroup, *name;
	struct group g;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	/* All that can be wrong is found before anything is written. */
	module_needed();
	quota_bytes = quota_argument(o.value);
	cgroup = cgroup_find(o.group);
	cgroup_needs_tiermem(cgroup);
	quota_judge(quota_bytes);
	name = text_printable(cgroup);
	ret = quota_read(cgroup, &old_bytes) ?:
	      quota_write(cgroup, quota_bytes, o.no_wait ? O_NONBLOCK : 0);
	if (ret)
		errx(EXIT_FAILURE, "the quota of %s is as before: %s", name, quota_error(ret));
	ret = group_read(&g, cgroup);
	if (ret)
		errx(EXIT_FAILURE, "the quota of %s was set, but cannot be read: %s", name,
		     strerror(-ret));
	explain(&g, name, !o.no_wait);
	if (o.common.json) {
		struct json_object *object = group_json(&g);

		json_object_object_add(object, "old_dram_max_bytes", quota_json(old_bytes));
		json_print(object, false);
	}
	group_free(&g);
	free(name);
	free(cgroup);
	return output_end(EXIT_SUCCESS);
}

// SPDX-License-Identifier: GPL-2.0
/* tiermemctl get */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "group.h"
#include "pidquota.h"
#include "pool.h"
#include "root.h"
#include "setting.h"
#include "size.h"
#include "text.h"
#include "verb.h"

struct get_options {
	struct common common;
	bool bytes;
	bool pid;
	const char *group;
	const char *key;
};

static const struct argp_option options[] = {
	{ "pid", 'p', NULL, 0, "GROUP is a pid, and that process alone is meant", 0 },
	{ "bytes", 'b', NULL, 0, "print sizes as numbers of bytes", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct get_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->common;
		return 0;
	case 'b':
		o->bytes = true;
		return 0;
	case 'p':
		o->pid = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			o->group = arg;
		else if (state->arg_num == 1)
			o->key = arg;
		else
			argp_usage(state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the name of a group is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Keys that count something else say so at their end. */
static bool is_bytes(const char *key)
{
	static const char * const others[] = { "_usec", "_pages", "_byte_sec" };
	size_t n = strlen(key), i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (n > strlen(others[i]) && !strcmp(key + n - strlen(others[i]), others[i]))
			return false;
	return true;
}

static void print_number(const char *key, uint64_t value, bool size)
{
	char text[SIZE_CHARS];

	if (size)
		printf("%-20s %s\n", key, size_text(value, text));
	else
		printf("%-20s %" PRIu64 "\n", key, value);
}

static void print_quota(const char *key, uint64_t quota_bytes, bool size)
{
	if (quota_bytes == NO_QUOTA)
		printf("%-20s max\n", key);
	else
		print_number(key, quota_bytes, size);
}

static void print_limits(const struct group *g, bool bytes)
{
	print_quota("dram_max", g->dram_max_bytes, !bytes);
	if (!g->knows_pool)
		return;
	print_quota("dram_min", g->dram_min_bytes, !bytes);
	print_number("dram_weight", g->dram_weight, false);
	print_quota("dram_effective", g->dram_effective_bytes, !bytes);
}

/* Of the root cgroup: what limits all groups together. */
static void print_machine(bool bytes)
{
	static const enum setting numbers[] = { SETTING_CPU_BUDGET_PERCENT, SETTING_MIGRATE_MBPS };
	struct pool pool;
	size_t i;

	pool_read(&pool);
	if (pool.known) {
		print_quota("dram_pool", pool.bytes, !bytes);
		printf("%-20s %s\n", "pool_policy", pool.policy);
	}
	pool_free(&pool);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		char *text = setting_read(numbers[i], "/");

		if (text)
			printf("%-20s %s", setting_key(numbers[i]), text);
		free(text);
	}
}

static void print_group(const struct group *g, bool bytes)
{
	char *name = text_printable(g->cgroup);
	size_t i;

	printf("%-20s %s\n", "cgroup", name);
	free(name);
	if (strcmp(g->cgroup, "/"))
		print_limits(g, bytes);
	else
		print_machine(bytes);
	for (i = 0; i < g->stat.lines; i++)
		print_number(g->stat.line[i].key, g->stat.line[i].value,
			     !bytes && is_bytes(g->stat.line[i].key));
	for (i = 0; i < g->events.lines; i++) {
		char *key = format_text("events.%s", g->events.line[i].key);

		print_number(key, g->events.line[i].value, false);
		free(key);
	}
}

/* A file as the module wrote it: tiermem.heat, say. To be freed; NULL if there is none. */
static char *whole_file(const char *cgroup, const char *key)
{
	enum setting s = setting_find(key, strlen(key));
	char *file, *path, *text;

	if (s != SETTINGS) {
		setting_needs(s, cgroup);
		return setting_read(s, cgroup);
	}
	/* A key is no way to other files. */
	if (strchr(key, '/'))
		return NULL;
	file = format_text("tiermem.%s", key);
	path = cgroup_file(cgroup, file);
	file_read(path, &text);
	free(file);
	free(path);
	return text;
}

static const struct keyed_line *find_number(const struct group *g, const char *key)
{
	if (!strncmp(key, "events.", 7))
		return keyed_find(&g->events, key + 7);
	return keyed_find(&g->stat, key);
}

static int print_key(const struct group *g, const char *key, bool json)
{
	const struct keyed_line *line = find_number(g, key);
	struct json_object *object, *value;
	char *text, *name;

	if (line)
		text = format_text("%" PRIu64 "\n", line->value);
	else
		text = whole_file(g->cgroup, key);
	if (!text) {
		name = text_printable(key);
		warnx("there is no key '%s': 'tiermemctl get GROUP' shows which there are", name);
		free(name);
		return EXIT_FAILURE;
	}
	if (!json) {
		fputs(text, stdout);
		free(text);
		return EXIT_SUCCESS;
	}
	if (line)
		value = json_object_new_uint64(line->value);
	else
		value = value_json(text);
	object = json_object_new_object();
	json_object_object_add(object, key, value);
	json_print(object, false);
	free(text);
	return EXIT_SUCCESS;
}

/* A process alone. */
static int get_process(const struct get_options *o)
{
	struct pidquota q;
	char *name;

	if (o->key)
		errx(EXIT_USAGE, "of a process all is shown: leave '%s' out, or use --json",
		     text_printable(o->key));
	pidquota_get(&q, pidquota_argument(o->group));
	if (o->common.json) {
		json_print(pidquota_json(&q), false);
		return output_end(EXIT_SUCCESS);
	}
	name = pidquota_name(&q);
	printf("%-20s %s\n", "process", name);
	free(name);
	print_quota("dram_max", q.dram_max_bytes, !o->bytes);
	print_number("dram_bytes", q.dram_bytes, !o->bytes);
	print_number("slow_bytes", q.slow_bytes, !o->bytes);
	print_number("hot_in_slow", q.hot_in_slow_bytes, !o->bytes);
	print_number("cold_in_dram", q.cold_in_dram_bytes, !o->bytes);
	return output_end(EXIT_SUCCESS);
}

int verb_get(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		options, parse, "GROUP [KEY]",
		"Prints what is known about a group, or one KEY of it as the module says it, sizes "
		"in bytes: dram_max, dram_min, dram_weight, dram_effective, dram_current, "
		"slow_current, a line of stat, events.NAME; or a whole file: stat, heat, "
		"dram_curve, events, events.local. Of the machine, which is called /: dram_pool, "
		"pool_policy, cpu_budget_percent, migrate_mbps.\v"
		"GROUP is a cgroup, a systemd unit, a virtual machine or a pid.",
		children, NULL, NULL
	};
	struct get_options o = { 0 };
	char *cgroup;
	struct group g;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	module_needed();
	if (o.pid)
		return get_process(&o);
	cgroup = cgroup_find(o.group);
	if (strcmp(cgroup, "/"))
		cgroup_needs_tiermem(cgroup);
	ret = group_read(&g, cgroup);
	if (ret)
		errx(EXIT_FAILURE, "cannot read tiermem's files of %s: %s", cgroup,
		     strerror(-ret));
	free(cgroup);
	ret = EXIT_SUCCESS;
	if (o.key)
		ret = print_key(&g, o.key, o.common.json);
	else if (o.common.json)
		json_print(group_json(&g), false);
	else
		print_group(&g, o.bytes);
	group_free(&g);
	return output_end(ret);
}

// SPDX-License-Identifier: GPL-2.0
/* Metrics, as monitoring has them: names, labels, values. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "group.h"
#include "metric.h"
#include "node.h"
#include "pool.h"
#include "root.h"

static const char gauge[] = "gauge";
static const char counter[] = "counter";

/* From tiermem.stat; those of one name follow each other. */
static const struct stat_metric {
	const char *key;
	const char *name;
	const char *type;
	const char *help;
	const char *reason;		/* a label, or none */
	bool usec;			/* microseconds, exported as seconds */
} stat_metrics[] = {
	{ "dram_bytes", "tiermem_dram_bytes", gauge,
	  "Memory of the cgroup in DRAM.", NULL, false },
	{ "slow_bytes", "tiermem_slow_bytes", gauge,
	  "Memory of the cgroup on slow nodes.", NULL, false },
	{ "over_quota_bytes", "tiermem_over_quota_bytes", gauge,
	  "DRAM in use above the quota.", NULL, false },
	{ "over_quota_byte_sec", "tiermem_over_quota_byte_seconds_total", counter,
	  "Integral of tiermem_over_quota_bytes over time.", NULL, false },
	{ "hot_in_slow", "tiermem_hot_in_slow_bytes", gauge,
	  "Memory on slow nodes that is hotter than what just fits the quota.", NULL, false },
	{ "warm_in_slow", "tiermem_warm_in_slow_bytes", gauge,
	  "Memory on slow nodes that would fit, but is not clearly hotter than what it would displace.",
	  NULL, false },
	{ "cold_in_dram", "tiermem_cold_in_dram_bytes", gauge,
	  "Memory in DRAM that is idle, or colder than what just fits the quota.", NULL, false },
	{ "delayed_bytes", "tiermem_delayed_bytes", gauge,
	  "Memory that waits for the migration rate or the end of a pause.", NULL, false },
	{ "window_usec", "tiermem_window_seconds", gauge,
	  "Length of the observation window.", NULL, true },
	{ "promoted_bytes", "tiermem_promoted_bytes_total", counter,
	  "Moved from slow nodes to DRAM.", NULL, false },
	{ "demoted_bytes", "tiermem_demoted_bytes_total", counter,
	  "Moved from DRAM to slow nodes.", NULL, false },
	{ "pingpong_bytes", "tiermem_pingpong_bytes_total", counter,
	  "Moved the other way a short while before.", NULL, false },
	{ "steered_bytes", "tiermem_steered_bytes_total", counter,
	  "New memory that went to slow nodes because DRAM was used up.", NULL, false },
	{ "unsteered_bytes", "tiermem_unsteered_bytes_total", counter,
	  "New memory that went to DRAM because slow nodes had no room.", NULL, false },
	{ "failed_pinned", "tiermem_failed_bytes_total", counter,
	  "Attempts to move memory that failed, by reason.", "pinned", false },
	{ "failed_locked", "tiermem_failed_bytes_total", counter,
	  "Attempts to move memory that failed, by reason.", "locked", false },
	{ "failed_busy", "tiermem_failed_bytes_total", counter,
	  "Attempts to move memory that failed, by reason.", "busy", false },
	{ "failed_nomem", "tiermem_failed_bytes_total", counter,
	  "Attempts to move memory that failed, by reason.", "nomem", false },
	{ "failed_gone", "tiermem_failed_bytes_total", counter,
	  "Attempts to move memory that failed, by reason.", "gone", false },
	{ "skipped_hugetlb", "tiermem_skipped_bytes", gauge,
	  "Memory that quotas do not cover, by reason.", "hugetlb", false },
	{ "skipped_kernel", "tiermem_skipped_bytes", gauge,
	  "Memory that quotas do not cover, by reason.", "kernel", false },
	{ "scan_pages", "tiermem_scanned_pages_total", counter,
	  "Pages looked at.", NULL, false },
	{ "scan_usec", "tiermem_scan_seconds_total", counter,
	  "Processor time spent on observation.", NULL, true },
	{ "migrate_usec", "tiermem_migrate_seconds_total", counter,
	  "Time spent on moving.", NULL, true },
};

/* Of groups, too; absent where it is max, or unknown to the module. */
static const struct limit_metric {
	const char *name;
	const char *help;
	size_t offset;			/* of an uint64_t in struct group */
} limit_metrics[] = {
	{ "tiermem_dram_max_bytes", "Quota; absent where there is none.",
	  offsetof(struct group, dram_max_bytes) },
	{ "tiermem_dram_min_bytes", "Reservation in the pool; absent where it is all.",
	  offsetof(struct group, dram_min_bytes) },
	{ "tiermem_dram_weight", "Share of what is contended in the pool, beside others.",
	  offsetof(struct group, dram_weight) },
	{ "tiermem_dram_effective_bytes",
	  "What binds now, of quotas and shares of the pool; absent where nothing does.",
	  offsetof(struct group, dram_effective_bytes) },
};

static struct json_object *sample(struct json_object *samples, const char *name, const char *type,
				  const char *help, struct json_object *value)
{
	struct json_object *object = json_object_new_object();
	struct json_object *labels = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "type", json_object_new_string(type));
	json_object_object_add(object, "help", json_object_new_string(help));
	json_object_object_add(object, "labels", labels);
	json_object_object_add(object, "value", value);
	json_object_array_add(samples, object);
	return labels;
}

static void module_samples(struct json_object *samples)
{
	char *version = root_line("sys/kernel/tiermem/version");
	char *state = root_line("sys/kernel/tiermem/state"), *budget, *mbps;
	struct json_object *labels;

	sample(samples, "tiermem_loaded", gauge, "Whether the module is loaded.",
	       json_object_new_int(state ? 1 : 0));
	if (state) {
		labels = sample(samples, "tiermem_info", gauge, "What is loaded, in labels.",
				json_object_new_int(1));
		json_object_object_add(labels, "version", name_json(version ?: ""));
		labels = sample(samples, "tiermem_state", gauge, "What it is doing, in a label.",
				json_object_new_int(1));
		json_object_object_add(labels, "state", name_json(state));
		budget = root_line("sys/kernel/tiermem/cpu_budget_percent");
		mbps = root_line("sys/kernel/tiermem/migrate_mbps");
		if (budget)
			sample(samples, "tiermem_cpu_budget_ratio", gauge,
			       "Part of a processor that observation may take.",
			       json_object_new_double(strtoul(budget, NULL, 10) / 100.0));
		if (mbps)
			sample(samples, "tiermem_migrate_limit_bytes_per_second", gauge,
			       "Limit on moving memory in exchange for other.",
			       json_object_new_uint64(strtoull(mbps, NULL, 10) << 20));
		free(budget);
		free(mbps);
	}
	free(version);
	free(state);
}

static void pool_samples(struct json_object *samples)
{
	struct pool pool;

	pool_read(&pool);
	if (pool.bytes != NO_QUOTA)
		sample(samples, "tiermem_dram_pool_bytes", gauge,
		       "DRAM that groups share; absent where nothing is shared out.",
		       json_object_new_uint64(pool.bytes));
	pool_free(&pool);
}

static void node_samples(struct json_object *samples)
{
	struct nodes nodes;
	size_t i, pass;

	nodes_read(&nodes);
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < nodes.n; i++) {
			const struct node *n = &nodes.node[i];
			struct json_object *labels;
			char *id = format_text("%d", n->id);

			if (!pass)
				labels = sample(samples, "tiermem_node_bytes", gauge,
						"Size of a memory node.",
						json_object_new_uint64(n->size_bytes));
			else
				labels = sample(samples, "tiermem_node_free_bytes", gauge,
						"Free memory of a node.",
						json_object_new_uint64(n->free_bytes));
			json_object_object_add(labels, "node", json_object_new_string(id));
			json_object_object_add(labels, "tier",
					       json_object_new_string(n->slow ? "slow" : "fast"));
			free(id);
		}
	}
	nodes_free(&nodes);
}

static void stat_sample(struct json_object *samples, const struct group *g,
			const struct stat_metric *m)
{
	const struct keyed_line *line = keyed_find(&g->stat, m->key);
	struct json_object *labels, *value;

	if (!line)
		return;
	value = m->usec ? json_object_new_double(line->value / 1e6) :
			  json_object_new_uint64(line->value);
	labels = sample(samples, m->name, m->type, m->help, value);
	json_object_object_add(labels, "cgroup", name_json(g->cgroup));
	if (m->reason)
		json_object_object_add(labels, "reason", json_object_new_string(m->reason));
}

static void event_samples(struct json_object *samples, const struct group *g)
{
	struct json_object *labels;
	size_t i;

	for (i = 0; i < g->events.lines; i++) {
		labels = sample(samples, "tiermem_events_total", counter,
				"Events of the cgroup and all below it.",
				json_object_new_uint64(g->events.line[i].value));
		json_object_object_add(labels, "cgroup", name_json(g->cgroup));
		json_object_object_add(labels, "event", name_json(g->events.line[i].key));
	}
}

static void limit_samples(struct json_object *samples, const struct groups *gs,
			  const struct limit_metric *m)
{
	struct json_object *labels;
	size_t i;

	for (i = 0; i < gs->n; i++) {
		const struct group *g = &gs->group[i];
		uint64_t value = *(const uint64_t *)((const char *)g + m->offset);

		if (value == NO_QUOTA)
			continue;
		labels = sample(samples, m->name, gauge, m->help, json_object_new_uint64(value));
		json_object_object_add(labels, "cgroup", name_json(g->cgroup));
	}
}

static void group_samples(struct json_object *samples, const struct groups *gs)
{
	const struct stat_metric *m;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(limit_metrics); i++)
		limit_samples(samples, gs, &limit_metrics[i]);
	for (i = 0; i < ARRAY_SIZE(stat_metrics);) {
		m = &stat_metrics[i];
		for (j = 0; j < gs->n; j++) {
			const struct stat_metric *same = m;

			for (; same < stat_metrics + ARRAY_SIZE(stat_metrics) &&
			     !strcmp(same->name, m->name); same++)
				stat_sample(samples, &gs->group[j], same);
		}
		for (; i < ARRAY_SIZE(stat_metrics) &&
		     !strcmp(stat_metrics[i].name, m->name); i++)
			;
	}
	for (i = 0; i < gs->n; i++)
		event_samples(samples, &gs->group[i]);
}

struct json_object *metrics_read(bool all, bool *complete)
{
	struct json_object *samples = json_object_new_array();
	struct groups gs;
	struct group root, *more;

	*complete = true;
	module_samples(samples);
	if (!module_loaded())
		return samples;
	pool_samples(samples);
	node_samples(samples);
	groups_read(&gs, all);
	*complete = !gs.incomplete;
	/* Its counters are of all groups since the module was loaded. */
	if (!group_read(&root, "/")) {
		more = array_grow(gs.group, gs.n, sizeof(*more));
		more[gs.n++] = root;
		gs.group = more;
	}
	group_samples(samples, &gs);
	groups_free(&gs);
	return samples;
}

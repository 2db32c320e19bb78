// SPDX-License-Identifier: GPL-2.0
/* Groups: what tiermem says about cgroups. */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "cgroup.h"
#include "group.h"
#include "pool.h"
#include "root.h"
#include "text.h"

double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void sleep_s(double seconds)
{
	struct timespec t = { .tv_sec = seconds };

	t.tv_nsec = (seconds - t.tv_sec) * 1e9;
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* What a cgroup has that nobody wrote to. */
#define DEFAULT_WEIGHT	100

static int read_limit(const char *cgroup, const char *file, uint64_t *limit)
{
	char *path = cgroup_file(cgroup, file), *text;
	int ret = file_read(path, &text);

	free(path);
	if (ret)
		return ret;
	text[strcspn(text, "\n")] = '\0';
	ret = quota_parse(text, limit);
	free(text);
	return ret;
}

/* What was written to a cgroup, and what binds it. */
static int read_limits(struct group *g, const char *cgroup)
{
	int ret;

	g->dram_max_bytes = NO_QUOTA;
	g->knows_pool = false;
	g->dram_min_bytes = NO_QUOTA;
	g->dram_weight = NO_QUOTA;
	g->dram_effective_bytes = NO_QUOTA;
	if (!strcmp(cgroup, "/"))
		return 0;
	ret = read_limit(cgroup, "tiermem.dram_max", &g->dram_max_bytes) ?:
	      read_limit(cgroup, "tiermem.dram_min", &g->dram_min_bytes);
	/* An older module, unless it is the cgroup that is gone. */
	if (ret == -ENOENT && cgroup_has_tiermem(cgroup))
		return 0;
	if (ret)
		return ret;
	g->knows_pool = true;
	return read_limit(cgroup, "tiermem.dram_weight", &g->dram_weight) ?:
	       read_limit(cgroup, "tiermem.dram_effective", &g->dram_effective_bytes);
}

static int read_keyed(struct keyed *keyed, const char *cgroup, const char *name)
{
	char *path = cgroup_file(cgroup, name);
	int ret = keyed_read(keyed, path);

	free(path);
	return ret;
}

/* All but the limits. */
static int read_rest(struct group *g, const char *cgroup)
{
	int ret = read_keyed(&g->stat, cgroup, "tiermem.stat");

	if (!ret && strcmp(cgroup, "/"))
		ret = read_keyed(&g->events, cgroup, "tiermem.events");
	if (ret) {
		keyed_free(&g->stat);
		return ret;
	}
	g->cgroup = format_text("%s", cgroup);
	g->promote_rate = -1;
	g->demote_rate = -1;
	g->useful_bytes = NO_QUOTA;
	return 0;
}

int group_read(struct group *g, const char *cgroup)
{
	memset(g, 0, sizeof(*g));
	return read_limits(g, cgroup) ?: read_rest(g, cgroup);
}

void group_free(struct group *g)
{
	free(g->cgroup);
	keyed_free(&g->stat);
	keyed_free(&g->events);
}

uint64_t group_stat(const struct group *g, const char *key)
{
	return keyed_value(&g->stat, key);
}

uint64_t group_quota(const struct group *g)
{
	return g->knows_pool ? g->dram_effective_bytes : g->dram_max_bytes;
}

/* What binds the cgroup above. */
static uint64_t quota_above(const char *cgroup)
{
	const char *slash = strrchr(cgroup, '/');
	uint64_t bytes = NO_QUOTA;
	char *above;

	if (slash == cgroup)
		return bytes;
	above = format_text("%.*s", (int)(slash - cgroup), cgroup);
	if (read_limit(above, "tiermem.dram_effective", &bytes))
		bytes = 0;
	free(above);
	return bytes;
}

bool group_takes_part(const struct group *g)
{
	if (g->dram_max_bytes != NO_QUOTA)
		return true;
	if (!g->knows_pool)
		return false;
	if (g->dram_min_bytes || g->dram_weight != DEFAULT_WEIGHT)
		return true;
	/* Somebody may have written the weight that all have. Then it has a share of its own. */
	return g->dram_effective_bytes != NO_QUOTA &&
	       g->dram_effective_bytes < quota_above(g->cgroup);
}

bool group_is_below(const struct group *g, const struct group *above)
{
	size_t n = strlen(above->cgroup);

	return !strncmp(g->cgroup, above->cgroup, n) && g->cgroup[n] == '/';
}

struct reading {
	struct groups *groups;
	bool all;
};

/*
 * Does it take part, or has it slow memory? For tiermem.stat the kernel looks at each process, and
 * there are many more cgroups than groups.
 */
static bool is_group(const char *cgroup)
{
	char *path = cgroup_file(cgroup, "tiermem.slow_current"), *text;
	struct group g = { .cgroup = (char *)cgroup };
	bool is = false;

	if (!file_read(path, &text)) {
		is = strtoull(text, NULL, 10);
		free(text);
	}
	free(path);
	/* What can't be read is complained about later. */
	return is || read_limits(&g, cgroup) || group_takes_part(&g);
}

static void read_one(const char *cgroup, void *arg)
{
	struct reading *r = arg;
	struct group g, *more;
	char *name;
	int ret;

	if (!strcmp(cgroup, "/") || (!r->all && !is_group(cgroup)))
		return;
	ret = group_read(&g, cgroup);
	/* Gone, or without the memory controller. */
	if (ret == -ENOENT || ret == -ENODEV)
		return;
	if (ret) {
		name = text_printable(cgroup);
		warnx("cannot read tiermem's files of %s: %s", name, strerror(-ret));
		free(name);
		r->groups->incomplete = true;
		return;
	}
	more = array_grow(r->groups->group, r->groups->n, sizeof(*more));
	more[r->groups->n++] = g;
	r->groups->group = more;
}

static int compare(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return cgroup_compare(x->cgroup, y->cgroup);
}

void groups_read(struct groups *gs, bool all)
{
	struct reading r = { .groups = gs, .all = all };

	memset(gs, 0, sizeof(*gs));
	gs->at_s = now_s();
	if (!cgroup_walk("/", read_one, &r))
		gs->incomplete = true;
	if (gs->n)
		qsort(gs->group, gs->n, sizeof(*gs->group), compare);
}

void groups_free(struct groups *gs)
{
	size_t i;

	for (i = 0; i < gs->n; i++)
		group_free(&gs->group[i]);
	free(gs->group);
	memset(gs, 0, sizeof(*gs));
}

/* Counters begin again when a cgroup of the same name does, and when it gets a quota again. */
static double rate(const struct group *now, const struct group *before, const char *key,
		   double seconds)
{
	uint64_t new = group_stat(now, key), old = group_stat(before, key);

	return (new >= old ? new - old : new) / seconds;
}

void groups_rates(struct groups *now, struct groups *before)
{
	double seconds = now->at_s - before->at_s;
	size_t i;

	if (before->n)
		qsort(before->group, before->n, sizeof(*before->group), compare);
	for (i = 0; i < now->n && before->n && seconds > 0; i++) {
		struct group *g = &now->group[i], *old;

		old = bsearch(g, before->group, before->n, sizeof(*g), compare);
		if (!old)
			continue;
		g->promote_rate = rate(g, old, "promoted_bytes", seconds);
		g->demote_rate = rate(g, old, "demoted_bytes", seconds);
	}
}

void groups_read_rates(struct groups *gs, bool all, double interval_s)
{
	struct groups before;

	groups_read(&before, all);
	sleep_s(interval_s);
	groups_read(gs, all);
	groups_rates(gs, &before);
	groups_free(&before);
}

struct json_object *name_json(const char *name)
{
	char *utf8 = text_utf8(name);
	struct json_object *string = json_object_new_string(utf8);

	free(utf8);
	return string;
}

struct json_object *quota_json(uint64_t bytes)
{
	return bytes == NO_QUOTA ? NULL : json_object_new_uint64(bytes);
}

struct json_object *value_json(const char *text)
{
	size_t n = strcspn(text, "\n");

	if (n == 3 && !strncmp(text, "max", n))
		return NULL;
	if (n && strspn(text, "0123456789") == n)
		return json_object_new_uint64(strtoull(text, NULL, 10));
	/* A word, or a file with lines. */
	return json_object_new_string_len(text, strcspn(text, "\n ") == n ? n : strlen(text));
}

struct json_object *keyed_json(const struct keyed *keyed)
{
	struct json_object *object = json_object_new_object(), *value;
	size_t i;

	for (i = 0; i < keyed->lines; i++) {
		value = json_object_new_uint64(keyed->line[i].value);
		json_object_object_add(object, keyed->line[i].key, value);
	}
	return object;
}

static struct json_object *rate_json(double rate)
{
	return rate < 0 ? NULL : json_object_new_uint64(rate + 0.5);
}

struct json_object *group_json(const struct group *g)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "cgroup", name_json(g->cgroup));
	json_object_object_add(object, "dram_max_bytes", quota_json(g->dram_max_bytes));
	if (!strcmp(g->cgroup, "/"))
		pool_json(object);
	if (g->knows_pool) {
		json_object_object_add(object, "dram_min_bytes", quota_json(g->dram_min_bytes));
		json_object_object_add(object, "dram_weight",
				       json_object_new_uint64(g->dram_weight));
		json_object_object_add(object, "dram_effective_bytes",
				       quota_json(g->dram_effective_bytes));
	}
	if (g->useful_bytes != NO_QUOTA)
		json_object_object_add(object, "useful_bytes",
				       json_object_new_uint64(g->useful_bytes));
	json_object_object_add(object, "promote_bytes_per_second", rate_json(g->promote_rate));
	json_object_object_add(object, "demote_bytes_per_second", rate_json(g->demote_rate));
	json_object_object_add(object, "stat", keyed_json(&g->stat));
	json_object_object_add(object, "events", keyed_json(&g->events));
	return object;
}

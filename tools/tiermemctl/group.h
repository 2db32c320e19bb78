/* SPDX-License-Identifier: GPL-2.0 */
/* Groups: what tiermem says about cgroups. */
#ifndef TIERMEMCTL_GROUP_H
#define TIERMEMCTL_GROUP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyed.h"
#include "quota.h"

struct group {
	char *cgroup;
	/* NO_QUOTA where the file says max, and where there is none. */
	uint64_t dram_max_bytes;
	bool knows_pool;		/* the module does: there are files for these */
	uint64_t dram_min_bytes;
	uint64_t dram_weight;
	uint64_t dram_effective_bytes;
	struct keyed stat;
	struct keyed events;		/* none for the root */
	/* Bytes a second; negative before groups_rates(). */
	double promote_rate;
	double demote_rate;
	uint64_t useful_bytes;		/* of shares_read(), else NO_QUOTA */
};

struct groups {
	struct group *group;		/* groups_read(): by cgroup_compare() */
	size_t n;
	double at_s;			/* when it was read */
	bool incomplete;		/* something could not be read, stderr knows what */
};

/**
 * group_read() - read the files of one cgroup
 * @g: result; group_free() on success
 * @cgroup: which one
 *
 * Return: 0, or a negative error number: -ENOENT and -ENODEV if it has, or has now, no such files.
 */
int group_read(struct group *g, const char *cgroup);

void group_free(struct group *g);

uint64_t group_stat(const struct group *g, const char *key);

/* What binds now, as far as the module says it: bytes, or NO_QUOTA. */
uint64_t group_quota(const struct group *g);

/* Has it a quota, or a part in the pool? */
bool group_takes_part(const struct group *g);

/* Is it a cgroup below that of @above? */
bool group_is_below(const struct group *g, const struct group *above);

/**
 * groups_read() - read the groups of the machine
 * @gs: result; groups_free()
 * @all: also those that take no part and have no slow memory
 */
void groups_read(struct groups *gs, bool all);

void groups_free(struct groups *gs);

/* Fills in the rates of @now, those of groups that are in @before; sorts that. */
void groups_rates(struct groups *now, struct groups *before);

/* Reads a second time, so many seconds later, for the rates. */
void groups_read_rates(struct groups *gs, bool all, double interval_s);

/* Files and rates as an object. */
struct json_object *group_json(const struct group *g);

/* The lines of a flat keyed file as an object. */
struct json_object *keyed_json(const struct keyed *keyed);

/* A quota: a number, or null. */
struct json_object *quota_json(uint64_t bytes);

/* A file: a number, null for max, or a string. */
struct json_object *value_json(const char *text);

/* A name as a JSON string. */
struct json_object *name_json(const char *name);

/* Seconds on a clock that nobody sets. */
double now_s(void);

void sleep_s(double seconds);

#endif

// SPDX-License-Identifier: GPL-2.0
/* check: the pool that groups share. */
#include "finding.h"
#include "node.h"
#include "pool.h"
#include "size.h"

/* More than there is becomes NO_QUOTA. */
static uint64_t add(uint64_t a, uint64_t b)
{
	return b >= NO_QUOTA - a ? NO_QUOTA : a + b;
}

/*
 * What is reserved, by groups that are below no other one: what those below them reserve counts
 * as far as their own does. Return: how many groups take part.
 */
static size_t add_up(const struct groups *gs, uint64_t *reserved_bytes)
{
	const struct group *top = NULL;
	size_t parts = 0, i;

	*reserved_bytes = 0;
	for (i = 0; i < gs->n; i++) {
		const struct group *g = &gs->group[i];

		if (!group_takes_part(g))
			continue;
		parts++;
		if (top && group_is_below(g, top))
			continue;
		top = g;
		*reserved_bytes = add(*reserved_bytes, g->dram_min_bytes < g->dram_max_bytes ?
				      g->dram_min_bytes : g->dram_max_bytes);
	}
	return parts;
}

static unsigned int check_size(struct findings *f, const struct pool *pool)
{
	char size[SIZE_CHARS], dram[SIZE_CHARS];
	struct nodes nodes;
	uint64_t dram_bytes;

	nodes_read(&nodes);
	dram_bytes = nodes_size(&nodes, false);
	nodes_free(&nodes);
	if (!dram_bytes || pool->bytes <= dram_bytes)
		return 0;
	finding(f, FINDING_WARNING, "pool",
		"leave others some: tiermemctl set / dram_pool=80%",
		"%s, more than this machine has, %s of DRAM: groups may get less than their shares",
		size_text(pool->bytes, size), size_text(dram_bytes, dram));
	return 1;
}

static unsigned int check_members(struct findings *f, const struct pool *pool,
				  const struct groups *gs)
{
	char size[SIZE_CHARS], reserved[SIZE_CHARS] = "max";
	uint64_t reserved_bytes;

	if (!add_up(gs, &reserved_bytes)) {
		finding(f, FINDING_WARNING, "pool",
			"tiermemctl set GROUP dram_weight=100, of each that is to share it",
			"%s, but no group takes part", size_text(pool->bytes, size));
		return 1;
	}
	if (reserved_bytes <= pool->bytes)
		return 0;
	if (reserved_bytes != NO_QUOTA)
		size_text(reserved_bytes, reserved);
	finding(f, FINDING_WARNING, "pool",
		"a larger pool, or smaller reservations: tiermemctl set GROUP dram_min=SIZE",
		"%s, less than what is reserved, %s: reservations count in part",
		size_text(pool->bytes, size), reserved);
	return 1;
}

void check_pool(struct findings *f, const struct groups *gs)
{
	char size[SIZE_CHARS];
	unsigned int found;
	struct pool pool;

	pool_read(&pool);
	if (pool.known && pool.bytes == NO_QUOTA) {
		finding(f, FINDING_OK, "pool", NULL, "none");
	} else if (pool.known) {
		found = check_size(f, &pool);
		/* Else those that could not be read may be the ones. */
		if (!gs->incomplete)
			found += check_members(f, &pool, gs);
		if (!found)
			finding(f, FINDING_OK, "pool", NULL, "%s, %s",
				size_text(pool.bytes, size), pool.policy);
	}
	pool_free(&pool);
}

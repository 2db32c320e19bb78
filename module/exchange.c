// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out a plan: hot pages up, cold ones down to make room for them, at
 * the rate that the user allows. No decisions but to give way.
 */
#include <linux/freezer.h>

#include "observe.h"

/* A wait for the rate ends after so long, to look whether something is more urgent. */
#define REFILL_NS	(20ULL * NSEC_PER_MSEC)

/*
 * The kernel unmaps all pages of a batch before it copies the first, and hot
 * pages are missed at once: whoever touches one waits for the rest of its batch.
 * Fewer pages at a time would cost more flushes of TLBs for each than that gains.
 */
#define STEP_PAGES	32ULL

/* What all groups together may move; ktiermemd's own, no lock. */
static struct tm_rate migrate_rate;

static u64 bytes_per_second(void)
{
	return (u64)READ_ONCE(tm_migrate_mbps) << 20;
}

/* How much a plan may promote: the group's part of the migration rate. */
u64 tm_exchange_most_pages(struct tm_group *g)
{
	u64 rate = bytes_per_second();

	/* A second's worth at a time, and for each page one that makes room. */
	return tm_rate_refill(&g->migrate_rate, rate, rate, ktime_get_ns()) >> (PAGE_SHIFT + 1);
}

static bool should_yield(const struct tm_group *g)
{
	return tm_stopping() || freezing(current) || atomic_read(&g->waiting) ||
	       tm_group_gone(g);
}

/* Wait until a batch may be moved. False if something else is more urgent. */
static bool have_tokens(const struct tm_group *g)
{
	u64 rate = bytes_per_second();
	u64 burst = max(rate / 8, (u64)TM_BATCH_PAGES << PAGE_SHIFT);

	while (!should_yield(g)) {
		if (tm_rate_refill(&migrate_rate, rate, burst, ktime_get_ns()) >=
		    (u64)TM_BATCH_PAGES << PAGE_SHIFT)
			return true;
		tm_daemon_sleep_until(ktime_get_ns() + REFILL_NS);
	}
	return false;
}

/**
 * struct cursor - candidates of one tier, best first
 * @tier: where they are
 * @level: heat level that is being handed out
 * @step: to the next level: down from hot for slow pages, up from cold for fast ones
 * @last: level to end with
 * @next: 1 + index of the next candidate of the level; 0 after the last
 * @folio: the candidate at hand, with a reference
 */
struct cursor {
	enum tm_tier tier;
	int level;
	int step;
	int last;
	unsigned int next;
	struct folio *folio;
};

static void cursor_init(struct cursor *c, const struct tm_observation *o, enum tm_tier tier,
			int from, int to)
{
	c->tier = tier;
	c->level = from;
	c->step = tier == TM_SLOW ? -1 : 1;
	c->last = to;
	c->next = o->candidates[tier].first[from];
	c->folio = NULL;
}

static struct folio *next_candidate(struct tm_group *g, const struct tm_observation *o,
				    struct cursor *c)
{
	const struct tm_candidates *known = &o->candidates[c->tier];

	while (c->level != c->last + c->step) {
		while (c->next) {
			struct tm_candidate candidate = known->all[c->next - 1];
			struct folio *folio = tm_candidate_get(o, c->tier, candidate.pfn);

			c->next = candidate.next;
			if (folio)
				return folio;
			tm_stat_add(g, TM_STAT_FAILED_GONE, PAGE_SIZE);
		}
		c->level += c->step;
		if (c->level != c->last + c->step)
			c->next = known->first[c->level];
	}
	return NULL;
}

/* The candidate at hand; NULL if there is none any more. */
static struct folio *cursor_peek(struct tm_group *g, const struct tm_observation *o,
				 struct cursor *c)
{
	if (!c->folio)
		c->folio = next_candidate(g, o, c);
	return c->folio;
}

static void cursor_end(struct cursor *c)
{
	if (c->folio)
		folio_put(c->folio);
}

/*
 * Move about @nr_pages of a tier's candidates to the other one: to DRAM no
 * more than that, from it no less, if there are so many.
 */
static u64 move_some(struct tm_group *g, struct tm_observation *o, struct cursor *c,
		     struct tm_batch *b, u64 nr_pages)
{
	unsigned long moved;

	while (b->nr_pages < nr_pages && !tm_batch_full(b)) {
		struct folio *folio = cursor_peek(g, o, c);

		if (!folio || (b->to == TM_FAST &&
			       b->nr_pages + (u64)folio_nr_pages(folio) > nr_pages))
			break;
		c->folio = NULL;
		tm_batch_add(b, folio);
	}
	moved = tm_batch_flush(b);
	tm_rate_spend(&migrate_rate, (u64)moved << PAGE_SHIFT);
	tm_rate_spend(&g->migrate_rate, (u64)moved << PAGE_SHIFT);
	tm_group_recount_path(g);
	tm_give_way();
	return moved;
}

/**
 * tm_exchange - carry out a plan
 * @g: group, move_mutex held
 * @o: its observation
 *
 * Room is made before it is used, so usage stays at or below the quota at
 * every step.
 */
void tm_exchange(struct tm_group *g, struct tm_observation *o)
{
	const struct tm_plan *p = &g->engine.plan;
	struct cursor hot, cold;
	u64 promote = p->promote_pages, demote = p->demote_pages;
	struct tm_batch up, down;
	nodemask_t allowed;

	if (!promote && !demote)
		return;
	cursor_init(&hot, o, TM_SLOW, TM_HEAT_LEVELS - 1,
		    (int)min(p->promote_level, TM_HEAT_LEVELS - 1));
	cursor_init(&cold, o, TM_FAST, 0, (int)p->demote_level);
	tm_group_allowed_nodes(g, &allowed);
	tm_batch_init(&up, g, TM_FAST, &allowed);
	tm_batch_init(&down, g, TM_SLOW, &allowed);
	while ((promote || demote) && have_tokens(g)) {
		struct folio *folio = promote ? cursor_peek(g, o, &hot) : NULL;
		/* A huge page needs room for all of it, which may be more than the plan makes. */
		u64 need = folio ? (u64)folio_nr_pages(folio) : 0;
		u64 want = folio ? max(min(promote, STEP_PAGES), need) : 0;
		u64 room = (u64)max(tm_group_room(g), 0L);
		u64 moved;

		/* Fewer hot pages than the plan hoped for: nobody needs the room. */
		if (!folio) {
			demote -= min(demote, promote);
			promote = 0;
		}
		/* The rest of a plan whose room others have taken. */
		if (!demote && (!folio || (need == 1 && !room)))
			break;
		if (room < (demote ? max(want, 1ULL) : need) || !folio) {
			moved = move_some(g, o, &cold, &down,
					  demote ? min(demote, STEP_PAGES) : need - room);
			demote -= min(demote, moved);
			/* Less cold memory than the plan hoped for. */
			if (!moved && (!folio || room < need))
				break;
			if (!moved)
				demote = 0;
		} else {
			moved = move_some(g, o, &hot, &up, min(want, room));
			promote -= min(promote, moved);
			if (!moved)
				break;
		}
	}
	cursor_end(&hot);
	cursor_end(&cold);

	if (tm_engine_moved(&g->engine, up.moved_pages + down.moved_pages,
			    up.pingpong_total_pages + down.pingpong_total_pages))
		tm_event(g, TM_EVENT_THRASH);
}

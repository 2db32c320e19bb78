// SPDX-License-Identifier: GPL-2.0
/*
 * ktiermemd: looks after every group in turn.
 *
 * One pass over a group: recount, bring it below its quota if it is above,
 * observe if its window has passed, plan, exchange. When the next pass is due
 * follows from what this one found; without groups the thread sleeps until
 * somebody writes a quota.
 */
#include <linux/freezer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/wait.h>

#include "ksym.h"
#include "tiermem.h"
#include "trace.h"

/* A group with nothing to do is looked at this often, to notice that it went. */
#define IDLE_NS		(1ULL * NSEC_PER_SEC)
/* A group that allocates near its quota, to notice what it freed. */
#define BUSY_NS		(50ULL * NSEC_PER_MSEC)
/* Shortest and longest time between two visits of a page. */
#define WINDOW_MIN_NS	(250ULL * NSEC_PER_MSEC)
/* The first windows of a group that has just been filled: most pages lie wrong. */
#define WINDOW_FILLED_NS (100ULL * NSEC_PER_MSEC)
#define WINDOW_CALM_NS	(1ULL * NSEC_PER_SEC)
#define WINDOW_IDLE_NS	(2ULL * NSEC_PER_SEC)
/* After a demotion that led nowhere. */
#define RETRY_MIN_NS	(500ULL * NSEC_PER_MSEC)
#define RETRY_MAX_NS	(8ULL * NSEC_PER_SEC)
/* Observation time that can be saved up for a busy moment. */
#define SCAN_BURST_NS	(500ULL * NSEC_PER_MSEC)
/* From the last quota's end until the hook is unregistered. */
#define DISARM_NS	(1ULL * NSEC_PER_SEC)
/* Passes without promotions after more than half of them went back. */
#define THRASH_PASSES	8

static struct task_struct *thread;
static DECLARE_WAIT_QUEUE_HEAD(wakeup);
/* Why the daemon was woken; taken by the next pass. */
#define KICK_SOME	1	/* by the hook: tm_group::kicked says for which groups */
#define KICK_ALL	2
static atomic_t kicked = ATOMIC_INIT(0);
static bool stopping;

/* The daemon's own, no lock. */
static struct tm_observation observation;
static struct tm_rate migrate_rate;
static struct tm_rate scan_rate;

/* Module exit has begun: whatever works long should end. */
bool tm_stopping(void)
{
	return READ_ONCE(stopping);
}

static void wake_daemon(struct irq_work *work)
{
	wake_up(&wakeup);
}

static DEFINE_IRQ_WORK(kick_work, wake_daemon);

/* Something changed: look at all groups soon. */
void tm_daemon_kick(void)
{
	atomic_or(KICK_ALL, &kicked);
	wake_up(&wakeup);
}

/* The hook may run anywhere, so it wakes through an interrupt. */
void tm_daemon_kick_from_hook(struct tm_group *g)
{
	if (!atomic_xchg(&g->kicked, 1)) {
		atomic_or(KICK_SOME, &kicked);
		irq_work_queue(&kick_work);
	}
}

/* Demote, tell what came of it, and when to try again if it led nowhere. */
static void demote(struct tm_group *g)
{
	enum tm_demote_result result = tm_demote(g);

	g->stuck = result == TM_DEMOTE_STUCK;
	switch (result) {
	case TM_DEMOTE_SLOW_FULL:
		/* Room may appear at any time; looking for it is cheap. */
		tm_event(g, TM_EVENT_SLOW_FULL);
		g->backoff_ns = IDLE_NS;
		break;
	case TM_DEMOTE_STUCK:
		tm_event(g, TM_EVENT_UNREACHABLE);
		g->backoff_ns = clamp(2 * g->backoff_ns, RETRY_MIN_NS, RETRY_MAX_NS);
		break;
	default:
		g->backoff_ns = 0;
	}
	g->retry_ns = ktime_get_ns() + g->backoff_ns;
}

/**
 * tm_daemon_cut - bring a group below a quota that was just written
 * @g: group
 *
 * Context: the writer's. A signal ends it early, and the daemon goes on.
 */
void tm_daemon_cut(struct tm_group *g)
{
	if (!tm_group_excess(g) || !tm_tiers_have_slow())
		return;
	/* The daemon may be in the middle of an exchange: it lets us in. */
	atomic_inc(&g->waiting);
	if (!mutex_lock_interruptible(&g->move_mutex)) {
		g->stuck = false;
		g->backoff_ns = 0;
		demote(g);
		mutex_unlock(&g->move_mutex);
	}
	atomic_dec(&g->waiting);
}

static bool should_yield(const struct tm_group *g)
{
	return tm_stopping() || freezing(current) || atomic_read(&g->waiting) ||
	       css_is_dying(&g->memcg->css);
}

/* Wait until a batch may be moved. False if something else is more urgent. */
static bool have_tokens(const struct tm_group *g)
{
	u64 rate = (u64)READ_ONCE(tm_migrate_mbps) << 20;
	u64 burst = max(rate / 8, (u64)TM_BATCH_PAGES << PAGE_SHIFT);

	while (!should_yield(g)) {
		if (tm_rate_refill(&migrate_rate, rate, burst, ktime_get_ns()) >=
		    (u64)TM_BATCH_PAGES << PAGE_SHIFT)
			return true;
		wait_event_interruptible_timeout(wakeup, should_yield(g), HZ / 50);
	}
	return false;
}

/**
 * struct cursor - candidates of one tier, best first
 * @tier: where they are
 * @level: heat level that is being handed out
 * @step: to the next level: down from hot for slow pages, up from cold for fast ones
 * @last: level to end with
 * @next: index of the next candidate
 */
struct cursor {
	enum tm_tier tier;
	int level;
	int step;
	int last;
	unsigned int next;
};

static struct folio *next_candidate(struct tm_observation *o, struct cursor *c)
{
	for (; c->level != c->last + c->step; c->level += c->step, c->next = 0) {
		while (c->next < o->nr[c->tier]) {
			struct tm_candidate candidate = o->candidates[c->tier][c->next++];
			struct folio *folio;

			if ((int)candidate.level != c->level)
				continue;
			folio = tm_candidate_get(o, c->tier, candidate);
			if (folio)
				return folio;
		}
	}
	return NULL;
}

/* Move up to @nr_pages of a tier's candidates to the other one. */
static u64 move_some(struct tm_group *g, struct tm_observation *o, struct cursor *c,
		     struct tm_batch *b, u64 nr_pages)
{
	unsigned long moved;

	while (b->nr_pages < nr_pages && !tm_batch_full(b)) {
		struct folio *folio = next_candidate(o, c);

		if (!folio)
			break;
		tm_batch_add(b, folio);
	}
	moved = tm_batch_flush(b);
	tm_rate_spend(&migrate_rate, (u64)moved << PAGE_SHIFT);
	tm_group_recount_path(g);
	cond_resched();
	return moved;
}

/**
 * exchange - carry out a plan
 * @g: group, move_mutex held
 * @o: its observation
 *
 * Room is made before it is used, so usage stays at or below the quota at
 * every step.
 */
static void exchange(struct tm_group *g, struct tm_observation *o)
{
	struct tm_plan *p = &g->plan;
	struct cursor hot = { TM_SLOW, TM_HEAT_WINDOWS, -1, (int)p->promote_level, 0 };
	struct cursor cold = { TM_FAST, 0, 1, (int)p->demote_level, 0 };
	u64 promote = p->promote_pages, demote = p->demote_pages;
	struct tm_batch up, down;
	nodemask_t allowed;

	tm_group_allowed_nodes(g, &allowed);
	tm_batch_init(&up, g->memcg, TM_FAST, &allowed);
	tm_batch_init(&down, g->memcg, TM_SLOW, &allowed);
	while ((promote || demote) && have_tokens(g)) {
		u64 want = min_t(u64, promote, TM_BATCH_PAGES);
		long room = tm_group_room(g->memcg);
		u64 moved;

		if (demote && (room < (long)want || !promote)) {
			moved = move_some(g, o, &cold, &down, demote);
			demote -= min(demote, moved);
			if (!moved)
				demote = 0;
		} else if (promote) {
			/* The rest of a plan that found less cold memory than it hoped for. */
			if (room <= 0)
				break;
			moved = move_some(g, o, &hot, &up, min_t(u64, want, (u64)room));
			promote -= min(promote, moved);
			if (!moved)
				break;
		}
	}

	if (up.pingpong_total_pages > 64 && up.pingpong_total_pages > up.moved_pages / 2) {
		tm_event(g, TM_EVENT_THRASH);
		g->calm_passes = THRASH_PASSES;
	}
}

/* How long until the next visit, from what this one found and what it cost. */
static void adapt_window(struct tm_group *g, const struct tm_observation *o, u64 cost_ns)
{
	u64 rate = (u64)READ_ONCE(tm_cpu_budget_percent) * (NSEC_PER_SEC / 100);
	u64 idle_pages = max(64ULL, (g->fast_pages + g->slow_pages) / 1024);
	u64 now = ktime_get_ns(), saved;

	if (g->filled_windows) {
		g->filled_windows--;
		g->window_ns = WINDOW_FILLED_NS;
	} else if (g->plan.promote_pages || g->plan.demote_pages) {
		g->window_ns = WINDOW_MIN_NS;
	} else {
		g->window_ns = clamp(2 * g->window_ns, WINDOW_MIN_NS,
				     o->young_pages < idle_pages ? WINDOW_IDLE_NS :
								   WINDOW_CALM_NS);
	}

	/* The budget: what the next visit will cost must have been saved up by then. */
	saved = tm_rate_refill(&scan_rate, rate, SCAN_BURST_NS, now);
	tm_rate_spend(&scan_rate, cost_ns);
	saved -= min(saved, cost_ns);
	g->budget_ns = now;
	if (saved < cost_ns)
		g->budget_ns += div64_u64((cost_ns - saved) * NSEC_PER_SEC, rate);
}

static void observe_and_exchange(struct tm_group *g)
{
	struct tm_observation *o = &observation;
	u64 start_ns = current->se.sum_exec_runtime, cost_ns;
	long room;

	tm_observe(o, g);
	/* Brought up to date at every tick and switch: right on average. */
	cost_ns = current->se.sum_exec_runtime - start_ns;

	tm_group_recount_path(g);
	room = tm_group_room(g->memcg);
	/*
	 * The margin is for the next new pages, not for a stream of them: to
	 * demote a page for each would cost more than to steer it.
	 */
	tm_plan_make(&o->histogram, (u64)max(room, 0L), g->busy ? 0 : (u64)max(-room, 0L),
		     &g->plan);
	if (g->calm_passes) {
		g->calm_passes--;
		g->plan.promote_pages = 0;
		g->plan.demote_pages = 0;
	}
	trace_tm_plan(cgroup_id(g->memcg->css.cgroup), g->plan.promote_level,
		      g->plan.demote_level, g->plan.promote_pages << PAGE_SHIFT,
		      g->plan.demote_pages << PAGE_SHIFT);
	adapt_window(g, o, cost_ns);
	g->observed_ns = ktime_get_ns();
	exchange(g, o);
}

/* Has the group pages in both tiers, or room and pages to fill it with? */
static bool worth_observing(const struct tm_group *g)
{
	return tm_tiers_have_slow() && READ_ONCE(g->slow_pages) && READ_ONCE(g->quota_pages);
}

/* One pass over a group; sets when the next one is due. */
static void look_after(struct tm_group *g)
{
	u64 steered, unsteered, now;
	bool busy;

	/* Kept for the sake of groups below: they wake us when they go. */
	g->next_ns = U64_MAX;
	if (css_is_dying(&g->memcg->css)) {
		tm_group_remove(g);
		return;
	}
	if (!READ_ONCE(g->watched))
		return;
	atomic_set(&g->kicked, 0);
	tm_group_recount(g);
	/* Nothing set, nothing to bring home: like a cgroup that never had a quota. */
	if (!tm_group_limited(g) && !READ_ONCE(g->slow_pages)) {
		tm_group_remove(g);
		return;
	}

	tm_group_sum_cpu(g, &steered, &unsteered);
	now = ktime_get_ns();
	busy = steered != g->seen_steered || unsteered != g->seen_unsteered;
	g->next_ns = now + (busy && tm_tiers_have_slow() ? BUSY_NS : IDLE_NS);
	if (!mutex_trylock(&g->move_mutex))
		return;
	if (unsteered != g->seen_unsteered && tm_tiers_have_slow() &&
	    now >= g->full_event_ns + IDLE_NS) {
		g->full_event_ns = now;
		tm_event(g, TM_EVENT_SLOW_FULL);
	}
	g->seen_steered = steered;
	g->seen_unsteered = unsteered;
	if (g->busy && !busy) {
		g->filled_windows = TM_PLAN_WINDOWS;
		g->window_ns = WINDOW_FILLED_NS;
	}
	g->busy = busy;

	if (tm_group_excess(g) && tm_tiers_have_slow()) {
		if (now >= g->retry_ns)
			demote(g);
		g->next_ns = max(g->retry_ns, now + BUSY_NS);
	} else if (worth_observing(g)) {
		/* New pages have no history yet; the budget is better spent later. */
		u64 window = busy ? max(g->window_ns, WINDOW_CALM_NS) : g->window_ns;

		if (now >= max(g->observed_ns + window, g->budget_ns)) {
			observe_and_exchange(g);
			window = g->window_ns;
		}
		g->next_ns = min(g->next_ns, max(g->observed_ns + window, g->budget_ns));
	}
	mutex_unlock(&g->move_mutex);
}

/* Look after the groups that are due. Returns when the next one is. */
static u64 pass(void)
{
	struct tm_group *g = NULL;
	u64 next = U64_MAX;
	bool all = atomic_xchg(&kicked, 0) & KICK_ALL;
	/* With nowhere to move or steer to, a recount only tells the user. */
	u64 kick_ns = tm_tiers_have_slow() ? BUSY_NS / 2 : IDLE_NS;

	while (!tm_stopping() && (g = tm_group_next(g))) {
		u64 now = ktime_get_ns();

		/* The hook's kicks come in bursts; one recount serves many. */
		if (atomic_read(&g->kicked) || (all && g->next_ns > now + BUSY_NS))
			g->next_ns = min(g->next_ns, g->counted_ns + kick_ns);
		if (now >= g->next_ns)
			look_after(g);
		next = min(next, g->next_ns);
		cond_resched();
	}
	if (g)
		tm_group_put(g);
	return next;
}

/* Sleep until @next_ns, or for good if that is U64_MAX; a kick or the end wakes up. */
static void sleep_until(u64 next_ns)
{
	u64 now = ktime_get_ns();
	long timeout = MAX_SCHEDULE_TIMEOUT;

	if (next_ns != U64_MAX)
		/* Rounded up: to wake early is to wake twice. */
		timeout = (long)nsecs_to_jiffies(next_ns > now ? next_ns - now : 0) + 1;
	wait_event_freezable_timeout(wakeup, atomic_read(&kicked) || kthread_should_stop(),
				     timeout);
}

/*
 * Unregister the hook a while after the last quota went. Not at once: quotas
 * come and go in bursts, and unregistering waits for every CPU.
 */
static u64 disarm_when_idle(void)
{
	static u64 unused_ns;
	u64 now = ktime_get_ns();

	if (!tm_steer_armed() || tm_groups_any_limited()) {
		unused_ns = 0;
		return U64_MAX;
	}
	if (!unused_ns)
		unused_ns = now;
	if (now < unused_ns + DISARM_NS)
		return unused_ns + DISARM_NS;
	tm_steer_disarm();
	return U64_MAX;
}

static int ktiermemd(void *unused)
{
	set_freezable();
	while (!kthread_should_stop()) {
		u64 next;

		tm_tiers_refresh();
		next = pass();
		next = min(next, disarm_when_idle());
		sleep_until(next);
	}
	return 0;
}

int tm_daemon_init(void)
{
	int ret = tm_observation_init(&observation);

	if (ret)
		return ret;
	thread = kthread_create(ktiermemd, NULL, "ktiermemd");
	if (IS_ERR(thread)) {
		tm_observation_free(&observation);
		return (int)PTR_ERR(thread);
	}
	return 0;
}

void tm_daemon_start(void)
{
	wake_up_process(thread);
}

/* Ask whatever works long to end; handlers of files are among them. */
void tm_daemon_stop(void)
{
	WRITE_ONCE(stopping, true);
	wake_up(&wakeup);
}

/* Context: module exit, after the files and the hook are gone. */
void tm_daemon_exit(void)
{
	kthread_stop(thread);
	irq_work_sync(&kick_work);
	tm_observation_free(&observation);
}

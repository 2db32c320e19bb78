// SPDX-License-Identifier: GPL-2.0
/*
 * ktiermemd: looks after every group in turn.
 *
 * One pass over a group: recount, bring it below its quota if it is above,
 * observe if its window has passed, plan, exchange. When the next pass is due
 * follows from what this one found; without groups the thread sleeps until
 * somebody writes a quota.
 */
#include <linux/delay.h>
#include <linux/freezer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/wait.h>
#include <uapi/linux/sched/types.h>

#include "ksym.h"
#include "observe.h"
#include "trace.h"

/* A group with nothing to do is looked at this often, to notice that it went. */
#define IDLE_NS		(1ULL * NSEC_PER_SEC)
/* A group that allocates near its quota, to notice what it freed. */
#define BUSY_NS		(50ULL * NSEC_PER_MSEC)
/* Windows up to this are waited for in one go; other groups wait meanwhile. */
#define WINDOW_BRIEF_NS	(50ULL * NSEC_PER_MSEC)
/* In longer ones, how often to look whether they have shown enough already. */
#define PEEK_NS		(2ULL * NSEC_PER_SEC)
/* Shorter sleeps than this end on time, longer ones within a tick. */
#define PRECISE_NS	(200ULL * NSEC_PER_MSEC)
/* After a demotion that led nowhere. */
#define RETRY_MIN_NS	(500ULL * NSEC_PER_MSEC)
#define RETRY_MAX_NS	(8ULL * NSEC_PER_SEC)
/* Observation time that can be saved up for a busy moment. */
#define SCAN_BURST_NS	(500ULL * NSEC_PER_MSEC)
/* From the last quota's end until the hook is unregistered. */
#define DISARM_NS	(1ULL * NSEC_PER_SEC)
/* Long enough for another thread to get the CPU. */
#define GIVE_WAY_US	20
/* Averages begin again when so many of a group's pages were steered to a slow node. */
#define REFILLED_PART	8

/*
 * What the daemon does can wait, but on a full host it must go on: so it has the
 * policy and the weight of any thread. But whoever wakes up on its CPU takes over
 * at once where that is its due, for the daemon asks for a longer slice than all of
 * them have (Linux 6.12; with an equal one it would keep its CPU until the end of
 * its own). See also tm_give_way().
 */
static const struct sched_attr patient = {
	.size = sizeof(patient),
	.sched_policy = SCHED_NORMAL,
	.sched_runtime = 3 * NSEC_PER_MSEC,
};

static struct task_struct *thread;
static DECLARE_WAIT_QUEUE_HEAD(wakeup);
/* Why the daemon was woken; taken by the next pass. */
#define KICK_SOME	1	/* by the hook: tm_group::kicked says for which groups */
#define KICK_ALL	2
static atomic_t kicked = ATOMIC_INIT(0);
static bool stopping;

/* The daemon's own, no lock. */
static struct tm_observation *observation;
static struct tm_rate scan_rate;

/* Module exit has begun: whatever works long should end. */
bool tm_stopping(void)
{
	return READ_ONCE(stopping);
}

/**
 * tm_give_way - let whoever else wants this CPU have it
 *
 * More than cond_resched(), which does what the scheduler has decided: it does
 * not preempt for a thread that wakes up in the moment after it fell asleep,
 * as it has just had more than its share, and looks again at the next tick only.
 * That was 2 to 4 ms in which a client, and so its server, stood still.
 *
 * Context: process, may sleep. Of locks, a group's move_mutex may be held, as it is
 * for all of an exchange or observation anyway, but none that the group's tasks take.
 */
void tm_give_way(void)
{
	if (single_task_running())
		cond_resched();
	else
		usleep_range_state(GIVE_WAY_US, 2 * GIVE_WAY_US, TASK_IDLE);
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

static u64 cpu_ns(void)
{
	return K(task_sched_runtime)(current);
}

/* What looking may cost: nanoseconds of CPU time a second. */
static u64 budget_per_second(void)
{
	return (u64)READ_ONCE(tm_cpu_budget_percent) * (NSEC_PER_SEC / 100);
}

/* What looking has cost. */
static void spend_scan(struct tm_group *g, u64 cost_ns)
{
	tm_stat_add(g, TM_STAT_SCAN_NSEC, cost_ns);
	g->visit_ns += cost_ns;
	tm_rate_refill(&scan_rate, budget_per_second(), SCAN_BURST_NS, ktime_get_ns());
	tm_rate_spend(&scan_rate, cost_ns);
}

/* The budget: what the next window will cost must come in by then, or have been saved up. */
static u64 paid_after_ns(const struct tm_group *g)
{
	tm_rate_refill(&scan_rate, budget_per_second(), SCAN_BURST_NS, ktime_get_ns());
	return tm_rate_wait_ns(&scan_rate, budget_per_second(), SCAN_BURST_NS, g->visit_ns,
			       tm_engine_reserve(&g->engine, SCAN_BURST_NS), tm_groups_limited());
}

/* A window is over: plan, move, and say when the next one may be opened. */
static void act(struct tm_group *g, u64 harvested_ns)
{
	struct tm_engine *e = &g->engine;
	u64 quota = READ_ONCE(g->quota_pages), rest_ns;
	struct tm_engine_input in;

	tm_group_recount_path(g);
	in.quota_pages = quota - tm_quota_margin(quota);
	in.room_pages = (u64)max(tm_group_room(g), 0L);
	/*
	 * The margin is for the next new pages, not for a stream of them: to
	 * demote a page for each would cost more than to steer it.
	 */
	in.short_pages = g->busy ? 0 : tm_group_shortage(g);
	in.most_pages = tm_exchange_most_pages(g);
	in.now_ns = ktime_get_ns();
	tm_engine_step(e, &in);
	trace_tm_plan(cgroup_id(g->memcg->css.cgroup), e->plan.threshold, tm_engine_gap(e),
		      e->plan.promote_level, e->plan.demote_level,
		      e->plan.promote_pages << PAGE_SHIFT, e->plan.demote_pages << PAGE_SHIFT,
		      e->plan.delayed_pages << PAGE_SHIFT);
	tm_exchange(g, observation);

	rest_ns = max(g->busy ? max(e->rest_ns, IDLE_NS) : e->rest_ns, paid_after_ns(g));
	g->visit_ns = 0;
	g->opened_ns = 0;
	g->open_ns = ktime_get_ns() + rest_ns;
	/* The harvest was the beginning of the next window as well, if that suits. */
	if (e->window_ns > WINDOW_BRIEF_NS && g->open_ns <= harvested_ns + e->window_ns) {
		g->opened_ns = harvested_ns;
		g->looked_ns = harvested_ns;
	}
}

static void harvest(struct tm_group *g)
{
	u64 cpu = cpu_ns(), now = ktime_get_ns();

	tm_observe(observation, g, TM_LOOK_HARVEST);
	if (!observation->stopped)
		tm_glimpse(observation, now - g->opened_ns, now);
	spend_scan(g, cpu_ns() - cpu);
	g->opened_ns = 0;
	if (!observation->stopped)
		act(g, now);
}

/* What was learned is about other memory, or about another time. */
static void begin_again(struct tm_group *g)
{
	tm_engine_restart(&g->engine);
	g->opened_ns = 0;
}

/* Look at a window that is open: is it over, or has it shown enough? */
static void look_into_window(struct tm_group *g)
{
	u64 quota_pages = tm_engine_window_quota(&g->engine, READ_ONCE(g->quota_pages));
	u64 cpu = cpu_ns(), now = ktime_get_ns();

	if (now >= g->opened_ns + g->engine.window_ns) {
		harvest(g);
		return;
	}
	tm_observe(observation, g, TM_LOOK_PEEK);
	spend_scan(g, cpu_ns() - cpu);
	g->looked_ns = now;
	if (observation->stopped)
		return;
	if (tm_engine_woken(&g->engine, observation->visited_pages, observation->young_pages,
			    observation->young_slow_pages))
		begin_again(g);
	else if (observation->young_pages >=
		 tm_window_target(observation->visited_pages, quota_pages))
		harvest(g);
}

static void open_window(struct tm_group *g)
{
	u64 cpu = cpu_ns(), now = ktime_get_ns();

	if (g->engine.window_ns <= WINDOW_BRIEF_NS) {
		tm_observe_briefly(observation, g);
		spend_scan(g, cpu_ns() - cpu);
		if (!observation->visited_pages)
			/* Charged for memory that no process of its maps, and no file. */
			g->open_ns = now + 2 * IDLE_NS;
		else if (!observation->stopped)
			act(g, ktime_get_ns());
		return;
	}
	tm_observe(observation, g, TM_LOOK_OPEN);
	spend_scan(g, cpu_ns() - cpu);
	g->opened_ns = now;
	g->looked_ns = now;
}

/* When the next look at a window is due, or the next window. */
static u64 next_look(const struct tm_group *g)
{
	if (!g->opened_ns)
		return g->open_ns;
	return min(g->opened_ns + g->engine.window_ns, g->looked_ns + PEEK_NS);
}

/*
 * Has the group pages in both tiers, or room and pages to fill it with? In a pool
 * its share depends on what it makes of it.
 */
static bool worth_observing(const struct tm_group *g)
{
	return tm_tiers_have_slow() &&
	       ((tm_pool_used() && !g->mm) ||
		(READ_ONCE(g->slow_pages) && READ_ONCE(g->quota_pages)));
}

/* One pass over a group; sets when the next one is due. */
static void look_after(struct tm_group *g)
{
	u64 steered, unsteered, now;
	bool busy;

	/* Kept for the sake of groups below: they wake us when they go. */
	g->next_ns = U64_MAX;
	if (tm_group_gone(g)) {
		tm_group_remove(g);
		return;
	}
	if (!READ_ONCE(g->watched))
		return;
	atomic_set(&g->kicked, 0);
	tm_group_recount(g);
	/* Nothing set, nothing to bring home: like a cgroup that never had a quota. */
	if (!tm_group_limited(g) && !tm_group_configured(g) && !READ_ONCE(g->slow_pages)) {
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
	/* Memory has stopped to grow: soon everything is where it will be used. */
	if (g->busy && !busy && tm_engine_hurries(&g->engine))
		g->open_ns = now;
	g->busy = busy;
	if (steered - g->steered_before > (g->fast_pages + g->slow_pages) / REFILLED_PART) {
		g->steered_before = steered;
		begin_again(g);
	}

	if (tm_group_excess(g) && tm_tiers_have_slow()) {
		if (now >= g->retry_ns)
			demote(g);
		g->next_ns = max(g->retry_ns, now + BUSY_NS);
	} else if (worth_observing(g)) {
		if (now >= next_look(g)) {
			if (g->opened_ns)
				look_into_window(g);
			else
				open_window(g);
		}
		/* A look at a window is a look at the group as well. */
		if (!busy && next_look(g) <= now + 2 * IDLE_NS)
			g->next_ns = next_look(g);
		else
			g->next_ns = min(g->next_ns, next_look(g));
	}
	mutex_unlock(&g->move_mutex);
}

/* Look after the groups that are due. Returns when the next one is. */
static u64 pass(void)
{
	struct tm_group *g = NULL;
	bool all = atomic_xchg(&kicked, 0) & KICK_ALL;
	u64 next = tm_pool_epoch(all);
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

/**
 * tm_daemon_sleep_until - wait in the middle of an observation
 * @ns: until when, by ktime_get_ns()
 *
 * Context: ktiermemd.
 * Return: false if the thread has to stop or to freeze.
 */
bool tm_daemon_sleep_until(u64 ns)
{
	u64 now = ktime_get_ns();

	if (now < ns)
		wait_event_interruptible_hrtimeout(wakeup, tm_stopping() || freezing(current),
						   ns_to_ktime(ns - now));
	return !tm_stopping() && !freezing(current);
}

/* Sleep until @next_ns, or for good if that is U64_MAX; a kick or the end wakes up. */
static void sleep_until(u64 next_ns)
{
	u64 now = ktime_get_ns();
	long timeout = MAX_SCHEDULE_TIMEOUT;

	/* The ends of windows are kept precisely. */
	if (next_ns < now + PRECISE_NS) {
		if (next_ns > now)
			wait_event_interruptible_hrtimeout(wakeup, atomic_read(&kicked) ||
							   kthread_should_stop() ||
							   freezing(current),
							   ns_to_ktime(next_ns - now));
		try_to_freeze();
		return;
	}
	if (next_ns != U64_MAX)
		/* Rounded up: to wake early is to wake twice. */
		timeout = (long)nsecs_to_jiffies(next_ns - now) + 1;
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

	if (!tm_steer_armed() || tm_groups_limited()) {
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
	observation = tm_observation_new();
	if (!observation)
		return -ENOMEM;
	/* The first groups need not wait until a budget is saved up. */
	scan_rate.tokens_bytes = SCAN_BURST_NS;
	scan_rate.last_ns = ktime_get_ns();
	thread = kthread_create(ktiermemd, NULL, "ktiermemd");
	if (IS_ERR(thread)) {
		tm_observation_free(observation);
		return (int)PTR_ERR(thread);
	}
	if (sched_setattr_nocheck(thread, &patient))
		pr_warn("ktiermemd runs with the default scheduling policy\n");
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
	tm_pool_exit();
	tm_observation_free(observation);
}

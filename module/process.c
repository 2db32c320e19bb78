// SPDX-License-Identifier: GPL-2.0
/*
 * Processes with a quota of their own, wherever their memory is charged.
 *
 * Such a group is about one address space: what its page tables map, and nobody
 * else's. What is shared with other processes is not its own, is not counted,
 * and stays where it is. It begins with an ioctl and ends with the address space:
 * by exit or exec. A child of fork() has an address space of its own, without a
 * quota.
 *
 * No counter of the kernel knows in which tier these pages are, so page tables are
 * counted: seldom, and in between what is admitted and what we move is added up.
 */
#include <linux/hash.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "ksym.h"
#include "observe.h"
#include "pages.h"

/* Between two looks at all page tables: so long, and so many times what one takes. */
#define WALK_NS		(20ULL * NSEC_PER_MSEC)
#define WALK_COST	50

unsigned int tm_nr_processes __read_mostly;

struct hlist_head tm_process_table[1 << TM_PROCESS_BITS];

/* ---- the table: for all of these, the caller holds tm_groups_lock ------------------ */

/* The process with the smallest id of at least @id, or NULL. */
struct tm_group *tm_process_next(u64 id)
{
	struct tm_group *g, *next = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tm_process_table); i++)
		hlist_for_each_entry(g, &tm_process_table[i], hash)
			if (g->id >= id && (!next || g->id < next->id))
				next = g;
	return next;
}

/* From here on the hook finds it. */
void tm_process_link(struct tm_group *g)
{
	static u64 ids = TM_PROCESS_ID;

	g->id = ids++;
	hlist_add_head_rcu(&g->hash, &tm_process_table[hash_ptr(g->mm, TM_PROCESS_BITS)]);
	WRITE_ONCE(tm_nr_processes, tm_nr_processes + 1);
}

void tm_process_unlink(struct tm_group *g)
{
	hlist_del_rcu(&g->hash);
	WRITE_ONCE(tm_nr_processes, tm_nr_processes - 1);
}

/* ---- an address space and its owner -------------------------------------------------- */

/* A task of the process, with a reference; NULL if none is left. */
static struct task_struct *owner_of(struct mm_struct *mm)
{
	struct task_struct *task;

	rcu_read_lock();
	task = rcu_dereference(mm->owner);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

/* As tm_group_allowed_nodes(). */
void tm_process_allowed_nodes(struct mm_struct *mm, nodemask_t *allowed)
{
	struct task_struct *task = owner_of(mm);

	*allowed = node_states[N_MEMORY];
	if (!task)
		return;
	task_lock(task);
	*allowed = task->mems_allowed;
	task_unlock(task);
	put_task_struct(task);
}

/* Does the process bind its memory to nodes? */
bool tm_process_binds(struct mm_struct *mm)
{
	struct task_struct *task = owner_of(mm);
	bool binds;

	if (!task)
		return false;
	task_lock(task);
	binds = tm_policy_binds(task->mempolicy);
	task_unlock(task);
	put_task_struct(task);
	return binds;
}

/* Threads that may be in the middle of a page fault; counts up to @most. */
u64 tm_process_faulting(struct tm_group *g, u64 most)
{
	struct task_struct *task = owner_of(g->mm), *thread;
	u64 n = 0;

	if (!task)
		return 0;
	rcu_read_lock();
	for_each_thread(task, thread) {
		if (n >= most)
			break;
		n += tm_may_be_in_fault(thread);
	}
	rcu_read_unlock();
	put_task_struct(task);
	return n;
}

/**
 * tm_mm_of_pid - the address space of a process
 * @nr: its number in the caller's PID namespace
 *
 * As mm_access() does it: of no other program than the one that was asked about,
 * and only where the caller might debug it.
 *
 * Return: address space with a reference that keeps its pages; ESRCH, EACCES, EINTR.
 */
struct mm_struct *tm_mm_of_pid(int nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm;

	put_pid(pid);
	if (!task)
		return ERR_PTR(-ESRCH);
	if (down_read_killable(&task->signal->exec_update_lock)) {
		put_task_struct(task);
		return ERR_PTR(-EINTR);
	}
	mm = get_task_mm(task);
	if (!mm) {
		mm = ERR_PTR(-ESRCH);
	} else if (mm != current->mm &&
		   !K(ptrace_may_access)(task, PTRACE_MODE_READ_FSCREDS)) {
		mmput(mm);
		mm = ERR_PTR(-EACCES);
	}
	up_read(&task->signal->exec_update_lock);
	put_task_struct(task);
	return mm;
}

/**
 * tm_process_next_pid - the process with a quota that has the next larger number
 * @nr: number in the caller's PID namespace
 *
 * Return: number there, or 0: none.
 */
int tm_process_next_pid(int nr)
{
	struct tm_group *g = NULL;
	int next = 0;

	while ((g = tm_group_next(g))) {
		struct task_struct *task;
		int its;

		if (!g->mm || !tm_group_limited(g) || tm_group_gone(g))
			continue;
		rcu_read_lock();
		task = rcu_dereference(g->mm->owner);
		its = task ? task_tgid_vnr(task) : 0;
		rcu_read_unlock();
		if (its > nr && (!next || its < next))
			next = its;
	}
	return next;
}

/* ---- counting ---------------------------------------------------------------------------- */

struct count {
	struct tm_page_walk walk;
	nodemask_t slow;
	u64 pages[TM_NR_TIERS];
};

/*
 * Of what a fork has left to two processes nothing can be moved until one of them
 * writes to it, or ends. It counts all the same: it was within the quota, and will
 * be again. Else its room would be given to other pages meanwhile.
 */
static bool counts(struct folio *folio)
{
	return !tm_folio_shared(folio) || folio_test_anon(folio);
}

static bool count_page(struct tm_page_walk *w, struct folio *folio, unsigned long addr,
		       unsigned long end)
{
	struct count *c = container_of(w, struct count, walk);

	if (counts(folio))
		c->pages[node_isset(folio_nid(folio), c->slow)] += (end - addr) >> PAGE_SHIFT;
	return true;
}

/**
 * tm_process_pages - pages of a process by tier
 * @mm: address space; a reference to the structure is enough
 * @fast_pages: on DRAM
 * @slow_pages: on slower memory
 *
 * Context: process, may sleep.
 */
void tm_process_pages(struct mm_struct *mm, u64 *fast_pages, u64 *slow_pages)
{
	struct count c = { .walk.visit = count_page };
	unsigned long addr = 0;
	nodemask_t fast;

	tm_tiers_get(&fast, &c.slow);
	if (mmget_not_zero(mm)) {
		/* Once we are its last user, the process is gone and waits for us to let go. */
		while (addr < TASK_SIZE_MAX && !tm_stopping() && atomic_read(&mm->mm_users) > 1)
			if (tm_walk_pages(&c.walk, mm, &addr, TASK_SIZE_MAX))
				break;
		mmput(mm);
	}
	*fast_pages = c.pages[TM_FAST];
	*slow_pages = c.pages[TM_SLOW];
}

/* Is it too early to look at page tables again? */
static bool walked_lately(const struct tm_group *g, u64 now)
{
	return g->counted_ns && g->walked_quota_pages == READ_ONCE(g->quota_pages) &&
	       now < g->counted_ns + max(WALK_NS, WALK_COST * g->walk_ns);
}

/**
 * tm_process_recount - tm_group_recount() for a process
 * @g: group
 *
 * Context: process, may sleep.
 * Return: pages on fast nodes, by the last look and what was moved since.
 */
u64 tm_process_recount(struct tm_group *g)
{
	u64 start_ns = ktime_get_ns(), used, slow;
	struct tm_recount r;

	mutex_lock(&g->count_mutex);
	if (!walked_lately(g, start_ns)) {
		tm_recount_begin(g, &r);
		tm_process_pages(g->mm, &used, &slow);
		tm_recount_end(g, &r, used, slow);
		g->walk_ns = ktime_get_ns() - start_ns;
		g->walked_quota_pages = r.quota_pages;
	}
	used = g->fast_pages;
	mutex_unlock(&g->count_mutex);
	return used;
}

/* What we moved ourselves needs no look. */
void tm_process_moved(struct tm_group *g, enum tm_tier to, unsigned long nr_pages)
{
	u64 debt;

	mutex_lock(&g->count_mutex);
	if (to == TM_FAST) {
		nr_pages = min_t(u64, nr_pages, g->slow_pages);
		WRITE_ONCE(g->fast_pages, g->fast_pages + nr_pages);
		WRITE_ONCE(g->slow_pages, g->slow_pages - nr_pages);
	} else {
		nr_pages = min_t(u64, nr_pages, g->fast_pages);
		WRITE_ONCE(g->fast_pages, g->fast_pages - nr_pages);
		WRITE_ONCE(g->slow_pages, g->slow_pages + nr_pages);
		/* What was above the quota first. */
		debt = min_t(u64, nr_pages, g->debt_pages);
		g->debt_pages -= debt;
		WRITE_ONCE(g->grant_pages, g->grant_pages + (long)(nr_pages - debt));
	}
	mutex_unlock(&g->count_mutex);
}

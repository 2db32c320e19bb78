// SPDX-License-Identifier: GPL-2.0
/*
 * The tiermem.* files of every cgroup with the memory controller.
 *
 * Handlers run under a kernfs active reference, which removal of the files
 * waits for with cgroup_mutex held: they never take that mutex, and the one
 * that works long (lowering dram_max) looks at tm_stopping() all the while.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ksym.h"
#include "tiermem.h"

static const char * const event_names[TM_NR_EVENTS] = {
	[TM_EVENT_OVER_QUOTA] = "over_quota",
	[TM_EVENT_SLOW_FULL] = "slow_full",
	[TM_EVENT_UNREACHABLE] = "unreachable",
	[TM_EVENT_THRASH] = "thrash",
};

static struct mem_cgroup *seq_memcg(struct seq_file *m)
{
	return mem_cgroup_from_css(seq_css(m));
}

static void show_pages(struct seq_file *m, u64 pages)
{
	if (pages < TM_QUOTA_MAX_PAGES)
		seq_printf(m, "%llu\n", pages << PAGE_SHIFT);
	else
		seq_puts(m, "max\n");
}

static int dram_max_show(struct seq_file *m, void *v)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);

	show_pages(m, g ? READ_ONCE(g->max_pages) : TM_QUOTA_MAX_PAGES);
	if (g)
		tm_group_put(g);
	return 0;
}

static int dram_min_show(struct seq_file *m, void *v)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);

	show_pages(m, g ? READ_ONCE(g->min_pages) : 0);
	if (g)
		tm_group_put(g);
	return 0;
}

static int dram_weight_show(struct seq_file *m, void *v)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);

	seq_printf(m, "%u\n", (g ? READ_ONCE(g->weight) : 0) ?: TM_WEIGHT_DEFAULT);
	if (g)
		tm_group_put(g);
	return 0;
}

static int dram_effective_show(struct seq_file *m, void *v)
{
	show_pages(m, tm_group_effective(seq_memcg(m)));
	return 0;
}

static struct mem_cgroup *of_memcg(struct kernfs_open_file *of)
{
	return mem_cgroup_from_css(of_css(of));
}

/*
 * Each group has a part of the pool, and one without a group above has it beside
 * everybody else. How many there are, and how large their parts, isn't for
 * delegatees to say: they share out what a group above was given. Whoever opened
 * the file is asked: a descriptor that was passed on is a permission, as for the
 * kernel's own files.
 */
static bool may_set(struct kernfs_open_file *of)
{
	return file_ns_capable(of->file, &init_user_ns, CAP_SYS_ADMIN) ||
	       tm_group_above(of_memcg(of));
}

static ssize_t dram_max_write(struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off)
{
	struct tm_group *g;
	u64 max_pages;

	if (memchr(buf, '\0', nbytes) || tm_quota_parse(strstrip(buf), &max_pages))
		return -EINVAL;
	if (!may_set(of))
		return -EPERM;
	g = tm_group_set(of_memcg(of), tm_group_set_max, max_pages);
	if (IS_ERR(g))
		return PTR_ERR(g);
	if (!(of->file->f_flags & O_NONBLOCK))
		tm_daemon_cut(g);
	tm_group_put(g);
	tm_daemon_kick();
	return (ssize_t)nbytes;
}

/* What has an effect by way of the pool only: the daemon sees to it. */
static ssize_t set_for_pool(struct kernfs_open_file *of,
			    int (*setter)(struct tm_group *g, u64 value), u64 value, size_t nbytes)
{
	struct tm_group *g;

	if (!may_set(of))
		return -EPERM;
	g = tm_group_set(of_memcg(of), setter, value);
	if (IS_ERR(g))
		return PTR_ERR(g);
	tm_group_put(g);
	tm_daemon_kick();
	return (ssize_t)nbytes;
}

static ssize_t dram_min_write(struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off)
{
	u64 min_pages;

	if (memchr(buf, '\0', nbytes) || tm_quota_parse(strstrip(buf), &min_pages))
		return -EINVAL;
	return set_for_pool(of, tm_group_set_min, min_pages, nbytes);
}

static ssize_t dram_weight_write(struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off)
{
	unsigned int weight = 0;

	if (memchr(buf, '\0', nbytes))
		return -EINVAL;
	buf = strstrip(buf);
	if (strcmp(buf, "default") &&
	    (kstrtouint(buf, 10, &weight) || weight < TM_WEIGHT_MIN || weight > TM_WEIGHT_MAX))
		return -EINVAL;
	return set_for_pool(of, tm_group_set_weight, weight, nbytes);
}

static u64 dram_current_read(struct cgroup_subsys_state *css, struct cftype *cft)
{
	u64 fast_pages, slow_pages;

	tm_subtree_pages(mem_cgroup_from_css(css), &fast_pages, &slow_pages);
	return fast_pages << PAGE_SHIFT;
}

static u64 slow_current_read(struct cgroup_subsys_state *css, struct cftype *cft)
{
	u64 fast_pages, slow_pages;

	tm_subtree_pages(mem_cgroup_from_css(css), &fast_pages, &slow_pages);
	return slow_pages << PAGE_SHIFT;
}

static u64 stat_of(const struct tm_counters *c, enum tm_stat item)
{
	return (u64)atomic64_read(&c->stat[item]);
}

static void show_counters(struct seq_file *m, const struct tm_counters *c)
{
	seq_printf(m, "over_quota_byte_sec %llu\n",
		   div_u64(stat_of(c, TM_STAT_OVER_QUOTA_BYTE_MSEC), MSEC_PER_SEC));
	seq_printf(m, "promoted_bytes %llu\n", stat_of(c, TM_STAT_PROMOTED_BYTES));
	seq_printf(m, "demoted_bytes %llu\n", stat_of(c, TM_STAT_DEMOTED_BYTES));
	seq_printf(m, "pingpong_bytes %llu\n", stat_of(c, TM_STAT_PINGPONG_BYTES));
	seq_printf(m, "failed_pinned %llu\n", stat_of(c, TM_STAT_FAILED_PINNED));
	seq_printf(m, "failed_locked %llu\n", stat_of(c, TM_STAT_FAILED_LOCKED));
	seq_printf(m, "failed_busy %llu\n", stat_of(c, TM_STAT_FAILED_BUSY));
	seq_printf(m, "failed_nomem %llu\n", stat_of(c, TM_STAT_FAILED_NOMEM));
	seq_printf(m, "failed_gone %llu\n", stat_of(c, TM_STAT_FAILED_GONE));
	seq_printf(m, "scan_pages %llu\n", stat_of(c, TM_STAT_SCAN_PAGES));
	seq_printf(m, "scan_usec %llu\n",
		   div_u64(stat_of(c, TM_STAT_SCAN_NSEC), NSEC_PER_USEC));
	seq_printf(m, "migrate_usec %llu\n",
		   div_u64(stat_of(c, TM_STAT_MIGRATE_NSEC), NSEC_PER_USEC));
}

static int stat_show(struct seq_file *m, void *v)
{
	static const struct tm_counters none;
	struct mem_cgroup *memcg = seq_memcg(m);
	struct tm_group *g = tm_group_get(memcg, false);
	u64 fast_pages, slow_pages, steered = 0, unsteered = 0, over = 0;
	u64 charged = page_counter_read(&memcg->memory);
	bool root = !parent_mem_cgroup(memcg);
	const struct tm_counters *c = &none;

	tm_subtree_pages(memcg, &fast_pages, &slow_pages);
	if (g) {
		u64 quota_pages = READ_ONCE(g->quota_pages);

		c = &g->counters;
		over = fast_pages > quota_pages ? fast_pages - quota_pages : 0;
		tm_group_sum_cpu(g, &steered, &unsteered);
	} else if (root) {
		c = &tm_totals;
	}
	seq_printf(m, "dram_bytes %llu\n", fast_pages << PAGE_SHIFT);
	seq_printf(m, "slow_bytes %llu\n", slow_pages << PAGE_SHIFT);
	seq_printf(m, "over_quota_bytes %llu\n", over << PAGE_SHIFT);
	seq_printf(m, "hot_in_slow %llu\n", g ? g->engine.plan.hot_slow_pages << PAGE_SHIFT : 0);
	seq_printf(m, "cold_in_dram %llu\n", g ? g->engine.plan.cold_fast_pages << PAGE_SHIFT : 0);
	seq_printf(m, "warm_in_slow %llu\n", g ? g->engine.plan.unpaired_pages << PAGE_SHIFT : 0);
	seq_printf(m, "delayed_bytes %llu\n", g ? g->engine.plan.delayed_pages << PAGE_SHIFT : 0);
	seq_printf(m, "window_usec %llu\n",
		   g ? div_u64(g->engine.window_ns, NSEC_PER_USEC) : 0);
	seq_printf(m, "steered_bytes %llu\n", steered << PAGE_SHIFT);
	seq_printf(m, "unsteered_bytes %llu\n", unsteered << PAGE_SHIFT);
	seq_printf(m, "skipped_hugetlb %llu\n", tm_subtree_hugetlb_pages(memcg) << PAGE_SHIFT);
	seq_printf(m, "skipped_kernel %llu\n",
		   charged > fast_pages + slow_pages && !root ?
		   (charged - fast_pages - slow_pages) << PAGE_SHIFT : 0);
	show_counters(m, c);
	if (g)
		tm_group_put(g);
	return 0;
}

static int heat_show(struct seq_file *m, void *v)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);
	unsigned int level;

	if (!g)
		return 0;
	for (level = 0; level < TM_HEAT_LEVELS; level++) {
		const struct tm_histogram *h = &g->engine.harvest.histogram;

		seq_printf(m, "%u dram=%llu slow=%llu\n", level,
			   READ_ONCE(h->pages[TM_FAST][level]) << PAGE_SHIFT,
			   READ_ONCE(h->pages[TM_SLOW][level]) << PAGE_SHIFT);
	}
	tm_group_put(g);
	return 0;
}

/* Points of the curve: so many parts of what was observed. */
#define CURVE_POINTS	32

static int dram_curve_show(struct seq_file *m, void *v)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);
	struct tm_histogram *h;
	u64 pages = 0;
	unsigned int level, i;

	if (!g)
		return 0;
	h = kmemdup(&g->engine.harvest.histogram, sizeof(*h), GFP_KERNEL);
	tm_group_put(g);
	if (!h)
		return -ENOMEM;
	for (level = 0; level < TM_HEAT_LEVELS; level++)
		pages += h->pages[TM_FAST][level] + h->pages[TM_SLOW][level];
	for (i = 0; pages && i <= CURVE_POINTS; i++) {
		u64 quota = pages * i / CURVE_POINTS;
		unsigned int hits = tm_plan_hits(h, quota) * 1000 / 1024;

		seq_printf(m, "%llu %u.%u\n", quota << PAGE_SHIFT, hits / 10, hits % 10);
	}
	kfree(h);
	return 0;
}

static int show_events(struct seq_file *m, bool local)
{
	struct tm_group *g = tm_group_get(seq_memcg(m), false);
	int i;

	for (i = 0; i < TM_NR_EVENTS; i++) {
		s64 n = 0;

		if (g)
			n = atomic64_read(local ? &g->counters.events_local[i] :
						  &g->counters.events[i]);
		seq_printf(m, "%s %lld\n", event_names[i], n);
	}
	if (g)
		tm_group_put(g);
	return 0;
}

static int events_show(struct seq_file *m, void *v)
{
	return show_events(m, false);
}

static int events_local_show(struct seq_file *m, void *v)
{
	return show_events(m, true);
}

/*
 * NO_PREFIX, or the files would be called memory.tiermem.*. NS_DELEGATABLE
 * stays off: a delegatee must not raise the quota of its own root.
 */
static struct cftype files[] = {
	{
		.name = "tiermem.dram_max",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = dram_max_show,
		.write = dram_max_write,
	},
	{
		.name = "tiermem.dram_min",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = dram_min_show,
		.write = dram_min_write,
	},
	{
		.name = "tiermem.dram_weight",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = dram_weight_show,
		.write = dram_weight_write,
	},
	{
		.name = "tiermem.dram_effective",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = dram_effective_show,
	},
	{
		.name = "tiermem.dram_current",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.read_u64 = dram_current_read,
	},
	{
		.name = "tiermem.slow_current",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.read_u64 = slow_current_read,
	},
	{
		.name = "tiermem.stat",
		.flags = CFTYPE_NO_PREFIX,
		.seq_show = stat_show,
	},
	{
		.name = "tiermem.heat",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = heat_show,
	},
	{
		.name = "tiermem.dram_curve",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = dram_curve_show,
	},
	{
		.name = "tiermem.events",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = events_show,
	},
	{
		.name = "tiermem.events.local",
		.flags = CFTYPE_NO_PREFIX | CFTYPE_NOT_ON_ROOT,
		.seq_show = events_local_show,
	},
	{ }
};

int tm_cgroupfs_init(void)
{
	return K(cgroup_add_dfl_cftypes)(&memory_cgrp_subsys, files);
}

/* Waits for handlers in flight. */
void tm_cgroupfs_exit(void)
{
	K(cgroup_rm_cftypes)(files);
}

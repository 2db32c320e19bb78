// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/tiermem: requests of programs, see uapi/linux/tiermem.h.
 *
 * Whoever has the file open may ask for what the files of cgroups and sysfs tell
 * anybody. To change a quota, or to see addresses, takes CAP_SYS_ADMIN at the
 * time of the request: a descriptor that root has passed on is no permission.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "ctl.h"

/* Up to the last member that the first version had. */
#define SIZE_OF(s, last)	offsetofend(struct s, last)

/**
 * take - copy a request's struct from the caller
 * @to: kernel's, @size bytes
 * @size: of the struct as we know it
 * @least: of its first version
 * @from: caller's
 * @their_size: result
 *
 * Return: 0 or a negative error number.
 */
static int take(void *to, size_t size, size_t least, void __user *from, u32 *their_size)
{
	if (get_user(*their_size, (u32 __user *)from))
		return -EFAULT;
	if (*their_size < least)
		return -EINVAL;
	if (*their_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, size, from, *their_size);
}

/* What we know and they don't is theirs to miss. */
static int give(void __user *to, const void *from, size_t size, u32 their_size)
{
	return copy_to_user(to, from, min_t(size_t, size, their_size)) ? -EFAULT : 0;
}

/* ---- TIERMEM_INFO ---------------------------------------------------------- */

static u64 bytes_or_max(u64 pages, u64 max_pages)
{
	return pages < max_pages ? pages << PAGE_SHIFT : TIERMEM_MAX;
}

static long info(void __user *arg)
{
	struct tiermem_info i;
	u32 their_size;
	int ret = take(&i, sizeof(i), SIZE_OF(tiermem_info, page_bytes), arg, &their_size);

	if (ret)
		return ret;
	if (i.flags)
		return -EINVAL;
	i = (struct tiermem_info){
		.size = their_size,
		.dram_pool = bytes_or_max(READ_ONCE(tm_pool_pages), TM_POOL_MAX_PAGES),
		.pool_policy = READ_ONCE(tm_pool_policy),
		.cpu_budget_percent = READ_ONCE(tm_cpu_budget_percent),
		.migrate_mbps = READ_ONCE(tm_migrate_mbps),
		.page_bytes = PAGE_SIZE,
	};
	strscpy(i.version, TM_VERSION, sizeof(i.version));
	return give(arg, &i, sizeof(i), their_size);
}

/* ---- TIERMEM_GROUP_GET, TIERMEM_GROUP_SET -------------------------------------- */

/* The memory cgroup of a directory's descriptor, with a reference. */
static struct mem_cgroup *memcg_of_fd(int fd)
{
	struct cgroup *cgroup = cgroup_get_from_fd(fd);
	struct cgroup_subsys_state *css;

	if (IS_ERR(cgroup))
		return ERR_CAST(cgroup);
	css = cgroup_get_e_css(cgroup, &memory_cgrp_subsys);
	cgroup_put(cgroup);
	/* That is the next one above that has the controller; the root has no quota. */
	if (css->cgroup != cgroup || !css->parent) {
		css_put(css);
		return ERR_PTR(-EINVAL);
	}
	return mem_cgroup_from_css(css);
}

static void tell_quotas(const struct tm_group *g, struct tiermem_group *t)
{
	t->dram_max = bytes_or_max(READ_ONCE(g->max_pages), TM_QUOTA_MAX_PAGES);
	t->dram_min = bytes_or_max(READ_ONCE(g->min_pages), TM_QUOTA_MAX_PAGES);
	t->dram_weight = READ_ONCE(g->weight) ?: TM_WEIGHT_DEFAULT;
	t->hot_in_slow = READ_ONCE(g->engine.plan.hot_slow_pages) << PAGE_SHIFT;
	t->cold_in_dram = READ_ONCE(g->engine.plan.cold_fast_pages) << PAGE_SHIFT;
}

static void tell_no_quotas(struct tiermem_group *t)
{
	t->dram_max = TIERMEM_MAX;
	t->dram_min = 0;
	t->dram_weight = TM_WEIGHT_DEFAULT;
	t->hot_in_slow = 0;
	t->cold_in_dram = 0;
}

static void tell_group(struct mem_cgroup *memcg, struct tiermem_group *t)
{
	struct tm_group *g = tm_group_get(memcg, false);
	u64 fast_pages, slow_pages;

	tm_subtree_pages(memcg, &fast_pages, &slow_pages);
	t->dram_current = fast_pages << PAGE_SHIFT;
	t->slow_current = slow_pages << PAGE_SHIFT;
	t->dram_effective = bytes_or_max(tm_group_effective(memcg), TM_QUOTA_MAX_PAGES);
	tell_no_quotas(t);
	if (!g)
		return;
	tell_quotas(g, t);
	tm_group_put(g);
}

static u64 pages_or_max(u64 bytes)
{
	return min_t(u64, bytes >> PAGE_SHIFT, TM_QUOTA_MAX_PAGES);
}

static int set_one(struct mem_cgroup *memcg, int (*setter)(struct tm_group *g, u64 value),
		   u64 value, bool wait)
{
	struct tm_group *g = tm_group_set(memcg, setter, value);

	if (IS_ERR(g))
		return (int)PTR_ERR(g);
	if (wait)
		tm_daemon_cut(g);
	tm_group_put(g);
	return 0;
}

static int set_group(struct mem_cgroup *memcg, const struct tiermem_group *t)
{
	bool wait = !(t->flags & TIERMEM_GROUP_NO_WAIT);
	int ret = 0;

	/* This one first: it can fail for other reasons than that the cgroup goes. */
	if (t->set & TIERMEM_SET_DRAM_MAX)
		ret = set_one(memcg, tm_group_set_max, pages_or_max(t->dram_max), wait);
	if (!ret && t->set & TIERMEM_SET_DRAM_MIN)
		ret = set_one(memcg, tm_group_set_min, pages_or_max(t->dram_min), false);
	if (!ret && t->set & TIERMEM_SET_DRAM_WEIGHT)
		ret = set_one(memcg, tm_group_set_weight, t->dram_weight, false);
	tm_daemon_kick();
	return ret;
}

static int set_process(struct mm_struct *mm, u64 max_pages, bool wait)
{
	struct tm_group *g;
	int ret;

	/* Again if the daemon dropped the group between the two steps. */
	do {
		g = tm_group_of_mm(mm, max_pages < TM_QUOTA_MAX_PAGES);
		if (!g)
			return max_pages < TM_QUOTA_MAX_PAGES ? -ENOMEM : 0;
		ret = tm_group_set_max(g, max_pages);
		if (!ret && wait)
			tm_daemon_cut(g);
		tm_group_put(g);
	} while (ret == -ENODEV);
	tm_daemon_kick();
	return ret;
}

/* What %TIERMEM_GROUP_PID is about. */
static long process(struct tiermem_group *t, bool set)
{
	struct tm_group *g;
	struct mm_struct *mm;
	int ret = 0;

	if (t->flags & TIERMEM_GROUP_NEXT)
		t->pid = tm_process_next_pid(t->pid);
	else if (t->pid <= 0)
		return -EINVAL;
	if (!t->pid)
		return -ESRCH;
	mm = tm_mm_of_pid(t->pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	/* Its pages go when it ends, however long this takes. */
	mmgrab(mm);
	mmput(mm);
	if (set)
		ret = set_process(mm, pages_or_max(t->dram_max),
				  !(t->flags & TIERMEM_GROUP_NO_WAIT));
	if (!ret) {
		u64 fast_pages, slow_pages;

		tm_process_pages(mm, &fast_pages, &slow_pages);
		t->dram_current = fast_pages << PAGE_SHIFT;
		t->slow_current = slow_pages << PAGE_SHIFT;
		tell_no_quotas(t);
		g = tm_group_of_mm(mm, false);
		if (g) {
			tell_quotas(g, t);
			tm_group_put(g);
		}
		t->dram_effective = t->dram_max;
	}
	mmdrop(mm);
	return ret;
}

#define SET_ALL	(TIERMEM_SET_DRAM_MAX | TIERMEM_SET_DRAM_MIN | TIERMEM_SET_DRAM_WEIGHT)

static long group(void __user *arg, bool set)
{
	struct mem_cgroup *memcg;
	struct tiermem_group t;
	u32 their_size;
	int ret = take(&t, sizeof(t), SIZE_OF(tiermem_group, cold_in_dram), arg, &their_size);

	if (ret)
		return ret;
	if (t.flags & ~(TIERMEM_GROUP_PID |
			(set ? TIERMEM_GROUP_NO_WAIT : TIERMEM_GROUP_NEXT)))
		return -EINVAL;
	if (t.flags & TIERMEM_GROUP_PID ? t.cgroup_fd : t.pid)
		return -EINVAL;
	if (set ? !t.set || t.set & ~SET_ALL : t.set)
		return -EINVAL;
	if (t.set & TIERMEM_SET_DRAM_WEIGHT && t.dram_weight > TM_WEIGHT_MAX)
		return -EINVAL;
	if (t.flags & TIERMEM_GROUP_PID ? t.set & ~TIERMEM_SET_DRAM_MAX :
					  t.flags & TIERMEM_GROUP_NEXT)
		return -EINVAL;
	if ((set || t.flags & TIERMEM_GROUP_PID) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (t.flags & TIERMEM_GROUP_PID) {
		ret = process(&t, set);
		return ret ?: give(arg, &t, sizeof(t), their_size);
	}
	memcg = memcg_of_fd(t.cgroup_fd);
	if (IS_ERR(memcg))
		return PTR_ERR(memcg);
	if (set)
		ret = set_group(memcg, &t);
	if (!ret) {
		tell_group(memcg, &t);
		ret = give(arg, &t, sizeof(t), their_size);
	}
	css_put(&memcg->css);
	return ret;
}

/* ---- TIERMEM_HEATMAP ------------------------------------------------------------ */

static long heatmap(void __user *arg)
{
	struct tiermem_heatmap h;
	u32 their_size;
	int ret = take(&h, sizeof(h), SIZE_OF(tiermem_heatmap, ranges), arg, &their_size);

	if (ret)
		return ret;
	if (h.flags || !h.nr || h.nr > TIERMEM_RANGES_MAX || h.start > h.end || h.pid <= 0 ||
	    h.step < PAGE_SIZE || !is_power_of_2(h.step))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = tm_ranges(&h);
	return ret ?: give(arg, &h, sizeof(h), their_size);
}

/* ---- the device ------------------------------------------------------------------ */

static long ctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TIERMEM_INFO:
		return info(p);
	case TIERMEM_GROUP_GET:
		return group(p, false);
	case TIERMEM_GROUP_SET:
		return group(p, true);
	case TIERMEM_HEATMAP:
		return heatmap(p);
	default:
		return -ENOTTY;
	}
}

/* An open file keeps the module: rmmod says that it is in use. */
static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = ctl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice ctl = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tiermem",
	.fops = &ctl_fops,
	.mode = 0600,
};

int tm_ctl_init(void)
{
	return misc_register(&ctl);
}

void tm_ctl_exit(void)
{
	misc_deregister(&ctl);
}

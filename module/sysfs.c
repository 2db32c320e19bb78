// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/tiermem: what the module sees, and the knobs that it has. */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "tiermem.h"

unsigned int tm_cpu_budget_percent = 1;
unsigned int tm_migrate_mbps = 1024;

static struct kobject *kobj;

static ssize_t fast_nodes_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	nodemask_t fast, slow;

	tm_tiers_get(&fast, &slow);
	return sysfs_emit(buf, "%*pbl\n", nodemask_pr_args(&fast));
}

static ssize_t slow_nodes_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	nodemask_t fast, slow;

	tm_tiers_get(&fast, &slow);
	return sysfs_emit(buf, "%*pbl\n", nodemask_pr_args(&slow));
}

static ssize_t state_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	const char *state = "idle";

	if (!tm_tiers_have_slow())
		state = "no-slow-node";
	else if (tm_groups_limited())
		state = "active";
	return sysfs_emit(buf, "%s\n", state);
}

static ssize_t version_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%s\n", TM_VERSION);
}

static ssize_t store_bounded(const char *buf, size_t count, unsigned int *value, unsigned int most)
{
	unsigned int n;
	int ret = kstrtouint(buf, 10, &n);

	if (ret)
		return ret;
	if (!n || n > most)
		return -EINVAL;
	WRITE_ONCE(*value, n);
	tm_daemon_kick();
	return (ssize_t)count;
}

static ssize_t cpu_budget_percent_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(tm_cpu_budget_percent));
}

static ssize_t cpu_budget_percent_store(struct kobject *k, struct kobj_attribute *a,
					const char *buf, size_t count)
{
	return store_bounded(buf, count, &tm_cpu_budget_percent, 100);
}

static ssize_t migrate_mbps_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(tm_migrate_mbps));
}

static ssize_t migrate_mbps_store(struct kobject *k, struct kobj_attribute *a, const char *buf,
				  size_t count)
{
	return store_bounded(buf, count, &tm_migrate_mbps, 1000000);
}

static ssize_t dram_pool_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	u64 pages = READ_ONCE(tm_pool_pages);

	if (pages >= TM_POOL_MAX_PAGES)
		return sysfs_emit(buf, "max\n");
	return sysfs_emit(buf, "%llu\n", pages << PAGE_SHIFT);
}

static ssize_t dram_pool_store(struct kobject *k, struct kobj_attribute *a, const char *buf,
			       size_t count)
{
	char text[32];
	u64 pages;

	if (memchr(buf, '\0', count) || strscpy(text, skip_spaces(buf), sizeof(text)) < 0 ||
	    tm_quota_parse(strim(text), &pages))
		return -EINVAL;
	WRITE_ONCE(tm_pool_pages, min(pages, TM_POOL_MAX_PAGES));
	tm_daemon_kick();
	return (ssize_t)count;
}

static const char * const policies[] = {
	[TM_POOL_FAIR] = "fair",
	[TM_POOL_THROUGHPUT] = "throughput",
};

static ssize_t pool_policy_show(struct kobject *k, struct kobj_attribute *a, char *buf)
{
	return sysfs_emit(buf, "%s\n", policies[READ_ONCE(tm_pool_policy)]);
}

static ssize_t pool_policy_store(struct kobject *k, struct kobj_attribute *a, const char *buf,
				 size_t count)
{
	int policy = sysfs_match_string(policies, buf);

	if (policy < 0)
		return policy;
	WRITE_ONCE(tm_pool_policy, (enum tm_pool_policy)policy);
	tm_daemon_kick();
	return (ssize_t)count;
}

static struct kobj_attribute fast_nodes = __ATTR_RO(fast_nodes);
static struct kobj_attribute slow_nodes = __ATTR_RO(slow_nodes);
static struct kobj_attribute state = __ATTR_RO(state);
static struct kobj_attribute version = __ATTR_RO(version);
static struct kobj_attribute cpu_budget_percent = __ATTR_RW(cpu_budget_percent);
static struct kobj_attribute migrate_mbps = __ATTR_RW(migrate_mbps);
static struct kobj_attribute dram_pool = __ATTR_RW(dram_pool);
static struct kobj_attribute pool_policy = __ATTR_RW(pool_policy);

static struct attribute *tm_attrs[] = {
	&fast_nodes.attr,
	&slow_nodes.attr,
	&state.attr,
	&version.attr,
	&cpu_budget_percent.attr,
	&migrate_mbps.attr,
	&dram_pool.attr,
	&pool_policy.attr,
	NULL
};
ATTRIBUTE_GROUPS(tm);

int tm_sysfs_init(void)
{
	int ret;

	kobj = kobject_create_and_add("tiermem", kernel_kobj);
	if (!kobj)
		return -ENOMEM;
	ret = sysfs_create_groups(kobj, tm_groups);
	if (ret)
		kobject_put(kobj);
	return ret;
}

void tm_sysfs_exit(void)
{
	sysfs_remove_groups(kobj, tm_groups);
	kobject_put(kobj);
}

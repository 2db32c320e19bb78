// SPDX-License-Identifier: GPL-2.0
/* tiermem: DRAM quotas for cgroups on hosts with slower memory. */
#include <linux/module.h>
#include <linux/string.h>
#include <linux/utsname.h>

#include "ksym.h"
#include "tiermem.h"

static char *slow_nodes;
module_param(slow_nodes, charp, 0444);
MODULE_PARM_DESC(slow_nodes, "NUMA nodes with slow memory, as a list (default: detected)");

/* Both for the selftests of what init refuses. */
static char *test_missing;
module_param(test_missing, charp, 0);
MODULE_PARM_DESC(test_missing, "test: treat this kernel symbol as missing");

static char *test_release;
module_param(test_release, charp, 0);
MODULE_PARM_DESC(test_release, "test: kernel release to check instead of the running one");

/*
 * What isn't exported isn't covered by the kernel's symbol versions, and
 * Debian keeps a kernel's name across updates. So a module is for the very
 * revision that it was built for.
 */
static int check_kernel(void)
{
	const char *release = test_release ?: init_utsname()->release;

	if (!tm_kernel_in_bounds(release)) {
		pr_err("kernel %s is outside of the supported 6.1 to 6.12; not loaded\n", release);
		return -EOPNOTSUPP;
	}
	if (!strstr(init_utsname()->version, LINUX_PACKAGE_ID)) {
		pr_err("built for%s, but this is %s: rebuild (dkms build --force); not loaded\n",
		       LINUX_PACKAGE_ID, init_utsname()->version);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* A quota is a file of cgroup v2's memory controller. */
static int check_cgroups(void)
{
	if (mem_cgroup_disabled()) {
		pr_err("the memory controller is disabled (cgroup_disable=memory); not loaded\n");
		return -EOPNOTSUPP;
	}
	if (!cgroup_subsys_on_dfl(memory_cgrp_subsys)) {
		pr_err("the memory controller is in a cgroup v1 hierarchy, tiermem needs v2; not loaded\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int __init tm_init(void)
{
	int ret;

	ret = check_kernel();
	if (ret)
		return ret;
	ret = check_cgroups();
	if (ret)
		return ret;
	ret = tm_ksym_bind(test_missing);
	if (ret)
		return ret;
	ret = tm_groups_init();
	if (ret)
		goto err;
	ret = tm_tiers_init(slow_nodes);
	if (ret)
		goto err_groups;
	ret = tm_heatmap_init();
	if (ret)
		goto err_tiers;
	tm_observe_init();
	ret = tm_daemon_init();
	if (ret)
		goto err_heatmap;
	ret = tm_steer_init();
	if (ret)
		goto err_daemon;
	ret = tm_sysfs_init();
	if (ret)
		goto err_steer;
	tm_daemon_start();
	/* Last: from here on users can reach everything else. */
	ret = tm_cgroupfs_init();
	if (ret)
		goto err_sysfs;
	ret = tm_ctl_init();
	if (ret)
		goto err_cgroupfs;

	pr_info("%s loaded\n", TM_VERSION);
	return 0;

err_cgroupfs:
	tm_daemon_stop();
	tm_cgroupfs_exit();
err_sysfs:
	tm_sysfs_exit();
err_steer:
	tm_steer_exit();
err_daemon:
	tm_daemon_stop();
	tm_daemon_exit();
err_heatmap:
	tm_heatmap_exit();
err_tiers:
	tm_tiers_exit();
err_groups:
	tm_groups_exit();
err:
	/* EINVAL: slow_nodes= was wrong, and tier.c has said so. */
	if (ret != -EINVAL)
		pr_err("initialisation failed (%d); not loaded\n", ret);
	return ret;
}

static void __exit tm_exit(void)
{
	tm_ctl_exit();
	/* Long-running handlers end, then no new ones can start. */
	tm_daemon_stop();
	tm_cgroupfs_exit();
	tm_sysfs_exit();
	/* No new page is steered, and no callback runs any more. */
	tm_steer_exit();
	tm_daemon_exit();
	tm_groups_exit();
	tm_tiers_exit();
	tm_heatmap_exit();
}

module_init(tm_init);
module_exit(tm_exit);

MODULE_LICENSE("GPL");
MODULE_VERSION(TM_VERSION);
MODULE_DESCRIPTION("DRAM quotas for cgroups on hosts with PMEM or CXL memory");
MODULE_AUTHOR("The tiermem authors");

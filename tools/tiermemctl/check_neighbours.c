// SPDX-License-Identifier: GPL-2.0
/* check: what else looks at pages, moves them or takes them away. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "finding.h"
#include "root.h"
#include "size.h"

static void check_ftrace(struct findings *f)
{
	char *enabled = root_line("proc/sys/kernel/ftrace_enabled");

	if (enabled && !strcmp(enabled, "0"))
		finding(f, FINDING_PROBLEM, "ftrace", "sysctl kernel.ftrace_enabled=1",
			"kernel.ftrace_enabled is 0: no quota can be set");
	free(enabled);
}

/* Bits: 1 balances, 2 promotes whatever is touched. tiermem keeps both out of full groups. */
static void check_numa_balancing(struct findings *f)
{
	char *mode = root_line("proc/sys/kernel/numa_balancing");

	if (mode && atoi(mode) & 2)
		finding(f, FINDING_WARNING, "numa_balancing",
			"sysctl kernel.numa_balancing=0 (or 1, with several DRAM nodes)",
			"%s: promotes pages, too, at the first touch", mode);
	else
		finding(f, FINDING_OK, "numa_balancing", NULL, "%s", mode ?: "none");
	free(mode);
}

static void check_demotion(struct findings *f)
{
	char *enabled = root_line("sys/kernel/mm/numa/demotion_enabled");

	if (enabled && (!strcmp(enabled, "true") || !strcmp(enabled, "1")))
		finding(f, FINDING_WARNING, "demotion",
			"echo 0 > /sys/kernel/mm/numa/demotion_enabled, if quotas add up to less than the DRAM",
			"on: when DRAM runs out, reclaim demotes pages of any cgroup");
	else
		finding(f, FINDING_OK, "demotion", NULL, "off");
	free(enabled);
}

/* kdamonds of the admin that are on, and modules that are. */
static unsigned int count_damon(void)
{
	static const char * const modules[] = { "damon_reclaim", "damon_lru_sort", "damon_stat" };
	char *count = root_line("sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds");
	unsigned int on = 0, n = count ? strtoul(count, NULL, 10) : 0, i;

	for (i = 0; i < n; i++) {
		char *state = root_line("sys/kernel/mm/damon/admin/kdamonds/%u/state", i);

		on += state && !strcmp(state, "on");
		free(state);
	}
	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		char *enabled = root_line("sys/module/%s/parameters/enabled", modules[i]);

		on += enabled && *enabled == 'Y';
		free(enabled);
	}
	free(count);
	return on;
}

static void check_damon(struct findings *f)
{
	unsigned int on = count_damon();

	if (on)
		finding(f, FINDING_WARNING, "DAMON", "stop it while quotas are set",
			"%u at work: it clears accessed bits, so pages look colder", on);
	else
		finding(f, FINDING_OK, "DAMON", NULL, "off");
}

static void check_hugetlb(struct findings *f)
{
	char *path = root_path("sys/kernel/mm/hugepages"), size[SIZE_CHARS];
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint64_t bytes = 0;
	unsigned int kib;

	free(path);
	while (dir && (entry = readdir(dir))) {
		char *pages;

		if (sscanf(entry->d_name, "hugepages-%ukB", &kib) != 1)
			continue;
		pages = root_line("sys/kernel/mm/hugepages/%s/nr_hugepages", entry->d_name);
		if (pages)
			bytes += strtoull(pages, NULL, 10) * kib * 1024;
		free(pages);
	}
	if (dir)
		closedir(dir);
	if (bytes)
		finding(f, FINDING_WARNING, "hugetlb",
			"transparent huge pages (madvise) instead, or count the pool beside the quotas",
			"pools of %s: quotas do not cover them", size_text(bytes, size));
	else
		finding(f, FINDING_OK, "hugetlb", NULL, "no pools");
}

void check_neighbours(struct findings *f)
{
	check_ftrace(f);
	check_numa_balancing(f);
	check_demotion(f);
	check_damon(f);
	check_hugetlb(f);
}

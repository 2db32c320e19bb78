// SPDX-License-Identifier: GPL-2.0
/* check: groups that their quota does not cover, or that are over it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "finding.h"
#include "root.h"
#include "size.h"
#include "text.h"

/* As far as the events of a group that is over its quota tell. */
static const char *what_to_do(const struct group *g)
{
	if (keyed_value(&g->events, "unreachable"))
		return "a larger quota, or free what is pinned, or a slow node in cpuset.mems";
	if (keyed_value(&g->events, "slow_full"))
		return "more slow memory, or larger quotas: slow nodes were full";
	return "wait: pages are on their way; look at failed_* of 'tiermemctl get' if it stays";
}

static unsigned int check_over(struct findings *f, const struct group *g, const char *name)
{
	uint64_t over = group_stat(g, "over_quota_bytes");
	char size[SIZE_CHARS];

	/* What goes over for a moment is no news. */
	if (over <= group_quota(g) / 64 && over < (4 << 20))
		return 0;
	finding(f, keyed_value(&g->events, "unreachable") || keyed_value(&g->events, "slow_full") ?
		FINDING_PROBLEM : FINDING_WARNING, "quota", what_to_do(g), "%s is %s over it", name,
		size_text(over, size));
	return 1;
}

static unsigned int check_uncovered(struct findings *f, const struct group *g, const char *name)
{
	uint64_t hugetlb = group_stat(g, "skipped_hugetlb"), pinned = group_stat(g, "failed_pinned");
	unsigned int found = 0;
	char size[SIZE_CHARS];

	if (hugetlb) {
		finding(f, FINDING_WARNING, "hugetlb",
			"a VM: no <hugepages/> in its memoryBacking; others: transparent huge pages",
			"%s has %s in hugetlb pages, beside its quota", name,
			size_text(hugetlb, size));
		found++;
	}
	if (pinned) {
		finding(f, FINDING_WARNING, "pinned",
			"devices hold it: RDMA, VFIO passthrough, io_uring buffers; the quota needs room for that",
			"%s: %s could not be moved (each attempt counts)", name,
			size_text(pinned, size));
		found++;
	}
	return found;
}

static unsigned int check_thrash(struct findings *f, const struct group *g, const char *name)
{
	uint64_t thrash = keyed_value(&g->events, "thrash");
	char *advice;

	if (!thrash)
		return 0;
	advice = format_text("a larger quota: tiermemctl advise '%s'", name);
	finding(f, FINDING_WARNING, "thrash", advice,
		"%s: pages went back and forth, promotion paused %" PRIu64 " times", name, thrash);
	free(advice);
	return 1;
}

void check_groups(struct findings *f, const struct groups *gs)
{
	unsigned int found = 0, limited = 0;
	size_t i;

	for (i = 0; i < gs->n; i++) {
		const struct group *g = &gs->group[i];
		char *utf8, *name;

		if (!group_takes_part(g))
			continue;
		utf8 = text_utf8(g->cgroup);
		name = text_printable(utf8);
		limited++;
		found += check_over(f, g, name);
		found += check_uncovered(f, g, name);
		found += check_thrash(f, g, name);
		free(name);
		free(utf8);
	}
	if (gs->incomplete)
		finding(f, FINDING_WARNING, "groups", NULL, "some could not be read");
	else if (!found)
		finding(f, FINDING_OK, "groups", NULL, "%u with a quota or a share, none has a problem",
			limited);
}

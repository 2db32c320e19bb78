// SPDX-License-Identifier: GPL-2.0
/*
 * noderange: physical addresses of a node that a program can have
 *
 * Prints "START END" of each run of page frames of the node, less huge pages of
 * the hugetlb pool (4 MiB or more of them): DAMON is to watch these ranges. The
 * pool stands for memory that the machine doesn't have; to DAMON it would be
 * the coldest memory of all, and use up the quota of its schemes.
 */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096
#define MIN_HOLE 1024

/* First and last + 1 frame of a node: min and max over its zones. */
static void span(int node, unsigned long *first, unsigned long *end)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long value, spanned = 0;
	char line[256];
	int cur = -1;

	if (!f)
		err(1, "/proc/zoneinfo");
	*first = ULONG_MAX;
	*end = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone", &cur) == 1 || cur != node)
			continue;
		if (sscanf(line, " spanned %lu", &value) == 1)
			spanned = value;
		if (sscanf(line, " start_pfn: %lu", &value) == 1 && spanned) {
			*first = value < *first ? value : *first;
			*end = value + spanned > *end ? value + spanned : *end;
		}
	}
	fclose(f);
	if (!*end)
		errx(1, "no node %d with memory", node);
}

static void print(unsigned long start, unsigned long end)
{
	long page = getpagesize();

	if (end > start)
		printf("%lu %lu\n", start * page, end * page);
}

int main(int argc, char **argv)
{
	unsigned long pfn, end, start, hole = 0, flags[CHUNK];
	int fd;

	if (argc != 2) {
		fputs("usage: noderange NODE\n", stderr);
		return 2;
	}
	span(atoi(argv[1]), &pfn, &end);
	fd = open("/proc/kpageflags", O_RDONLY);
	if (fd < 0)
		err(1, "/proc/kpageflags");
	/* [start, pfn - hole) is a run to be; the last @hole frames are huge. */
	start = pfn;
	while (pfn < end) {
		size_t n = end - pfn < CHUNK ? end - pfn : CHUNK;
		ssize_t got = pread(fd, flags, n * 8, pfn * 8);

		if (got <= 0)
			err(1, "/proc/kpageflags");
		for (n = 0; n < (size_t)got / 8; n++, pfn++) {
			if (flags[n] & 1 << KPF_HUGE) {
				hole++;
				continue;
			}
			if (hole >= MIN_HOLE) {
				print(start, pfn - hole);
				start = pfn;
			}
			hole = 0;
		}
	}
	print(start, hole >= MIN_HOLE ? end - hole : end);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Where memory of a guest is: placed PID ADDRESS reads lines "HOT OFFSET BYTES" and prints how many
 * pages of a QEMU's mapping at ADDRESS are on fast nodes, on slow nodes, and nowhere. What says so
 * is the kernel (/proc/PID/pagemap), not the module.
 */
#include "tm_kern.h"

int main(int argc, char **argv)
{
	uint64_t fast = 0, slow = 0, absent = 0, offset, len;
	char *base, line[128];
	struct tm_where w;
	pid_t pid;

	if (argc != 3) {
		fprintf(stderr, "usage: placed PID ADDRESS <RANGES\n");
		return 2;
	}
	pid = strtoul(argv[1], NULL, 10);
	base = (char *)strtoull(argv[2], NULL, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "HOT %lu %lu", &offset, &len) != 2)
			continue;
		if (tm_where(pid, base + offset, len, &w)) {
			fprintf(stderr, "placed: /proc/%d/pagemap: %m\n", pid);
			return 1;
		}
		fast += w.fast;
		slow += w.slow;
		absent += w.absent;
	}
	printf("%lu %lu %lu\n", fast, slow, absent);
	return 0;
}

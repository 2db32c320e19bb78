// SPDX-License-Identifier: GPL-2.0
/*
 * LD_PRELOAD for a program that asks /dev/tiermem for heat maps: the device is a file, which says
 * where memory is, by address. Lines are
 *
 *	PID START BYTES dram|slow LEVEL		hexadecimal START; LEVEL -1: unknown
 *	PID error NUMBER			what a request about it gives
 *
 * Answers are as the module gives them: by `step`, and no more than there is room for.
 */
#include <errno.h>
#include <linux/tiermem.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct answer {
	struct tiermem_heatmap *h;
	struct tiermem_range *ranges;
	unsigned int nr;
	__u64 levels, known_bytes;	/* of the last range */
};

static void finish_range(struct answer *a)
{
	if (a->nr)
		a->ranges[a->nr - 1].heat = a->known_bytes ? a->levels / a->known_bytes :
							     TIERMEM_HEAT_UNKNOWN;
	a->levels = 0;
	a->known_bytes = 0;
}

/* Return: false if there is no room; the request then ends at the address. */
static bool add(struct answer *a, __u64 addr, __u64 bytes, bool slow, long level)
{
	__u64 start = addr & ~(a->h->step - 1);

	if (!a->nr || a->ranges[a->nr - 1].start != start) {
		if (a->nr == a->h->nr)
			return false;
		finish_range(a);
		a->ranges[a->nr++] = (struct tiermem_range){ .start = start };
	}
	*(slow ? &a->ranges[a->nr - 1].slow_bytes : &a->ranges[a->nr - 1].dram_bytes) += bytes;
	if (level >= 0) {
		a->levels += level * bytes;
		a->known_bytes += bytes;
	}
	return true;
}

static bool add_run(struct answer *a, __u64 start, __u64 bytes, bool slow, long level)
{
	__u64 end = start + bytes, next;

	if (end > a->h->end)
		end = a->h->end;
	if (start < a->h->start)
		start = a->h->start;
	for (; start < end; start = next) {
		next = (start & ~(a->h->step - 1)) + a->h->step;
		if (next > end)
			next = end;
		if (!add(a, start, next - start, slow, level)) {
			a->h->start = start;
			return false;
		}
	}
	return true;
}

static int answer(FILE *file, struct tiermem_heatmap *h)
{
	struct answer a = { .h = h, .ranges = (void *)(unsigned long)h->ranges };
	unsigned long long start, bytes;
	bool full = false;
	char line[200], tier[8];
	int pid, error;
	long level;

	if (h->size != sizeof(*h) || h->flags || !h->nr || h->nr > TIERMEM_RANGES_MAX ||
	    h->step & (h->step - 1) || h->step < 4096 || h->start > h->end)
		return -EINVAL;
	while (!full && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d error %d", &pid, &error) == 2 && pid == h->pid)
			return -error;
		if (sscanf(line, "%d %llx %llu %7s %ld", &pid, &start, &bytes, tier, &level) == 5 &&
		    pid == h->pid)
			full = !add_run(&a, start, bytes, !strcmp(tier, "slow"), level);
	}
	finish_range(&a);
	h->nr = a.nr;
	if (!full)
		h->start = h->end;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	FILE *file = fdopen(dup(fd), "r");
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	errno = ENOTTY;
	if (file && request == TIERMEM_HEATMAP) {
		rewind(file);
		errno = -answer(file, arg);
	}
	if (file)
		fclose(file);
	return errno ? -1 : 0;
}

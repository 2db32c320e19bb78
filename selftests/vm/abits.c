// SPDX-License-Identifier: GPL-2.0
/*
 * Do accessed bits come back after they were cleared without a TLB flush?
 * (Does tlbflush.c work?) Run in a guest, on a kernel with MGLRU.
 *
 * Each MGLRU aging (debugfs lru_gen) clears the accessed bits of the page
 * tables, without a flush, and moves the pages that had theirs set to the then
 * youngest generation. Pages in constant use must get there at every aging; if
 * they fall behind, the TLB kept their translation and the bit wasn't set again.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CGROUP	"/sys/fs/cgroup/abits"
#define LRU_GEN	"/sys/kernel/debug/lru_gen"
#define PAGE	4096ul
#define HOT	4096ul		/* pages; as many again stay idle */
#define ROUNDS	6

static char *mem;
static volatile unsigned long passes;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		err(1, "%s", path);
}

/* Alone on its CPU: nothing but the plugin should flush the TLB there. */
static void *touch(void *unused)
{
	volatile char *p = mem;
	unsigned long i;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity");
	for (;; passes++)
		for (i = 0; i < HOT; i++)
			(void)p[i * PAGE];
	return unused;
}

/*
 * QEMU's TLB starts small, evicting as hardware does; it doubles at a flush
 * that finds it well used. Any busy guest gets there; here by flushes of many
 * pages (more than 33: all) that go to the other CPU, too.
 */
static void grow_tlb(void)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	size_t size = 64 * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	for (i = 0; i < 50; i++) {
		memset(p, i, size);
		mprotect(p, size, PROT_READ);
		mprotect(p, size, PROT_READ | PROT_WRITE);
		nanosleep(&pause, NULL);
	}
	munmap(p, size);
}

struct lru {
	int memcg;
	unsigned long max_gen;
	unsigned long young;	/* anon pages seen young by the last aging */
	unsigned long total;	/* anon pages */
};

/* Node 0 of "memcg  ID PATH", then for each node " node  NID" and "  GEN AGE ANON FILE". */
static struct lru lru_read(void)
{
	unsigned long gen, age, before = 0, here = 0;
	FILE *f = fopen(LRU_GEN, "r");
	struct lru l = { .memcg = -1 };
	char line[512], path[400];
	bool ours = false;
	int id, node = 0;
	long anon;

	if (!f)
		err(1, LRU_GEN);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memcg %d %399s", &id, path) == 2) {
			ours = !strcmp(path, "/abits");
			if (ours)
				l.memcg = id;
		} else if (sscanf(line, " node %d", &id) == 1) {
			node = id;
		} else if (ours && !node && sscanf(line, "%lu %lu %ld", &gen, &age, &anon) == 3) {
			/* Oldest first; an aging fills the last but one. */
			before = here;
			here = anon < 0 ? 0 : anon;
			l.total += here;
			l.young = before + here;
			l.max_gen = gen;
		}
	}
	fclose(f);
	if (l.memcg < 0)
		errx(1, "no /abits in " LRU_GEN);
	return l;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 400000000 };
	unsigned long last, least = HOT;
	char cmd[100];
	pthread_t t;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	put("/sys/kernel/mm/lru_gen/enabled", "7\n");
	mkdir(CGROUP, 0755);
	put(CGROUP "/cgroup.procs", "0\n");

	mem = mmap(NULL, 2 * HOT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || madvise(mem, 2 * HOT * PAGE, MADV_NOHUGEPAGE))
		err(1, "mmap");
	memset(mem, 1, 2 * HOT * PAGE);
	if (pthread_create(&t, NULL, touch, NULL))
		errx(1, "pthread_create");
	grow_tlb();

	for (i = 0; i < ROUNDS; i++) {
		struct lru l = lru_read();

		last = passes;
		snprintf(cmd, sizeof(cmd), "+ %d 0 %lu 1 1\n", l.memcg, l.max_gen);
		put(LRU_GEN, cmd);
		l = lru_read();
		printf("aging %d: %lu of %lu anon pages young, %lu hot\n", i, l.young, l.total, HOT);
		/* The first ones also see the set-up. */
		if (i >= 2 && l.young < least)
			least = l.young;
		nanosleep(&pause, NULL);
		if (passes - last < 3)
			warnx("the toucher has no time: %lu passes", passes - last);
	}
	printf("%s: at least %lu %% of the hot pages young\n",
	       least >= HOT * 9 / 10 ? "ok" : "FAIL", least * 100 / HOT);
	return least < HOT * 9 / 10;
}

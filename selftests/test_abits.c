// SPDX-License-Identifier: GPL-2.0
/*
 * Do accessed bits come back after they were cleared without a TLB flush? On hardware they do: a
 * TLB is finite. In a test VM they do because of selftests/vm/tlbflush.c, and if they didn't, every
 * test of hot and cold pages would measure an artefact. The module takes no part.
 *
 * Each MGLRU aging (debugfs lru_gen) clears the accessed bits of the page tables, without a flush,
 * and moves the pages that had theirs set to the then youngest generation. Pages in constant use
 * must get there at every aging; if they fall behind, the TLB kept their translation and the bit
 * wasn't set again.
 */
#include "tm_test.h"

#define LRU_GEN	"/sys/kernel/debug/lru_gen"
#define ENABLED	"/sys/kernel/mm/lru_gen/enabled"
#define PAGE	4096ul
#define HOT	4096ul		/* pages; as many again stay idle */
#define ROUNDS	6
#define WARM_UP	2		/* the first agings also see the set-up */

static char *mem;
static volatile unsigned long passes;

/* Alone on its CPU: nothing but the plugin should flush the TLB there. */
static void *touch(void *unused)
{
	volatile char *p = mem;
	unsigned long i;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		tm_die("sched_setaffinity: %m");
	for (;; passes++)
		for (i = 0; i < HOT; i++)
			(void)p[i * PAGE];
	return unused;
}

/*
 * QEMU's TLB starts small, evicting as hardware does; it doubles at a flush that finds it well
 * used. Any busy guest gets there; here by flushes of many pages (more than 33: all) that go to the
 * other CPU, too.
 */
static void grow_tlb(void)
{
	size_t size = 64 * PAGE;
	char *p = tm_anon(size, 0);
	int i;

	for (i = 0; i < 50; i++) {
		memset(p, i, size);
		mprotect(p, size, PROT_READ);
		mprotect(p, size, PROT_READ | PROT_WRITE);
		tm_pause_ms(20);
	}
	munmap(p, size);
}

struct lru {
	int memcg;
	unsigned long max_gen;
	unsigned long young;	/* anon pages seen young by the last aging */
	unsigned long total;	/* anon pages */
};

/* Sums what is on all nodes of "memcg ID PATH", "node NID" and "GEN AGE ANON FILE". */
static struct lru lru_read(const char *cgroup)
{
	unsigned long gen, age, before = 0, here = 0;
	FILE *f = fopen(LRU_GEN, "r");
	struct lru l = { .memcg = -1 };
	char line[512], path[400];
	bool ours = false;
	int id, node = 0;
	long anon;

	if (!f)
		tm_die(LRU_GEN ": %m");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memcg %d %399s", &id, path) == 2) {
			ours = !strcmp(path, cgroup);
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
		tm_die("no %s in " LRU_GEN, cgroup);
	return l;
}

int main(int argc, char **argv)
{
	unsigned long last, least = HOT;
	bool served = true;
	const char *name;
	struct tm_cg cg;
	pthread_t t;
	int i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP);
	if (access(LRU_GEN, R_OK | W_OK) || access(ENABLED, W_OK))
		ksft_exit_skip("no MGLRU, or no debugfs\n");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ksft_exit_skip("needs two CPUs\n");
	ksft_set_plan(2);
	if (tm_set(ENABLED, "7") || tm_cg_create(&cg, NULL, "abits") || tm_cg_move(&cg, getpid()))
		tm_die("can't set up");
	name = cg.path + strlen(tm_cg_mount());

	mem = tm_anon(2 * HOT * PAGE, MADV_NOHUGEPAGE);
	memset(mem, 1, 2 * HOT * PAGE);
	if (pthread_create(&t, NULL, touch, NULL))
		tm_die("pthread_create: %m");
	grow_tlb();

	for (i = 0; i < ROUNDS; i++) {
		struct lru l = lru_read(name);

		last = passes;
		if (tm_writef(LRU_GEN, "+ %d 0 %lu 1 1\n", l.memcg, l.max_gen))
			tm_die("can't age " LRU_GEN);
		l = lru_read(name);
		if (i >= WARM_UP && l.young < least)
			least = l.young;
		tm_pause_ms(tm_ms(400));
		served &= passes - last >= 3;
		tm_diag("aging %d: %lu of %lu anon pages young, %lu hot; %lu passes since", i,
			l.young, l.total, HOT, passes - last);
	}
	ksft_test_result(served, "the hot pages were in use between all agings\n");
	ksft_test_result(least >= HOT * 9 / 10, "and %lu %% of them young at each\n",
			 least * 100 / HOT);
	ksft_finished();
}

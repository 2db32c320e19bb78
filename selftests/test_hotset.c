// SPDX-License-Identifier: GPL-2.0
/*
 * Hot pages come in: 600M of 4K pages, the 128M hot set touched last, then only the hot set is
 * accessed, with dram_max=200M; on idle CPUs and next to two hogs. How long until 95 % of the hot
 * set is in DRAM, how far above the quota in between, how many pages were moved for it?
 *
 * Absolute times depend on the machine, so the limits here are generous; test_rivals.sh compares
 * with stock kernels' loops on the same machine, and runs this program for all of them:
 *
 *	test_hotset                     TAP: idle and loaded, with tiermem
 *	test_hotset -m [options]        measure only: in an existing cgroup, whatever governs it;
 *					prints one line of key=value, exit 0 unless content is wrong
 *	  -c DIR   the cgroup		  -q MIB   the quota, for reporting (200)
 *	  -t MIB   all memory (600)	  -H MIB   hot set (128)
 *	  -l N     hogs (0)		  -x SEC   give up (60)	  -w SEC  go on for, after 95 % (10)
 *
 * Machine: selftests/vm/run.sh -t pmem (or any with a slow node of 1G). No swap.
 */
#include "tm_test.h"
#include "tm_kern.h"

#include <getopt.h>
#include <sys/syscall.h>

struct param {
	size_t total, hot;
	uint64_t quota;
	int hogs;
	int give_up_s, go_on_s;
};

/* Shared with the worker. */
struct shared {
	uint64_t begun_ns, touched_ns;
	char *hot;
	unsigned long rounds;
	bool stop;
};

struct result {
	double touch_s;		/* begin to end of touching */
	double t95_s;		/* end of touching to 95 % of the hot set in DRAM; < 0: never */
	double settled_s;	/* the same, and DRAM within the quota + 4M; < 0: never */
	double over_s;		/* spent above the quota + 4M after the end of touching */
	double hot_pct;		/* at the end */
	double hot_touched_pct;	/* at the end of touching */
	struct tm_samples touch, after;
	uint64_t moved95, moved;	/* pages, by pgmigrate_success */
	uint64_t moved_later;		/* the same, after reading what follows */
	uint64_t promoted, demoted;	/* pages, as the system itself counts them */
	double daemon_s;		/* CPU of ktiermemd */
	unsigned long rounds;
	uint64_t confirmed;	/* pages of the hot set in DRAM, by move_pages(2), at 95 % */
	int bad;		/* status of the worker: content */
};

static struct shared *sh;

/*
 * A stamp in each 512 bytes instead of tm_fill(): the faster memory is touched, the less do the
 * rivals' loops get done meanwhile, and the fairer is the comparison.
 */
#define STAMPS 8

static uint64_t stamp(size_t page, int i)
{
	return (page * STAMPS + i + 1) * 0x9e3779b97f4a7c15ULL;
}

static void fill(char *mem, size_t from, size_t to)
{
	size_t page;
	int i;

	for (page = from; page < to; page++) {
		for (i = 0; i < STAMPS; i++)
			*(uint64_t *)(mem + page * 4096 + i * 512) = stamp(page, i);
	}
}

static uint64_t verify(const char *mem, size_t pages)
{
	uint64_t bad = 0;
	size_t page;
	int i;

	for (page = 0; page < pages; page++) {
		bool ok = true;

		for (i = 0; i < STAMPS; i++)
			ok &= *(uint64_t *)(mem + page * 4096 + i * 512) == stamp(page, i);
		if (!ok && !bad++)
			tm_diag("content: page %zu is wrong", page);
	}
	return bad;
}

static int worker(struct tm_child *self, void *arg)
{
	const struct param *p = arg;
	size_t cold = p->total - p->hot;
	char *mem = tm_anon(p->total, MADV_NOHUGEPAGE);
	volatile char *hot = mem + cold;
	uint64_t bad;
	size_t i;

	sh->begun_ns = tm_now_ns();
	/* In order: what comes last lands on the slow node, or would be above the quota. */
	fill(mem, 0, p->total / 4096);
	__atomic_store_n(&sh->hot, mem + cold, __ATOMIC_RELEASE);
	__atomic_store_n(&sh->touched_ns, tm_now_ns(), __ATOMIC_RELEASE);
	tm_tell(self, "TOUCHED");
	while (!__atomic_load_n(&sh->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < p->hot; i += 4096)
			(void)hot[i];
		sh->rounds++;
	}
	bad = verify(mem, p->total / 4096);
	return bad ? 1 : 0;
}

static int hog(struct tm_child *self, void *arg)
{
	volatile unsigned long n = 0;

	(void)self;
	(void)arg;
	for (;;)
		n++;
	return 0;
}

static uint64_t moved_now(void)
{
	return tm_vmstat("pgmigrate_success");
}

static uint64_t vmstat_or_0(const char *key)
{
	uint64_t v = tm_vmstat(key);

	return v == UINT64_MAX ? 0 : v;
}

static void counts(const struct tm_cg *cg, uint64_t *promoted, uint64_t *demoted)
{
	if (tm_loaded()) {
		*promoted = tm_stat(cg, "promoted_bytes") / tm_page_size();
		*demoted = tm_stat(cg, "demoted_bytes") / tm_page_size();
		return;
	}
	*promoted = vmstat_or_0("pgpromote_success");
	*demoted = vmstat_or_0("pgdemote_kswapd") + vmstat_or_0("pgdemote_direct") +
		   vmstat_or_0("pgdemote_khugepaged") + vmstat_or_0("pgdemote_proactive");
}

static void measure(const struct tm_cg *cg, struct param *p, struct result *r)
{
	uint64_t moved0 = moved_now(), cpu0 = tm_daemon_cpu_ns(NULL), promoted0, demoted0;
	const uint64_t pages = p->hot / tm_page_size();
	struct tm_child w, hogs[16];
	struct tm_sampler sampler;
	struct tm_where where;
	uint64_t end;
	int i;

	memset(r, 0, sizeof(*r));
	memset(sh, 0, sizeof(*sh));
	r->t95_s = -1;
	r->settled_s = -1;
	counts(cg, &promoted0, &demoted0);
	for (i = 0; i < p->hogs; i++)
		tm_spawn(&hogs[i], NULL, hog, NULL);
	tm_sampler_start(&sampler, cg, p->quota + TM_OVER);
	tm_spawn(&w, cg, worker, p);
	if (tm_expect(&w, "TOUCHED", 4 * TM_HANG_MS))
		tm_die("the worker did not touch its memory");
	tm_sampler_get(&sampler, &r->touch);
	tm_sampler_reset(&sampler, p->quota + TM_OVER);
	r->touch_s = (sh->touched_ns - sh->begun_ns) / 1e9;

	end = sh->touched_ns + p->give_up_s * 1000000000ULL;
	while (tm_now_ns() < end) {
		struct tm_samples s;

		if (tm_where(w.pid, sh->hot, p->hot, &where))
			tm_die("/proc/%d/pagemap can't be read", w.pid);
		if (!r->hot_pct && !r->hot_touched_pct)
			r->hot_touched_pct = 100.0 * where.fast / pages;
		r->hot_pct = 100.0 * where.fast / pages;
		if (r->t95_s < 0 && where.fast * 100 >= pages * 95) {
			struct tm_placement place;

			r->t95_s = tm_since(sh->touched_ns);
			r->moved95 = moved_now() - moved0;
			/* The other way to ask; slower, so only once. */
			if (!tm_placement(w.pid, sh->hot, p->hot, &place))
				r->confirmed = place.fast;
		}
		tm_sampler_get(&sampler, &s);
		if (r->settled_s < 0 && where.fast * 100 >= pages * 95 &&
		    s.last_dram <= p->quota + TM_OVER && s.last_numa <= p->quota + TM_OVER) {
			r->settled_s = tm_since(sh->touched_ns);
			end = tm_now_ns() + p->go_on_s * 1000000000ULL;
		}
		tm_pause_ms(50);
	}
	tm_sampler_stop(&sampler, &r->after);
	r->over_s = r->after.over_ns / 1e9;
	r->moved = moved_now() - moved0;
	counts(cg, &r->promoted, &r->demoted);
	r->moved_later = moved_now() - moved0;
	r->promoted -= promoted0;
	r->demoted -= demoted0;
	r->daemon_s = (tm_daemon_cpu_ns(NULL) - cpu0) / 1e9;
	r->rounds = sh->rounds;
	/* Verifying touches the cold pages; nothing is measured any more. */
	for (i = 0; i < p->hogs; i++)
		tm_kill(&hogs[i], SIGKILL);
	__atomic_store_n(&sh->stop, true, __ATOMIC_RELAXED);
	r->bad = tm_reap(&w, tm_ms(TM_HANG_MS));
}

static uint64_t peak(const struct tm_samples *s)
{
	return s->max_dram > s->max_numa ? s->max_dram : s->max_numa;
}

static void print(const char *what, const struct param *p, const struct result *r)
{
	tm_diag("%s: touched %zuM in %.1f s; 95 %% of the hot %zuM in DRAM %.2f s later, and within the quota %.2f s (%.1f %% at once, %.1f %% at the end, %llu pages by move_pages at 95 %%), %lu rounds",
		what, p->total >> 20, r->touch_s, p->hot >> 20, r->t95_s,
		r->settled_s, r->hot_touched_pct, r->hot_pct, (unsigned long long)r->confirmed,
		r->rounds);
	tm_diag("%s: peak DRAM %.1fM while touching, %.1fM after; above quota+4M for %.1f s after touching; longest gap of samples %.0f ms",
		what, tm_fmib(peak(&r->touch)), tm_fmib(peak(&r->after)), r->over_s,
		r->after.max_gap_ns / 1e6);
	tm_diag("%s: pages moved %llu until 95 %%, %llu in all by pgmigrate_success; promoted %llu demoted %llu as counted by the system; daemon %.2f s of CPU",
		what, (unsigned long long)r->moved95, (unsigned long long)r->moved,
		(unsigned long long)r->promoted, (unsigned long long)r->demoted, r->daemon_s);
}

static int measure_only(struct param *p, const char *dir)
{
	struct tm_cg cg;
	struct result r;

	if (!dir)
		tm_die("-m needs -c DIR");
	snprintf(cg.path, sizeof(cg.path), "%s", dir);
	measure(&cg, p, &r);
	print("measured", p, &r);
	/* Whole numbers, for the shell. */
	printf("touch_ms=%.0f t95_ms=%.0f total_ms=%.0f settled_ms=%.0f over_ms=%.0f at_once_pct=%.0f hot_pct=%.0f peak=%llu peak_after=%llu moved95=%llu moved=%llu promoted=%llu demoted=%llu daemon_ms=%.0f bad=%d\n",
	       r.touch_s * 1000, r.t95_s < 0 ? -1 : r.t95_s * 1000,
	       r.t95_s < 0 ? -1 : (r.touch_s + r.t95_s) * 1000,
	       r.settled_s < 0 ? -1 : (r.touch_s + r.settled_s) * 1000, r.over_s * 1000,
	       r.hot_touched_pct, r.hot_pct,
	       (unsigned long long)(peak(&r.touch) > peak(&r.after) ? peak(&r.touch) :
				    peak(&r.after)),
	       (unsigned long long)peak(&r.after), (unsigned long long)r.moved95,
	       (unsigned long long)r.moved, (unsigned long long)r.promoted,
	       (unsigned long long)r.demoted, r.daemon_s * 1000, r.bad);
	return r.bad ? KSFT_FAIL : KSFT_PASS;
}

static void tap(struct param *p, int hogs, double limit_s)
{
	const char *what = hogs ? "loaded" : "idle";
	/* A bar for 600M; a smaller run may move in proportion. */
	uint64_t own, max_moves = 100000ULL * (p->total >> 20) / 600;
	struct result r;
	struct tm_cg cg;

	p->hogs = hogs;
	p->give_up_s = limit_s + 10;
	if (tm_cg_create(&cg, NULL, what) || tm_cg_write_u64(&cg, "tiermem.dram_max", p->quota))
		tm_die("can't make a group with dram_max");
	measure(&cg, p, &r);
	print(what, p, &r);
	own = r.promoted + r.demoted;
	ksft_test_result(tm_samples_ok(&r.touch, p->quota, "while touching") &&
			 tm_samples_ok(&r.after, p->quota, "after"),
			 "%s: DRAM never above quota + 4M\n", what);
	ksft_test_result(r.t95_s >= 0 && r.t95_s <= limit_s,
			 "%s: 95 %% of the hot set in DRAM within %.0f s\n", what, limit_s);
	ksft_test_result(r.hot_pct >= 95, "%s: the hot set stays in DRAM\n", what);
	ksft_test_result(r.moved <= max_moves && own <= max_moves,
			 "%s: at most %llu pages moved\n", what, (unsigned long long)max_moves);
	/* NUMA balancing or compaction may move some; the module may not hide any. */
	ksft_test_result(own <= r.moved_later + 64 && r.moved <= own + own / 20 + 4096,
			 "%s: tiermem.stat agrees with pgmigrate_success\n", what);
	ksft_test_result(!r.bad, "%s: every byte as written\n", what);
	tm_cg_remove(&cg);
}

int main(int argc, char **argv)
{
	struct param p = {
		.total = tm_mb(600), .hot = tm_mb(128), .quota = tm_mb(200),
		.give_up_s = 60, .go_on_s = 10,
	};
	const char *dir = NULL;
	bool only = false;
	int opt;

	while ((opt = getopt(argc, argv, "mc:q:t:H:l:x:w:")) >= 0) {
		switch (opt) {
		case 'm':
			only = true;
			break;
		case 'c':
			dir = optarg;
			break;
		case 'q':
			p.quota = atol(optarg) * TM_MIB;
			break;
		case 't':
			p.total = atol(optarg) * TM_MIB;
			break;
		case 'H':
			p.hot = atol(optarg) * TM_MIB;
			break;
		case 'l':
			p.hogs = atoi(optarg) & 15;
			break;
		case 'x':
			p.give_up_s = atoi(optarg);
			break;
		case 'w':
			p.go_on_s = atoi(optarg);
			break;
		default:
			return KSFT_FAIL;
		}
	}
	/* One page, mapped before any worker: charged to nobody who is measured. */
	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return KSFT_FAIL;
	memset(sh, 0, sizeof(*sh));
	if (only) {
		setenv("KSFT_TAP_LEVEL", "1", 1);	/* no header: not a TAP producer */
		tm_init(argc, argv);
		tm_require(TM_NEED_ROOT | TM_NEED_CGROUP);
		return measure_only(&p, dir);
	}
	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, p.total + 32 * TM_MIB);
	ksft_set_plan(12);
	tap(&p, 0, tm_ms(30000) / 1000.0);
	tap(&p, 2, tm_ms(90000) / 1000.0);
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer that was idle for long is used all the time from now on: how soon is it in DRAM? Beside
 * it all other pages are accessed evenly, so seldom that windows are long, and nearly all show most
 * of them: in an average of windows the buffer stands out only after dozens. And new pages, when
 * the quota is used up: the last of many wait in a CPU's batch, from where they can't be moved.
 *
 * The moment after a harvest has to be one of guest time in which the user runs, so how long that
 * takes is only judged where the clock counts instructions (selftests/vm/run.sh -i). What an
 * emulated TLB would hide, the user drops.
 *
 * TM_SECONDS: how long the buffer is idle (30).
 */
#include "tm_draw.h"
#include "tm_kern.h"

#define SEED		0x676c696d
#define BUFFER_PAGES	128u
#define NEW_PAGES	1024u	/* more than the margin of a quota has room for */
#define FLUSH_PAGES	64u	/* more than the kernel flushes one by one */
#define LAST_PAGES	12u	/* less than a batch */
#define SLEEP_US	1000
/* In all that time a page gets three accesses, of the buffer thousands. */
#define EVEN_S		3.0
#define WINDOWS		4
#define SLACK_S		2.0

struct shared {
	char *mem, *new;
	size_t pages;
	bool use_buffer, use_new, stop;
	uint64_t bad;
};

static struct shared *sh;
static bool counted;		/* a nanosecond is an instruction */
static struct tm_cg cg;
static struct tm_child c;

static void look(size_t page)
{
	const volatile uint64_t *p = (const volatile uint64_t *)(sh->mem + page * tm_page_size());

	sh->bad += *p != tm_page_word(SEED, page);
}

/* Whatever is in the TLB is not marked as accessed again. */
static void flush_tlb(char *area)
{
	memset(area, 1, FLUSH_PAGES * tm_page_size());
	if (mprotect(area, FLUSH_PAGES * tm_page_size(), PROT_READ) ||
	    mprotect(area, FLUSH_PAGES * tm_page_size(), PROT_READ | PROT_WRITE))
		tm_die("mprotect");
}

static int user(struct tm_child *self, void *arg)
{
	char *area = tm_anon(FLUSH_PAGES * tm_page_size(), MADV_NOHUGEPAGE);
	const size_t others = sh->pages - BUFFER_PAGES;
	const double per_second = 3.0 * sh->pages / EVEN_S;
	double accesses = 0;
	uint64_t before;
	uint32_t x = 1;
	size_t i, in_use;

	(void)arg;
	sh->mem = tm_anon(sh->pages * tm_page_size(), MADV_NOHUGEPAGE);
	tm_fill(sh->mem, sh->pages * tm_page_size(), SEED);
	tm_tell(self, "FILLED");
	before = tm_now_ns();
	while (!__atomic_load_n(&sh->stop, __ATOMIC_RELAXED)) {
		uint64_t now = tm_now_ns();

		/* However late we are: no more than a tenth of a second's accesses at once. */
		accesses += per_second * ((now - before) / 1e9);
		accesses = accesses < per_second / 10 ? accesses : per_second / 10;
		before = now;
		for (; accesses >= 1; accesses--) {
			x = tm_draw_next(x);
			look(BUFFER_PAGES + (size_t)((uint64_t)x * others >> 32));
		}
		if (!sh->new && __atomic_load_n(&sh->use_new, __ATOMIC_RELAXED)) {
			char *new = tm_anon(NEW_PAGES * tm_page_size(), MADV_NOHUGEPAGE);

			tm_fill(new, NEW_PAGES * tm_page_size(), SEED + 1);
			__atomic_store_n(&sh->new, new, __ATOMIC_RELEASE);
		}
		for (i = NEW_PAGES - LAST_PAGES; sh->new && i < NEW_PAGES; i++)
			sh->bad += *(volatile uint64_t *)(sh->new + i * tm_page_size()) !=
				   tm_page_word(SEED + 1, i);
		in_use = __atomic_load_n(&sh->use_buffer, __ATOMIC_RELAXED) ? BUFFER_PAGES : 0;
		for (i = 0; i < in_use; i++)
			look(i);
		flush_tlb(area);
		usleep(SLEEP_US);
	}
	return sh->bad ? 1 : 0;
}

static uint64_t in_dram(const char *mem, size_t pages)
{
	struct tm_placement p;

	if (tm_placement(c.pid, mem, pages * tm_page_size(), &p))
		tm_die("move_pages");
	return p.fast;
}

static bool is_slow(void *arg)
{
	(void)arg;
	return !in_dram(sh->mem, BUFFER_PAGES);
}

static bool buffer_is_there(void *arg)
{
	(void)arg;
	return in_dram(sh->mem, BUFFER_PAGES) * 100 >= BUFFER_PAGES * 95;
}

static bool new_is_there(void *arg)
{
	const char *new = __atomic_load_n(&sh->new, __ATOMIC_ACQUIRE);

	(void)arg;
	return new && in_dram(new + (NEW_PAGES - LAST_PAGES) * tm_page_size(), LAST_PAGES) ==
		      LAST_PAGES;
}

static double window_s(void)
{
	return tm_stat(&cg, "window_usec") / 1e6;
}

static void is_there_soon(bool (*there)(void *), const char *what)
{
	double before = window_s(), begin = tm_now_ns() / 1e9, took, window, limit;
	uint64_t promoted = tm_stat(&cg, "promoted_bytes");
	bool ok = tm_until(there, NULL, 20, tm_ms(60000));

	took = tm_now_ns() / 1e9 - begin;
	window = before > window_s() ? before : window_s();
	limit = tm_ms(1000 * (WINDOWS * window + SLACK_S)) / 1000.0;
	tm_diag("a window is %.3f s; %.1fM were promoted", window,
		tm_fmib(tm_stat(&cg, "promoted_bytes") - promoted));
	if (ok && !counted)
		/* At last, but how soon depended on when the user was given a CPU. */
		ksft_test_result_skip("%s: there after %.2f s, but the clock doesn't count instructions\n",
				      what, took);
	else
		ksft_test_result(ok && took <= limit,
				 "%s, in use all the time: there after %.2f s, at most %.2f\n",
				 what, took, limit);
}

int main(int argc, char **argv)
{
	bool slow;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	/* An emulated processor takes many times as long for a look. */
	tm_set(TM_SYSFS "/cpu_budget_percent", "20");
	ksft_set_plan(4);
	counted = tm_clock_is_icount();

	sh = mmap(NULL, tm_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		tm_die("no memory");
	sh->pages = tm_mb(64) / tm_page_size();
	if (tm_cg_create(&cg, NULL, "glimpse") ||
	    tm_cg_write_u64(&cg, "tiermem.dram_max", tm_mb(40)))
		tm_die("no quota");
	tm_spawn(&c, &cg, user, NULL);
	if (tm_expect(&c, "FILLED", TM_HANG_MS) < 0)
		tm_die("the user has ended");
	tm_pause_ms(tm_ms(1000 * (int)tm_env("TM_SECONDS", 30)));
	slow = tm_until(is_slow, NULL, 100, tm_ms(20000));
	ksft_test_result(slow, "an idle buffer is in slow memory: %llu of %u pages are not\n",
			 (unsigned long long)in_dram(sh->mem, BUFFER_PAGES), BUFFER_PAGES);

	__atomic_store_n(&sh->use_buffer, true, __ATOMIC_RELAXED);
	is_there_soon(buffer_is_there, "a buffer that was idle");
	__atomic_store_n(&sh->use_new, true, __ATOMIC_RELAXED);
	is_there_soon(new_is_there, "new pages");
	__atomic_store_n(&sh->stop, true, __ATOMIC_RELAXED);
	ksft_test_result(!tm_reap(&c, TM_HANG_MS), "contents\n");
	ksft_finished();
}

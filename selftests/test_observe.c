// SPDX-License-Identifier: GPL-2.0
/*
 * What observation costs, in a VM whose clock counts instructions:
 *
 *	selftests/vm/run.sh -i -s 1 -t pmem -T 400 -- build/selftests/test_observe
 *
 *	a mapped 4K page, a look		<= 40 instructions
 *	a huge page, a look			<= 120 instructions
 *	the store of heat			<= 0.06 % of the memory that it covers
 *
 * Instructions are those of ktiermemd, by its CPU time, divided by the pages that it looked at
 * (tiermem.stat: scan_pages). Nothing has to be moved: all memory that is in use is in DRAM. What
 * else the daemon does is so included; beside a group of 100000 pages that is a percent or two.
 *
 * Huge pages are few, and a process's mappings cost as much as hundreds of them. So what a look at
 * everything takes, by the tracepoint, is compared for two sizes of group, of which a fifth is in
 * use: what doesn't depend on the size cancels. Looks that harvest a window are compared with such
 * looks, others with others, and medians: an interrupt takes longer than a look. Other looks take
 * so little by the page, some ten instructions, that what is left of the rest may exceed it: only
 * harvests must take something.
 *
 * The store is what the kernel's own memory (slab, vmalloc, per CPU) grows by when a group is
 * observed for the first time. All its pages were there before, in DRAM and on the slow node, the
 * hook was armed, and the module had its buffers: the quota is the last thing to be set. It covers
 * frames, not groups, and so comes in pieces; those are compared with the memory blocks (of 128M,
 * the unit of hotplug) in which the group has at least a page.
 */
#include "tm_kern.h"

#include <numaif.h>
#include <sys/stat.h>

#define PAGE_MOST	40
#define HUGE_MOST	120
#define STORE_PCT	0.06
#define STORE_NOISE	(96 * TM_KIB)	/* of the kernel's slabs, over the time that it takes */
#define HUGE_S		40
#define HUGE_BYTES	(2 * TM_MIB)
#define HUGE_LOOKS	5		/* of a kind, at least */

/* What a process has: memory in DRAM, which may be in use, and on the slow node. */
struct holding {
	size_t fast, slow;
	int advice;
};

/* "touch N MS": N bytes of what is in DRAM, every MS, until the next command. */
static int holder(struct tm_child *self, void *arg)
{
	const struct holding *h = arg;
	char *mem = tm_anon(h->fast + h->slow, h->advice), line[64];
	size_t len = 0;
	int ms = INT_MAX, rc;

	tm_fill_bound(mem, h->fast, tm_fast_nodes());
	tm_fill_bound(mem + h->fast, h->slow, tm_slow_nodes());
	/* Bound memory is left alone. */
	if (mbind(mem, h->fast + h->slow, MPOL_DEFAULT, NULL, 0, 0))
		tm_die("mbind: %m");
	tm_tell(self, "READY %llu", (unsigned long long)(uintptr_t)mem);
	for (;;) {
		rc = tm_hear(self, line, sizeof(line), ms);
		if (rc == -ETIMEDOUT)
			tm_touch(mem, len);
		else if (rc < 0 || sscanf(line, "touch %zu %d", &len, &ms) != 2)
			return 0;
	}
}

struct held {
	struct holding h;
	struct tm_cg cg;
	struct tm_child c;
	char *mem;
};

/* Without a quota yet. */
static void hold(struct held *g, const char *name, const struct holding *h)
{
	char line[64];

	g->h = *h;
	if (tm_cg_create(&g->cg, NULL, name))
		tm_die("can't make a cgroup");
	tm_spawn(&g->c, &g->cg, holder, &g->h);
	if (tm_hear(&g->c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0 ||
	    strncmp(line, "READY ", 6))
		tm_die("no process");
	g->mem = (char *)strtoull(line + 6, NULL, 10);
}

/* All that is in DRAM may stay, with room for the margin and a little more. */
static void set_quota(struct held *g)
{
	if (tm_cg_write_u64(&g->cg, "tiermem.dram_max", g->h.fast + g->h.fast / 16))
		tm_die("can't set a quota");
}

static void let_go(struct held *g)
{
	tm_kill(&g->c, SIGKILL);
	tm_cg_remove(&g->cg);
}

/* ---- cost of a look ---------------------------------------------------------------------- */

static uint64_t moved(const struct tm_cg *cg)
{
	return (tm_stat(cg, "promoted_bytes") + tm_stat(cg, "demoted_bytes")) / tm_page_size();
}

static double per_page(const char *what, const struct tm_cg *cg, int seconds)
{
	uint64_t cpu = tm_daemon_cpu_ns(NULL), pages = tm_stat(cg, "scan_pages");
	uint64_t scan = tm_stat(cg, "scan_usec"), m = moved(cg);

	tm_pause_ms(seconds * 1000);
	cpu = tm_daemon_cpu_ns(NULL) - cpu;
	pages = tm_stat(cg, "scan_pages") - pages;
	tm_diag("%s: %d s, %llu pages looked at, %llu instructions of the daemon, %llu000 by scan_usec; %llu pages moved",
		what, seconds, (unsigned long long)pages, (unsigned long long)cpu,
		(unsigned long long)(tm_stat(cg, "scan_usec") - scan),
		(unsigned long long)(moved(cg) - m));
	return pages ? 1.0 * cpu / pages : 1e9;
}

static void small_pages(struct held *g)
{
	double idle, light, busy;

	idle = per_page("idle", &g->cg, 40);
	tm_tell(&g->c, "touch %zu %d", g->h.fast / 8, 100);
	tm_pause_ms(10000);
	light = per_page("lightly used", &g->cg, 30);
	tm_tell(&g->c, "touch %zu %d", g->h.fast, 100);
	tm_pause_ms(10000);
	busy = per_page("used", &g->cg, 30);
	tm_diag("a look at a 4K page: %.1f instructions while all are idle, %.1f while %.1f %% are used, %.1f while %.1f %% are",
		idle, light, 100.0 * g->h.fast / 8 / (g->h.fast + g->h.slow),
		busy, 100.0 * g->h.fast / (g->h.fast + g->h.slow));
	ksft_test_result(idle <= PAGE_MOST && light <= PAGE_MOST && busy <= PAGE_MOST,
			 "at most %d instructions a 4K page\n", PAGE_MOST);
}

enum kind { HARVEST, OTHER, KINDS };

struct looks {
	double ns[KINDS][200];
	int nr[KINDS];
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct looks *l, enum kind k)
{
	qsort(l->ns[k], l->nr[k], sizeof(l->ns[k][0]), compare);
	return l->ns[k][l->nr[k] / 2];
}

/* Looks at a group, over some seconds. */
static void trace_looks(struct looks *l, const struct tm_cg *cg, int seconds)
{
	unsigned long long id, window, ns;
	struct stat st;
	char line[512];
	FILE *f;

	memset(l, 0, sizeof(*l));
	if (stat(cg->path, &st) || tm_write(TM_TRACING "trace", "") ||
	    tm_write(TM_TRACING "events/tiermem/tm_observe/enable", "1"))
		tm_die("can't trace");
	tm_pause_ms(seconds * 1000);
	tm_write(TM_TRACING "events/tiermem/tm_observe/enable", "0");
	f = fopen(TM_TRACING "trace", "r");
	if (!f)
		tm_die(TM_TRACING "trace: %m");
	while (fgets(line, sizeof(line), f)) {
		const char *event = strstr(line, "tm_observe: "), *spent = strstr(line, " ns=");
		enum kind k;

		if (!event || !spent || sscanf(spent, " ns=%llu", &ns) != 1 ||
		    sscanf(event, "tm_observe: cgroup=%llu window_ns=%llu", &id, &window) != 2 ||
		    id != st.st_ino)
			continue;
		k = window ? HARVEST : OTHER;
		if (l->nr[k] < 200)
			l->ns[k][l->nr[k]++] = ns;
	}
	fclose(f);
}

static void huge_pages(void)
{
	const struct holding sizes[] = {
		{ tm_mb(32), tm_mb(96), MADV_HUGEPAGE }, { tm_mb(160), tm_mb(576), MADV_HUGEPAGE },
	};
	static const char * const names[KINDS] = { "harvests", "other looks" };
	double each, huge, pages[2];
	struct looks looks[2];
	struct held g;
	bool ok = true;
	int i, k;

	for (i = 0; i < 2; i++) {
		hold(&g, "huge", &sizes[i]);
		set_quota(&g);
		tm_tell(&g.c, "touch %zu %d", g.h.fast, 20);
		tm_pause_ms(10000);
		huge = tm_cg_key(&g.cg, "memory.stat", "anon_thp");
		tm_check(&ok, huge >= 0.95 * (g.h.fast + g.h.slow), "%.0fM", tm_fmib(huge));
		pages[i] = huge / HUGE_BYTES;
		trace_looks(&looks[i], &g.cg, HUGE_S);
		let_go(&g);
	}
	for (k = 0; k < KINDS; k++) {
		double few = median(&looks[0], k), many = median(&looks[1], k);

		each = (many - few) / (pages[1] - pages[0]);
		tm_diag("%s: %d of %.0f huge pages, %.0f instructions; %d of %.0f, %.0f; %.1f each",
			names[k], looks[0].nr[k], pages[0], few, looks[1].nr[k], pages[1], many,
			each);
		tm_check(&ok, looks[0].nr[k] >= HUGE_LOOKS && looks[1].nr[k] >= HUGE_LOOKS,
			 "%d, %d", looks[0].nr[k], looks[1].nr[k]);
		tm_check(&ok, each <= HUGE_MOST, "%.1f", each);
		tm_check(&ok, k != HARVEST || each > 0, "%.1f", each);
	}
	ksft_test_result(ok, "at most %d instructions a huge page\n", HUGE_MOST);
}

/* ---- store ------------------------------------------------------------------------------- */

/* Bytes of the memory blocks, at most 64, that a process's memory is in: /proc/PID/pagemap. */
static uint64_t covered(const struct held *g)
{
	uint64_t pages = (g->h.fast + g->h.slow) / tm_page_size(), block = 128 * TM_MIB, i;
	off_t off = (uintptr_t)g->mem / tm_page_size() * sizeof(uint64_t);
	uint64_t *entry = malloc(pages * sizeof(*entry)), seen[64], n = 0, k;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", g->c.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!entry || fd < 0 ||
	    pread(fd, entry, pages * sizeof(*entry), off) != (ssize_t)(pages * sizeof(*entry)))
		tm_die("%s: %m", path);
	close(fd);
	for (i = 0; i < pages; i++) {
		uint64_t nr = (entry[i] & ((1ULL << 55) - 1)) * tm_page_size() / block;

		for (k = 0; k < n && seen[k] != nr; k++)
			;
		if (k == n && n < 64)
			seen[n++] = nr;
	}
	free(entry);
	return n * block;
}

static uint64_t kernel_bytes(void)
{
	struct tm_kern k;

	tm_kern_read(&k);
	return k.slab + k.percpu + k.vmalloc;
}

static void store(struct held *g)
{
	uint64_t before, after, blocks = covered(g), governed = g->h.fast + g->h.slow;
	int64_t bytes;

	tm_pause_ms(5000);
	kernel_bytes();		/* what looking itself takes, once */
	before = kernel_bytes();
	set_quota(g);
	tm_pause_ms(10000);
	after = kernel_bytes();
	bytes = after - before;
	tm_diag("store: %lld bytes for a group of %.0fM in %llu blocks of 128M: %.4f %% of these, %.4f %% of the group",
		(long long)bytes, tm_fmib(governed), (unsigned long long)blocks / (128 * TM_MIB),
		100.0 * bytes / blocks, 100.0 * bytes / governed);
	ksft_test_result(bytes > 0 && bytes <= blocks * STORE_PCT / 100 + STORE_NOISE,
			 "heat takes at most %.2f %% of memory\n", STORE_PCT);
}

int main(int argc, char **argv)
{
	const struct holding h = { tm_mb(96), tm_mb(320), MADV_NOHUGEPAGE };
	const char *why;
	struct tm_cg armed;
	struct held g;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	why = tm_not_icount();
	if (why)
		ksft_exit_skip("%s\n", why);
	tm_require_free(true, tm_mb(640));
	tm_require_free(false, tm_mb(160) + 64 * TM_MIB);
	if (access(TM_TRACING "events/tiermem/tm_observe/enable", W_OK))
		ksft_exit_skip("no tracefs\n");
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	ksft_set_plan(3);
	if (tm_cg_create(&armed, NULL, "armed") || tm_cg_write(&armed, "tiermem.dram_max", "1G"))
		tm_die("can't make a group");

	hold(&g, "observed", &h);
	store(&g);
	small_pages(&g);
	let_go(&g);
	huge_pages();
	ksft_finished();
}

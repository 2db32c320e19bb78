// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's reclaim beside tiermem. Both live on accessed bits, and whoever reads one clears it,
 * so what tiermem took it has to tell reclaim, also the next time, and the time after that.
 *
 * A file is mapped. Twice: part of it is used, comes to rest, and tiermem looks until there is
 * nothing left in the page tables. Then memory has to be freed: it must not be the part that was
 * used. What came before is wiped out by reclaim itself, which has asked about every page by then.
 */
#include "tm_kern.h"
#include "tm_work.h"

#define USE_MS		3000
#define REST_MS		4000
#define ROUNDS		2

static struct tm_child w;
static struct tm_region file;
static struct tm_cg cg;

static double present_pct(size_t off, size_t len)
{
	struct tm_where p;

	if (tm_where(w.pid, file.addr + off, len, &p))
		tm_die("pagemap can't be read");
	return 100.0 * (p.fast + p.slow) * tm_page_size() / len;
}

/* As much as was asked for, in pieces, for as long as there is any progress. */
static void reclaim(size_t bytes)
{
	size_t piece = bytes / 16, want = tm_cg_u64(&cg, "memory.current") - bytes;
	int i;

	for (i = 0; i < 64 && tm_cg_u64(&cg, "memory.current") > want; i++)
		tm_cg_write_u64(&cg, "memory.reclaim", piece);
}

static void use(size_t off, size_t len, int ms)
{
	tm_busy(&w, TM_BUSY_READ, &file, off, len);
	tm_pause_ms(tm_ms(ms));
	tm_idle(&w);
}

int main(int argc, char **argv)
{
	size_t len, part;
	char path[128];
	int i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	if (!tm_disk_dir())
		ksft_exit_skip("no disk\n");
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	/* Of what khugepaged collapses in a file, nothing is mapped until it is used again. */
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	ksft_set_plan(ROUNDS + 1);

	len = tm_mb(96);
	part = len / 4;
	snprintf(path, sizeof(path), "%s/reclaim", tm_disk_dir());
	if (tm_make_file(path, len))
		tm_die("can't make a file");
	if (tm_cg_create(&cg, NULL, "reclaim") || !tm_cg_has(&cg, "memory.reclaim"))
		ksft_exit_skip("no memory.reclaim\n");
	if (tm_cg_write_u64(&cg, "tiermem.dram_max", len / 2))
		tm_die("no quota");
	tm_worker(&w, &cg);
	if (tm_alloc(&w, TM_FILE_MAP, len, path, &file))
		tm_die("can't map the file");

	for (i = 0; i < ROUNDS; i++) {
		size_t off = (i + 1) * part;
		double used, others;
		bool ok = true;

		/* All is there, and reclaim asks about all of it. */
		use(0, len, USE_MS);
		tm_pause_ms(tm_ms(REST_MS));
		reclaim(len / 3);

		use(off, part, USE_MS);
		tm_pause_ms(tm_ms(REST_MS));
		used = present_pct(off, part);
		tm_diag("round %d: %.1f %% of the part in use are there, %.1f %% of the file", i,
			used, present_pct(0, len));
		tm_check(&ok, used >= 99, "%.1f %%", used);
		reclaim(part);
		used = present_pct(off, part);
		others = (present_pct(0, len) * len - used * part) / (len - part);
		tm_diag("round %d: %.1fM reclaimed: %.1f %% of it there, %.1f %% of the others", i,
			tm_fmib(part), used, others);
		tm_check(&ok, used >= 90, "of what was used only %.1f %% stayed", used);
		tm_check(&ok, others <= 60, "%.1f %% of the others stayed", others);
		ksft_test_result(ok, "round %d: reclaim knows what was used\n", i);
	}
	ksft_test_result(tm_stat(&cg, "scan_pages") && !tm_quit(&w), "observed meanwhile\n");
	ksft_finished();
}

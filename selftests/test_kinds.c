// SPDX-License-Identifier: GPL-2.0
/*
 * The hot tenth is found in any kind of memory. A tenth of a group's pages, chosen at random, gets
 * nine tenths of the accesses; the quota is a quarter of the memory. Once it has settled, the pages
 * in DRAM must serve at least 99 % of the accesses that the best quarter would. No access is
 * counted for that: how likely each page is to be accessed is known, and move_pages(2) says where
 * it is. In between, /proc/PID/pagemap does, for a hundredth of the time.
 *
 * A file that is read by read(2) is mapped nowhere, and whatever maps it would show its accesses in
 * a way that is not what is tested. So nobody looks until the end, when the test itself, a process
 * outside of the group, maps it and asks.
 *
 * Every access checks what it reads.
 *
 *	test_kinds [KIND...]
 *
 * TM_SECONDS: how long a kind may take (25). TM_BUDGET: cpu_budget_percent (20): an emulated
 * processor is slower than a real one by about that factor, and a kind must not depend on what the
 * one before has left of the budget. That the budget is kept is for test_observe.
 */
#include "tm_draw.h"
#include "tm_guest.h"
#include "tm_kern.h"
#include "tm_work.h"

#define KINDS		8
#define PARTS		4
#define RATIO_PCT	99.0
#define WHOLE_PCT	95.0	/* of huge pages that stay huge */
#define HOLD_MS		4000	/* at RATIO_PCT for that long, then it counts */
#define LOOK_MS		250
#define THINK		3000	/* turns of a loop */
#define SEED		0x6b696e64	/* of contents */

enum how { PRIVATE, SHARED, FILE_READ, GUEST };

struct kind {
	const char *name;
	enum how how;
	int advice;
	int processes;		/* with a part of their own each, unless it is SHARED */
	size_t len, unit_size;
};

/* One process; what it inherits. */
struct user {
	struct tm_child c;
	const struct kind *kind;
	int nr;
	size_t len;		/* of its part */
	struct tm_draw draw;
	int fd;
	char path[PATH_MAX];
	char *mem;
	/* in the process only */
	struct tm_guest guest;
	pthread_t thread;
	volatile bool stop;
	volatile uint64_t draws;
	uint64_t bad;
};

/* What came of it. */
struct result {
	double first, hit, least;	/* share of accesses: at first, at the end, least on hold */
	double best;
	double reached_s;		/* < 0: never, or not known */
	double moves_end_s;		/* the last time that pages were moved */
	uint64_t moved_pages, bad, draws;
	double daemon_s, run_s;
	double whole_pct;		/* of huge pages, at the end; 100 where there are none */
};

static uint64_t seed(const struct user *u)
{
	if (u->kind->how == FILE_READ)
		return TM_FILE_SEED;
	return SEED + (u->kind->how == SHARED ? 0 : u->nr);
}

/* ---- in the process of a user ------------------------------------------------------------ */

static void *draw_thread(void *arg)
{
	struct user *u = arg;
	size_t page = tm_page_size();
	char *buf = malloc(page);

	while (!u->stop) {
		size_t i = tm_draw_page(&u->draw);
		const char *p = buf;

		if (u->kind->how == FILE_READ) {
			if (pread(u->fd, buf, page, i * page) != (ssize_t)page)
				u->bad++;
		} else {
			p = u->mem + i * page;
		}
		u->bad += *(const volatile uint64_t *)p != tm_page_word(seed(u), i);
		u->draws++;
	}
	free(buf);
	return NULL;
}

/* Page by page, in order: what comes first is in DRAM. */
static int64_t read_file(struct user *u)
{
	size_t page = tm_page_size(), i;
	char *buf = malloc(page);
	int64_t bad = 0;

	for (i = 0; i < u->len / page; i++)
		bad += pread(u->fd, buf, page, i * page) != (ssize_t)page ||
		       !tm_verify_page(buf, seed(u), i);
	free(buf);
	posix_fadvise(u->fd, 0, 0, POSIX_FADV_RANDOM);
	return bad ? -EIO : 0;
}

static int64_t fill(struct user *u)
{
	switch (u->kind->how) {
	case PRIVATE:
		u->mem = tm_anon(u->len, u->kind->advice);
		tm_fill(u->mem, u->len, seed(u));
		return 0;
	case SHARED:
		u->mem = mmap(NULL, u->len, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, 0);
		if (u->mem == MAP_FAILED)
			return -errno;
		if (!u->nr)
			tm_fill(u->mem, u->len, seed(u));
		return 0;
	case FILE_READ:
		return read_file(u);
	case GUEST:
		tm_guest_create(&u->guest, u->len, u->kind->advice);
		u->mem = u->guest.mem + TM_GUEST_FIRST;
		tm_guest_begin(&u->guest, TM_GUEST_WRITE, 0, u->len, true);
		return tm_guest_end(&u->guest);
	}
	return -EINVAL;
}

static int64_t begin(struct user *u)
{
	tm_draw_seed(&u->draw, u->nr + 1);
	if (u->kind->how == GUEST) {
		/*
		 * 80 huge pages at full speed are accessed oftener each than any real
		 * guest's, and than the TLB here is flushed (1 ms).
		 */
		tm_guest_draw(&u->guest, &u->draw, u->draw.unit_pages > 1 ? THINK : 0);
		return 0;
	}
	return -pthread_create(&u->thread, NULL, draw_thread, u);
}

static int64_t end(struct user *u)
{
	int rc;

	if (u->kind->how == GUEST) {
		rc = tm_guest_end(&u->guest);
		return rc ? rc : (int64_t)u->guest.ctl->bad;
	}
	u->stop = true;
	pthread_join(u->thread, NULL);
	return u->bad;
}

static int user_main(struct tm_child *self, void *arg)
{
	struct user *u = arg;
	char line[64];

	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		int64_t rc = -EINVAL;

		if (!strcmp(line, "fill"))
			rc = fill(u);
		else if (!strcmp(line, "address"))
			rc = (intptr_t)u->mem;
		else if (!strcmp(line, "begin"))
			rc = begin(u);
		else if (!strcmp(line, "draws"))
			rc = u->kind->how == GUEST ?
			     (int64_t)u->guest.ctl->passes * TM_GUEST_DRAWS : (int64_t)u->draws;
		else if (!strcmp(line, "end"))
			rc = end(u);
		tm_tell(self, "OK %lld", (long long)rc);
	}
	return 0;
}

/* ---- in the test ------------------------------------------------------------------------- */

static int64_t ask(struct user *u, const char *cmd)
{
	return tm_ask(&u->c, cmd, tm_ms(TM_HANG_MS));
}

/* Sums over the processes what they answer; ends the program at an error. */
static int64_t ask_all(struct user *u, int n, const char *cmd)
{
	int64_t sum = 0, rc;
	int i;

	for (i = 0; i < n; i++) {
		rc = ask(&u[i], cmd);
		if (rc < 0)
			tm_die("%s, process %d: %s: %s", u->kind->name, i, cmd, strerror(-rc));
		sum += rc;
	}
	return sum;
}

static int parts(const struct kind *k)
{
	return k->how == SHARED ? 1 : k->processes;
}

static void start(struct user *u, const struct kind *k, const struct tm_cg *cg)
{
	size_t len = k->len / parts(k);
	struct tm_draw draw;
	int i, fd = -1;

	tm_draw_init(&draw, len, k->unit_size);
	if (k->how == SHARED) {
		fd = memfd_create("kinds", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, len))
			tm_die("memfd: %m");
	}
	for (i = 0; i < k->processes; i++) {
		u[i] = (struct user){ .kind = k, .nr = i, .len = len, .draw = draw, .fd = fd };
		if (k->how == FILE_READ) {
			snprintf(u[i].path, sizeof(u[i].path), "%s/kinds.%d", tm_disk_dir(), i);
			if (tm_make_file(u[i].path, len))
				tm_die("can't make %s", u[i].path);
			u[i].fd = open(u[i].path, O_RDONLY | O_CLOEXEC);
			if (u[i].fd < 0)
				tm_die("%s: %m", u[i].path);
		}
		tm_spawn(&u[i].c, cg, user_main, &u[i]);
	}
	/* One after the other: the first maps and fills what is shared. */
	ask_all(u, k->processes, "fill");
	for (i = 0; i < k->processes; i++)
		u[i].mem = (char *)(intptr_t)ask(&u[i], "address");
}

static void stop(struct user *u, const struct kind *k)
{
	int i;

	for (i = 0; i < k->processes; i++) {
		tm_kill(&u[i].c, SIGKILL);
		if (k->how == FILE_READ || (k->how == SHARED && !i))
			close(u[i].fd);
		if (k->how == FILE_READ)
			unlink(u[i].path);
	}
	tm_draw_free(&u->draw);
}

/* Share of the accesses that DRAM serves; by move_pages(2), or fast. */
static double look(const struct user *u, const struct kind *k, bool by_move_pages)
{
	size_t len = u->len, pages = len / tm_page_size(), absent = 0, n;
	signed char *node = malloc(pages);
	double sum = 0;
	int i, rc;

	if (!node)
		tm_die("out of memory");
	for (i = 0; i < parts(k); i++) {
		char *mem = u[i].mem;
		pid_t pid = u[i].c.pid;

		if (k->how == FILE_READ) {
			pid = getpid();
			mem = mmap(NULL, len, PROT_READ, MAP_SHARED, u[i].fd, 0);
			if (mem == MAP_FAILED)
				tm_die("mmap: %m");
			tm_touch(mem, len);
		}
		rc = by_move_pages ? tm_page_nodes(pid, mem, len, node) :
				     tm_where_pages(pid, mem, len, node);
		if (rc)
			tm_die("%s: where are the pages? %s", k->name, strerror(-rc));
		for (n = 0; n < pages; n++)
			absent += node[n] < 0;
		sum += tm_draw_hit(&u[i].draw, node);
		if (k->how == FILE_READ)
			munmap(mem, len);
	}
	free(node);
	/* A page on its way is on no node for a moment. */
	if (by_move_pages && absent)
		tm_diag("%s: %zu pages are on no node", k->name, absent);
	return sum / parts(k);
}

static uint64_t moved_pages(const struct tm_cg *cg)
{
	return (tm_stat(cg, "promoted_bytes") + tm_stat(cg, "demoted_bytes")) / tm_page_size();
}

static void measure(const struct kind *k, const struct tm_cg *cg, uint64_t quota, struct result *r)
{
	uint64_t t0, cpu0, end_ns, held_ns = 0, moved0, before;
	const bool blind = k->how == FILE_READ;
	struct user u[PARTS];

	*r = (struct result){ .reached_s = -1, .least = 1, .whole_pct = 100 };
	start(u, k, cg);
	r->best = tm_draw_best(&u->draw, quota / parts(k));
	if (!blind)
		r->first = look(u, k, false);
	moved0 = moved_pages(cg);
	before = 0;
	cpu0 = tm_daemon_cpu_ns(NULL);
	t0 = tm_now_ns();
	end_ns = t0 + tm_ms(tm_env("TM_SECONDS", 25) * 1000) * 1000000ULL;
	ask_all(u, k->processes, "begin");
	while (tm_now_ns() < end_ns) {
		tm_pause_ms(LOOK_MS);
		r->moved_pages = moved_pages(cg) - moved0;
		if (r->moved_pages != before)
			r->moves_end_s = tm_since(t0);
		before = r->moved_pages;
		if (blind)
			continue;
		r->hit = look(u, k, false);
		if (r->reached_s >= 0) {
			r->least = r->hit < r->least ? r->hit : r->least;
		} else if (r->hit >= r->best * RATIO_PCT / 100) {
			r->reached_s = tm_since(t0);
			held_ns = tm_now_ns() + tm_ms(HOLD_MS) * 1000000ULL;
			/* Late is not never. */
			end_ns = end_ns > held_ns ? end_ns : held_ns;
		}
		if (held_ns && tm_now_ns() >= held_ns)
			break;
	}
	r->run_s = tm_since(t0);
	r->daemon_s = (tm_daemon_cpu_ns(NULL) - cpu0) / 1e9;
	r->draws = ask_all(u, k->processes, "draws");
	r->hit = look(u, k, true);
	if (k->advice == MADV_HUGEPAGE)
		r->whole_pct = 100.0 * tm_cg_key(cg, "memory.stat", "anon_thp") / k->len;
	r->bad = ask_all(u, k->processes, "end");
	stop(u, k);
}

static void print(const struct kind *k, uint64_t quota, const struct result *r)
{
	char when[80] = "not looked at on the way";

	if (r->reached_s >= 0)
		snprintf(when, sizeof(when),
			 "%.4f at first, %.0f %% after %.2f s, at least %.2f %% since", r->first,
			 RATIO_PCT, r->reached_s, 100 * r->least / r->best);
	else if (k->how != FILE_READ)
		snprintf(when, sizeof(when), "%.4f at first, never %.0f %%", r->first, RATIO_PCT);
	tm_diag("%s: %zuM in %d processes, quota %lluM: hit %.4f, best %.4f: %.2f %%; %s",
		k->name, k->len >> 20, k->processes, (unsigned long long)quota >> 20, r->hit,
		r->best, 100 * r->hit / r->best, when);
	tm_diag("%s: %.1f s, %.0f accesses a millisecond, %llu pages moved (%.2f x the quota), the last after %.1f s; daemon %.2f s of CPU",
		k->name, r->run_s, r->draws / r->run_s / 1000, (unsigned long long)r->moved_pages,
		(double)r->moved_pages * tm_page_size() / quota, r->moves_end_s, r->daemon_s);
	if (k->advice == MADV_HUGEPAGE)
		tm_diag("%s: %.1f %% in huge pages", k->name, r->whole_pct);
}

static const char *impossible(const struct kind *k)
{
	if (k->how == GUEST)
		return tm_guest_missing();
	if (k->how == FILE_READ && !tm_disk_dir())
		return "no disk: TM_DISK or TM_DIR";
	return NULL;
}

static void test(const struct kind *k)
{
	const char *why = impossible(k);
	uint64_t quota = k->len / 4;
	struct result r;
	struct tm_cg cg;
	bool ok = true;

	if (why) {
		ksft_test_result_skip("%s: %s\n", k->name, why);
		return;
	}
	if (tm_cg_create(&cg, NULL, k->name) || tm_cg_write_u64(&cg, "tiermem.dram_max", quota))
		tm_die("can't make a group with dram_max");
	measure(k, &cg, quota, &r);
	print(k, quota, &r);
	tm_check(&ok, r.hit >= r.best * RATIO_PCT / 100, "%.2f %%", 100 * r.hit / r.best);
	tm_check(&ok, r.draws > 0 && !r.bad, "%llu of %llu accesses found something wrong",
		 (unsigned long long)r.bad, (unsigned long long)r.draws);
	tm_check(&ok, r.whole_pct >= WHOLE_PCT, "%.1f %% in huge pages", r.whole_pct);
	if (!ok)
		tm_diag_stat(&cg);
	tm_cg_remove(&cg);
	ksft_test_result(ok, "%s: the hot tenth is found\n", k->name);
}

static bool wanted(const struct kind *k, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], k->name))
			return true;
	}
	return argc == 1;
}

int main(int argc, char **argv)
{
	const size_t page = tm_page_size(), huge = 2 * TM_MIB;
	/* Of fewer huge pages each is accessed in any window: they are not made smaller. */
	const struct kind kinds[KINDS] = {
		{ "anon4k", PRIVATE, MADV_NOHUGEPAGE, 1, tm_mb(400), page },
		{ "thp", PRIVATE, MADV_HUGEPAGE, 1, 400 * TM_MIB, huge },
		{ "memfd", SHARED, 0, 1, tm_mb(400), page },
		{ "shared", SHARED, 0, PARTS, tm_mb(400), page },
		{ "quarters", PRIVATE, MADV_NOHUGEPAGE, PARTS, tm_mb(400), page },
		{ "fileread", FILE_READ, 0, 1, tm_mb(400), page },
		/* A guest's first access of a page is slow where it is nested. */
		{ "guest4k", GUEST, MADV_NOHUGEPAGE, 1, tm_mb(64), page },
		{ "guestthp", GUEST, MADV_HUGEPAGE, 1, 160 * TM_MIB, huge },
	};
	unsigned int plan = 0;
	char percent[16];
	size_t i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, 400 * TM_MIB);
	tm_set("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	snprintf(percent, sizeof(percent), "%ld", tm_env("TM_BUDGET", 20));
	if (tm_set(TM_SYSFS "/cpu_budget_percent", percent))
		tm_die("can't set cpu_budget_percent");
	/* It would move pages, too, and be another way to see a guest's accesses. */
	tm_set("/proc/sys/kernel/numa_balancing", "0");
	for (i = 0; i < KINDS; i++)
		plan += wanted(&kinds[i], argc, argv);
	if (!plan)
		tm_die("no such kind");
	ksft_set_plan(plan);
	for (i = 0; i < KINDS; i++) {
		if (wanted(&kinds[i], argc, argv))
			test(&kinds[i]);
	}
	ksft_finished();
}

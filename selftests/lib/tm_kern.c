// SPDX-License-Identifier: GPL-2.0
/* What the kernel looks like before and after: see tm_kern.h. */
#include "tm_kern.h"
#include "tm_internal.h"

#include <dirent.h>
#include <regex.h>
#include <sys/syscall.h>

/* ---- placement --------------------------------------------------------------------------- */

/* Node of each memory block, -1: none. Blocks are at least 128 MiB on x86. */
#define BLOCKS 4096

static signed char block_node[BLOCKS];
static uint64_t block_pages;

void tm_pfn_nodes_forget(void)
{
	block_pages = 0;
}

static int pfn_nodes_read(void)
{
	char path[300], buf[64];
	struct dirent *e;
	int nid;

	if (tm_read("/sys/devices/system/memory/block_size_bytes", buf, sizeof(buf)) <= 0)
		return -ENOENT;
	memset(block_node, -1, sizeof(block_node));
	for (nid = 0; nid < TM_NODES; nid++) {
		DIR *d;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", nid);
		d = opendir(path);
		if (!d)
			continue;
		while ((e = readdir(d))) {
			unsigned long block;

			if (sscanf(e->d_name, "memory%lu", &block) == 1 && block < BLOCKS)
				block_node[block] = nid;
		}
		closedir(d);
	}
	block_pages = strtoull(buf, NULL, 16) / tm_page_size();
	return 0;
}

int tm_where_pages(pid_t pid, const void *addr, size_t len, signed char *node)
{
	enum { CHUNK = 4096 };
	uint64_t entry[CHUNK], pages = len / tm_page_size(), i, k;
	off_t off = (uintptr_t)addr / tm_page_size() * sizeof(entry[0]);
	char path[64];
	int fd;

	if (!block_pages && pfn_nodes_read())
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (i = 0; i < pages; i += k) {
		uint64_t want = pages - i < CHUNK ? pages - i : CHUNK;
		ssize_t n = pread(fd, entry, want * sizeof(entry[0]), off + i * sizeof(entry[0]));

		if (n <= 0) {
			close(fd);
			return n ? -errno : -EFAULT;
		}
		n /= sizeof(entry[0]);
		for (k = 0; k < (uint64_t)n; k++) {
			uint64_t pfn = entry[k] & ((1ULL << 55) - 1), block = pfn / block_pages;
			bool present = entry[k] >> 63 && pfn && block < BLOCKS;

			node[i + k] = present ? block_node[block] : TM_ABSENT;
		}
	}
	close(fd);
	return 0;
}

int tm_where(pid_t pid, const void *addr, size_t len, struct tm_where *w)
{
	struct tm_placement p;
	int rc = tm_count_nodes(tm_where_pages, pid, addr, len, &p);

	/* Neither fast nor slow is as good as absent. */
	*w = (struct tm_where){ .fast = p.fast, .slow = p.slow };
	if (!rc)
		w->absent = len / tm_page_size() - p.fast - p.slow;
	return rc;
}

/* ---- leaks ------------------------------------------------------------------------------- */

static uint64_t meminfo(const char *key)
{
	char buf[8192], *p;

	if (tm_read("/proc/meminfo", buf, sizeof(buf)) <= 0)
		return 0;
	p = strstr(buf, key);
	return p ? strtoull(p + strlen(key), NULL, 10) * TM_KIB : 0;
}

/*
 * Each CPU keeps a few pages' worth of charge for the cgroup that charged last, with a reference to
 * it. Removal takes the pages back, but the kernel leaves an empty stock alone: one zombie per CPU
 * until somebody else charges there, which in a VM where all else is in the root cgroup is never.
 * So charge something on each CPU, to a cgroup that stays.
 */
static void replace_charge_stocks(void)
{
	static struct tm_cg cg;
	static bool failed;
	long cpu, cpus = sysconf(_SC_NPROCESSORS_CONF);
	pid_t pid;

	if (!cg.path[0])
		failed = tm_cg_create(&cg, NULL, "stocks");
	if (failed)
		return;
	pid = fork();
	if (!pid) {
		if (tm_cg_move(&cg, getpid()))
			_exit(1);
		for (cpu = 0; cpu < cpus; cpu++) {
			cpu_set_t set;
			int fds[2];
			char *mem;

			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			if (sched_setaffinity(0, sizeof(set), &set))
				continue;
			/* Pages, and kernel objects. */
			mem = tm_anon(2 * TM_MIB, MADV_NOHUGEPAGE);
			memset(mem, 1, 256 * TM_KIB);
			if (!pipe(fds))
				close(fds[0]);
			munmap(mem, 2 * TM_MIB);
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void tm_kern_read(struct tm_kern *k)
{
	const char *root = tm_cg_mount();
	char path[PATH_MAX];

	memset(k, 0, sizeof(*k));
	if (root)
		replace_charge_stocks();
	sync();
	tm_write("/proc/sys/vm/drop_caches", "3");
	k->isolated = tm_vmstat("nr_isolated_anon") + tm_vmstat("nr_isolated_file");
	if (root) {
		snprintf(path, sizeof(path), "%s/cgroup.stat", root);
		tm_read_key(path, "nr_dying_descendants", &k->dying);
	}
	k->available = meminfo("\nMemAvailable:");
	k->slab = meminfo("\nSUnreclaim:");
	k->percpu = meminfo("\nPercpu:");
	k->vmalloc = meminfo("\nVmallocUsed:");
	k->kstack = meminfo("\nKernelStack:");
	k->pgtables = meminfo("\nPageTables:");
}

void tm_kern_diag(const char *what, const struct tm_kern *k)
{
	tm_diag("%s: isolated %llu, dying cgroups %llu, available %.1fM, slab unreclaimable %.2fM, percpu %.2fM, vmalloc %.2fM, stacks %.2fM, page tables %.2fM",
		what, (unsigned long long)k->isolated, (unsigned long long)k->dying,
		tm_fmib(k->available), tm_fmib(k->slab), tm_fmib(k->percpu), tm_fmib(k->vmalloc),
		tm_fmib(k->kstack), tm_fmib(k->pgtables));
}

struct settle {
	const struct tm_kern *base;
	struct tm_kern *now;
	uint64_t slack;
};

static bool settled(void *arg)
{
	struct settle *s = arg;
	const struct tm_kern *b = s->base, *n = s->now;

	tm_kern_read(s->now);
	return !n->isolated && n->dying <= b->dying && n->available + s->slack >= b->available &&
	       n->slab <= b->slab + s->slack && n->percpu <= b->percpu + s->slack / 2 &&
	       n->vmalloc <= b->vmalloc + s->slack / 2;
}

bool tm_kern_settled(const struct tm_kern *base, struct tm_kern *now, uint64_t slack,
		     int timeout_ms)
{
	struct settle s = { base, now, slack };
	uint64_t t0 = tm_now_ns();
	bool ok;

	/*
	 * A debug kernel keeps what was freed (KASAN's quarantine) and a record of each object
	 * (kmemleak, which finds leaks better than this).
	 */
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		s.slack += 32 * TM_MIB;
	ok = tm_until(settled, &s, 500, timeout_ms);

	tm_kern_diag("kernel before", base);
	tm_kern_diag("kernel after", now);
	tm_diag("%s after %.1f s (slack %.1fM)", ok ? "settled" : "NOT settled", tm_since(t0),
		tm_fmib(s.slack));
	return ok;
}

/* ---- an unloaded module ------------------------------------------------------------------ */

static bool file_has(const char *path, const char *word)
{
	bool found = false;
	char line[1024];
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, word);
	fclose(f);
	return found;
}

bool tm_module_listed(void)
{
	return file_has("/proc/modules", "tiermem ");
}

static bool cgroup_file_left(const char *dir, char *name, size_t size)
{
	bool found = false;
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		found = strstr(e->d_name, "tiermem.");
		if (found)
			snprintf(name, size, "%s", e->d_name);
	}
	closedir(d);
	return found;
}

const char *tm_leftover(const struct tm_cg *cg)
{
	static const char * const paths[] = {
		"/sys/module/tiermem", TM_SYSFS, "/dev/tiermem",
		TM_TRACING "events/tiermem", "/sys/kernel/debug/tiermem",
	};
	static const char * const lists[][2] = {
		{ "/proc/modules", "tiermem " },
		{ "/proc/kallsyms", "[tiermem]" },
		{ TM_TRACING "enabled_functions", "alloc_pages" },
		{ TM_TRACING "enabled_functions", "alloc_frozen_pages" },
		{ TM_TRACING "enabled_functions", "tiermem" },
		{ TM_TRACING "enabled_functions", "[tm_" },
		{ "/sys/kernel/debug/kprobes/list", "alloc_pages" },
		{ "/sys/kernel/debug/kprobes/list", "kallsyms_lookup_name" },
	};
	static char why[PATH_MAX + 320];
	char name[NAME_MAX + 1];
	unsigned int i;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!access(paths[i], F_OK))
			return paths[i];
	}
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		if (file_has(lists[i][0], lists[i][1])) {
			snprintf(why, sizeof(why), "%s in %s", lists[i][1], lists[i][0]);
			return why;
		}
	}
	if (tm_cg_mount() && cgroup_file_left(tm_cg_mount(), name, sizeof(name))) {
		snprintf(why, sizeof(why), "%s in the root cgroup", name);
		return why;
	}
	if (cg && cgroup_file_left(cg->path, name, sizeof(name))) {
		snprintf(why, sizeof(why), "%s in %s", name, cg->path);
		return why;
	}
	if (tm_daemon_pids(&pid, 1)) {
		snprintf(why, sizeof(why), "a thread ktiermemd, pid %d", pid);
		return why;
	}
	return NULL;
}

int tm_finit(int fd, const char *params)
{
	return syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
}

int tm_ko_open(void)
{
	const char *ko = tm_ko();
	int fd = ko ? open(ko, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		ksft_exit_skip("no module: no $TIERMEM_KO, no build/*/tiermem.ko for this kernel\n");
	return fd;
}

/* ---- kernel log -------------------------------------------------------------------------- */

/* The words of selftests/vm/verdict.sh. */
#define SPLAT "BUG:|WARNING:|KASAN|KCSAN|UBSAN|Oops|general protection|Kernel panic|" \
	"INFO: (task|rcu)|possible (circular|recursive)|inconsistent lock|suspicious RCU|" \
	"sleeping function|refcount_t|list_(add|del) corruption|Bad page|bad: scheduling|" \
	"soft lockup|hung_task|unreferenced object|PAGE_TABLE_CHECK|ODEBUG|VM_BUG"

int tm_kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

/*
 * A page dump is a splat unless it ends with the kernel's own report of a page that memory hotplug
 * could not move, now or at all. Returns the line to report, or NULL.
 */
static const char *dumped_page(const char *text)
{
	static char held[512];
	static char old[512];

	if (strstr(text, "page:") && strstr(text, "refcount")) {
		memcpy(old, held, sizeof(old));
		snprintf(held, sizeof(held), "%s", text);
		return old[0] ? old : NULL;
	}
	if (!strstr(text, "page dumped because:") || !held[0])
		return NULL;
	memcpy(old, held, sizeof(old));
	held[0] = '\0';
	if (strstr(text, "migration failure") || strstr(text, "isolation failed") ||
	    strstr(text, "unmovable page"))
		return NULL;
	return old;
}

int tm_kmsg_read(int fd, const char *word, char *buf, size_t size, int *splats)
{
	static bool compiled;
	static regex_t splat;
	size_t len = 0;
	int count = 0;

	if (!compiled && regcomp(&splat, SPLAT, REG_EXTENDED | REG_NOSUB))
		tm_die("regcomp");
	compiled = true;
	if (size)
		buf[0] = '\0';
	for (;;) {
		char rec[8192], *text, *end;
		const char *bug;
		ssize_t n = read(fd, rec, sizeof(rec) - 1);

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;	/* overwritten before we came: go on with the next */
		if (n <= 0)
			break;
		rec[n] = '\0';
		text = strchr(rec, ';');
		text = text ? text + 1 : rec;
		end = strchr(text, '\n');	/* what follows is key=value */
		if (end)
			*end = '\0';
		bug = dumped_page(text);
		if (!bug && !regexec(&splat, text, 0, NULL, 0))
			bug = text;
		if (bug) {
			if (splats)
				++*splats;
			tm_diag("kernel log: %s", bug);
		}
		if (!strstr(text, word))
			continue;
		count++;
		if (len < size)
			len += snprintf(buf + len, size - len, "%s\n", text);
	}
	return count;
}

/* ---- threads ----------------------------------------------------------------------------- */

int tm_daemon_pids(pid_t *pids, int max)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	if (!d)
		return 0;
	while (n < max && (e = readdir(d))) {
		char path[300], comm[64];

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (tm_read(path, comm, sizeof(comm)) > 0 && !strncmp(comm, "ktiermemd", 9))
			pids[n++] = atoi(e->d_name);
	}
	closedir(d);
	return n;
}

uint64_t tm_sleeps(pid_t pid)
{
	char path[64], buf[8192], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (tm_read(path, buf, sizeof(buf)) <= 0)
		return UINT64_MAX;
	p = strstr(buf, "\nvoluntary_ctxt_switches:");
	if (!p)
		return UINT64_MAX;
	return strtoull(p + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers shared by the tiermem selftests.
 *
 * Shape of a test program:
 *
 *	int main(int argc, char **argv)
 *	{
 *		tm_init(argc, argv);			// TAP header, watchdog, cleanup at exit
 *		tm_require(TM_NEED_ALL);		// or exit 4 (skip) with the reason
 *		ksft_set_plan(1);
 *		tm_cg_create(&cg, NULL, "g");		// removed at exit, with what lives in it
 *		tm_spawn(&c, &cg, worker, &arg);	// forked child, already in the cgroup
 *		tm_expect(&c, "READY", 60000);		// never sleep to synchronise
 *		ksft_test_result(..., "...\n");
 *		ksft_finished();
 *	}
 *
 * Everything that can fail returns 0 or a count, or -errno. Functions whose failure can only mean
 * that the machine is broken (fork, pipe, mmap) end the program: tm_die().
 *
 * kselftest.h keeps its counters in static variables of each .c file, so only the test itself may
 * print results; this library prints nothing but `# ...` lines.
 */
#ifndef TM_TEST_H
#define TM_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* so include this first */
#endif

#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "kselftest.h"

/* ---- tolerances: all of them, for all tests ---------------------------------------------- */

#define TM_KIB			1024ULL
#define TM_MIB			(1024ULL * 1024)
#define TM_OVER			(4 * TM_MIB)	/* DRAM of a group: at most quota + this, always */
#define TM_UNDER		(16 * TM_MIB)	/* at least quota - this where there is demand */
#define TM_DRIFT		(1 * TM_MIB)	/* dram_current against memory.numa_stat, at rest */
#define TM_SAMPLE_MS		20		/* period of the sampler */
#define TM_IDLE_CPU_PCT		1.0		/* the daemon, when it can do nothing useful */
#define TM_ZERO_MS		5000		/* dram_max=0: all evictable is slow by then */
#define TM_RESUME_MS		2000		/* space on the slow node: goes on by then */
#define TM_HOT_BACK_MS		30000		/* hot pages back after the quota is lifted */
#define TM_HANG_MS		120000		/* nobody waits longer for anything */

/*
 * Two knobs for slow kernels (KASAN, lockdep) and small machines, from the environment:
 * TM_SIZE_PCT scales every tm_mb(), TM_TIME_PCT every tm_ms() and what the daemon may use of a CPU.
 * Both default to 100.
 */
size_t tm_mb(unsigned int mib);			/* MiB as bytes, scaled, a multiple of 2 MiB */
int tm_ms(int ms);				/* a time limit in ms, scaled */
long tm_env(const char *name, long dflt);	/* a number from the environment */

/* ---- life of a test program -------------------------------------------------------------- */

/*
 * Prints the TAP header and arranges that whatever was created, written or loaded through this
 * library is undone at exit, also on SIGINT and SIGTERM. After TM_WATCHDOG seconds (environment,
 * default 600) the program fails by itself.
 */
void tm_init(int argc, char **argv);

#define TM_NEED_ROOT	0x01
#define TM_NEED_CGROUP	0x02	/* cgroup v2 with the memory controller */
#define TM_NEED_MODULE	0x04	/* loads tiermem where it is not loaded (unloads it at exit) */
#define TM_NEED_SLOW	0x08	/* at least one slow node with memory */
#define TM_NEED_ALL	0x0f

/* NULL, or why the test can't run here. */
const char *tm_missing(unsigned int need);

/* Skips the whole program (exit 4) where something is missing. */
static inline void tm_require(unsigned int need)
{
	const char *why = tm_missing(need);

	if (why)
		ksft_exit_skip("%s\n", why);
}

/* Skips the whole program unless `bytes` are free on the slow (fast) nodes. */
static inline void tm_require_free(bool slow, uint64_t bytes);

void tm_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* `# ...` */

/*
 * One of several conditions of a result: says which one failed, and clears *ok.
 *	tm_check(&ok, dram <= limit, "dram %.1fM", tm_fmib(dram));
 */
#define tm_check(ok, cond, fmt, ...) ({						\
	bool good_ = (cond);							\
										\
	if (!good_) {								\
		tm_diag("FAILED: %s: " fmt, #cond, ##__VA_ARGS__);		\
		*(ok) = false;							\
	}									\
	good_;									\
})

void tm_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void tm_at_exit(void (*fn)(void *), void *arg);	/* last registered runs first; not in children */

/* ---- time -------------------------------------------------------------------------------- */

uint64_t tm_now_ns(void);
static inline double tm_since(uint64_t t0) { return (tm_now_ns() - t0) / 1e9; }
void tm_pause_ms(int ms);	/* for load generators and pollers, never for synchronisation */

/* Calls cond every `step_ms` until it is true; false after `timeout_ms`. */
bool tm_until(bool (*cond)(void *), void *arg, int step_ms, int timeout_ms);

/* ---- files ------------------------------------------------------------------------------- */

int tm_write(const char *path, const char *val);		/* 0 or -errno */
int tm_writef(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
ssize_t tm_read(const char *path, char *buf, size_t size);	/* length or -errno; adds a NUL */
int tm_read_u64(const char *path, uint64_t *val);		/* `max` reads as UINT64_MAX */
int tm_read_key(const char *path, const char *key, uint64_t *val);	/* flat keyed; -ENOENT */

/* Writes a setting (sysctl, sysfs) and puts the old value back at exit. Knows `a [b] c` files. */
int tm_set(const char *path, const char *val);

uint64_t tm_vmstat(const char *key);		/* /proc/vmstat; UINT64_MAX without such a key */
int tm_bool_kconfig(const char *option);	/* CONFIG_... of the running kernel: 1, 0, -errno */

/* ---- nodes ------------------------------------------------------------------------------- */

#define TM_NODES 64

typedef uint64_t tm_nodes_t;	/* bit = node */

/*
 * Which nodes are DRAM and which are slow: as the module says where it is loaded, else by whether
 * a node has CPUs (see notes in docs/design.md; true for every topology of selftests/vm).
 */
tm_nodes_t tm_fast_nodes(void);
tm_nodes_t tm_slow_nodes(void);
int tm_parse_nodes(const char *list, tm_nodes_t *nodes);	/* "0-1,3" */
uint64_t tm_node_free(tm_nodes_t nodes);			/* MemFree, bytes */
uint64_t tm_node_total(tm_nodes_t nodes);			/* MemTotal, bytes */

/* Free bytes above the high watermarks: what can be allocated without waking reclaim. */
uint64_t tm_node_room(tm_nodes_t nodes);
static inline int tm_first_node(tm_nodes_t n) { return n ? __builtin_ctzll(n) : -1; }

/* Where the pages of [addr, addr + len) are, by move_pages(2). */
struct tm_placement {
	uint64_t node[TM_NODES];	/* pages on each node */
	uint64_t fast, slow;		/* pages on fast and slow nodes */
	uint64_t absent;		/* not mapped; on 6.1 also PROT_NONE by NUMA balancing */
	uint64_t error;			/* any other status */
};

int tm_placement(pid_t pid, const void *addr, size_t len, struct tm_placement *p);

/* The same page by page: the node, or one of these. */
#define TM_ABSENT	-1
#define TM_UNKNOWN	-2
int tm_page_nodes(pid_t pid, const void *addr, size_t len, signed char *node);

/*
 * Moves pages to a node by move_pages(2): what this machine's kernel can do at best, to compare the
 * module with where an absolute time says more about the machine. Seconds.
 */
double tm_move_seconds(pid_t pid, const void *addr, size_t len, int node);

/* ---- cgroups ----------------------------------------------------------------------------- */

struct tm_cg {
	char path[PATH_MAX];
};

const char *tm_cg_mount(void);		/* where cgroup2 is mounted, NULL: nowhere */

/*
 * Creates parent/name-PID (parent NULL: the root) and sees to it that it has the memory controller.
 * The group is killed and removed at exit, if it still exists.
 */
int tm_cg_create(struct tm_cg *cg, const struct tm_cg *parent, const char *name);
int tm_cg_delegate(const struct tm_cg *cg);	/* +memory in its subtree_control */
int tm_cg_remove(const struct tm_cg *cg);	/* kills others inside, waits, rmdir */
int tm_cg_move(const struct tm_cg *cg, pid_t pid);
int tm_cg_write(const struct tm_cg *cg, const char *file, const char *val);
int tm_cg_write_u64(const struct tm_cg *cg, const char *file, uint64_t val);
ssize_t tm_cg_read(const struct tm_cg *cg, const char *file, char *buf, size_t size);
bool tm_cg_has(const struct tm_cg *cg, const char *file);	/* files of later versions */
int tm_cg_open(const struct tm_cg *cg, const char *file, int flags);	/* fd or -errno */

/* A number; 0 and a `# ...` line where the file or key can't be read. */
uint64_t tm_cg_u64(const struct tm_cg *cg, const char *file);
uint64_t tm_cg_key(const struct tm_cg *cg, const char *file, const char *key);

#define tm_dram(cg)		tm_cg_u64(cg, "tiermem.dram_current")
#define tm_slow(cg)		tm_cg_u64(cg, "tiermem.slow_current")
#define tm_event(cg, key)	tm_cg_key(cg, "tiermem.events", key)
#define tm_stat(cg, key)	tm_cg_key(cg, "tiermem.stat", key)

/*
 * The truth that doesn't come from the module: anon + file of memory.numa_stat (shmem is part of
 * file) over a set of nodes. On 6.1 it may lag by 64 updates per CPU.
 */
uint64_t tm_numa(const struct tm_cg *cg, tm_nodes_t nodes);

/* "dram 123.4M (numa_stat 123.5M) slow 99.0M" for diagnostics; static buffer. */
const char *tm_usage(const struct tm_cg *cg);

/* What tiermem.stat and tiermem.events say, a `# ...` line each, without zeroes: for failures. */
void tm_diag_stat(const struct tm_cg *cg);

/* ---- sampler ----------------------------------------------------------------------------- */

/*
 * A thread that reads both measures of a group every TM_SAMPLE_MS. tm_sampler_get() may be called
 * at any time, tm_sampler_reset() starts a new phase (without a gap: the thread goes on).
 */
struct tm_samples {
	uint64_t n;			/* samples taken */
	uint64_t max_dram;		/* of tiermem.dram_current; 0 without the module */
	uint64_t max_numa;		/* of memory.numa_stat, fast nodes */
	uint64_t min_dram, min_numa;
	uint64_t last_dram, last_numa;
	uint64_t max_at_ns;		/* when the greater of the maxima was seen, since reset */
	uint64_t max_gap_ns;		/* longest time between two samples */
	uint64_t over;			/* samples in which either measure was above `limit` */
	uint64_t over_ns;		/* time spent above it */
};

struct tm_sampler {
	struct tm_cg cg;
	tm_nodes_t fast;
	uint64_t limit;
	pthread_t thread;
	pthread_mutex_t lock;
	struct tm_samples s;
	uint64_t t0;
	bool stop;
};

void tm_sampler_start(struct tm_sampler *s, const struct tm_cg *cg, uint64_t limit);
void tm_sampler_reset(struct tm_sampler *s, uint64_t limit);
void tm_sampler_get(struct tm_sampler *s, struct tm_samples *out);
void tm_sampler_stop(struct tm_sampler *s, struct tm_samples *out);	/* out may be NULL */

/* Both maxima within quota + TM_OVER, and something was sampled; prints the numbers either way. */
bool tm_samples_ok(const struct tm_samples *s, uint64_t quota, const char *what);

/* ---- memory ------------------------------------------------------------------------------ */

size_t tm_page_size(void);

/* Anonymous private memory; advice: 0, MADV_NOHUGEPAGE or MADV_HUGEPAGE (then 2 MiB aligned). */
void *tm_anon(size_t len, int advice);

/*
 * Every word of every page is a function of (seed, index of the page, word), so that a page that
 * was lost, torn, swapped with another or is a version too old shows. Bump seed for a new version.
 * Filling writes first: a first access by reading would map the zero page.
 */
void tm_fill(void *addr, size_t len, uint64_t seed);
void tm_fill_page(void *page, uint64_t seed, uint64_t index);
uint64_t tm_verify(const void *addr, size_t len, uint64_t seed);	/* bad pages */
bool tm_verify_page(const void *page, uint64_t seed, uint64_t index);
uint64_t tm_page_word(uint64_t seed, uint64_t index);	/* the first word of a page */
void tm_touch(volatile void *addr, size_t len);		/* one read per page */
void tm_fill_bound(char *addr, size_t len, tm_nodes_t nodes);	/* one write per page, on these */

/* ---- child processes --------------------------------------------------------------------- */

/*
 * A child and the two pipes to it; the same struct on both sides. The child is in the cgroup before
 * its function runs. It dies with the test, and must not print TAP results: it returns an exit
 * status, or tells lines.
 */
struct tm_child {
	pid_t pid;
	int in, out;		/* read from, write to the other side */
	char buf[512];		/* what came in after the last whole line */
	size_t fill;
};

typedef int (*tm_child_fn)(struct tm_child *self, void *arg);

/* cg NULL: stays where the test is. Ends the program when it can't fork or move. */
void tm_spawn(struct tm_child *c, const struct tm_cg *cg, tm_child_fn fn, void *arg);
void tm_tell(struct tm_child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line without its newline: its length, -ETIMEDOUT, or -EPIPE when the other side is gone. */
int tm_hear(struct tm_child *c, char *line, size_t size, int timeout_ms);

/* Hears a line that begins with `word`; any other line is printed and is -EPROTO. */
int tm_expect(struct tm_child *c, const char *word, int timeout_ms);

/* Tells `cmd`, returns the number in the answer ("WORD NUMBER") or a negative errno. */
int64_t tm_ask(struct tm_child *c, const char *cmd, int timeout_ms);

bool tm_alive(const struct tm_child *c);

/* Waits for the end: exit status, 128 + signal, or -ETIMEDOUT (then the child is killed). */
int tm_reap(struct tm_child *c, int timeout_ms);
int tm_kill(struct tm_child *c, int sig);	/* kill and reap */

/*
 * A child outside of all test groups that takes memory of `nodes` until only `leave` bytes of room
 * are left. tm_hog_free() gives `bytes` (at least; all if it has no more) back.
 */
void tm_hog(struct tm_child *c, tm_nodes_t nodes, uint64_t leave);
int tm_hog_free(struct tm_child *c, uint64_t bytes);

/* ---- the module -------------------------------------------------------------------------- */

#define TM_SYSFS "/sys/kernel/tiermem"

bool tm_loaded(void);
const char *tm_ko(void);		/* $TIERMEM_KO or build/$(uname -r)/tiermem.ko, or NULL */
int tm_load(const char *params);	/* finit_module; 0 or -errno (-EEXIST: already there) */
int tm_unload(void);			/* delete_module; retries -EAGAIN for 5 s */
int tm_sysfs(const char *file, char *buf, size_t size);		/* one line, stripped, or -errno */

/* CPU time of all threads named ktiermemd*, in ns, and how many there are. */
uint64_t tm_daemon_cpu_ns(int *threads);

/* Percentage of one CPU that they used over `ms`. */
double tm_daemon_cpu_pct(int ms);

/*
 * At most TM_IDLE_CPU_PCT over 10 s; a second try if not, as a CPU-time clock also counts what a
 * starved vCPU of a test VM did not get.
 */
bool tm_daemon_is_quiet(const char *when);

/*
 * In a VM whose clock counts instructions (selftests/vm/run.sh -i) a nanosecond is one, and a
 * thread's CPU time tells what it did, the same each time. NULL, or why this is no such machine
 * with one CPU.
 */
bool tm_clock_is_icount(void);
const char *tm_not_icount(void);

static inline void tm_require_free(bool slow, uint64_t bytes)
{
	uint64_t nfree = tm_node_free(slow ? tm_slow_nodes() : tm_fast_nodes());

	if (nfree < bytes)
		ksft_exit_skip("needs %llu MiB free on the %s nodes, there are %llu\n",
			       (unsigned long long)(bytes / TM_MIB), slow ? "slow" : "fast",
			       (unsigned long long)(nfree / TM_MIB));
}

#define tm_fmib(bytes)	((double)(bytes) / TM_MIB)	/* for "%.1f" */

#endif /* TM_TEST_H */

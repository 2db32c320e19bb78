/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel looks like before and after: leaks, leftovers of an unloaded module, kernel log,
 * and where pages of another process are without asking for each of them.
 */
#ifndef TM_KERN_H
#define TM_KERN_H

#include "tm_test.h"

#define TM_TRACING	"/sys/kernel/tracing/"

/* ---- placement --------------------------------------------------------------------------- */

/*
 * move_pages(2) costs a look-up per page, and on 6.1 doesn't see pages that NUMA balancing made
 * PROT_NONE. /proc/PID/pagemap does, for a hundredth of the time: good enough to be asked ten times
 * a second next to what is measured. Needs root. Nodes and blocks are read at the first call; after
 * memory hotplug call tm_pfn_nodes_forget().
 */
struct tm_where {
	uint64_t fast, slow;	/* pages on such nodes */
	uint64_t absent;	/* not mapped, swapped or on no known node */
};

int tm_where(pid_t pid, const void *addr, size_t len, struct tm_where *w);
int tm_where_pages(pid_t pid, const void *addr, size_t len, signed char *node); /* or TM_ABSENT */
void tm_pfn_nodes_forget(void);

/* ---- leaks ------------------------------------------------------------------------------- */

struct tm_kern {
	uint64_t isolated;	/* nr_isolated_anon + nr_isolated_file, pages */
	uint64_t dying;		/* nr_dying_descendants of the root cgroup */
	uint64_t available;	/* MemAvailable, bytes */
	uint64_t slab;		/* unreclaimable slab, bytes */
	uint64_t percpu, vmalloc, kstack, pgtables;	/* bytes */
};

/* Drops caches first, so that two of them can be compared. */
void tm_kern_read(struct tm_kern *k);

/*
 * Reads until the kernel is back at `base` (frees go through RCU and work queues) or `timeout_ms`
 * is over; `now` holds the last reading. Memory may be off by slack bytes, all else must not be
 * worse. Prints both.
 */
bool tm_kern_settled(const struct tm_kern *base, struct tm_kern *now, uint64_t slack,
		     int timeout_ms);
void tm_kern_diag(const char *what, const struct tm_kern *k);

/* ---- an unloaded module ------------------------------------------------------------------ */

/*
 * NULL when nothing of tiermem is left in the kernel, else what is: module, sysfs directory, cgroup
 * files (in cg, which may be NULL, and in the root), thread, ftrace and kprobe entries, device.
 */
const char *tm_leftover(const struct tm_cg *cg);

/* As tm_load(), of any file: fd of the .ko. */
int tm_finit(int fd, const char *params);
int tm_ko_open(void);			/* fd; ends the program without a module */
bool tm_module_listed(void);		/* in /proc/modules, in whatever state */

/* ---- kernel log -------------------------------------------------------------------------- */

int tm_kmsg_open(void);			/* positioned at the end; fd or -errno */
/*
 * Messages since open or the last call. Keeps those that contain `word`, one per line, in buf;
 * returns how many. Splats are counted in *splats (may be NULL) and printed.
 */
int tm_kmsg_read(int fd, const char *word, char *buf, size_t size, int *splats);

/* ---- threads ----------------------------------------------------------------------------- */

/* Pids of all threads named ktiermemd*; returns how many. */
int tm_daemon_pids(pid_t *pids, int max);

/*
 * How often a task went to sleep, which is how often it was woken; UINT64_MAX when it is gone. To
 * be preempted is neither.
 */
uint64_t tm_sleeps(pid_t pid);

#endif /* TM_KERN_H */

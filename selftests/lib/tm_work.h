/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker: a child in a cgroup that allocates, uses and checks memory on command.
 *
 *	tm_worker(&w, &cg);
 *	tm_alloc(&w, TM_ANON4K, tm_mb(600), NULL, &r);	// filled with known contents
 *	tm_busy(&w, TM_BUSY_READ, &r, 0, tm_mb(64));	// keeps touching the first 64M
 *	bad = tm_idle(&w);				// stops; pages with wrong contents so far
 *	bad = tm_check_all(&w);				// every page of every region
 *	tm_quit(&w);
 *
 * The test talks to the worker over pipes, one command and one answer at a time, and looks at its
 * pages from outside (tm_placement(), cgroup files).
 */
#ifndef TM_WORK_H
#define TM_WORK_H

#include "tm_test.h"

enum tm_kind {
	TM_ANON4K,	/* private anonymous memory, MADV_NOHUGEPAGE */
	TM_THP,		/* the same, MADV_HUGEPAGE, aligned */
	TM_SHMEM,	/* MAP_SHARED | MAP_ANONYMOUS, filled through the mapping */
	TM_MEMFD,	/* memfd_create(), filled by write(2) */
	TM_FILE_WRITE,	/* a new file, filled by write(2), checked by read(2) */
	TM_FILE_READ,	/* a file from tm_make_file(), only read, by read(2) */
	TM_FILE_MAP,	/* the same through a shared mapping */
	TM_FORK,	/* half of the size private 4K memory; a forked child writes to all of it */
	TM_KINDS
};

extern const char * const tm_kind_name[TM_KINDS];
int tm_kind_by_name(const char *name);		/* -EINVAL */
bool tm_kind_needs_file(enum tm_kind kind);

struct tm_region {
	int id;
	enum tm_kind kind;
	size_t len;
	char *addr;		/* in the worker; NULL where there is no mapping */
};

enum tm_busy {
	TM_BUSY_READ,		/* one read per page, over and over, with short pauses */
	TM_BUSY_READ_HARD,	/* the same without pauses */
	TM_BUSY_REWRITE,	/* check a page, write its next version, go on to the next page */
};

void tm_worker(struct tm_child *w, const struct tm_cg *cg);

/* 0 or -errno; the region is filled when this returns. path for the file kinds only. */
int tm_alloc(struct tm_child *w, enum tm_kind kind, size_t len, const char *path,
	     struct tm_region *r);

/* The two halves of tm_alloc(), for a test that wants to act meanwhile. */
void tm_alloc_begin(struct tm_child *w, enum tm_kind kind, size_t len, const char *path,
		    struct tm_region *r);
int tm_alloc_end(struct tm_child *w, struct tm_region *r);

int tm_free(struct tm_child *w, const struct tm_region *r);
int tm_mlock(struct tm_child *w, const struct tm_region *r);

/* A thread of the worker uses part of a mapped region until tm_idle(). */
int tm_busy(struct tm_child *w, enum tm_busy how, const struct tm_region *r, size_t off,
	    size_t len);
int64_t tm_idle(struct tm_child *w);	/* wrong pages that TM_BUSY_REWRITE met, or -errno */
int64_t tm_passes(struct tm_child *w);		/* whole rounds of the busy thread so far */

int64_t tm_check_all(struct tm_child *w);	/* wrong pages of all regions, or -errno */

/* Longest time, in ms, that any single page took to be filled since the worker started. */
int64_t tm_longest_stall_ms(struct tm_child *w);

int tm_quit(struct tm_child *w);		/* exit status */

/*
 * A directory whose page cache is charged like that of any disk: a file system that is not in
 * memory. $TM_DIR; else the block device $TM_DISK, formatted (!) and mounted until exit; else
 * /var/tmp, if that is on a disk. NULL: none, tests of page cache skip.
 *
 * Why not ext4 on a loop device over tmpfs, or brd: pages of the backing tmpfs are charged to the
 * cgroup that does the I/O, on top of the page cache that is to be measured, and brd's pages would
 * fill the DRAM node of a test VM. selftests/check.sh adds a virtio disk to its VMs.
 */
const char *tm_disk_dir(void);

/* Creates a file with the contents that TM_FILE_READ expects, and leaves nothing of it cached. */
int tm_make_file(const char *path, size_t len);
#define TM_FILE_SEED	0x66696c65	/* of its contents */

#endif /* TM_WORK_H */

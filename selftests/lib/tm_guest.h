/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A KVM guest without an image to boot: a few instructions (tm_guest_code.S) that read, write or
 * check one word in each page, in memory of the process that makes it.
 */
#ifndef TM_GUEST_H
#define TM_GUEST_H

/* Guest-physical addresses. */
#define TM_GUEST_CODE	0x1000
#define TM_GUEST_CTL	0x2000
#define TM_GUEST_TABLE	0x3000		/* TM_GUEST_DRAW: address of each unit, by rank */
#define TM_GUEST_FIRST	0x200000	/* memory to work on; a huge page on */

#define TM_GUEST_SECRET	0x5a3c1e0f

/* Values of tm_guest_ctl.op, in the order that tm_guest_code.S compares them in. */
#define TM_GUEST_READ	0
#define TM_GUEST_WRITE	1
#define TM_GUEST_CHECK	2
#define TM_GUEST_DRAW	3	/* checks a page at a time, as tm_draw.h says */

#define TM_GUEST_DRAWS	65536	/* a pass of TM_GUEST_DRAW */

/* Offsets in struct tm_guest_ctl. */
#define TM_CTL_BEGIN	0
#define TM_CTL_END	4
#define TM_CTL_PASSES	8
#define TM_CTL_STOP	12
#define TM_CTL_OP	16
#define TM_CTL_BAD	20
#define TM_CTL_UNITS	24
#define TM_CTL_HOT	28
#define TM_CTL_MASK	32
#define TM_CTL_THINK	36

#ifndef __ASSEMBLER__
#include "tm_draw.h"
#include "tm_test.h"

#include <linux/kvm.h>

struct tm_guest_ctl {
	uint32_t begin, end;	/* what to work on */
	uint32_t passes;	/* done */
	uint32_t stop;		/* halt after this pass */
	uint32_t op;
	uint32_t bad;		/* pages found wrong by TM_GUEST_CHECK, TM_GUEST_DRAW */
	uint32_t units, hot;	/* TM_GUEST_DRAW: as in struct tm_draw */
	uint32_t mask;		/* pages of a unit, less one */
	uint32_t think;		/* turns of a loop after each access */
};

extern const char tm_guest_code[], tm_guest_code_end[];	/* tm_guest_code.S */

struct tm_guest {
	char *mem;		/* of guest-physical 0 */
	volatile struct tm_guest_ctl *ctl;
	int vcpu;
	struct kvm_run *run;
	pthread_t thread;
	int rc;
};

/* NULL, or why there can be no guest here. Loads KVM. */
const char *tm_guest_missing(void);

/* A guest with `len` bytes from TM_GUEST_FIRST on. Ends the program when KVM refuses. */
void tm_guest_create(struct tm_guest *g, size_t len, int advice);

/* Runs until tm_guest_end(), or for one pass, on a thread of its own. */
void tm_guest_begin(struct tm_guest *g, uint32_t op, size_t off, size_t len, bool one_pass);

/*
 * TM_GUEST_DRAW, until tm_guest_end(). The guest's memory is what `d` was made for; `think` turns
 * of a loop follow each access.
 */
void tm_guest_draw(struct tm_guest *g, const struct tm_draw *d, uint32_t think);

/* Waits for the end of the pass: 0 or -errno. */
int tm_guest_end(struct tm_guest *g);

/* Wrong pages, as seen by the host. */
uint64_t tm_guest_verify(const struct tm_guest *g, size_t len);
#endif

#endif /* TM_GUEST_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* The pool and those who share it, for the table of top. */
#ifndef TIERMEMCTL_SHARE_H
#define TIERMEMCTL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "group.h"
#include "pool.h"

struct shares {
	struct pool pool;
	bool any;			/* there is a pool, and so there are shares */
	/* Of all that take part together. */
	uint64_t dram_bytes;
	uint64_t useful_bytes;
};

/**
 * shares_read() - read the pool, and what DRAM is of use to each group
 * @s: result; shares_free()
 * @gs: as groups_read() left it; sets @useful_bytes of those of which it is known
 *
 * What is of use serves 99 % of the accesses, as it is for the module when it shares out. But a
 * group that has fallen idle counts as it was, until its heat is forgotten.
 */
void shares_read(struct shares *s, struct groups *gs);

void shares_free(struct shares *s);

/* A line about the pool, to be freed; NULL if there is none. */
char *shares_text(const struct shares *s);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* NUMA nodes with memory, as tiermem sees them. */
#ifndef TIERMEMCTL_NODE_H
#define TIERMEMCTL_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
	int id;
	bool slow;
	uint64_t size_bytes;
	uint64_t free_bytes;
	char *cpus;			/* "0-3,8", or "" */
	int memory_tier;		/* of the kernel, -1 if it has none */
	const char *kind;		/* "DRAM", "PMEM", "CXL", ... */
	int demotes_to;			/* nearest slow node of a fast one, else -1 */
};

struct nodes {
	struct node *node;		/* by id */
	size_t n;
};

/*
 * Nodes with memory. Without the module, those without processors count as slow.
 *
 * libnuma is of no use here: it knows the running machine only, and refuses numbers of nodes
 * that it has not, while --root shows another one.
 */
void nodes_read(struct nodes *nodes);

void nodes_free(struct nodes *nodes);

/* Sizes of all fast or all slow nodes together. */
uint64_t nodes_size(const struct nodes *nodes, bool slow);
uint64_t nodes_free_size(const struct nodes *nodes, bool slow);

/* Is @id in a list like "0-1,3"? */
bool list_has(const char *list, int id);

#endif

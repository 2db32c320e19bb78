/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory nodes: what an access that no cache holds costs, and what it counts.
 */
#ifndef TIERSIM_NODE_H
#define TIERSIM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_NODES	8
#define LINE_BYTES	64
#define PAGE_SHIFT	12

/* Fits what the vCPUs' clocks may differ by and what they may be delayed. */
#define BUS_SLOTS	128

/**
 * struct node - a NUMA node of the guest
 * @name: of its preset
 * @size_bytes: of its memory
 * @read_ps: latency of a load
 * @write_ps: what a store that misses costs its thread
 * @stream_read_ps: distance of two lines of a sequential read, with prefetching
 * @stream_write_ps: the same for stores
 * @bus_read_ps: time that reading a line takes of the node's bandwidth
 * @bus_write_ps: the same for writing one
 * @reads: loads that missed all caches
 * @writes: stores that missed all caches
 * @seq: those of either kind that were part of a stream, not in @reads and @writes
 * @writebacks: dirty lines that were evicted to this node
 * @stall_ps: what all of this cost the vCPUs, queueing included
 * @queue_ps: what of it was waiting for bandwidth
 * @slots: the bus: time taken of each recent slot
 */
struct node {
	const char *name;
	uint64_t size_bytes;

	uint64_t read_ps;
	uint64_t write_ps;
	uint64_t stream_read_ps;
	uint64_t stream_write_ps;
	uint64_t bus_read_ps;
	uint64_t bus_write_ps;

	uint64_t reads;
	uint64_t writes;
	uint64_t seq;
	uint64_t writebacks;
	uint64_t stall_ps;
	uint64_t queue_ps;

	struct bus_slot {
		uint64_t index;
		uint64_t used_ps;
	} slots[BUS_SLOTS];
};

extern struct node nodes[MAX_NODES];
extern unsigned int nr_nodes;

/**
 * node_add() - the next node, from its description
 * @text: "SIZE:PRESET[:KEY=VALUE]...", SIZE with M or G
 *
 * Return: false after a message.
 */
bool node_add(const char *text);

/* Lays the nodes out in guest-physical memory as QEMU's q35 does. */
bool node_map(void);

/* The node that a guest-physical address belongs to; NULL for what is no RAM. */
struct node *node_of(uint64_t addr);

/* Highest guest-physical address of RAM, plus one. */
uint64_t node_end(void);

/* One of these for each vCPU: what its prefetchers follow. */
#define MAX_STREAMS	16
struct streams {
	struct stream {
		uint64_t line;
		uint64_t arrival_ps;
		uint64_t used;
	} stream[MAX_STREAMS];
	uint64_t clock;
};

/**
 * node_fetch() - a line is needed that no cache holds
 * @n: node that it comes from
 * @s: the vCPU's streams
 * @line: virtual line number, which is what a stream goes along
 * @store: for writing
 * @now_ps: the vCPU's local time
 *
 * Return: what the vCPU waits, in ps.
 */
uint64_t node_fetch(struct node *n, struct streams *s, uint64_t line, bool store, uint64_t now_ps);

/* A dirty line goes back to @n: nobody waits, but it takes bandwidth. */
void node_write_back(struct node *n, uint64_t now_ps);

#endif

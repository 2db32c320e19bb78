/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Caches between the guest's accesses and the nodes of memory.
 */
#ifndef TIERSIM_CACHE_H
#define TIERSIM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cache_options - what the user can set
 * @llc_kb: size of the shared, physically indexed cache
 * @llc_ways: its associativity
 * @llc_ps: what a hit in it costs
 * @mmio_ps: what an access to a device costs
 * @tlb_entries: of each vCPU; 0 leaves page walks out
 * @off: no model of memory at all
 */
struct cache_options {
	uint64_t llc_kb;
	uint64_t llc_ways;
	uint64_t llc_ps;
	uint64_t mmio_ps;
	uint64_t tlb_entries;
	bool off;
};

extern struct cache_options cache_options;

struct cache_counts {
	uint64_t llc_hits;
	uint64_t walks;
	uint64_t walk_ps;
};

extern struct cache_counts cache_counts;

/* Return: false after a message, if the options make no cache. */
bool cache_install(void);

/* Callbacks of loads and stores. */
void cache_load(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data);
void cache_store(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data);

/* vCPU @vcpu goes on in the address space whose top page table is at @cr3. */
void cache_switch(unsigned int vcpu, uint64_t cr3);

/* A page table entry is read at @addr: what it costs in ps. Used by page walks. */
uint64_t cache_read_entry(unsigned int vcpu, uint64_t addr);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Caches: which accesses reach memory.
 *
 * Each vCPU has a direct-mapped first-level cache of 64 KB. It is looked up by
 * virtual address, because that is all that a callback has for free, and costs
 * nothing on a hit: this is the path that nearly all accesses take. What misses
 * there goes to one shared cache (LLC), physically indexed, set-associative, with
 * least recently used replacement, and from there to a node.
 *
 * User addresses of different processes are told apart by their page table's
 * address, so nothing is flushed when the guest switches. Lines of a page that
 * has moved to another frame stay until they are replaced; instruction fetches
 * are not modelled.
 */
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "clock.h"
#include "frames.h"
#include "node.h"
#include "walk.h"

#define L1_LINES	1024
#define LINE_SHIFT	6

struct cache_options cache_options = {
	.llc_kb = 1024,
	.llc_ways = 16,
	.llc_ps = 4 * PS_PER_NS,
	.mmio_ps = 500 * PS_PER_NS,
};

struct cache_counts cache_counts;

/*
 * @key: virtual line number, plus the address space for user addresses; never 0
 * @frame: guest-physical page number
 * @dirty: written since it came in
 */
struct l1_line {
	uint64_t key;
	uint32_t frame;
	uint32_t dirty;
};

static struct l1 {
	struct l1_line line[L1_LINES];
	struct streams streams;
	uint64_t space;
} l1[MAX_VCPUS];

/* Entry: line number without the set, plus one, shifted, and a dirty bit. Most recent first. */
static uint32_t *llc;
static uint64_t llc_sets;

bool cache_install(void)
{
	uint64_t lines = cache_options.llc_kb * 1024 / LINE_BYTES;

	if (!cache_options.llc_ways || lines % cache_options.llc_ways ||
	    !lines || (lines / cache_options.llc_ways & (lines / cache_options.llc_ways - 1))) {
		qemu_complain("llc_kb=%u with llc_ways=%u: the number of sets must be a power of two",
			      (unsigned int)cache_options.llc_kb,
			      (unsigned int)cache_options.llc_ways);
		return false;
	}
	llc_sets = lines / cache_options.llc_ways;
	llc = calloc(lines, sizeof(*llc));
	if (!llc) {
		qemu_complain("out of memory");
		return false;
	}
	return walk_install(cache_options.tlb_entries);
}

/*
 * Looks @addr up and brings it in.
 *
 * Return: whether it was there. What was evicted goes back to its node.
 */
static bool llc_access(uint64_t addr, bool store, uint64_t now_ps)
{
	uint64_t line = addr >> LINE_SHIFT;
	uint64_t set = line & (llc_sets - 1);
	uint32_t *ways = &llc[set * cache_options.llc_ways];
	uint32_t tag = (uint32_t)(line / llc_sets + 1) << 1;
	unsigned int last = cache_options.llc_ways - 1;
	uint32_t found = 0;
	unsigned int i;

	for (i = 0; i < last; i++)
		if ((ways[i] & ~1u) == tag)
			break;
	/* Here i is the way that was hit, or the last one. */
	if ((ways[i] & ~1u) == tag) {
		found = ways[i];
	} else if (ways[i] & 1) {
		uint64_t victim = ((uint64_t)(ways[i] >> 1) - 1) * llc_sets + set;
		struct node *n = node_of(victim << LINE_SHIFT);

		if (n)
			node_write_back(n, now_ps);
	}
	memmove(&ways[1], &ways[0], i * sizeof(*ways));
	ways[0] = tag | (found & 1) | store;
	return found;
}

uint64_t cache_read_entry(unsigned int vcpu, uint64_t addr)
{
	struct vcpu *v = &vcpus[vcpu];
	struct node *n = node_of(addr);

	if (llc_access(addr, false, vcpu_now_ps(v))) {
		cache_counts.llc_hits++;
		return cache_options.llc_ps;
	}
	/* Tables are no streams: a walk has none of its own. */
	if (!n)
		return 0;
	n->reads++;
	n->stall_ps += n->read_ps;
	frames_count(addr >> PAGE_SHIFT, FRAMES_MISS);
	return n->read_ps;
}

/* An access that the first level has not, or has not for writing. */
static void access_beyond(unsigned int vcpu, struct l1_line *l, uint64_t key, uint32_t info,
			  uint64_t vaddr, bool store)
{
	struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
	struct vcpu *v = &vcpus[vcpu];
	bool upgrade = l->key == key;
	struct node *n;
	uint64_t addr;

	if (!hwaddr)
		return;
	if (qemu_plugin_hwaddr_is_io(hwaddr)) {
		/* It may have set a timer. */
		vcpu_charge_other(v, cache_options.mmio_ps);
		vcpu_expire(v);
		return;
	}
	addr = qemu_plugin_hwaddr_phys_addr(hwaddr);
	n = node_of(addr);
	if (!n)
		return;
	if (!upgrade && cache_options.tlb_entries)
		walk_access(vcpu, vaddr, addr);

	l->key = key;
	l->frame = addr >> PAGE_SHIFT;
	l->dirty = store;
	frames_count(l->frame, FRAMES_ACCESS);
	if (llc_access(addr, store, vcpu_now_ps(v))) {
		if (upgrade)
			return;
		cache_counts.llc_hits++;
		vcpu_stall(v, cache_options.llc_ps);
		return;
	}
	if (upgrade)
		return;
	frames_count(l->frame, FRAMES_MISS);
	vcpu_stall(v, node_fetch(n, &l1[vcpu].streams, vaddr >> LINE_SHIFT, store,
				 vcpu_now_ps(v)));
}

static inline struct l1_line *l1_line(unsigned int vcpu, uint64_t vaddr, uint64_t *key)
{
	uint64_t line = vaddr >> LINE_SHIFT;

	/* Kernel addresses are the same in all address spaces. */
	*key = (int64_t)vaddr < 0 ? line : line + l1[vcpu].space;
	return &l1[vcpu].line[line % L1_LINES];
}

void cache_load(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data)
{
	uint64_t key;
	struct l1_line *l = l1_line(vcpu, vaddr, &key);

	(void)data;
	if (l->key == key)
		frames_count(l->frame, FRAMES_ACCESS);
	else
		access_beyond(vcpu, l, key, info, vaddr, false);
}

void cache_store(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data)
{
	uint64_t key;
	struct l1_line *l = l1_line(vcpu, vaddr, &key);

	(void)data;
	if (l->key == key && l->dirty)
		frames_count(l->frame, FRAMES_ACCESS);
	else
		access_beyond(vcpu, l, key, info, vaddr, true);
}

void cache_switch(unsigned int vcpu, uint64_t cr3)
{
	/* User lines have 41 bits, so the page table's frame number fits above. */
	l1[vcpu].space = (cr3 >> PAGE_SHIFT) << 42;
	walk_switch(vcpu, cr3);
}

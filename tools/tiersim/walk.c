// SPDX-License-Identifier: GPL-2.0
/*
 * TLB misses and what they cost.
 *
 * A TLB of each vCPU, 4-way, holds 4K and 2M pages alike. A miss reads the
 * guest's page table: the last entry, and the one above it unless a small cache
 * of those has it. Levels further up are taken as always cached, as a few entries
 * cover everything here. Each entry that is read goes through the shared cache
 * to the node that the page table is on, so page tables in slow memory cost what
 * they cost on hardware.
 *
 * A nested guest's addresses are not in the page table at CR3: no cost then.
 */
#include <stdlib.h>

#include "cache.h"
#include "clock.h"
#include "node.h"
#include "walk.h"

#define WAYS		4
#define DIR_ENTRIES	64
#define TABLE_SHIFT	9
#define HUGE_SHIFT	(PAGE_SHIFT + TABLE_SHIFT)

#define PTE_PRESENT	1ULL
#define PTE_HUGE	0x80ULL
#define PTE_FRAME	0x000ffffffffff000ULL
#define CR4_LA57	0x1000ULL

/* Of a tag: the page is 2M; the lowest bit is set so that no tag is 0. */
#define TAG_VALID	1ULL
#define TAG_HUGE	2ULL

static struct tlb {
	uint64_t *tags;
	uint64_t dir[DIR_ENTRIES];
	uint64_t cr3;
	unsigned int levels;
	unsigned int victim;
} tlbs[MAX_VCPUS];

static uint64_t sets;

bool walk_install(uint64_t entries)
{
	if (!entries)
		return true;
	sets = entries / WAYS;
	if (entries % WAYS || !sets || (sets & (sets - 1))) {
		qemu_complain("tlb=%u: four times a power of two, such as 1024",
			      (unsigned int)entries);
		return false;
	}
	for (unsigned int i = 0; i < MAX_VCPUS; i++) {
		tlbs[i].levels = 4;
		tlbs[i].tags = calloc(entries, sizeof(uint64_t));
		if (!tlbs[i].tags) {
			qemu_complain("out of memory");
			return false;
		}
	}
	return true;
}

void walk_switch(unsigned int vcpu, uint64_t cr3)
{
	tlbs[vcpu].cr3 = cr3 & PTE_FRAME;
}

void walk_levels(unsigned int vcpu, uint64_t cr4)
{
	tlbs[vcpu].levels = cr4 & CR4_LA57 ? 5 : 4;
}

/* Virtual page numbers have 45 bits at most, 2 are flags: the space's low bits fit above. */
static uint64_t make_tag(const struct tlb *t, uint64_t vaddr, unsigned int shift, uint64_t flags)
{
	uint64_t space = (int64_t)vaddr < 0 ? 0 : t->cr3 >> PAGE_SHIFT;

	return (vaddr >> shift << 2) ^ (space << 44) ^ flags;
}

static uint64_t *tlb_set(const struct tlb *t, uint64_t vaddr, unsigned int shift)
{
	return &t->tags[(vaddr >> shift & (sets - 1)) * WAYS];
}

static bool tlb_has(const struct tlb *t, uint64_t vaddr, unsigned int shift, uint64_t flags)
{
	const uint64_t *set = tlb_set(t, vaddr, shift);
	uint64_t tag = make_tag(t, vaddr, shift, flags);

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i] == tag)
			return true;
	return false;
}

static uint64_t read_entry(uint64_t addr)
{
	uint64_t entry = 0;

	qemu_cpu_physical_memory_rw(addr, &entry, sizeof(entry), false);
	return entry;
}

/*
 * Goes down the page table.
 *
 * Return: shift of the page, 0 if @vaddr does not lead to @addr; where the last
 * entries are goes to @dir_addr and @leaf_addr (0 for a 2M page).
 */
static unsigned int walk(const struct tlb *t, uint64_t vaddr, uint64_t addr, uint64_t *dir_addr,
			 uint64_t *leaf_addr)
{
	uint64_t table = t->cr3;

	*leaf_addr = 0;
	for (unsigned int level = t->levels; level; level--) {
		unsigned int shift = PAGE_SHIFT + (level - 1) * TABLE_SHIFT;
		uint64_t at = table + (vaddr >> shift & 511) * sizeof(uint64_t);
		uint64_t entry = read_entry(at);

		if (level == 2)
			*dir_addr = at;
		if (level == 1)
			*leaf_addr = at;
		if (!(entry & PTE_PRESENT))
			return 0;
		table = entry & PTE_FRAME;
		if (level == 1 || (level == 2 && entry & PTE_HUGE)) {
			/* Bit 12 of a huge entry is an attribute. */
			table &= ~((1ULL << shift) - 1);
			return table == (addr & ~((1ULL << shift) - 1)) ? shift : 0;
		}
		if (entry & PTE_HUGE)
			return 0;	/* 1G: the direct map, as good as never missed */
	}
	return 0;
}

void walk_access(unsigned int vcpu, uint64_t vaddr, uint64_t addr)
{
	struct tlb *t = &tlbs[vcpu];
	uint64_t dir_addr = 0, leaf_addr, tag, cost_ps = 0;
	unsigned int shift;
	uint64_t *set;

	if (!t->cr3 || tlb_has(t, vaddr, PAGE_SHIFT, TAG_VALID) ||
	    tlb_has(t, vaddr, HUGE_SHIFT, TAG_VALID | TAG_HUGE))
		return;
	shift = walk(t, vaddr, addr, &dir_addr, &leaf_addr);
	if (!shift)
		return;

	tag = make_tag(t, vaddr, HUGE_SHIFT, TAG_VALID);
	if (!leaf_addr || t->dir[vaddr >> HUGE_SHIFT & (DIR_ENTRIES - 1)] != tag) {
		cost_ps += cache_read_entry(vcpu, dir_addr);
		t->dir[vaddr >> HUGE_SHIFT & (DIR_ENTRIES - 1)] = tag;
	}
	if (leaf_addr)
		cost_ps += cache_read_entry(vcpu, leaf_addr);

	set = tlb_set(t, vaddr, shift);
	set[t->victim++ % WAYS] = make_tag(t, vaddr, shift,
					   TAG_VALID | (leaf_addr ? 0 : TAG_HUGE));
	cache_counts.walks++;
	cache_counts.walk_ps += cost_ps;
	vcpu_stall(&vcpus[vcpu], cost_ps);
}

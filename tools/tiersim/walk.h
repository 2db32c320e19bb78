/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLBs and page walks, so that 4K and 2M pages differ. Off unless asked for.
 */
#ifndef TIERSIM_WALK_H
#define TIERSIM_WALK_H

#include <stdbool.h>
#include <stdint.h>

/* @entries: of each vCPU's TLB, 0 for none. Return: false after a message. */
bool walk_install(uint64_t entries);

/* vCPU @vcpu uses the page table at @cr3 from now on. */
void walk_switch(unsigned int vcpu, uint64_t cr3);

/* Paging with five levels is on or off (CR4.LA57). */
void walk_levels(unsigned int vcpu, uint64_t cr4);

/* The page at @vaddr, which is at @addr, is accessed: charges a walk if there must be one. */
void walk_access(unsigned int vcpu, uint64_t vaddr, uint64_t addr);

#endif

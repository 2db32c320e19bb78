/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's clock: modelled time, one local clock for each vCPU.
 *
 * Everything here belongs to QEMU's one vCPU thread (thread=single), so there
 * are no locks. QEMU's big lock (BQL) is needed to run timers only.
 */
#ifndef TIERSIM_CLOCK_H
#define TIERSIM_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qemu.h"

#define MAX_VCPUS	16
#define PS_PER_NS	UINT64_C(1000)
#define PS_PER_US	UINT64_C(1000000)

/* Counter value at which a vCPU is due for clock_deadline(). */
#define TICKS_DUE	(UINT64_C(1) << 63)

/**
 * struct vcpu - a vCPU's local clock
 * @ticks: picoseconds of local time minus @deadline_ps, plus TICKS_DUE: generated code
 *	adds to it at each translation block and calls clock_deadline() when it is due
 * @deadline_ps: local time at which something has to be looked at
 * @idle_ps: time spent halted
 * @stall_ps: time spent waiting for memory
 * @other_ps: time charged for anything else but instructions (I/O)
 * @next_flush_ps: when the TLB is flushed next
 * @cpu: QEMU's own
 */
struct vcpu {
	uint64_t *ticks;
	uint64_t deadline_ps;
	uint64_t idle_ps;
	uint64_t stall_ps;
	uint64_t other_ps;
	uint64_t next_flush_ps;
	struct CPUState *cpu;
};

extern struct vcpu vcpus[MAX_VCPUS];
extern unsigned int nr_vcpus;

static inline uint64_t vcpu_now_ps(const struct vcpu *v)
{
	return v->deadline_ps + (*v->ticks - TICKS_DUE);
}

/* Calls clock_deadline() at the next translation block of this vCPU. */
static inline void vcpu_expire(struct vcpu *v)
{
	v->deadline_ps = vcpu_now_ps(v);
	*v->ticks = TICKS_DUE;
}

static inline void vcpu_stall(struct vcpu *v, uint64_t ps)
{
	*v->ticks += ps;
	v->stall_ps += ps;
}

static inline void vcpu_charge_other(struct vcpu *v, uint64_t ps)
{
	*v->ticks += ps;
	v->other_ps += ps;
}

/**
 * struct clock_options - what the user can set
 * @cpi_ps: cost of an instruction when all of its data is in the nearest cache
 * @quantum_ps: how far a vCPU may run ahead of the slowest one
 * @flush_ps: time between two flushes of a vCPU's TLB, 0 for none
 * @off: leave QEMU's clock alone: count only
 */
struct clock_options {
	uint64_t cpi_ps;
	uint64_t quantum_ps;
	uint64_t flush_ps;
	bool off;
};

extern struct clock_options clock_options;

/* At load time, before there are vCPUs. */
void clock_install(unsigned int smp_vcpus);

/* In the vCPU thread, before vCPU @index runs. */
void clock_vcpu_init(unsigned int index);

/* The scoreboard's cell that generated code adds time to. */
struct qemu_plugin_u64 clock_ticks(void);

/* Conditional callback of each translation block; @tb_ps is what the block has just added. */
void clock_deadline(unsigned int index, void *tb_ps);

/* Instructions that vCPU @v has run. */
uint64_t vcpu_insns(const struct vcpu *v);

#endif

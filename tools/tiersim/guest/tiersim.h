/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest can say to the tiersim plugin: an instruction that does nothing anywhere else, and
 * that the plugin finds when QEMU translates it. For user space and for the kernel.
 */
#ifndef TIERSIM_H
#define TIERSIM_H

/*
 * nopl disp32(%rax,%rax): the low half of the displacement is the kind, the high half is "SM".
 * The label, where a kind has one, is in eax.
 */
#define TIERSIM_INSN(kind)	".byte 0x0f,0x1f,0x84,0x00," #kind ",0x00,0x53,0x4d"

/**
 * tiersim_mark() - have the simulator write down its counters here
 * @label: 0 to 65535; phase k of a job begins with mark 2k and ends with mark 2k + 1
 */
static inline void tiersim_mark(unsigned int label)
{
	asm volatile(TIERSIM_INSN(0x01) : : "a"(label) : "memory");
}

/**
 * tiersim_pages_zero() - forget the memory accesses counted for each page so far
 */
static inline void tiersim_pages_zero(void)
{
	asm volatile(TIERSIM_INSN(0x02) : : : "memory");
}

/**
 * tiersim_pages_off() - count no accesses to pages from here on
 */
static inline void tiersim_pages_off(void)
{
	asm volatile(TIERSIM_INSN(0x03) : : : "memory");
}

/**
 * tiersim_pages_on() - count accesses to pages from here on
 */
static inline void tiersim_pages_on(void)
{
	asm volatile(TIERSIM_INSN(0x04) : : : "memory");
}

#endif /* TIERSIM_H */

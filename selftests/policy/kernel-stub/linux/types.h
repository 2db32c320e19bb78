/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's header: only what module/policy/ may know of it. */
#ifndef TM_STUB_TYPES_H
#define TM_STUB_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed long long s64;

/* purity.sh defines bool. */
#define true	1
#define false	0
#define NULL	((void *)0)

#endif /* TM_STUB_TYPES_H */

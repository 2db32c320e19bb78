/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's header; purity.sh knows these two as allowed. */
#ifndef TM_STUB_MATH64_H
#define TM_STUB_MATH64_H

u64 div64_u64(u64 dividend, u64 divisor);
u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 divisor);

#endif /* TM_STUB_MATH64_H */

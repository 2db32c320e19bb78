/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy ring may use: fixed-width integers and a few helpers.
 *
 * module/policy/ is pure arithmetic. It knows no kernel type, takes no lock
 * and allocates nothing, so that the same objects run in the module, in unit
 * tests, under fuzzers and in the trace simulator. This header is the only
 * one that differs between these worlds.
 */
#ifndef TM_POLICY_ENV_H
#define TM_POLICY_ENV_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/minmax.h>
#include <linux/math64.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 divisor)
{
	return (u64)((unsigned __int128)a * b / divisor);
}
#endif

#endif /* TM_POLICY_ENV_H */

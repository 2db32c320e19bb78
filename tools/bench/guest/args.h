/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers in options. What isn't one, or is out of bounds, ends the program with a usage error. */
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

uint64_t arg_uint(struct argp_state *state, const char *name, const char *arg, uint64_t min,
		  uint64_t max);

/* With K, M or G. */
uint64_t arg_bytes(struct argp_state *state, const char *name, const char *arg, uint64_t min);

/* A decimal number with s or ms; without, it counts in unit_ns. Returns ns. */
uint64_t arg_duration(struct argp_state *state, const char *name, const char *arg,
		      uint64_t unit_ns);

#endif /* BENCH_ARGS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Measured phases: their marks, their clock, and their results as lines of JSON. */
#ifndef BENCH_PHASE_H
#define BENCH_PHASE_H

#include <json-c/json.h>
#include <stdint.h>

#define NS_PER_S	UINT64_C(1000000000)
#define MAX_PHASE	32767U		/* a mark has 16 bits */

/* CLOCK_MONOTONIC */
uint64_t now_ns(void);

/* Both return the time: taken after the first mark, before the second one. */
uint64_t phase_begin(unsigned int phase);
uint64_t phase_end(unsigned int phase);

/* {"type":"phase", ...}, to be completed and printed. */
struct json_object *phase_result(unsigned int phase, const char *name, uint64_t ops,
				 uint64_t duration_ns);

/* As many operations in the interval that ended at this time of the phase. */
void phase_print_series(unsigned int phase, uint64_t at_ns, uint64_t ops, uint64_t interval_ns);

/* {"type":...}, to be completed and printed. */
struct json_object *json_new(const char *type);

void json_add_int(struct json_object *o, const char *key, int64_t value);
void json_add_double(struct json_object *o, const char *key, double value);
void json_add_string(struct json_object *o, const char *key, const char *value);

/* One line on stdout, at once. Frees the object. */
void json_print(struct json_object *o);

#endif /* BENCH_PHASE_H */

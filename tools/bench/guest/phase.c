// SPDX-License-Identifier: GPL-2.0
#include "phase.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tiersim.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t phase_begin(unsigned int phase)
{
	tiersim_mark(2 * phase);
	return now_ns();
}

uint64_t phase_end(unsigned int phase)
{
	uint64_t now = now_ns();

	tiersim_mark(2 * phase + 1);
	return now;
}

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	if (!value || json_object_object_add(o, key, value))
		errx(1, "out of memory");
}

void json_add_int(struct json_object *o, const char *key, int64_t value)
{
	add(o, key, json_object_new_int64(value));
}

void json_add_double(struct json_object *o, const char *key, double value)
{
	char text[32];

	/* As many digits as are worth reading; json-c's own choice is 17. */
	snprintf(text, sizeof(text), "%.9g", value);
	add(o, key, json_object_new_double_s(value, text));
}

void json_add_string(struct json_object *o, const char *key, const char *value)
{
	add(o, key, json_object_new_string(value));
}

void json_print(struct json_object *o)
{
	if (puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)) < 0 || fflush(stdout))
		err(1, "stdout");
	json_object_put(o);
}

struct json_object *json_new(const char *type)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		errx(1, "out of memory");
	json_add_string(o, "type", type);
	return o;
}

struct json_object *phase_result(unsigned int phase, const char *name, uint64_t ops,
				 uint64_t duration_ns)
{
	struct json_object *o = json_new("phase");
	double seconds = (double)duration_ns / NS_PER_S;

	json_add_int(o, "phase", phase);
	json_add_string(o, "name", name);
	json_add_int(o, "ops", (int64_t)ops);
	json_add_double(o, "seconds", seconds);
	json_add_double(o, "ops_per_s", duration_ns ? ops / seconds : 0);
	return o;
}

void phase_print_series(unsigned int phase, uint64_t at_ns, uint64_t ops, uint64_t interval_ns)
{
	struct json_object *o = json_new("series");

	json_add_int(o, "phase", phase);
	json_add_double(o, "at_s", (double)at_ns / NS_PER_S);
	json_add_int(o, "ops", (int64_t)ops);
	json_add_double(o, "ops_per_s", ops / ((double)interval_ns / NS_PER_S));
	json_print(o);
}

/* SPDX-License-Identifier: GPL-2.0 */
/* What check finds, and what to do about it. */
#ifndef TIERMEMCTL_FINDING_H
#define TIERMEMCTL_FINDING_H

#include <json-c/json.h>
#include <stdbool.h>

#include "group.h"

/* The worst one is the exit status. */
enum finding_level { FINDING_OK, FINDING_WARNING, FINDING_PROBLEM };

struct findings {
	struct json_object *array;
	enum finding_level worst;
	bool quiet;			/* print nothing */
};

/**
 * finding() - report something
 * @f: where to
 * @level: how bad that is
 * @subject: what it is about, in a word
 * @advice: what to do, or NULL
 * @format: what there is, as for printf()
 */
void finding(struct findings *f, enum finding_level level, const char *subject, const char *advice,
	     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Kernel, module, nodes, cgroups. */
void check_system(struct findings *f);

/* What else looks at pages, moves them or takes them away. */
void check_neighbours(struct findings *f);

/* Groups that their quota does not cover, or that are over it. */
void check_groups(struct findings *f, const struct groups *gs);

/* The pool that they share. */
void check_pool(struct findings *f, const struct groups *gs);

#endif

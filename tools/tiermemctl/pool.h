/* SPDX-License-Identifier: GPL-2.0 */
/* The pool: DRAM that groups share. */
#ifndef TIERMEMCTL_POOL_H
#define TIERMEMCTL_POOL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "quota.h"

struct pool {
	bool known;			/* to the module; older ones have none */
	uint64_t bytes;			/* or NO_QUOTA: nothing is shared out */
	char *policy;
};

/* pool_free() afterwards. */
void pool_read(struct pool *pool);

void pool_free(struct pool *pool);

/* Adds what is known of it to an object. */
void pool_json(struct json_object *object);

#endif

// SPDX-License-Identifier: GPL-2.0
/* The pool: DRAM that groups share. */
#include <stdlib.h>

#include "group.h"
#include "pool.h"
#include "root.h"

void pool_read(struct pool *pool)
{
	char *text = root_line("sys/kernel/tiermem/dram_pool");

	pool->policy = root_line("sys/kernel/tiermem/pool_policy");
	pool->known = text && pool->policy && !quota_parse(text, &pool->bytes);
	if (!pool->known)
		pool->bytes = NO_QUOTA;
	free(text);
}

void pool_free(struct pool *pool)
{
	free(pool->policy);
}

void pool_json(struct json_object *object)
{
	struct pool pool;

	pool_read(&pool);
	if (pool.known) {
		json_object_object_add(object, "dram_pool_bytes", quota_json(pool.bytes));
		json_object_object_add(object, "pool_policy", name_json(pool.policy));
	}
	pool_free(&pool);
}

// SPDX-License-Identifier: GPL-2.0
/* The pool and those who share it, for the table of top. */
#include <string.h>

#include "curve.h"
#include "root.h"
#include "share.h"
#include "size.h"

/* As tm_pool_useful_pages() has it. */
#define USEFUL_PERCENT 99

static void read_useful(struct group *g)
{
	struct curve curve;

	if (!curve_read(&curve, g->cgroup) && curve.n)
		g->useful_bytes = curve_idle(&curve) ? 0 : curve_bytes(&curve, USEFUL_PERCENT);
	curve_free(&curve);
}

void shares_read(struct shares *s, struct groups *gs)
{
	const struct group *top = NULL;
	size_t i;

	memset(s, 0, sizeof(*s));
	pool_read(&s->pool);
	s->any = s->pool.bytes != NO_QUOTA;
	for (i = 0; s->any && i < gs->n; i++) {
		struct group *g = &gs->group[i];

		read_useful(g);
		if (!group_takes_part(g))
			continue;
		/* A group looks after what those below, which take part themselves, don't. */
		if (g->useful_bytes != NO_QUOTA)
			s->useful_bytes += g->useful_bytes;
		if (top && group_is_below(g, top))
			continue;
		top = g;
		s->dram_bytes += group_stat(g, "dram_bytes");
	}
}

void shares_free(struct shares *s)
{
	pool_free(&s->pool);
}

char *shares_text(const struct shares *s)
{
	char size[3][SIZE_CHARS];

	if (!s->any)
		return NULL;
	return format_text("pool %s, %s   in use %s   useful %s", size_text(s->pool.bytes, size[0]),
			   s->pool.policy, size_text(s->dram_bytes, size[1]),
			   size_text(s->useful_bytes, size[2]));
}

// SPDX-License-Identifier: GPL-2.0
/* Any tree of groups, any pool, some epochs. */
#include <string.h>

#include "fuzz.h"

#define MEMBERS	16

struct input {
	u64 pool_pages;
	u8 policy, n;
	struct {
		u8 depth, activity, levels;
		u16 weight;
		u64 min_pages, max_pages, used_pages, useful_pages, share_pages, window_ns;
		u64 pages[4];
	} m[MEMBERS];
};

int fuzz_input(const u8 *data, size_t size)
{
	static struct tm_pool_member m[MEMBERS], before[MEMBERS];
	static struct tm_histogram heat[MEMBERS];
	struct tm_pool p = { 0 };
	struct input in = { 0 };
	enum tm_pool_policy policy;
	u32 n, i, k;

	memcpy(&in, data, min(size, sizeof(in)));
	in.pool_pages %= TM_POOL_MAX_PAGES + 1;
	policy = in.policy & 1 ? TM_POOL_THROUGHPUT : TM_POOL_FAIR;
	n = 1 + in.n % MEMBERS;
	memset(m, 0, sizeof(m));
	memset(heat, 0, sizeof(heat));
	for (i = 0; i < n; i++) {
		m[i].depth = i ? in.m[i].depth % (m[i - 1].depth + 2) : 0;
		m[i].weight = 1 + in.m[i].weight % TM_WEIGHT_MAX;
		m[i].min_pages = in.m[i].min_pages % (TM_QUOTA_MAX_PAGES + 1);
		m[i].max_pages = in.m[i].max_pages % (TM_QUOTA_MAX_PAGES + 1);
		m[i].used_pages = in.m[i].used_pages % (TM_POOL_MAX_PAGES + 1);
		m[i].useful_pages = in.m[i].useful_pages % (m[i].used_pages + 1);
		m[i].share_pages = in.m[i].share_pages % (TM_QUOTA_MAX_PAGES + 1);
		m[i].window_ns = TM_WINDOW_MIN_NS +
			in.m[i].window_ns % (TM_WINDOW_MAX_NS - TM_WINDOW_MIN_NS + 1);
		m[i].activity = in.m[i].activity * TM_ACTIVE / 255;
		for (k = 0; k < 4; k++)
			heat[i].pages[k & 1][(in.m[i].levels + k * 7u) % TM_HEAT_LEVELS] =
				in.m[i].pages[k] % (TM_POOL_MAX_PAGES + 1);
		m[i].heat = in.m[i].depth & 0x80 ? NULL : &heat[i];
	}
	for (k = 0; k < 3; k++) {
		memcpy(before, m, sizeof(before));
		tm_pool_targets(m, n, in.pool_pages, policy);
		fuzz_verdict(oracle_pool_targets(m, n, in.pool_pages, policy));
		tm_pool_step(&p, m, n, in.pool_pages, policy);
		fuzz_verdict(oracle_pool_step(before, m, n, in.pool_pages));
	}
	return 0;
}

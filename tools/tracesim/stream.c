// SPDX-License-Identifier: GPL-2.0
/* Streams of accesses. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define NS_PER_S	1e9

/* xorshift64* (Marsaglia 2003, Vigna 2014). */
static uint64_t next_random(struct stream *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 2685821657736338717ULL;
}

static double random_part(struct stream *s)
{
	return (double)(next_random(s) >> 11) / 9007199254740992.0;	/* 2^53 */
}

/* ---- synthetic ------------------------------------------------------------------------------ */

enum kind { ZIPF, GAUSS, HOT10, HOT, UNIFORM, CHURN };
static const char * const kinds[] = { "zipf", "gauss", "hot10", "hot", "uniform", "churn" };

#define CHURN_ITEMS	3u	/* a page */

/* Sets @kind, unless that is NULL. */
static bool find_kind(const char *name, int *kind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i])) {
			if (kind)
				*kind = (int)i;
			return true;
		}
	return false;
}

bool stream_has_kind(const char *kind)
{
	return find_kind(kind, NULL);
}

static double zipf(uint32_t rank)
{
	return pow(rank + 1.0, -0.99);
}

/* Probability of a rank, up to a factor. */
static double shape(const struct stream *s, uint32_t rank)
{
	double x = (rank + 0.5) / s->pages;

	switch (s->kind) {
	case ZIPF:
		return zipf(rank);
	case GAUSS:
		/* Six sigma in all. */
		return exp(-18 * (x - 0.5) * (x - 0.5));
	case HOT10:
		/* Nine tenths of the accesses to a tenth of the pages. */
		return x < 0.1 ? 9 : 1.0 / 9;
	case HOT:
		return !rank || x < s->hot_part ? 1 : 0;
	default:
		return 1;
	}
}

/* Of an item of churn. */
static double item_part(const struct stream *s, uint32_t item)
{
	return s->item_sum[item] - (item ? s->item_sum[item - 1] : 0);
}

/*
 * A server that overwrites values: each takes the place that the one before it
 * left. Hot ones are always on the move, so no page stays hot for long.
 */
static void deal_items(struct stream *s)
{
	uint32_t items = CHURN_ITEMS * s->pages, i;
	double sum = 0;

	for (i = 0; i < items; i++) {
		sum += zipf(i);
		s->item_sum[i] = sum;
		s->item_page[i] = i % s->pages;
	}
	for (i = items - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(s) % (i + 1)), page = s->item_page[i];

		s->item_page[i] = s->item_page[j];
		s->item_page[j] = page;
	}
	memset(s->weight, 0, sizeof(*s->weight) * s->pages);
	for (i = 0; i < items; i++) {
		s->item_sum[i] /= sum;
		s->weight[s->item_page[i]] += item_part(s, i);
	}
}

/* Deals the probabilities to the pages. */
static void deal(struct stream *s)
{
	double sum = 0;
	uint32_t i;

	if (s->kind == CHURN) {
		deal_items(s);
		return;
	}
	for (i = 0; i < s->pages; i++) {
		s->weight[i] = shape(s, i);
		sum += s->weight[i];
	}
	for (i = 0; i < s->pages; i++)
		s->weight[i] /= sum;
	for (i = s->pages - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(s) % (i + 1));
		double w = s->weight[i];

		s->weight[i] = s->weight[j];
		s->weight[j] = w;
	}
}

static int allocate(struct stream *s)
{
	s->young = calloc(s->pages, sizeof(*s->young));
	s->weight = calloc(s->pages, sizeof(*s->weight));
	if (s->kind == CHURN) {
		s->churns = true;
		s->item_page = calloc(CHURN_ITEMS * (size_t)s->pages, sizeof(*s->item_page));
		s->item_sum = calloc(CHURN_ITEMS * (size_t)s->pages, sizeof(*s->item_sum));
		if (!s->item_page || !s->item_sum)
			return -ENOMEM;
	}
	return s->young && s->weight ? 0 : -ENOMEM;
}

int stream_open(struct stream *s, const struct stream_options *o)
{
	int ret;

	*s = (struct stream){
		.pages = o->pages,
		.rate = o->rate,
		.hot_part = o->hot_part,
		.jump_ns = (uint64_t)(o->jump_s * NS_PER_S),
		.next_jump_ns = (uint64_t)(o->jump_s * NS_PER_S),
		.scan_ns = (uint64_t)(o->scan_s * NS_PER_S),
		.scan_every_ns = (uint64_t)(o->scan_every_s * NS_PER_S),
		/* Neighbouring seeds are far from each other, and none is 0. */
		.random = (o->seed * 0x9e3779b97f4a7c15ULL) | 1,
	};
	if (!find_kind(o->kind, &s->kind) || !s->pages || s->pages > STREAM_MOST_PAGES)
		return -EINVAL;
	ret = allocate(s);
	if (ret) {
		stream_close(s);
		return ret;
	}
	deal(s);
	return 0;
}

/* ---- recorded ------------------------------------------------------------------------------- */

/* Reads a decimal number and moves on. */
static bool read_number(const char **text, uint64_t *number)
{
	char *end;

	while (isblank((unsigned char)**text))
		++*text;
	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return !errno;
}

/* The next "nanoseconds page". Returns 0, also at the end. */
static int read_record(struct stream *s)
{
	uint64_t ns, page;
	const char *at;
	char line[128];

	if (!fgets(line, sizeof(line), s->record)) {
		s->record_end = true;
		return ferror(s->record) ? -EIO : 0;
	}
	s->record_line++;
	at = line;
	if (!read_number(&at, &ns) || !read_number(&at, &page) || at[strspn(at, " \t\r\n")]) {
		fprintf(stderr, "line %" PRIu64 " isn't 'nanoseconds page'\n", s->record_line);
		return -EINVAL;
	}
	if (page >= STREAM_MOST_PAGES) {
		fprintf(stderr, "line %" PRIu64 ": page %" PRIu64 " is beyond %u\n",
			s->record_line, page, STREAM_MOST_PAGES - 1);
		return -EINVAL;
	}
	if (ns < s->record_ns) {
		fprintf(stderr, "line %" PRIu64 ": time goes back\n", s->record_line);
		return -EINVAL;
	}
	s->record_ns = ns;
	s->record_page = (uint32_t)page;
	return 0;
}

static int to_first_record(struct stream *s)
{
	rewind(s->record);
	s->record_line = 0;
	s->record_ns = 0;
	s->record_end = false;
	return read_record(s);
}

/* Twice through the file: how many pages are there, how often is each accessed? */
static int count_record(struct stream *s)
{
	uint64_t n = 0;
	uint32_t i;
	int ret;

	for (ret = to_first_record(s); !ret && !s->record_end; ret = read_record(s), n++)
		if (s->record_page >= s->pages)
			s->pages = s->record_page + 1;
	if (ret)
		return ret;
	if (!n) {
		fprintf(stderr, "there is no access in it\n");
		return -EINVAL;
	}
	ret = allocate(s);
	if (ret)
		return ret;
	for (ret = to_first_record(s); !ret && !s->record_end; ret = read_record(s))
		s->weight[s->record_page]++;
	for (i = 0; i < s->pages; i++)
		s->weight[i] /= (double)n;
	return ret ? ret : to_first_record(s);
}

int stream_open_record(struct stream *s, const char *path)
{
	int ret;

	*s = (struct stream){ .record = fopen(path, "r") };
	if (!s->record)
		return -errno;
	ret = count_record(s);
	if (ret)
		stream_close(s);
	return ret;
}

void stream_close(struct stream *s)
{
	free(s->young);
	free(s->weight);
	free(s->item_page);
	free(s->item_sum);
	if (s->record)
		fclose(s->record);
	*s = (struct stream){ 0 };
}

/* ---- time ----------------------------------------------------------------------------------- */

static void mark(struct stream *s, double from, double to)
{
	uint32_t i, end = (uint32_t)(fmin(to, 1) * s->pages);

	for (i = (uint32_t)(fmin(from, 1) * s->pages); i < end; i++)
		s->young[i] = true;
}

/* The part of the scans that falls into the time until @end_ns. */
static void scan(struct stream *s, uint64_t end_ns)
{
	uint64_t begin_ns = s->now_ns, base_ns = begin_ns / s->scan_every_ns * s->scan_every_ns;

	for (; base_ns < end_ns; base_ns += s->scan_every_ns)
		mark(s, base_ns < begin_ns ? (double)(begin_ns - base_ns) / (double)s->scan_ns : 0,
		     (double)(end_ns - base_ns) / (double)s->scan_ns);
}

/* A file that changes under us ends there. */
static bool advance_record(struct stream *s, uint64_t end_ns)
{
	while (!s->record_end && s->record_ns < end_ns) {
		if (s->record_page < s->pages)
			s->young[s->record_page] = true;
		if (read_record(s))
			s->record_end = true;
	}
	return !s->record_end;
}

static uint32_t draw_item(struct stream *s)
{
	uint32_t low = 0, high = CHURN_ITEMS * s->pages - 1;
	double at = random_part(s);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->item_sum[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void access_items(struct stream *s, uint64_t ns)
{
	uint64_t accesses = (uint64_t)(s->rate * (double)ns / NS_PER_S + random_part(s));

	while (accesses--) {
		uint32_t item = draw_item(s), page = s->item_page[item];
		double part = item_part(s, item);

		s->young[page] = true;
		s->young[s->free_page] = true;
		s->weight[page] -= part;
		s->weight[s->free_page] += part;
		s->item_page[item] = s->free_page;
		s->free_page = page;
	}
	s->changes++;
}

static void access_pages(struct stream *s, uint64_t ns)
{
	double accesses = s->rate * (double)ns / NS_PER_S;
	uint32_t i;

	for (i = 0; i < s->pages; i++)
		if (!s->young[i] && random_part(s) < -expm1(-s->weight[i] * accesses))
			s->young[i] = true;
}

static void advance_synthetic(struct stream *s, uint64_t ns)
{
	if (s->churns)
		access_items(s, ns);
	else
		access_pages(s, ns);
	if (s->scan_every_ns)
		scan(s, s->now_ns + ns);
}

bool stream_advance(struct stream *s, uint64_t ns)
{
	while (ns) {
		uint64_t step = ns;

		if (s->jump_ns && s->now_ns + step > s->next_jump_ns)
			step = s->next_jump_ns - s->now_ns;
		if (s->record)
			advance_record(s, s->now_ns + step);
		else
			advance_synthetic(s, step);
		s->now_ns += step;
		ns -= step;
		if (s->jump_ns && s->now_ns == s->next_jump_ns) {
			deal(s);
			s->changes++;
			s->next_jump_ns += s->jump_ns;
		}
	}
	return !s->record_end;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* Streams of accesses: synthetic ones with known probabilities, and recorded ones. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define STREAM_MOST_PAGES	0x40000000u

/**
 * struct stream - who accesses what
 * @pages: number of pages
 * @now_ns: time so far
 * @young: pages accessed since the accessed bit was cleared
 * @weight: of a page, the probability that an access is to it; for a recorded
 *	stream, its part of all accesses of the record
 * @changes: how often the probabilities have changed
 * @churns: they do all the time
 */
struct stream {
	uint32_t pages;
	uint64_t now_ns;
	bool *young;
	double *weight;
	unsigned int changes;
	bool churns;

	/* private: */
	int kind;
	double rate;
	double hot_part;
	uint64_t jump_ns;
	uint64_t next_jump_ns;
	uint64_t scan_ns;
	uint64_t scan_every_ns;
	uint64_t random;
	uint32_t *item_page;
	double *item_sum;	/* of the probabilities of an item and those before it */
	uint32_t free_page;
	FILE *record;
	uint64_t record_line;
	uint64_t record_ns;
	uint32_t record_page;
	bool record_end;
};

/**
 * struct stream_options - what a synthetic stream is like
 * @kind: zipf, gauss, hot10, hot, uniform; or churn: items of which each page
 *	has three, zipf, and each access puts its item where the last one's was
 * @pages: number of pages
 * @hot_part: of the pages, for kind hot
 * @rate: accesses a second
 * @jump_s: the probabilities are dealt anew each time that so many seconds
 *	have passed; 0 for never
 * @scan_s: how long a pass over everything takes,
 * @scan_every_s: which begins each time that so many seconds have passed; 0
 *	for never
 * @seed: of all randomness
 */
struct stream_options {
	const char *kind;
	uint32_t pages;
	double hot_part;
	double rate;
	double jump_s;
	double scan_s;
	double scan_every_s;
	uint64_t seed;
};

/* Is there such a kind of synthetic stream? */
bool stream_has_kind(const char *kind);

/* Both return 0, or a negative errno; then nothing is left to close. */
int stream_open(struct stream *s, const struct stream_options *o);
/* Says on stderr which line is wrong, if it isn't the file as such. */
int stream_open_record(struct stream *s, const char *path);
void stream_close(struct stream *s);

/* Time goes on, pages are accessed. Returns false if the record is at its end. */
bool stream_advance(struct stream *s, uint64_t ns);

#endif /* STREAM_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * What the nodes of memory cost.
 *
 * A load that misses waits for @read_ps. A store that misses waits for less,
 * since a store buffer hides most of it. Lines that follow each other come at
 * the pace of the prefetchers, which overlaps with the computing in between.
 * All of it, and dirty lines that go back, takes of the node's bandwidth: time
 * is cut into slots, a line goes into the first slot with room, and waits until
 * then. Slots rather than one "busy until", because the vCPUs' local clocks
 * differ: one that is behind must not queue after what one that is ahead has
 * done at a later time. Below saturation a line waits as in an M/D/1 queue (mean
 * wait s * u / 2 (1 - u); Kleinrock, Queueing Systems I, 1975).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "node.h"
#include "options.h"

#define SLOT_PS		PS_PER_US

/* Lines that a core can have on the way at once: L1 fill buffers of Skylake and later. */
#define FILL_BUFFERS	12

/* How far ahead a prefetcher may be of the thread that it works for. */
#define PREFETCH_LINES	16

/* Highest utilisation that the queueing formula is used with. */
#define MAX_LOAD_PCT	95

#define MB		UINT64_C(0x100000)
#define PCI_HOLE_END	(4096 * MB)

struct node nodes[MAX_NODES];
unsigned int nr_nodes;

/*
 * Idle latency of loads, latency of sequential ones and bandwidth of one channel
 * or module, because a simulated machine has one or two cores and not dozens. A
 * core's own sequential bandwidth is what its fill buffers allow at the sequential
 * latency (Little's law). Sources are in README.md.
 */
static const struct preset {
	const char *name;
	unsigned int read_ns;
	unsigned int seq_ns;
	unsigned int read_mbps;
	unsigned int write_mbps;
} presets[] = {
	{ "dram",	81,	81,	17500,	17500 },
	{ "ddr5",	111,	111,	27200,	27200 },
	{ "optane",	305,	169,	6600,	2300 },
	{ "cxl",	250,	250,	22000,	22000 },
};

/* What share of a load's latency a store shows: an assumption, see README.md. */
#define STORE_SHARE	4

static uint64_t line_ps(uint64_t mbps)
{
	return LINE_BYTES * PS_PER_US / mbps;
}

static bool set_key(struct node *n, const char *key, uint64_t value)
{
	if (!value)
		return false;
	if (!strcmp(key, "read_ns"))
		n->read_ps = value * PS_PER_NS;
	else if (!strcmp(key, "write_ns"))
		n->write_ps = value * PS_PER_NS;
	else if (!strcmp(key, "stream_read_mbps"))
		n->stream_read_ps = line_ps(value);
	else if (!strcmp(key, "stream_write_mbps"))
		n->stream_write_ps = line_ps(value);
	else if (!strcmp(key, "read_mbps"))
		n->bus_read_ps = line_ps(value);
	else if (!strcmp(key, "write_mbps"))
		n->bus_write_ps = line_ps(value);
	else
		return false;
	return true;
}

static const struct preset *find_preset(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(presets); i++)
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	return NULL;
}

bool node_add(const char *text)
{
	struct node *n = &nodes[nr_nodes];
	const struct preset *p;
	char *copy = strdup(text);
	char *rest = copy;
	char *word = strsep(&rest, ":");

	if (nr_nodes == MAX_NODES) {
		qemu_complain("more than %d nodes", MAX_NODES);
		goto bad;
	}
	if (!parse_bytes(word, &n->size_bytes) || !n->size_bytes || n->size_bytes % MB) {
		qemu_complain("node=%s: the size is a number of megabytes, such as 512M or 1G",
			      text);
		goto bad;
	}
	word = rest ? strsep(&rest, ":") : "";
	p = find_preset(word);
	if (!p) {
		qemu_complain("node=%s: no preset \"%s\" (dram, ddr5, optane, cxl)", text,
			      word);
		goto bad;
	}
	n->name = p->name;
	n->read_ps = p->read_ns * PS_PER_NS;
	n->write_ps = n->read_ps / STORE_SHARE;
	n->stream_read_ps = p->seq_ns * PS_PER_NS / FILL_BUFFERS;
	n->stream_write_ps = n->stream_read_ps;
	n->bus_read_ps = line_ps(p->read_mbps);
	n->bus_write_ps = line_ps(p->write_mbps);
	while (rest) {
		uint64_t value;
		char *key = strsep(&rest, ":");
		char *number = strchr(key, '=');

		if (number)
			*number++ = 0;
		if (!number || !parse_number(number, &value) || !set_key(n, key, value)) {
			qemu_complain("node=%s: \"%s\" (read_ns, write_ns, stream_read_mbps, stream_write_mbps, read_mbps, write_mbps, each above 0)",
				      text, key);
			goto bad;
		}
	}
	nr_nodes++;
	free(copy);
	return true;
bad:
	free(copy);
	return false;
}

/* ---- guest-physical memory ----------------------------------------------- */

/* Node of each megabyte, plus one; 0 is no RAM. */
static uint8_t *map;
static uint64_t map_mb;

bool node_map(void)
{
	uint64_t total_mb = 0, low_mb, mb = 0;

	for (unsigned int i = 0; i < nr_nodes; i++)
		total_mb += nodes[i].size_bytes / MB;
	/* As in pc_q35_init(). */
	low_mb = total_mb >= 2816 ? 2048 : total_mb;
	map_mb = total_mb == low_mb ? total_mb : PCI_HOLE_END / MB + total_mb - low_mb;
	map = calloc(map_mb, 1);
	if (!map) {
		qemu_complain("out of memory");
		return false;
	}
	for (unsigned int i = 0; i < nr_nodes; i++) {
		for (uint64_t k = 0; k < nodes[i].size_bytes / MB; k++) {
			if (mb == low_mb)
				mb = PCI_HOLE_END / MB;
			map[mb++] = i + 1;
		}
	}
	return true;
}

struct node *node_of(uint64_t addr)
{
	uint64_t mb = addr / MB;

	return mb < map_mb && map[mb] ? &nodes[map[mb] - 1] : NULL;
}

uint64_t node_end(void)
{
	return map_mb * MB;
}

/* ---- bandwidth ----------------------------------------------------------- */

static struct bus_slot *bus_slot(struct node *n, uint64_t index)
{
	struct bus_slot *slot = &n->slots[index % BUS_SLOTS];

	if (slot->index < index) {
		slot->index = index;
		slot->used_ps = 0;
	}
	return slot;
}

/*
 * Takes @cost_ps of the bus at @now_ps or as soon as there is room.
 *
 * Return: the time until then.
 */
static uint64_t bus_take(struct node *n, uint64_t now_ps, uint64_t cost_ps)
{
	uint64_t first = now_ps / SLOT_PS;
	uint64_t index = first;
	struct bus_slot *slot;

	for (;;) {
		slot = bus_slot(n, index);
		/* A slot that belongs to a later time already is over. */
		if (slot->index == index && slot->used_ps < SLOT_PS)
			break;
		index++;
	}
	slot->used_ps += cost_ps;
	/* What does not fit is the beginning of the next one. */
	if (slot->used_ps > SLOT_PS) {
		bus_slot(n, index + 1)->used_ps += slot->used_ps - SLOT_PS;
		slot->used_ps = SLOT_PS;
	}
	return index == first ? 0 : index * SLOT_PS - now_ps;
}

/* Mean wait in a queue that is not full, from how full the last slot was. */
static uint64_t bus_wait(struct node *n, uint64_t now_ps, uint64_t cost_ps)
{
	uint64_t index = now_ps / SLOT_PS;
	struct bus_slot *slot;
	uint64_t load_pct;

	if (!index)
		return 0;
	slot = &n->slots[(index - 1) % BUS_SLOTS];
	if (slot->index != index - 1)
		return 0;
	load_pct = slot->used_ps * 100 / SLOT_PS;
	if (load_pct > MAX_LOAD_PCT)
		load_pct = MAX_LOAD_PCT;
	return cost_ps * load_pct / (2 * (100 - load_pct));
}

/* ---- accesses ------------------------------------------------------------ */

/* The stream that @line continues, or the one to be replaced with *@hit false. */
static struct stream *find_stream(struct streams *s, uint64_t line, bool *hit)
{
	struct stream *oldest = &s->stream[0];

	for (unsigned int i = 0; i < MAX_STREAMS; i++) {
		struct stream *st = &s->stream[i];

		if (st->line + 1 == line || st->line - 1 == line) {
			*hit = true;
			return st;
		}
		if (st->used < oldest->used)
			oldest = st;
	}
	*hit = false;
	return oldest;
}

uint64_t node_fetch(struct node *n, struct streams *s, uint64_t line, bool store, uint64_t now_ps)
{
	uint64_t delay_ps = bus_take(n, now_ps, n->bus_read_ps);
	uint64_t arrival_ps, stall_ps;
	struct stream *st;
	bool hit;

	st = find_stream(s, line, &hit);
	st->used = ++s->clock;
	st->line = line;
	if (hit) {
		uint64_t pace_ps = store ? n->stream_write_ps : n->stream_read_ps;
		uint64_t ahead_ps = pace_ps * PREFETCH_LINES;

		n->seq++;
		arrival_ps = st->arrival_ps + pace_ps;
		if (arrival_ps + ahead_ps < now_ps)
			arrival_ps = now_ps - ahead_ps;
		arrival_ps += delay_ps;
	} else {
		if (store)
			n->writes++;
		else
			n->reads++;
		delay_ps += bus_wait(n, now_ps, n->bus_read_ps);
		arrival_ps = now_ps + delay_ps + (store ? n->write_ps : n->read_ps);
	}
	st->arrival_ps = arrival_ps;
	stall_ps = arrival_ps > now_ps ? arrival_ps - now_ps : 0;
	n->stall_ps += stall_ps;
	n->queue_ps += delay_ps;
	return stall_ps;
}

void node_write_back(struct node *n, uint64_t now_ps)
{
	n->writebacks++;
	bus_take(n, now_ps, n->bus_write_ps);
}

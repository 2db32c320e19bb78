// SPDX-License-Identifier: GPL-2.0
/* The heat map of a process: its mappings, and what the module says about ranges of them. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "array.h"
#include "device.h"
#include "ranges.h"
#include "root.h"
#include "text.h"
#include "verb.h"

/* Of one request: 160 KiB. */
#define ROOM 4096

/* More than any picture shows; a process of 128M by pages, one of 64G by huge ones. */
#define RANGES_WANTED 32768

/* A message, about the process or about all: then it ends the program. */
static void refused(const struct process *p, int error)
{
	if (error == ENOENT || error == ESRCH)
		process_without_memory(p);
	else if (error == ENOTTY)
		errx(EXIT_FAILURE,
		     "the module that is loaded knows no heat maps: it is older than tiermemctl (rmmod tiermem; modprobe tiermem)");
	else
		device_refused(p->pid, error);
}

/* Two requests may meet in the middle of a range, if a signal came between. */
static void add_range(struct heatmap *map, size_t first, const struct tiermem_range *r)
{
	struct tiermem_range *last = map->ranges > first ? &map->range[map->ranges - 1] : NULL;

	if (!last || last->start != r->start) {
		map->range = array_grow(map->range, map->ranges, sizeof(*r));
		map->range[map->ranges++] = *r;
		return;
	}
	last->dram_bytes += r->dram_bytes;
	last->slow_bytes += r->slow_bytes;
	if (last->heat == TIERMEM_HEAT_UNKNOWN)
		last->heat = r->heat;
}

/* Return: 0, or an error number. */
static int read_part(struct heatmap *map, size_t i, int device, struct tiermem_range *room)
{
	const struct mapping *m = &map->mappings.mapping[i];
	struct heatmap_part *part = &map->part[i];
	struct tiermem_heatmap h = { .start = m->start };
	size_t r;

	part->first = map->ranges;
	while (h.start < m->end) {
		h.size = sizeof(h);
		h.pid = map->process->pid;
		h.nr = ROOM;
		h.end = m->end;
		h.step = map->step_bytes;
		h.ranges = (uintptr_t)room;
		if (ioctl(device, TIERMEM_HEATMAP, &h) < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		for (r = 0; r < h.nr; r++)
			add_range(map, part->first, &room[r]);
	}
	part->ranges = map->ranges - part->first;
	for (r = part->first; r < map->ranges; r++)
		tally_range(&part->sum, &map->range[r]);
	tally_add(&map->sum, &part->sum);
	return 0;
}

static uint64_t usual_step(const struct process *p)
{
	uint64_t step = sysconf(_SC_PAGESIZE);

	while (p->resident_bytes / step > RANGES_WANTED)
		step *= 2;
	return step;
}

bool heatmap_read(struct heatmap *map, int device, const struct process *process,
		  uint64_t step_bytes)
{
	struct tiermem_range *room = calloc(ROOM, sizeof(*room));
	int error;
	size_t i;

	memset(map, 0, sizeof(*map));
	map->process = process;
	map->step_bytes = step_bytes ?: usual_step(process);
	error = -mappings_read(&map->mappings, process->pid);
	if (!error && !map->mappings.n)
		error = ESRCH;
	map->part = calloc(map->mappings.n + 1, sizeof(*map->part));
	if (!room || !map->part)
		errx(EXIT_FAILURE, "out of memory");
	for (i = 0; !error && i < map->mappings.n; i++)
		error = read_part(map, i, device, room);
	free(room);
	if (!error)
		return true;
	refused(process, error);
	heatmap_free(map);
	return false;
}

void heatmap_free(struct heatmap *map)
{
	mappings_free(&map->mappings);
	free(map->part);
	free(map->range);
}

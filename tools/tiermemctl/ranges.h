/* SPDX-License-Identifier: GPL-2.0 */
/* The heat map of a process: its mappings, and what the module says about ranges of them. */
#ifndef TIERMEMCTL_RANGES_H
#define TIERMEMCTL_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapping.h"
#include "process.h"
#include "tally.h"

struct heatmap {
	const struct process *process;
	uint64_t step_bytes;		/* length of the ranges, a power of two */
	struct mappings mappings;
	/* Of each mapping: its sum, and its ranges, up to those of the next one. */
	struct heatmap_part {
		struct tally sum;
		size_t first;
		size_t ranges;
	} *part;
	struct tiermem_range *range;
	size_t ranges;
	struct tally sum;
};

/**
 * heatmap_read() - ask the module about a process
 * @map: result; heatmap_free()
 * @device: of device_open()
 * @process: which one; as long as @map is in use
 * @step_bytes: length of ranges; 0: as the size of the process suggests
 *
 * Ends the program, with a message, if the module doesn't answer.
 *
 * Return: false, after a message, if it has no answer about this process.
 */
bool heatmap_read(struct heatmap *map, int device, const struct process *process,
		  uint64_t step_bytes);

void heatmap_free(struct heatmap *map);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What a process has mapped: /proc/PID/maps. */
#ifndef TIERMEMCTL_MAPPING_H
#define TIERMEMCTL_MAPPING_H

#include <stddef.h>
#include <stdint.h>

struct mapping {
	uint64_t start;
	uint64_t end;
	char *name;			/* "libc.so.6", "[heap]", "anon" */
};

struct mappings {
	struct mapping *mapping;	/* by address */
	size_t n;
};

/**
 * mappings_read() - read what a process has mapped
 * @ms: result, neighbours of one name in one; mappings_free() either way
 * @pid: the process
 *
 * Return: 0, or a negative error number.
 */
int mappings_read(struct mappings *ms, int pid);

void mappings_free(struct mappings *ms);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Processes: whose memory somebody means. */
#ifndef TIERMEMCTL_PROCESS_H
#define TIERMEMCTL_PROCESS_H

#include <stddef.h>
#include <stdint.h>

struct process {
	int pid;
	char *command;
	char *cgroup;			/* or NULL, if it isn't known */
	uint64_t resident_bytes;
};

struct processes {
	struct process *process;	/* the largest first */
	size_t n;
};

/**
 * processes_find() - whose memory somebody means by a name
 * @ps: result, at least one; processes_free()
 * @name: a pid, which is that process; else of a group, which is all with memory in it and below
 *
 * Ends the program, with a message, if that is nobody.
 */
void processes_find(struct processes *ps, const char *name);

void processes_free(struct processes *ps);

/* A message: why has the process no memory to look at? */
void process_without_memory(const struct process *p);

#endif

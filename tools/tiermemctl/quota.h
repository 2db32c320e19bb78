/* SPDX-License-Identifier: GPL-2.0 */
/* Quotas, from the command line to the module. */
#ifndef TIERMEMCTL_QUOTA_H
#define TIERMEMCTL_QUOTA_H

#include <stdint.h>

/**
 * quota_argument() - "2G", "max" or "50%"
 * @text: what was given
 *
 * Ends the program, with a message, if that is no quota.
 *
 * Return: bytes, or NO_QUOTA.
 */
uint64_t quota_argument(const char *text);

/* A message about a quota that says nothing, as the machine has less. */
void quota_judge(uint64_t dram_max_bytes);

/* As quota_argument() and the module read it, to be freed. */
char *quota_text(uint64_t dram_max_bytes);

/* Writes tiermem.dram_max of a cgroup. Return: 0, or a negative error number. */
int quota_write(const char *cgroup, uint64_t dram_max_bytes, int open_flags);

/* What a negative error number of quota_write() means, and what to do. */
const char *quota_error(int error);

#endif

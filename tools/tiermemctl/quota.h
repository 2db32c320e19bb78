/* SPDX-License-Identifier: GPL-2.0 */
/* Quotas, from the command line to the module. */
#ifndef TIERMEMCTL_QUOTA_H
#define TIERMEMCTL_QUOTA_H

#include <stdint.h>

/**
 * quota_argument() - "2G", "max" or "50%"
 * @text: what was given
 *
 * Ends the program, with a message, if that is no quota. A quota that says nothing, because
 * the machine has less, gets a message only.
 *
 * Return: bytes, or NO_QUOTA.
 */
uint64_t quota_argument(const char *text);

/* Writes tiermem.dram_max of a cgroup. Return: 0, or a negative error number. */
int quota_write(const char *cgroup, uint64_t dram_max_bytes, int open_flags);

/* What a negative error number of quota_write() means, and what to do. */
const char *quota_error(int error);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Quotas, and other sizes that may be max: as people and the module write them. */
#ifndef TIERMEMCTL_QUOTA_H
#define TIERMEMCTL_QUOTA_H

#include <stdint.h>

#define NO_QUOTA UINT64_MAX

/* What the module says: a number of bytes, or "max". Return: 0, or -EBADMSG. */
int quota_parse(const char *text, uint64_t *bytes);

/**
 * quota_argument() - "2G", "max" or "50%"
 * @noun: what it is, for messages
 * @text: what was given
 *
 * Ends the program, with a message, if that is none.
 *
 * Return: bytes, or NO_QUOTA.
 */
uint64_t quota_argument(const char *noun, const char *text);

/* A message about a quota that says nothing, as the machine has less. */
void quota_judge(const char *noun, uint64_t bytes);

/* As quota_argument() and the module read it, to be freed. */
char *quota_text(uint64_t bytes);

#endif

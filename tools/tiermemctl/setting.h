/* SPDX-License-Identifier: GPL-2.0 */
/* What can be set, of a group and of the machine: keys, values, files. */
#ifndef TIERMEMCTL_SETTING_H
#define TIERMEMCTL_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * In the order in which they are written. A quota may wait for pages to move: all else is in
 * place by then, whoever ends the waiting. And a pool begins with the policy it is meant to have.
 */
enum setting {
	SETTING_DRAM_MIN, SETTING_DRAM_WEIGHT, SETTING_DRAM_MAX, SETTING_CPU_BUDGET_PERCENT,
	SETTING_MIGRATE_MBPS, SETTING_POOL_POLICY, SETTING_DRAM_POOL, SETTINGS
};

/* The setting of a key, of @length bytes; SETTINGS if there is none. */
enum setting setting_find(const char *key, size_t length);

const char *setting_key(enum setting s);

/* Is it one of the machine, not of a group? */
bool setting_is_machine(enum setting s);

/* What its value is called in JSON. */
const char *setting_json_key(enum setting s);

/* Ends the program, with a message, if the setting is not one of this cgroup and this module. */
void setting_needs(enum setting s, const char *cgroup);

/**
 * setting_argument() - a value from the command line
 * @s: of what
 * @text: what was given
 *
 * Ends the program, with a message, if that is none.
 *
 * Return: as the module wants it, to be freed.
 */
char *setting_argument(enum setting s, const char *text);

/* A message about a value of setting_argument() that has no effect here. */
void setting_judge(enum setting s, const char *value);

/* What it is, to be freed; NULL if that can't be read, and errno says why. */
char *setting_read(enum setting s, const char *cgroup);

/* Return: 0, or a negative error number. */
int setting_write(enum setting s, const char *cgroup, const char *value, int open_flags);

/* The same for dram_max. */
int quota_write(const char *cgroup, uint64_t dram_max_bytes, int open_flags);

/* What a negative error number of these means, and what to do. */
const char *setting_error(int error);

#endif

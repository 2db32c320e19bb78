/* SPDX-License-Identifier: GPL-2.0 */
/* Quotas of single processes, which /dev/tiermem knows. */
#ifndef TIERMEMCTL_PIDQUOTA_H
#define TIERMEMCTL_PIDQUOTA_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct pidquota {
	int pid;
	uint64_t dram_max_bytes;	/* or NO_QUOTA */
	uint64_t dram_bytes;
	uint64_t slow_bytes;
	uint64_t hot_in_slow_bytes;
	uint64_t cold_in_dram_bytes;
};

/* A pid from the command line; the end of the program if it is none. */
int pidquota_argument(const char *text);

/* Both end the program, with a message, if that can't be done. */
void pidquota_get(struct pidquota *q, int pid);
void pidquota_set(struct pidquota *q, int pid, uint64_t dram_max_bytes, bool wait);

/**
 * pidquota_next() - the process with a quota and the next larger pid
 * @q: result
 * @pid: any number
 *
 * Return: false if there is none, or if we may not ask.
 */
bool pidquota_next(struct pidquota *q, int pid);

/* "1234 (redis-server)", printable, to be freed. */
char *pidquota_name(const struct pidquota *q);

struct json_object *pidquota_json(const struct pidquota *q);

#endif

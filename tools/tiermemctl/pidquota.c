// SPDX-License-Identifier: GPL-2.0
/* Quotas of single processes, which /dev/tiermem knows. */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/tiermem.h>

#include "device.h"
#include "group.h"
#include "pidquota.h"
#include "process.h"
#include "quota.h"
#include "root.h"
#include "text.h"
#include "verb.h"

int pidquota_argument(const char *text)
{
	size_t n = strlen(text);

	if (!n || n > 9 || text[strspn(text, "0123456789")] || !atoi(text))
		errx(EXIT_USAGE, "with --pid it is a process that is meant, by its number: '%s' is none",
		     text_printable(text));
	return atoi(text);
}

/* Return: 0 or an error number. */
static int ask(int device, unsigned long request, struct tiermem_group *g, struct pidquota *q)
{
	g->size = sizeof(*g);
	g->flags |= TIERMEM_GROUP_PID;
	if (ioctl(device, request, g))
		return errno;
	*q = (struct pidquota){
		.pid = g->pid,
		.dram_max_bytes = g->dram_max == TIERMEM_MAX ? NO_QUOTA : g->dram_max,
		.dram_bytes = g->dram_current,
		.slow_bytes = g->slow_current,
		.hot_in_slow_bytes = g->hot_in_slow,
		.cold_in_dram_bytes = g->cold_in_dram,
	};
	return 0;
}

static void __attribute__((noreturn)) refused(int pid, int error)
{
	switch (error) {
	case ESRCH:
		if (root_exists("proc/%d", pid))
			errx(EXIT_FAILURE,
			     "process %d has no memory of its own: it has ended, or is a thread of the kernel",
			     pid);
		errx(EXIT_FAILURE, "there is no process %d", pid);
	case EINVAL:
		errx(EXIT_FAILURE,
		     "the module that is loaded knows no quotas of processes: load one that is as new as tiermemctl");
	default:
		device_refused(pid, error);
		exit(EXIT_FAILURE);
	}
}

void pidquota_get(struct pidquota *q, int pid)
{
	struct tiermem_group g = { .pid = pid };
	int device = device_open(), error = ask(device, TIERMEM_GROUP_GET, &g, q);

	if (error)
		refused(pid, error);
	close(device);
}

void pidquota_set(struct pidquota *q, int pid, uint64_t dram_max_bytes, bool wait)
{
	struct tiermem_group g = {
		.pid = pid,
		.flags = wait ? 0 : TIERMEM_GROUP_NO_WAIT,
		.set = TIERMEM_SET_DRAM_MAX,
		.dram_max = dram_max_bytes == NO_QUOTA ? TIERMEM_MAX : dram_max_bytes,
	};
	int device = device_open(), error = ask(device, TIERMEM_GROUP_SET, &g, q);

	if (error)
		refused(pid, error);
	close(device);
}

bool pidquota_next(struct pidquota *q, int pid)
{
	struct tiermem_group g = { .pid = pid, .flags = TIERMEM_GROUP_NEXT };
	int device = device_try(), error;

	if (device < 0)
		return false;
	error = ask(device, TIERMEM_GROUP_GET, &g, q);
	close(device);
	return !error;
}

char *pidquota_name(const struct pidquota *q)
{
	char *command = root_line("proc/%d/comm", q->pid);
	char *shown = text_printable(command ?: "?");
	char *name = format_text("%d (%s)", q->pid, shown);

	free(shown);
	free(command);
	return name;
}

struct json_object *pidquota_json(const struct pidquota *q)
{
	struct json_object *object = json_object_new_object();
	char *command = root_line("proc/%d/comm", q->pid);

	json_object_object_add(object, "pid", json_object_new_int(q->pid));
	json_object_object_add(object, "command", command ? name_json(command) : NULL);
	json_object_object_add(object, "dram_max_bytes", quota_json(q->dram_max_bytes));
	json_object_object_add(object, "dram_bytes", json_object_new_uint64(q->dram_bytes));
	json_object_object_add(object, "slow_bytes", json_object_new_uint64(q->slow_bytes));
	json_object_object_add(object, "hot_in_slow_bytes",
			       json_object_new_uint64(q->hot_in_slow_bytes));
	json_object_object_add(object, "cold_in_dram_bytes",
			       json_object_new_uint64(q->cold_in_dram_bytes));
	free(command);
	return object;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * within: run a program in a cgroup, on a processor, on a memory node
 *
 * What cgexec, taskset and numactl do together, in one process: the guest pays
 * for each program that it starts in simulated time.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <numa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	const char *cgroup;
	int cpu;
	int bind;
	int first;	/* argument that is the program */
} opts = { .cpu = -1, .bind = -1 };

static const struct argp_option options[] = {
	{ "cgroup", 'g', "DIR", 0, "join this cgroup", 0 },
	{ "cpu", 'c', "CPU", 0, "run on this processor only", 0 },
	{ "membind", 'm', "NODE", 0, "take memory from this node only", 0 },
	{ 0 }
};

static int parse_int(struct argp_state *state, const char *arg)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (end == arg || *end || n < 0 || n > INT_MAX)
		argp_error(state, "not a number: %s", arg);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'g':
		opts.cgroup = arg;
		return 0;
	case 'c':
		opts.cpu = parse_int(state, arg);
		return 0;
	case 'm':
		opts.bind = parse_int(state, arg);
		return 0;
	case ARGP_KEY_ARGS:
		opts.first = state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void join(const char *cgroup)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "PROGRAM [ARGUMENT...]",
		"Run a program in a cgroup, on a processor, on a memory node.", 0, 0, 0
	};
	char **program;

	/* In order: the program's own options are not ours. */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
	program = argv + opts.first;
	if (opts.cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(opts.cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			err(1, "CPU %d", opts.cpu);
	}
	if (opts.bind >= 0) {
		struct bitmask *nodes;

		if (numa_available() < 0)
			errx(1, "the kernel has no NUMA policies");
		nodes = numa_allocate_nodemask();
		if (opts.bind > numa_max_node())
			errx(1, "no node %d", opts.bind);
		numa_bitmask_setbit(nodes, opts.bind);
		numa_set_membind(nodes);
		numa_bitmask_free(nodes);
	}
	if (opts.cgroup)
		join(opts.cgroup);
	execvp(*program, program);
	err(127, "%s", *program);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Counters as JSON Lines. All of them only grow, so what a phase cost is the
 * difference of the marks at its ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cache.h"
#include "clock.h"
#include "node.h"
#include "report.h"

static FILE *out;

bool report_install(const char *path)
{
	out = path ? fopen(path, "we") : stderr;
	if (!out)
		qemu_complain("out=%s: %s", path, strerror(errno));
	return out;
}

static double host_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void report_mark(int label)
{
	uint64_t insns = 0, now_ps = 0;

	for (unsigned int i = 0; i < nr_vcpus; i++) {
		insns += vcpu_insns(&vcpus[i]);
		if (now_ps < vcpu_now_ps(&vcpus[i]))
			now_ps = vcpu_now_ps(&vcpus[i]);
	}
	fprintf(out, "{\"mark\":%d,\"time_ns\":%" PRIu64 ",\"insns\":%" PRIu64,
		label, now_ps / PS_PER_NS, insns);
	fprintf(out, ",\"host_cpu_s\":%.3f,\"host_wall_s\":%.3f,\"nodes\":[",
		host_s(CLOCK_PROCESS_CPUTIME_ID), host_s(CLOCK_MONOTONIC));
	for (unsigned int i = 0; i < nr_nodes; i++) {
		const struct node *n = &nodes[i];

		fprintf(out, "%s{\"preset\":\"%s\",\"reads\":%" PRIu64 ",\"writes\":%" PRIu64
			",\"seq\":%" PRIu64 ",\"writebacks\":%" PRIu64 ",\"stall_ns\":%" PRIu64
			",\"queue_ns\":%" PRIu64 "}", i ? "," : "", n->name, n->reads, n->writes,
			n->seq, n->writebacks, n->stall_ps / PS_PER_NS, n->queue_ps / PS_PER_NS);
	}
	fprintf(out, "],\"llc_hits\":%" PRIu64 ",\"walks\":%" PRIu64 ",\"walk_ns\":%" PRIu64
		",\"vcpus\":[", cache_counts.llc_hits, cache_counts.walks,
		cache_counts.walk_ps / PS_PER_NS);
	for (unsigned int i = 0; i < nr_vcpus; i++) {
		const struct vcpu *v = &vcpus[i];

		fprintf(out, "%s{\"time_ns\":%" PRIu64 ",\"insns\":%" PRIu64 ",\"idle_ns\":%" PRIu64
			",\"stall_ns\":%" PRIu64 "}", i ? "," : "", vcpu_now_ps(v) / PS_PER_NS,
			vcpu_insns(v), v->idle_ps / PS_PER_NS, v->stall_ps / PS_PER_NS);
	}
	fputs("]}\n", out);
	fflush(out);
}

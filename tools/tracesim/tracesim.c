// SPDX-License-Identifier: GPL-2.0
/* Runs module/policy/ against a stream of accesses, next to the best static placement. */
#include <argp.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define MIN_S	0.001
#define MAX_S	(366 * 86400.0)

static const char doc[] =
	"Runs tiermem's policy against a stream of accesses, synthetic or recorded, and compares "
	"with the best static placement."
	"\vThe last line of output tells what part of the accesses DRAM served and would have served "
	"at best, how many pages moved and how many of them moved back soon, and the CPU time of "
	"observation. A record has a line for each access, 'nanoseconds page', in the order of "
	"time; pages count from 0. If it ends before --steady, figures are of all of it.";

static const struct argp_option argp_options[] = {
	{ 0, 0, NULL, 0, "Who accesses what:", 1 },
	{ "stream", 's', "KIND", 0, "zipf (default), gauss, hot10, hot, uniform or churn", 1 },
	{ "hot", 'h', "PART", 0, "of the pages, for hot (0.275)", 1 },
	{ "pages", 'n', "N", 0, "4K pages (100000)", 1 },
	{ "rate", 'r', "N", 0, "accesses a second (5000000)", 1 },
	{ "jump", 'j', "S", 0, "deal the probabilities anew every S seconds", 1 },
	{ "scan-every", 'C', "S", 0, "begin a pass over everything every S seconds", 1 },
	{ "scan", 'c', "S", 0, "that pass takes so long (2)", 1 },
	{ "seed", 'S', "N", 0, "of all randomness (1)", 1 },
	{ "record", 'f', "FILE", 0, "a record instead of all that", 1 },
	{ 0, 0, NULL, 0, "What the policy has:", 2 },
	{ "quota", 'q', "PART", 0, "of the pages (0.25)", 2 },
	{ "cpu", 'b', "PERCENT", 0, "budget of observation, of a CPU (1)", 2 },
	{ "visit", 'V', "NS", 0, "CPU time to look at a page (60)", 2 },
	{ "mbps", 'm', "MB", 0, "budget of migration, MiB a second (1024)", 2 },
	{ "move", 'M', "NS", 0, "time to move a page (5000)", 2 },
	{ "window", 'W', "MS", 0, "this window instead of the one that it wants", 2 },
	{ "learned", 'L', "N", 0, "take so many windows for learned: fixes weight and gap", 2 },
	{ 0, 0, NULL, 0, "What to print:", 3 },
	{ "seconds", 't', "S", 0, "time to simulate (120)", 3 },
	{ "steady", 'w', "S", 0, "figures are of the time after S seconds (60)", 3 },
	{ "every", 'e', "S", 0, "also how it is every S seconds", 3 },
	{ "csv", 'v', NULL, 0, "those lines separated by commas", 3 },
	{ 0 }
};

/* Numbers; times are a millisecond to a year: less is a loop without end, more a mistake. */
static const struct number_option {
	int key;
	double least;
	double most;
	size_t at;			/* in struct sim_options */
} number_options[] = {
	{ 'h', 0, 1, offsetof(struct sim_options, stream.hot_part) },
	{ 'r', 0, 1e15, offsetof(struct sim_options, stream.rate) },
	{ 'j', MIN_S, MAX_S, offsetof(struct sim_options, stream.jump_s) },
	{ 'C', MIN_S, MAX_S, offsetof(struct sim_options, stream.scan_every_s) },
	{ 'c', MIN_S, MAX_S, offsetof(struct sim_options, stream.scan_s) },
	{ 'q', 0, 1, offsetof(struct sim_options, quota_part) },
	{ 'W', 2, 60000, offsetof(struct sim_options, window_ms) },
	{ 'b', 0.001, 100, offsetof(struct sim_options, cpu_percent) },
	{ 'V', 0, 1e6, offsetof(struct sim_options, visit_ns) },
	{ 'm', 0.001, 1e9, offsetof(struct sim_options, migrate_mbps) },
	{ 'M', 0, 1e9, offsetof(struct sim_options, move_ns) },
	{ 't', MIN_S, MAX_S, offsetof(struct sim_options, seconds) },
	{ 'w', 0, MAX_S, offsetof(struct sim_options, steady_s) },
	{ 'e', MIN_S, MAX_S, offsetof(struct sim_options, every_s) },
};

/* The whole argument must be a number from @least to @most. */
static double number(struct argp_state *state, const char *arg, double least, double most)
{
	char *end;
	double x = strtod(arg, &end);

	if (*end || end == arg)
		argp_error(state, "'%s' is no number", arg);
	if (!(x >= least && x <= most))
		argp_error(state, "%s is not between %g and %g", arg, least, most);
	return x;
}

static uint64_t whole_number(struct argp_state *state, const char *arg, double least, double most)
{
	double x = number(state, arg, least, most);

	if (x != floor(x))
		argp_error(state, "%s is no whole number", arg);
	return (uint64_t)x;
}

static error_t parse_number(int key, const char *arg, struct argp_state *state)
{
	const struct number_option *n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(number_options); i++) {
		n = &number_options[i];
		if (n->key != key)
			continue;
		*(double *)((char *)state->input + n->at) = number(state, arg, n->least, n->most);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What is wrong with options together. */
static void check(struct argp_state *state, const struct sim_options *o)
{
	if (o->stream.scan_every_s > 0 && o->stream.scan_s > o->stream.scan_every_s)
		argp_error(state, "a scan (--scan) takes longer than until the next one (--scan-every)");
	if (o->steady_s >= o->seconds)
		argp_error(state, "no time is left after --steady: it must be less than --seconds");
	if (o->csv && o->every_s <= 0)
		argp_error(state, "--csv needs --every");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sim_options *o = state->input;

	switch (key) {
	case 's':
		if (!stream_has_kind(arg))
			argp_error(state, "there is no stream '%s'", arg);
		o->stream.kind = arg;
		break;
	case 'n':
		o->stream.pages = (uint32_t)whole_number(state, arg, 1, STREAM_MOST_PAGES);
		break;
	case 'L':
		o->learned = (unsigned int)whole_number(state, arg, 1, 254);
		break;
	case 'S':
		o->stream.seed = whole_number(state, arg, 0, 1e15);
		break;
	case 'f':
		o->record = arg;
		break;
	case 'v':
		o->csv = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
		break;
	case ARGP_KEY_END:
		check(state, o);
		break;
	default:
		return parse_number(key, arg, state);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { argp_options, parse, NULL, doc, NULL, NULL, NULL };
	struct sim_options o = {
		.stream = {
			.kind = "zipf", .pages = 100000, .hot_part = 0.275, .rate = 5e6,
			.scan_s = 2, .seed = 1,
		},
		.quota_part = 0.25, .seconds = 120, .steady_s = 60,
		.cpu_percent = 1, .visit_ns = 60, .migrate_mbps = 1024, .move_ns = 5000,
	};
	struct sim sim;
	int ret;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	ret = sim_open(&sim, &o);
	if (ret) {
		fprintf(stderr, "tracesim: %s: %s\n", o.record ? o.record : o.stream.kind,
			strerror(-ret));
		return 1;
	}
	sim_run(&sim);
	sim_print(&sim);
	sim_close(&sim);
	return 0;
}

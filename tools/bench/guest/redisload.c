// SPDX-License-Identifier: GPL-2.0
/*
 * Load for a Redis: clients that each send their next requests when all replies have come.
 *
 * redis-benchmark and memtier_benchmark need about as many instructions for a request as the
 * server does, and each one takes simulated (and real) time. This program does per request what
 * connection.c says, per batch of requests a send(), a recv() and a look at the clock. Several
 * phases are measured one after the other with the same connections; load stays on while a phase
 * begins and ends, and results are printed in between.
 */
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "args.h"
#include "connection.h"
#include "latency.h"
#include "phase.h"

#define MAX_CLIENTS	1024U
#define MAX_PHASES	64U
#define MAX_SERIES	10000U
#define REPLY_TIMEOUT_MS 60000
#define POPULATE_DEPTH	64U

struct phase {
	enum op op;		/* OPS: mixed */
	enum dist_kind kind;
	uint32_t pipeline;
};

static struct server server = { .port = 6379 };
static uint32_t nr_clients = 50, nr_keys = 100000, value_bytes = 1000;
static struct phase phases[MAX_PHASES], simple = { OP_GET, DIST_UNIFORM, 1 };
static unsigned int nr_phases, first_phase = 1;
static bool simple_given, populate, verify;
static uint64_t measure_ns, nr_requests, warmup_ns, settle_ns = NS_PER_S / 20, series_ns;
static uint64_t seed = 1, stream, draws;

static struct connection *clients;
static int epoll_fd;
static struct dist dist;
static struct scatter key_order;
static struct latency latency;
static uint32_t series[MAX_SERIES];

static const char * const op_name[] = { "get", "set", "mixed" };

enum {
	OPT_HOST = 256, OPT_OP, OPT_REQUESTS, OPT_WARMUP, OPT_SETTLE, OPT_FIRST, OPT_PHASE,
	OPT_POPULATE, OPT_VERIFY, OPT_SERIES, OPT_STREAM,
};

static const struct argp_option options[] = {
	{ "socket", 's', "PATH", 0, "Unix socket of the server", 0 },
	{ "host", OPT_HOST, "HOST", 0, "or its address (127.0.0.1)", 0 },
	{ "port", 'p', "PORT", 0, "and port (6379)", 0 },
	{ "clients", 'c', "N", 0, "Connections (50)", 0 },
	{ "keys", 'k', "N", 0, "Number of keys (100000)", 0 },
	{ "value-bytes", 'd', "BYTES", 0, "Size of each value (1000)", 0 },
	{ "seed", 'r', "N", 0, "Of all that is random (1)", 0 },
	{ "stream", OPT_STREAM, "N", 0,
	  "Other draws with the same keys hot, for each number (0)", 0 },
	{ "populate", OPT_POPULATE, NULL, 0, "First set every key", 0 },
	{ "verify", OPT_VERIFY, NULL, 0, "At the end check the value of every key", 0 },
	{ "phase", OPT_PHASE, "OP:DISTRIBUTION:PIPELINE", 0,
	  "Measure this (repeatable); instead of the next three", 0 },
	{ "op", OPT_OP, "get|set|mixed", 0, "Request; mixed: get and set in turn (get)", 0 },
	{ "distribution", 'D', "NAME", 0, "Of keys: uniform, gauss, zipf or hot10 (uniform)", 0 },
	{ "pipeline", 'P', "N", 0, "Requests on their way in each connection (1)", 0 },
	{ "seconds", 't', "S", 0, "Length of each phase (1)", 0 },
	{ "requests", OPT_REQUESTS, "N", 0, "or at least so many requests", 0 },
	{ "warmup", OPT_WARMUP, "S", 0, "Load before the first phase (0)", 0 },
	{ "settle", OPT_SETTLE, "S", 0, "Load before each further phase (0.05)", 0 },
	{ "first-phase", OPT_FIRST, "K", 0, "Number of the first phase: marks 2K and 2K+1 (1)", 0 },
	{ "report-every", OPT_SERIES, "MS", 0, "Also print throughput over each phase", 0 },
	{ 0 }
};

/* ---- options --------------------------------------------------------------------------------- */

static enum op arg_op(struct argp_state *state, const char *arg)
{
	enum op op;

	for (op = 0; op <= OPS; op++)
		if (!strcmp(arg, op_name[op]))
			return op;
	argp_error(state, "'%s' is not get, set or mixed", arg);
	return OPS;
}

static enum dist_kind arg_distribution(struct argp_state *state, const char *arg)
{
	int kind = dist_by_name(arg);

	if (kind < 0)
		argp_error(state, "'%s' is not uniform, gauss, zipf or hot10", arg);
	return kind;
}

static uint32_t arg_pipeline(struct argp_state *state, const char *arg)
{
	return (uint32_t)arg_uint(state, "pipeline", arg, 1, MAX_PIPELINE);
}

static void add_phase(struct argp_state *state, const char *arg)
{
	char op[8], kind[16], pipeline[16], rest;

	if (nr_phases == MAX_PHASES)
		argp_error(state, "more than %u phases", MAX_PHASES);
	if (sscanf(arg, "%7[^:]:%15[^:]:%15[^:]%c", op, kind, pipeline, &rest) != 3)
		argp_error(state, "--phase: '%s' is not OP:DISTRIBUTION:PIPELINE", arg);
	phases[nr_phases].op = arg_op(state, op);
	phases[nr_phases].kind = arg_distribution(state, kind);
	phases[nr_phases].pipeline = arg_pipeline(state, pipeline);
	nr_phases++;
}

static void check_options(struct argp_state *state)
{
	if (server.socket_path && server.host)
		argp_error(state, "either --socket or --host");
	if (!server.socket_path && !server.host)
		server.host = "127.0.0.1";
	if (measure_ns && nr_requests)
		argp_error(state, "either --seconds or --requests");
	if (nr_requests && series_ns)
		argp_error(state, "--report-every needs --seconds");
	if (!measure_ns && !nr_requests)
		measure_ns = NS_PER_S;
	if (series_ns && measure_ns / series_ns > MAX_SERIES)
		argp_error(state, "--report-every: more than %u lines", MAX_SERIES);
	if (nr_phases && simple_given)
		argp_error(state, "either --phase or --op, --distribution and --pipeline");
	if (!nr_phases && (simple_given || (!populate && !verify)))
		phases[nr_phases++] = simple;
	if (first_phase + nr_phases > MAX_PHASE)
		argp_error(state, "--first-phase: too many phases");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		server.socket_path = arg;
		break;
	case OPT_HOST:
		server.host = arg;
		break;
	case 'p':
		server.port = (int)arg_uint(state, "--port", arg, 1, 65535);
		break;
	case 'c':
		nr_clients = (uint32_t)arg_uint(state, "--clients", arg, 1, MAX_CLIENTS);
		break;
	case 'k':
		nr_keys = (uint32_t)arg_uint(state, "--keys", arg, 1, MAX_KEYS);
		break;
	case 'd':
		value_bytes = (uint32_t)arg_uint(state, "--value-bytes", arg, KEY_DIGITS,
						 MAX_VALUE_BYTES);
		break;
	case 'r':
		seed = arg_uint(state, "--seed", arg, 0, UINT64_MAX);
		break;
	case OPT_STREAM:
		stream = arg_uint(state, "--stream", arg, 0, UINT64_MAX);
		break;
	case OPT_POPULATE:
		populate = true;
		break;
	case OPT_VERIFY:
		verify = true;
		break;
	case OPT_PHASE:
		add_phase(state, arg);
		break;
	case OPT_OP:
		simple.op = arg_op(state, arg);
		simple_given = true;
		break;
	case 'D':
		simple.kind = arg_distribution(state, arg);
		simple_given = true;
		break;
	case 'P':
		simple.pipeline = arg_pipeline(state, arg);
		simple_given = true;
		break;
	case 't':
		measure_ns = arg_duration(state, "--seconds", arg, NS_PER_S);
		if (!measure_ns)
			argp_error(state, "--seconds: nothing to measure");
		break;
	case OPT_REQUESTS:
		nr_requests = arg_uint(state, "--requests", arg, 1, UINT32_MAX);
		break;
	case OPT_WARMUP:
		warmup_ns = arg_duration(state, "--warmup", arg, NS_PER_S);
		break;
	case OPT_SETTLE:
		settle_ns = arg_duration(state, "--settle", arg, NS_PER_S);
		break;
	case OPT_FIRST:
		first_phase = (unsigned int)arg_uint(state, "--first-phase", arg, 0, MAX_PHASE);
		break;
	case OPT_SERIES:
		series_ns = arg_duration(state, "--report-every", arg, NS_PER_S / 1000);
		if (!series_ns)
			argp_error(state, "--report-every: too short");
		break;
	case ARGP_KEY_END:
		check_options(state);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- all keys, one after the other ----------------------------------------------------------- */

/* On a connection of its own that sleeps in recv(): there is nothing else to do. */
static redisReply *next_reply(struct connection *c)
{
	void *reply;

	if (redisGetReply(c->redis, &reply) != REDIS_OK)
		errx(1, "Redis: %s", c->redis->errstr);
	return reply;
}

typedef void (*reply_check)(uint32_t key, const redisReply *reply);

/* One request for each key; the replies are checked in the order of the keys. */
static void walk_keys(enum op op, reply_check check)
{
	uint32_t depth, key, i;
	struct connection c;
	static struct batch b;
	redisReply *reply;

	connection_open(&c, &server);
	for (key = 0; key < nr_keys; key += depth) {
		depth = nr_keys - key < POPULATE_DEPTH ? nr_keys - key : POPULATE_DEPTH;
		if (!b.bytes || b.nr_requests != depth) {
			batch_free(&b);
			batch_init(&b, op, op, depth);
		}
		for (i = 0; i < depth; i++)
			batch_set_key(&b, i, key + i);
		connection_send(&c, &b);
		for (i = 0; i < depth; i++) {
			reply = next_reply(&c);
			check(key + i, reply);
			freeReplyObject(reply);
		}
	}
	batch_free(&b);
	connection_close(&c);
}

static void check_stored(uint32_t key, const redisReply *reply)
{
	(void)key;
	if (reply->type == REDIS_REPLY_ERROR)
		errx(1, "populate: %s", reply->str);
}

static void populate_keys(void)
{
	uint64_t begin = now_ns();
	struct json_object *o;

	walk_keys(OP_SET, check_stored);
	o = json_new("populate");
	json_add_int(o, "keys", nr_keys);
	json_add_int(o, "value_bytes", value_bytes);
	json_add_double(o, "seconds", (double)(now_ns() - begin) / NS_PER_S);
	json_print(o);
}

static uint32_t nr_bad;

static void check_value(uint32_t key, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_STRING && value_is_good(key, reply->str, reply->len))
		return;
	nr_bad++;
	if (nr_bad <= 5)
		warnx("key:%0*" PRIu32 " does not have its value", KEY_DIGITS, key);
}

static bool verify_keys(void)
{
	struct json_object *o;

	walk_keys(OP_GET, check_value);
	o = json_new("verify");
	json_add_int(o, "keys", nr_keys);
	json_add_int(o, "bad", nr_bad);
	json_print(o);
	return !nr_bad;
}

/* ---- a phase --------------------------------------------------------------------------------- */

/* The number of misses since the phase began is in the connections. */
static struct {
	unsigned int number;
	/* mixed with an odd depth: each connection takes the two in turn */
	struct batch batch[2];
	uint64_t ops, begin_ns, end_ns;
	bool measuring, stopping;
	uint32_t nr_waiting;		/* connections with requests on their way */
} run;

static void send_next(struct connection *c, uint64_t now)
{
	struct batch *b = c->batch == &run.batch[0] ? &run.batch[1] : &run.batch[0];
	uint32_t i;

	for (i = 0; i < b->nr_requests; i++)
		batch_set_key(b, i, scatter(&key_order, dist_draw(&dist, &draws) >> 32));
	c->sent_ns = now;
	connection_send(c, b);
}

static void begin_measuring(void)
{
	uint32_t i;

	memset(&latency, 0, sizeof(latency));
	memset(series, 0, sizeof(series));
	for (i = 0; i < nr_clients; i++)
		clients[i].misses = 0;
	run.measuring = true;
	run.begin_ns = phase_begin(run.number);
}

static void count(uint32_t replies, uint64_t sent_ns, uint64_t now)
{
	uint64_t slot;

	run.ops += replies;
	latency_add(&latency, now - sent_ns, replies);
	if (series_ns) {
		slot = (now - run.begin_ns) / series_ns;
		if (slot < MAX_SERIES)
			series[slot] += replies;
	}
}

static void on_readable(struct connection *c, uint64_t begin_at)
{
	uint32_t replies = connection_receive(c);
	uint64_t now = now_ns();

	if (run.measuring) {
		count(replies, c->sent_ns, now);
		if (nr_requests ? run.ops >= nr_requests : now - run.begin_ns >= measure_ns) {
			run.end_ns = phase_end(run.number);
			run.measuring = false;
			run.stopping = true;
		}
	} else if (!run.stopping && now >= begin_at) {
		begin_measuring();
		now = run.begin_ns;
	}
	if (c->nr_replies < c->batch->nr_requests)
		return;
	if (run.stopping)
		run.nr_waiting--;
	else
		send_next(c, now);
}

static void run_phase(const struct phase *p, uint64_t before_ns)
{
	struct epoll_event events[64];
	uint64_t start, begin_at;
	uint32_t i;
	int n, e;

	dist_init(&dist, p->kind, nr_keys);
	for (i = 0; i < 2; i++)
		batch_init(&run.batch[i], p->op, p->pipeline % 2 ? (enum op)i : OP_GET,
			   p->pipeline);
	run.ops = 0;
	run.stopping = false;
	start = now_ns();
	begin_at = start + before_ns;
	if (!before_ns) {
		begin_measuring();
		start = run.begin_ns;
	}
	for (i = 0; i < nr_clients; i++) {
		/* Half of the connections begin with the second batch. */
		clients[i].batch = &run.batch[i % 2];
		send_next(&clients[i], start);
	}
	run.nr_waiting = nr_clients;
	while (run.nr_waiting) {
		n = epoll_wait(epoll_fd, events, 64, REPLY_TIMEOUT_MS);
		if (n < 0)
			err(1, "epoll_wait");
		if (!n)
			errx(1, "Redis: no reply for %d s", REPLY_TIMEOUT_MS / 1000);
		for (e = 0; e < n; e++)
			on_readable(events[e].data.ptr, begin_at);
	}
	for (i = 0; i < 2; i++)
		batch_free(&run.batch[i]);
}

static void add_latency(struct json_object *o, const char *key, double quantile)
{
	json_add_double(o, key, latency_quantile_ns(&latency, quantile) / 1e3);
}

/* Returns the number of misses. */
static uint64_t print_phase(const struct phase *p)
{
	uint64_t misses = 0, slots = series_ns ? measure_ns / series_ns : 0;
	struct json_object *o;
	char name[64];
	uint32_t i;
	int len;

	for (i = 0; i < slots; i++)
		phase_print_series(run.number, (i + 1) * series_ns, series[i], series_ns);
	for (i = 0; i < nr_clients; i++)
		misses += clients[i].misses;
	len = snprintf(name, sizeof(name), "%s-%s", op_name[p->op], dist_name[p->kind]);
	if (p->pipeline > 1)
		snprintf(name + len, sizeof(name) - (size_t)len, "-p%" PRIu32, p->pipeline);
	o = phase_result(run.number, name, run.ops, run.end_ns - run.begin_ns);
	add_latency(o, "p50_us", 0.5);
	add_latency(o, "p95_us", 0.95);
	add_latency(o, "p99_us", 0.99);
	add_latency(o, "p999_us", 0.999);
	json_add_double(o, "max_us", latency.max_ns / 1e3);
	json_add_int(o, "clients", nr_clients);
	json_add_int(o, "pipeline", p->pipeline);
	json_add_int(o, "misses", (int64_t)misses);
	json_print(o);
	return misses;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Loads a Redis and measures throughput and latency.",
	};
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t misses = 0;
	unsigned int i;
	bool good;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	requests_init(value_bytes, seed);
	scatter_init(&key_order, nr_keys, seed);
	draws = rng_stream(seed, stream);
	if (populate)
		populate_keys();
	clients = calloc(nr_clients, sizeof(*clients));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!clients || epoll_fd < 0)
		err(1, "clients");
	for (i = 0; i < nr_clients && nr_phases; i++) {
		connection_open(&clients[i], &server);
		event.data.ptr = &clients[i];
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &event))
			err(1, "epoll_ctl");
	}
	for (i = 0; i < nr_phases; i++) {
		run.number = first_phase + i;
		run_phase(&phases[i], i ? settle_ns : warmup_ns);
		misses += print_phase(&phases[i]);
	}
	good = !verify || verify_keys();
	if (misses)
		errx(1, "%" PRIu64 " keys were missing: populate first", misses);
	return good ? 0 : 1;
}

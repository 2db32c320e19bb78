/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections to a Redis that cost few instructions. Requests are made once by hiredis, and then
 * only the digits of their keys are replaced. All connections share one buffer per direction, so
 * that the client's share of a small cache stays small.
 */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "dist.h"

#define KEY_DIGITS	12	/* key:000000012345 */
#define MAX_KEYS	DIST_MAX_ITEMS
#define MAX_PIPELINE	1024U
#define MAX_VALUE_BYTES	(1024U << 10)

enum op { OP_GET, OP_SET, OPS };

struct server {
	const char *socket_path;	/* or host and port */
	const char *host;
	int port;
};

/* What is sent at once: as many requests as the pipeline is deep. */
struct batch {
	char *bytes;
	size_t len;
	uint32_t nr_requests;
	struct {
		char *key;	/* its last 8 digits */
		char *value;	/* the same of a SET's value, or NULL */
		enum op op;
	} request[MAX_PIPELINE];
};

struct connection {
	redisContext *redis;
	int fd;
	const struct batch *batch;	/* on its way; NULL: none */
	uint32_t nr_replies;
	uint32_t misses;		/* keys that there were not, since somebody set this to 0 */
	uint64_t sent_ns;
	char *rest;			/* begin of a reply whose end is still to come */
	size_t rest_len;
};

/* Everything here that fails ends the program with a message. */

/* Before all others. Values are the key's digits, then pseudo-random bytes. */
void requests_init(uint32_t value_bytes, uint64_t seed);

void connection_open(struct connection *c, const struct server *server);
void connection_close(struct connection *c);

/* GET and SET in turn if which is OPS; then the first is as well a choice. */
void batch_init(struct batch *b, enum op which, enum op first, uint32_t nr_requests);
void batch_free(struct batch *b);
void batch_set_key(struct batch *b, uint32_t i, uint32_t key);

void connection_send(struct connection *c, const struct batch *b);

/* Reads what there is. Returns the number of replies that are complete. */
uint32_t connection_receive(struct connection *c);

/* Is this the value that requests_init() says? */
int value_is_good(uint32_t key, const char *value, size_t len);

#endif /* BENCH_CONNECTION_H */

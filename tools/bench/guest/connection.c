// SPDX-License-Identifier: GPL-2.0
#include "connection.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PATCHED_DIGITS	8
#define NIL		"$-1\r\n"
/* A reply, or the error message instead of it. */
#define MIN_RECEIVE	(64U << 10)

static_assert(MAX_KEYS <= 100000000, "keys have to differ in their last 8 digits");

static char *value;
static uint32_t value_bytes;

/* The reply that belongs to an op, whole length and how it starts. */
static struct {
	size_t len;
	size_t prefix_len;
	char prefix[24];
} reply_of[OPS];

static char *receive_buffer;
static size_t receive_bytes;
static char digit_pairs[200];

static void put_digits(char *to, uint32_t key)
{
	uint32_t high = key / 10000, low = key % 10000;

	memcpy(to, &digit_pairs[high / 100 * 2], 2);
	memcpy(to + 2, &digit_pairs[high % 100 * 2], 2);
	memcpy(to + 4, &digit_pairs[low / 100 * 2], 2);
	memcpy(to + 6, &digit_pairs[low % 100 * 2], 2);
}

void requests_init(uint32_t bytes, uint64_t seed)
{
	uint32_t i;

	for (i = 0; i < 100; i++) {
		digit_pairs[2 * i] = (char)('0' + i / 10);
		digit_pairs[2 * i + 1] = (char)('0' + i % 10);
	}
	value_bytes = bytes;
	value = malloc(value_bytes);
	receive_bytes = MIN_RECEIVE + 2 * (size_t)value_bytes;
	receive_buffer = malloc(receive_bytes);
	if (!value || !receive_buffer)
		err(1, "value");
	memset(value, '0', KEY_DIGITS);
	for (i = KEY_DIGITS; i < value_bytes; i++)
		value[i] = (char)rng_next(&seed);

	reply_of[OP_GET].prefix_len = (size_t)snprintf(reply_of[OP_GET].prefix,
						       sizeof(reply_of[OP_GET].prefix),
						       "$%" PRIu32 "\r\n", value_bytes);
	reply_of[OP_GET].len = reply_of[OP_GET].prefix_len + value_bytes + 2;
	strcpy(reply_of[OP_SET].prefix, "+OK\r\n");
	reply_of[OP_SET].prefix_len = strlen(reply_of[OP_SET].prefix);
	reply_of[OP_SET].len = reply_of[OP_SET].prefix_len;
}

int value_is_good(uint32_t key, const char *got, size_t len)
{
	put_digits(value + KEY_DIGITS - PATCHED_DIGITS, key);
	return len == value_bytes && !memcmp(got, value, len);
}

void connection_open(struct connection *c, const struct server *server)
{
	const char *name = server->socket_path ? server->socket_path : server->host;

	memset(c, 0, sizeof(*c));
	c->redis = server->socket_path ? redisConnectUnix(server->socket_path) :
					 redisConnect(server->host, server->port);
	if (!c->redis || c->redis->err)
		errx(1, "%s: %s", name, c->redis ? c->redis->errstr : "out of memory");
	c->fd = c->redis->fd;
	c->rest = malloc(receive_bytes);
	if (!c->rest)
		err(1, "%s", name);
}

void connection_close(struct connection *c)
{
	redisFree(c->redis);
	free(c->rest);
}

/* One request as hiredis would send it; the caller frees it with redisFreeCommand(). */
static size_t format_request(char **command, enum op which)
{
	const char *args[3];
	size_t lens[] = { 3, 4 + KEY_DIGITS, value_bytes };
	int len;

	args[0] = which == OP_GET ? "GET" : "SET";
	args[1] = "key:000000000000";
	args[2] = value;
	len = redisFormatCommandArgv(command, which == OP_GET ? 2 : 3, args, lens);
	if (len < 0)
		errx(1, "out of memory");
	return (size_t)len;
}

void batch_init(struct batch *b, enum op which, enum op first, uint32_t nr_requests)
{
	char *command[OPS], *at;
	size_t len[OPS];
	uint32_t i;
	enum op o;

	for (o = 0; o < OPS; o++)
		len[o] = format_request(&command[o], o);
	b->nr_requests = nr_requests;
	b->bytes = malloc(nr_requests * (len[OP_SET] + len[OP_GET]));
	if (!b->bytes)
		err(1, "requests");
	at = b->bytes;
	for (i = 0; i < nr_requests; i++) {
		o = which < OPS ? which : (i + first) % 2;
		memcpy(at, command[o], len[o]);
		b->request[i].op = o;
		b->request[i].key = at + (strstr(command[o], "key:") - command[o]) + 4 +
				    KEY_DIGITS - PATCHED_DIGITS;
		/* The value comes last, before the end of its line. */
		b->request[i].value = NULL;
		if (o == OP_SET)
			b->request[i].value = at + len[o] - 2 - value_bytes + KEY_DIGITS -
					      PATCHED_DIGITS;
		at += len[o];
	}
	b->len = (size_t)(at - b->bytes);
	for (o = 0; o < OPS; o++)
		redisFreeCommand(command[o]);
}

void batch_free(struct batch *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

void batch_set_key(struct batch *b, uint32_t i, uint32_t key)
{
	put_digits(b->request[i].key, key);
	if (b->request[i].value)
		memcpy(b->request[i].value, b->request[i].key, PATCHED_DIGITS);
}

/* May sleep if the socket is full. The server never waits for us to read, so nothing locks up. */
void connection_send(struct connection *c, const struct batch *b)
{
	size_t done = 0;
	ssize_t n;

	while (done < b->len) {
		n = send(c->fd, b->bytes + done, b->len - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err(1, "send to Redis");
		done += (size_t)n;
	}
	c->batch = b;
	c->nr_replies = 0;
}

/*
 * A reply that is not what was to be expected: hiredis says what it is. Returns false if it is not
 * complete.
 */
static bool explain(const char *at, size_t len)
{
	redisReader *reader = redisReaderCreate();
	void *got = NULL;
	redisReply *reply;

	if (!reader || redisReaderFeed(reader, at, len) != REDIS_OK ||
	    redisReaderGetReply(reader, &got) != REDIS_OK)
		errx(1, "Redis: %s", reader ? reader->errstr : "out of memory");
	reply = got;
	if (!reply) {
		redisReaderFree(reader);
		return false;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		errx(1, "Redis: %s", reply->str);
	if (reply->type == REDIS_REPLY_STRING)
		errx(1, "Redis: a value of %zu bytes, not %" PRIu32, (size_t)reply->len,
		     value_bytes);
	errx(1, "Redis: a reply of type %d that does not belong to the request", reply->type);
}

/*
 * Replies are as known in length and form as requests are, so they are compared with what they
 * should be. hiredis' reader, with functions that create no objects, takes 900 instructions for a
 * value of 1000 bytes, and 3900 for each of 16 in one buffer, as much as the server: it moves the
 * rest of the buffer each time. This takes 40 to 80.
 */
uint32_t connection_receive(struct connection *c)
{
	char *at = receive_buffer, *end;
	size_t left, len, prefix_len;
	uint32_t replies = 0;
	enum op op;
	ssize_t n;

	if (c->rest_len)
		memcpy(at, c->rest, c->rest_len);
	n = recv(c->fd, at + c->rest_len, receive_bytes - c->rest_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		err(1, "receive from Redis");
	if (!n)
		errx(1, "Redis has closed the connection");
	end = at + c->rest_len + n;
	while (at < end) {
		if (!c->batch || c->nr_replies == c->batch->nr_requests)
			errx(1, "Redis: more replies than requests");
		op = c->batch->request[c->nr_replies].op;
		left = (size_t)(end - at);
		len = reply_of[op].len;
		prefix_len = reply_of[op].prefix_len;
		if (left < prefix_len ? !memcmp(at, reply_of[op].prefix, left) :
					!memcmp(at, reply_of[op].prefix, prefix_len)) {
			if (left < len)
				break;
		} else if (op == OP_GET && left >= strlen(NIL) && !memcmp(at, NIL, strlen(NIL))) {
			c->misses++;
			len = strlen(NIL);
		} else if (!explain(at, left)) {
			break;
		}
		at += len;
		c->nr_replies++;
		replies++;
	}
	c->rest_len = (size_t)(end - at);
	if (c->rest_len == receive_bytes)
		errx(1, "Redis: a reply of more than %zu bytes", receive_bytes);
	if (c->rest_len)
		memcpy(c->rest, at, c->rest_len);
	return replies;
}

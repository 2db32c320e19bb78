// SPDX-License-Identifier: GPL-2.0
/*
 * Fill a Redis with values that can be recomputed from their keys, read mostly
 * a few of them, and verify that every one is intact.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Stride between popular keys: a prime, so that they lie scattered over all
 * memory of Redis, as they would after a while of real use.
 */
#define SCATTER UINT64_C(2654435761)

/*
 * Of 100 reads, this many go to the popular keys. (Not a Zipf distribution:
 * an emulated Redis answers some thousand reads a second, and Zipf's long tail
 * would then be read once in minutes, which nobody can tell from never.)
 */
#define POPULAR_READS 90

static const char *socket_path = "/run/redis.sock";
static uint64_t nr_keys = 60000;
static size_t value_bytes = 4000;
static size_t read_bytes;
static unsigned int pipeline = 64;
static unsigned int popular_percent = 10;
static const char *ops_path;

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "redisload: %s: %s\n", what, why);
	exit(1);
}

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The value of a key: every 8 bytes differ, within a value and between them. */
static void make_value(uint64_t key, uint64_t *words, size_t bytes)
{
	size_t i;

	for (i = 0; i < (bytes + 7) / 8; i++)
		words[i] = mix(key << 20 | i);
}

static redisContext *connect_redis(void)
{
	redisContext *c = redisConnectUnix(socket_path);

	if (!c || c->err)
		die(socket_path, c ? c->errstr : "out of memory");
	return c;
}

static redisReply *get_reply(redisContext *c)
{
	void *reply;

	if (redisGetReply(c, &reply) != REDIS_OK)
		die("Redis", c->errstr);
	return reply;
}

static void check(int rc)
{
	if (rc != REDIS_OK)
		die("Redis", "cannot queue a command");
}

/* Number of operations so far, for whoever watches: a line that is replaced. */
static void publish(uint64_t ops)
{
	static int fd = -1;
	char line[24];
	int len;

	if (!ops_path)
		return;
	if (fd < 0) {
		fd = open(ops_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			die(ops_path, strerror(errno));
	}
	len = snprintf(line, sizeof(line), "%" PRIu64 "\n", ops);
	if (pwrite(fd, line, (size_t)len, 0) != len)
		die(ops_path, strerror(errno));
}

static void queue_get(redisContext *c, uint64_t key)
{
	if (read_bytes)
		check(redisAppendCommand(c, "GETRANGE key:%llu 0 %llu",
					 (unsigned long long)key,
					 (unsigned long long)read_bytes - 1));
	else
		check(redisAppendCommand(c, "GET key:%llu",
					 (unsigned long long)key));
}

/* Is the next reply the (beginning of the) value of this key? */
static bool reply_is_value(redisContext *c, uint64_t key, uint64_t *words)
{
	size_t want = read_bytes ? read_bytes : value_bytes;
	redisReply *reply = get_reply(c);
	bool same;

	make_value(key, words, want);
	same = reply->type == REDIS_REPLY_STRING && (size_t)reply->len == want &&
	       !memcmp(reply->str, words, want);
	freeReplyObject(reply);
	return same;
}

static int fill(redisContext *c)
{
	uint64_t *words = malloc(value_bytes);
	uint64_t key, batch, i;

	if (!words)
		die("fill", strerror(errno));
	for (key = 0; key < nr_keys && !stop; key += batch) {
		batch = nr_keys - key < pipeline ? nr_keys - key : pipeline;
		for (i = 0; i < batch; i++) {
			make_value(key + i, words, value_bytes);
			check(redisAppendCommand(c, "SET key:%llu %b",
						 (unsigned long long)(key + i),
						 words, value_bytes));
		}
		for (i = 0; i < batch; i++) {
			redisReply *reply = get_reply(c);

			if (reply->type == REDIS_REPLY_ERROR)
				die("SET", reply->str);
			freeReplyObject(reply);
		}
		publish(key + batch);
	}
	free(words);
	return stop ? 1 : 0;
}

static int verify(redisContext *c)
{
	uint64_t *words = malloc(value_bytes);
	uint64_t key, batch, i, good = 0;

	if (!words)
		die("verify", strerror(errno));
	read_bytes = 0;
	for (key = 0; key < nr_keys && !stop; key += batch) {
		batch = nr_keys - key < pipeline ? nr_keys - key : pipeline;
		for (i = 0; i < batch; i++)
			queue_get(c, key + i);
		for (i = 0; i < batch; i++)
			if (reply_is_value(c, key + i, words))
				good++;
		publish(key + batch);
	}
	free(words);
	printf("%" PRIu64 " of %" PRIu64 " keys have their value\n", good, nr_keys);
	return good == nr_keys ? 0 : 1;
}

static uint64_t choose_key(uint64_t *state)
{
	uint64_t popular = nr_keys * popular_percent / 100;
	uint64_t x = mix(++*state);

	if (popular && x % 100 < POPULAR_READS)
		return (x >> 8) % popular * SCATTER % nr_keys;
	return (x >> 8) % nr_keys;
}

static int load(redisContext *c)
{
	uint64_t *words = malloc(value_bytes), *keys = calloc(pipeline, sizeof(*keys));
	uint64_t state = 1, ops = 0, bad = 0;
	unsigned int i;

	if (!words || !keys)
		die("load", strerror(errno));
	while (!stop) {
		for (i = 0; i < pipeline; i++) {
			keys[i] = choose_key(&state);
			queue_get(c, keys[i]);
		}
		for (i = 0; i < pipeline; i++)
			if (!reply_is_value(c, keys[i], words) && ++bad <= 5)
				fprintf(stderr, "redisload: key:%" PRIu64 " is wrong\n",
					keys[i]);
		ops += pipeline;
		publish(ops);
	}
	free(keys);
	free(words);
	return bad ? 1 : 0;
}

static const struct {
	const char *name;
	int (*run)(redisContext *c);
} verbs[] = {
	{ "fill", fill },
	{ "load", load },
	{ "verify", verify },
};

static void usage(void)
{
	fputs("usage: redisload [-s SOCKET] [-n KEYS] [-v VALUE_BYTES] [-r READ_BYTES]\n"
	      "                 [-h PERCENT] [-p PIPELINE] [-o OPS_FILE] VERB\n"
	      "  fill    set key:0 ... key:KEYS-1\n"
	      "  load    get keys until SIGTERM, 9 of 10 times one of the popular\n"
	      "          PERCENT; only the first READ_BYTES of a value with -r\n"
	      "  verify  get every key and compare\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	redisContext *c;
	size_t i;
	int opt, rc;

	while ((opt = getopt(argc, argv, "s:n:v:r:h:p:o:")) != -1) {
		switch (opt) {
		case 's':
			socket_path = optarg;
			break;
		case 'n':
			nr_keys = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			value_bytes = strtoull(optarg, NULL, 0) & ~(size_t)7;
			break;
		case 'r':
			read_bytes = strtoull(optarg, NULL, 0);
			break;
		case 'h':
			popular_percent = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'p':
			pipeline = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'o':
			ops_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1 || !nr_keys || !pipeline || value_bytes < 8 ||
	    read_bytes > value_bytes || popular_percent > 100)
		usage();
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[optind], verbs[i].name))
			continue;
		c = connect_redis();
		rc = verbs[i].run(c);
		redisFree(c);
		return rc;
	}
	usage();
}

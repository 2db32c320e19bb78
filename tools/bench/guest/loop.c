// SPDX-License-Identifier: GPL-2.0
/*
 * loop: what an administrator of a stock kernel can do about one cgroup's share
 * of DRAM: look now and then, and have what is too much demoted
 *
 * "reclaim" writes to memory.reclaim. Without swap, and with demotion enabled,
 * that demotes about that many bytes of the cgroup's coldest pages.
 * "mglru" uses the debugfs interface of the multi-generational LRU: a new
 * generation is begun (which looks at accessed bits), then the oldest ones of
 * the DRAM node are evicted, which demotes them.
 *
 * A C program, because a shell that starts awk ten times a second would be a
 * load of its own.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
#define LRU_GEN "/sys/kernel/debug/lru_gen"
#define DRAM_NODE 0
#define SWAPPINESS 200	/* anonymous memory, too: it's demoted, not swapped */

static char buf[65536];

static int open_file(const char *dir, const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* Pseudo files say everything to one read, if it is large enough. */
static const char *reread(int fd, const char *what)
{
	size_t len = 0;
	ssize_t n;

	while ((n = pread(fd, buf + len, sizeof(buf) - 1 - len, len)) > 0)
		len += n;
	if (n < 0)
		err(1, "%s", what);
	buf[len] = 0;
	return buf;
}

/* Bytes that the cgroup has in DRAM: "anon N0=1 N1=2", "file N0=..." */
static unsigned long dram_bytes(int numa_stat)
{
	static const char * const keys[] = { "anon ", "file " };	/* file has shmem */
	const char *text = reread(numa_stat, "memory.numa_stat");
	unsigned long sum = 0;
	char node[16];

	snprintf(node, sizeof(node), "N%d=", DRAM_NODE);
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *line = text;

		while (line && strncmp(line, keys[i], strlen(keys[i]))) {
			line = strchr(line, '\n');
			line = line ? line + 1 : NULL;
		}
		line = line ? strstr(line, node) : NULL;
		if (!line)
			errx(1, "memory.numa_stat has no %s%s", keys[i], node);
		sum += strtoul(line + strlen(node), NULL, 10);
	}
	return sum;
}

/* Find the cgroup's ID and its youngest generation on the DRAM node. */
static int find_generation(int lru_gen, const char *path, unsigned long *youngest)
{
	const char *line = reread(lru_gen, LRU_GEN);
	int id = -1, found = -1, node = -1, n;

	for (; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (sscanf(line, "memcg %d %n", &n, &node) == 1 && !strncmp(line, "memcg", 5)) {
			const char *name = line + node;

			id = !strncmp(name, path, strlen(path)) &&
			     isspace(name[strlen(path)]) ? n : -1;
			node = -1;
		} else if (sscanf(line, " node %d", &n) == 1) {
			node = n;
		} else if (id >= 0 && node == DRAM_NODE) {
			found = id;
			*youngest = strtoul(line, NULL, 10);
		}
	}
	return found;
}

static void command(int fd, const char *format, ...)
{
	char cmd[128];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(cmd, sizeof(cmd), format, ap);
	va_end(ap);
	/* Less than what was asked for is nothing to give up for. */
	if (write(fd, cmd, len) != len && errno != EAGAIN && errno != EINTR && errno != EINVAL)
		err(1, "%s", cmd);
}

static void demote_mglru(int lru_gen, const char *path, unsigned long bytes)
{
	unsigned long youngest = 0;
	int id = find_generation(lru_gen, path, &youngest);

	if (id < 0)
		errx(1, "%s has no cgroup %s", LRU_GEN, path);
	command(lru_gen, "+ %d %d %lu %d 1\n", id, DRAM_NODE, youngest, SWAPPINESS);
	command(lru_gen, "- %d %d %lu %d %lu\n", id, DRAM_NODE, youngest - 1, SWAPPINESS,
		bytes / getpagesize() + 1);
}

int main(int argc, char **argv)
{
	unsigned long limit, used;
	int numa_stat, out;
	struct timespec t;
	cpu_set_t cpu0;
	long period_ms;
	int mglru;

	if (argc != 5) {
		fputs("usage: loop mglru|reclaim CGROUP BYTES PERIOD_MS\n", stderr);
		return 2;
	}
	mglru = !strcmp(argv[1], "mglru");
	limit = strtoul(argv[3], NULL, 10);
	period_ms = atol(argv[4]);
	if ((!mglru && strcmp(argv[1], "reclaim")) || !limit || period_ms <= 0 ||
	    strncmp(argv[2], ROOT "/", strlen(ROOT) + 1))
		errx(2, "unknown method, no limit, no period, or %s is not below " ROOT, argv[2]);

	CPU_ZERO(&cpu0);
	CPU_SET(0, &cpu0);
	if (sched_setaffinity(0, sizeof(cpu0), &cpu0))
		err(1, "CPU 0");
	numa_stat = open_file(argv[2], "memory.numa_stat", O_RDONLY);
	out = mglru ? open(LRU_GEN, O_RDWR | O_CLOEXEC) :
		open_file(argv[2], "memory.reclaim", O_WRONLY);
	if (out < 0)
		err(1, LRU_GEN);

	clock_gettime(CLOCK_MONOTONIC, &t);
	for (;;) {
		t.tv_nsec += period_ms % 1000 * 1000000;
		t.tv_sec += period_ms / 1000 + t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		used = dram_bytes(numa_stat);
		if (used <= limit)
			continue;
		if (mglru)
			demote_mglru(out, argv[2] + strlen(ROOT), used - limit);
		else
			command(out, "%lu", used - limit);
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * All that runs in the guests of test_guests.sh: process 1 of a tiny initramfs, static. It takes
 * the memory that the guest has, and does with it what it is told by lines on a virtio port:
 *
 *	fill SEED [EACH]	write all pages, the hot eighth last; EACH pages are alike (KSM)
 *	hot			touch the hot eighth again and again
 *	churn			pages at random: verify, write anew
 *	stop			none of both
 *	verify			look at every byte
 *	use PERCENT		give the rest of the memory back to the system, not the hot eighth
 *	where			lines "HOT ADDRESS BYTES": the hot eighth, guest physical
 *	gap			longest time between two looks at the clock since it was last asked
 *
 * Each is answered by "OK CLOCK_MS RESULT", or "ERR WHY". While it works page by page, it looks at
 * the clock: where the host takes a page away to move it, the guest stands still, and that shows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "../lib/tm_pattern.h"
#include "service.h"

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define WORDS		(PAGE / sizeof(uint64_t))
/* For the kernel: what it needs itself while pages are written. */
#define RESERVE		(8UL << 20)

enum mode { IDLE, HOT, CHURN };

static struct {
	uint64_t *mem;
	uint32_t *written;		/* how often each page was */
	size_t pages, hot, used;	/* hot: the first hot page; used: pages below it in use */
	uint64_t seed, each;
	sem_t wake;
	atomic_int mode, doing;		/* enum mode: wanted, and what is being done */
	atomic_ulong passes, mismatches, gap_ns;
} g;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void look(uint64_t *last)
{
	uint64_t now = now_ns();

	if (now - *last > g.gap_ns)
		g.gap_ns = now - *last;
	*last = now;
}

/* ---- contents ---------------------------------------------------------------------------- */

static uint64_t first_word(size_t page)
{
	return tm_pattern_mix(tm_pattern_mix(tm_pattern_mix(g.seed + 1) + page / g.each) +
			      g.written[page]);
}

static void write_page(size_t page)
{
	tm_pattern_fill(g.mem + page * WORDS, WORDS, first_word(page));
}

static void verify_page(size_t page)
{
	g.mismatches += !tm_pattern_verify(g.mem + page * WORDS, WORDS, first_word(page));
}

static bool in_use(size_t page)
{
	return page < g.used || page >= g.hot;
}

static void each_page(void (*visit)(size_t page))
{
	uint64_t last = now_ns();
	size_t i;

	for (i = 0; i < g.pages; i++) {
		if (!in_use(i))
			continue;
		visit(i);
		look(&last);
	}
}

static void fill(void)
{
	each_page(write_page);
}

static void verify(void)
{
	each_page(verify_page);
}

/* ---- work -------------------------------------------------------------------------------- */

static void touch_hot(void)
{
	uint64_t last = now_ns();
	size_t i;

	while (g.mode == HOT) {
		for (i = g.hot; i < g.pages; i++) {
			/* Another word each time: no cache line is hotter than the page. */
			size_t at = g.passes % WORDS;
			uint64_t word = ((volatile uint64_t *)g.mem)[i * WORDS + at];

			g.mismatches += word != first_word(i) + at * TM_PATTERN_STEP;
			look(&last);
		}
		g.passes++;
	}
}

static void churn(void)
{
	uint64_t last = now_ns(), x = last | 1;
	size_t page, n = 0;

	while (g.mode == CHURN) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		page = x % g.pages;
		if (!in_use(page))
			continue;
		verify_page(page);
		g.written[page]++;
		write_page(page);
		look(&last);
		if (++n % g.pages == 0)
			g.passes++;
	}
}

static void *worker(void *unused)
{
	(void)unused;
	for (;;) {
		g.doing = g.mode;
		switch (g.doing) {
		case HOT:
			touch_hot();
			break;
		case CHURN:
			churn();
			break;
		default:
			/* An idle guest is one that does not even wake up. */
			sem_wait(&g.wake);
		}
	}
	return NULL;
}

static void set_mode(enum mode mode)
{
	g.mode = mode;
	sem_post(&g.wake);
	while (g.doing != (int)mode)
		usleep(1000);
}

/* ---- the machine ------------------------------------------------------------------------- */

static void die(const char *what)
{
	printf("guest: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	reboot(RB_POWER_OFF);
}

static size_t available(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %zu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static void load(const char *module)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die(module);
	close(fd);
}

static void write_to(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

static void set_up(void)
{
	size_t len;
	char *p;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("dev", "/dev", "devtmpfs", 0, NULL))
		die("mount");
	load("/virtio_balloon.ko");
	/* The boot was quiet, as the serial port is slow. From here on the console has warnings. */
	klogctl(8, NULL, 5);

	/* What khugepaged wants to be free in a system is a sixth of this one. */
	write_to("/proc/sys/vm/min_free_kbytes", "2048");
	/* A service needs the memory for itself. */
	len = service_there() ? 8 * HUGE : (available() - RESERVE) / HUGE * HUGE;
	p = mmap(NULL, len + HUGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	/* Large pages, and no daemon that makes some later: addresses stay what they are. */
	madvise(p, len, MADV_HUGEPAGE);
	g.mem = (uint64_t *)p;
	g.pages = len / PAGE;
	g.hot = g.pages - g.pages / 8;
	g.used = g.hot;
	g.each = 1;
	sem_init(&g.wake, 0, 0);
	g.written = calloc(g.pages, sizeof(*g.written));
	if (!g.written)
		die("calloc");
}

/* Prints the hot part as it is in the guest's physical memory, in runs. */
static int where(FILE *out)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry, start = 0, pfn, n = 0;
	size_t i;

	if (fd < 0)
		return -errno;
	for (i = g.hot; i < g.pages; i++) {
		off_t at = ((uintptr_t)g.mem / PAGE + i) * sizeof(entry);

		if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry) || !(entry >> 63)) {
			close(fd);
			return -ENOENT;
		}
		pfn = entry & ((1ULL << 55) - 1);
		if (n && pfn == start + n) {
			n++;
			continue;
		}
		if (n)
			fprintf(out, "HOT %lu %lu\n", start * PAGE, n * PAGE);
		start = pfn;
		n = 1;
	}
	if (n)
		fprintf(out, "HOT %lu %lu\n", start * PAGE, n * PAGE);
	close(fd);
	return 0;
}

/* What lies between the part in use and the hot part goes back to the system. */
static int use(unsigned int percent)
{
	size_t before = g.used, keep = g.pages * percent / 100, hot = g.pages - g.hot;

	keep = keep > hot ? keep - hot : 0;
	if (keep > g.hot)
		keep = g.hot;
	if (keep < before && madvise(g.mem + keep * WORDS, (g.hot - keep) * PAGE, MADV_DONTNEED))
		return -errno;
	g.used = keep;
	for (; before < keep; before++)
		write_page(before);
	return 0;
}

/* ---- commands ---------------------------------------------------------------------------- */

static void ok(FILE *out, const char *format, ...)
{
	va_list ap;

	fprintf(out, "OK %lu ", now_ns() / 1000000);
	va_start(ap, format);
	vfprintf(out, format, ap);
	va_end(ap);
	fprintf(out, "\n");
}

static void command(FILE *out, char *line)
{
	unsigned int percent;
	uint64_t each = 1;
	int rc;

	if (sscanf(line, "fill %lu %lu", &g.seed, &each) >= 1) {
		set_mode(IDLE);
		g.each = each ? each : 1;
		memset(g.written, 0, g.pages * sizeof(*g.written));
		fill();
		ok(out, "TOUCHED %zu", g.pages * PAGE);
	} else if (!strcmp(line, "hot")) {
		set_mode(HOT);
		ok(out, "HOT %zu", (g.pages - g.hot) * PAGE);
	} else if (!strcmp(line, "churn")) {
		set_mode(CHURN);
		ok(out, "CHURN");
	} else if (!strcmp(line, "stop")) {
		set_mode(IDLE);
		ok(out, "PASSES %lu", g.passes);
	} else if (!strcmp(line, "verify")) {
		set_mode(IDLE);
		verify();
		ok(out, "MISMATCHES %lu", g.mismatches);
	} else if (sscanf(line, "use %u", &percent) == 1) {
		set_mode(IDLE);
		rc = use(percent);
		ok(out, "USED %zu %d", (g.used + g.pages - g.hot) * PAGE, rc);
	} else if (!strcmp(line, "where")) {
		rc = where(out);
		ok(out, "WHERE %d", rc);
	} else if (!strcmp(line, "gap")) {
		ok(out, "GAP_US %lu %lu", g.gap_ns / 1000, g.passes);
		g.gap_ns = 0;
	} else {
		fprintf(out, "ERR no command '%s'\n", line);
	}
	fflush(out);
}

/* It can be opened once only. It may come a moment later than we. */
static FILE *port(FILE **out)
{
	int i, fd = -1;

	for (i = 0; i < 100 && fd < 0; i++) {
		fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(100000);
	}
	if (fd < 0)
		return NULL;
	*out = fdopen(dup(fd), "w");
	return *out ? fdopen(fd, "r") : NULL;
}

int main(void)
{
	pthread_t thread;
	char line[128];
	FILE *in, *out = NULL;

	set_up();
	in = port(&out);
	if (!in)
		die("/dev/vport0p1");
	if (pthread_create(&thread, NULL, worker, NULL) ||
	    (service_there() && pthread_create(&thread, NULL, service_run, NULL)))
		die("pthread_create");
	ok(out, "READY %zu", g.pages * PAGE);
	fflush(out);
	for (;;) {
		if (!fgets(line, sizeof(line), in)) {
			clearerr(in);
			usleep(100000);
			continue;
		}
		line[strcspn(line, "\r\n")] = '\0';
		command(out, line);
	}
}

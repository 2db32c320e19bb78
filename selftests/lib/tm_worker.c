// SPDX-License-Identifier: GPL-2.0
/* What runs in a worker: its side of the commands of tm_work.c. */
#include "tm_internal.h"
#include "tm_work.h"

#define IO_CHUNK	(64 * TM_KIB)
#define MAX_REGIONS	64

struct mem {
	enum tm_kind kind;
	size_t len;		/* mapped or in the file */
	char *addr;
	int fd;
	uint64_t seed;
	uint32_t *version;	/* of each page, once TM_BUSY_REWRITE has been here */
	struct tm_child half;	/* TM_FORK: the forked child, with `seed + 1` */
};

struct worker {
	struct tm_child *boss;
	struct mem mem[MAX_REGIONS];
	uint64_t longest_ns;	/* to fill one page */
	/* the busy thread */
	pthread_t thread;
	bool running;
	volatile bool stop;
	enum tm_busy how;
	struct mem *m;
	size_t off, busy_len;
	volatile uint64_t passes;
	uint64_t bad;
};

static uint64_t page_seed(const struct mem *m, size_t i)
{
	return m->seed + (m->version ? (uint64_t)m->version[i] << 32 : 0);
}

static void fill_timed(struct worker *w, struct mem *m)
{
	size_t page = tm_page_size(), i;
	uint64_t t0 = tm_now_ns(), t;

	for (i = 0; i < m->len / page; i++) {
		tm_fill_page(m->addr + i * page, m->seed, i);
		t = tm_now_ns();
		if (t - t0 > w->longest_ns)
			w->longest_ns = t - t0;
		t0 = t;
	}
}

static int fill_fd(struct worker *w, struct mem *m)
{
	size_t page = tm_page_size(), off, i;
	char *buf = malloc(IO_CHUNK);
	uint64_t t0;
	int rc = 0;

	if (!buf)
		return -ENOMEM;
	for (off = 0; off < m->len && !rc; off += IO_CHUNK) {
		size_t n = m->len - off < IO_CHUNK ? m->len - off : IO_CHUNK;

		for (i = 0; i < n / page; i++)
			tm_fill_page(buf + i * page, m->seed, off / page + i);
		t0 = tm_now_ns();
		if (pwrite(m->fd, buf, n, off) != (ssize_t)n)
			rc = errno ? -errno : -EIO;
		if (tm_now_ns() - t0 > w->longest_ns)
			w->longest_ns = tm_now_ns() - t0;
	}
	free(buf);
	return rc;
}

/* Reads all of a file and returns the number of wrong pages. */
static int64_t check_fd(struct mem *m)
{
	size_t page = tm_page_size(), off, i;
	char *buf = malloc(IO_CHUNK);
	int64_t bad = 0;

	if (!buf)
		return -ENOMEM;
	for (off = 0; off < m->len; off += IO_CHUNK) {
		size_t n = m->len - off < IO_CHUNK ? m->len - off : IO_CHUNK;

		if (pread(m->fd, buf, n, off) != (ssize_t)n) {
			bad = errno ? -errno : -EIO;
			break;
		}
		for (i = 0; i < n / page; i++) {
			if (!tm_verify_page(buf + i * page, m->seed, off / page + i) && !bad++)
				tm_diag("content: page %zu of the file is wrong", off / page + i);
		}
	}
	free(buf);
	return bad;
}

static int64_t check_mem(struct mem *m)
{
	size_t page = tm_page_size(), i;
	int64_t bad = 0, other;

	if (m->kind == TM_FILE_WRITE || m->kind == TM_FILE_READ)
		return check_fd(m);
	for (i = 0; i < m->len / page; i++) {
		if (tm_verify_page(m->addr + i * page, page_seed(m, i), i))
			continue;
		if (!bad++)
			tm_diag("content: %s page %zu of %zu is wrong (first word %#llx)",
				tm_kind_name[m->kind], i, m->len / page,
				*(unsigned long long *)(m->addr + i * page));
	}
	if (m->half.pid) {
		other = tm_ask(&m->half, "check", tm_ms(TM_HANG_MS));
		bad = other < 0 ? other : bad + other;
	}
	return bad;
}

/* The forked half: every write to its copy is a COW fault. */
static int fork_half(struct tm_child *self, void *arg)
{
	struct mem *m = arg;
	char line[64];

	m->seed++;
	tm_fill(m->addr, m->len, m->seed);
	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0)
		tm_tell(self, "BAD %llu",
			(unsigned long long)tm_verify(m->addr, m->len, m->seed));
	return 0;
}

static int map_fd(struct mem *m, int prot)
{
	m->addr = mmap(NULL, m->len, prot, MAP_SHARED, m->fd, 0);
	if (m->addr != MAP_FAILED)
		return 0;
	m->addr = NULL;
	return -errno;
}

static int open_file(struct mem *m, const char *path, int flags)
{
	m->fd = open(path, flags | O_CLOEXEC, 0600);
	return m->fd < 0 ? -errno : 0;
}

static int do_alloc(struct worker *w, struct mem *m, const char *path)
{
	int64_t bad;
	int rc = 0;

	switch (m->kind) {
	case TM_ANON4K:
		m->addr = tm_anon(m->len, MADV_NOHUGEPAGE);
		fill_timed(w, m);
		return 0;
	case TM_THP:
		m->addr = tm_anon(m->len, MADV_HUGEPAGE);
		fill_timed(w, m);
		return 0;
	case TM_SHMEM:
		m->addr = mmap(NULL, m->len, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (m->addr == MAP_FAILED)
			return -errno;
		fill_timed(w, m);
		return 0;
	case TM_MEMFD:
		m->fd = memfd_create("tm", MFD_CLOEXEC);
		if (m->fd < 0)
			return -errno;
		rc = fill_fd(w, m);
		return rc ? rc : map_fd(m, PROT_READ | PROT_WRITE);
	case TM_FILE_WRITE:
		rc = open_file(m, path, O_RDWR | O_CREAT | O_TRUNC);
		return rc ? rc : fill_fd(w, m);
	case TM_FILE_READ:
		m->seed = TM_FILE_SEED;
		rc = open_file(m, path, O_RDONLY);
		bad = rc ? rc : check_fd(m);
		return bad > 0 ? -EIO : bad;
	case TM_FILE_MAP:
		m->seed = TM_FILE_SEED;
		rc = open_file(m, path, O_RDONLY);
		if (!rc)
			rc = map_fd(m, PROT_READ);
		if (!rc && tm_verify(m->addr, m->len, m->seed))
			rc = -EIO;
		return rc;
	case TM_FORK:
		m->len /= 2;
		m->addr = tm_anon(m->len, MADV_NOHUGEPAGE);
		fill_timed(w, m);
		tm_spawn(&m->half, NULL, fork_half, m);
		return tm_expect(&m->half, "READY", tm_ms(TM_HANG_MS));
	default:
		return -EINVAL;
	}
}

static void do_free(struct mem *m)
{
	if (m->half.pid) {
		close(m->half.out);
		m->half.out = -1;
		tm_reap(&m->half, tm_ms(TM_HANG_MS));
	}
	if (m->addr)
		munmap(m->addr, m->len);
	if (m->fd >= 0)
		close(m->fd);
	free(m->version);
	memset(m, 0, sizeof(*m));
	m->fd = -1;
}

static void rewrite(struct worker *w, size_t i)
{
	struct mem *m = w->m;
	char *p = m->addr + i * tm_page_size();

	if (!tm_verify_page(p, page_seed(m, i), i) && !w->bad++)
		tm_diag("content: %s page %zu is wrong at version %u", tm_kind_name[m->kind], i,
			m->version[i]);
	m->version[i]++;
	tm_fill_page(p, page_seed(m, i), i);
}

static void *busy_thread(void *arg)
{
	size_t page = tm_page_size(), first, last, i;
	struct worker *w = arg;

	first = w->off / page;
	last = (w->off + w->busy_len) / page;
	while (!w->stop) {
		for (i = first; i < last && !w->stop; i++) {
			if (w->how == TM_BUSY_REWRITE)
				rewrite(w, i);
			else
				(void)*(volatile char *)(w->m->addr + i * page);
			/* A pause now and then: the machine has other things to do. */
			if (w->how != TM_BUSY_READ_HARD && i % 2048 == 2047)
				tm_pause_ms(1);
		}
		w->passes++;
		if (w->how != TM_BUSY_READ_HARD)
			tm_pause_ms(1);
	}
	return NULL;
}

static int start_busy(struct worker *w, unsigned int how, unsigned int id, size_t off, size_t len)
{
	struct mem *m = id < MAX_REGIONS ? &w->mem[id] : NULL;
	pthread_attr_t attr;

	if (!m || !m->addr || off + len > m->len)
		return -EINVAL;
	if (w->running)
		return -EBUSY;
	w->how = how;
	w->m = m;
	w->off = off;
	w->busy_len = len;
	w->stop = false;
	w->passes = 0;
	w->bad = 0;
	if (how == TM_BUSY_REWRITE && !m->version)
		m->version = calloc(m->len / tm_page_size(), sizeof(*m->version));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * TM_KIB);
	w->running = !pthread_create(&w->thread, &attr, busy_thread, w);
	return w->running ? 0 : -EAGAIN;
}

static int64_t stop_busy(struct worker *w)
{
	if (!w->running)
		return 0;
	w->stop = true;
	pthread_join(w->thread, NULL);
	w->running = false;
	return w->bad;
}

static int64_t new_region(struct worker *w, const char *args)
{
	unsigned int kind, id;
	char path[256] = "";
	size_t len;
	int rc;

	if (sscanf(args, "%u %zu %255s", &kind, &len, path) < 2 || kind >= TM_KINDS)
		return -EINVAL;
	for (id = 0; id < MAX_REGIONS && w->mem[id].len; id++)
		;
	if (id == MAX_REGIONS)
		return -ENOSPC;
	w->mem[id].kind = kind;
	w->mem[id].len = len;
	w->mem[id].seed = ((uint64_t)getpid() << 8) + 2 * id;
	rc = do_alloc(w, &w->mem[id], path);
	if (rc) {
		do_free(&w->mem[id]);
		return rc;
	}
	return id;
}

static int64_t check_all(struct worker *w)
{
	int64_t bad = 0, n;
	int i;

	for (i = 0; i < MAX_REGIONS; i++) {
		if (!w->mem[i].len)
			continue;
		n = check_mem(&w->mem[i]);
		if (n < 0)
			return n;
		bad += n;
	}
	return bad;
}

int tm_worker_main(struct tm_child *self, void *arg)
{
	struct worker *w = calloc(1, sizeof(*w));
	unsigned int id, how;
	size_t off, len;
	char line[512];
	int i;

	(void)arg;
	if (!w)
		return 1;
	w->boss = self;
	for (i = 0; i < MAX_REGIONS; i++)
		w->mem[i].fd = -1;
	tm_tell(self, "READY");
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		int64_t rc = -EINVAL;

		if (!strncmp(line, "alloc ", 6)) {
			rc = new_region(w, line + 6);
			if (rc >= 0) {
				tm_tell(self, "OK %lld %llu", (long long)rc,
					(unsigned long long)(uintptr_t)w->mem[rc].addr);
				continue;
			}
		} else if (sscanf(line, "free %u", &id) == 1 && id < MAX_REGIONS) {
			do_free(&w->mem[id]);
			rc = 0;
		} else if (sscanf(line, "mlock %u", &id) == 1 && id < MAX_REGIONS) {
			rc = mlock(w->mem[id].addr, w->mem[id].len) ? -errno : 0;
		} else if (sscanf(line, "busy %u %u %zu %zu", &how, &id, &off, &len) == 4) {
			rc = start_busy(w, how, id, off, len);
		} else if (!strcmp(line, "idle")) {
			rc = stop_busy(w);
		} else if (!strcmp(line, "passes")) {
			rc = w->passes;
		} else if (!strcmp(line, "check")) {
			rc = check_all(w);
		} else if (!strcmp(line, "stall")) {
			rc = w->longest_ns / 1000000;
		} else if (!strcmp(line, "quit")) {
			break;
		}
		tm_tell(self, "OK %lld", (long long)rc);
	}
	stop_busy(w);
	for (i = 0; i < MAX_REGIONS; i++)
		do_free(&w->mem[i]);
	return 0;
}

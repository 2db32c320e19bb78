// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/tiermem, request by request: what is right works and agrees with the files, and of what can
 * be wrong each alone is refused with the documented error. Who may ask for what. Requests of
 * 32-bit programs. A storm of requests, right and wrong ones, while cgroups and processes go.
 */
#include "tm_kern.h"
#include "tm_work.h"

#include <grp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/tiermem.h>

#define DEVICE	"/dev/tiermem"
#define USER	1000

static int dev;
static struct tm_cg cg;
static int cg_fd, root_fd, plain_fd;	/* of directories: a group, the root, one without memory */

/* 0 or the error number. */
static int request(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

static struct tiermem_info new_info(void)
{
	return (struct tiermem_info){ .size = sizeof(struct tiermem_info) };
}

static struct tiermem_group new_group(int fd)
{
	return (struct tiermem_group){ .size = sizeof(struct tiermem_group), .cgroup_fd = fd };
}

static struct tiermem_group new_setting(int fd)
{
	struct tiermem_group g = new_group(fd);

	g.set = TIERMEM_SET_DRAM_MAX;
	g.dram_max = TIERMEM_MAX;
	return g;
}

static struct tiermem_heatmap new_heatmap(struct tiermem_range *ranges, unsigned int nr)
{
	return (struct tiermem_heatmap){
		.size = sizeof(struct tiermem_heatmap),
		.pid = getpid(),
		.nr = nr,
		.end = UINT64_MAX,
		.step = 2 * TM_MIB,
		.ranges = (uintptr_t)ranges,
	};
}

static int dir_fd(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		tm_die("%s: %m", path);
	return fd;
}

/* ---- one rule at a time ---------------------------------------------------------------------- */

union any {
	uint32_t size;
	struct tiermem_info info;
	struct tiermem_group group;
	struct tiermem_heatmap heatmap;
	unsigned char bytes[8192];
};

static struct tiermem_range ranges[4];

/* A request that is right. */
static void make(union any *a, unsigned long cmd)
{
	memset(a, 0, sizeof(*a));
	switch (cmd) {
	case TIERMEM_INFO:
		a->info = new_info();
		break;
	case TIERMEM_GROUP_GET:
		a->group = new_group(cg_fd);
		break;
	case TIERMEM_GROUP_SET:
		a->group = new_setting(cg_fd);
		break;
	default:
		a->heatmap = new_heatmap(ranges, ARRAY_SIZE(ranges));
	}
}

/* The same about a process. */
static void by_pid(union any *a, pid_t pid)
{
	a->group.flags |= TIERMEM_GROUP_PID;
	a->group.cgroup_fd = 0;
	a->group.pid = pid;
}

#define OFFSET(s, m)	offsetof(struct tiermem_##s, m), sizeof(((struct tiermem_##s *)0)->m)

static const struct rule {
	unsigned long cmd;
	size_t offset, len;
	uint64_t value;
	int err;
	const char *what;
} rules[] = {
	{ TIERMEM_INFO, OFFSET(info, flags), 1, EINVAL, "info: a flag" },
	{ TIERMEM_GROUP_GET, OFFSET(group, flags), 1, EINVAL, "get: a flag of set" },
	{ TIERMEM_GROUP_GET, OFFSET(group, set), 1, EINVAL, "get: something to set" },
	{ TIERMEM_GROUP_GET, OFFSET(group, pid), 1, EINVAL, "get: a pid, but not by pid" },
	{ TIERMEM_GROUP_GET, OFFSET(group, cgroup_fd), -1, EBADF, "get: no descriptor" },
	{ TIERMEM_GROUP_SET, OFFSET(group, flags), 2, EINVAL, "set: an unknown flag" },
	{ TIERMEM_GROUP_SET, OFFSET(group, flags), 1U << 31, EINVAL, "set: the last flag" },
	{ TIERMEM_GROUP_SET, OFFSET(group, set), 0, EINVAL, "set: nothing" },
	{ TIERMEM_GROUP_SET, OFFSET(group, set), 8, EINVAL, "set: something unknown" },
	{ TIERMEM_GROUP_SET, OFFSET(group, pid), 1, EINVAL, "set: a pid, but not by pid" },
	{ TIERMEM_GROUP_SET, OFFSET(group, cgroup_fd), -1, EBADF, "set: no descriptor" },
	{ TIERMEM_GROUP_GET, OFFSET(group, flags), 4, EINVAL, "get: the next cgroup" },
	{ TIERMEM_GROUP_SET, OFFSET(group, flags), 4, EINVAL, "set: whoever is next" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, flags), 1, EINVAL, "heatmap: a flag" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, nr), 0, EINVAL, "heatmap: no room" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, nr), 65537, EINVAL, "heatmap: too much room" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, end), 0, 0, "heatmap: from 0 to 0" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, step), 0, EINVAL, "heatmap: a step of 0" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, step), 2048, EINVAL, "heatmap: half a page" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, step), 12288, EINVAL, "heatmap: three pages" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, step), 1ULL << 63, 0, "heatmap: all in one" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, pid), 0, EINVAL, "heatmap: pid 0" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, pid), -1, EINVAL, "heatmap: pid -1" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, pid), 0x7fffffff, ESRCH, "heatmap: no such process" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, pid), 2, ESRCH, "heatmap: a thread of the kernel" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, ranges), 0, EFAULT, "heatmap: nowhere" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, ranges), 1ULL << 63, EFAULT, "heatmap: the kernel" },
	{ TIERMEM_HEATMAP, OFFSET(heatmap, start), UINT64_MAX, 0, "heatmap: behind everything" },
};

static bool gives(unsigned long cmd, void *arg, int err, const char *what)
{
	int found = request(dev, cmd, arg);

	if (found == err)
		return true;
	tm_diag("%s: %s, expected %s", what, strerror(found), strerror(err));
	return false;
}

static const unsigned long commands[] = {
	TIERMEM_INFO, TIERMEM_GROUP_GET, TIERMEM_GROUP_SET, TIERMEM_HEATMAP,
};

/* Sizes, of all requests alike. */
static bool sizes(unsigned long cmd)
{
	long page = tm_page_size();
	union any a;
	uint32_t own;
	bool ok = true;
	char *edge;

	make(&a, cmd);
	own = a.size;
	ok &= gives(cmd, &a, 0, "its size");
	make(&a, cmd);
	a.size = 0;
	ok &= gives(cmd, &a, EINVAL, "size 0");
	make(&a, cmd);
	a.size = own - 1;
	ok &= gives(cmd, &a, EINVAL, "a byte too little");
	make(&a, cmd);
	a.size = own + 8;
	ok &= gives(cmd, &a, 0, "a later version, but nothing new is used");
	tm_check(&ok, a.size == own + 8, "size is %u afterwards", a.size);
	make(&a, cmd);
	a.size = own + 8;
	a.bytes[own + 7] = 1;
	ok &= gives(cmd, &a, E2BIG, "a later version, and something new is used");
	make(&a, cmd);
	a.size = page;
	ok &= gives(cmd, &a, 0, "a page");
	make(&a, cmd);
	a.size = page + 1;
	ok &= gives(cmd, &a, E2BIG, "more than a page");
	make(&a, cmd);
	a.size = UINT32_MAX;
	ok &= gives(cmd, &a, E2BIG, "4G");
	ok &= gives(cmd, NULL, EFAULT, "nowhere");
	/* The last byte is missing. */
	edge = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + page, page);
	make(&a, cmd);
	memcpy(edge + page - own + 1, &a, own - 1);
	ok &= gives(cmd, edge + page - own + 1, EFAULT, "over the edge");
	memcpy(edge + page - own, &a, own);
	ok &= gives(cmd, edge + page - own, 0, "up to the edge");
	/* Read only: the answer finds no place. */
	mprotect(edge, page, PROT_READ);
	ok &= gives(cmd, edge + page - own, EFAULT, "read only");
	munmap(edge, page);
	return ok;
}

/* What else is wrong where a process is meant. */
static bool process_rejections(void)
{
	static const struct { int pid, err; const char *what; } pids[] = {
		{ 0, EINVAL, "pid 0" }, { -1, EINVAL, "pid -1" },
		{ 0x7fffffff, ESRCH, "no such process" }, { 2, ESRCH, "a thread of the kernel" },
	};
	static const unsigned int others[] = { TIERMEM_SET_DRAM_MIN, TIERMEM_SET_DRAM_WEIGHT };
	bool ok = true;
	union any a;
	size_t i;
	int set;

	for (set = 0; set < 2; set++) {
		unsigned long cmd = set ? TIERMEM_GROUP_SET : TIERMEM_GROUP_GET;

		for (i = 0; i < ARRAY_SIZE(pids); i++) {
			make(&a, cmd);
			by_pid(&a, pids[i].pid);
			ok &= gives(cmd, &a, pids[i].err, pids[i].what);
		}
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		make(&a, TIERMEM_GROUP_SET);
		by_pid(&a, getpid());
		a.group.set = others[i] | TIERMEM_SET_DRAM_MAX;
		ok &= gives(TIERMEM_GROUP_SET, &a, EINVAL, "a process has a dram_max only");
	}
	make(&a, TIERMEM_GROUP_GET);
	by_pid(&a, getpid());
	a.group.cgroup_fd = cg_fd;
	ok &= gives(TIERMEM_GROUP_GET, &a, EINVAL, "a cgroup and a process");
	make(&a, TIERMEM_GROUP_GET);
	by_pid(&a, 0);
	a.group.flags |= TIERMEM_GROUP_NEXT;
	ok &= gives(TIERMEM_GROUP_GET, &a, ESRCH, "no process with a quota");
	return ok;
}

static bool rejections(void)
{
	bool ok = true;
	union any a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		make(&a, r->cmd);
		memcpy(a.bytes + r->offset, &r->value, r->len);
		ok &= gives(r->cmd, &a, r->err, r->what);
	}
	make(&a, TIERMEM_GROUP_SET);
	a.group.set = TIERMEM_SET_DRAM_WEIGHT | TIERMEM_SET_DRAM_MAX;
	a.group.dram_weight = 10001;
	a.group.dram_max = 0;
	ok &= gives(TIERMEM_GROUP_SET, &a, EINVAL, "set: too heavy");
	tm_check(&ok, tm_cg_u64(&cg, "tiermem.dram_max") == UINT64_MAX, "half of it was done");
	make(&a, TIERMEM_GROUP_GET);
	a.group.cgroup_fd = root_fd;
	ok &= gives(TIERMEM_GROUP_GET, &a, EINVAL, "the root has no quota");
	a.group.cgroup_fd = plain_fd;
	ok &= gives(TIERMEM_GROUP_GET, &a, EINVAL, "no memory controller");
	a.group.cgroup_fd = dev;
	ok &= gives(TIERMEM_GROUP_GET, &a, EBADF, "no cgroup");
	ok &= process_rejections();
	make(&a, TIERMEM_HEATMAP);
	a.heatmap.start = 8192;
	a.heatmap.end = 4096;
	ok &= gives(TIERMEM_HEATMAP, &a, EINVAL, "backwards");
	ok &= gives(_IO(TIERMEM_IOC, 0x7f), &a, ENOTTY, "an unknown request");
	ok &= gives(_IO('T', 0), &a, ENOTTY, "somebody else's request");
	return ok;
}

/* ---- what is right --------------------------------------------------------------------------- */

static bool info(void)
{
	struct tiermem_info i = new_info();
	char text[64];
	bool ok = true;

	ok &= gives(TIERMEM_INFO, &i, 0, "info");
	tm_sysfs("version", text, sizeof(text));
	tm_check(&ok, !strcmp(i.version, text), "version %s, not %s", i.version, text);
	tm_check(&ok, i.dram_pool == TIERMEM_MAX, "%llu", (unsigned long long)i.dram_pool);
	tm_check(&ok, i.pool_policy == TIERMEM_POLICY_FAIR, "%u", i.pool_policy);
	tm_check(&ok, i.page_bytes == tm_page_size(), "%u", i.page_bytes);
	tm_check(&ok, i.cpu_budget_percent == 1 && i.migrate_mbps == 1024, "%u, %u",
		 i.cpu_budget_percent, i.migrate_mbps);
	tm_write(TM_SYSFS "/dram_pool", "64M");
	tm_write(TM_SYSFS "/pool_policy", "throughput");
	i = new_info();
	ok &= gives(TIERMEM_INFO, &i, 0, "info");
	tm_write(TM_SYSFS "/dram_pool", "max");
	tm_write(TM_SYSFS "/pool_policy", "fair");
	tm_check(&ok, i.dram_pool == 64 * TM_MIB && i.pool_policy == TIERMEM_POLICY_THROUGHPUT,
		 "%llu, %u", (unsigned long long)i.dram_pool, i.pool_policy);
	return ok;
}

static bool agrees(const struct tiermem_group *g)
{
	bool ok = true;

	tm_check(&ok, g->dram_max == tm_cg_u64(&cg, "tiermem.dram_max"), "%llu",
		 (unsigned long long)g->dram_max);
	tm_check(&ok, g->dram_min == tm_cg_u64(&cg, "tiermem.dram_min"), "%llu",
		 (unsigned long long)g->dram_min);
	tm_check(&ok, g->dram_weight == tm_cg_u64(&cg, "tiermem.dram_weight"), "%u",
		 g->dram_weight);
	tm_check(&ok, g->dram_effective == tm_cg_u64(&cg, "tiermem.dram_effective"), "%llu",
		 (unsigned long long)g->dram_effective);
	return ok;
}

static bool group(void)
{
	const uint64_t len = tm_mb(32), quota = tm_mb(12);
	struct tiermem_group g = new_group(cg_fd);
	struct tm_region r;
	struct tm_child w;
	bool ok = true;

	ok &= gives(TIERMEM_GROUP_GET, &g, 0, "get") && agrees(&g);
	tm_worker(&w, &cg);
	if (tm_alloc(&w, TM_ANON4K, len, NULL, &r))
		tm_die("no memory");
	g = new_group(cg_fd);
	ok &= gives(TIERMEM_GROUP_GET, &g, 0, "get");
	tm_check(&ok, g.dram_current + TM_DRIFT >= len && g.slow_current == 0, "%.1fM, %.1fM",
		 tm_fmib(g.dram_current), tm_fmib(g.slow_current));
	g = new_setting(cg_fd);
	g.set = TIERMEM_SET_DRAM_MAX | TIERMEM_SET_DRAM_MIN | TIERMEM_SET_DRAM_WEIGHT;
	g.dram_max = quota + 4095;
	g.dram_min = quota / 2;
	g.dram_weight = 777;
	ok &= gives(TIERMEM_GROUP_SET, &g, 0, "set") && agrees(&g);
	tm_check(&ok, g.dram_max == quota && g.dram_weight == 777 && g.dram_min == quota / 2,
		 "%llu", (unsigned long long)g.dram_max);
	/* As the file does, it returns when the pages have moved. */
	tm_check(&ok, g.dram_current <= quota + TM_OVER && tm_dram(&cg) <= quota + TM_OVER,
		 "%.1fM at its return", tm_fmib(g.dram_current));
	g = new_setting(cg_fd);
	g.flags = TIERMEM_GROUP_NO_WAIT;
	ok &= gives(TIERMEM_GROUP_SET, &g, 0, "back to max") && agrees(&g);
	tm_check(&ok, g.dram_max == TIERMEM_MAX && g.dram_weight == 777, "other settings stay");
	g = new_group(cg_fd);
	g.set = TIERMEM_SET_DRAM_MIN | TIERMEM_SET_DRAM_WEIGHT;
	ok &= gives(TIERMEM_GROUP_SET, &g, 0, "defaults") && agrees(&g);
	tm_check(&ok, g.dram_weight == 100 && !g.dram_min, "%u", g.dram_weight);
	tm_check(&ok, !tm_check_all(&w), "wrong pages");
	tm_quit(&w);
	return ok;
}

/* ---- heat maps ------------------------------------------------------------------------------- */

/* All ranges from @from to @to, `room` at a time. Returns how many, or -errno. */
static int map(pid_t pid, uint64_t from, uint64_t to, uint64_t step, struct tiermem_range *out,
	       int most, unsigned int room)
{
	struct tiermem_heatmap h;
	int n = 0, rc;

	do {
		h = new_heatmap(out + n, room);
		h.pid = pid;
		h.start = from;
		h.end = to;
		h.step = step;
		rc = request(dev, TIERMEM_HEATMAP, &h);
		if (rc)
			return -rc;
		if (h.nr > room || h.start < from)
			return -EPROTO;
		n += h.nr;
		from = h.start;
	} while (from < to && n + (int)room <= most);
	return n;
}

static bool heat_of(const char *what, const struct tm_region *r, pid_t pid, uint64_t step,
		    unsigned int room)
{
	const int most = r->len / step + 2;
	struct tiermem_range *out = calloc(most + room, sizeof(*out));
	uint64_t from = (uintptr_t)r->addr, dram = 0, slow = 0, hot = 0, cold = 0, heats[2] = { 0 };
	struct tm_placement p;
	bool ok = true;
	int n, i;

	n = map(pid, from, from + r->len, step, out, most + room, room);
	if (n < 0) {
		tm_diag("%s: %s", what, strerror(-n));
		free(out);
		return false;
	}
	for (i = 0; i < n; i++) {
		bool is_hot = out[i].start < from + r->len / 4;

		tm_check(&ok, !i || out[i].start > out[i - 1].start, "%s: out of order", what);
		tm_check(&ok, out[i].dram_bytes + out[i].slow_bytes <= step && !out[i].reserved,
			 "%s: more than there is", what);
		dram += out[i].dram_bytes;
		slow += out[i].slow_bytes;
		if (out[i].heat == TIERMEM_HEAT_UNKNOWN)
			continue;
		heats[is_hot] += out[i].heat;
		*(is_hot ? &hot : &cold) += 1;
	}
	tm_placement(pid, r->addr, r->len, &p);
	tm_diag("%s: %d ranges, %.1fM in DRAM (move_pages: %.1fM), %.1fM slow; heat %.1f and %.1f",
		what, n, tm_fmib(dram), tm_fmib(p.fast * tm_page_size()), tm_fmib(slow),
		hot ? (double)heats[1] / hot : -1, cold ? (double)heats[0] / cold : -1);
	tm_check(&ok, dram + slow == r->len, "%s: %.1fM of %.1fM", what, tm_fmib(dram + slow),
		 tm_fmib(r->len));
	/* Some move between the two looks. */
	tm_check(&ok, dram + TM_MIB >= p.fast * tm_page_size() &&
		 dram <= p.fast * tm_page_size() + TM_MIB, "%s: not where it is", what);
	tm_check(&ok, hot && cold && heats[1] * cold > 2 * heats[0] * hot, "%s: not how hot", what);
	free(out);
	return ok;
}

static bool heatmap(enum tm_kind kind)
{
	const size_t len = tm_mb(32);
	struct tm_region r;
	struct tm_child w;
	bool ok = true;

	tm_cg_write_u64(&cg, "tiermem.dram_max", len / 2);
	tm_worker(&w, &cg);
	if (tm_alloc(&w, kind, len, NULL, &r) || tm_busy(&w, TM_BUSY_READ_HARD, &r, 0, len / 4))
		tm_die("no memory");
	tm_pause_ms(tm_ms(5000));
	ok &= heat_of("by 2M", &r, w.pid, 2 * TM_MIB, 512);
	ok &= heat_of("by pages", &r, w.pid, tm_page_size(), 1024);
	ok &= heat_of("one range at a time", &r, w.pid, TM_MIB / 2, 1);
	tm_check(&ok, !tm_idle(&w) && !tm_check_all(&w), "wrong pages");
	tm_quit(&w);
	tm_cg_write(&cg, "tiermem.dram_max", "max");
	return ok;
}

/* ---- permissions ----------------------------------------------------------------------------- */

/* In a child with other credentials: a bit for each request that was not answered as expected. */
static int unprivileged(struct tm_child *self, void *arg)
{
	bool in_namespace = *(bool *)arg;
	int expected[] = { 0, 0, EPERM, EPERM }, bad = 0;
	union any a;
	size_t i;

	(void)self;
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		return 100;
	/* Root there, and nobody here. */
	if (in_namespace && unshare(CLONE_NEWUSER))
		return 101;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		make(&a, commands[i]);
		if (request(dev, commands[i], &a) != expected[i])
			bad |= 1 << i;
	}
	make(&a, TIERMEM_GROUP_GET);
	by_pid(&a, getpid());
	if (request(dev, TIERMEM_GROUP_GET, &a) != EPERM)
		bad |= 32;
	if (open(DEVICE, O_RDWR) >= 0 || errno != EACCES)
		bad |= 16;
	return bad;
}

static bool permissions(void)
{
	struct stat st;
	bool ok = true;
	int spaces;

	tm_check(&ok, !stat(DEVICE, &st) && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode);
	for (spaces = 0; spaces < 2; spaces++) {
		bool in_namespace = spaces;
		struct tm_child c;
		int rc;

		tm_spawn(&c, NULL, unprivileged, &in_namespace);
		rc = tm_reap(&c, tm_ms(TM_HANG_MS));
		tm_check(&ok, !rc, "%s: status %d",
			 in_namespace ? "in a user namespace" : "as a user", rc);
	}
	return ok;
}

/* ---- 32 bit ---------------------------------------------------------------------------------- */

/* As a 32-bit program calls it: the kernel takes the way of compat_ioctl. */
static int request32(int fd, uint32_t cmd, void *arg)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "a"(54), "b"(fd), "c"(cmd), "d"((uint32_t)(uintptr_t)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret < 0 ? -(int)ret : 0;
}

static bool bits32(void)
{
	struct tiermem_group g = new_group(cg_fd);
	bool ok = true;
	union any *a;
	size_t i;

	a = mmap(NULL, 4 * sizeof(*a), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (a == MAP_FAILED)
		return false;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		int rc;

		make(a, commands[i]);
		/* An array that such a program can have. */
		if (commands[i] == TIERMEM_HEATMAP)
			a->heatmap.ranges = (uintptr_t)(a + 1);
		rc = request32(dev, commands[i], a);
		tm_check(&ok, !rc, "request %zu: %s", i, strerror(rc));
	}
	make(a, TIERMEM_GROUP_SET);
	a->group.dram_max = 5ULL << 32;
	tm_check(&ok, !request32(dev, TIERMEM_GROUP_SET, a), "a large number");
	gives(TIERMEM_GROUP_GET, &g, 0, "get");
	tm_check(&ok, g.dram_max == 5ULL << 32, "%llu", (unsigned long long)g.dram_max);
	tm_check(&ok, request32(dev, TIERMEM_INFO, NULL) == EFAULT, "nowhere");
	tm_cg_write(&cg, "tiermem.dram_max", "max");
	munmap(a, 4 * sizeof(*a));
	return ok;
}

/* ---- a storm --------------------------------------------------------------------------------- */

static volatile bool over;
static volatile int victim_fd = -1, storm_dev = -1;
static volatile pid_t victim_pid;

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Right requests, requests with something wrong, and noise. */
static void *storm_requests(void *arg)
{
	volatile long *n = arg;
	uint64_t x = 88172645463325252ULL + (uintptr_t)arg;
	/* However many are asked for in the end. */
	struct tiermem_range *out = calloc(TIERMEM_RANGES_MAX, sizeof(*out));
	union any a;

	for (; !over; ++*n) {
		unsigned long cmd = commands[next_random(&x) % ARRAY_SIZE(commands)];
		int mutations = next_random(&x) % 4;

		make(&a, cmd);
		if (cmd == TIERMEM_HEATMAP) {
			a.heatmap = new_heatmap(out, 1 + next_random(&x) % 256);
			a.heatmap.pid = victim_pid;
			a.heatmap.step = 4096ULL << next_random(&x) % 30;
		} else if (cmd != TIERMEM_INFO) {
			a.group.cgroup_fd = victim_fd;
			a.group.flags = cmd == TIERMEM_GROUP_SET && next_random(&x) % 2;
			if (next_random(&x) % 2) {
				a.group.flags |= TIERMEM_GROUP_PID;
				a.group.pid = victim_pid;
				a.group.cgroup_fd = 0;
			}
			if (cmd == TIERMEM_GROUP_SET)
				a.group.dram_max = next_random(&x) % (32 * TM_MIB);
		}
		while (mutations--)
			a.bytes[next_random(&x) % sizeof(struct tiermem_group)] = next_random(&x);
		/* Never what is not the storm's own. */
		if (cmd == TIERMEM_HEATMAP)
			a.heatmap.ranges = next_random(&x) % 8 ? (uintptr_t)out :
					   1ULL << 63 | next_random(&x);
		if (cmd == TIERMEM_GROUP_SET &&
		    (a.group.flags & TIERMEM_GROUP_PID ? a.group.pid != victim_pid :
							 a.group.cgroup_fd != victim_fd))
			a.group.set = 0;
		request(storm_dev, cmd, &a);
	}
	free(out);
	return NULL;
}

static int storm_child(struct tm_child *self, void *arg)
{
	char line[16];

	(void)arg;
	tm_fill(tm_anon(8 * TM_MIB, 0), 8 * TM_MIB, 1);
	tm_tell(self, "READY");
	tm_hear(self, line, sizeof(line), INT_MAX);
	return 0;
}

/* Cgroups and processes that come and go, and a device that is closed and opened. */
static void storm_victims(void)
{
	struct tm_child c;
	struct tm_cg v;
	int fd, old;

	if (tm_cg_create(&v, NULL, "victim"))
		tm_die("can't create a cgroup");
	tm_spawn(&c, &v, storm_child, NULL);
	tm_expect(&c, "READY", tm_ms(TM_HANG_MS));
	fd = dir_fd(v.path);
	victim_fd = fd;
	victim_pid = c.pid;
	old = storm_dev;
	storm_dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (old >= 0)
		close(old);
	tm_pause_ms(30);
	tm_kill(&c, SIGKILL);
	tm_cg_remove(&v);
	close(fd);
}

static bool storm(void)
{
	const long least = 1000000, least_rounds = 20;
	volatile long n[2] = { 0, 0 };
	int i, splats = 0, kmsg = tm_kmsg_open();
	struct tm_kern base, now;
	pthread_t threads[2];
	long rounds = 0;
	bool ok = true;
	char text[64];

	tm_kern_read(&base);
	storm_victims();
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, storm_requests, (void *)&n[i]);
	while (ok && (rounds < least_rounds || n[0] + n[1] < least)) {
		storm_victims();
		rounds++;
		/* It can't go while somebody has the device open. */
		tm_check(&ok, syscall(SYS_delete_module, "tiermem", O_NONBLOCK) &&
			 errno == EWOULDBLOCK, "rmmod: %m");
	}
	over = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(storm_dev);
	tm_kmsg_read(kmsg, "tiermem", text, sizeof(text), &splats);
	tm_diag("%ld requests, %ld cgroups and processes", n[0] + n[1], rounds);
	tm_check(&ok, !splats, "%d splats", splats);
	tm_check(&ok, tm_kern_settled(&base, &now, 16 * TM_MIB, tm_ms(20000)), "a leak");
	return ok;
}

static bool unload(void)
{
	const char *left;
	bool ok = true;
	int rc;

	close(dev);
	rc = tm_unload();
	tm_check(&ok, !rc, "%s", strerror(-rc));
	left = tm_leftover(&cg);
	tm_check(&ok, !left, "%s", left);
	tm_check(&ok, access(DEVICE, F_OK), "the device is still there");
	return ok;
}

int main(int argc, char **argv)
{
	struct tm_cg plain;
	size_t i;

	tm_init(argc, argv);
	tm_require(TM_NEED_ALL);
	tm_require_free(true, 64 * TM_MIB);
	if (tm_cg_create(&cg, NULL, "ctl") || tm_cg_create(&plain, &cg, "plain"))
		tm_die("can't create cgroups");
	tm_cg_write(&cg, "cgroup.subtree_control", "-memory");
	dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		tm_die(DEVICE ": %m");
	cg_fd = dir_fd(cg.path);
	plain_fd = dir_fd(plain.path);
	root_fd = dir_fd(tm_cg_mount());
	ksft_set_plan(ARRAY_SIZE(commands) + 9);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		ksft_test_result(sizes(commands[i]), "sizes of request %zu\n", i);
	ksft_test_result(rejections(), "what is wrong is refused, one rule at a time\n");
	ksft_test_result(info(), "info agrees with sysfs\n");
	ksft_test_result(group(), "a group is set, and agrees with its files\n");
	ksft_test_result(heatmap(TM_ANON4K), "heat map of small pages\n");
	ksft_test_result(heatmap(TM_THP), "heat map of huge pages\n");
	ksft_test_result(permissions(), "users see numbers, but no addresses, and set nothing\n");
	/* Elsewhere the kernel kills who tries. */
	if (tm_bool_kconfig("CONFIG_IA32_EMULATION") == 1)
		ksft_test_result(bits32(), "requests of 32-bit programs\n");
	else
		ksft_test_result_skip("requests of 32-bit programs: not on this kernel\n");
	ksft_test_result(storm(), "a storm of requests while cgroups and processes go\n");
	ksft_test_result(unload(), "nothing is left after rmmod\n");
	ksft_finished();
}

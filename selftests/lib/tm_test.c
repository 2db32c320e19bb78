// SPDX-License-Identifier: GPL-2.0
/* Helpers shared by the tiermem selftests: see tm_test.h. */
#include "tm_test.h"

#include <dirent.h>
#include <libgen.h>
#include <mntent.h>
#include <numaif.h>
#include <time.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static pid_t main_pid;

/* ---- life of a test program ---------------------------------------------------------------- */

struct at_exit {
	struct at_exit *next;
	void (*fn)(void *arg);
	void *arg;
};

static struct at_exit *at_exit_list;

void tm_at_exit(void (*fn)(void *), void *arg)
{
	struct at_exit *e = malloc(sizeof(*e));

	if (!e)
		tm_die("out of memory");
	*e = (struct at_exit){ at_exit_list, fn, arg };
	at_exit_list = e;
}

static void run_at_exit(void)
{
	/* Children leave by _exit(); this is for one that calls exit() by mistake. */
	if (getpid() != main_pid)
		return;
	while (at_exit_list) {
		struct at_exit *e = at_exit_list;

		at_exit_list = e->next;
		e->fn(e->arg);
		free(e);
	}
}

static void vdiag(const char *fmt, va_list ap)
{
	char line[1024];

	/* One write per line: children and threads share the terminal. */
	vsnprintf(line, sizeof(line), fmt, ap);
	fflush(stdout);
	dprintf(STDOUT_FILENO, "# %s\n", line);
}

void tm_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag(fmt, ap);
	va_end(ap);
}

void tm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag(fmt, ap);
	va_end(ap);
	if (getpid() != main_pid)
		_exit(KSFT_FAIL);
	dprintf(STDOUT_FILENO, "Bail out!\n");
	exit(KSFT_FAIL);
}

/*
 * SIGINT, SIGTERM and the watchdog end the program by exit(), so that cgroups, settings and the
 * module don't stay behind. A thread waits for them: exit() is not safe in a signal handler.
 */
static void *watchdog_thread(void *arg)
{
	const struct timespec tick = { .tv_sec = 1 };
	long limit = tm_env("TM_WATCHDOG", 600);
	uint64_t t0 = tm_now_ns();
	sigset_t *set = arg;

	/* In small steps: sigtimedwait() may return early, with EINTR. */
	while (tm_since(t0) < limit) {
		int sig = sigtimedwait(set, NULL, &tick);

		if (sig > 0)
			tm_die("ended by signal %d", sig);
	}
	tm_die("watchdog: not finished after %ld s", limit);
}

void tm_init(int argc, char **argv)
{
	static sigset_t set;
	pthread_t thread;

	(void)argc;
	(void)argv;
	main_pid = getpid();
	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	atexit(run_at_exit);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, watchdog_thread, &set))
		tm_die("pthread_create: %m");
	pthread_detach(thread);
}

static const char *missing_cgroup(void)
{
	static char why[PATH_MAX + 64];
	char buf[256];
	const char *root = tm_cg_mount();

	if (!root && !geteuid()) {
		/* Nobody mounted any cgroup file system: a bare VM. */
		if (!mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL))
			root = tm_cg_mount();
	}
	if (!root)
		return "cgroup v2 is not mounted";
	snprintf(why, sizeof(why), "%s/cgroup.controllers", root);
	if (tm_read(why, buf, sizeof(buf)) < 0 || !strstr(buf, "memory")) {
		snprintf(why, sizeof(why), "no memory controller in %s", root);
		return why;
	}
	snprintf(why, sizeof(why), "%s/cgroup.subtree_control", root);
	if (tm_write(why, "+memory"))
		return "can't enable the memory controller for child cgroups";
	return NULL;
}

static void unload_at_exit(void *arg)
{
	int rc = tm_unload();

	(void)arg;
	if (rc && rc != -ENOENT)
		tm_diag("rmmod tiermem: %s", strerror(-rc));
}

static const char *missing_module(void)
{
	static char why[PATH_MAX + 128];
	int rc;

	if (tm_loaded())
		return NULL;
	if (tm_ko()) {
		rc = tm_load("");
		if (rc) {
			/* A module that is there and doesn't load is a failure, not a skip. */
			tm_die("insmod %s: %s (see dmesg)", tm_ko(), strerror(-rc));
		}
	} else if (system("modprobe -q tiermem")) {
		struct utsname u;

		uname(&u);
		snprintf(why, sizeof(why),
			 "no module: no $TIERMEM_KO, no build/%s/tiermem.ko, none installed",
			 u.release);
		return why;
	}
	tm_at_exit(unload_at_exit, NULL);
	return NULL;
}

const char *tm_missing(unsigned int need)
{
	const char *why = NULL;

	if ((need & TM_NEED_ROOT) && geteuid())
		why = "needs root";
	if (!why && (need & TM_NEED_CGROUP))
		why = missing_cgroup();
	if (!why && (need & TM_NEED_MODULE))
		why = missing_module();
	if (!why && (need & TM_NEED_SLOW) && !tm_slow_nodes())
		why = "no slow node";
	return why;
}

long tm_env(const char *name, long dflt)
{
	const char *s = getenv(name);

	return s && *s ? strtol(s, NULL, 0) : dflt;
}

size_t tm_mb(unsigned int mib)
{
	size_t n = (size_t)mib * TM_MIB * tm_env("TM_SIZE_PCT", 100) / 100;

	return (n + 2 * TM_MIB - 1) & ~(2 * TM_MIB - 1);
}

int tm_ms(int ms)
{
	return (int64_t)ms * tm_env("TM_TIME_PCT", 100) / 100;
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t tm_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

void tm_pause_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

bool tm_until(bool (*cond)(void *), void *arg, int step_ms, int timeout_ms)
{
	uint64_t end = tm_now_ns() + timeout_ms * 1000000ULL;

	for (;;) {
		/* Time first: a condition that took long to evaluate still counts. */
		bool late = tm_now_ns() >= end;

		if (cond(arg))
			return true;
		if (late)
			return false;
		tm_pause_ms(step_ms);
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

int tm_write(const char *path, const char *val)
{
	size_t len = strlen(val);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, val, len);
	if (n < 0)
		rc = -errno;
	else if ((size_t)n != len)
		rc = -EIO;
	close(fd);
	return rc;
}

int tm_writef(const char *path, const char *fmt, ...)
{
	char val[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(val, sizeof(val), fmt, ap);
	va_end(ap);
	return tm_write(path, val);
}

static ssize_t read_fd(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	buf[len] = '\0';
	return len;
}

ssize_t tm_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read_fd(fd, buf, size);
	close(fd);
	return n;
}

int tm_read_u64(const char *path, uint64_t *val)
{
	char buf[64], *end;
	ssize_t n = tm_read(path, buf, sizeof(buf));

	if (n < 0)
		return n;
	if (!strncmp(buf, "max", 3)) {
		*val = UINT64_MAX;
		return 0;
	}
	errno = 0;
	*val = strtoull(buf, &end, 0);
	return end == buf || errno ? -EINVAL : 0;
}

int tm_read_key(const char *path, const char *key, uint64_t *val)
{
	size_t klen = strlen(key);
	char buf[16384], *line;
	ssize_t n = tm_read(path, buf, sizeof(buf));

	if (n < 0)
		return n;
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, key, klen) && line[klen] == ' ') {
			*val = strtoull(line + klen + 1, NULL, 0);
			return 0;
		}
	}
	return -ENOENT;
}

struct saved {
	char *path;
	char *val;
};

static void restore(void *arg)
{
	struct saved *s = arg;
	int rc = tm_write(s->path, s->val);

	if (rc)
		tm_diag("restoring %s to '%s': %s", s->path, s->val, strerror(-rc));
	free(s->path);
	free(s->val);
	free(s);
}

int tm_set(const char *path, const char *val)
{
	char buf[512], *old = buf, *open_br, *close_br;
	struct saved *s;
	ssize_t n = tm_read(path, buf, sizeof(buf));
	int rc;

	if (n < 0)
		return n;
	buf[strcspn(buf, "\n")] = '\0';
	/* "always [madvise] never" */
	open_br = strchr(buf, '[');
	close_br = open_br ? strchr(open_br, ']') : NULL;
	if (close_br) {
		old = open_br + 1;
		*close_br = '\0';
	}
	rc = tm_write(path, val);
	if (rc)
		return rc;
	s = malloc(sizeof(*s));
	if (!s)
		tm_die("out of memory");
	s->path = strdup(path);
	s->val = strdup(old);
	tm_at_exit(restore, s);
	return 0;
}

uint64_t tm_vmstat(const char *key)
{
	uint64_t val;

	return tm_read_key("/proc/vmstat", key, &val) ? UINT64_MAX : val;
}

int tm_bool_kconfig(const char *option)
{
	char path[128], cmd[256];
	struct utsname u;
	int rc;

	uname(&u);
	snprintf(path, sizeof(path), "/boot/config-%s", u.release);
	if (access(path, R_OK))
		return -errno;
	snprintf(cmd, sizeof(cmd), "grep -q '^%s=' %s", option, path);
	rc = system(cmd);
	return rc == 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

int tm_parse_nodes(const char *list, tm_nodes_t *nodes)
{
	const char *p = list;

	*nodes = 0;
	while (*p && *p != '\n') {
		char *end;
		long a = strtol(p, &end, 10), b = a;

		if (end == p)
			return -EINVAL;
		p = end;
		if (*p == '-') {
			b = strtol(p + 1, &end, 10);
			if (end == p + 1)
				return -EINVAL;
			p = end;
		}
		if (a < 0 || b < a || b >= TM_NODES)
			return -ERANGE;
		for (; a <= b; a++)
			*nodes |= 1ULL << a;
		if (*p == ',')
			p++;
	}
	return 0;
}

static tm_nodes_t nodes_of(const char *path)
{
	char buf[256];
	tm_nodes_t n = 0;

	if (tm_read(path, buf, sizeof(buf)) < 0 || tm_parse_nodes(buf, &n))
		return 0;
	return n;
}

static tm_nodes_t module_nodes(const char *file, tm_nodes_t otherwise)
{
	char buf[256];
	tm_nodes_t n;

	if (tm_sysfs(file, buf, sizeof(buf)) < 0 || tm_parse_nodes(buf, &n))
		return otherwise;
	return n;
}

tm_nodes_t tm_fast_nodes(void)
{
	return module_nodes("fast_nodes", nodes_of("/sys/devices/system/node/has_cpu") &
					  nodes_of("/sys/devices/system/node/has_memory"));
}

tm_nodes_t tm_slow_nodes(void)
{
	return module_nodes("slow_nodes", nodes_of("/sys/devices/system/node/has_memory") &
					  ~nodes_of("/sys/devices/system/node/has_cpu"));
}

static uint64_t node_meminfo(tm_nodes_t nodes, const char *key)
{
	char path[96], buf[4096], *p;
	uint64_t sum = 0;
	int nid;

	for (nid = 0; nid < TM_NODES; nid++) {
		if (!(nodes >> nid & 1))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", nid);
		if (tm_read(path, buf, sizeof(buf)) < 0)
			continue;
		p = strstr(buf, key);
		if (p)
			sum += strtoull(p + strlen(key), NULL, 10) * TM_KIB;
	}
	return sum;
}

uint64_t tm_node_free(tm_nodes_t nodes)
{
	return node_meminfo(nodes, "MemFree:");
}

uint64_t tm_node_total(tm_nodes_t nodes)
{
	return node_meminfo(nodes, "MemTotal:");
}

uint64_t tm_node_room(tm_nodes_t nodes)
{
	uint64_t room = 0, nfree = 0, high = 0, page = tm_page_size();
	FILE *f = fopen("/proc/zoneinfo", "re");
	char line[256];
	int nid = -1;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long long v;

		if (sscanf(line, "Node %d, zone", &nid) == 1)
			nfree = 0;
		else if (sscanf(line, " pages free %llu", &v) == 1)
			nfree = v;
		else if (sscanf(line, " high %llu", &v) == 1 && nid >= 0 && nid < TM_NODES &&
			 (nodes >> nid & 1)) {
			high = v;
			room += nfree > high ? (nfree - high) * page : 0;
		}
	}
	fclose(f);
	return room;
}

int tm_placement(pid_t pid, const void *addr, size_t len, struct tm_placement *p)
{
	enum { CHUNK = 4096 };
	tm_nodes_t fast = tm_fast_nodes(), slow = tm_slow_nodes();
	size_t page = tm_page_size(), pages = len / page, i, n, k;
	void **addrs = malloc(CHUNK * sizeof(*addrs));
	int *status = malloc(CHUNK * sizeof(*status));
	int rc = 0;

	if (!addrs || !status)
		tm_die("out of memory");
	memset(p, 0, sizeof(*p));
	for (i = 0; i < pages && !rc; i += n) {
		n = pages - i < CHUNK ? pages - i : CHUNK;
		for (k = 0; k < n; k++)
			addrs[k] = (char *)(uintptr_t)addr + (i + k) * page;
		/* move_pages() with nodes == NULL only asks. */
		if (move_pages(pid, n, addrs, NULL, status, 0)) {
			rc = -errno;
			break;
		}
		for (k = 0; k < n; k++) {
			int s = status[k];

			if (s >= 0 && s < TM_NODES) {
				p->node[s]++;
				p->fast += fast >> s & 1;
				p->slow += slow >> s & 1;
			} else if (s == -ENOENT || s == -EFAULT) {
				p->absent++;
			} else {
				p->error++;
			}
		}
	}
	free(addrs);
	free(status);
	return rc;
}

double tm_move_seconds(pid_t pid, const void *addr, size_t len, int node)
{
	enum { CHUNK = 512 };
	size_t page = tm_page_size(), i, k;
	int nodes[CHUNK], status[CHUNK];
	uint64_t t0 = tm_now_ns();
	void *addrs[CHUNK];

	for (k = 0; k < CHUNK; k++)
		nodes[k] = node;
	for (i = 0; i < len / page; i += k) {
		for (k = 0; k < CHUNK && i + k < len / page; k++)
			addrs[k] = (char *)(uintptr_t)addr + (i + k) * page;
		if (move_pages(pid, k, addrs, nodes, status, MPOL_MF_MOVE_ALL) < 0)
			tm_diag("move_pages: %s", strerror(errno));
	}
	return tm_since(t0);
}

/* ---- cgroups --------------------------------------------------------------------------------- */

const char *tm_cg_mount(void)
{
	static char root[PATH_MAX];
	struct mntent *m;
	FILE *f;

	if (root[0])
		return root;
	f = setmntent("/proc/self/mounts", "re");
	if (!f)
		return NULL;
	while ((m = getmntent(f))) {
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(root, sizeof(root), "%s", m->mnt_dir);
			break;
		}
	}
	endmntent(f);
	return root[0] ? root : NULL;
}

static void cg_path(char *path, size_t size, const struct tm_cg *cg, const char *file)
{
	if ((size_t)snprintf(path, size, "%s/%s", cg->path, file) >= size)
		tm_die("path too long: %s/%s", cg->path, file);
}

int tm_cg_write(const struct tm_cg *cg, const char *file, const char *val)
{
	char path[PATH_MAX];

	cg_path(path, sizeof(path), cg, file);
	return tm_write(path, val);
}

int tm_cg_write_u64(const struct tm_cg *cg, const char *file, uint64_t val)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%llu", (unsigned long long)val);
	return tm_cg_write(cg, file, val == UINT64_MAX ? "max" : buf);
}

ssize_t tm_cg_read(const struct tm_cg *cg, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];

	cg_path(path, sizeof(path), cg, file);
	return tm_read(path, buf, size);
}

bool tm_cg_has(const struct tm_cg *cg, const char *file)
{
	char path[PATH_MAX];

	cg_path(path, sizeof(path), cg, file);
	return !access(path, F_OK);
}

int tm_cg_open(const struct tm_cg *cg, const char *file, int flags)
{
	char path[PATH_MAX];
	int fd;

	cg_path(path, sizeof(path), cg, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t tm_cg_u64(const struct tm_cg *cg, const char *file)
{
	char path[PATH_MAX];
	uint64_t val = 0;
	int rc;

	cg_path(path, sizeof(path), cg, file);
	rc = tm_read_u64(path, &val);
	if (rc) {
		tm_diag("reading %s: %s", path, strerror(-rc));
		return 0;
	}
	return val;
}

uint64_t tm_cg_key(const struct tm_cg *cg, const char *file, const char *key)
{
	char path[PATH_MAX];
	uint64_t val = 0;
	int rc;

	cg_path(path, sizeof(path), cg, file);
	rc = tm_read_key(path, key, &val);
	if (rc) {
		tm_diag("reading %s of %s: %s", key, path, strerror(-rc));
		return 0;
	}
	return val;
}

int tm_cg_delegate(const struct tm_cg *cg)
{
	return tm_cg_write(cg, "cgroup.subtree_control", "+memory");
}

static void remove_at_exit(void *arg)
{
	struct tm_cg *cg = arg;
	int rc = tm_cg_remove(cg);

	if (rc && rc != -ENOENT)
		tm_diag("rmdir %s: %s", cg->path, strerror(-rc));
	free(cg);
}

int tm_cg_create(struct tm_cg *cg, const struct tm_cg *parent, const char *name)
{
	const char *base = parent ? parent->path : tm_cg_mount();
	struct tm_cg *copy;

	if (!base)
		return -ENOENT;
	if ((size_t)snprintf(cg->path, sizeof(cg->path), "%s/%s-%d", base, name, main_pid) >=
	    sizeof(cg->path))
		return -ENAMETOOLONG;
	if (parent) {
		int rc = tm_cg_delegate(parent);

		if (rc)
			return rc;
	}
	if (mkdir(cg->path, 0755))
		return -errno;
	copy = malloc(sizeof(*copy));
	if (!copy)
		tm_die("out of memory");
	*copy = *cg;
	tm_at_exit(remove_at_exit, copy);
	return 0;
}

static bool cg_removed(void *arg)
{
	const struct tm_cg *cg = arg;

	/* Reap what was killed here: a zombie of ours keeps the group populated. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return !rmdir(cg->path) || errno != EBUSY;
}

int tm_cg_remove(const struct tm_cg *cg)
{
	if (!rmdir(cg->path))
		return 0;
	if (errno != EBUSY)
		return -errno;
	tm_cg_write(cg, "cgroup.kill", "1");
	if (!tm_until(cg_removed, (void *)cg, 5, tm_ms(10000)))
		return -EBUSY;
	return access(cg->path, F_OK) ? 0 : -EBUSY;
}

int tm_cg_move(const struct tm_cg *cg, pid_t pid)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%d", pid);
	return tm_cg_write(cg, "cgroup.procs", buf);
}

static uint64_t numa_sum(char *text, tm_nodes_t nodes)
{
	uint64_t sum = 0;
	char *line, *save;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *p = line;

		if (strncmp(line, "anon ", 5) && strncmp(line, "file ", 5))
			continue;
		while ((p = strstr(p, " N"))) {
			int nid = strtol(p + 2, &p, 10);

			if (nid >= 0 && nid < TM_NODES && (nodes >> nid & 1) && *p == '=')
				sum += strtoull(p + 1, NULL, 10);
		}
	}
	return sum;
}

uint64_t tm_numa(const struct tm_cg *cg, tm_nodes_t nodes)
{
	char buf[8192];
	ssize_t n = tm_cg_read(cg, "memory.numa_stat", buf, sizeof(buf));

	if (n < 0) {
		tm_diag("reading memory.numa_stat of %s: %s", cg->path, strerror(-n));
		return 0;
	}
	return numa_sum(buf, nodes);
}

const char *tm_usage(const struct tm_cg *cg)
{
	static char buf[256];
	uint64_t fast = tm_numa(cg, tm_fast_nodes()), slow = tm_numa(cg, tm_slow_nodes());

	if (tm_loaded())
		snprintf(buf, sizeof(buf),
			 "dram %.1fM (numa_stat %.1fM) slow %.1fM (numa_stat %.1fM)",
			 tm_fmib(tm_dram(cg)), tm_fmib(fast), tm_fmib(tm_slow(cg)), tm_fmib(slow));
	else
		snprintf(buf, sizeof(buf), "numa_stat: dram %.1fM slow %.1fM",
			 tm_fmib(fast), tm_fmib(slow));
	return buf;
}

static void diag_nonzero(const struct tm_cg *cg, const char *file)
{
	char buf[4096], out[900] = "", *line, *save;
	size_t n = 0;

	if (tm_cg_read(cg, file, buf, sizeof(buf)) < 0)
		return;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		if (len > 2 && !strcmp(line + len - 2, " 0"))
			continue;
		if (n < sizeof(out))
			n += snprintf(out + n, sizeof(out) - n, " %s", line);
	}
	tm_diag("%s:%s", file, out);
}

void tm_diag_stat(const struct tm_cg *cg)
{
	diag_nonzero(cg, "tiermem.stat");
	diag_nonzero(cg, "tiermem.events");
}

/* ---- sampler --------------------------------------------------------------------------------- */

/* The files stay open: a sample must not cost more than it has to. */
struct sampler_fds {
	int dram, numa;
};

static uint64_t sample_numa(struct sampler_fds *f, tm_nodes_t fast)
{
	char buf[8192];
	ssize_t n;

	if (f->numa < 0)
		return 0;
	lseek(f->numa, 0, SEEK_SET);
	n = read_fd(f->numa, buf, sizeof(buf));
	return n > 0 ? numa_sum(buf, fast) : 0;
}

static uint64_t sample_dram(struct sampler_fds *f)
{
	char buf[64];

	/* After rmmod read fails with ENODEV; then there is nothing to sample. */
	if (f->dram < 0 || lseek(f->dram, 0, SEEK_SET) || read_fd(f->dram, buf, sizeof(buf)) <= 0)
		return 0;
	return strtoull(buf, NULL, 10);
}

static void samples_clear(struct tm_samples *s)
{
	memset(s, 0, sizeof(*s));
	s->min_dram = UINT64_MAX;
	s->min_numa = UINT64_MAX;
}

static void *sampler_thread(void *arg)
{
	struct sched_param rt = { .sched_priority = 1 };
	struct tm_sampler *s = arg;
	struct sampler_fds f = {
		.dram = tm_cg_open(&s->cg, "tiermem.dram_current", O_RDONLY),
		.numa = tm_cg_open(&s->cg, "memory.numa_stat", O_RDONLY),
	};
	uint64_t last = 0, next = tm_now_ns();
	bool stop = false;

	/* Busy CPUs must not make the sampler blind; it sleeps nearly all the time. */
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &rt);
	while (!stop) {
		uint64_t dram = sample_dram(&f), numa = sample_numa(&f, s->fast);
		uint64_t now = tm_now_ns(), top = dram > numa ? dram : numa;
		struct tm_samples *m = &s->s;
		struct timespec ts;

		pthread_mutex_lock(&s->lock);
		if (top > m->max_dram && top > m->max_numa)
			m->max_at_ns = now - s->t0;
		if (dram > m->max_dram)
			m->max_dram = dram;
		if (numa > m->max_numa)
			m->max_numa = numa;
		if (dram < m->min_dram)
			m->min_dram = dram;
		if (numa < m->min_numa)
			m->min_numa = numa;
		m->last_dram = dram;
		m->last_numa = numa;
		if (m->n && now - last > m->max_gap_ns)
			m->max_gap_ns = now - last;
		if (s->limit && top > s->limit) {
			m->over++;
			if (m->n)
				m->over_ns += now - last;
		}
		m->n++;
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);

		last = now;
		next += TM_SAMPLE_MS * 1000000ULL;
		if (next < now)		/* fell behind: don't catch up by a burst */
			next = now + 1000000;
		ts = (struct timespec){ next / 1000000000ULL, next % 1000000000ULL };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
	}
	if (f.dram >= 0)
		close(f.dram);
	if (f.numa >= 0)
		close(f.numa);
	return NULL;
}

void tm_sampler_start(struct tm_sampler *s, const struct tm_cg *cg, uint64_t limit)
{
	memset(s, 0, sizeof(*s));
	s->cg = *cg;
	s->fast = tm_fast_nodes();
	s->limit = limit;
	s->t0 = tm_now_ns();
	samples_clear(&s->s);
	pthread_mutex_init(&s->lock, NULL);
	if (pthread_create(&s->thread, NULL, sampler_thread, s))
		tm_die("pthread_create: %m");
}

void tm_sampler_reset(struct tm_sampler *s, uint64_t limit)
{
	pthread_mutex_lock(&s->lock);
	samples_clear(&s->s);
	s->limit = limit;
	s->t0 = tm_now_ns();
	pthread_mutex_unlock(&s->lock);
}

void tm_sampler_get(struct tm_sampler *s, struct tm_samples *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->s;
	pthread_mutex_unlock(&s->lock);
}

void tm_sampler_stop(struct tm_sampler *s, struct tm_samples *out)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;		/* one more sample is taken after this */
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	if (out)
		*out = s->s;
}

bool tm_samples_ok(const struct tm_samples *s, uint64_t quota, const char *what)
{
	uint64_t limit = quota + TM_OVER;
	bool ok = s->n > 0 && s->max_dram <= limit && s->max_numa <= limit;

	tm_diag("%s: quota %.1fM, peak dram_current %.2fM numa_stat %.2fM (at %.2f s), last %.2fM / %.2fM, %llu samples, longest gap %.0f ms, over in %llu for %.0f ms",
		what, tm_fmib(quota), tm_fmib(s->max_dram), tm_fmib(s->max_numa),
		s->max_at_ns / 1e9, tm_fmib(s->last_dram), tm_fmib(s->last_numa),
		(unsigned long long)s->n, s->max_gap_ns / 1e6,
		(unsigned long long)s->over, s->over_ns / 1e6);
	return ok;
}

/* ---- memory ------------------------------------------------------------------------------------ */

size_t tm_page_size(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

void *tm_anon(size_t len, int advice)
{
	const size_t huge = 2 * TM_MIB;
	char *p = mmap(NULL, len + huge, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *a;

	if (p == MAP_FAILED)
		tm_die("mmap of %zu bytes: %m", len);
	a = (char *)(((uintptr_t)p + huge - 1) & ~(huge - 1));
	if (a > p)
		munmap(p, a - p);
	munmap(a + len, p + huge - a);
	if (advice && madvise(a, len, advice))
		tm_diag("madvise(%d): %s", advice, strerror(errno));
	return a;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

#define STEP 0x9e3779b97f4a7c15ULL	/* odd: every word of a page differs */

void tm_fill_page(void *page, uint64_t seed, uint64_t index)
{
	uint64_t *w = page, v = mix(mix(seed + 1) + index);
	size_t i, n = tm_page_size() / sizeof(*w);

	for (i = 0; i < n; i++, v += STEP)
		w[i] = v;
}

bool tm_verify_page(const void *page, uint64_t seed, uint64_t index)
{
	const uint64_t *w = page;
	uint64_t v = mix(mix(seed + 1) + index), bad = 0;
	size_t i, n = tm_page_size() / sizeof(*w);

	for (i = 0; i < n; i++, v += STEP)
		bad |= w[i] ^ v;
	return !bad;
}

void tm_fill(void *addr, size_t len, uint64_t seed)
{
	size_t page = tm_page_size(), i;

	for (i = 0; i < len / page; i++)
		tm_fill_page((char *)addr + i * page, seed, i);
}

uint64_t tm_verify(const void *addr, size_t len, uint64_t seed)
{
	size_t page = tm_page_size(), i;
	uint64_t bad = 0;

	for (i = 0; i < len / page; i++) {
		if (tm_verify_page((const char *)addr + i * page, seed, i))
			continue;
		if (!bad++)
			tm_diag("content: page %zu of %zu is wrong (first word %#llx)", i, len / page,
				*(unsigned long long *)((const char *)addr + i * page));
	}
	return bad;
}

void tm_touch(volatile void *addr, size_t len)
{
	volatile char *p = addr;
	size_t i;

	for (i = 0; i < len; i += tm_page_size())
		(void)p[i];
}

/* ---- child processes ----------------------------------------------------------------------------- */

void tm_spawn(struct tm_child *c, const struct tm_cg *cg, tm_child_fn fn, void *arg)
{
	int down[2], up[2], rc;
	sigset_t set;

	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		tm_die("pipe: %m");
	fflush(stdout);
	memset(c, 0, sizeof(*c));
	c->pid = fork();
	if (c->pid < 0)
		tm_die("fork: %m");
	if (c->pid) {
		close(down[0]);
		close(up[1]);
		c->in = up[0];
		c->out = down[1];
		/*
		 * The child waits for this line, and so nothing that it does is charged elsewhere,
		 * and a failure is ours to report.
		 */
		rc = cg ? tm_cg_move(cg, c->pid) : 0;
		if (rc) {
			kill(c->pid, SIGKILL);
			tm_die("moving a child to %s: %s", cg->path, strerror(-rc));
		}
		tm_tell(c, "go");
		return;
	}

	close(down[1]);
	close(up[0]);
	c->pid = getpid();
	c->in = down[0];
	c->out = up[1];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (tm_expect(c, "go", INT_MAX))
		_exit(KSFT_FAIL);
	rc = fn(c, arg);
	fflush(stdout);
	_exit(rc);
}

void tm_tell(struct tm_child *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(c->out, line, n) != n && errno != EPIPE)
		tm_diag("pipe to %d: %s", c->pid, strerror(errno));
}

int tm_hear(struct tm_child *c, char *line, size_t size, int timeout_ms)
{
	uint64_t end = tm_now_ns() + timeout_ms * 1000000ULL;

	for (;;) {
		char *nl = memchr(c->buf, '\n', c->fill);
		struct pollfd p = { .fd = c->in, .events = POLLIN };
		int64_t left;
		ssize_t n;

		if (nl) {
			size_t len = nl - c->buf, keep = len < size - 1 ? len : size - 1;

			memcpy(line, c->buf, keep);
			line[keep] = '\0';
			c->fill -= len + 1;
			memmove(c->buf, nl + 1, c->fill);
			return keep;
		}
		if (c->fill == sizeof(c->buf))
			return -EMSGSIZE;
		left = ((int64_t)end - (int64_t)tm_now_ns()) / 1000000;
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ETIMEDOUT;
		n = read(c->in, c->buf + c->fill, sizeof(c->buf) - c->fill);
		if (n < 0)
			return -errno;
		if (!n)
			return -EPIPE;
		c->fill += n;
	}
}

int tm_expect(struct tm_child *c, const char *word, int timeout_ms)
{
	char line[512];
	int n = tm_hear(c, line, sizeof(line), timeout_ms);

	if (n < 0) {
		tm_diag("waiting for %s from %d: %s", word, c->pid, strerror(-n));
		return n;
	}
	if (!strncmp(line, word, strlen(word)))
		return 0;
	tm_diag("waiting for %s from %d, got: %s", word, c->pid, line);
	return -EPROTO;
}

int64_t tm_ask(struct tm_child *c, const char *cmd, int timeout_ms)
{
	char line[512], *num;
	int n;

	tm_tell(c, "%s", cmd);
	n = tm_hear(c, line, sizeof(line), timeout_ms);
	if (n < 0) {
		tm_diag("asked %d to %s: %s", c->pid, cmd, strerror(-n));
		return n;
	}
	num = strchr(line, ' ');
	return num ? strtoll(num, NULL, 0) : -EPROTO;
}

bool tm_alive(const struct tm_child *c)
{
	siginfo_t si = { 0 };

	/* WNOWAIT: the status stays for tm_reap(). */
	return !waitid(P_PID, c->pid, &si, WEXITED | WNOHANG | WNOWAIT) && !si.si_pid;
}

static bool child_gone(void *arg)
{
	return !tm_alive(arg);
}

int tm_reap(struct tm_child *c, int timeout_ms)
{
	bool late = !tm_until(child_gone, c, 2, timeout_ms);
	int status;

	if (late) {
		tm_diag("%d doesn't end: killed", c->pid);
		kill(c->pid, SIGKILL);
	}
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	close(c->in);
	close(c->out);
	if (late)
		return -ETIMEDOUT;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int tm_kill(struct tm_child *c, int sig)
{
	kill(c->pid, sig);
	return tm_reap(c, tm_ms(TM_HANG_MS));
}

struct hog {
	tm_nodes_t nodes;
	uint64_t leave;
};

static int hog_child(struct tm_child *self, void *arg)
{
	const size_t step = 2 * TM_MIB;
	struct hog *h = arg;
	size_t size = tm_node_total(h->nodes), used = 0;
	char *p = tm_anon(size, MADV_NOHUGEPAGE), line[64];
	unsigned long mask = h->nodes;

	/* It must be the last one to be chosen if something goes wrong, not the first. */
	tm_write("/proc/self/oom_score_adj", "-1000");
	/* Bound, but never below the watermarks: that would be an OOM of these nodes. */
	if (mbind(p, size, MPOL_BIND, &mask, TM_NODES + 1, 0))
		tm_die("mbind: %m");
	while (used < size && tm_node_room(h->nodes) > h->leave + step) {
		size_t i, n = tm_node_room(h->nodes) - h->leave;

		n = n > 16 * step ? 8 * step : step;
		if (n > size - used)
			n = size - used;
		for (i = 0; i < n; i += tm_page_size())
			p[used + i] = 1;
		used += n;
	}
	tm_tell(self, "FULL %zu", used);
	while (tm_hear(self, line, sizeof(line), INT_MAX) >= 0) {
		uint64_t n = strtoull(line, NULL, 10);

		if (n > used)
			n = used;
		used -= n;
		madvise(p + used, n, MADV_DONTNEED);
		tm_tell(self, "FREED %llu", (unsigned long long)n);
	}
	return 0;
}

void tm_hog(struct tm_child *c, tm_nodes_t nodes, uint64_t leave)
{
	struct hog h = { nodes, leave };
	char line[64];

	tm_spawn(c, NULL, hog_child, &h);
	if (tm_hear(c, line, sizeof(line), tm_ms(TM_HANG_MS)) < 0)
		tm_die("the hog doesn't answer");
	tm_diag("hog: %s bytes, room left %.1fM", line, tm_fmib(tm_node_room(nodes)));
}

int tm_hog_free(struct tm_child *c, uint64_t bytes)
{
	char cmd[32];
	int64_t n;

	snprintf(cmd, sizeof(cmd), "%llu", (unsigned long long)bytes);
	n = tm_ask(c, cmd, tm_ms(TM_HANG_MS));
	return n < 0 ? n : 0;
}

/* ---- the module ---------------------------------------------------------------------------------- */

bool tm_loaded(void)
{
	return !access(TM_SYSFS, F_OK);
}

const char *tm_ko(void)
{
	static char path[PATH_MAX];
	char exe[PATH_MAX - 128];
	struct utsname u;
	ssize_t n;

	if (path[0])
		return path;
	if (getenv("TIERMEM_KO")) {
		snprintf(path, sizeof(path), "%s", getenv("TIERMEM_KO"));
		return access(path, R_OK) ? NULL : path;
	}
	uname(&u);
	/* Programs are in build/selftests/; then the current directory: the project's root. */
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = '\0';
		snprintf(path, sizeof(path), "%s/../%s/tiermem.ko", dirname(exe), u.release);
		if (!access(path, R_OK))
			return path;
	}
	snprintf(path, sizeof(path), "build/%s/tiermem.ko", u.release);
	if (!access(path, R_OK))
		return path;
	path[0] = '\0';
	return NULL;
}

int tm_load(const char *params)
{
	const char *ko = tm_ko();
	int fd, rc = 0;

	if (!ko)
		return -ENOENT;
	fd = open(ko, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, params ? params : "", 0))
		rc = -errno;
	close(fd);
	return rc;
}

static bool unload_once(void *arg)
{
	int *rc = arg;

	*rc = syscall(SYS_delete_module, "tiermem", O_NONBLOCK) ? -errno : 0;
	return *rc != -EAGAIN && *rc != -EWOULDBLOCK;
}

int tm_unload(void)
{
	int rc = 0;

	tm_until(unload_once, &rc, 10, 5000);
	return rc;
}

int tm_sysfs(const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), TM_SYSFS "/%s", file);
	n = tm_read(path, buf, size);
	if (n < 0)
		return n;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static uint64_t thread_cpu_ns(const char *pid)
{
	char path[300], buf[512], *p;
	unsigned long ut, st;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	if (tm_read(path, buf, sizeof(buf)) > 0)
		return strtoull(buf, NULL, 10);
	/* No CONFIG_SCHED_INFO: in ticks. The comm may contain blanks, so from its end. */
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (tm_read(path, buf, sizeof(buf)) <= 0)
		return 0;
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			 &ut, &st) != 2)
		return 0;
	return (ut + st) * (1000000000ULL / sysconf(_SC_CLK_TCK));
}

uint64_t tm_daemon_cpu_ns(int *threads)
{
	DIR *d = opendir("/proc");
	uint64_t sum = 0;
	struct dirent *e;

	if (threads)
		*threads = 0;
	if (!d)
		return 0;
	while ((e = readdir(d))) {
		char path[300], comm[64];

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (tm_read(path, comm, sizeof(comm)) <= 0 || strncmp(comm, "ktiermemd", 9))
			continue;
		sum += thread_cpu_ns(e->d_name);
		if (threads)
			++*threads;
	}
	closedir(d);
	return sum;
}

double tm_daemon_cpu_pct(int ms)
{
	uint64_t c0 = tm_daemon_cpu_ns(NULL), t0 = tm_now_ns();

	tm_pause_ms(ms);
	return 100.0 * (tm_daemon_cpu_ns(NULL) - c0) / (tm_now_ns() - t0);
}

bool tm_daemon_is_quiet(const char *when)
{
	int i;

	for (i = 0; i < 2; i++) {
		double pct = tm_daemon_cpu_pct(tm_ms(10000));

		tm_diag("ktiermemd, %s: %.2f %% of a CPU", when, pct);
		if (pct <= TM_IDLE_CPU_PCT)
			return true;
	}
	return false;
}

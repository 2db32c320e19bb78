// SPDX-License-Identifier: GPL-2.0
/* The module and its daemon. See tm_test.h. */
#include "tm_internal.h"

#include <dirent.h>
#include <libgen.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

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
	/* A kernel that takes longer for everything uses more of a CPU for the same work. */
	double limit = TM_IDLE_CPU_PCT * tm_env("TM_TIME_PCT", 100) / 100;
	int i;

	for (i = 0; i < 2; i++) {
		double pct = tm_daemon_cpu_pct(tm_ms(10000));

		tm_diag("ktiermemd, %s: %.2f %% of a CPU", when, pct);
		if (pct <= limit)
			return true;
	}
	return false;
}

/* Two instructions a turn, ten million turns: as many nanoseconds, if it is icount. */
bool tm_clock_is_icount(void)
{
	uint64_t best = UINT64_MAX, t;
	int i;

	for (i = 0; i < 5; i++) {
		unsigned long n = 10 * 1000 * 1000;

		t = tm_now_ns();
		__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n));
		t = tm_now_ns() - t;
		if (t < best)
			best = t;
	}
	tm_diag("20000000 instructions take %llu ns", (unsigned long long)best);
	return best > 19900000 && best < 20400000;
}

const char *tm_not_icount(void)
{
	if (!tm_clock_is_icount())
		return "the clock doesn't count instructions: selftests/vm/run.sh -i -s 1";
	/* It counts what all CPUs do. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		return "one CPU only: selftests/vm/run.sh -i -s 1";
	return NULL;
}

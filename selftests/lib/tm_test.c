// SPDX-License-Identifier: GPL-2.0
/* Life of a test program, and time. See tm_test.h. */
#include "tm_internal.h"

#include <time.h>
#include <sys/mount.h>
#include <sys/utsname.h>

pid_t tm_main_pid;

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
	if (getpid() != tm_main_pid)
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
	if (getpid() != tm_main_pid)
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
	tm_main_pid = getpid();
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Who may ask /dev/tiermem for what, with a descriptor of root's: the second table of
 * docs/security.md. Each line of it is a process here, with the user and capabilities of that line.
 */
#include "tm_perm.h"

#include <linux/capability.h>
#include <linux/tiermem.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define DEVICE		"/dev/tiermem"

static struct tm_cg cg;
static int dev, cg_dir;

static int request(unsigned long cmd, void *arg)
{
	return ioctl(dev, cmd, arg) < 0 ? errno : 0;
}

/* All that can be asked about a process: the same error, or a number that is none. */
static int asked_about(pid_t pid)
{
	static struct tiermem_range ranges[16];
	struct tiermem_heatmap h = {
		.size = sizeof(h), .pid = pid, .nr = ARRAY_SIZE(ranges), .end = UINT64_MAX,
		.step = 1ULL << 40, .ranges = (uintptr_t)ranges,
	};

	struct tiermem_group get = {
		.size = sizeof(get), .flags = TIERMEM_GROUP_PID, .pid = pid,
	};
	struct tiermem_group put = {
		.size = sizeof(put), .flags = TIERMEM_GROUP_PID, .pid = pid,
		.set = TIERMEM_SET_DRAM_MAX, .dram_max = TIERMEM_MAX,
	};
	int err = request(TIERMEM_HEATMAP, &h);

	return request(TIERMEM_GROUP_GET, &get) == err && request(TIERMEM_GROUP_SET, &put) == err ?
		err : 9999;
}

/* Errors of the requests that change something or see addresses. */
static int requests(const char *who, int set, int heatmap, pid_t pid)
{
	struct tiermem_info i = { .size = sizeof(i) };
	struct tiermem_group get = { .size = sizeof(get), .cgroup_fd = cg_dir };
	struct tiermem_group put = {
		.size = sizeof(put), .cgroup_fd = cg_dir, .set = TIERMEM_SET_DRAM_MIN,
	};

	return tm_judge(who, "asks", "INFO", request(TIERMEM_INFO, &i), 0) +
	       tm_judge(who, "asks", "GROUP_GET", request(TIERMEM_GROUP_GET, &get), 0) +
	       tm_judge(who, "asks", "GROUP_SET", request(TIERMEM_GROUP_SET, &put), set) +
	       tm_judge(who, "asks", "by pid", asked_about(pid), heatmap);
}

/* A user, or root of a user namespace if @arg says so. */
static int as_user(struct tm_child *self, void *arg)
{
	bool in_namespace = *(bool *)arg;
	const char *who = in_namespace ? "root of a user namespace" : "a user";

	(void)self;
	if (tm_become_user() || (in_namespace && (unshare(CLONE_NEWUSER) || tm_map_root())))
		return 100;
	return requests(who, EPERM, EPERM, getppid()) +
	       tm_judge(who, "asks of himself", "by pid", asked_about(getpid()), EPERM);
}

static bool users(void)
{
	bool spaces[] = { false, true };

	return tm_in_child("a user", NULL, as_user, &spaces[0]) &
	       tm_in_child("root of a user namespace", NULL, as_user, &spaces[1]);
}

static int as_root(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	return requests("root", 0, 0, getppid());
}

/* A user with some of root's capabilities. */
static int keep(unsigned int capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = capabilities, .permitted = capabilities },
	};

	return prctl(PR_SET_KEEPCAPS, 1) || tm_become_user() || syscall(SYS_capset, &header, data);
}

static int sleeper(struct tm_child *self, void *arg)
{
	char text[8];

	if (tm_become_user() || prctl(PR_SET_DUMPABLE, *(bool *)arg))
		return 100;
	tm_tell(self, "READY");
	tm_hear(self, text, sizeof(text), INT_MAX);
	return 0;
}

static pid_t dumpable_pid, hidden_pid;

static int as_admin(struct tm_child *self, void *arg)
{
	const char *who = "a user with CAP_SYS_ADMIN";

	(void)self;
	(void)arg;
	if (keep(1U << CAP_SYS_ADMIN))
		return 100;
	return requests(who, 0, EACCES, getppid()) +
	       tm_judge(who, "asks of himself", "by pid", asked_about(getpid()), 0) +
	       tm_judge(who, "asks of a process of his", "by pid", asked_about(dumpable_pid), 0) +
	       tm_judge(who, "asks of one that hides", "by pid", asked_about(hidden_pid), EACCES);
}

static int as_tracer(struct tm_child *self, void *arg)
{
	const char *who = "a user with CAP_SYS_PTRACE";

	(void)self;
	(void)arg;
	if (keep(1U << CAP_SYS_PTRACE))
		return 100;
	return requests(who, EPERM, EPERM, dumpable_pid);
}

static int as_both(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	if (keep(1U << CAP_SYS_ADMIN | 1U << CAP_SYS_PTRACE))
		return 100;
	return requests("a user with both", 0, 0, getppid()) +
	       tm_judge("a user with both", "asks of one that hides", "by pid",
			asked_about(hidden_pid), 0);
}

static bool capabilities(void)
{
	bool dumpable[] = { true, false }, ok = true;
	struct tm_child c[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c); i++) {
		tm_spawn(&c[i], NULL, sleeper, &dumpable[i]);
		tm_expect(&c[i], "READY", tm_ms(TM_HANG_MS));
	}
	dumpable_pid = c[0].pid;
	hidden_pid = c[1].pid;
	ok &= tm_in_child("CAP_SYS_ADMIN", NULL, as_admin, NULL);
	ok &= tm_in_child("CAP_SYS_PTRACE", NULL, as_tracer, NULL);
	ok &= tm_in_child("both", NULL, as_both, NULL);
	for (i = 0; i < ARRAY_SIZE(c); i++)
		tm_kill(&c[i], SIGKILL);
	return ok;
}

int main(int argc, char **argv)
{
	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP | TM_NEED_MODULE);
	if (tm_cg_create(&cg, NULL, "asked"))
		tm_die("can't create a cgroup");
	dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	cg_dir = open(cg.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0 || cg_dir < 0)
		tm_die("%s, %s: %m", DEVICE, cg.path);
	ksft_set_plan(3);
	ksft_test_result(tm_in_child("root", NULL, as_root, NULL), "root\n");
	ksft_test_result(users(), "users set nothing and see no addresses\n");
	ksft_test_result(capabilities(), "addresses are for those who may trace\n");
	close(dev);
	ksft_finished();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Who may read and write which file: the table of docs/security.md, file by file. Each column of it
 * is a process here, with that user and those namespaces.
 */
#include "tm_perm.h"

#include <dirent.h>
#include <sys/mount.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define DEVICE		"/dev/tiermem"
#define PARAMETER	"/sys/module/tiermem/parameters/slow_nodes"
#define TRACEPOINTS	"/sys/kernel/tracing/events/tiermem"

static struct tm_cg own;		/* root's */
static struct tm_cg top, kid;		/* delegated to the user, and made by him below it */

/* All files of a cgroup that there are; what can be written has a value to write. */
static const struct file {
	const char *name;
	const char *value;
} group_files[] = {
	{ "tiermem.dram_max", "1G" },
	{ "tiermem.dram_min", "1G" },
	{ "tiermem.dram_weight", "10000" },
	{ "tiermem.dram_effective", NULL },
	{ "tiermem.dram_current", NULL },
	{ "tiermem.slow_current", NULL },
	{ "tiermem.stat", NULL },
	{ "tiermem.heat", NULL },
	{ "tiermem.dram_curve", NULL },
	{ "tiermem.events", NULL },
	{ "tiermem.events.local", NULL },
}, machine_files[] = {
	{ "dram_pool", "max" },
	{ "pool_policy", "fair" },
	{ "cpu_budget_percent", "1" },
	{ "migrate_mbps", "1024" },
	{ "fast_nodes", NULL },
	{ "slow_nodes", NULL },
	{ "state", NULL },
	{ "version", NULL },
};

/* What is expected of a file that can be written; reading is for everybody. */
struct line {
	const char *who;
	const char *dir;
	const struct file *files;
	size_t nr;
	int error;
};

static int try_read(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (read(fd, buf, sizeof(buf)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int try_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, value, strlen(value)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int line(const struct line *l)
{
	char path[PATH_MAX];
	int bad = 0;
	size_t i;

	for (i = 0; i < l->nr; i++) {
		const struct file *f = &l->files[i];
		int error = l->error, found;

		snprintf(path, sizeof(path), "%s/%s", l->dir, f->name);
		bad += tm_judge(l->who, "reads", path, try_read(path), 0);
		found = try_write(path, f->value ? f->value : "1");
		/* Nobody writes to what is not for writing. Root may open it, in cgroups. */
		if (!f->value)
			error = found == EINVAL || found == EPERM ? found : EACCES;
		bad += tm_judge(l->who, "writes", path, found, error);
	}
	return bad;
}

static int group_line(const char *who, const struct tm_cg *cg, int error)
{
	struct line l = { who, cg->path, group_files, ARRAY_SIZE(group_files), error };

	return line(&l);
}

static int machine_line(const char *who, int error)
{
	struct line l = { who, TM_SYSFS, machine_files, ARRAY_SIZE(machine_files), error };
	int bad = line(&l);

	bad += tm_judge(who, "reads", PARAMETER, try_read(PARAMETER), 0);
	bad += tm_judge(who, "writes", PARAMETER, try_write(PARAMETER, "1"), EACCES);
	return bad;
}

/* What only root opens. */
static int closed_line(const char *who)
{
	const char *tracing = TRACEPOINTS "/enable";

	return tm_judge(who, "opens", DEVICE, try_read(DEVICE), EACCES) +
	       tm_judge(who, "opens", tracing, try_read(tracing), EACCES) +
	       tm_judge(who, "writes", tracing, try_write(tracing, "0"), EACCES);
}

/* ---- the table is complete ------------------------------------------------------------------- */

static bool listed(const char *name, const struct file *files, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(files[i].name, name))
			return true;
	return false;
}

/* Whatever begins with @prefix is in the list, and has the mode that it should have. */
static bool covers(const char *dir, const char *prefix, const struct file *files, size_t nr)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	bool ok = true;
	size_t seen = 0, i;
	struct stat st;

	if (!d)
		return false;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		seen++;
		tm_check(&ok, listed(e->d_name, files, nr), "%s/%s", dir, e->d_name);
	}
	for (i = 0; i < nr; i++) {
		mode_t mode = files[i].value ? 0644 : 0444;

		tm_check(&ok, !fstatat(dirfd(d), files[i].name, &st, 0) &&
			 (st.st_mode & 07777) == mode && !st.st_uid && !st.st_gid,
			 "%s/%s: mode %o", dir, files[i].name, st.st_mode & 07777);
	}
	closedir(d);
	tm_check(&ok, seen == nr, "%zu files in %s, %zu listed", seen, dir, nr);
	return ok;
}

static bool complete(void)
{
	bool ok = covers(own.path, "tiermem.", group_files, ARRAY_SIZE(group_files));
	struct stat st;

	ok &= covers(TM_SYSFS, "", machine_files, ARRAY_SIZE(machine_files));
	tm_check(&ok, !stat(DEVICE, &st) && (st.st_mode & 07777) == 0600 && !st.st_uid, "mode %o",
		 st.st_mode);
	/* In debugfs there is nothing. */
	tm_check(&ok, access("/sys/kernel/debug/tiermem", F_OK), "in debugfs");
	return ok;
}

/* ---- processes ------------------------------------------------------------------------------- */

static int as_root(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	return group_line("root", &own, 0) + machine_line("root", 0) +
	       tm_judge("root", "opens", DEVICE, open(DEVICE, O_RDWR) < 0 ? errno : 0, 0);
}

static int as_user(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	if (tm_become_user())
		return 100;
	return group_line("a user", &own, EACCES) + machine_line("a user", EACCES) +
	       closed_line("a user");
}

/* As systemd delegates: nothing of ours. */
static bool delegate(void)
{
	static const char * const names[] = {
		"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
	};
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", top.path, names[i]);
		if (chown(path, TM_USER, TM_USER)) {
			tm_diag("%s: %m", path);
			return false;
		}
	}
	return true;
}

static int makes_kid(struct tm_child *self, void *arg)
{
	(void)self;
	(void)arg;
	if (tm_become_user())
		return 100;
	if (tm_cg_write(&top, "cgroup.subtree_control", "+memory") || mkdir(kid.path, 0755))
		return 101;
	return 0;
}

/* @arg: what the file of his own child says. */
static int as_delegatee(struct tm_child *self, void *arg)
{
	(void)self;
	if (tm_become_user())
		return 100;
	return group_line("a delegatee, root of the subtree", &top, EACCES) +
	       group_line("a delegatee, his own", &kid, *(int *)arg) +
	       group_line("a delegatee, others'", &own, EACCES) +
	       machine_line("a delegatee", EACCES) + closed_line("a delegatee");
}

static bool no_group(const struct tm_cg *cg)
{
	bool ok = true;

	tm_check(&ok, tm_cg_u64(cg, "tiermem.dram_max") == UINT64_MAX &&
		 !tm_cg_u64(cg, "tiermem.dram_min") && tm_cg_u64(cg, "tiermem.dram_weight") == 100,
		 "%s has settings", cg->path);
	return ok;
}

/*
 * Nothing is set above: a reservation, a weight or a quota would be a part of the pool beside
 * those of everybody else.
 */
static bool delegated_nothing(void)
{
	int error = EPERM;
	bool ok;

	snprintf(kid.path, sizeof(kid.path), "%.*s/kid", PATH_MAX - 8, top.path);
	if (!delegate() || !tm_in_child("a delegatee makes a cgroup", NULL, makes_kid, NULL))
		return false;
	ok = tm_in_child("a delegatee", NULL, as_delegatee, &error);
	return no_group(&kid) && no_group(&top) && ok;
}

/* There is: what he has is his to share out. */
static bool delegated_a_quota(void)
{
	const uint64_t quota = 64 * TM_MIB;
	int error = 0;
	bool ok;

	tm_cg_write_u64(&top, "tiermem.dram_max", quota);
	ok = tm_in_child("a delegatee with a quota", NULL, as_delegatee, &error);
	tm_check(&ok, tm_cg_u64(&top, "tiermem.dram_max") == quota, "his own quota has changed");
	tm_check(&ok, tm_cg_u64(&kid, "tiermem.dram_max") == 1024 * TM_MIB, "his child's has not");
	tm_check(&ok, tm_cg_u64(&kid, "tiermem.dram_effective") == quota, "%.1fM bind the child",
		 tm_fmib(tm_cg_u64(&kid, "tiermem.dram_effective")));
	return ok;
}

/* ---- user namespaces ------------------------------------------------------------------------- */

static int remount(const char *options)
{
	return mount("none", tm_cg_mount(), NULL, MS_REMOUNT, options);
}

/*
 * Root of a user namespace, with a cgroup namespace whose root is the kid, and a mount of that.
 * @arg: what becomes of writes to the kid's files, by either way.
 */
static int as_root_of_namespace(struct tm_child *self, void *arg)
{
	const char *who = "root of a user namespace", *dir = "/tmp";
	struct line inside = { who, dir, group_files, ARRAY_SIZE(group_files), *(int *)arg };
	struct tm_cg mounted = { "/tmp" };
	int bad;

	(void)self;
	if (tm_become_user() || unshare(CLONE_NEWUSER) || tm_map_root() ||
	    unshare(CLONE_NEWCGROUP | CLONE_NEWNS))
		return 100;
	bad = group_line(who, &own, EACCES) + group_line(who, &top, EACCES) +
	      group_line(who, &kid, *(int *)arg) + machine_line(who, EACCES) + closed_line(who);
	if (mount("none", dir, "cgroup2", 0, NULL))
		return 101;
	if (!tm_cg_has(&mounted, "tiermem.dram_max"))
		return 102;
	return bad + line(&inside);
}

static bool user_namespaces(void)
{
	int error = 0;
	bool ok = true;

	/* He has moved there himself, or somebody has moved him. */
	ok &= tm_in_child("without nsdelegate", &kid, as_root_of_namespace, &error);
	if (tm_check(&ok, !remount("nsdelegate"), "remount: %m")) {
		error = EPERM;
		ok &= tm_in_child("with nsdelegate", &kid, as_root_of_namespace, &error);
		remount("");
	}
	tm_cg_write(&top, "tiermem.dram_max", "max");
	error = EPERM;
	ok &= tm_in_child("nothing set above", &kid, as_root_of_namespace, &error);
	return ok;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int own_max_r, own_max_w, own_max_path, top_max_w;

static int write_fd(int fd)
{
	return write(fd, "48M", 3) < 0 ? errno : 0;
}

static int reopen(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return try_write(path, "48M");
}

/* Descriptors that root has opened and handed on. */
static int with_descriptors(struct tm_child *self, void *arg)
{
	const char *who = *(bool *)arg ? "root of a user namespace" : "a user";
	const char *again = "opens again";

	(void)self;
	if (tm_become_user() || (*(bool *)arg && (unshare(CLONE_NEWUSER) || tm_map_root())))
		return 100;
	return tm_judge(who, "writes to", "what was opened to read", write_fd(own_max_r), EBADF) +
	       tm_judge(who, again, "what was opened to read", reopen(own_max_r), EACCES) +
	       tm_judge(who, again, "what is a path only", reopen(own_max_path), EACCES) +
	       tm_judge(who, again, "what was opened to write", reopen(own_max_w), EACCES) +
	       tm_judge(who, "writes to", "what was opened to write", write_fd(own_max_w), 0) +
	       tm_judge(who, "writes to", "his quota, opened to write", write_fd(top_max_w), 0);
}

static bool descriptors(void)
{
	bool spaces[] = { false, true }, ok = true;
	size_t i;

	own_max_r = tm_cg_open(&own, "tiermem.dram_max", O_RDONLY);
	own_max_w = tm_cg_open(&own, "tiermem.dram_max", O_WRONLY);
	own_max_path = tm_cg_open(&own, "tiermem.dram_max", O_PATH);
	top_max_w = tm_cg_open(&top, "tiermem.dram_max", O_WRONLY);
	for (i = 0; i < ARRAY_SIZE(spaces); i++)
		ok &= tm_in_child("descriptors", NULL, with_descriptors, &spaces[i]);
	close(own_max_r);
	close(own_max_w);
	close(own_max_path);
	close(top_max_w);
	return ok;
}

/* ---- after rmmod and insmod ------------------------------------------------------------------ */

/* The files of all cgroups are new, and root's. */
static bool loaded_again(void)
{
	int error = EACCES;
	bool ok = true;

	tm_check(&ok, !tm_unload() && !tm_load(""), "the module does not go or come");
	tm_cg_write(&top, "tiermem.dram_max", "64M");
	return tm_in_child("a delegatee", NULL, as_delegatee, &error) && ok;
}

int main(int argc, char **argv)
{
	tm_init(argc, argv);
	tm_require(TM_NEED_ROOT | TM_NEED_CGROUP | TM_NEED_MODULE);
	if (tm_cg_create(&own, NULL, "own") || tm_cg_create(&top, NULL, "delegated"))
		tm_die("can't create cgroups");
	ksft_set_plan(8);
	ksft_test_result(complete(), "all files are in this test's table, with their modes\n");
	ksft_test_result(tm_in_child("root", NULL, as_root, NULL), "root\n");
	ksft_test_result(tm_in_child("a user", NULL, as_user, NULL), "a user reads numbers only\n");
	ksft_test_result(delegated_nothing(), "a delegatee with nothing above him sets nothing\n");
	ksft_test_result(delegated_a_quota(), "a delegatee shares out what he has\n");
	ksft_test_result(user_namespaces(), "root of a user namespace is a user\n");
	ksft_test_result(descriptors(), "descriptors that root has handed on\n");
	ksft_test_result(loaded_again(), "a module that is loaded again: its files are root's\n");
	rmdir(kid.path);
	ksft_finished();
}

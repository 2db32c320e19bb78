// SPDX-License-Identifier: GPL-2.0
/* Cgroups. See tm_test.h. */
#include "tm_internal.h"

#include <mntent.h>

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
	if ((size_t)snprintf(cg->path, sizeof(cg->path), "%s/%s-%d", base, name, tm_main_pid) >=
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

/* A test may be in its group itself, and would end without a result. */
static void leave(const struct tm_cg *cg)
{
	const char *root = tm_cg_mount();
	struct tm_cg out = { 0 };
	char here[PATH_MAX];

	if (tm_read("/proc/self/cgroup", here, sizeof(here)) < 0)
		return;
	here[strcspn(here, "\n")] = '\0';
	if (strncmp(here, "0::", 3) || strcmp(here + 3, cg->path + strlen(root)))
		return;
	snprintf(out.path, sizeof(out.path), "%s", root);
	tm_cg_move(&out, getpid());
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
	leave(cg);
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

uint64_t tm_numa_sum(char *text, tm_nodes_t nodes)
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
	return tm_numa_sum(buf, nodes);
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

// SPDX-License-Identifier: GPL-2.0
/* The tree of cgroups (v2). */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "root.h"
#include "text.h"
#include "verb.h"

#define USUAL_MOUNT "sys/fs/cgroup"

static char *find_mount(void)
{
	char *path = root_path("proc/self/mounts"), *found = NULL;
	FILE *mounts = setmntent(path, "re");
	struct mntent *m;

	free(path);
	while (mounts && (m = getmntent(mounts))) {
		bool usual = !strcmp(m->mnt_dir, "/" USUAL_MOUNT);

		if (strcmp(m->mnt_type, "cgroup2") || (found && !usual))
			continue;
		free(found);
		found = root_path("%s", m->mnt_dir + 1);
	}
	if (mounts)
		endmntent(mounts);
	/* A copy of the trees need not have a copy of /proc/self. */
	if (!found && root_exists(USUAL_MOUNT "/cgroup.controllers"))
		found = root_path(USUAL_MOUNT);
	return found;
}

static char *mount;

bool cgroup_mounted(void)
{
	if (!mount)
		mount = find_mount();
	return mount;
}

const char *cgroup_mount(void)
{
	if (!cgroup_mounted())
		errx(EXIT_FAILURE,
		     "cgroup v2 is not mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	return mount;
}

char *cgroup_file(const char *cgroup, const char *name)
{
	return format_text("%s%s/%s", cgroup_mount(), strcmp(cgroup, "/") ? cgroup : "", name);
}

bool cgroup_exists(const char *cgroup)
{
	char *path = cgroup_file(cgroup, "");
	struct stat st;
	bool exists = !stat(path, &st) && S_ISDIR(st.st_mode);

	free(path);
	return exists;
}

bool cgroup_has_tiermem(const char *cgroup)
{
	char *path = cgroup_file(cgroup, "tiermem.dram_max");
	bool has = !access(path, F_OK);

	free(path);
	return has;
}

/* d_type is all that is needed; a stat() of each file of each cgroup would take long. */
static bool is_cgroup(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_name[0] == '.' && (!entry->d_name[1] || !strcmp(entry->d_name, "..")))
		return false;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

bool cgroup_walk(const char *cgroup, void (*visit)(const char *cgroup, void *arg), void *arg)
{
	char *path = cgroup_file(cgroup, "");
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool ok = true;

	if (!dir && errno != ENOENT && errno != ENODEV) {
		warn("cannot read %s", path);
		ok = false;
	}
	free(path);
	if (!dir)
		return ok;
	visit(cgroup, arg);
	while ((entry = readdir(dir))) {
		char *child;

		if (!is_cgroup(dirfd(dir), entry))
			continue;
		child = format_text("%s/%s", strcmp(cgroup, "/") ? cgroup : "", entry->d_name);
		ok &= cgroup_walk(child, visit, arg);
		free(child);
	}
	closedir(dir);
	return ok;
}

int cgroup_compare(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	if (*a && *b && (*a == '/' || *b == '/'))
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a - (unsigned char)*b;
}

const char *cgroup_basename(const char *cgroup)
{
	return strrchr(cgroup, '/') + 1;
}

char *cgroup_of_pid(const char *pid)
{
	char *path = root_path("proc/%s/cgroup", pid), *text, *rest, *line, *cgroup = NULL;

	if (!file_read(path, &text)) {
		for (rest = text; (line = strsep(&rest, "\n"));)
			if (!strncmp(line, "0::/", 4))
				cgroup = format_text("%s", line + 3);
		free(text);
	}
	free(path);
	return cgroup;
}

void cgroup_needs_tiermem(const char *cgroup)
{
	const char *unit = cgroup_basename(cgroup);
	char *parent, *name;

	module_needed();
	if (cgroup_has_tiermem(cgroup))
		return;
	name = text_printable(cgroup);
	if (!strcmp(cgroup, "/"))
		errx(EXIT_FAILURE,
		     "the root cgroup has no quota: name one below it (tiermemctl list --all); for all together: tiermemctl set / dram_pool=SIZE");
	if (!cgroup_exists(cgroup))
		errx(EXIT_FAILURE, "%s does not exist any more", name);
	if (strstr(unit, ".service") || strstr(unit, ".scope") || strstr(unit, ".slice"))
		errx(EXIT_FAILURE,
		     "%s has no memory controller: systemctl set-property '%s' MemoryAccounting=yes",
		     name, unit);
	parent = format_text("%.*s", (int)(unit - cgroup - 1), cgroup);
	errx(EXIT_FAILURE, "%s has no memory controller: echo +memory > '%s%s/cgroup.subtree_control'",
	     name, cgroup_mount(), parent);
}

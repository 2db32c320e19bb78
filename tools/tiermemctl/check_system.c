// SPDX-License-Identifier: GPL-2.0
/* check: kernel, module, nodes, cgroups. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "finding.h"
#include "node.h"
#include "root.h"
#include "size.h"

/* docs/kernels.md */
#define OLDEST_MINOR	1
#define NEWEST_MINOR	12

static void check_kernel(struct findings *f)
{
	static const char advice[] = "boot one of these, such as Debian's";
	char *release = root_line("proc/sys/kernel/osrelease");
	int major = 0, minor = 0;

	if (!release || sscanf(release, "%d.%d", &major, &minor) != 2)
		finding(f, FINDING_PROBLEM, "kernel", "mount procfs at /proc",
			"its release can't be read");
	else if (major != 6 || minor < OLDEST_MINOR || minor > NEWEST_MINOR)
		finding(f, FINDING_PROBLEM, "kernel", advice, "%s: tiermem is for 6.%d to 6.%d",
			release, OLDEST_MINOR, NEWEST_MINOR);
	else if (minor != OLDEST_MINOR && minor != NEWEST_MINOR)
		finding(f, FINDING_WARNING, "kernel", advice,
			"%s: may work, but only 6.%d and 6.%d are tested", release, OLDEST_MINOR,
			NEWEST_MINOR);
	else
		finding(f, FINDING_OK, "kernel", NULL, "%s", release);
	free(release);
}

/* The mode of lockdown, to be freed; NULL where there is none. */
static char *lockdown(void)
{
	char *modes = root_line("sys/kernel/security/lockdown");
	char *mode = modes ? strchr(modes, '[') : NULL, *chosen = NULL;

	if (mode && strncmp(mode, "[none]", 6))
		chosen = format_text("%.*s", (int)strcspn(mode + 1, "]"), mode + 1);
	free(modes);
	return chosen;
}

/* Taints are normal outside of the kernel's tree, and worth a line in a bug report. */
static void check_signature(struct findings *f)
{
	char *taint = root_line("sys/module/tiermem/taint"), *locked = lockdown();

	if (taint && strchr(taint, 'E'))
		finding(f, FINDING_OK, "signature", NULL,
			"none that the kernel knows (taint %s), which is fine without Secure Boot",
			taint);
	else
		finding(f, FINDING_OK, "signature", NULL, "known to the kernel (taint %s)",
			taint && *taint ? taint : "none");
	if (locked)
		finding(f, FINDING_OK, "lockdown", NULL, "%s", locked);
	free(locked);
	free(taint);
}

static bool is_installed(void)
{
	static const char * const places[] = { "updates/dkms", "updates", "extra" };
	static const char * const suffixes[] = { "", ".xz", ".zst", ".gz" };
	char *release = root_line("proc/sys/kernel/osrelease");
	bool installed = false;
	size_t i, j;

	for (i = 0; release && i < ARRAY_SIZE(places); i++)
		for (j = 0; j < ARRAY_SIZE(suffixes); j++)
			installed |= root_exists("lib/modules/%s/%s/tiermem.ko%s", release,
						 places[i], suffixes[j]);
	free(release);
	return installed;
}

static void check_not_loaded(struct findings *f)
{
	char *locked = lockdown();

	if (!is_installed())
		finding(f, FINDING_PROBLEM, "module",
			"make dkms-install, in tiermem's source, then modprobe tiermem",
			"not loaded, not installed");
	else if (locked)
		finding(f, FINDING_PROBLEM, "module",
			"modprobe tiermem; if its key is rejected: mokutil --import /var/lib/dkms/mok.pub, reboot",
			"not loaded, and the kernel takes signed modules only (lockdown: %s)",
			locked);
	else
		finding(f, FINDING_PROBLEM, "module",
			"modprobe tiermem; if that fails, dmesg has a line that says why",
			"not loaded");
	free(locked);
}

static void check_module(struct findings *f)
{
	char *version, *state;

	if (!module_loaded()) {
		check_not_loaded(f);
		return;
	}
	version = root_line("sys/kernel/tiermem/version");
	state = root_line("sys/kernel/tiermem/state");
	if (version && strcmp(version, VERSION))
		finding(f, FINDING_WARNING, "module",
			"rmmod tiermem && modprobe tiermem, or install the tool anew",
			"version %s, but tiermemctl is %s", version, VERSION);
	else
		finding(f, FINDING_OK, "module", NULL, "version %s, %s", version ?: "?",
			state ?: "?");
	free(version);
	free(state);
	check_signature(f);
}

static bool has_dax(void)
{
	char *path = root_path("sys/bus/dax/devices/dax*");
	glob_t found;
	bool has = !glob(path, GLOB_NOSORT, NULL, &found);

	if (has)
		globfree(&found);
	free(path);
	return has;
}

static void check_nodes(struct findings *f)
{
	char size[SIZE_CHARS], unused[SIZE_CHARS];
	uint64_t slow_bytes, free_bytes;
	struct nodes nodes;

	nodes_read(&nodes);
	size_text(nodes_size(&nodes, false), size);
	size_text(nodes_free_size(&nodes, false), unused);
	if (nodes_size(&nodes, false))
		finding(f, FINDING_OK, "DRAM", NULL, "%s, %s free", size, unused);
	else
		finding(f, FINDING_PROBLEM, "DRAM",
			"modprobe tiermem slow_nodes=LIST, of the nodes that are slow", "none");
	slow_bytes = nodes_size(&nodes, true);
	free_bytes = nodes_free_size(&nodes, true);
	size_text(slow_bytes, size);
	size_text(free_bytes, unused);
	if (!slow_bytes)
		finding(f, FINDING_PROBLEM, "slow memory", has_dax() ?
			"daxctl reconfigure-device --mode=system-ram all" :
			"ndctl create-namespace --mode=devdax --map=mem; daxctl reconfigure-device --mode=system-ram all",
			"none: quotas have no effect");
	else if (free_bytes < slow_bytes / 20)
		finding(f, FINDING_WARNING, "slow memory",
			"larger quotas, or less memory: quotas do not hold when it is full",
			"%s, only %s free", size, unused);
	else
		finding(f, FINDING_OK, "slow memory", NULL, "%s, %s free", size, unused);
	nodes_free(&nodes);
}

static void check_controllers(struct findings *f)
{
	char *path = cgroup_file("/", "cgroup.controllers"), *controllers;
	char *control = cgroup_file("/", "cgroup.subtree_control"), *enabled, *advice;

	file_read(path, &controllers);
	file_read(control, &enabled);
	if (!controllers || !strstr(controllers, "memory")) {
		finding(f, FINDING_PROBLEM, "cgroups",
			"boot with systemd.unified_cgroup_hierarchy=1, without cgroup_disable=memory",
			"%s has no memory controller", cgroup_mount());
	} else if (!enabled || !strstr(enabled, "memory")) {
		advice = format_text("echo +memory > %s", control);
		finding(f, FINDING_WARNING, "cgroups", advice,
			"the memory controller is not enabled below the root");
		free(advice);
	} else {
		finding(f, FINDING_OK, "cgroups", NULL, "v2 with memory, at %s", cgroup_mount());
	}
	free(controllers);
	free(enabled);
	free(control);
	free(path);
}

static void check_cgroups(struct findings *f)
{
	if (cgroup_mounted())
		check_controllers(f);
	else
		finding(f, FINDING_PROBLEM, "cgroups",
			"boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 cgroup2 /sys/fs/cgroup",
			"v2 is not mounted");
}

void check_system(struct findings *f)
{
	check_kernel(f);
	check_module(f);
	check_nodes(f);
	check_cgroups(f);
}

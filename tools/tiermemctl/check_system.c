// SPDX-License-Identifier: GPL-2.0
/* check: kernel, module, nodes, cgroups. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	char *release = root_line("proc/sys/kernel/osrelease");
	int major = 0, minor = 0;

	if (!release || sscanf(release, "%d.%d", &major, &minor) != 2)
		finding(f, FINDING_PROBLEM, "kernel",
			format_text("its release can't be read"), format_text("mount -t proc proc /proc"));
	else if (major != 6 || minor < OLDEST_MINOR || minor > NEWEST_MINOR)
		finding(f, FINDING_PROBLEM, "kernel",
			format_text("%s: tiermem is for 6.%d to 6.%d", release, OLDEST_MINOR,
				    NEWEST_MINOR),
			format_text("boot one of these, such as Debian's"));
	else if (minor != OLDEST_MINOR && minor != NEWEST_MINOR)
		finding(f, FINDING_WARNING, "kernel",
			format_text("%s: may work, but only 6.%d and 6.%d are tested", release,
				    OLDEST_MINOR, NEWEST_MINOR),
			format_text("boot one of these, such as Debian's"));
	else
		finding(f, FINDING_OK, "kernel", format_text("%s", release), NULL);
	free(release);
}

/* Taints are normal outside of the kernel's tree, and worth a line in a bug report. */
static void check_signature(struct findings *f)
{
	char *taint = root_line("sys/module/tiermem/taint");
	char *lockdown = root_line("sys/kernel/security/lockdown");
	bool locked = lockdown && !strstr(lockdown, "[none]");

	if (taint && strchr(taint, 'E'))
		finding(f, FINDING_OK, "signature",
			format_text("none that the kernel knows (taint %s); fine without Secure Boot",
				    taint), NULL);
	else
		finding(f, FINDING_OK, "signature",
			format_text("known to the kernel%s%s%s", taint && *taint ? " (taint " : "",
				    taint && *taint ? taint : "", taint && *taint ? ")" : ""), NULL);
	if (locked)
		finding(f, FINDING_OK, "lockdown", format_text("%s", lockdown), NULL);
	free(lockdown);
	free(taint);
}

/* Why it is not loaded. */
static void check_not_loaded(struct findings *f)
{
	static const char * const places[] = { "updates/dkms", "updates", "extra" };
	char *release = root_line("proc/sys/kernel/osrelease");
	char *lockdown = root_line("sys/kernel/security/lockdown");
	bool installed = false, locked = lockdown && !strstr(lockdown, "[none]");
	size_t i;

	for (i = 0; release && i < sizeof(places) / sizeof(places[0]); i++)
		installed |= root_exists("lib/modules/%s/%s/tiermem.ko", release, places[i]) ||
			     root_exists("lib/modules/%s/%s/tiermem.ko.xz", release, places[i]) ||
			     root_exists("lib/modules/%s/%s/tiermem.ko.zst", release, places[i]);
	if (!installed)
		finding(f, FINDING_PROBLEM, "module", format_text("not loaded, not installed"),
			format_text("make dkms-install, in tiermem's source, then modprobe tiermem"));
	else if (locked)
		finding(f, FINDING_PROBLEM, "module",
			format_text("not loaded; Secure Boot: %s", lockdown),
			format_text("modprobe tiermem; if the key was rejected: mokutil --import /var/lib/dkms/mok.pub, reboot"));
	else
		finding(f, FINDING_PROBLEM, "module", format_text("not loaded"),
			format_text("modprobe tiermem; if that fails, dmesg has a line that says why"));
	free(lockdown);
	free(release);
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
			format_text("version %s, but tiermemctl is %s", version, VERSION),
			format_text("rmmod tiermem && modprobe tiermem, or install the tool anew"));
	else
		finding(f, FINDING_OK, "module",
			format_text("version %s, %s", version ?: "?", state ?: "?"), NULL);
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
	uint64_t slow_bytes, free_bytes, fast_bytes;
	struct nodes nodes;

	nodes_read(&nodes);
	fast_bytes = nodes_size(&nodes, false);
	slow_bytes = nodes_size(&nodes, true);
	free_bytes = nodes_free_size(&nodes, true);
	finding(f, fast_bytes ? FINDING_OK : FINDING_PROBLEM, "DRAM",
		format_text("%s, %s free", size_text(fast_bytes, size),
			    size_text(nodes_free_size(&nodes, false), unused)),
		fast_bytes ? NULL : format_text("modprobe tiermem slow_nodes=LIST, of nodes that are slow"));
	if (!slow_bytes)
		finding(f, FINDING_PROBLEM, "slow memory", format_text("none: quotas have no effect"),
			has_dax() ? format_text("daxctl reconfigure-device --mode=system-ram all") :
			format_text("ndctl create-namespace --mode=devdax --map=mem, daxctl reconfigure-device --mode=system-ram all"));
	else if (free_bytes < slow_bytes / 20)
		finding(f, FINDING_WARNING, "slow memory",
			format_text("%s, only %s free", size_text(slow_bytes, size),
				    size_text(free_bytes, unused)),
			format_text("larger quotas, or less memory: quotas do not hold when it is full"));
	else
		finding(f, FINDING_OK, "slow memory",
			format_text("%s, %s free", size_text(slow_bytes, size),
				    size_text(free_bytes, unused)), NULL);
	nodes_free(&nodes);
}

static void check_cgroups(struct findings *f)
{
	char *path, *controllers, *control, *enabled;

	if (!cgroup_mounted()) {
		finding(f, FINDING_PROBLEM, "cgroups", format_text("cgroup v2 is not mounted"),
			format_text("boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 cgroup2 /sys/fs/cgroup"));
		return;
	}
	path = cgroup_file("/", "cgroup.controllers");
	control = cgroup_file("/", "cgroup.subtree_control");
	file_read(path, &controllers);
	file_read(control, &enabled);
	if (!controllers || !strstr(controllers, "memory"))
		finding(f, FINDING_PROBLEM, "cgroups",
			format_text("%s has no memory controller", cgroup_mount()),
			format_text("boot with systemd.unified_cgroup_hierarchy=1, without cgroup_disable=memory"));
	else if (!enabled || !strstr(enabled, "memory"))
		finding(f, FINDING_WARNING, "cgroups",
			format_text("the memory controller is not enabled below the root"),
			format_text("echo +memory > %s/cgroup.subtree_control", cgroup_mount()));
	else
		finding(f, FINDING_OK, "cgroups", format_text("v2 with memory, at %s",
							      cgroup_mount()), NULL);
	free(controllers);
	free(enabled);
	free(control);
	free(path);
}

void check_system(struct findings *f)
{
	check_kernel(f);
	check_module(f);
	check_nodes(f);
	check_cgroups(f);
}

// SPDX-License-Identifier: GPL-2.0
/* Processes with other users and namespaces. See tm_perm.h. */
#include "tm_perm.h"

#include <grp.h>
#include <sys/prctl.h>

int tm_become_user(void)
{
	return setgroups(0, NULL) || setresgid(TM_USER, TM_USER, TM_USER) ||
	       setresuid(TM_USER, TM_USER, TM_USER);
}

int tm_map_root(void)
{
	/* Who has changed users can't open what is of himself in /proc. */
	prctl(PR_SET_DUMPABLE, 1);
	return tm_write("/proc/self/setgroups", "deny") ||
	       tm_write("/proc/self/uid_map", "0 1000 1") ||
	       tm_write("/proc/self/gid_map", "0 1000 1") || getuid();
}

int tm_judge(const char *who, const char *what, const char *whom, int found, int expected)
{
	if (found == expected)
		return 0;
	tm_diag("%s: %s %s: %s, expected %s", who, what, whom, strerror(found),
		strerror(expected));
	return 1;
}

bool tm_in_child(const char *who, const struct tm_cg *cg, tm_child_fn fn, void *arg)
{
	struct tm_child c;
	int rc;

	tm_spawn(&c, cg, fn, arg);
	rc = tm_reap(&c, tm_ms(TM_HANG_MS));
	if (rc == 100)
		tm_diag("%s: the set-up failed", who);
	else if (rc)
		tm_diag("%s: %d wrong answers", who, rc);
	return !rc;
}

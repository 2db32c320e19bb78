# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A real systemd in a guest of selftests/vm, for tests of what it keeps and what it runs; sourced
# after ktap.sh.

# Boots it in namespaces: this test as `systemd-1 LOG` prepares the mounts and becomes systemd, which
# runs the test as a service with its output in LOG. Does not return. In the cgroup that is
# systemd's root there may be nobody else, or no controller can be enabled.
boot_systemd()
{
	local log group=$CG/container

	log=$(mktemp)
	mkdir "$group" || ktap_bail "systemd: no cgroup"
	# shellcheck disable=SC2016	# for the inner shell
	unshare --pid --fork --mount bash -c \
		'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup "$0" systemd-1 "$2"' \
		"$0" "$group" "$log" >"$log.systemd" 2>&1
	# Its processes ended with it; what it made is in the way of the next test.
	until_ms 5000 find "$group" -depth -type d -exec rmdir {} + 2>/dev/null ||
		ktap_diag "cgroups of systemd stay: $(find "$group" -type d | tr '\n' ' ')"
	# The journal's, which is gone with /run.
	[ ! -L /dev/log ] || rm /dev/log
	cat "$log"
	grep -q '^1\.\.' "$log" || ktap_bail "systemd: $(tail -n 5 "$log.systemd")"
	! grep -q '^not ok' "$log" || exit "$KSFT_FAIL"
	exit 0
}

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Virtual machines under quotas: QEMU with KVM, and in it a kernel that knows nothing of it and a
# program that fills the memory with patterns, uses some of it and tells (guest/init.c). In a guest
# of selftests/vm these are guests of a guest.
#
#   selftests/check.sh -m guests -v		what is part of the check
#   selftests/check.sh -m long-guests -v	all
#   test_guests.sh [quota|flip|swap|life|density|redis...]
#
# TM_FLIP_S: how long quotas are flipped (120). TM_GAP_MS: how long a guest may stand still (2000).
# shellcheck disable=SC2034 # for the stories
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/guests.sh
. "$(dirname "$0")/lib/guests.sh"

readonly HOT_MS=30000
readonly FLIP_S=${TM_FLIP_S:-120}
readonly TIME_PCT=${TM_TIME_PCT:-100}
readonly GAP_MS=$((${TM_GAP_MS:-2000} * TIME_PCT / 100))
THP=/sys/kernel/mm/transparent_hugepage/enabled
KSM=/sys/kernel/mm/ksm

for story in quota flip swap life density redis; do
	# shellcheck source=/dev/null
	. "$(dirname "$0")/guest/$story.sh"
done

cleanup()
{
	local name

	touch "$dir/stop-sampling"
	for name in "${!PID[@]}"; do
		guest_end "$name"
	done
	! loaded || until_ms 5000 rmmod tiermem
	rm -rf "$dir"
}

# ---- main ---------------------------------------------------------------------------------------

declare -A RESULTS=([quota]=6 [flip]=2 [swap]=4 [life]=7 [density]=4 [redis]=1)

ktap_header
need_root
need_module
command -v qemu-system-x86_64 >/dev/null || ktap_skip_all "no qemu-system-x86_64"
[ -r "$GUEST_DIR/initramfs" ] || ktap_skip_all "no $GUEST_DIR/initramfs (make selftests)"
modprobe -iq kvm-amd || modprobe -iq kvm-intel
[ -e /dev/kvm ] || ktap_skip_all "no /dev/kvm"
! loaded || ktap_skip_all "the module is in use"
trap cleanup EXIT
insmod "$KO" || ktap_skip_all "the module does not load"
[ -n "$(cat $SYSFS/slow_nodes)" ] || ktap_skip_all "no slow node"
# Hint faults would be another way to see a guest's accesses.
echo 0 >/proc/sys/kernel/numa_balancing
# An emulated processor takes many times as long for a look; what is seen is the same.
echo 20 >$SYSFS/cpu_budget_percent

[ $# -gt 0 ] || set -- quota flip swap life density redis
plan=0
for story; do
	[ -n "${RESULTS[$story]:-}" ] || ktap_bail "no story '$story'"
	plan=$((plan + RESULTS[$story]))
done
ktap_plan $plan
for story; do
	start=$SECONDS
	"story_$story"
	ktap_diag "$story: $((SECONDS - start)) s"
done
ktap_end

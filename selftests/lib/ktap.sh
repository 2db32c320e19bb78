# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # some of it is for the scripts only
#
# TAP for test_*.sh; sourced. The kernel's ktap_helpers.sh isn't part of every
# linux-source package. Also what each of these scripts asks the machine.

KTAP_N=0 KTAP_FAILED=0 KTAP_PLAN=0
readonly KSFT_FAIL=1 KSFT_SKIP=4

SELFTESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
TOP=$(dirname "$SELFTESTS")
BIN=${TM_BIN:-$TOP/build/selftests}
KO=${TIERMEM_KO:-$TOP/build/$(uname -r)/tiermem.ko}
CG=/sys/fs/cgroup
SYSFS=/sys/kernel/tiermem

ktap_header()
{
	[ -n "${KSFT_TAP_LEVEL:-}" ] || echo "TAP version 13"
}

ktap_plan()
{
	KTAP_PLAN=$1
	echo "1..$1"
}

ktap_diag()
{
	local line

	while IFS= read -r line; do
		echo "# $line"
	done <<<"$*"
}

ktap_skip_all()
{
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

ktap_bail()
{
	echo "Bail out! $*"
	exit "$KSFT_FAIL"
}

# What a test on the simulated clock boots: the simulator, and an image of access patterns.
ktap_need_simulator()
{
	local tool

	for tool in qemu-system-x86_64 jq; do
		command -v $tool >/dev/null || ktap_skip_all "no $tool"
	done
	make -s -C "$TOP/tools/tiersim" || ktap_bail "tools/tiersim does not build (make deps)"
	"$TOP/tools/bench/image.sh" micro >/dev/null || ktap_bail "no image (tools/bench/image.sh)"
}

ktap_ok()	# status name; status 0 passes
{
	KTAP_N=$((KTAP_N + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $KTAP_N ${*:2}"
	else
		echo "not ok $KTAP_N ${*:2}"
		KTAP_FAILED=$((KTAP_FAILED + 1))
	fi
}

ktap_skip()	# name, reason
{
	KTAP_N=$((KTAP_N + 1))
	echo "ok $KTAP_N $1 # SKIP $2"
}

# Runs a command, which decides.
ktap_check()	# name command...
{
	local name=$1

	shift
	"$@"
	ktap_ok $? "$name"
}

ktap_end()
{
	if [ "$KTAP_N" -ne "$KTAP_PLAN" ]; then
		echo "# planned $KTAP_PLAN, ran $KTAP_N"
		exit $KSFT_FAIL
	fi
	[ "$KTAP_FAILED" -eq 0 ] || exit $KSFT_FAIL
	exit 0
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
}

need_module()
{
	[ -r "$KO" ] || ktap_skip_all "no module $KO"
}

# Polls a command every 50 ms, at most so many ms (scaled by TM_TIME_PCT).
until_ms()	# ms command...
{
	local end=$((${EPOCHREALTIME/./} + $1 * ${TM_TIME_PCT:-100} * 10))

	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

now_ms()
{
	echo $((${EPOCHREALTIME/./} / 1000))
}

# Node lists of the module, or what is written over there.
state()
{
	cat $SYSFS/state 2>/dev/null
}

loaded()
{
	grep -q '^tiermem ' /proc/modules
}

# A line in the kernel's log, to find what comes after it.
dmesg_mark()
{
	MARK="tm-mark-$$-$RANDOM-${EPOCHREALTIME/./}"
	echo "$MARK" >/dev/kmsg
}

# What the module said since the mark. The loader speaks in its name the first
# time, too.
dmesg_since()
{
	dmesg | sed "1,/$MARK/d" | grep -o 'tiermem: .*' |
		grep -v 'tainting kernel\|taints kernel'
}

# Prints what an unloaded module left behind; fails if there is anything.
leftovers()
{
	local left=''

	! loaded || left+=" /proc/modules"
	[ ! -e $SYSFS ] || left+=" $SYSFS"
	[ ! -e /sys/module/tiermem ] || left+=" /sys/module/tiermem"
	[ ! -e /dev/tiermem ] || left+=" /dev/tiermem"
	! compgen -G "$CG/tiermem.*" >/dev/null || left+=" files in the root cgroup"
	! compgen -G "$CG/*/tiermem.*" >/dev/null || left+=" files in cgroups"
	! grep -qsl '^ktiermemd' /proc/[0-9]*/comm || left+=" ktiermemd"
	! grep -qs 'alloc_pages\|alloc_frozen_pages\|tiermem\|\[tm_' \
		/sys/kernel/tracing/enabled_functions || left+=" enabled_functions"
	! grep -qs 'alloc_pages\|kallsyms_lookup_name\|tiermem' \
		/sys/kernel/debug/kprobes/list || left+=" kprobes"
	[ ! -e /sys/kernel/tracing/events/tiermem ] || left+=" tracepoints"
	[ -z "$left" ] || { echo "left behind:$left"; return 1; }
}

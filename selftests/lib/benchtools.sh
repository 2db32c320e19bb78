# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # some of it is for the scripts only
#
# What the tests of the benchmark's programs share; sourced after ktap.sh.

GUEST=$TOP/build/bench/guest
EXPECT=$SELFTESTS/lib/bench_expect.py
dir=$(mktemp -d)

# Ends the test if they don't build.
build_benchtools()
{
	make -s -C tools/bench/guest test >"$dir/make.log" 2>&1 && return 0
	ktap_diag "$(cat "$dir/make.log")"
	ktap_plan 1
	ktap_ok 1 "build"
	ktap_end
}

# Runs a command that says what is wrong.
expect()	# name command of bench_expect.py...
{
	local said rc=0

	said=$(python3 "$EXPECT" "${@:2}" 2>&1) || rc=$?
	[ "$rc" -eq 0 ] || ktap_diag "$1: $said"
	ktap_ok "$rc" "$1"
}

# Does a command end with an error and this text on stderr?
fails()		# text command...
{
	local said rc=0

	said=$("${@:2}" 2>&1 >/dev/null) || rc=$?
	[ "$rc" -ne 0 ] && [ "$rc" -lt 124 ] && [[ $said == *"$1"* ]] && return 0
	ktap_diag "${*:2}: ended with $rc and said '$said', expected '$1'"
	return 1
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: ask the tool something, and judge what it says.

# Sets out, err and rc.
ctl()
{
	rc=0
	out=$("$CTL" --root "$FAKE" "$@" 2>"$dir/err") || rc=$?
	err=$(<"$dir/err")
}

# Each prints what is wrong.
ends()		# status
{
	[ "$rc" -eq "$1" ] || { ktap_diag "status $rc, not $1: $out $err"; return 1; }
}

says()		# pattern text
{
	# shellcheck disable=SC2053	# a pattern
	[[ $2 == $1 ]] || { ktap_diag "not '$1': $2"; return 1; }
}

# Nothing went wrong, and nothing was complained about.
well()
{
	ends 0 && says '' "$err"
}

fails()		# status, pattern of the message
{
	ends "$1" && says "$2" "$err" && says '' "$out"
}

# An expression about d, what is in $out.
json()		# python
{
	python3 -c 'import json, sys
d = json.load(sys.stdin)
assert eval(f"({sys.argv[1]})"), json.dumps(d)[:2000]' "$1" <<<"$out" 2>"$dir/json" ||
		{ ktap_diag "$1: $(tail -n 1 "$dir/json")"; return 1; }
}

quota()		# cgroup; prints what its file has
{
	cat "$FAKE/sys/fs/cgroup$1/tiermem.dram_max"
}

machine()	# another one
{
	MACHINES=$((${MACHINES:-0} + 1))
	FAKE=$dir/$MACHINES
	cp -a "$dir/machine" "$FAKE"
}

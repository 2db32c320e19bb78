#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark's oracle (tools/bench/guest/place.c) and where micro's memory begins.
#
#   test_place.sh host   on the machine that builds: what it would move
#   test_place.sh vm     in a virtual machine with two nodes: it moves
#
# Without an argument: vm in a guest of selftests/vm/run.sh, else host.
set -u

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/benchtools.sh
. "$(dirname "$0")/lib/benchtools.sh"
cd "$TOP" || exit $KSFT_FAIL

half=${1:-$([ -n "${VM_OUT:-}" ] && echo vm || echo host)}
trap '[ -z "${TOY_PID:-}" ] || kill "$TOY_PID"; rm -rf "$dir"' EXIT

# ---- on one node ----------------------------------------------------------------------------

# A process with known pages and counts in $dir. TOY: "huge" if it got a huge page.
start_toy()
{
	if [ -n "${TOY_PID:-}" ]; then
		kill "$TOY_PID"
		wait "$TOY_PID" 2>/dev/null
	fi
	# shellcheck disable=SC2034	# coproc makes TOY_PID of it
	coproc TOY { exec python3 "$EXPECT" toy "$dir"; }
	read -r -t 20 -u "${TOY[0]}" toy_kind
}

place()		# arguments
{
	"$GUEST/place" --pid "$TOY_PID" --counts "$dir/counts" "$@"
}

plan()		# name dram first last
{
	place --dram "$2" --dry-run --plan "$dir/plan" >"$dir/result"
	expect "$1" plan "$dir" "$3" "$4"
}

stats()
{
	local total

	place --stats-only >"$dir/result" || return 1
	total=$((1000 * 64 * 65 / 2))
	[ "$toy_kind" != huge ] || total=$((total + 512 * 20500))
	jq -es --argjson total "$total" 'map(select(.type == "hottest")) | length == 11 and
		.[10].pct == 100 and .[10].accesses == $total and .[10].share == 1 and
		(map(.share) | . == sort)' "$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

place_arguments()
{
	local p=$GUEST/place

	printf 123 >"$dir/odd"
	printf 12345678 >"$dir/short"
	: >"$dir/empty"
	fails '--pid is missing' "$p" --dram 1M &&
		fails '--dram is missing' "$p" --pid 1 &&
		fails 'not between 1 and' "$p" --pid 0 --dram 1M &&
		fails 'not a number of bytes' "$p" --pid 1 --dram much &&
		fails 'on the same node' "$p" --pid 1 --dram 1 --slow-node 0 &&
		fails 'No such file' place --dram 1M --dry-run --counts "$dir/none" &&
		fails 'no array of u32' place --dram 1M --dry-run --counts "$dir/odd" &&
		fails 'no array of u32' place --dram 1M --dry-run --counts "$dir/empty" &&
		fails 'beyond the counts' place --dram 1M --dry-run --counts "$dir/short" &&
		fails "don't both have memory" place --dram 1M --slow-node 63 &&
		fails 'no ivshmem device' "$p" --pid "$TOY_PID" --dram 1M --dry-run &&
		fails 'No such file' place --pid 99999999 --dram 1M --dry-run
}

host_tests()
{
	start_toy
	# 44 small pages are hotter than the huge one, which needs 512 more, and 20 are colder.
	plan "place: the 10 hottest pages" 40K 1 10
	plan "place: nothing" 0 0 0
	if [ "$toy_kind" = huge ]; then
		plan "place: up to the huge page" $(((44 + 512) * 4))K 1 45
		# It does not fit, but colder pages do: all small ones, of 64 + 511 pages.
		place --dram $(((44 + 511) * 4))K --dry-run --plan "$dir/plan" >"$dir/result"
		ktap_check "place: a huge page that does not fit" huge_left_out
	else
		plan "place: all of it" 256K 1 64
		ktap_skip "place: a huge page that does not fit" "got no huge page"
	fi
	ktap_check "place: statistics" stats
	ktap_check "place: bad arguments" place_arguments
}
# shellcheck disable=SC2329
huge_left_out()
{
	[ "$(awk '$2 == 512 && $4 == 1 && $3 == 512 * 20500' "$dir/plan" | wc -l)" -eq 1 ] &&
		[ "$(awk '$2 == 1 && $3 >= 1000 && $4 == 0' "$dir/plan" | wc -l)" -eq 64 ]
}

# ---- two nodes ------------------------------------------------------------------------------

# Moves for real. The toy itself says where its units are then. A new one each time: the counts are
# those of frames that its pages have left.
moved()		# dram first last
{
	local nodes expected='' i said

	start_toy
	place --dram "$1" >"$dir/result" || return 1
	echo >&"${TOY[1]}"
	read -r -t 20 -u "${TOY[0]}" nodes
	for ((i = 1; i <= $(wc -l <"$dir/units"); i++)); do
		expected+=" $((i >= $2 && i <= $3 ? 0 : 1))"
	done
	# What it says it did is so.
	said=$(jq -c '[.misplaced_pages == 0, .dram_share_before == 1, .slow_bytes_before == 0,
		.demoted_pages > 0, .dram_bytes == '$((${1%K} * 1024))']' "$dir/result")
	[ "$nodes" = "${expected# }" ] && [ "$said" = "[true,true,true,true,true]" ] && return 0
	ktap_diag "$(cat "$dir/result") $said"
	ktap_diag "nodes    $nodes"
	ktap_diag "expected ${expected# }"
	return 1
}

promoted()
{
	start_toy
	place --dram 0 >"$dir/result" || return 1
	place --dram 1G >"$dir/result" || return 1
	jq -e '.misplaced_pages == 0 and .slow_bytes == 0 and .dram_bytes_before == 0 and
		.promoted_pages == .dram_bytes / 4096 and .demoted_pages == 0' \
		"$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

micro_on_node()		# node
{
	local pid nodes

	"$GUEST/micro" -p zipf -s 32M --membind "$1" --order shuffled -t 20 >"$dir/result" &
	pid=$!
	until_ms 10000 on_node "$pid" "$1"
	nodes=$?
	# No policy is left that would keep the pages there.
	! grep -q 'bind:' "/proc/$pid/numa_maps" || nodes=1
	[ "$nodes" -eq 0 ] || ktap_diag "$(grep -E 'dirty=[0-9]{4}' "/proc/$pid/numa_maps")"
	kill "$pid"
	wait "$pid" 2>/dev/null
	return "$nodes"
}

# shellcheck disable=SC2329
on_node()	# pid node
{
	grep -qE "N$2=8192( |$)" "/proc/$1/numa_maps"
}

vm_tests()
{
	ktap_check "place: 10 hottest pages stay, the rest goes to node 1" moved 40K 1 10
	ktap_check "place: all goes to node 1" moved 0 0 0
	ktap_check "place: all comes back to node 0" promoted
	ktap_check "micro begins on node 0" micro_on_node 0
	ktap_check "micro begins on node 1" micro_on_node 1
}

# ---- main -----------------------------------------------------------------------------------

ktap_header
need_root
case $half in
host)
	build_benchtools
	ktap_plan 6
	host_tests
	;;
vm)
	[ -x "$GUEST/place" ] || ktap_skip_all "not built: make -C tools/bench/guest"
	ktap_plan 5
	vm_tests
	;;
*)
	echo "usage: test_place.sh [host|vm]" >&2
	exit $KSFT_FAIL
	;;
esac
ktap_end

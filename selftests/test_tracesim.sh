#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The trace simulator (tools/tracesim/), and with it the policy as a whole: how near does it come to
# the best static placement? On the machine that builds.
set -u

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/benchtools.sh
. "$(dirname "$0")/lib/benchtools.sh"
cd "$TOP" || exit $KSFT_FAIL

readonly SIM=build/tracesim/tracesim
trap 'rm -rf "$dir"' EXIT

# The number after these words in the last line; the last ones, if there are several.
figure()	# words
{
	sed -n "\$s/.*$1 \([0-9.]*\).*/\1/p" "$dir/result"
}

# "figure operator number"...; all must hold.
holds()
{
	local words op number bad=0

	while [ $# -gt 0 ]; do
		words=$1 op=$2 number=$3
		shift 3
		awk "BEGIN { exit !(\"$(figure "$words")\" != \"\" && $(figure "$words") + 0 $op $number) }" ||
			bad=1
	done
	[ "$bad" -eq 0 ] || ktap_diag "$(cat "$dir/result")"
	return "$bad"
}

# ---- the policy -----------------------------------------------------------------------------

# Half of the default pages and rate: the same for each page, in half of the time.
policy()	# stream figures...
{
	"$SIM" -s "$1" -n 50000 -r 2500000 -q 0.25 -t 120 -w 60 >"$dir/result" 2>&1 || return 1
	holds "${@:2}"
}

# Two other seeds, so that it isn't luck; moves are noise there, and few.
uniform()
{
	local seed

	for seed in 1 2; do
		"$SIM" -s uniform -S "$seed" -n 50000 -r 2500000 -t 120 -w 60 >"$dir/result" &&
			holds moved '<=' 0.0005 hits '>' 0.249 hits '<' 0.251 || return 1
	done
}

# Everything changes every 40 s, and half a minute later the new hot set is in DRAM again.
jumps()
{
	"$SIM" -s hot10 -n 50000 -r 2500000 -j 40 -t 79 -w 70 >"$dir/result" &&
		holds 'of oracle' '>=' 0.99
}

# A pass over everything, over and over: the hot set stays where it is.
scans()
{
	"$SIM" -s hot10 -n 50000 -r 2500000 -C 20 -c 2 -t 120 -w 60 >"$dir/result" &&
		holds 'of oracle' '>=' 0.98
}

# Values that are overwritten wander: no page stays hot for long enough to be worth a move.
churn()
{
	"$SIM" -s churn -n 20000 -r 100000 -q 0.5 -m 64 -t 20 -w 10 >"$dir/result" &&
		holds hits '>=' 0.47 moved '<=' 0.1
}

extremes()
{
	"$SIM" -q 0 -n 1000 -t 3 -w 1 >"$dir/result" && holds hits == 0 moved == 0 &&
		"$SIM" -q 1 -n 1000 -t 3 -w 1 >"$dir/result" && holds hits == 1 moved == 0 &&
		"$SIM" -n 1 -t 3 -w 1 >"$dir/result" &&
		holds hits == 0 '  oracle' == 0
}

# ---- records --------------------------------------------------------------------------------

# An access a millisecond: nine of ten to the last ten pages, one to one of the other ninety.
write_record()
{
	awk 'BEGIN {
		for (i = 0; i < 20000; i++)
			printf "%d000000 %d\n", i, i % 10 ? 90 + i % 11 % 10 : i / 10 % 90
	}'
}

# DRAM holds the first ten pages at first. The best ten have 90 % and a little.
replay()
{
	local best

	write_record >"$dir/record"
	best=$(awk '{ n[$2]++ } END { for (p in n) print n[p] / NR }' "$dir/record" | sort -rg |
		head -n 10 | awk '{ s += $1 } END { printf "%.4f", s }')
	"$SIM" -f "$dir/record" -q 0.1 -t 100 -w 0 >"$dir/result" &&
		holds '  oracle' == "$best" moved '>' 0 hits '>' "0.5 * $best" || return 1
	"$SIM" -f "$dir/record" -q 0.1 -t 100 -w 10 >"$dir/result" &&
		holds '  oracle' == "$best" hits '>=' "0.97 * $best" 's to' '>=' 19.9
}

# It ends before the time that would count.
short_record()
{
	write_record | head -n 3000 >"$dir/record"
	"$SIM" -f "$dir/record" -q 0.1 >"$dir/result" &&
		holds from == 0 's to' '>=' 2.9 's to' '<' 4
}

bad_records()
{
	fails 'No such file' "$SIM" -f "$dir/none" || return 1
	: >"$dir/bad"
	fails 'no access in it' "$SIM" -f "$dir/bad" || return 1
	printf '1 1\n2 x\n' >"$dir/bad"
	fails "line 2 isn't 'nanoseconds page'" "$SIM" -f "$dir/bad" || return 1
	printf '1 1 1\n' >"$dir/bad"
	fails "line 1 isn't" "$SIM" -f "$dir/bad" || return 1
	printf '1 -1\n' >"$dir/bad"
	fails "line 1 isn't" "$SIM" -f "$dir/bad" || return 1
	printf '99999999999999999999 1\n' >"$dir/bad"
	fails "line 1 isn't" "$SIM" -f "$dir/bad" || return 1
	printf '1 1\n3 1\n2 1\n' >"$dir/bad"
	fails 'line 3: time goes back' "$SIM" -f "$dir/bad" || return 1
	printf '1 4000000000\n' >"$dir/bad"
	fails 'line 1: page 4000000000 is beyond' "$SIM" -f "$dir/bad"
}

# ---- the program ----------------------------------------------------------------------------

# The same seed gives the same figures, another one doesn't.
seeds()
{
	local n

	for n in 3 3 4; do
		"$SIM" -n 5000 -t 5 -w 1 -S "$n"
	done >"$dir/result"
	[ "$(uniq "$dir/result" | wc -l)" -eq 2 ] && [ "$(uniq -d "$dir/result" | wc -l)" -eq 1 ]
}

csv()
{
	"$SIM" -n 5000 -t 5 -w 1 -e 1 -v >"$dir/result" || return 1
	[ "$(head -n 1 "$dir/result")" = s,window_ms,young,hits,oracle,moved,back ] &&
		[ "$(grep -cE '^([0-9.]+,){6}[0-9]+$' "$dir/result")" -ge 4 ]
}

arguments()
{
	fails "there is no stream 'zip'" "$SIM" -s zip &&
		fails 'not between 0 and 1' "$SIM" -q 1.1 &&
		fails 'not between 0 and 1' "$SIM" -q -0.1 &&
		fails 'not between 0 and 1' "$SIM" -q nan &&
		fails "'1x' is no number" "$SIM" -q 1x &&
		fails "'' is no number" "$SIM" -q '' &&
		fails 'not between 0 and 1' "$SIM" --hot 2 &&
		fails 'not between 1 and' "$SIM" --pages 0 &&
		fails 'not between 1 and' "$SIM" --pages 1e10 &&
		fails 'no whole number' "$SIM" --pages 1.5 &&
		fails 'not between 0 and' "$SIM" --rate -1 &&
		fails 'not between 0.001 and 100' "$SIM" --cpu 0 &&
		fails 'not between 0.001 and' "$SIM" --mbps 0 &&
		fails 'not between 0.001 and' "$SIM" --seconds 0 &&
		fails 'not between 0.001 and' "$SIM" --jump inf &&
		fails 'takes longer than until the next one' "$SIM" -c 3 -C 2 &&
		fails 'no time is left after --steady' "$SIM" -t 60 &&
		fails '--csv needs --every' "$SIM" -v &&
		fails "what is 'x'" "$SIM" x &&
		fails 'unrecognized option' "$SIM" --no-such
}

# ---- main -----------------------------------------------------------------------------------

ktap_header
if ! make -s -C tools/tracesim >"$dir/make.log" 2>&1; then
	ktap_diag "$(cat "$dir/make.log")"
	ktap_plan 1
	ktap_ok 1 "build"
	ktap_end
fi
ktap_plan 14
ktap_check "zipf: 97 % of the best placement" policy zipf 'of oracle' '>=' 0.97
ktap_check "hot10: 99 %" policy hot10 'of oracle' '>=' 0.99
ktap_check "gauss: 95 %" policy gauss 'of oracle' '>=' 0.95
ktap_check "uniform: hardly anything moves" uniform
ktap_check "a hot set that jumps is found again" jumps
ktap_check "scans don't displace a hot set" scans
ktap_check "values that wander are not run after" churn
ktap_check "no quota, quota for all, a single page" extremes
ktap_check "a record is replayed" replay
ktap_check "a short record counts as a whole" short_record
ktap_check "bad records" bad_records
ktap_check "seeds" seeds
ktap_check "CSV" csv
ktap_check "bad arguments" arguments
ktap_end

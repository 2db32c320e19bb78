#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The right pages are inside: the share of accesses that DRAM serves, on the simulated
# clock, with patterns whose probabilities are known.
#
#   hit     sum of the probabilities of the pages in DRAM (pagemap says which)
#   oracle  the same of the best static placement: the most probable pages that fit
#           the quota
#
# usage: test_hits.sh [-k] [-K SERIES] [quick|long|CASE...]
#   -k   keep results: boot only what has none yet (build/hits)
#   -K   series of the kernel, 6.12
#
# Environment: HITS_JOBS, boots side by side, default: processors.
#
# The memory is 400M. "Full speed" is 5 to 9 million accesses a second of one vCPU,
# and costs 6 to 8 seconds of this machine for one of the guest; what sleeps between
# its accesses (--rate) costs a tenth of that.
set -uo pipefail

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/ktap.sh"

BOOT=$TOP/tools/bench/boot.sh
DIR=$TOP/build/hits
readonly PAGES=102400			# 400M
readonly TENTH=700000 HUNDREDTH=70000	# accesses a second
readonly MBPS=64			# migrate_mbps where moves are timed
readonly JUMP_S=20
RIVALS="numab2 damon mglru-loop reclaim-loop"

# ---- boots ---------------------------------------------------------------------

# Boots by name: system, DRAM in percent, tune, then what micro is asked for.
# Rivals run exactly what tiermem runs, under the same name with theirs in front.
boot_args()	# name
{
	local name=$1 system=tiermem series=$kernel pct=25 tune='' more

	case $name in
	*:*)	system=${name%%:*} name=${name#*:} ;;
	esac
	case $name in
	zipf10|zipf50)	pct=${name#zipf} more="patterns=zipf --seconds 16 --hits-every 1" ;;
	zipf25)		more="patterns=zipf --seconds 16 --hits-every 1" ;;
	zipf25-short)	more="patterns=zipf --seconds 8 --hits-every 1" ;;
	zipf25-6.1)	series=6.1 more="patterns=zipf --seconds 8 --hits-every 1" ;;
	gauss)		more="patterns=gauss --seconds 160 --hits-every 4 --rate $TENTH" ;;
	zipf25-tenth)	more="patterns=zipf --seconds 40 --hits-every 2 --rate $TENTH" ;;
	zipf25-hundredth) more="patterns=zipf --seconds 240 --hits-every 5 --rate $HUNDREDTH" ;;
	uniform)	more="patterns=uniform --seconds 75 --hits-every 2.5" ;;
	uniform-tenth)	more="patterns=uniform --seconds 75 --hits-every 2.5 --rate $TENTH" ;;
	jump)		tune="migrate_mbps=$MBPS"
			more="patterns=jump --jump-once $JUMP_S --seconds 32 --hits-every 0.5" ;;
	jump-tenth)	tune="migrate_mbps=$MBPS"
			more="patterns=jump --jump-once $JUMP_S --seconds 32 --hits-every 0.5 --rate $TENTH" ;;
	sweep-zipf)	more="patterns=zipf --sweep-every 30 --seconds 104 --hits-every 1 --rate $TENTH" ;;
	sweep-hot10)	more="patterns=hot10 --sweep-every 30 --seconds 104 --hits-every 1 --rate $TENTH" ;;
	large)		more="patterns=hot --hot 110M --seconds 75 --hits-every 2.5" ;;
	large-tenth)	more="patterns=hot --hot 110M --seconds 75 --hits-every 2.5 --rate $TENTH" ;;
	*)		return 1 ;;
	esac
	[ "$system" = tiermem ] || tune=''
	printf '%s\n' workload=micro "system=$system" "dram_pct=$pct" seed=1 "kernel=$series" \
		limit=1500 "tune=$tune" "args=$more --size 400M"
}

boot()	# name
{
	local dir=$DIR/$1 args

	[ -z "$keep" ] || [ ! -e "$dir/done" ] || return 0
	rm -rf "$dir"
	mkdir -p "$dir"
	mapfile -t args < <(boot_args "$1")
	"$BOOT" "$dir" "${args[@]}" >"$dir/boot.log" 2>&1 && touch "$dir/done"
	rm -f "$dir/pages"
}

# What figures() finds.
hit='' oracle='' ratio='' lowest='' dram_pages='' moved='' moved_pct='' all_moved=''
promoted='' pingpong='' daemon_pct='' scan_pct='' windows=''

# ---- figures -------------------------------------------------------------------

booted()	# name, case
{
	[ ! -e "$DIR/$1/done" ] || return 0
	ktap_diag "$1: $(tail -n 5 "$DIR/$1/boot.log")"
	ktap_ok 1 "$2"
	return 1
}

# Of the lines from one time to another; sets the variables that are named below, and
# prints them. Counters are differences. Windows are those of the module, where it says.
figures()	# name from to
{
	local line kv

	line=$(jq -rRn --argjson from "$2" --argjson to "$3" --argjson pages "$PAGES" '
		[inputs | fromjson? | select(.type == "hits")] as $all |
		[$all[] | select(.at_s >= $from and .at_s <= $to)] as $w |
		def grown(f): ($w[-1] | f // 0) - ($w[0] | f // 0);
		($w | map(.hit) | add / length) as $hit |
		grown(.at_s) as $s |
		{ hit: $hit, oracle: $w[0].oracle, ratio: ($hit / $w[0].oracle),
		  lowest: ($w | map(.hit) | min),
		  dram_pages: ($w | map(.dram_pages) | add / length | round),
		  seconds: $s,
		  moved: grown(.pgmigrate_success),
		  moved_pct: (100 * grown(.pgmigrate_success) / $s / $pages),
		  all_moved: ($w[-1].pgmigrate_success),
		  promoted: grown(.promoted_bytes), pingpong: grown(.pingpong_bytes),
		  daemon_pct: (grown(.scan_usec + .migrate_usec) / $s / 10000),
		  scan_pct: (grown(.scan_usec) / $s / 10000),
		  windows: ([$w[] | .window_usec // .window_ns // empty] |
			if . == [] then "-" else "\(min)..\(max)" end) } |
		to_entries | map("\(.key)=\(.value)") | join(" ")' "$DIR/$1/results.jsonl") &&
		[ -n "$line" ] || return 1
	for kv in $line; do	# each a variable of that name
		printf -v "${kv%%=*}" %s "${kv#*=}"
	done
	ktap_diag "$(printf '%s, %s..%s s: hit %.4f, oracle %.4f, ratio %.4f, lowest %.4f; %d pages in DRAM; moved %d pages, %.4f %% of the memory a second, %d since boot; daemon %.2f %% of a CPU; windows %s' \
		"$1" "$2" "$3" "$hit" "$oracle" "$ratio" "$lowest" "$dram_pages" "$moved" \
		"$moved_pct" "$all_moved" "$daemon_pct" "$windows")"
}

holds()	# expression of awk, name...
{
	awk "BEGIN { exit !($1) }"
	ktap_ok $? "${*:2}"
}

# ---- cases ---------------------------------------------------------------------

# The mean over the last part of a run.
steady()	# name from to ratio what
{
	booted "$1" "$5" || return
	figures "$1" "$2" "$3" || { ktap_ok 1 "$5: no figures"; return; }
	holds "$ratio >= $4" "$5: hit ratio $ratio of the oracle's, at least $4"
}

case_zipf10()		{ steady zipf10 12 16 0.94 "zipf, full speed, 10 % in DRAM"; }
case_zipf25()		{ steady zipf25 12 16 0.97 "zipf, full speed, 25 % in DRAM"; }
case_zipf25_short()	{ steady zipf25-short 5 8 0.97 "zipf, full speed, 25 % in DRAM"; }
case_zipf50()		{ steady zipf50 12 16 0.97 "zipf, full speed, 50 % in DRAM"; }
case_zipf61()		{ steady zipf25-6.1 5 8 0.97 "zipf, full speed, 25 % in DRAM, Linux 6.1"; }
case_tenth()		{ steady zipf25-tenth 30 40 0.97 "zipf, a tenth of the speed"; }
case_hundredth()	{ steady zipf25-hundredth 200 240 0.97 "zipf, a hundredth of the speed"; }
case_gauss()		{ steady gauss 120 160 0.95 "gauss, a tenth of the speed"; }

# The tenth that is hot, at first and after it has jumped.
jumps()	# name what
{
	local there budget_s limit_s

	booted "$1" "$2" || return
	figures "$1" 14 "$JUMP_S" || { ktap_ok 1 "$2: no figures"; return; }
	holds "$ratio >= 0.99" "$2, before it jumps: hit ratio $ratio of the oracle's, at least 0.99"
	# Between two looks hits grow as pages move: evenly.
	there=$(jq -rRn --argjson jump "$JUMP_S" '[inputs | fromjson? |
		select(.type == "hits" and .hot_shift > 0)] as $h |
		([range($h | length)] | map(select($h[.].hit >= 0.9 * $h[.].oracle))[0]) as $i |
		if $i == null then "never" else
			(if $i == 0 then { at_s: $jump, hit: 0 } else $h[$i - 1] end) as $from |
			$h[$i] as $to | (0.9 * $to.oracle - $from.hit) / ($to.hit - $from.hit) |
			$from.at_s + . * ($to.at_s - $from.at_s) - $jump |
			. * 100 | round / 100 end' "$DIR/$1/results.jsonl")
	budget_s=$(awk "BEGIN { print 2 * $PAGES / 10 * 4096 / ($MBPS * 1e6) }")
	limit_s=$(awk "BEGIN { print 3 * $budget_s }")
	ktap_diag "$1: migrate_mbps $MBPS: 40M up and 40M down take $budget_s s; 90 % of the new oracle after $there s"
	figures "$1" "$JUMP_S" $((JUMP_S + 1))
	figures "$1" 27 32
	holds "${there/never/1e9} <= $limit_s" "$2 jumps: 90 % of the oracle after $there s, at most $limit_s s"
}

case_jump()		{ jumps jump "10 % are hot, full speed"; }
case_jump_tenth()	{ jumps jump-tenth "10 % are hot, a tenth of the speed"; }

# Nothing to gain: nothing moves, and DRAM serves its share.
even()	# name from to what
{
	booted "$1" "$4" || return
	figures "$1" "$2" "$3" || { ktap_ok 1 "$4: no figures"; return; }
	holds "$moved_pct <= 0.05" "$4: $moved_pct % of the memory moves in a second, at most 0.05"
	holds "$hit >= 0.24 && $hit <= 0.26" "$4: hit ratio $hit, 0.25 give or take 0.01"
	# The budget is 1 %, over a minute.
	figures "$1" 15 75
	holds "$scan_pct <= 1.2" "$4: observation takes $scan_pct % of a CPU, at most 1.2"
}

case_uniform()		{ even uniform 60 75 "uniform, full speed"; }
case_uniform_tenth()	{ even uniform-tenth 60 75 "uniform, a tenth of the speed"; }

# A backup, each 30 seconds. Those at 60 and 90 s are looked at.
swept()	# name what
{
	local before

	booted "$1" "$2" || return
	figures "$1" 45 60 || { ktap_ok 1 "$2: no figures"; return; }
	before=$hit
	ktap_diag "$(jq -rR 'fromjson? | select(.type == "sweep") | "a sweep at \(.at_s) s took \(.seconds) s"' \
		"$DIR/$1/results.jsonl")"
	figures "$1" 60 104
	holds "$before - $lowest <= 0.03" "$2: from $before down to $lowest, at most 0.03"
}

case_sweep_zipf()	{ swept sweep-zipf "zipf and a sweep each 30 s"; }
case_sweep_hot10()	{ swept sweep-hot10 "10 % are hot and a sweep each 30 s"; }

# More is hot than fits.
larger()	# name what
{
	booted "$1" "$2" || return
	figures "$1" 60 75 || { ktap_ok 1 "$2: no figures"; return; }
	ktap_diag "$1: promoted $promoted bytes, $pingpong bytes went back and forth"
	holds "$pingpong <= 0.01 * $promoted" \
		"$2: $pingpong of $promoted promoted bytes are ping-pong, at most 1 %"
	holds "$ratio >= 0.95" "$2: hit ratio $ratio of the oracle's, at least 0.95"
}

case_large()		{ larger large "1.1 times the quota is hot, full speed"; }
case_large_tenth()	{ larger large-tenth "1.1 times the quota is hot, a tenth of the speed"; }

# Against each rival in the same memory: at least its hit ratio; and fewer pages
# moved, from the begin, than the best of them moved. Rivals have no quota but a node
# of that size, give or take 2 %, and tiermem leaves a margin of its quota free. Where
# pages beyond the hot ones are all alike, both may be as good as their pages allow,
# and differ by just those: then the ratio to that counts, $4 being what each adds.
beside()	# name from to [probability of a page at the edge]
{
	local mine mine_moved best=0 best_moved=0 best_name=none r bad=0

	booted "$1" "$1" || return
	figures "$1" "$2" "$3" || { ktap_ok 1 "$1: no figures"; return; }
	mine=$(of_its_pages "${4:-0}") mine_moved=$all_moved
	for r in $RIVALS; do
		if [ ! -e "$DIR/$r:$1/done" ] || ! figures "$r:$1" "$2" "$3"; then
			ktap_diag "$r:$1: $(tail -n 3 "$DIR/$r:$1/boot.log")"
			bad=1
			continue
		fi
		hit=$(of_its_pages "${4:-0}")
		awk "BEGIN { exit !($hit > $best) }" || continue
		best=$hit best_moved=$all_moved best_name=$r
	done
	holds "!$bad && $mine >= $best" "$1, $2..$3 s: $mine of the oracle's hit ratio, the best rival ($best_name) $best"
	holds "!$bad && $mine_moved < $best_moved" \
		"$1, $2..$3 s: $mine_moved pages moved, by the best rival $best_moved"
}

# Of figures(): hit ratio by the best one, which is corrected for the pages that are
# in DRAM above or below the quota.
of_its_pages()	# probability of each
{
	awk "BEGIN { printf \"%.4f\", $hit / ($oracle + ($1) * ($dram_pages - $PAGES / 4)) }"
}

case_rivals()
{
	local cold="0.1 / ($PAGES * 0.9)"

	beside zipf25 12 16
	beside gauss 120 160
	beside jump 14 "$JUMP_S" "$cold"
	beside jump 27 32 "$cold"
}

# ---- main ----------------------------------------------------------------------

readonly QUICK="zipf25_short jump_tenth uniform_tenth"
readonly LONG="zipf25 gauss jump rivals zipf10 zipf50 zipf61 tenth hundredth uniform
	uniform_tenth large large_tenth jump_tenth sweep_zipf sweep_hot10"

boots_of()	# case
{
	local r

	case $1 in
	zipf61) echo zipf25-6.1 ;;
	tenth|hundredth) echo "zipf25-$1" ;;
	rivals)
		printf '%s\n' zipf25 gauss jump
		for r in $RIVALS; do
			printf '%s\n' "$r:zipf25" "$r:gauss" "$r:jump"
		done ;;
	*) echo "${1//_/-}" ;;
	esac
}

plan_of()
{
	case $1 in
	rivals) echo 8 ;; uniform*) echo 3 ;; jump*|large*) echo 2 ;; *) echo 1 ;;
	esac
}

usage()
{
	echo "usage: test_hits.sh [-k] [-K SERIES] [quick|long|CASE...]; cases: ${LONG//$'\n\t'/ } zipf25_short" >&2
	exit 2
}

keep='' kernel=6.12
if [ "${1:-}" = --boot ]; then
	keep=$3 kernel=$4
	boot "$2"
	exit 0
fi
while getopts kK: opt; do
	case $opt in
	k) keep=1 ;;
	K) kernel=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
case "${1:-quick}" in
quick)	read -ra cases <<<"$QUICK" ;;
long)	read -rd '' -a cases <<<"$LONG" ;;
*)	cases=("$@") ;;
esac
plan=0
for c in "${cases[@]}"; do
	declare -F "case_$c" >/dev/null || usage
	plan=$((plan + $(plan_of "$c")))
done

ktap_header
ktap_need_simulator

ktap_plan $plan
for c in "${cases[@]}"; do
	boots_of "$c"
done | awk '!seen[$0]++' |
	xargs -r -P "${HITS_JOBS:-$(nproc)}" -I '{}' \
		"$SELFTESTS/test_hits.sh" --boot '{}' "$keep" "$kernel"
for c in "${cases[@]}"; do
	"case_$c"
done
ktap_end

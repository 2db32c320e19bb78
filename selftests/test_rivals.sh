#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tiermem beside what a root shell can do on a stock kernel: the workload of
# test_hotset (600M, the hot 128M touched last, 200M of DRAM), on the same
# machine, one after the other:
#
#   tiermem   echo 200M > tiermem.dram_max
#   d         NUMA balancing promotes; a 1 Hz loop writes the excess to memory.reclaim
#   g         NUMA balancing promotes; a 1 Hz loop ages and evicts by MGLRU's debugfs file
#
# These two are the best of what stock kernels offer. No swap: with swap (d)
# swaps out what is on the slow node.
#
# Compared is the time from the first touch until 95 % of the hot set is in DRAM
# and DRAM is within the quota + 4M. The hot set alone says little: a loop that is
# at twice the quota has it in DRAM before it has evicted anything (both are in
# the table, "settled" and "95% hot").
#
# usage: test_rivals.sh [-c "idle loaded"] [-s "tiermem d g"] [-r RUNS]
# Prints a table, of medians (of the worst, where something must never happen).
#
# Machine: selftests/vm/run.sh -t pmem -T 900 (a lower tier on 6.1 as well).
# On 6.1 MGLRU is off; (g) turns it on.
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

conds="idle loaded" systems="tiermem d g" least=1 runs=0
while getopts c:s:r: opt; do
	case $opt in
	c) conds=$OPTARG ;;
	s) systems=$OPTARG ;;
	r) least=$OPTARG ;;
	*) exit $KSFT_FAIL ;;
	esac
done

readonly CAP=$((200 << 20)) OVER=$((4 << 20)) MAX_MOVES=100000
readonly G=$CG/vm1 LRU_GEN=/sys/kernel/debug/lru_gen
readonly NUMAB=/proc/sys/kernel/numa_balancing
readonly DEMOTION=/sys/kernel/mm/numa/demotion_enabled
readonly LRU_ENABLED=/sys/kernel/mm/lru_gen/enabled
readonly SCAN=/sys/kernel/debug/sched/numa_balancing
loop_pid='' lru_before='' numab_before=''

ktap_header
need_root
[ -x "$BIN/test_hotset" ] || ktap_skip_all "no $BIN/test_hotset"
[ -e $DEMOTION ] || ktap_skip_all "no $DEMOTION: no memory tiers"
[ "$(wc -l </proc/swaps)" -eq 1 ] || ktap_skip_all "there is swap: the rivals would use it"
tiers=$(grep -l . /sys/devices/virtual/memory_tiering/memory_tier*/nodelist 2>/dev/null | wc -l)
[ "$tiers" -ge 2 ] ||
	ktap_skip_all "the kernel sees $tiers memory tier: the rivals can't demote"
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
lru_before=$(cat $LRU_ENABLED 2>/dev/null)
numab_before=$(cat $NUMAB)
if [ ! -r "$KO" ] && ! loaded; then
	ktap_diag "no module $KO: rivals only"
	systems=${systems/tiermem/}
fi
was_loaded=0
! loaded || was_loaded=1

n0()		# DRAM bytes of the cgroup
{
	awk '/^(anon|file) / {
		for (i = 2; i <= NF; i++) { split($i, a, "="); if (a[1] == "N0") s += a[2] }
	} END { printf "%.0f", s }' $G/memory.numa_stat
}

evict()		# bytes
{
	# shellcheck disable=SC2046 # three words
	set -- "$1" $(awk '$1 == "memcg" { m = ($3 == "/vm1"); if (m) id = $2 }
		m && $1 == "node" { n = $2 }
		m && n == 0 && $1 ~ /^[0-9]+$/ { if (min == "") min = $1; max = $1 }
		END { print id, min, max }' $LRU_GEN)
	echo "+ $2 0 $4 200 1" >$LRU_GEN
	echo "- $2 0 $(($4 - 1)) 200 $(($1 / 4096 + 1))" >$LRU_GEN
}

# The kernel's own tiering, as both loops need it. Its counters have no reset.
tiering_on()
{
	echo true >$DEMOTION
	echo 2 >$NUMAB
	echo 1000 >$SCAN/scan_period_min_ms
	echo 256 >$SCAN/scan_size_mb
}

loop_d()
{
	while :; do
		u=$(n0)
		[ "$u" -gt $CAP ] && echo $((u - CAP)) >$G/memory.reclaim
		sleep 1
	done
}

loop_g()
{
	while :; do
		u=$(n0)
		[ "$u" -gt $CAP ] && evict $((u - CAP))
		sleep 1
	done
}

start()		# system
{
	echo 3 >/proc/sys/vm/drop_caches
	mkdir $G
	case $1 in
	tiermem)
		# What Debian boots with where there is more than one node.
		echo 1 >$NUMAB
		loaded || insmod "$KO" || return 1
		echo $CAP >$G/tiermem.dram_max || return 1
		;;
	d)
		tiering_on
		loop_d 2>/dev/null &
		loop_pid=$!
		;;
	g)
		tiering_on
		[ ! -e $LRU_ENABLED ] || echo y >$LRU_ENABLED
		loop_g 2>/dev/null &
		loop_pid=$!
		;;
	esac
}

stop()
{
	if [ -n "$loop_pid" ]; then
		kill "$loop_pid"
		wait "$loop_pid" 2>/dev/null
		loop_pid=
	fi
	echo "$numab_before" >$NUMAB
	echo false >$DEMOTION
	[ -z "$lru_before" ] || echo "$lru_before" >$LRU_ENABLED
	[ ! -d $G ] || until_ms 10000 rmdir $G 2>/dev/null
	[ "$was_loaded" -eq 1 ] || ! loaded || rmmod tiermem
}
trap stop EXIT

declare -A R	# condition/system/run/key

measure()	# condition system run
{
	local hogs=0 line kv

	[ "$1" = idle ] || hogs=2
	start "$2" || { stop; return 1; }
	line=$("$BIN/test_hotset" -m -c $G -q 200 -l $hogs -x 60 -w 5)
	ktap_diag "$1, $2, run $3: ${line#\# }"
	for kv in $(tail -n 1 <<<"$line"); do
		R[$1/$2/$3/${kv%%=*}]=${kv#*=}
	done
	stop
	[ -n "${R[$1/$2/$3/t95_ms]:-}" ]
}

median()	# condition system key; the worst run for what must never happen
{
	local i v=()

	for ((i = 1; i <= runs; i++)); do
		v+=("${R[$1/$2/$i/$3]:--1}")
	done
	case $3 in
	t95_ms|total_ms|settled_ms)	# never is later than everything
		printf '%s\n' "${v[@]}" | sed 's/^-1$/999999999/' | sort -n |
			sed -n "$(((runs + 1) / 2))p" ;;
	*)	printf '%s\n' "${v[@]}" | sort -n | tail -n 1 ;;
	esac
}

ms()
{
	if [ "$1" -ge 999999999 ]; then
		echo never
	else
		printf '%d.%02d s' $(($1 / 1000)) $(($1 % 1000 / 10))
	fi
}

table()		# condition
{
	local s

	ktap_diag "$(printf '%-7s %-8s %10s %10s %8s %7s %9s %8s %6s' "$1" system \
		settled "95% hot" "at once" "peak M" "over" moved "hot %")"
	for s in $systems; do
		ktap_diag "$(printf '%-7s %-8s %10s %10s %8s %7s %9s %8s %6s' "$1" "$s" \
			"$(ms "$(median "$1" "$s" settled_ms)")" \
			"$(ms "$(median "$1" "$s" total_ms)")" \
			"$(median "$1" "$s" at_once_pct) %" \
			$(($(median "$1" "$s" peak) >> 20)) \
			"$(ms "$(median "$1" "$s" over_ms)")" \
			"$(median "$1" "$s" moved)" "$(median "$1" "$s" hot_pct)")"
	done
}

n=0
for s in $systems; do
	[ "$s" = tiermem ] && n=$((n + 3))
	n=$((n + 1))
done
# shellcheck disable=SC2086 # words
set -- $conds
ktap_plan $((n * $#))
# All systems in turn, so that what else the host does hits all of them.
round()		# condition run
{
	local s

	for s in $systems; do
		measure "$1" "$s" "$2"
		[ "${R[$1/$s/$2/bad]:-1}" = 0 ] || bad[$s]=1
	done
}

compare()	# condition; sets best and mine
{
	local s t

	best=999999999
	for s in $systems; do
		t=$(median "$1" "$s" settled_ms)
		[ "$s" = tiermem ] || [ "$t" -ge "$best" ] || best=$t
	done
	mine=$(median "$1" tiermem settled_ms)
	[ "$mine" -le "$best" ] && [ "$mine" -lt 999999999 ]
}

# The first use of a virtual machine's memory is slow, whoever's turn it is, and
# they use the nodes differently: once all of each.
mkdir $G
"$BIN/test_hotset" -m -c $G -x 1 -w 0 >/dev/null
for node in /sys/devices/system/node/node[0-9]*; do
	[ -z "$(cat "$node/cpulist")" ] || continue
	free=$(awk '/MemFree/ { print int($4 / 1024) }' "$node/meminfo")
	numactl --membind="${node##*node}" "$BIN/test_hotset" -m -c $G -t $((free - 64)) -x 1 -w 0 \
		>/dev/null || ktap_diag "$node is cold"
done
rmdir $G

declare -A bad
limit=${TM_WATCHDOG:-600}
for cond in $conds; do
	bad=() runs=$least
	for ((run = 1; run <= runs; run++)); do
		round "$cond" $run
	done
	# One slow moment of the host decides a single race: then the best of
	# three, by medians, if there is time for it.
	if [[ $systems == *tiermem* ]] && ! compare "$cond" && [ "$runs" -lt 3 ] &&
	   [ $((SECONDS * 2)) -lt "$limit" ]; then
		ktap_diag "$cond: again, for medians of three"
		for ((run = runs + 1; run <= 3; run++)); do
			round "$cond" $run
		done
		runs=3
	fi
	for s in $systems; do
		ktap_ok "${bad[$s]:-0}" "$cond: $s ran, every byte as written"
	done
	table "$cond"
	[[ $systems == *tiermem* ]] || continue
	ktap_check "$cond: 95 % of the hot set in DRAM, within the quota, no later than the faster rival" \
		compare "$cond"
	ktap_check "$cond: at most $MAX_MOVES pages moved" \
		test "$(median "$cond" tiermem moved)" -le $MAX_MOVES
	ktap_check "$cond: DRAM never above quota + 4M" \
		test "$(median "$cond" tiermem peak)" -le $((CAP + OVER))
done
ktap_end

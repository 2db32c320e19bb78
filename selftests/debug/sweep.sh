#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Inside a guest with the debug kernel: allocation failures in tiermem.
#
#   sweep.sh init MODULE.ko     each site of the module's init, one after the other
#   sweep.sh write MODULE.ko    each site of a write to each control file
#   sweep.sh runtime MODULE.ko  one allocation in five, anywhere below the module's
#                               code, the daemon's included, while a group over its
#                               quota allocates
#
# FAIL_NTH is the program; TAP on standard output.

set -euo pipefail

mode=$1 ko=$2
fail_nth=${FAIL_NTH:-$(dirname "$0")/fail_nth}
cgroups=/sys/fs/cgroup
group=$cgroups/sweep
n=0 failed=0

result() {	# status text
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		failed=1
	fi
}

# Its TAP becomes diagnostics, one result for the whole sweep.
sweep() {	# text, arguments of fail_nth
	local text=$1 status=0

	shift
	"$fail_nth" "$@" >/tmp/sweep.out 2>&1 || status=$?
	sed 's/^\(# \)*/# /' /tmp/sweep.out
	result $status "$text"
}

load() {
	insmod "$ko"
}

finish() {
	echo "1..$n"
	exit $failed
}

grep -qw memory $cgroups/cgroup.subtree_control ||
	echo +memory >$cgroups/cgroup.subtree_control

case $mode in
init)
	mkdir $group
	gone=(-g "$group/tiermem.dram_max" -g /sys/kernel/tiermem -g /dev/tiermem)
	sweep "init" "${gone[@]}" insmod "$ko"
	# The threads that init starts are forked by kthreadd (pid 2), in whose
	# memory allocations init's own count doesn't look.
	sweep "fork of kernel threads in init" "${gone[@]}" -t 2 -M 0 -e 400 -E EAGAIN,EINTR \
		insmod "$ko"
	rmdir $group
	finish
	;;
write)
	load
	mkdir $group
	files=()
	for f in "$group"/tiermem.*; do
		[ -z "$(find "$f" -perm -200)" ] || files+=("${f##*/}")
	done
	rmdir $group
	for f in "${files[@]}"; do
		case $f in
		tiermem.dram_max|tiermem.dram_min) text=64M other=32M ;;
		tiermem.dram_weight)	text=50 other=200 ;;
		*)	result 1 "$f: this script knows no value for it"; continue ;;
		esac
		sweep "$f of a new group" -d write "$group/$f" "$text"
		mkdir $group
		echo "$text" >"$group/$f"
		sweep "$f of a group that has one" write "$group/$f" "$other"
		rmdir $group
	done
	# Most sites: a target page for each one that leaves DRAM.
	mkdir $group
	sweep "dram_max below usage" -m 4 -r max write $group/tiermem.dram_max 2M
	rmdir $group
	# The last state of the group goes with this one.
	mkdir $group
	echo 64M >$group/tiermem.dram_max
	sweep "dram_max back to max" write $group/tiermem.dram_max max
	rmdir $group
	status=0
	rmmod tiermem || status=1
	result $status "unload"
	finish
	;;
runtime)
	load
	mkdir $group
	echo 16M >$group/tiermem.dram_max
	base=$(awk '$1 == "tiermem" { print $6 }' /proc/modules)
	size=$(awk '$1 == "tiermem" { print $2 }' /proc/modules)
	end=$(printf '%#x' $((base + size)))

	probability() {
		local d

		for d in failslab fail_page_alloc; do
			echo "$1" >/sys/kernel/debug/$d/probability
		done
	}
	for d in /sys/kernel/debug/{failslab,fail_page_alloc}; do
		echo N >"$d/ignore-gfp-wait"
		echo N >"$d/task-filter"
		echo 0 >"$d/verbose"
		echo -1 >"$d/times"
		echo "$base" >"$d/require-start"
		echo "$end" >"$d/require-end"
	done
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

	# tail keeps all that it is asked for in anonymous memory until the end of
	# its input.
	(
		echo 0 >$group/cgroup.procs
		end=$((SECONDS + 40))
		while [ $SECONDS -lt $end ]; do
			head -c 48M /dev/zero | tail -c 48M >/dev/null
		done
	) &
	probability 20
	for _ in {1..20}; do
		# Any answer will do but a wrong one.
		for v in 4M max 16M; do
			echo $v >$group/tiermem.dram_max || :
		done 2>/dev/null
		sleep 1
		cat $group/tiermem.{stat,events,dram_current} >/dev/null || :
	done
	probability 0
	# From here on the promise holds again.
	status=0
	echo 8M >$group/tiermem.dram_max || status=1
	result $status "a write after the faults succeeds"
	wait
	status=0
	usage=$(cat $group/tiermem.dram_current)
	echo "# dram_current $usage, quota 8388608"
	[ "$usage" -le $((12 << 20)) ] || status=1
	result $status "the quota holds after the faults"
	for _ in {1..50}; do
		rmdir $group 2>/dev/null && break
		sleep 0.1
	done
	status=0
	rmmod tiermem || status=1
	result $status "unload"
	finish
	;;
*)
	sed -n '5,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which nodes are DRAM and which are slow, on each kind of machine; what state
# says; that memory goes to the nearest slow node; and that slow_nodes= wins.
#
#   for t in pmem plain hmat noslow two-two two-two:kind=plain; do
#	selftests/vm/run.sh -t $t -- selftests/test_tiers.sh
#   done
#
# The expectation follows from the name of the topology ($VM_TOPOLOGY). On other
# machines: nodes without CPUs are slow.
# shellcheck disable=SC2317 # functions are called through ktap_check and trap
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

ktap_header
need_root
need_module
! loaded || ktap_skip_all "tiermem is loaded: rmmod it first"
mountpoint -q $CG || ktap_skip_all "no cgroup v2"

# "0 1 2" of a node list
nodes()		# list
{
	local part i

	for part in ${1//,/ }; do
		for ((i = ${part%-*}; i <= ${part#*-}; i++)); do
			echo "$i"
		done
	done
}

# What is in the first list and not in the second, as the kernel writes lists
# (ranges of two or more), which is enough here: "0", "0-1", "2-3".
minus()
{
	local left

	left=$(comm -23 <(nodes "$1" | sort) <(nodes "$2" | sort) | sort -n | tr '\n' ' ')
	# shellcheck disable=SC2086 # words
	set -- $left
	if [ $# -gt 1 ] && [ $((${!#} - $1)) -eq $(($# - 1)) ]; then
		echo "$1-${!#}"
	else
		(IFS=,; echo "$*")
	fi
}

node_path=/sys/devices/system/node
has_memory=$(cat $node_path/has_memory)
has_cpu=$(cat $node_path/has_cpu)
fast=$has_cpu slow=$(minus "$has_memory" "$has_cpu")
case ${VM_TOPOLOGY:-} in
pmem-late*|noslow*)	fast=0 slow='' ;;
pmem*|plain*|hmat*)	fast=0 slow=1 ;;
two-two*)		fast=0-1 slow=2-3 ;;
esac
ktap_diag "topology ${VM_TOPOLOGY:-unknown}: memory on $has_memory, CPUs on $has_cpu; tiers:" \
	"$(grep -H . /sys/devices/virtual/memory_tiering/memory_tier*/nodelist 2>/dev/null |
	   sed 's|.*/memory_tier\([0-9]*\)/nodelist:|\1=|' | tr '\n' ' ')"

cleanup()
{
	local d

	for d in "$CG"/tiers-*; do
		[ ! -d "$d" ] || { echo 1 >"$d/cgroup.kill"; until_ms 5000 rmdir "$d" 2>/dev/null; }
	done
	! loaded || rmmod tiermem
}
trap cleanup EXIT

is()		# name file expected
{
	local got

	got=$(cat "$SYSFS/$2")
	[ "$got" = "$3" ] || ktap_diag "$2 is '$got', expected '$3'"
	[ "$got" = "$3" ]
	ktap_ok $? "$1"
}

numa()		# cgroup node: anon and file pages there, MiB
{
	awk -v n="N$2" '/^(anon|file) / {
		for (i = 2; i <= NF; i++) { split($i, a, "="); if (a[1] == n) s += a[2] }
	} END { printf "%d", s / 1048576 }' "$1/memory.numa_stat"
}

# Memory of a process on a CPU of `node` goes to the nearest slow node.
nearest()	# fast-node
{
	local g=$CG/tiers-$1 cpu best='' dist i=0 n d others=0 near

	cpu=$(cat "$node_path/node$1/cpulist")
	cpu=${cpu%%[-,]*}
	read -ra dist <"$node_path/node$1/distance"
	for n in $(nodes "$(cat "$node_path/online")"); do
		d=${dist[i]}
		i=$((i + 1))
		[[ " $(nodes "$slow" | tr '\n' ' ') " == *" $n "* ]] || continue
		if [ -z "$best" ] || [ "$d" -lt "${best#* }" ]; then
			best="$n $d"
		fi
	done
	near=${best% *}
	mkdir "$g"
	echo 8M >"$g/tiermem.dram_max"
	# 48M of tmpfs: file pages that stay after the process.
	(echo "$BASHPID" >"$g/cgroup.procs"
	 exec taskset -c "$cpu" dd if=/dev/zero of="/dev/shm/tiers-$1" bs=1M count=48 status=none)
	for n in $(nodes "$slow"); do
		[ "$n" = "$near" ] || others=$((others + $(numa "$g" "$n")))
	done
	ktap_diag "from node $1: $(numa "$g" "$1")M there, $(numa "$g" "$near")M on node $near" \
		"(nearest), ${others}M on other slow nodes, dram_current" \
		"$(($(cat "$g/tiermem.dram_current") >> 20))M"
	[ "$(numa "$g" "$near")" -ge 32 ] && [ "$others" -le 4 ] &&
		[ "$(cat "$g/tiermem.dram_current")" -le $((12 << 20)) ]
	d=$?
	rm "/dev/shm/tiers-$1"
	rmdir "$g"
	return "$d"
}

mapfile -t fast_list < <(nodes "$fast")
ktap_plan $((6 + ${#fast_list[@]} + 2))

insmod "$KO"
ktap_ok $? "loads"
is "DRAM nodes" fast_nodes "$fast"
is "slow nodes" slow_nodes "$slow"
is "state without a group" state "$([ -n "$slow" ] && echo idle || echo no-slow-node)"
mkdir "$CG/tiers-g"
echo 64M >"$CG/tiers-g/tiermem.dram_max"
is "state with a group" state "$([ -n "$slow" ] && echo active || echo no-slow-node)"
echo max >"$CG/tiers-g/tiermem.dram_max"
is "state after the group" state "$([ -n "$slow" ] && echo idle || echo no-slow-node)"
rmdir "$CG/tiers-g"

mountpoint -q /dev/shm || mount -t tmpfs tmpfs /dev/shm
for n in "${fast_list[@]}"; do
	if [ -z "$slow" ]; then
		ktap_skip "from node $n memory goes to the nearest slow node" "no slow node"
	else
		ktap_check "from node $n memory goes to the nearest slow node" nearest "$n"
	fi
done
rmmod tiermem

# The administrator knows better: any node but the last may be called slow.
last=${has_memory##*[-,]}
if [ "$has_memory" = "$last" ]; then
	ktap_skip "slow_nodes= wins" "one node"
	ktap_skip "the others are DRAM" "one node"
else
	insmod "$KO" slow_nodes=0
	is "slow_nodes= wins" slow_nodes 0
	is "the others are DRAM" fast_nodes "$(minus "$has_memory" 0)"
	rmmod tiermem
fi
ktap_end

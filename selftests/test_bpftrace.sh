#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The scripts of tools/bpftrace/: the kernel takes each of them, tm-migrate.bt sees as much move as
# tiermem.stat counts, and tm-overquota.bt each time that a group is above its quota.
#
#   selftests/vm/run.sh -t pmem -- selftests/test_bpftrace.sh
#   selftests/vm/run.sh -t pmem -- selftests/test_bpftrace.sh example NAME.bt
#
# The second form shows what a script prints: from it come the examples in their heads.
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

readonly SCRIPTS=$TOP/tools/bpftrace G=$CG/database
readonly MIB=$((1 << 20))

# ---- what they look at: in a process of its own, which bpftrace starts once it is attached ------

key()		# file key
{
	awk -v key="$2" '$1 == key { print $2 }' "$G/$1"
}

came()		# bytes
{
	[ "$(key tiermem.stat promoted_bytes)" -ge "$1" ]
}

# A hot set comes from the slow node to DRAM, and what is in its place goes. Once 8M have come,
# nearly no DRAM is left to it for a moment: what has just come goes back. Ends with the memory.
exchange()
{
	local before

	before=$(key tiermem.stat promoted_bytes)
	"$BIN/test_hotset" -m -c "$G" -q 48 -t 128 -H 24 -x 90 -w 2 &
	until_ms 90000 came $((before + 8 * MIB))
	echo 1M >"$G/tiermem.dram_max"
	echo 48M >"$G/tiermem.dram_max"
	wait
}

# Three times the quota is cut below what is used, by 8M each.
cut_quota()
{
	local quota

	(echo "$BASHPID" >"$G/cgroup.procs"
	 exec dd if=/dev/zero of=/dev/shm/bpftrace bs=1M count=40 status=none)
	for quota in 32M 24M 16M; do
		echo $quota >"$G/tiermem.dram_max"
	done
	rm /dev/shm/bpftrace
}

case ${1:-} in
--exchange)	exchange; exit ;;
--cut)		cut_quota; exit ;;
esac

# ---- test ---------------------------------------------------------------------------------------

ktap_header
need_root
need_module
command -v bpftrace >/dev/null || ktap_skip_all "no bpftrace"
[ -r /sys/kernel/btf/vmlinux ] || ktap_skip_all "the kernel has no BTF"
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null ||
	ktap_skip_all "no tracefs"
[ -x "$BIN/test_hotset" ] || ktap_skip_all "no $BIN/test_hotset"
mountpoint -q /dev/shm || mount -t tmpfs tmpfs /dev/shm

was_loaded=1
dir=$(mktemp -d)
cleanup()
{
	rm -f /dev/shm/bpftrace
	rm -r "$dir"
	[ ! -d "$G" ] || until_ms 5000 rmdir "$G" 2>/dev/null
	[ "$was_loaded" -eq 1 ] || ! loaded || rmmod tiermem
}
trap cleanup EXIT
loaded || {
	was_loaded=0
	insmod "$KO" || ktap_skip_all "the module does not load"
}
[ -n "$(cat $SYSFS/slow_nodes)" ] || ktap_skip_all "no slow node"
[ -d /sys/kernel/tracing/events/tiermem ] || ktap_skip_all "the kernel has no tracepoints"
mkdir "$G"
echo 48M >"$G/tiermem.dram_max"
id=$(stat -c %i "$G")

# Runs a script on the group for as long as a command takes; its output is in $dir/out.
trace()		# script command...
{
	local begin

	begin=$(now_ms)
	bpftrace -c "${*:2}" "$SCRIPTS/$1" "$id" >"$dir/out" 2>&1 || {
		ktap_diag "$(tail -n 20 "$dir/out")"
		return 1
	}
	ktap_diag "$1 with ${*:2}: $(($(now_ms) - begin)) ms"
}

# A number that a script prints for the group at its end; 0 if it has seen none.
total()		# map key
{
	awk -v key="@$1[$id, $2]:" '$1 " " $2 == key { n = $3 } END { print n + 0 }' "$dir/out"
}

# shellcheck disable=SC2329	# called through ktap_check
agrees()	# key least
{
	local seen counted off

	seen=$(total bytes "$1")
	counted=$(($(key tiermem.stat "$1_bytes") - before[$1]))
	off=$((seen - counted))
	ktap_diag "$1: the script saw $seen bytes, tiermem.stat counted $counted"
	# A batch may be on its way when bpftrace leaves.
	[ "$counted" -ge "$2" ] && [ "${off#-}" -le $((2 * MIB)) ]
}

if [ "${1:-}" = example ]; then
	what=--exchange
	[ "$2" != tm-overquota.bt ] || what=--cut
	trace "$2" /bin/bash "$0" $what && cat "$dir/out"
	exit
fi

mapfile -t others < <(cd "$SCRIPTS" && printf '%s\n' *.bt |
	grep -vx 'tm-migrate.bt\|tm-overquota.bt')
ktap_plan $((${#others[@]} + 6))

# A dry run (-d) does not ask the kernel's verifier.
for script in "${others[@]}"; do
	ktap_check "$script loads" trace "$script" /bin/true
done

declare -A before
for k in promoted demoted pingpong; do
	before[$k]=$(key tiermem.stat ${k}_bytes)
done
ktap_check "tm-migrate.bt runs" trace tm-migrate.bt /bin/bash "$0" --exchange
ktap_check "it sees all promotions" agrees promoted $((8 * MIB))
ktap_check "it sees all demotions" agrees demoted $((8 * MIB))
ktap_check "it sees what went forth and back" agrees pingpong $((4 * MIB))

over=$(key tiermem.events.local over_quota)
ktap_check "tm-overquota.bt runs" trace tm-overquota.bt /bin/bash "$0" --cut
over=$(($(key tiermem.events.local over_quota) - over))
ktap_diag "$(grep over_quota "$dir/out")"
ktap_diag "tiermem.events.local counted $over times over_quota"
[ "$over" -ge 3 ] && [ "$(total events over_quota)" -eq "$over" ] &&
	[ "$(grep -cE '^[0-9:]{8} .* over_quota +[0-9]+ bash ' "$dir/out")" -ge 3 ]
ktap_ok $? "it tells of each cut of the quota below what is used"
ktap_end

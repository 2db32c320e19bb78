# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the script that sources this
#
# Trees sys, proc and run of a machine that does not exist, for tests of tools that have --root:
# 4G of DRAM, 16G of PMEM, a service, a VM of libvirt, a container, the module loaded.

GiB=$((1 << 30)) MiB=$((1 << 20))

put()	# path below the root, text...
{
	local path=$FAKE/$1

	mkdir -p "${path%/*}"
	printf '%s\n' "${@:2}" >"$path"
}

# The files of a group. Events and curve are those of one that nothing happens to.
fake_group()	# cgroup, quota, bytes in DRAM, bytes in slow memory
{
	local dir=sys/fs/cgroup$1 over=0

	[ "$2" = max ] || over=$(($3 > $2 ? $3 - $2 : 0))
	put "$dir/cgroup.procs" 1
	put "$dir/tiermem.dram_max" "$2"
	put "$dir/tiermem.dram_min" 0
	put "$dir/tiermem.dram_weight" 100
	put "$dir/tiermem.dram_effective" "$2"
	put "$dir/tiermem.dram_current" "$3"
	put "$dir/tiermem.slow_current" "$4"
	put "$dir/tiermem.stat" "dram_bytes $3" "slow_bytes $4" "over_quota_bytes $over" \
		"hot_in_slow 0" "cold_in_dram 4096" "warm_in_slow 0" "delayed_bytes 0" \
		"window_usec 250000" "steered_bytes 8192" "unsteered_bytes 0" "skipped_hugetlb 0" \
		"skipped_kernel 12288" "over_quota_byte_sec 0" "promoted_bytes 1048576" \
		"demoted_bytes 2097152" "pingpong_bytes 0" "failed_pinned 0" "failed_locked 0" \
		"failed_busy 0" "failed_nomem 0" "failed_gone 0" "scan_pages 100" \
		"scan_usec 1500000" "migrate_usec 20"
	fake_events "$1" 0 0 0 0
	: >"$FAKE/$dir/tiermem.heat"
	: >"$FAKE/$dir/tiermem.dram_curve"
}

fake_events()	# cgroup, over_quota slow_full unreachable thrash
{
	local file

	for file in tiermem.events tiermem.events.local; do
		put "sys/fs/cgroup$1/$file" "over_quota $2" "slow_full $3" "unreachable $4" "thrash $5"
	done
}

# What a group has in the pool.
fake_share()	# cgroup, reservation, weight, what binds
{
	put "sys/fs/cgroup$1/tiermem.dram_min" "$2"
	put "sys/fs/cgroup$1/tiermem.dram_weight" "$3"
	put "sys/fs/cgroup$1/tiermem.dram_effective" "$4"
}

# One that knows of no pool.
fake_older_module()
{
	rm "$FAKE"/sys/kernel/tiermem/{dram_pool,pool_policy}
	find "$FAKE/sys/fs/cgroup" -regex '.*/tiermem\.dram_\(min\|weight\|effective\)' -delete
}

# A line of tiermem.stat becomes another.
fake_stat()	# cgroup key value
{
	sed -i "s/^$2 .*/$2 $3/" "$FAKE/sys/fs/cgroup$1/tiermem.stat"
}

# So many bytes of which the hottest tenth gets nine tenths of the accesses.
fake_curve()	# cgroup bytes
{
	local i percent

	for i in {0..32}; do
		percent=$((i * 10 < 32 ? i * 2812 : 90000 + (i * 100 - 320) * 1000 / 288))
		[ $percent -le 100000 ] || percent=100000
		printf '%d %d.%d\n' $(($2 * i / 32 / 4096 * 4096)) $((percent / 1000)) \
			$((percent / 100 % 10))
	done >"$FAKE/sys/fs/cgroup$1/tiermem.dram_curve"
}

fake_node()	# id, GiB, GiB free, CPUs, distances, tier of the kernel
{
	local dir=sys/devices/system/node/node$1

	put "$dir/meminfo" "Node $1 MemTotal:       $(($2 << 20)) kB" \
		"Node $1 MemFree:        $(($3 << 20)) kB" "Node $1 MemUsed:        0 kB"
	put "$dir/cpulist" "$4"
	put "$dir/distance" "$5"
	put "sys/devices/virtual/memory_tiering/memory_tier$6/nodelist" "$1"
}

fake_module()
{
	put sys/kernel/tiermem/state active
	put sys/kernel/tiermem/version "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/dkms.conf")"
	put sys/kernel/tiermem/fast_nodes 0
	put sys/kernel/tiermem/slow_nodes 1
	put sys/kernel/tiermem/cpu_budget_percent 1
	put sys/kernel/tiermem/migrate_mbps 1024
	put sys/kernel/tiermem/dram_pool max
	put sys/kernel/tiermem/pool_policy fair
	put sys/module/tiermem/taint OE
}

fake_process()	# pid cgroup
{
	put "proc/$1/cgroup" "0::$2"
}

# Sets FAKE, and REDIS, VM and CONTAINER, which are cgroups.
fake_machine()	# directory
{
	FAKE=$1
	# As libvirt and systemd call it: the backslashes are part of the name.
	VM='/machine.slice/machine-qemu\x2d1\x2dweb\x2d1.scope'
	CONTAINER=/system.slice/docker-1f2e.scope
	REDIS=/system.slice/redis.service
	put proc/sys/kernel/osrelease 6.12.95+deb12-amd64
	put proc/sys/kernel/numa_balancing 0
	put proc/sys/kernel/ftrace_enabled 1
	put proc/self/mounts "sysfs /sys sysfs rw 0 0" "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0"
	put sys/kernel/mm/numa/demotion_enabled false
	put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 0
	put sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds 0
	put sys/fs/cgroup/cgroup.controllers "cpuset cpu io memory pids"
	put sys/fs/cgroup/cgroup.subtree_control "cpu memory pids"
	put sys/fs/cgroup/tiermem.stat "dram_bytes $((3 * GiB))" "slow_bytes $((4 * GiB))" \
		"promoted_bytes 5242880" "demoted_bytes 4194304"
	put sys/devices/system/node/online 0-1
	fake_node 0 4 1 0-7 "10 17" 4
	fake_node 1 16 12 "" "17 28" 22
	put sys/devices/platform/ndbus0/region0/dax0.0/target_node 1
	mkdir -p "$FAKE/sys/bus/dax/devices"
	ln -s ../../../devices/platform/ndbus0/region0/dax0.0 "$FAKE/sys/bus/dax/devices/dax0.0"
	fake_module
	fake_group /system.slice max $((2 * GiB)) $((3 * GiB))
	fake_group "$REDIS" $((2 * GiB)) $((2 * GiB - 32 * MiB)) $((3 * GiB))
	fake_group /system.slice/cron.service max $MiB 0
	fake_group "$CONTAINER" max $MiB 0
	fake_group "$CONTAINER"/system.slice max $MiB 0
	fake_group "$CONTAINER"/system.slice/cron.service max $MiB 0
	fake_group /machine.slice max $GiB $GiB
	fake_group "$VM" $GiB $GiB $GiB
	put "sys/fs/cgroup$VM/libvirt/cgroup.procs" ""
	put "sys/fs/cgroup$VM/libvirt/emulator/cgroup.procs" 4711
	fake_curve "$REDIS" $((5 * GiB))
	put run/libvirt/qemu/web-1.pid 4711
	fake_process 4711 "$VM/libvirt/emulator"
	fake_process 812 "$REDIS"
}

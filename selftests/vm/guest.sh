#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Process 1 of the guest, on the host's root file system: finish the set-up, run
# the command, look for damage, leave. run.sh is the other end of /run/vm.

# No set -e: process 1 must reach its end, whatever happens.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C LC_ALL=C TERM=dumb USER=root
readonly OUT=/run/vm TTY=/dev/ttyS1

result()
{
	echo "$*" >>$OUT/result
}

power_off()
{
	# The serial port's buffer must reach QEMU first; setting a terminal
	# attribute waits for that, even if a stray daemon holds the terminal.
	stty -F $TTY -echo
	dmesg >$OUT/dmesg
	result end
	sync
	# isa-debug-exit is faster than any reset, and works with every kernel.
	printf '\0' | dd of=/dev/port bs=1 seek=$((0xf4)) status=none
	/bin/busybox reboot -f
}

# What the machine can't be is no failure of the command.
skip()
{
	echo "vm: $*" >$TTY
	result "status 4"	# as kselftest skips
	power_off
}

fail()
{
	echo "vm: $*" >$TTY
	result "setup $*"
	power_off
}

mount_all()
{
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t tmpfs -o mode=1777 tmpfs /dev/shm
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t tracefs tracefs /sys/kernel/tracing
	case $VM_CGROUP in
	v2)
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		# Fails with cgroup_disable=memory, which is then the point.
		for c in memory cpuset; do
			echo +$c >/sys/fs/cgroup/cgroup.subtree_control
		done 2>/dev/null
		;;
	v1)
		mount -t tmpfs tmpfs /sys/fs/cgroup
		mkdir /sys/fs/cgroup/memory
		# Debian's 6.12 is built without CONFIG_MEMCG_V1.
		mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory ||
			skip "this kernel has no memory controller for cgroup v1"
		;;
	esac
}

# Isolated pages go back to their list within a moment when nothing is wrong,
# and the counters are per CPU: ask a few times.
isolated()
{
	local n

	for _ in 1 2 3 4 5 6 7 8; do
		n=$(awk '/^nr_isolated_/ { s += $2 } END { print s + 0 }' /proc/vmstat)
		[ "$n" -ne 0 ] || break
		sleep 0.4
	done
	echo "$n"
}

# shellcheck source=/dev/null
. $OUT/env
mount_all
stty -F $TTY 115200 -echo -opost	# no \n -> \r\n in the output
hostname vm
# The boot was silent because the serial port is slow; from here on the console
# shows all, warnings included. The rest is in the dmesg file at the end.
dmesg -n 7
case $VM_PMEM in
online)
	"$VM_DIR/pmem-online.sh" >$OUT/pmem.log 2>&1 ||
		fail "PMEM nodes did not come online: $(tail -n 3 $OUT/pmem.log)" ;;
late)
	"$VM_DIR/pmem-online.sh" --load-only >$OUT/pmem.log 2>&1 ;;
esac
[ -z "$VM_MODULES" ] || mount --bind "$VM_MODULES" /lib/modules ||
	fail "no modules in $VM_MODULES"
cd "$VM_ROOT" || fail "no $VM_ROOT"

read -r up _ </proc/uptime
result "uptime $up"
setsid -w "${VM_CMD[@]}" >$TTY 2>&1 </dev/null
result "status $?"
result "isolated $(isolated)"
result "taint $(cat /proc/sys/kernel/tainted)"
power_off

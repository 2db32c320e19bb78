#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/libvirt/ with a real libvirtd and a real domain, in a guest of selftests/vm: its QEMU has 96M
# that are allocated at once, so that the quota shows without a system booting in it.
#
#   selftests/vm/run.sh -t pmem -- selftests/test_libvirt.sh          libvirt makes cgroups itself
#   selftests/vm/run.sh -t pmem -- selftests/test_libvirt.sh systemd  systemd-machined does
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/systemd.sh
. "$(dirname "$0")/lib/systemd.sh"

readonly NAME='my web-1 ü' MIB=$((1 << 20)) STAGE=${1:-}
# The domain's cgroup.
readonly PLAIN='machine/qemu-+([0-9])-myweb-1.libvirt-qemu'
readonly SCOPE='machine.slice/machine-qemu\\x2d+([0-9])\\x2dmyweb\\x2d1.scope'
PLACE=$PLAIN
[ "$STAGE" = "" ] || PLACE=$SCOPE
shopt -s extglob

# ---- systemd --------------------------------------------------------------------------------------

# Process 1 of a PID namespace, as in a container, with little more than what libvirt asks for: the
# system's bus and machined. Runs this test as a service and ends with it.
if [ "$STAGE" = systemd-1 ]; then
	umount -l /sys/fs/cgroup
	mount -o remount,bind,ro /sys		# no udev
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t proc proc /proc
	mount -t tmpfs -o mode=755 tmpfs /run
	for unit in dbus.socket dbus.service systemd-machined.service; do
		mkdir -p "/run/systemd/system/$unit.d"
		printf '[Unit]\nDefaultDependencies=no\n' >"/run/systemd/system/$unit.d/early.conf"
	done
	cat >/run/systemd/system/test.service <<-END
	[Unit]
	DefaultDependencies=no
	Requires=dbus.socket
	After=dbus.socket
	SuccessAction=exit
	FailureAction=exit
	[Service]
	Type=oneshot
	PassEnvironment=VM_OUT TM_TIME_PCT TIERMEM_KO HOME PATH
	WorkingDirectory=$PWD
	ExecStart=$SELFTESTS/test_libvirt.sh systemd-2
	StandardOutput=file:$2
	StandardError=file:$2
	END
	export container=other
	exec /lib/systemd/systemd --unit=test.service --default-standard-output=null \
		--show-status=0 --log-target=console --log-level=warning
fi

[ "$STAGE" = systemd-2 ] || ktap_header
need_root
need_module
# It installs the hook and configures libvirtd: not on somebody's machine.
[ -n "${VM_OUT:-}" ] || ktap_skip_all "not in a guest of selftests/vm"
for tool in libvirtd virsh busybox; do
	command -v $tool >/dev/null || ktap_skip_all "no $tool"
done
if [ "$STAGE" = systemd ]; then
	[ -x /lib/systemd/systemd-machined ] || ktap_skip_all "no systemd-machined"
	boot_systemd
fi
dir=$(mktemp -d)
cleanup()
{
	virsh -q destroy "$NAME" >/dev/null 2>&1
	stop_libvirtd
	kill "$(<"$dir/syslogd.pid")"
	! loaded || until_ms 5000 rmmod tiermem
}
trap cleanup EXIT

# ---- libvirt ------------------------------------------------------------------------------------

set_up()
{
	# Made by libvirt-daemon-system, which would also start services on the host.
	grep -q '^libvirt-qemu:' /etc/passwd ||
		echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>/etc/passwd
	grep -q '^libvirt-qemu:' /etc/group || echo 'libvirt-qemu:x:64055:' >>/etc/group
	grep -q '^kvm:' /etc/group || echo 'kvm:x:64054:' >>/etc/group
	mkdir -p /etc/libvirt/hooks/qemu.d /etc/tiermem.d
	cat >/etc/libvirt/qemu.conf <<-END
	user = "root"
	group = "root"
	security_driver = "none"
	stdio_handler = "file"
	namespaces = []
	remember_owner = 0
	END
	cat >/etc/libvirt/libvirtd.conf <<-END
	auth_unix_rw = "none"
	auth_unix_ro = "none"
	END
	# All that libvirt calls hooks for.
	cat >/etc/libvirt/hooks/qemu.d/log <<-END
	#!/bin/sh
	echo "\$2" >>$dir/hooks
	END
	chmod +x /etc/libvirt/hooks/qemu.d/log
	: >"$dir/hooks"
	install -m 755 "$TOP/tools/libvirt/tiermem-virt-apply" /usr/sbin
	install -m 755 "$TOP/tools/libvirt/tiermem" /etc/libvirt/hooks/qemu.d
	# Python comes over a slow file system at first, and the hook has a time limit.
	echo '<domain/>' | tiermem-virt-apply --xml nobody
	: >"$dir/syslog"
	busybox syslogd -n -O "$dir/syslog" &
	echo $! >"$dir/syslogd.pid"
}

xml()			# [dram_max]
{
	local quota=''

	[ $# -eq 0 ] ||
		quota="<tiermem:quota xmlns:tiermem='urn:tiermem:libvirt:1' dram_max='$1'/>"
	cat <<-END
	<domain type='$accel'>
	  <name>$NAME</name>
	  <metadata>$quota</metadata>
	  <memory unit='MiB'>96</memory>
	  <memoryBacking><allocation mode='immediate'/></memoryBacking>
	  <vcpu>1</vcpu>
	  <os><type arch='x86_64' machine='pc'>hvm</type></os>
	  <features><acpi/></features>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='usb' model='none'/>
	    <memballoon model='none'/>
	  </devices>
	</domain>
	END
}

start_libvirtd()
{
	libvirtd -p "$dir/libvirtd.pid" >>"$dir/libvirtd.log" 2>&1 &
	libvirtd=$!
	until_ms 60000 virsh -q list >/dev/null 2>&1
}

stop_libvirtd()
{
	[ -n "${libvirtd:-}" ] || return 0
	kill "$libvirtd"
	wait "$libvirtd"
	libvirtd=''
}

# A new one instead of what there is.
define()		# [dram_max]
{
	xml "$@" >"$dir/xml"
	{
		virsh -q destroy "$NAME"
		virsh -q undefine "$NAME"
	} >/dev/null 2>&1
	virsh -q define "$dir/xml"
}

start()
{
	: >"$dir/syslog"
	: >"$dir/hooks"
	virsh -q start --paused "$NAME" && is_there
}

# Paused: it has no system to run, and what emulated KVM makes of its firmware is another matter.
is_there()
{
	is "state" paused "$(virsh -q domstate "$NAME")"
}

qemu_pid()
{
	cat "/run/libvirt/qemu/$NAME.pid"
}

# ---- what there is to see -----------------------------------------------------------------------

is()			# what expected found
{
	[ "$2" = "$3" ] && return 0
	ktap_diag "$1: expected '$2', found '$3'"
	return 1
}

# Sets G: the domain's cgroup.
G=$CG/none
find_group()
{
	G=$CG$(sed -n 's/^0:://p' "/proc/$(qemu_pid)/cgroup")
	# shellcheck disable=SC2053	# a pattern
	while [[ ${G#"$CG"/} != $PLACE ]]; do
		[ "$G" != "$CG" ] || { ktap_diag "QEMU in $(<"/proc/$(qemu_pid)/cgroup")"; return 1; }
		G=${G%/*}
	done
}

# The domain's cgroup has the quota, and nobody else has one.
only_quota()		# bytes
{
	local found

	find_group || return 1
	found=$(find "$CG" -name tiermem.dram_max -exec grep -Hv max {} +)
	is "quotas" "$G/tiermem.dram_max:$1" "$found"
}

no_quota()
{
	is "quotas" '' "$(find "$CG" -name tiermem.dram_max -exec grep -Hv max {} +)"
}

# Exactly one line in the system's log, and it matches.
logged()		# pattern
{
	local log

	# libvirtd may not have come to the hook, nor syslogd to the line.
	until_ms 20000 grep -q 'daemon.notice tiermem: ' "$dir/syslog"
	log=$(sed -n 's/^.*daemon.notice tiermem: //p' "$dir/syslog")
	# shellcheck disable=SC2053	# a pattern
	[[ $log == $1 && $log != *$'\n'* ]] && return 0
	ktap_diag "logged '$log', expected '$1'; hooks called: $(xargs <"$dir/hooks")"
	return 1
}

# At its quota, but for what CPUs take ahead; the rest is on the slow node.
# shellcheck disable=SC2329
within()		# bytes
{
	[ "$(<"$G/tiermem.dram_current")" -le $(($1 + 4 * MIB)) ] &&
		[ "$(<"$G/tiermem.slow_current")" -ge $((96 * MIB - $1)) ]
}

settles()		# bytes
{
	until_ms 20000 within "$1" && return 0
	ktap_diag "DRAM $(<"$G/tiermem.dram_current"), slow $(<"$G/tiermem.slow_current")"
	return 1
}

# ---- stories ------------------------------------------------------------------------------------

started()
{
	define || return 1
	virsh -q metadata "$NAME" --config --uri urn:tiermem:libvirt:1 --key tiermem \
		--set '<quota dram_max="32M"/>' >/dev/null || return 1
	start && only_quota $((32 * MIB)) && settles $((32 * MIB)) &&
		logged "$NAME: dram_max 32M (metadata), /$PLACE"
}

changed_live()
{
	: >"$dir/hooks"
	virsh -q metadata "$NAME" --live --config --uri urn:tiermem:libvirt:1 --key tiermem \
		--set '<quota dram_max="24M"/>' >/dev/null || return 1
	# If libvirt called a hook then, nobody would need the command.
	is "hooks called" '' "$(<"$dir/hooks")" && only_quota $((32 * MIB)) &&
		tiermem-virt-apply "$NAME" >"$dir/out" && only_quota $((24 * MIB)) || return 1
	# The command waits for the pages.
	within $((24 * MIB)) || { settles $((24 * MIB)); return 1; }
	# shellcheck disable=SC2053	# a pattern
	[[ $(<"$dir/out") == "$NAME: dram_max 24M (metadata), /"$PLACE ]] && return 0
	ktap_diag "$(<"$dir/out")"
	return 1
}

# Whatever was set meanwhile.
libvirtd_restarted()
{
	local pid

	pid=$(qemu_pid)
	stop_libvirtd
	echo max >"$G/tiermem.dram_max"
	: >"$dir/syslog"
	: >"$dir/hooks"
	start_libvirtd || return 1
	logged "$NAME: dram_max 32M *" && only_quota $((32 * MIB)) &&
		is "QEMU" "$pid" "$(qemu_pid)" && is_there
}

started_again()
{
	local old=$G

	virsh -q destroy "$NAME" && no_quota && start && only_quota $((24 * MIB)) && [ "$G" != "$old" ]
}

from_file()
{
	printf 'domain = %s\ndram_max = 40M\n' "$NAME" >/etc/tiermem.d/web.conf
	define && start && only_quota $((40 * MIB)) &&
		logged "$NAME: dram_max 40M (/etc/tiermem.d/web.conf), *"
}

bad_number()
{
	define 2X && start && no_quota &&
		logged "$NAME: no quota, dram_max '2X': Invalid argument"
}

hook_hangs()
{
	rm /etc/tiermem.d/web.conf
	mkfifo /etc/tiermem.d/web.conf
	define && start && no_quota && logged "$NAME: not done after 5 s, *"
	set -- $?
	# Whoever waits for the file gets it now.
	: >"$dir/syslog"
	printf 'domain = %s\ndram_max = 40M\n' "$NAME" >/etc/tiermem.d/web.conf
	rm /etc/tiermem.d/web.conf
	[ "$1" -eq 0 ] && logged "$NAME: dram_max 40M *" && only_quota $((40 * MIB))
}

no_module()
{
	define 32M && until_ms 5000 rmmod tiermem && start &&
		logged "$NAME: no quota, dram_max '32M': the module tiermem is not loaded"
	set -- $?
	insmod "$KO" || return 1
	# What an administrator does then.
	[ "$1" -eq 0 ] && tiermem-virt-apply >"$dir/out" && only_quota $((32 * MIB))
}

# That others' hooks do stop a domain shows what ours must not do.
fails_otherwise()
{
	cat >/etc/libvirt/hooks/qemu.d/fails <<-END
	#!/bin/sh
	[ "\$2" != started ]
	END
	chmod +x /etc/libvirt/hooks/qemu.d/fails
	define && ! virsh -q start --paused "$NAME" 2>"$dir/out" && grep -q 'ook script' "$dir/out"
	set -- $?
	[ "$1" -eq 0 ] || ktap_diag "$(<"$dir/out")"
	rm /etc/libvirt/hooks/qemu.d/fails
	return "$1"
}

# As docs/howto/kvm.md does, but for two lines: little is booted here, and QEMU has nothing to run.
without_libvirt()
{
	systemd-run -q -p DefaultDependencies=no --unit=vm1 -p MemoryAccounting=yes \
		-p 'ExecStartPost=+/bin/sh -c "echo 16M >/sys/fs/cgroup/system.slice/vm1.service/tiermem.dram_max"' \
		qemu-system-x86_64 -accel "$accel" -m 64M -display none -S || return 1
	is "quota" $((16 * MIB)) "$(<"$CG/system.slice/vm1.service/tiermem.dram_max")"
	set -- $?
	systemctl stop vm1
	return "$1"
}

# ---- main ---------------------------------------------------------------------------------------

insmod "$KO" || ktap_skip_all "the module does not load"
[ -n "$(cat $SYSFS/slow_nodes)" ] || ktap_skip_all "no slow node"
modprobe -iq kvm-amd || modprobe -iq kvm-intel
accel=qemu
[ ! -e /dev/kvm ] || accel=kvm
export LC_ALL=C.UTF-8
set_up
start_libvirtd || ktap_bail "libvirtd does not answer: $(tail -n 3 "$dir/libvirtd.log")"

if [ "$STAGE" = "" ]; then
	ktap_plan 2
else
	ktap_plan 10
fi
ktap_check "a domain starts: its cgroup has the quota, its memory keeps to it" started
ktap_check "libvirtd restarts: the quota is set again" libvirtd_restarted
# What follows has nothing to do with where cgroups are.
[ "$STAGE" != "" ] || ktap_end
ktap_check "virsh metadata, tiermem-virt-apply: a new quota at once" changed_live
ktap_check "destroyed and started: a new cgroup has the quota" started_again
ktap_check "the quota is in /etc/tiermem.d" from_file
ktap_check "a bad number: one line in the log, and the domain runs" bad_number
ktap_check "a hook that hangs: the domain runs, and has its quota later" hook_hangs
ktap_check "no module: the domain runs; loaded later, the command sets all quotas" no_module
ktap_check "a hook that fails would have stopped it" fails_otherwise
ktap_check "QEMU without libvirt, by systemd-run" without_libvirt
ktap_end

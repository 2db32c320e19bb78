#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/systemd/ with a real systemd, in a guest of selftests/vm: the machine starts, services start
# and start again, files change.
#
#   selftests/vm/run.sh -t pmem -- selftests/test_systemd.sh
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/systemd.sh
. "$(dirname "$0")/lib/systemd.sh"

readonly MIB=$((1 << 20)) HOG_MIB=64 STAGE=${1:-}
readonly CONF=/etc/tiermem.d UNITS=/run/systemd/system SLICE=$CG/system.slice

# ---- systemd --------------------------------------------------------------------------------------

# A service. What belongs to a whole machine's start is left out, but for the order: basic.target,
# and so tiermem.service, comes before ordinary services.
unit()		# name, lines of [Service]
{
	printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'After=tiermem.service' '[Service]' "${@:2}" \
		>"$UNITS/$1.service"
}

# Process 1 of a PID namespace, as in a container. Runs this test as a service and ends with it.
if [ "$STAGE" = systemd-1 ]; then
	umount -l /sys/fs/cgroup
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t proc proc /proc
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p $UNITS
	readonly HOG="ExecStart=/bin/busybox sh -c '{ busybox dd if=/dev/zero bs=1M count=$HOG_MIB; \
		busybox sleep 3600; } | busybox tail -c ${HOG_MIB}m'"
	for name in tm-file tm-drop-in tm-bad tm-late; do
		unit $name "$HOG"
	done
	mkdir $UNITS/tm-drop-in.service.d
	cat >$UNITS/tm-drop-in.service.d/dram.conf <<-END
	[Service]
	MemoryAccounting=yes
	ExecStartPost=+/usr/local/bin/tiermemctl set %n dram_max=24M
	END
	unit test Type=oneshot 'PassEnvironment=VM_OUT TM_TIME_PCT TIERMEM_KO HOME PATH' \
		"WorkingDirectory=$PWD" "ExecStart=$SELFTESTS/test_systemd.sh systemd-2" \
		"StandardOutput=file:$2" "StandardError=file:$2"
	mkdir $UNITS/test.service.d
	cat >$UNITS/test.service.d/order.conf <<-END
	[Unit]
	Wants=systemd-journald.service tiermem.service tm-file.service tm-drop-in.service tm-bad.service
	After=systemd-journald.service tiermem.service tm-file.service tm-drop-in.service tm-bad.service
	SuccessAction=exit
	FailureAction=exit
	END
	export container=other
	exec /lib/systemd/systemd --unit=test.service --show-status=0 --log-target=console \
		--log-level=warning
fi

set_up()
{
	make -s -C "$TOP" tools-install ||
		ktap_bail "make install"
	# modprobe has it from here: depmod takes long in a guest.
	echo "install tiermem [ -e /sys/module/tiermem ] || insmod $KO" >/etc/modprobe.d/tiermem.conf
	echo 0123456789abcdef0123456789abcdef >/etc/machine-id
	conf machine.conf 'migrate_mbps = 77' 'cpu_budget_percent = 3'
	conf slice.conf 'unit = system.slice' 'dram_max = 300M'
	conf file.conf 'unit = tm-file' 'dram_max = 32M' 'dram_weight = 200'
	conf bad.conf 'unit = tm-bad' 'dram_max = 2X'
}

conf()		# file line...
{
	printf '%s\n' "${@:2}" >$CONF/"$1"
}

# ---- what there is to see -----------------------------------------------------------------------

is()			# what expected found
{
	[ "$2" = "$3" ] && return 0
	ktap_diag "$1: expected '$2', found '$3'"
	return 1
}

value()			# unit [key]
{
	cat "$SLICE/$1/tiermem.${2:-dram_max}"
}

# shellcheck disable=SC2329
filled()		# unit
{
	[ $(($(value "$1" dram_current) + $(value "$1" slow_current))) -ge $((HOG_MIB * MIB)) ]
}

# It has all of its memory, and no more of it in DRAM than it may.
holds()			# unit, MiB
{
	until_ms 60000 filled "$1"
	ktap_diag "$1: $(($(value "$1" dram_current) / MIB))M in DRAM, $(($(value "$1" slow_current) / MIB))M slow"
	filled "$1" && [ "$(value "$1" dram_current)" -le $((($2 + 4) * MIB)) ]
}

# What the journal has of a unit.
journal()		# unit
{
	journalctl --sync 2>/dev/null
	journalctl -q -o cat -u "$1"
}

has_logged()		# unit pattern
{
	# shellcheck disable=SC2053	# a pattern
	[[ $(journal "$1") == $2 ]]
}

logs()			# unit pattern
{
	until_ms 10000 has_logged "$@" && return 0
	ktap_diag "journal of $1: $(journal "$1" | tail -n 15)"
	return 1
}

# ---- stories ------------------------------------------------------------------------------------

# One file is wrong: that is the status, and all else is set.
machine_starts()
{
	logs tiermem "*: cpu_budget_percent 3, migrate_mbps 77 ($CONF/machine.conf)*" &&
		is "tiermem.service" failed "$(systemctl is-active tiermem)" && loaded &&
		is "rate" 77 "$(<"$SYSFS"/migrate_mbps)" && is "budget" 3 "$(<"$SYSFS"/cpu_budget_percent)" &&
		is "slice" $((300 * MIB)) "$(<"$SLICE"/tiermem.dram_max)" &&
		logs tiermem "*$CONF/bad.conf:2: '2X' is no quota*"
}

quota_in_a_file()
{
	is "quota" $((32 * MIB)) "$(value tm-file.service)" &&
		is "weight" 200 "$(value tm-file.service dram_weight)" && holds tm-file.service 32 &&
		logs tm-file "*tm-file.service: dram_weight 200, dram_max 32M ($CONF/file.conf), */tm-file.service*"
}

# Its cgroup is another one.
restarted()		# unit, MiB
{
	local before

	before=$(stat -c %i "$SLICE/$1")
	systemctl restart "$1" || return 1
	[ "$(stat -c %i "$SLICE/$1")" != "$before" ] || { ktap_diag "the same cgroup"; return 1; }
	is "quota" $(($2 * MIB)) "$(value "$1")" && holds "$1" "$2"
}

quota_in_a_drop_in()
{
	is "quota" $((24 * MIB)) "$(value tm-drop-in.service)" && holds tm-drop-in.service 24 &&
		restarted tm-drop-in.service 24
}

# For the moment; %n would be taken literally there.
quota_of_a_transient_unit()
{
	systemd-run -q -p DefaultDependencies=no --unit=tm-job -p MemoryAccounting=yes \
		-p 'ExecStartPost=+/usr/local/bin/tiermemctl set tm-job.service dram_max=20M' sleep 3600 &&
		is "quota" $((20 * MIB)) "$(value tm-job.service)"
	set -- $?
	systemctl stop tm-job
	return "$1"
}

file_that_is_wrong()
{
	is "tm-bad.service" active "$(systemctl is-active tm-bad)" && is "quota" max "$(value tm-bad.service)" &&
		logs tm-bad "*$CONF/bad.conf:2: '2X' is no quota*" || return 1
	conf bad.conf 'unit = tm-bad' 'dram_max = 48M'
	systemctl restart tiermem && is "tiermem.service" active "$(systemctl is-active tiermem)" &&
		is "quota" $((48 * MIB)) "$(value tm-bad.service)"
}

file_that_changes()
{
	conf file.conf 'unit = tm-file' 'dram_max = 16M'
	systemctl reload tiermem && is "quota" $((16 * MIB)) "$(value tm-file.service)" &&
		restarted tm-file.service 16 || return 1
	# A line that is wrong leaves the rest, and the unit, as they are.
	conf file.conf 'unit = tm-file' 'dram_weight = many' 'dram_max = 20M'
	! systemctl reload tiermem 2>/dev/null && is "quota" $((20 * MIB)) "$(value tm-file.service)" &&
		is "tiermem.service" active "$(systemctl is-active tiermem)"
}

file_that_is_new()
{
	conf late.conf 'unit = tm-late.service' 'dram_max = 28M'
	systemctl daemon-reload && systemctl start tm-late &&
		is "quota" $((28 * MIB)) "$(value tm-late.service)" && restarted tm-late.service 28
}

quotas_of_slices()
{
	cat "$CG"/tm.slice/tm-pods.slice/{tm-pods-besteffort.slice/,}tiermem.dram_max | xargs
}

# As docs/howto/kubernetes.md has it for the kubelet, which makes slices some time after its start.
slices_of_a_service()
{
	unit tm-kubelet "ExecStart=/bin/sh -c 'sleep 3; exec systemd-run -p DefaultDependencies=no --scope \
		--unit=tm-pod --slice=tm-pods-besteffort.slice sleep 3600'" \
		"ExecStartPost=-+timeout 60 sh -c 'until tiermemctl apply tm-pods-besteffort.slice \\" \
		"	tm-pods.slice; do sleep 1; done'"
	conf pods.conf 'unit = tm-pods.slice' 'dram_max = 100M'
	conf besteffort.conf 'unit = tm-pods-besteffort.slice' 'dram_max = 0'
	systemctl daemon-reload && systemctl start tm-kubelet &&
		is "quotas" "0 $((100 * MIB))" "$(quotas_of_slices)" && systemctl stop tm-pod.scope &&
		is "quotas of empty slices" "0 $((100 * MIB))" "$(quotas_of_slices)"
	set -- $?
	[ "$1" -eq 0 ] || ktap_diag "$(journal tm-kubelet | tail -n 5)"
	systemctl stop tm-kubelet tm-pods.slice
	rm "$CONF"/{pods,besteffort}.conf
	return "$1"
}

module_that_was_away()
{
	conf file.conf 'unit = tm-file' 'dram_max = 20M'
	until_ms 10000 rmmod tiermem || return 1
	# Without it, services start, but for the one whose drop-in says otherwise.
	systemctl restart tm-file && ! systemctl restart tm-drop-in 2>/dev/null &&
		logs tm-file '*tiermem is not loaded*' || return 1
	systemctl restart tiermem && is "quota" $((20 * MIB)) "$(value tm-file.service)" &&
		is "rate" 77 "$(<"$SYSFS"/migrate_mbps)" && holds tm-file.service 20
}

enabled_at_boot()
{
	systemctl -q enable tiermem && [ -L /etc/systemd/system/basic.target.wants/tiermem.service ]
}

# ---- main ---------------------------------------------------------------------------------------

[ "$STAGE" = systemd-2 ] || ktap_header
need_root
need_module
# It installs units and files: not on somebody's machine.
[ -n "${VM_OUT:-}" ] || ktap_skip_all "not in a guest of selftests/vm"
[ -x /lib/systemd/systemd ] || ktap_skip_all "no systemd"
[ -x "$TOP/build/tiermemctl/tiermemctl" ] || ktap_skip_all "no tiermemctl"
if [ "$STAGE" = "" ]; then
	set_up
	boot_systemd
fi
ktap_plan 11
ktap_check "the machine starts: what files say is set, and a wrong one is told" machine_starts
ktap_check "a service with a file has its quota from its start" quota_in_a_file
ktap_check "systemctl restart: a new cgroup, the same quota" restarted tm-file.service 32
ktap_check "a drop-in with ExecStartPost does the same" quota_in_a_drop_in
ktap_check "systemd-run with ExecStartPost" quota_of_a_transient_unit
ktap_check "a wrong file does not stop its service; put right, it is set" file_that_is_wrong
ktap_check "a file changes: systemctl reload tiermem" file_that_changes
ktap_check "a new file: systemctl daemon-reload" file_that_is_new
ktap_check "slices that a service makes" slices_of_a_service
ktap_check "the module goes and comes: systemctl restart tiermem" module_that_was_away
ktap_check "systemctl enable" enabled_at_boot
systemctl stop tm-file tm-drop-in tm-bad tm-late
until_ms 10000 rmmod tiermem
ktap_end

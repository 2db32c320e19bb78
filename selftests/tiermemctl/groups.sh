# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: what people do with groups, and what they do wrong.

who_has_how_much()
{
	local line

	machine
	ctl list -i 0.1 && well || return 1
	line=$(grep "^$REDIS " <<<"$out")
	says '*2.0G * 2.0G * 3.0G * 0 * 0 * 0' "$line" &&
	says '*/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d1.scope *' "$out" || return 1
	# No quota and no slow memory: not in the list, but in that of all.
	[[ $out != *cron* ]] || { ktap_diag "cron: $out"; return 1; }
	ctl list --all -i 0 && well && says '*cron.service*' "$out" &&
	ctl list --json -i 0.1 && well &&
	json '[g["cgroup"] for g in d["groups"]] == ["/machine.slice",
		"/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d1.scope", "/system.slice",
		"/system.slice/redis.service"]' &&
	json 'd["groups"][3]["dram_max_bytes"] == 2 << 30' &&
	json 'd["groups"][0]["dram_max_bytes"] is None'
}

rates()
{
	machine
	"$CTL" --root "$FAKE" list --json -i 1 >"$dir/rates" &
	sleep 0.4
	fake_stat "$REDIS" promoted_bytes $((1048576 + 10 * MiB))
	wait $!
	out=$(<"$dir/rates")
	json '5e6 < d["groups"][3]["promote_bytes_per_second"] < 11e6' &&
	json 'd["groups"][3]["demote_bytes_per_second"] == 0'
}

fits_a_terminal()
{
	machine
	COLUMNS=80 ctl list -i 0 && well || return 1
	[ "$(wc -L <<<"$out")" -eq 80 ] || { ktap_diag "$out"; return 1; }
	says '*…*qemu\\x2d1\\x2dweb\\x2d1.scope *' "$out"
}

names_that_people_have()
{
	local name

	machine
	for name in $REDIS system.slice/redis.service redis.service redis 812 \
			"/sys/fs/cgroup$REDIS" "/sys/fs/cgroup$REDIS/"; do
		ctl get "$name" dram_max && well && says "$((2 * GiB))" "$out" || return 1
	done
	for name in web-1 4711 "$VM"; do
		ctl get "$name" --json && well && json "d['cgroup'].endswith('web\\\\x2d1.scope')" ||
			return 1
	done
	# Of the machine, not of the container.
	ctl get cron.service --json && well && json 'd["cgroup"] == "/system.slice/cron.service"'
}

vm_without_pid_file()
{
	machine
	rm -r "$FAKE/run/libvirt"
	ctl get web-1 dram_max && well && says "$GiB" "$out" || return 1
	# Without systemd.
	fake_group /machine 4096 0 0
	fake_group /machine/qemu-7-db.libvirt-qemu 8192 0 0
	ctl get db dram_max && well && says 8192 "$out"
}

ambiguous_names()
{
	machine
	fake_group /system.slice/web-1.service max 0 0
	ctl set web-1 dram_max=1M && fails 1 '*could be*machine-qemu*web-1.service*path*' || return 1
	says "$GiB" "$(quota "$VM")" && says max "$(quota /system.slice/web-1.service)" || return 1
	fake_group /812 max 0 0
	ctl get 812 && fails 1 '*could be*/812*redis.service*'
}

set_and_read_back()
{
	local pair

	machine
	for pair in 512M:$((512 * MiB)) 1.5G:$((3 * GiB / 2)) 1GiB:$GiB 1gi:$GiB 50%:$((2 * GiB)) \
			0:0 4096:4096 12.5%:$((GiB / 2)) 0.5K:512 max:max; do
		ctl set redis "dram_max=${pair%:*}" && ends 0 && says "" "$out" &&
			says "${pair#*:}" "$(quota "$REDIS")" || return 1
	done
	ctl set redis dram_max=1G --json && ends 0 && json 'd["dram_max_bytes"] == 1 << 30' &&
	json 'd["old_dram_max_bytes"] is None'
}

set_says_what_came_of_it()
{
	machine
	fake_stat "$REDIS" over_quota_bytes $((64 * MiB))
	ctl set redis dram_max=1G && ends 0 && says '*64.0M over its quota*' "$err" || return 1
	ctl set redis dram_max=8G && ends 0 && says '*quota of 8.0G is more than*4.0G of DRAM*' "$err"
}

# All that a person may get wrong; none of it writes.
bad_quotas()
{
	local value

	machine
	for value in '' -1 2GB 2X 2GG 1.G .5G 1,5G 0x10 1e9 ' 1G' 1.5 infinity nan 101% -1% % 1.2.3% \
			99999999999999999999 16E 99999999T Max $'1G\n'; do
		ctl set redis "dram_max=$value" && fails 2 "*is no quota: *" || return 1
		says "$((2 * GiB))" "$(quota "$REDIS")" || return 1
	done
}

bad_usage()
{
	machine
	ctl set redis && fails 2 '*KEY=VALUE is missing*' &&
	ctl set redis dram_max=1G dram_max=2G && fails 2 '*twice*' &&
	ctl set redis dram_max=1G colour=2G && fails 2 '*no key*colour*' &&
	ctl set redis 2G && fails 2 '*KEY=VALUE*' &&
	ctl set && fails 2 '*group is missing*' &&
	ctl set '' dram_max=1G && fails 2 '*name of a group is missing*' &&
	ctl get redis nonsense && fails 1 '*no key*nonsense*' &&
	ctl get redis ../cgroup.procs && fails 1 '*no key*' &&
	ctl frobnicate && fails 2 "*no verb 'frobnicate'*" &&
	ctl list --interval x && fails 2 '*number*' &&
	ctl advise --target 0 && fails 2 '*1 to 100*' &&
	ctl top --sort size && fails 2 '*no column*' &&
	ctl top && fails 2 '*--batch*' &&
	ctl && fails 2 '*Usage*' && says "$((2 * GiB))" "$(quota "$REDIS")"
}

no_such_group()
{
	local name

	machine
	for name in nosuch 99999 /nosuch ../.. /../.. web $'a\nb'; do
		ctl set "$name" dram_max=1G && fails 1 '*no cgroup, unit, virtual machine or process*' ||
			return 1
	done
	# A process outside of the cgroup namespace.
	fake_process 5 /../outside
	mkdir "$FAKE/sys/fs/outside"
	ctl set 5 dram_max=1G && fails 1 '*which is not in*' || return 1
	ctl set / dram_max=1G && fails 1 '*root cgroup has no quota*' || return 1
	mkdir "$FAKE/sys/fs/cgroup/system.slice/plain.service" "$FAKE/sys/fs/cgroup/plain"
	ctl set plain.service dram_max=1G && fails 1 '*MemoryAccounting=yes*' &&
	ctl set /plain dram_max=1G && fails 1 '*+memory*subtree_control*'
}

no_module()
{
	local verb

	machine
	rm -r "$FAKE/sys/kernel/tiermem" "$FAKE/sys/module/tiermem"
	for verb in list "get redis" "set redis dram_max=1G" top advise events; do
		# shellcheck disable=SC2086	# words
		ctl $verb && fails 3 '*not loaded: modprobe tiermem*' || return 1
	done
	ctl run --dram 1G true && fails 125 '*not loaded*' &&
	ctl export && well && says '*tiermem_loaded 0' "$out" &&
	ctl nodes && ends 0 && says '*not loaded*' "$err" && says '*slow*PMEM*' "$out" &&
	ctl check && ends 2 && says '*PROBLEM*module*not loaded*' "$out"
}

no_cgroups()
{
	machine
	rm -r "$FAKE/sys/fs/cgroup"
	put proc/self/mounts "sysfs /sys sysfs rw 0 0"
	ctl list && fails 1 '*not mounted*' &&
	ctl check && ends 2 && says '*PROBLEM*cgroups*' "$out" || return 1
	# Another mount point, as of systemd's hybrid mode.
	machine
	mkdir "$FAKE/mnt"
	mv "$FAKE/sys/fs/cgroup" "$FAKE/mnt/cg two"
	put proc/self/mounts 'cgroup2 /mnt/cg\040two cgroup2 rw 0 0'
	ctl get redis dram_max && well && says "$((2 * GiB))" "$out"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: what is in /etc/tiermem.d, and what systemd makes of it.

conf()		# file line...
{
	put "etc/tiermem.d/$1" "${@:2}"
}

# What a file of the machine has.
of_machine()	# key value
{
	says "$2" "$(<"$FAKE/sys/kernel/tiermem/$1")"
}

kept_in_files()
{
	machine
	conf 10-machine.conf '# all of them together' 'dram_pool = 3G' 'pool_policy=throughput' '' \
		$'\tcpu_budget_percent =5 ' 'migrate_mbps = 256'
	conf 20-redis.conf 'unit = redis' 'dram_max = 1G' 'dram_min = 512M' 'dram_weight = 300'
	conf 30-web.conf 'domain = web-1' 'dram_max = 25%'
	conf 40-cron.conf 'cgroup = system.slice/cron.service/' 'dram_weight=50'
	conf 50-off.conf.bak 'unit = redis' 'dram_max = 7G'
	conf .hidden.conf 'unit = redis' 'dram_max = 7G'
	ctl apply && well && says "$((GiB))"$'\n'$((512 * MiB))$'\n'300 "$(shares "$REDIS")" &&
	says "$GiB" "$(quota "$VM")" && says 50 "$(<"$FAKE/sys/fs/cgroup/system.slice/cron.service/tiermem.dram_weight")" &&
	of_machine dram_pool $((3 * GiB)) && of_machine pool_policy throughput &&
	of_machine cpu_budget_percent 5 && of_machine migrate_mbps 256 || return 1
	# A line for each, with all that was set.
	says "/: cpu_budget_percent 5, migrate_mbps 256, pool_policy throughput, dram_pool 3G (/etc/tiermem.d/10-machine.conf)
redis.service: dram_min 512M, dram_weight 300, dram_max 1G (/etc/tiermem.d/20-redis.conf), $REDIS
web-1: dram_max 25% (/etc/tiermem.d/30-web.conf), ${VM//\\/\\\\}
/system.slice/cron.service: dram_weight 50 (/etc/tiermem.d/40-cron.conf)" "$out" || return 1
	# What somebody did by hand meanwhile.
	put "sys/fs/cgroup$REDIS/tiermem.dram_max" max
	put "sys/fs/cgroup$VM/tiermem.dram_max" max
	ctl apply redis.service && well && says "$GiB" "$(quota "$REDIS")" && says max "$(quota "$VM")" &&
	ctl apply --no-wait web-1 /system.slice/cron.service / redis && well &&
	says "$GiB" "$(quota "$VM")" && [ "$(wc -l <<<"$out")" -eq 4 ]
}

# Each is told with its line, and nothing else stops for it.
lines_that_are_wrong()
{
	local pattern

	machine
	conf 10-machine.conf 'dram_pool = lots' 'pool_policy = fair' 'cpu_budget_percent = 0' \
		'migrate_mbps = 1e3' 'dram_weight = 5'
	conf 20-redis.conf 'unit = redis' 'dram_mx = 1G' 'dram_weight 300' 'dram_weight = 0' \
		'dram_max = 2GB' 'dram_min = 512M' 'dram_min = 1G' 'unit = cron' 'dram_pool = 1G'
	conf 30-nobody.conf 'untit = redis' 'dram_max = 3G'
	conf 40-cron.conf 'unit = cron.service' 'dram_max = 1M'
	ctl apply && ends 1 || return 1
	for pattern in "10-machine.conf:1: 'lots' is no pool: " "10-machine.conf:3: '0' is no budget: " \
			"10-machine.conf:4: '1e3' is no rate: " "10-machine.conf:5: of a group, " \
			"20-redis.conf:2: not understood*'dram_mx = 1G'" \
			"20-redis.conf:3: not understood: 'dram_weight 300'" \
			"20-redis.conf:4: '0' is no weight: " "20-redis.conf:5: '2GB' is no quota: " \
			"20-redis.conf:7: *twice: 'dram_min = 1G'" "20-redis.conf:8: *twice: 'unit = cron'" \
			"20-redis.conf:9: of the machine: " "30-nobody.conf:1: not understood" \
			"30-nobody.conf:2: of a group, "; do
		says "*tiermemctl: /etc/tiermem.d/$pattern*" "$err" || return 1
	done
	# And that a reservation has no effect without a pool.
	[ "$(wc -l <<<"$err")" -eq 14 ] || { ktap_diag "$err"; return 1; }
	says "$((2 * GiB))"$'\n'$((512 * MiB))$'\n'100 "$(shares "$REDIS")" &&
	says "$MiB" "$(quota /system.slice/cron.service)" && of_machine pool_policy fair &&
	of_machine dram_pool max && says '*redis.service: dram_min 512M (*/cron.service' "$out" || return 1
	# Others' mistakes are not this one's.
	ctl apply cron && ends 0 && ctl apply redis && ends 1
}

what_does_not_run()
{
	machine
	conf a.conf 'unit = postgresql' 'dram_max = 1G'
	conf b.conf 'domain = db' 'dram_max = 1G'
	conf c.conf 'cgroup = build' 'dram_max = 1G'
	conf d.conf 'unit = redis' 'dram_max = 1G'
	ctl apply && well && says "$GiB" "$(quota "$REDIS")" &&
	says '*postgresql.service: not there now (/etc/tiermem.d/a.conf)*db: not*/build: not*redis*' "$out" &&
	ctl apply postgresql && fails 1 '*postgresql.service of */a.conf is not there*' &&
	ctl apply mysql && fails 1 "*no file in /etc/tiermem.d is about 'mysql'*" || return 1
	# Nor is what is wrong with its file right.
	conf e.conf 'unit = mail' 'dram_max = lots' 'dram_weight = 5'
	ctl apply && ends 1 && says "*/e.conf:2: 'lots' is no quota*" "$err" || return 1
	rm "$FAKE/etc/tiermem.d/e.conf"
	# A unit of a container is not ours.
	fake_group "$CONTAINER"/system.slice/postgresql.service max 0 0
	ctl apply postgresql && ends 1 && says max "$(quota "$CONTAINER"/system.slice/postgresql.service)" ||
		return 1
	# One that has no memory controller.
	mkdir "$FAKE/sys/fs/cgroup/build"
	ctl apply build && fails 1 '*c.conf:2: /build has no memory controller*'
}

several_files_for_one()
{
	machine
	conf 10.conf 'unit = redis.service' 'dram_max = 1G'
	conf 20.conf 'unit = redis' 'dram_max = 3G'
	conf 30.conf 'domain = redis' 'dram_max = 3G'
	ctl apply && ends 0 && says '*20.conf does not count: */10.conf is about the same' "$err" &&
	says "$GiB" "$(quota "$REDIS")" && ctl apply redis && ends 1 && says "$GiB" "$(quota "$REDIS")"
}

machines_in_files()
{
	machine
	conf web.conf 'domain = web-1' 'dram_max = 512M' 'dram_weight = 200'
	ctl apply web-1 && ends 0 && says $((512 * MiB))$'\n0\n'200 "$(shares "$VM")" || return 1
	# libvirt without systemd: QEMU is in a cgroup below, which has no memory files.
	fake_group /machine/qemu-3-db.libvirt-qemu max 0 0
	mkdir "$FAKE/sys/fs/cgroup/machine/qemu-3-db.libvirt-qemu/emulator"
	put run/libvirt/qemu/db.pid 4712
	fake_process 4712 /machine/qemu-3-db.libvirt-qemu/emulator
	conf db.conf 'domain = db' 'dram_max = 1M'
	ctl apply db && well && says "$MiB" "$(quota /machine/qemu-3-db.libvirt-qemu)" || return 1
	# No cgroup of its own: nobody else gets its quota.
	fake_process 4712 /system.slice/cron.service
	ctl apply db && ends 1 && says max "$(quota /system.slice/cron.service)" || return 1
	# As the hook has it: what is in the XML counts.
	put run/libvirt/qemu/web-1.xml "<domstatus><q:quota xmlns:q='urn:tiermem:libvirt:1' dram_max='2G'/>"
	put "sys/fs/cgroup$VM/tiermem.dram_max" max
	ctl apply && ends 0 && says max "$(quota "$VM")" && says '*web-1: *does not count*tiermem-virt-apply web-1*' "$out"
}

files_with_anything()
{
	local i

	machine
	conf ok.conf 'unit = redis' 'dram_max = 1G'
	: >"$FAKE/etc/tiermem.d/empty.conf"
	mkdir "$FAKE/etc/tiermem.d/dir.conf"
	ln -s nowhere "$FAKE/etc/tiermem.d/link.conf"
	printf 'unit = redis\0\ndram_max = 7G\n' >"$FAKE/etc/tiermem.d/nul.conf"
	conf path.conf 'cgroup = ../../kernel' 'dram_max = 1G'
	conf lines.conf '=' '= 5' 'unit =' 'unit' 'dram_max =' 'dram_max=' "$(printf '%5000s' x)"
	conf escape.conf $'unit = \e[31m\xff' $'dram_max = \e[0m'
	printf 'unit = cron\r\ndram_max = 1M' >"$FAKE/etc/tiermem.d/dos.conf"
	for i in {1..20}; do
		head -c 2000 /dev/urandom >"$FAKE/etc/tiermem.d/random$i.conf"
	done
	ctl apply
	ends 1 && [[ $err$out != *$'\e'* && $err$out != *Sanitizer* ]] && says "$GiB" "$(quota "$REDIS")" &&
	says "$MiB" "$(quota /system.slice/cron.service)" && says '*empty.conf: there is nothing to set*' "$err" &&
	says '*cannot read */dir.conf: Is a directory*' "$err" && says '*cannot read */link.conf: No such*' "$err" &&
		return 0
	ktap_diag "$(head -c 3000 <<<"$err" | cat -v)"
	return 1
}

no_files()
{
	machine
	ctl apply && well && says '' "$out" && mkdir -p "$FAKE/etc/tiermem.d" && ctl apply && well &&
	rmdir "$FAKE/etc/tiermem.d" && : >"$FAKE/etc/tiermem.d" && ctl apply &&
	fails 1 '*cannot read /etc/tiermem.d: Not a directory*' || return 1
	rm "$FAKE/etc/tiermem.d" "$FAKE/sys/kernel/tiermem/state"
	conf a.conf 'unit = redis' 'dram_max = 1G'
	ctl apply && fails 3 '*not loaded*' && says "$((2 * GiB))" "$(quota "$REDIS")"
}

# A make install elsewhere, whose files are looked at, and the generator run.
drop_ins_of_systemd()
{
	local to=$dir/installed units

	machine
	make -s -C "$TOP/tools/systemd" install DESTDIR="$to" PREFIX="$OUT/prefix" || return 1
	mkdir -p "$OUT/prefix/bin" "$dir/units"
	ln -sf "$CTL" "$OUT/prefix/bin/"
	units=$to$OUT/prefix/lib/systemd
	conf a.conf 'unit = redis' 'dram_max = 1G'
	conf b.conf 'unit = postgresql@15-main.service' 'dram_max = 1G'
	conf c.conf 'unit = system.slice' 'dram_max = 1G'
	conf d.conf 'unit = ../../../../escaped' 'dram_max = 1G'
	conf e.conf 'domain = web-1' 'dram_max = 1G'
	conf f.conf 'unit = a b' 'dram_max = 1G'
	# By systemd, it has no module yet.
	rm "$FAKE/sys/kernel/tiermem/state"
	(cd "$dir" && env -i TIERMEM_ROOT="$FAKE" PATH=/usr/bin:/bin \
		"$units/system-generators/tiermem-generator" "$dir/units" x y) || return 1
	says 'postgresql@15-main.service.d/50-tiermem.conf redis.service.d/50-tiermem.conf' \
		"$(cd "$dir/units" && find . -type f -printf '%P\n' | sort | xargs)" &&
	says "*ExecStartPost=-+$OUT/prefix/bin/tiermemctl apply %n*" \
		"$(<"$dir/units/redis.service.d/50-tiermem.conf")" || return 1
	! grep -rn @PREFIX@ "$to" || return 1
	if command -v systemd-analyze >/dev/null; then
		out=$(systemd-analyze verify --man=no "$units/system/tiermem.service" 2>&1)
		[[ $out != *tiermem* ]] || { ktap_diag "$out"; return 1; }
	fi
	# What somebody wrote is not ours to remove.
	echo >"$to/etc/tiermem.d/a.conf"
	make -s -C "$TOP/tools/systemd" uninstall DESTDIR="$to" PREFIX="$OUT/prefix" &&
	says etc/tiermem.d/a.conf "$(cd "$to" && find . ! -type d -printf '%P\n')"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: groups that share a pool.

pool()		# prints what there is
{
	cat "$FAKE"/sys/kernel/tiermem/{dram_pool,pool_policy}
}

shares()	# cgroup; prints what was written
{
	cat "$FAKE/sys/fs/cgroup$1"/tiermem.{dram_max,dram_min,dram_weight}
}

# A pool of 3G; cron has a part by nothing but its weight, the VM by its reservation.
fake_pool()
{
	put sys/kernel/tiermem/dram_pool $((3 * GiB))
	fake_share "$REDIS" 0 100 $((3 * GiB / 2))
	fake_share "$VM" "$GiB" 300 "$GiB"
	fake_share /system.slice/cron.service 0 200 $((512 * MiB))
}

groups_share_a_pool()
{
	machine
	ctl get / && well && says '*cgroup * /*dram_pool * max*pool_policy * fair*dram_bytes*' "$out" &&
	ctl set / dram_pool=3G pool_policy=throughput && well && says '' "$out" &&
	says "$((3 * GiB))"$'\n'throughput "$(pool)" &&
	ctl get / && well && says '*dram_pool * 3.0G*pool_policy * throughput*' "$out" &&
	ctl get -b / && says "*dram_pool * $((3 * GiB))*" "$out" &&
	ctl get / dram_pool && well && says "$((3 * GiB))" "$out" &&
	ctl get / pool_policy --json && well && json 'd == {"pool_policy": "throughput"}' &&
	ctl get / --json && json 'd["dram_pool_bytes"] == 3 << 30 and d["pool_policy"] == "throughput"' ||
		return 1
	# By its other name.
	ctl set /sys/fs/cgroup/ dram_pool=50% --json && well && says $((2 * GiB))$'\n'throughput "$(pool)" &&
	json 'd["dram_pool_bytes"] == 2 << 30 and d["old_dram_pool_bytes"] == 3 << 30' &&
	json '"old_pool_policy" not in d' &&
	ctl set / dram_pool=max pool_policy=fair --json && well && says $'max\nfair' "$(pool)" &&
	json 'd["dram_pool_bytes"] is None and d["old_pool_policy"] == "throughput"' &&
	ctl set / dram_pool=16G && ends 0 && says '*pool of 16.0G is more than*4.0G of DRAM*' "$err"
}

several_at_once()
{
	machine
	fake_pool
	ctl set redis dram_weight=300 dram_max=2G dram_min=512M && well &&
	says "$((2 * GiB))"$'\n'$((512 * MiB))$'\n'300 "$(shares "$REDIS")" &&
	ctl set redis dram_min=12.5% dram_weight=200 dram_max=max --json && well &&
	json 'd["old_dram_max_bytes"] == 2 << 30 and d["old_dram_min_bytes"] == 512 << 20' &&
	json 'd["old_dram_weight"] == 300 and d["dram_min_bytes"] == 512 << 20' &&
	says $'max\n'$((512 * MiB))$'\n200' "$(shares "$REDIS")" || return 1
	# What was not named is as it was.
	ctl set redis dram_weight=7 --no-wait --json && well && json 'd["dram_weight"] == 7' &&
	json '"old_dram_max_bytes" not in d' && says $'max\n'$((512 * MiB))$'\n7' "$(shares "$REDIS")" &&
	ctl set redis dram_min=8G && ends 0 && says '*reservation of 8.0G is more than*' "$err" || return 1
	# Neither does anything alone, but both end quietly.
	put sys/kernel/tiermem/dram_pool max
	ctl set redis dram_weight=200 && ends 0 &&
	says '*dram_weight has no effect without a pool: tiermemctl set / dram_pool=*' "$err" &&
	ctl set redis dram_weight=default dram_min=0 && well
}

# A file that can be read, and written by nobody.
refusing()	# cgroup, file
{
	ln -sf /proc/sys/kernel/ngroups_max "$FAKE/sys/fs/cgroup$1/$2"
}

half_of_it()
{
	machine
	fake_pool
	refusing "$REDIS" tiermem.dram_max
	# In the order in which they are written, whatever the order of the arguments.
	ctl set redis dram_max=1G dram_weight=5 dram_min=0 --json && fails 1 \
		'*cannot set dram_max of */redis.service: not permitted*set: dram_min, dram_weight; as before: dram_max' &&
	says 5 "$(<"$FAKE/sys/fs/cgroup$REDIS/tiermem.dram_weight")" || return 1
	machine
	fake_pool
	refusing "$VM" tiermem.dram_min
	ctl set web-1 dram_weight=5 dram_min=0 && fails 1 '*set: nothing; as before: dram_min, dram_weight' &&
	says 300 "$(<"$FAKE/sys/fs/cgroup$VM/tiermem.dram_weight")"
}

bad_shares()
{
	local value before

	machine
	fake_pool
	before=$(shares "$REDIS")
	for value in '' 0 10001 -1 +5 1.5 1K 0x10 ' 5' 5% max Default 99999999999999999999; do
		ctl set redis dram_max=1G dram_min=0 "dram_weight=$value" &&
		fails 2 '*is no weight: *1 to 10000, or default*' && says "$before" "$(shares "$REDIS")" ||
			return 1
	done
	for value in '' Fair fairness fair,throughput; do
		ctl set / dram_pool=1G "pool_policy=$value" && fails 2 '*is no policy: *fair or throughput*' ||
			return 1
	done
	for value in '' 2GB -1 101%; do
		ctl set / "dram_pool=$value" && fails 2 '*is no pool: *' &&
		ctl set redis dram_weight=1 "dram_min=$value" && fails 2 '*is no reservation: *' || return 1
	done
	ctl set redis dram_min=1G dram_min=2G && fails 2 '*dram_min is there twice*' &&
	ctl set redis dram_weight=1 dram_effective=1G && fails 2 '*no key*dram_effective*' &&
	says "$before" "$(shares "$REDIS")" && says "$((3 * GiB))"$'\n'fair "$(pool)"
}

# What all groups together may cost.
budgets_of_the_machine()
{
	local value

	machine
	ctl set / cpu_budget_percent=7 migrate_mbps=1000000 && well && says '' "$out" &&
	ctl get / && well && says '*cpu_budget_percent * 7'$'\n''migrate_mbps * 1000000'$'\n''*' "$out" &&
	ctl get / migrate_mbps && well && says 1000000 "$out" &&
	ctl set / cpu_budget_percent=1 --json && well && json 'd["old_cpu_budget_percent"] == 7' || return 1
	for value in '' 0 101 -1 1.5 5% 1K max default; do
		ctl set / migrate_mbps=5 "cpu_budget_percent=$value" &&
		fails 2 '*is no budget: *from 1 to 100' || return 1
	done
	for value in '' 0 1000001 1G 99999999999999999999; do
		ctl set / "migrate_mbps=$value" && fails 2 '*is no rate: *from 1 to 1000000' || return 1
	done
	says 1000000 "$(<"$FAKE/sys/kernel/tiermem/migrate_mbps")"
}

# Keys of the machine are not a group's, nor the other way round.
wrong_place()
{
	local key

	machine
	for key in dram_max=1G dram_min=1G dram_weight=5; do
		ctl set / dram_pool=2G $key && fails 1 '*root cgroup has no quota*name one below*/ dram_pool=*' ||
			return 1
	done
	for key in dram_pool=2G pool_policy=throughput cpu_budget_percent=2 migrate_mbps=2; do
		ctl set redis dram_weight=5 $key && fails 1 "*${key%=*} is of all groups*tiermemctl set / ${key%=*}=*" ||
			return 1
		ctl get redis ${key%=*} && fails 1 '*tiermemctl set /*' || return 1
	done
	ctl get / dram_max && fails 1 '*root cgroup has no quota*' &&
	says $'max\nfair' "$(pool)" && says "$((2 * GiB))"$'\n0\n100' "$(shares "$REDIS")"
}

seen_in_the_list()
{
	machine
	fake_pool
	# What binds, and who has a part without a quota and without slow memory.
	ctl list -i 0 && well && says "*$REDIS * 2.0G * 1.5G *" "$out" &&
	says '*/cron.service * 1.0M * 512M *' "$out" || return 1
	# By a reservation; and by a weight that all have, so that nothing but the share tells.
	fake_group /by-min max "$MiB" 0
	fake_share /by-min 4096 100 max
	fake_group /by-share max "$MiB" 0
	fake_share /by-share 0 100 $((64 * MiB))
	fake_group /by-share/inside max "$MiB" 0
	fake_share /by-share/inside 0 100 $((64 * MiB))
	fake_group /by-share/smaller max "$MiB" 0
	fake_share /by-share/smaller 0 100 $((32 * MiB))
	ctl list --json -i 0 && well && json '{"/by-min", "/by-share", "/by-share/smaller"} ==
		{g["cgroup"] for g in d["groups"] if g["cgroup"].startswith("/by")}' || return 1
	ctl top --batch -n 1 -i 0.1 -s quota && well &&
	says '*redis.service * 1.5G *web* 1.0G *cron.service * 512M *by-share * 64.0M *' "$out" &&
	ctl get web-1 && well &&
	says '*dram_max * 1.0G*dram_min * 1.0G*dram_weight * 300*dram_effective * 1.0G*' "$out" &&
	ctl get web-1 dram_effective && well && says "$GiB" "$out" &&
	ctl get web-1 dram_weight --json && well && json 'd == {"dram_weight": 300}' &&
	ctl get cron.service --json && well && json 'd["dram_effective_bytes"] == 512 << 20' &&
	json 'd["dram_min_bytes"] == 0 and d["dram_weight"] == 200 and d["dram_max_bytes"] is None' &&
	ctl get /system.slice --json && well && json 'd["dram_effective_bytes"] is None'
}

seen_by_monitoring()
{
	machine
	ctl export && well && prometheus && json '"tiermem_dram_pool_bytes" not in d' || return 1
	fake_pool
	ctl export && well && prometheus &&
	json 'd["tiermem_dram_pool_bytes"]["samples"] == [[{}, 3 << 30]]' &&
	json '[[l["cgroup"][-12:], v] for l, v in d["tiermem_dram_weight"]["samples"]] ==
		[["achine.slice", 100], ["2d1\\x2dweb\\x2d1.scope"[-12:], 300], ["system.slice", 100],
		["cron.service", 200], ["edis.service", 100]]' &&
	json '{l["cgroup"][-12:]: v for l, v in d["tiermem_dram_effective_bytes"]["samples"]} ==
		{"web\\x2d1.scope"[-12:]: 1 << 30, "cron.service": 512 << 20, "edis.service": 3 << 29}' &&
	json 'sum(v for l, v in d["tiermem_dram_min_bytes"]["samples"]) == 1 << 30' || return 1
	# All of it.
	put "sys/fs/cgroup$VM/tiermem.dram_min" max
	ctl export && well && prometheus &&
	json 'all(v == 0 for l, v in d["tiermem_dram_min_bytes"]["samples"])' &&
	ctl get web-1 --json && json 'd["dram_min_bytes"] is None'
}

advice_in_a_pool()
{
	machine
	fake_pool
	put "sys/fs/cgroup$REDIS/tiermem.dram_max" max
	fake_share "$REDIS" 0 100 $((320 * MiB))
	ctl advise && well && says '*cron.service: not observed yet*redis*needs*now: quota 320M, 5.6 %*' "$out" &&
	ctl advise /system.slice && well && says '*give it a quota*' "$out" &&
	ctl advise redis --json && well &&
	json 'd["groups"][0]["dram_effective_percent"] < 6 and d["groups"][0]["dram_max_percent"] == 100'
}

pool_findings()
{
	machine
	ctl check && well && says '*ok *pool *none*' "$out" || return 1
	fake_pool
	ctl check && well && says '*ok *pool *3.0G, fair*' "$out" || return 1
	# Redis is one of those at the top, as nothing was written to its slice; what it has below is not.
	put "sys/fs/cgroup$REDIS/tiermem.dram_min" $((2 * GiB))
	fake_group "$REDIS/worker" max 0 0
	fake_share "$REDIS/worker" "$GiB" 100 "$GiB"
	ctl check && well && says '*ok *pool *3.0G, fair*' "$out" || return 1
	# No more than its quota.
	put "sys/fs/cgroup$REDIS/tiermem.dram_min" max
	ctl check && well || return 1
	put "sys/fs/cgroup/system.slice/cron.service/tiermem.dram_min" $((512 * MiB))
	finding 1 '*warning *pool *3.0G, less than what is reserved, 3.5G*dram_min=*' || return 1
	put "sys/fs/cgroup/system.slice/cron.service/tiermem.dram_min" max
	finding 1 '*warning *pool *less than what is reserved, max*' || return 1
	machine
	put sys/kernel/tiermem/dram_pool $((5 * GiB))
	finding 1 '*warning *pool *5.0G, more than this machine has, 4.0G of DRAM*' || return 1
	[[ $out != *'no group'* ]] || { ktap_diag "$out"; return 1; }
	fake_group "$REDIS" max "$GiB" 0
	fake_group "$VM" max "$GiB" 0
	finding 1 '*warning *pool *more than*warning *pool *no group takes part*dram_weight=100*' || return 1
	# Over what binds, which is a share.
	machine
	fake_pool
	fake_stat /system.slice/cron.service over_quota_bytes $((64 * MiB))
	finding 1 '*cron.service is 64.0M over it*'
}

# All that the tool did before it knew of pools.
older_module()
{
	machine
	fake_older_module
	ctl list -i 0 && well && says "*$REDIS * 2.0G * 2.0G *" "$out" &&
	[[ $out != *cron* ]] && ctl get / && well && [[ $out != *pool* ]] &&
	ctl get redis && well && says '*dram_max * 2.0G'$'\n''dram_bytes *' "$out" &&
	ctl get redis --json && well && json '"dram_min_bytes" not in d and "dram_weight" not in d' &&
	json '"dram_effective_bytes" not in d' && ctl get / --json && json '"dram_pool_bytes" not in d' &&
	ctl set redis dram_max=1G && well && says "$GiB" "$(quota "$REDIS")" &&
	ctl set redis dram_max=2G dram_weight=5 && fails 1 '*module*knows no dram_weight*' &&
	says "$GiB" "$(quota "$REDIS")" && ctl set / dram_pool=1G && fails 1 '*module*knows no dram_pool*' &&
	ctl get redis dram_min && fails 1 '*knows no dram_min*' &&
	ctl export && well && prometheus && json 'not {n for n in d if "pool" in n or "weight" in n}' &&
	ctl check && well && [[ $out != *pool\ * ]] && ctl advise && well
}

useful_in_top()
{
	machine
	ctl top --batch -n 1 -i 0.1 && well && [[ $out != *pool* && $out != *USEFUL* ]] || return 1
	fake_pool
	fake_curve "$VM" $((2 * GiB))
	printf '%s\n' "0 100.0" "4096 100.0" >"$FAKE/sys/fs/cgroup/system.slice/cron.service/tiermem.dram_curve"
	# 91 % of what they have; cron is idle, and nobody looks after the slices.
	COLUMNS=80 ctl top --batch -n 1 -i 0.1 && well &&
	says '*pool 3.0G, fair   in use 3.0G   useful 6.4G*GROUP * USEFUL*' "$out" &&
	says "*$REDIS * 1.5G * 4.6G*" "$out" && grep -Eq '/cron.service +1.0M +512M( +0){5}$' <<<"$out" &&
	says '*/machine.slice * 1.0G * 0 * 0 * 0 * -'$'\n''*' "$out" || return 1
	[ "$(tail -n +3 <<<"$out" | wc -L)" -eq 80 ] || { ktap_diag "$out"; return 1; }
	ctl top --batch -n 1 -i 0.1 -s useful && well && says '*redis.service *web*scope *cron*machine.slice *' "$out" &&
	ctl top --json -n 1 -i 0.1 && well &&
	json '{g["cgroup"][-13:]: round(g.get("useful_bytes", -1) / 1e9, 1) for g in d["groups"]} ==
		{"machine.slice": 0, "eb\\x2d1.scope": 2.0, "/system.slice": 0, "/cron.service": 0,
		"redis.service": 4.9} and sum("useful_bytes" in g for g in d["groups"]) == 3'
}

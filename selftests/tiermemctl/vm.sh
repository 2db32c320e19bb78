# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh vm: the same questions to the real module.

VM_STORIES=(machine_in_order a_command_with_a_quota a_quota_for_a_pid seen_by_all event_of_a_cut
	advice_in_time hot_part_in_dram heat_for_root_only a_process_alone a_pool_for_two without_the_module)

# In a cgroup, it has so much memory and uses a part of it.
readonly HOG='
import os, sys, time
b = bytearray(int(sys.argv[1]) << 20)
path = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().strip().split("::")[1]
print(open(path + "/tiermem.dram_current").read().strip(), flush=True)
while len(sys.argv) > 2:
	for i in range(0, len(b) // 8, 4096):
		b[i] ^= 1
	time.sleep(0.01)
'

machine_in_order()
{
	ctl check
	ktap_diag "$out"
	[ "$rc" -le 1 ] && says '*ok *module *version*' "$out" && says '*ok *slow memory*' "$out" &&
	ctl nodes && well && says '*0 * fast * DRAM *1 * slow * PMEM *' "$out" &&
	ctl list && well && says 'No group has a quota*' "$out"
}

a_command_with_a_quota()
{
	ctl run --dram 32M --name job -- python3 -c "$HOG" 128 && well || return 1
	ktap_diag "$((out / MiB)) MiB in DRAM"
	[ "$out" -le $((36 * MiB)) ] && [ "$out" -gt $((16 * MiB)) ] && [ ! -e "$CG/job" ] || return 1
	ctl run --dram 32M -- sh -c 'kill -TERM $$' && ends 143 &&
	ctl run --dram 32M -- no-such && ends 127 || return 1
	! compgen -G "$CG/tiermemctl-*"
}

hog_up()
{
	[ -s "$dir/hog" ]
}

a_quota_for_a_pid()
{
	mkdir "$CG/hog"
	(echo 0 >"$CG/hog/cgroup.procs"; exec python3 -c "$HOG" 128 on) >"$dir/hog" &
	HOG_PID=$!
	until_ms 60000 hog_up || return 1
	ctl set "$HOG_PID" dram_max=64M && well && ctl get "$HOG_PID" dram_current && well || return 1
	[ "$out" -le $((64 * MiB)) ] || { ktap_diag "$out"; return 1; }
	ctl get hog dram_max && says $((64 * MiB)) "$out"
}

seen_by_all()
{
	ctl list && well && says '*/hog * 64.0M *' "$out" && ktap_diag "$out" &&
	ctl top --batch -n 1 && well && says '*/hog * 64.0M *' "$out" &&
	ctl export && well && prometheus &&
	json '[v for l, v in d["tiermem_dram_max_bytes"]["samples"] if l["cgroup"] == "/hog"] == [64 << 20]'
}

event_of_a_cut()
{
	local pid

	"$CTL" events hog --once --timeout 60 >"$dir/events" &
	pid=$!
	until_ms 20000 watching $pid
	ctl set hog dram_max=32M --no-wait && ends 0 && wait $pid || return 1
	says '20*/hog over_quota +1 *' "$(<"$dir/events")"
}

advised()
{
	ctl advise hog
	[[ $rc -eq 0 && $out == *'accesses in DRAM'* ]]
}

advice_in_time()
{
	until_ms 60000 advised || { ktap_diag "$out"; return 1; }
	ktap_diag "$out"
	ctl advise --json && well && json 'd["groups"][0]["curve"][-1]["percent"] == 100'
}

# Of what the process accesses always, an eighth of 128M, nearly all is in DRAM, side by side; but
# the interpreter has memory of its own around it.
readonly HOT_IN_DRAM='(lambda dram, slow, hot: 12 << 20 <= sum(dram) and 10 * sum(slow) <= sum(dram) and
	hot[len(hot) * 9 // 10] - hot[len(hot) // 10] < 20 << 20 and
	d["processes"][0]["slow_bytes"] > 80 << 20)(*zip(*[
		(r["dram_bytes"], r["slow_bytes"], r["start"])
		for r in max(d["processes"][0]["mappings"], key=lambda m: len(m["ranges"]))["ranges"]
		if r["heat"] is not None and r["heat"] >= 16]))'

hot_in_dram()
{
	ctl heatmap "$HOG_PID" --json
	[ "$rc" -eq 0 ] && json "$HOT_IN_DRAM" >/dev/null
}

hot_part_in_dram()
{
	until_ms 60000 hot_in_dram || { json "$HOT_IN_DRAM"; ktap_diag "$err"; return 1; }
	ctl heatmap hog && well && ktap_diag "$out" &&
	says "python3 ($HOG_PID) /hog*DRAM *slow *ADDRESS*█*" "$out" &&
	ctl heatmap hog -o "$dir/hog.svg" && well && ctl heatmap "$HOG_PID" -o "$dir/hog.png" && well &&
	[ -s "$dir/hog.svg" ] && [ -s "$dir/hog.png" ]
}

heat_without()	# options of setpriv(1)
{
	rc=0
	out=$(setpriv "$@" "$CTL" heatmap "$HOG_PID" 2>"$dir/err") || rc=$?
	err=$(<"$dir/err")
}

heat_for_root_only()
{
	heat_without --reuid 65534 --regid 65534 --clear-groups && fails 1 '*root only (sudo)*' &&
	heat_without --bounding-set -sys_admin && fails 1 '*CAP_SYS_ADMIN*' &&
	heat_without --bounding-set -sys_ptrace && fails 1 "*process $HOG_PID (python3)*CAP_SYS_PTRACE*" &&
	ctl heatmap 2 && fails 1 '*kthreadd*thread of the kernel*' &&
	ctl heatmap self && fails 1 "*no cgroup, unit, virtual machine or process 'self'*" &&
	ctl heatmap $$ && well && says 'test_tiermemctl (*' "$out"
}

# Not its cgroup.
a_process_alone()
{
	ctl set hog dram_max=max && well &&
	ctl set --pid "$HOG_PID" dram_max=24M --json && ends 0 &&
	json 'd["dram_max_bytes"] == 24 << 20 and d["old_dram_max_bytes"] is None' &&
	json 'd["dram_bytes"] <= 28 << 20 and d["slow_bytes"] >= 96 << 20' &&
	ctl get --pid "$HOG_PID" && well && says "process *$HOG_PID (python3)*dram_max *24.0M*" "$out" &&
	ctl list && well && ktap_diag "$out" &&
	says "*PROCESS *$HOG_PID (python3) * 24.0M *" "$out" && ctl list --json && well &&
	json "d['processes'][0]['pid'] == $HOG_PID" &&
	ctl get hog dram_max && says max "$out" &&
	ctl set --pid 2 dram_max=1G && fails 1 '*thread of the kernel*' &&
	ctl set --pid "$HOG_PID" dram_weight=3 && fails 2 '*only a dram_max*' &&
	ctl set --pid hog dram_max=1G && fails 2 "*by its number: 'hog'*" &&
	ctl set --pid "$HOG_PID" dram_max=max && well && ctl list --json && well &&
	json 'd["processes"] == []' && ctl set hog dram_max=32M && well
}

shared_out()
{
	ctl list
	[[ $rc -eq 0 && $out == */other\ * ]] && ctl get hog dram_effective && [ "$out" != max ]
}

ended()
{
	ctl get hog dram_effective
	[ "$out" = $((64 * MiB)) ]
}

# The weight that all have makes a group take part; only its share tells.
a_pool_for_two()
{
	mkdir "$CG/other"
	ctl set / dram_pool=96M pool_policy=fair --json && well &&
	json 'd["dram_pool_bytes"] == 96 << 20 and d["old_dram_pool_bytes"] is None' &&
	ctl set other dram_weight=100 && well &&
	ctl set hog dram_max=max dram_min=16M dram_weight=300 --json && ends 0 &&
	json 'd["old_dram_max_bytes"] == 32 << 20 and d["old_dram_weight"] == 100' &&
	json 'd["dram_min_bytes"] == 16 << 20 and d["dram_weight"] == 300' || return 1
	until_ms 30000 shared_out || { ktap_diag "$out"; return 1; }
	ctl list && ktap_diag "$out" && ctl check && says '*ok *pool *96.0M, fair*' "$out" &&
	ctl export && well && prometheus &&
	json 'd["tiermem_dram_pool_bytes"]["samples"] == [[{}, 96 << 20]]' &&
	json 'sum(v for l, v in d["tiermem_dram_effective_bytes"]["samples"]
		if l["cgroup"] in ("/hog", "/other")) <= 96 << 20' &&
	ctl set hog dram_min=128M && well && ctl check && ends 1 &&
	says '*warning *pool *less than what is reserved, 128M*' "$out" &&
	ctl set hog dram_weight=default dram_min=0 dram_max=64M && ends 0 &&
	ctl set other dram_weight=default && well && ctl set / dram_pool=max && well || return 1
	until_ms 30000 ended || { ktap_diag "$out"; return 1; }
	ctl list && well && [[ $out != */other* ]] && rmdir "$CG/other"
}

without_the_module()
{
	local pid status=0

	"$CTL" top --batch -i 0.5 >"$dir/top" 2>&1 &
	pid=$!
	sleep 1
	kill "$HOG_PID"
	wait "$HOG_PID" 2>/dev/null
	ctl set hog dram_max=max && well && rmmod tiermem || return 1
	wait $pid || status=$?
	says 3 $status && ctl list && ends 3 && says '*modprobe tiermem*' "$err" && rmdir "$CG/hog"
}

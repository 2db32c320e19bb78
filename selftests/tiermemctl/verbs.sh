# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: nodes, advise, export, events, check, and what is around the tool.

# ---- the other verbs -----------------------------------------------------------------------------

which_nodes()
{
	machine
	ctl nodes && well && says '*0 * fast * DRAM * 4.0G * 1.0G * 1 * 4 * 0-7*' "$out" &&
	says '*1 * slow * PMEM * 16.0G * 12.0G * - * 22 * -*' "$out" || return 1
	# Two sockets: to the near one.
	fake_node 2 4 1 8-15 "21 30 10 17" 4
	fake_node 3 16 12 "" "30 30 17 10" 22
	fake_node 0 4 1 0-7 "10 17 21 30" 4
	put sys/devices/system/node/online 0-3
	put sys/kernel/tiermem/fast_nodes 0,2
	put sys/kernel/tiermem/slow_nodes 1,3
	ctl nodes --json && well && json '[n["demotes_to"] for n in d["nodes"]] == [1, None, 3, None]' &&
	json '[n["kind"] for n in d["nodes"]] == ["DRAM", "PMEM", "DRAM", "no CPUs"]' || return 1
	rm -r "$FAKE"/sys/devices/system/node/node[13]
	put sys/kernel/tiermem/slow_nodes ""
	ctl nodes && ends 0 && says '*no slow node*' "$err"
}

how_much_would_do()
{
	machine
	ctl advise redis --target 90 && well && says "*redis.service could run in 640M with 90 %*" "$out" &&
	ctl advise redis --target 100 && well && says '*needs 5.0G to have 100 %*' "$out" &&
	ctl advise && well && says '*web*not observed yet*redis*needs*' "$out" &&
	ctl advise cron.service && well && says '*give it a quota*' "$out" &&
	ctl advise redis -t 90 --json && well &&
	json '639 << 20 < d["groups"][0]["advised_bytes"] <= 640 << 20 and len(d["groups"][0]["curve"]) == 33' ||
		return 1
	# The quota that it names is one.
	ctl advise redis
	ctl set redis "${out##* }" && ends 0 || return 1
	printf '%s\n' "0 100.0" "4096 100.0" >"$FAKE/sys/fs/cgroup$REDIS/tiermem.dram_curve"
	ctl advise redis && well && says '*idle*' "$out" || return 1
	printf '%s\n' "0 0.0" "rubbish" "4096 nan" "8192 50.0" "4096 80.0" \
		>"$FAKE/sys/fs/cgroup$REDIS/tiermem.dram_curve"
	ctl advise redis && well && says '*could run in 8.0K*' "$out"
}

# Replaces $out by what it means.
prometheus()
{
	out=$(python3 "$SELFTESTS/tiermemctl/promcheck.py" <<<"$out" 2>&1) || { ktap_diag "$out"; return 1; }
}

metrics()
{
	local file

	machine
	file=$dir/textfiles/tiermem.prom
	mkdir -p "$dir/textfiles"
	echo old >"$file"
	ctl export -o "$file" && well && says '' "$out" || return 1
	[ "$(ls -A "$dir/textfiles")" = tiermem.prom ] || { ktap_diag "left files"; return 1; }
	says 644 "$(stat -c %a "$file")" || return 1
	out=$(<"$file")
	prometheus && json 'd["tiermem_loaded"]["samples"] == [[{}, 1]]' &&
	json '{"cgroup": "/system.slice/redis.service"} in [l for l, v in d["tiermem_dram_bytes"]["samples"]]' &&
	json '[l["cgroup"] for l, v in d["tiermem_dram_max_bytes"]["samples"]] ==
		["/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d1.scope", "/system.slice/redis.service"]' &&
	json 'd["tiermem_scan_seconds_total"]["samples"][0][1] == 1.5' &&
	ctl export --json && well && json '{m["name"] for m in d["metrics"]} > {"tiermem_slow_bytes"}' ||
		return 1
	# What can't be written is as it was.
	ctl export -o "$dir/nowhere/x.prom" && fails 1 '*nowhere*' &&
	ctl export -o /dev/full && fails 1 '*no file that could be replaced*' || return 1
	rc=0
	err=$("$CTL" --root "$FAKE" export 2>&1 >/dev/full) || rc=$?
	ends 1 && says '*cannot write*' "$err"
}

watching()	# pid
{
	grep -qs '^inotify' "/proc/$1"/fdinfo/*
}

events()
{
	local pid status=0

	machine
	"$CTL" --root "$FAKE" events --once --timeout 20 >"$dir/events" &
	pid=$!
	until_ms 10000 watching "$pid" || return 1
	fake_events "$REDIS" 1 0 0 0
	wait $pid || return 1
	out=$(<"$dir/events")
	says "20*T* $REDIS over_quota +1 (1)" "$out" || return 1

	# A cgroup that is new, one that begins again, and JSON; of one group only.
	fake_events "$REDIS" 5 0 0 0
	"$CTL" --root "$FAKE" events /system.slice --json --timeout 6 >"$dir/events" &
	pid=$!
	until_ms 10000 watching "$pid" || return 1
	fake_events "$VM" 0 9 0 0
	fake_events "$REDIS" 2 0 0 0
	fake_group /system.slice/new.service 4096 4096 4096
	fake_events /system.slice/new.service 0 0 0 3
	wait $pid || status=$?
	out="[$(paste -sd, "$dir/events")]"
	json '[(e["cgroup"], e["event"], e["new"]) for e in d] == [
		("/system.slice/redis.service", "over_quota", 2),
		("/system.slice/new.service", "thrash", 3)]' || return 1
	[ $status -eq 0 ] || { ktap_diag "status $status"; return 1; }
	ctl events --timeout 0.1 && fails 1 ''
}

all_in_order()
{
	machine
	ctl check && well && says '*ok*kernel*6.12*ok*module*' "$out" &&
	ctl check --json && well && json 'd["status"] == 0 and len(d["findings"]) > 8'
}

finding()	# status, pattern of the subject and text
{
	ctl check && ends "$1" && says "$2" "$out" && says '*-> *' "$out"
}

findings()
{
	machine
	put proc/sys/kernel/numa_balancing 2
	finding 1 '*warning *numa_balancing*' || return 1
	put proc/sys/kernel/ftrace_enabled 0
	finding 2 '*PROBLEM *ftrace*' || return 1
	machine
	put sys/kernel/mm/numa/demotion_enabled true
	put sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds 1
	put sys/kernel/mm/damon/admin/kdamonds/0/state on
	put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 512
	finding 1 '*warning*demotion*warning*DAMON*warning*hugetlb*1.0G*' || return 1
	machine
	fake_stat "$VM" skipped_hugetlb "$GiB"
	fake_stat "$REDIS" failed_pinned $((64 * MiB))
	fake_stat "$REDIS" over_quota_bytes $((64 * MiB))
	fake_events "$REDIS" 1 1 0 2
	finding 2 '*hugepages*PROBLEM*64.0M over*slow nodes were full*pinned*thrash*' || return 1
	machine
	put proc/sys/kernel/osrelease 7.3.0
	finding 2 '*PROBLEM *kernel*6.1 to 6.12*' || return 1
	machine
	put sys/kernel/tiermem/slow_nodes ""
	rm -r "$FAKE/sys/devices/system/node/node1"
	finding 2 '*PROBLEM *slow memory*daxctl*' || return 1
	ctl check --json && ends 2 && json 'd["status"] == 2'
}

# ---- around it -----------------------------------------------------------------------------------

help()
{
	local verb text option

	machine
	ctl --version && well && says 'tiermemctl [0-9]*' "$out" && ctl --help && well || return 1
	text=$(groff -mdoc -Tutf8 -P-cbou -ww "$TOP/tools/tiermemctl/tiermemctl.1" 2>&1)
	[[ $text != *warning:* && $text != *error:* ]] || { ktap_diag "$(head -n 5 <<<"$text")"; return 1; }
	ctl --list-verbs && well || return 1
	for verb in $out; do
		"$CTL" "$verb" --help >"$dir/help" || return 1
		grep -q "^   $verb$" <<<"$text" || { ktap_diag "the man page lacks $verb"; return 1; }
		while read -r option; do
			grep -q -- "$option\b" <<<"$text" ||
				{ ktap_diag "the man page lacks $verb $option"; return 1; }
		done < <(grep -o -- '--[a-z-]*' "$dir/help" | grep -vE -- '^--(usage|version|)$')
	done
}

completion()
{
	local said

	said=$(PATH=$OUT:$PATH bash -c ". $TOP/tools/completions/tiermemctl
		for line in 'tiermemctl ad' 'tiermemctl top --so' 'tiermemctl set x dram' 'tiermemctl set -n / po' \
				'tiermemctl set / pool_policy = th' 'tiermemctl set x dram_min=1G dram_weight =' \
				'tiermemctl get / dram_' 'tiermemctl get x dram_e' \
				'tiermemctl heatmap --co' 'tiermemctl heatmap x --color ne'; do
			read -ra COMP_WORDS <<<\"\$line\"
			COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
			_tiermemctl
			echo \"\${COMPREPLY[*]}\"
		done")
	says $'advise\n--sort\ndram_max= dram_min= dram_weight=\npool_policy=\nthroughput\ndefault\ndram_pool\ndram_effective\n--color\nnever' \
		"$said"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2154,SC2034	# the job's variables: init; policy: workloads
# shellcheck disable=SC2086	# numbers, and paths without blanks
#
# The tiering systems. Each has up to three functions, in this order:
#   setup_SYSTEM		before the workload starts
#   started_SYSTEM PID		when it runs
#   warm_SYSTEM PID		when it has run for a while
# and says in $policy how "within" is to start the workload.
#
# Stock kernels are tuned for terabytes and minutes. The data here is about 40
# times smaller than a small server's (150 MB for 6 GB), so that one look at all
# of it takes 40 times less at the same cost per second, and so do the time
# constants below. bench.tune="name=value ..." overrides any of the variables.

NUMAB=$DEBUG/sched/numa_balancing
DAMON=/sys/kernel/mm/damon/admin/kdamonds
NODE0=/sys/devices/system/node/node0
MAX=18446744073709551615
TIERMEM=/sys/kernel/tiermem

# A whole pass in 200 to 500 ms.
scan_size_mb=4
scan_period_min_ms=200
scan_period_max_ms=500
scan_delay_ms=25
hot_threshold_ms=50
promote_rate_limit_mbps=100
loop_period_ms=100
loop_slack=$((8 << 20))
damon_sample_us=5000
damon_aggregation_us=100000
damon_regions_min=50
damon_regions_max=300
damon_hot_bytes=$((16 << 20))
damon_hot_ms=250
damon_cold_bytes=$((16 << 20))
damon_cold_ms=500
overhead=$((4 << 20))	# workloads know better
aside=0			# of DRAM, for what comes when the workload has filled it
# Of tiermem; empty: its own defaults.
migrate_mbps=''
cpu_budget_percent=''

# ---- the same DRAM for everybody --------------------------------------------------

# Pages of node 0 that a program can have until a zone is down to a watermark, plus
# what it keeps for allocations that can't use higher zones. From "low" on they come
# from node 1; at "high" reclaim ends and promotion fails: that is where systems
# that demote settle.
available_pages()	# low|high
{
	awk -v mark="$1" '
		function zone_done() {
			left = free - wmark - protection
			if (node == "0," && left > 0)
				sum += left
			free = wmark = protection = 0
		}
		/^Node/ { zone_done(); node = $2 }
		$1 == "pages" && $2 == "free" { free = $3 }
		$1 == mark && NF == 2 { wmark = $2 }
		$1 == "protection:" { gsub(/[(),]/, ""); protection = $5 }
		END { zone_done(); print sum + 0 }' /proc/zoneinfo
}

# Rivals have no quota: leave as much DRAM as the quota is, and take the rest
# away with huge pages that nobody uses; what is left of the division by 2 MiB
# with a file in ramfs. Neither is ever reclaimed or moved.
size_node0()	# bytes for the workload, low|high
{
	local have want pool got rest file taken

	node0_mark=$2
	have=$(available_pages "$2")
	want=$((($1 + overhead) / 4096))
	setting node0_available "$((have * 4096))" \
		"bytes free on node 0 above the $2 watermarks and reserves of its zones, after boot"
	[ "$have" -gt "$want" ] || fail "node 0 has $have free pages, $want are to be left"
	# The pool's own bookkeeping takes some pages, too: be careful first.
	pool=$(((have - want) / 512 - 2))
	[ $pool -le 0 ] || echo $pool >$NODE0/hugepages/hugepages-2048kB/nr_hugepages
	read -r got <$NODE0/hugepages/hugepages-2048kB/nr_hugepages
	setting node0_hugetlb_pool "$got" "huge pages of 2 MiB that take the rest of node 0 away"
	# Some of what is written here comes from lists of the processor: repeat.
	taken=0
	for file in 1 2 3 4; do
		rest=$(($(available_pages "$2") - want))
		[ $rest -gt 0 ] || break
		within -m 0 busybox head -c $((rest * 4096)) /dev/zero >/ballast.$file ||
			fail "can't take $rest pages away"
		taken=$((taken + rest))
	done
	setting node0_ballast_pages "$taken" "pages of 4 KiB in ramfs that take the remainder away"
	setting node0_overhead "$overhead" \
		"bytes for what else will use node 0: page tables, kernel stacks, the load generator (measured)"
	setting node0_left "$(($(available_pages "$2") * 4096))" \
		"bytes free on node 0 for workload and overhead, as above; asked for: $((want * 4096))"
}

# ---- parts --------------------------------------------------------------------------

numa_balancing_2()
{
	put /sys/kernel/mm/numa/demotion_enabled 1 demotion_enabled \
		"reclaim of node 0 moves pages to node 1 instead of dropping them"
	put $NUMAB/scan_delay_ms $scan_delay_ms scan_delay_ms \
		"default 1000; data 40 times smaller"
	put $NUMAB/scan_size_mb $scan_size_mb scan_size_mb \
		"default 256, of 6 GB. A step that takes a tick or more makes the kernel wait 32 times as long, so small steps are in its favour"
	put $NUMAB/scan_period_min_ms $scan_period_min_ms scan_period_min_ms \
		"default 1000 a pass of 256 MB, at most 2560 MB/s; this is up to 750 MB/s, a quarter of that, as a fault per page at full speed costs more than it finds"
	put $NUMAB/scan_period_max_ms $scan_period_max_ms scan_period_max_ms \
		"default 60000; 40 times smaller would be 1500, but with one thread the scanner always slows down to this. Also the period at which the hot threshold adapts"
	put $NUMAB/hot_threshold_ms $hot_threshold_ms hot_threshold_ms \
		"default 1000; 40 times smaller would be 25, which is 6 ticks: coarse. Adapts between 1/8 and 2 times of it"
	put /proc/sys/kernel/numa_balancing_promote_rate_limit_MBps $promote_rate_limit_mbps \
		promote_rate_limit_mbps \
		"default 65536, no limit, with which the threshold only rises to its maximum; a limit is what makes it adapt"
	put /proc/sys/kernel/numa_balancing 2 numa_balancing "promotion by hint faults"
}

damon_scheme()	# kdamond, node, action, target node, accesses min max, age min,
		# young pages are left alone, bytes and ms of a quota interval
{
	local k=$DAMON/$1 c s n range

	echo 1 >$k/contexts/nr_contexts
	c=$k/contexts/0 s=$k/contexts/0/schemes/0
	echo paddr >$c/operations
	echo $damon_sample_us >$c/monitoring_attrs/intervals/sample_us
	echo $damon_aggregation_us >$c/monitoring_attrs/intervals/aggr_us
	echo 1000000 >$c/monitoring_attrs/intervals/update_us
	echo $damon_regions_min >$c/monitoring_attrs/nr_regions/min
	echo $damon_regions_max >$c/monitoring_attrs/nr_regions/max
	echo 1 >$c/targets/nr_targets
	noderange "$2" >/ranges || fail "no ranges of node $2"
	n=0
	while read -r range; do n=$((n + 1)); done </ranges
	echo $n >$c/targets/0/regions/nr_regions
	n=0
	while read -r range; do
		echo "${range% *}" >$c/targets/0/regions/$n/start
		echo "${range#* }" >$c/targets/0/regions/$n/end
		n=$((n + 1))
	done </ranges
	setting "damon$1_regions" "$n" \
		"address ranges of node $2, less the pool that takes DRAM away"
	echo 1 >$c/schemes/nr_schemes
	echo "$3" >$s/action
	echo "$4" >$s/target_nid
	echo $((${10} * 1000)) >$s/apply_interval_us
	echo 4096 >$s/access_pattern/sz/min
	echo $MAX >$s/access_pattern/sz/max
	echo "$5" >$s/access_pattern/nr_accesses/min
	echo "$6" >$s/access_pattern/nr_accesses/max
	echo "$7" >$s/access_pattern/age/min
	echo 4294967295 >$s/access_pattern/age/max
	echo "$9" >$s/quotas/bytes
	echo 0 >$s/quotas/ms
	echo "${10}" >$s/quotas/reset_interval_ms
	echo 0 >$s/quotas/weights/sz_permil
	echo 1000 >$s/quotas/weights/nr_accesses_permil
	echo 1000 >$s/quotas/weights/age_permil
	echo 2 >$s/filters/nr_filters
	echo memcg >$s/filters/0/type		# what matches is left alone
	echo /bench >$s/filters/0/memcg_path
	echo N >$s/filters/0/matching
	echo young >$s/filters/1/type
	echo "$8" >$s/filters/1/matching
	echo on >$k/state || fail "DAMON does not start"
	setting "damon$1" "$3 node $2 to $4, accesses $5..$6, age $7.., quota $9 bytes each ${10} ms" \
		"one kdamond per node, as in the kernel's samples/damon/mtier.c; single pages are checked again by the filter young; pages of other cgroups are left alone"
}

hold_quota()	# method; the loop
{
	size_node0 $((quota + loop_slack)) high
	setting loop_slack "$loop_slack" \
		"bytes of node 0 beyond the quota: without, the loop had nothing to do, and promotion no free page to go to"
	numa_balancing_2
	[ "$1" != mglru ] || put /sys/kernel/mm/lru_gen/enabled 7 lru_gen "the default"
	loop "$1" $CGROUP "$quota" $loop_period_ms 3>&- &
	loop_pid=$!
	setting loop_period_ms $loop_period_ms \
		"a loop of 1 Hz for 6 GB would be 40 Hz here; a look costs more than that gains"
}

# ---- systems ------------------------------------------------------------------------

setup_all_dram()	{ policy="-m 0"; }
setup_all_slow()	{ policy="-m 1"; }
# All others keep some pages of node 0 free, where the clients' sockets and programs
# fit. Here they would land where chance puts them.
setup_first_touch()
{
	size_node0 $((quota + aside)) low
	[ "$aside" = 0 ] || within -m 0 busybox head -c "$aside" /dev/zero >/aside ||
		fail "can't take $aside bytes away"
	setting node0_aside "$aside" \
		"bytes of node 0 beyond the quota that are kept until the workload has its memory: for clients and the kernel"
}
started_first_touch()	{ rm -f /aside; }
setup_mglru_loop()	{ hold_quota mglru; }
setup_reclaim_loop()	{ hold_quota reclaim; }

setup_numab2()
{
	size_node0 "$quota" high
	numa_balancing_2
}

setup_damon()
{
	local max=$((damon_aggregation_us / damon_sample_us)) kernel

	size_node0 "$quota" low
	setting damon_intervals "sample_us=$damon_sample_us aggr_us=$damon_aggregation_us" \
		"the defaults: shorter ones would take more of a processor than the time that they gain"
	setting damon_regions "$damon_regions_min..$damon_regions_max" \
		"default 10..1000; 1000 regions take 40 percent of CPU 0, 300 are 0.5 MB each where there is data"
	setting damon_quota "hot $damon_hot_bytes bytes each $damon_hot_ms ms, cold $damon_cold_bytes each $damon_cold_ms" \
		"What the filter calls young was used since it looked last: a page that was idle for half a second goes down, one that was used within a quarter comes up. DRAM can be exchanged in two seconds; more goes up than down, so that DRAM stays full. Patterns are wide, the quotas take the hottest and the coldest; that of node 0 has the kernel's memory on top, which is the coldest of all, and stays"
	echo 2 >$DAMON/nr_kdamonds || fail "no DAMON"
	# What matches the pattern counts for the quota even where the filters
	# leave it alone, and to DAMON nothing is colder than kernel memory.
	kernel=$(noderange 0 | awk -v left=$((quota + overhead)) '
		{ sum += $2 - $1 }
		END { print sum - left }')
	damon_scheme 0 0 migrate_cold 1 0 $((max / 2)) 0 Y $((damon_cold_bytes + kernel)) $damon_cold_ms
	damon_scheme 1 1 migrate_hot 0 0 $max 0 N $damon_hot_bytes $damon_hot_ms
}

# Everything is in DRAM until its counts are known.
setup_oracle()		{ policy=; }
warm_oracle()
{
	place --pid "$1" --dram "$quota" >&3 || fail "place failed"
}

setup_tiermem()
{
	local name value

	insmod /tiermem.ko slow_nodes=1 || fail "tiermem does not load"
	setting slow_nodes 1 "module parameter; all other settings are the defaults"
	for name in migrate_mbps cpu_budget_percent; do
		eval "value=\$$name"
		[ -z "$value" ] || put $TIERMEM/$name "$value" $name "instead of the default"
	done
	put $CGROUP/tiermem.dram_max "$quota" tiermem.dram_max "the quota"
}

# ---- what the workloads call ------------------------------------------------------------

call()	# stage [pid]
{
	local f

	f=$1_$(echo "$system" | tr - _)
	shift
	! type "$f" >/dev/null 2>&1 || "$f" "$@"
}

# The workload's script has set overhead and data_bytes.
setup_system()
{
	local w

	for w in $tune; do
		eval "${w%%=*}=\${w#*=}"
		setting "tune" "$w" "asked for by the job"
	done
	policy='' node0_mark='' daemons='' loop_pid=''
	case $system in
	all-dram|all-slow|first-touch|numab2|damon|mglru-loop|reclaim-loop|oracle|tiermem) ;;
	*) fail "no such system: $system" ;;
	esac
	put /proc/sys/vm/percpu_pagelist_high_fraction 10000 percpu_pagelist_high_fraction \
		"1 MB a processor at most, for all systems: free pages in these lists, by default up to 10 MB here, are in nobody's count"
	quota=$((data_bytes * dram_pct / 100 / 4096 * 4096))
	setting data_bytes "$data_bytes" "what the workload has in memory when all is in DRAM"
	setting quota "$quota" "bytes, $dram_pct percent of it"
	call setup
}

# Threads and programs that the system runs beside the workload.
started()	# pid
{
	call started "$1"
	daemons="$(pidof ktiermemd kswapd0 kswapd1 kdamond.0 kdamond.1) $loop_pid"
}

warm()		{ call warm "$1"; }

# What takes too long while something is measured: DAMON answers when its
# aggregation interval is over, and the load is off until then.
system_end()
{
	local k n s='' v

	[ "$system" = damon ] || return 0
	for k in 0 1; do
		echo update_schemes_stats >$DAMON/$k/state || fail "kdamond $k is gone"
		for n in nr_tried sz_tried nr_applied sz_applied qt_exceeds; do
			read -r v <$DAMON/$k/contexts/0/schemes/0/stats/$n
			s="$s,\"damon${k}_$n\":$v"
		done
	done
	result "{\"type\":\"system\",\"when\":\"done\"$s}"
}

# Their time on a CPU, and what only this system can tell, along with the placement.
system_state()	# phase begin|end
{
	local pid ns rest sum=0

	for pid in $daemons; do
		read -r ns rest <"/proc/$pid/schedstat" || fail "a daemon is gone"
		sum=$((sum + ns))
	done
	result "{\"type\":\"daemons\",\"phase\":$1,\"when\":\"$2\",\"cpu_ns\":$sum}"
	[ -z "$node0_mark" ] || result \
		"{\"type\":\"node0\",\"phase\":$1,\"when\":\"$2\",\"available_bytes\":$(($(available_pages "$node0_mark") * 4096))}"
	local head="{\"type\":\"system\",\"phase\":$1,\"when\":\"$2\""

	case $system in
	tiermem)
		awk -v head="$head" '
			{ s = s ",\"" $1 "\":" $2 }
			END { print head s "}" }' $CGROUP/tiermem.stat >&3 ;;
	*-loop)
		kill -0 "$loop_pid" || fail "the loop has ended" ;;
	esac
}

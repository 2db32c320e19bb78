# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034	# overhead, data_bytes: systems.sh
# shellcheck disable=SC2154	# the job's variables: init; policy: systems.sh
#
# Workload mariadb: a MariaDB on CPU 1 in the cgroup, sysbench on CPU 0 outside.
# bench.args, all optional:
#   tests=NAME,...	of sysbench: point_select, read_only, read_write
#   rand=NAME		which rows: uniform, special, pareto
#   events=N		transactions in each phase
#   warmup=N		transactions of its own kind before each phase
#   threads=N pool_mb=N
#   flush=N		innodb_flush_log_at_trx_commit: 1 is the server's default, 2
#			leaves the log to the kernel until a second is over
# Work is counted in transactions, not in seconds: InnoDB's adaptive hash index
# grows with what was asked for, and must be the same for slow and fast systems.
# The disk is memory of node 2 with the latency of an SSD. The doublewrite buffer
# is on, as anybody would have it: without, writes are cheaper than they are.
# Phase 0 in the results is the first warm-up.

read -r rows default_pool_mb </database
pool_mb=$(arg pool_mb "$default_pool_mb")
threads=$(arg threads 4)
stream=0
events=$(arg events 1000)
warmup=$(arg warmup 1000)
tests=$(arg tests read_only,point_select,read_write | tr , ' ')
overhead=$((4 << 20))
: "${data_bytes:=$((rows * 236 + (36 << 20)))}"
socket=/tmp/socket

node2_free()
{
	awk '$3 == "MemFree:" { print $4 }' /sys/devices/system/node/node2/meminfo
}

disk()
{
	local m kb free

	[ -d /sys/devices/system/node/node2 ] || fail "no node 2 for the disk"

	for m in /modules/*.ko; do
		case $m in
		*-null_blk.ko)
			insmod "$m" nr_devices=1 gb=1 bs=512 memory_backed=1 irqmode=2 \
				completion_nsec=80000 submit_queues=1 hw_queue_depth=64 ;;
		*) insmod "$m" ;;
		esac || fail "can't load $m"
	done
	wait_for /dev/nullb0 "the disk"
	kb=$(($(stat -c %s /disk.img) / 1024)) free=$(node2_free)
	# The submitter allocates the device's pages, for direct I/O at least.
	within -m 2 busybox dd if=/disk.img of=/dev/nullb0 bs=1M oflag=direct 2>/dev/null ||
		fail "can't fill the disk"
	[ $((free - $(node2_free))) -ge $((kb * 9 / 10)) ] || fail "the disk is not in node 2"
	rm /disk.img
	mkdir /data
	mount -t ext4 -o noatime /dev/nullb0 /data || fail "can't mount the disk"
	setting disk "null_blk completion_nsec=80000" \
		"an SSD: 80 us for each request, data in node 2; its I/O is simulated, a disk of QEMU's would not be"
}

# Results on stdin as a line of JSON.
convert()	# phase name
{
	awk -v phase="$1" -v name="$2" -v threads="$threads" '
		function number(s) { gsub(/[^0-9.]/, "", s); return s }
		$1 == "transactions:" { ops = $2; tps = number($3) }
		$1 == "queries:" { queries = $2; qps = number($3) }
		$1 == "total" && $2 == "time:" { seconds = number($3) }
		$1 == "avg:" { avg = $2 }
		$1 == "max:" { max = $2 }
		$2 == "percentile:" { p95 = $3 }
		$1 == "ignored" { errors = $3 }
		END {
			if (ops == "" || seconds == "")
				exit 1
			printf "{\"type\":\"phase\",\"phase\":%d,\"name\":\"%s\",\"ops\":%d,", phase, name, ops
			printf "\"seconds\":%s,\"ops_per_s\":%s,\"queries\":%d,", seconds, tps, queries
			printf "\"queries_per_s\":%s,\"mean_us\":%.1f,\"p95_us\":%.1f,", qps, avg * 1000, p95 * 1000
			printf "\"max_us\":%.1f,\"ignored_errors\":%d,\"threads\":%d}\n", max * 1000, errors, threads
		}'
}

# None repeats another's requests: a page that was used would be used again for
# that reason alone.
client()	# script events
{
	stream=$((stream + 1))
	sysbench "$1" --events="$2" --time=0 --db-driver=mysql --mysql-socket=$socket --mysql-user=root \
		--mysql-db=sbtest --tables=1 --table-size="$rows" --threads="$threads" \
		--rand-type="$(arg rand pareto)" --rand-seed=$((seed * 100 + stream)) --percentile=95 \
		run >/sysbench.log 2>&1 || { cat /sysbench.log >/dev/console; fail "sysbench $1"; }
}

# Between two marks.
measured()	# phase test events
{
	mark $((2 * $1))
	client "oltp_$2" "$3"
	mark $((2 * $1 + 1))
	convert "$1" "$2" </sysbench.log >&3 || fail "sysbench has no result"
}

# The oracle counts what is asked for meanwhile, and places memory then.
warm_up()	# test
{
	[ "$system" != oracle ] || mark --zero --pages-on
	if [ $n -eq 0 ]; then
		state 0 begin
		measured 0 "$1" "$warmup"
		state 0 end
	else
		client "oltp_$1" "$warmup"
	fi
	[ "$system" != oracle ] || mark --pages-off
	warm $server
}

disk
stage disk
setup_system
stage "set up"
# Caches that nobody uses are small, the rest is the default.
# shellcheck disable=SC2086	# policy is words, perhaps none
within -g $CGROUP -c $SERVER_CPU $policy -- \
	mariadbd --no-defaults --user=root --datadir=/data --tmpdir=/tmp --socket=$socket \
	--pid-file=/tmp/pid --log-error=/tmp/mariadbd.log --lc-messages-dir=/share \
	--character-sets-dir=/share/charsets --skip-networking --skip-grant-tables \
	--skip-log-bin --performance-schema=OFF --max-connections=64 --table-open-cache=64 \
	--key-buffer-size=1M --aria-pagecache-buffer-size=1M --aria-log-file-size=8M \
	--innodb-buffer-pool-size="${pool_mb}M" --innodb-buffer-pool-chunk-size=8M \
	--innodb-buffer-pool-load-at-startup=OFF --innodb-buffer-pool-dump-at-shutdown=OFF \
	--innodb-log-file-size=16M --innodb-log-buffer-size=2M --innodb-io-capacity=2000 \
	--innodb-data-file-path=ibdata1:4M:autoextend --innodb-autoextend-increment=1 \
	--innodb-temp-data-file-path=ibtmp1:4M:autoextend --innodb-stats-auto-recalc=OFF \
	--innodb-flush-log-at-trx-commit="$(arg flush 1)" >/dev/null 2>&1 3>&- &
server=$!
wait_for $socket mariadbd
stage started
started $server
# Read the table once, as it would take long by single rows.
client /fill.lua 1
stage filled
n=0
for test in $tests; do
	warm_up "$test"
	n=$((n + 1))
	state $n begin
	measured $n "$test" "$events"
	state $n end
done
kill -0 $server || fail "mariadbd has died"

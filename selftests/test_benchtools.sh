#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The programs of the benchmark (tools/bench/guest/): do they do what they say they measure? On the
# machine that builds, with a real Redis. place has a test of its own.
set -u

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
# shellcheck source=selftests/lib/benchtools.sh
. "$(dirname "$0")/lib/benchtools.sh"
cd "$TOP" || exit $KSFT_FAIL

server=0
trap '[ $server -eq 0 ] || kill $server; rm -rf "$dir"' EXIT

field()		# file jq-expression
{
	jq -r "$2" "$1"
}

# ---- dist, latency --------------------------------------------------------------------------

unit_tests()
{
	local said rc=0

	said=$("$GUEST/unit_test") || rc=$?
	[ "$rc" -eq 0 ] || ktap_diag "$(grep -v '^ok ' <<<"$said")"
	return "$rc"
}

# ---- mark -----------------------------------------------------------------------------------

# As a processor decodes them. Each program has those that it should.
marks()
{
	local pair bad=0

	for pair in mark:1 mark:2 mark:3 mark:4 micro:1 redisload:1; do
		objdump -d "$GUEST/${pair%:*}" |
			grep -q "nopl *0x4d53000${pair#*:}(%rax,%rax,1)" && continue
		ktap_diag "${pair%:*}: no instruction of kind ${pair#*:}"
		bad=1
	done
	"$GUEST/mark" 65535 && "$GUEST/mark" --pages-off && "$GUEST/mark" --zero --pages-on 3 || bad=1
	return "$bad"
}

mark_arguments()
{
	fails 'nothing to do' "$GUEST/mark" &&
		fails 'not between 0 and 65535' "$GUEST/mark" 65536 &&
		fails 'not a number' "$GUEST/mark" -- -1 &&
		fails 'not a number' "$GUEST/mark" 1x &&
		fails 'one mark' "$GUEST/mark" 1 2 &&
		fails 'either on or off' "$GUEST/mark" --pages-on --pages-off
}

# ---- micro ----------------------------------------------------------------------------------

micro()		# arguments; the result goes to $dir/result
{
	"$GUEST/micro" "$@" >"$dir/result"
}

# Every line of the region once in as many steps as it has lines.
chase()
{
	local bad=0

	micro -p chase -s 1M -n 16384 --verify || bad=1
	[ "$(field "$dir/result" .cycle_lines)" = 16384 ] || bad=1
	micro -p chase -s 4M -n 1024 --line-per-page --verify --tally "$dir/tally" || bad=1
	[ "$(field "$dir/result" .cycle_lines)" = 1024 ] || bad=1
	[ "$bad" -eq 0 ] || ktap_diag "$(cat "$dir/result")"
	return "$bad"
}

# Steps are exact, seconds about right, rates consistent, marks' number as asked for.
results()
{
	micro -p zipf -s 4M -n 30000 -j 3 --phase 7 || return 1
	jq -e '.type == "phase" and .phase == 7 and .name == "zipf" and .ops == 30000 and
		.threads == 3' "$dir/result" >"$dir/jq" || { ktap_diag "$(cat "$dir/result")"; return 1; }
	micro -p seqread -s 4M -t 0.2 --warmup 0.1 --report-every 0.05 || return 1
	jq -es '(map(select(.type == "series")) | length == 4 and all(.ops > 0)) and
		(map(.ops) | add - .[4] <= .[4] and (add - .[4]) / .[4] > 0.9) and
		(.[4] | .seconds >= 0.2 and .seconds < 2 and
		(.ops / .seconds / .ops_per_s - 1 | fabs) < 1e-6 and
		(.ns_per_op * .ops_per_s / 1e9 - 1 | fabs) < 1e-6)' "$dir/result" >"$dir/jq" ||
		{ ktap_diag "$(cat "$dir/result")"; return 1; }
}

# 10000 loops of two instructions take at least 1 us at less than 10 GHz.
think()
{
	micro -p seqread -s 1M -n 2560 --think 20000 || return 1
	jq -e '.ns_per_op > 1000' "$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

# At most as many accesses a second as asked for, and on a machine that has the time not much less.
rate()
{
	micro -p zipf -s 1M -t 1 --rate 20000 || return 1
	jq -e '.ops_per_s > 5000 and .ops_per_s < 20600' "$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

# All memory of this machine's only node is hit, and the sweep sees all of it. What fits is the
# best share, before and after a jump.
hits()
{
	printf 'one 1\ntwo 22\n' >"$dir/stat"
	micro -p jump -s 4M -t 1 --jump-once 0.5 --hits-every 0.2 --hits-stat "$dir/stat" \
		--dram 1M --sweep-every 0.3 --rate 100000 || return 1
	jq -es 'map(select(.type == "hits")) as $h | map(select(.type == "phase"))[0] as $phase |
		($h | length >= 3 and all(.hit > 0.9999 and .hit < 1.0001 and
			.dram_pages + .no_node_pages == 1024 and
			(.oracle / $phase.best_share - 1 | fabs) < 1e-6 and
			.one == 1 and .two == 22 and .pgmigrate_success >= 0)) and
		$h[0].at_s == 0 and $h[0].hot_shift == 0 and $h[-1].hot_shift == 102 and
		(map(select(.type == "sweep")) | length >= 1 and all(.seconds > 0))' \
		"$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

# Other seeds, other pages; the same seed, the same accesses.
seeds()
{
	local n=0 seed

	for seed in 1 1 2; do
		n=$((n + 1))
		micro -p zipf -s 1M -n 10000 --seed "$seed" --tally "$dir/tally$n" \
			--probabilities "$dir/prob$n" || return 1
	done
	cmp -s "$dir/tally1" "$dir/tally2" && cmp -s "$dir/prob1" "$dir/prob2" &&
		! cmp -s "$dir/tally1" "$dir/tally3" && ! cmp -s "$dir/prob1" "$dir/prob3"
}

micro_arguments()
{
	local m=$GUEST/micro

	fails '--pattern is missing' "$m" &&
		fails "there is no 'zip'" "$m" -p zip &&
		fails 'not a number of bytes' "$m" -p zipf -s 1X &&
		fails 'not a number of bytes' "$m" -p zipf -s -1M &&
		fails 'multiple of the page size' "$m" -p zipf -s 10000 &&
		fails 'multiple of the page size' "$m" -p zipf -s 3M --huge &&
		fails 'either --seconds or --steps' "$m" -p zipf -t 1 -n 1 &&
		fails 'nothing to measure' "$m" -p zipf -t 0 &&
		fails 'not a sensible duration' "$m" -p zipf -t nan &&
		fails 'not a duration' "$m" -p zipf -t 1h &&
		fails 'not between 0 and' "$m" -p zipf --phase 32768 &&
		fails 'is no power of two' "$m" -p zipf --cluster 3 &&
		fails 'for the pattern chase' "$m" -p zipf --verify &&
		fails 'for the pattern jump' "$m" -p zipf --jump-every 1 &&
		fails 'for the pattern jump' "$m" -p zipf --jump-once 1 &&
		fails 'either --jump-every or' "$m" -p jump --jump-once 1 --jump-every 1 &&
		fails 'need each other' "$m" -p hot &&
		fails 'need each other' "$m" -p zipf --hot 1M &&
		fails 'more than --size' "$m" -p hot -s 1M --hot 2M &&
		fails 'needs --dram' "$m" -p zipf --hits-every 1 &&
		fails 'No such file' "$m" -p zipf -s 1M -t 1 --hits-every 1 --dram 1M \
			--hits-stat "$dir/no/file" &&
		fails 'needs --seconds' "$m" -p zipf -n 1 --report-every 1 &&
		fails 'neither linear nor' "$m" -p zipf --order up &&
		fails '--membind' "$m" -p zipf -s 1M -n 1 --membind 63 &&
		fails 'no list of nodes' "$m" -p zipf --interleave x &&
		fails 'No such file' "$m" -p zipf -s 1M -n 1 --tally "$dir/no/file" &&
		fails "what is 'x'" "$m" -p zipf x
}

micro_tests()
{
	local p
	local -a args

	ktap_check "chase visits every line once" chase
	for p in gups uniform zipf gauss hot10 hot jump scan; do
		# Two whole scans, no jump.
		args=(-p "$p" -s 4M -n 262144 --seed 3 --dram 1M --probabilities "$dir/prob")
		[ $p != jump ] || args+=(--jump-every 100)
		[ $p != hot ] || args+=(--hot 1500K)
		micro "${args[@]}" --tally "$dir/tally"
		expect "micro: $p: accesses have their probabilities" tally "$dir/prob" "$dir/tally"
		expect "micro: $p: best share" best "$dir/prob" "$dir/result" 256
	done
	for p in chase seqread seqwrite; do
		micro -p $p -s 4M -n 131072 --tally "$dir/tally"
		expect "micro: $p: two accesses to each line" evenly "$dir/tally" 128
	done
	# At least one jump in 0.1 s, and not ten; then the hot set of the end is tallied.
	micro -p jump -s 4M -t 0.1 --jump-every 10 --tally "$dir/tally"
	micro -p jump -s 4M -t 0.1 --jump-every 0.05 --tally "$dir/tally2"
	expect "micro: jump: to a disjoint hot set" jumped "$dir/tally" "$dir/tally2"
	micro -p hot10 -s 20M -n 200000 --cluster 128 --tally "$dir/tally"
	expect "micro: clusters are hot as a whole" clustered "$dir/tally" 128
	ktap_check "micro: results" results
	ktap_check "micro: think time" think
	ktap_check "micro: seeds" seeds
	ktap_check "micro: rate" rate
	ktap_check "micro: hits" hits
	ktap_check "micro: bad arguments" micro_arguments
}
MICRO_TESTS=$((1 + 8 * 2 + 3 + 2 + 6))

# ---- redisload ------------------------------------------------------------------------------

cli()
{
	redis-cli -s "$dir/redis" "$@"
}

start_redis()
{
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$dir/redis" --save '' \
		--appendonly no --dir "$dir" >"$dir/redis.log" 2>&1 &
	server=$!
	until_ms 10000 test -S "$dir/redis"
}

load()		# arguments; the result goes to $dir/result
{
	"$GUEST/redisload" -s "$dir/redis" "$@" >"$dir/result"
}

calls()		# command
{
	cli info commandstats | sed -n "s/^cmdstat_$1:calls=\([0-9]*\),.*/\1/p"
}

population()
{
	cli flushall >"$dir/out"
	load --populate --keys 3001 --value-bytes 777 --verify || return 1
	[ "$(cli dbsize)" = 3001 ] && [ "$(cli strlen key:000000003000)" = 777 ] &&
		[ "$(cli exists key:000000003001)" = 0 ] &&
		[ "$(cli getrange key:000000001234 0 11)" = 000000001234 ]
}

# One key's value isn't what it should be: --verify sees it.
verification()
{
	cli setrange key:000000000017 500 wrong >"$dir/out"
	fails 'key:000000000017' "$GUEST/redisload" -s "$dir/redis" -k 3001 -d 777 --verify
}

# All ops and distributions, odd and even depths, in one process.
run_phases()
{
	local op kind depth phase=5
	local -a args=()

	EXPECTED=()
	for op in get set mixed; do
		for kind in uniform gauss zipf hot10; do
			for depth in 1 7 16; do
				args+=(--phase "$op:$kind:$depth")
				EXPECTED+=("$phase:$op-$kind$([ "$depth" = 1 ] || echo "-p$depth")")
				phase=$((phase + 1))
			done
		done
	done
	load -k 3001 -d 777 --populate --first-phase 5 -t 0.05 --settle 0.01 --warmup 0.05 \
		--report-every 10 --verify "${args[@]}"
}

# The server's own counters: all of them GETs, all SETs, half and half.
ops_are()	# op pipeline percent-of-gets [clients]
{
	local gets sets ops

	cli config resetstat >"$dir/out"
	load -k 3001 -d 777 --op "$1" -P "$2" --requests 20000 --warmup 0.01 -c "${4:-50}" ||
		return 1
	ops=$(field "$dir/result" .ops)
	gets=$(calls get) sets=$(calls set)
	gets=${gets:-0} sets=${sets:-0}
	# Those of the warm-up and the last ones on their way are not in ops.
	[ $((gets + sets)) -ge "$ops" ] && [ "$ops" -ge 20000 ] &&
		[ $((gets * 100)) -ge $(((gets + sets) * ($3 - 1))) ] &&
		[ $((gets * 100)) -le $(((gets + sets) * ($3 + 1))) ] && return 0
	ktap_diag "$1 -P $2: $gets gets, $sets sets, $ops ops"
	return 1
}

ops()
{
	ops_are get 1 100 && ops_are set 4 0 && ops_are mixed 1 50 && ops_are mixed 5 50 &&
		ops_are mixed 6 50 && ops_are mixed 1 50 1
}

# No more requests on their way than clients * depth. With --requests, no phase overshoots by more.
depth()
{
	load -k 3001 -d 777 -c 3 -P 8 --requests 1000 || return 1
	jq -e '.ops >= 1000 and .ops < 1000 + 24 and .clients == 3 and .pipeline == 8' \
		"$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

# Requests and replies that are larger than any buffer on the way.
large_values()
{
	cli flushall >"$dir/out"
	load -k 50 -d 300000 --populate -c 4 --phase get:uniform:3 --phase set:uniform:3 \
		--phase mixed:zipf:2 --requests 100 --verify
}

tcp()
{
	cli flushall >"$dir/out"
	"$GUEST/redisload" --host 127.0.0.1 -p "$port" -k 1000 --populate -t 0.05 \
		--phase get:zipf:1 >"$dir/result" && [ "$(cli dbsize)" = 1000 ]
}

distribution_seen()	# kind, further arguments
{
	local monitor

	: >"$dir/monitor"
	stdbuf -oL redis-cli -s "$dir/redis" monitor >"$dir/monitor" 2>&1 &
	monitor=$!
	until_ms 5000 grep -q OK "$dir/monitor"
	load -k 1000 -D "$@" --requests 30000 --seed 5
	until_ms 10000 monitor_has 30000
	kill "$monitor"
	wait "$monitor" 2>/dev/null
}

# shellcheck disable=SC2329
monitor_has()	# requests
{
	[ "$(wc -l <"$dir/monitor")" -gt "$1" ]
}

# Each stream has draws of its own, again the same for the same number, and all of
# a seed have the same hot keys.
streams()
{
	local name same

	for name in 1 2 again; do
		distribution_seen zipf --clients 1 --stream "${name/again/1}"
		grep -o 'key:[0-9]*' "$dir/monitor" >"$dir/draws.$name"
		sort "$dir/draws.$name" | uniq -c | sort -nr | awk 'NR <= 2 { print $2 }' >"$dir/hot.$name"
	done
	same=$(paste "$dir/draws.1" "$dir/draws.2" | awk '$1 == $2' | wc -l)
	ktap_diag "$same of $(wc -l <"$dir/draws.1") draws are the same as another stream's"
	# By chance: the sum of all squared probabilities, 3 %.
	[ "$same" -gt 0 ] && [ "$same" -lt 1800 ] && cmp "$dir/hot.1" "$dir/hot.2" &&
		cmp "$dir/draws.1" "$dir/draws.again"
}

misses()
{
	cli del key:000000000007 key:000000000008 >"$dir/out"
	fails 'keys were missing' "$GUEST/redisload" -s "$dir/redis" -k 1000 --requests 20000 || return 1
	load -k 1000 --requests 20000 2>"$dir/err"
	# Two of a thousand.
	jq -e '.misses > 10 and .misses < 90' "$dir/result" >"$dir/jq" && return 0
	ktap_diag "$(cat "$dir/result")"
	return 1
}

redisload_errors()
{
	local bad=0

	set -- "$GUEST/redisload" -s "$dir/redis" -k 1000
	fails 'a value of 1000 bytes, not 900' "$@" -d 900 --requests 100 || bad=1
	cli config set maxmemory 1 >"$dir/out"
	fails 'OOM command not allowed' "$@" --op set --requests 100 || bad=1
	fails 'OOM command not allowed' "$@" --populate || bad=1
	cli config set maxmemory 0 >"$dir/out"
	cli config set requirepass secret >"$dir/out"
	fails 'NOAUTH' "$@" --requests 100 || bad=1
	redis-cli -s "$dir/redis" -a secret config set requirepass '' >"$dir/out" 2>&1
	fails 'No such file' "$GUEST/redisload" -s "$dir/none" || bad=1
	fails 'Connection refused' "$GUEST/redisload" --host 127.0.0.1 -p 1 || bad=1
	return "$bad"
}

redisload_arguments()
{
	local r=$GUEST/redisload

	fails "not OP:DISTRIBUTION:PIPELINE" "$r" --phase get:zipf &&
		fails "not OP:DISTRIBUTION:PIPELINE" "$r" --phase get:zipf:1:2 &&
		fails "'put' is not get, set or mixed" "$r" --phase put:zipf:1 &&
		fails "'zip' is not uniform" "$r" -D zip &&
		fails 'not between 1 and 1024' "$r" -P 0 &&
		fails 'not between 1 and' "$r" --keys 0 &&
		fails 'not between 12 and' "$r" --value-bytes 11 &&
		fails 'either --phase or' "$r" --phase get:zipf:1 --op set &&
		fails 'either --seconds or' "$r" -t 1 --requests 1 &&
		fails 'either --socket or' "$r" -s x --host y &&
		fails 'needs --seconds' "$r" --requests 1 --report-every 1 &&
		fails 'not a duration' "$r" --warmup x
}

redis_tests()
{
	local kind

	ktap_check "redisload: populate" population
	ktap_check "redisload: verify" verification
	EXPECTED=()
	ktap_check "redisload: 36 phases" run_phases
	expect "redisload: their results" phases "$dir/result" "${EXPECTED[@]}"
	ktap_check "redisload: get, set, mixed" ops
	ktap_check "redisload: clients and depth" depth
	ktap_check "redisload: values of 300 kB" large_values
	ktap_check "redisload: TCP" tcp
	for kind in uniform gauss zipf hot10; do
		distribution_seen $kind
		expect "redisload: $kind keys" keys "$dir/monitor" $kind 1000
	done
	ktap_check "redisload: streams of a seed" streams
	ktap_check "redisload: missing keys" misses
	ktap_check "redisload: errors of Redis" redisload_errors
	ktap_check "redisload: bad arguments" redisload_arguments
}
REDIS_TESTS=16

# ---- main -----------------------------------------------------------------------------------

ktap_header
build_benchtools
ktap_plan $((3 + MICRO_TESTS + REDIS_TESTS))
ktap_check "distributions and latencies" unit_tests
ktap_check "mark: instructions" marks
ktap_check "mark: bad arguments" mark_arguments
micro_tests
if command -v redis-server >"$dir/which"; then
	start_redis || ktap_diag "redis-server does not start: $(tail -n 5 "$dir/redis.log")"
	redis_tests
else
	for ((i = 0; i < REDIS_TESTS; i++)); do
		ktap_skip "redisload" "no redis-server"
	done
fi
ktap_end

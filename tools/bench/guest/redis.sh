# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2154	# the job's variables: init; policy: systems.sh
#
# Workload redis: kinds of requests, one after the other.
# bench.args, all optional, and those of redis-lib.sh:
#   phases=OP:DISTRIBUTION:PIPELINE,...	what to measure, see redisload
#   seconds=S	length of each phase
#   warmup=S	load of the first kind before everything, until placement is steady
#   settle=S	load of its own kind before each phase
#   client=redisload|memtier
# Phase 0 in the results is the warm-up.

# shellcheck source=tools/bench/guest/redis-lib.sh
. /redis-lib.sh
phases=$(arg phases get:zipf:1,get:zipf:16,set:zipf:1 | tr , ' ')
seconds=$(arg seconds 0.5)
settle=$(arg settle 0.1)
client=$(arg client redisload)
stream=0

# Fills the server, and puts it under load of a kind (OP:DISTRIBUTION:PIPELINE): a
# line of JSON, and marks, as phase number N.
case $client in
redisload)
	populate()	{ load --populate; }
	# The same keys are hot in all, but none repeats another's requests: a page
	# that was used would be used again for that reason alone.
	run_phase()
	{
		stream=$((stream + 1))
		load --stream $stream --phase "$1" --first-phase "$2" --seconds "$3"
	}
	;;
memtier)
	# shellcheck source=tools/bench/guest/memtier.sh
	. /memtier.sh
	;;
*)
	fail "no client $client"
	;;
esac

setup_system
stage "set up"
start_redis
stage started
populate >/dev/null
stage populated
started $server
n=0
for phase in $phases; do
	if [ $n -eq 0 ]; then
		state 0 begin
		run_phase "$phase" 0 "$(arg warmup 2)" >&3
		state 0 end
	fi
	n=$((n + 1))
	case $system in
	oracle)	# the counts of this very load
		mark --zero --pages-on
		run_phase "$phase" 0 "$(arg counted 1)" >/dev/null
		mark --pages-off
		warm $server ;;
	esac
	[ "$settle" = 0 ] || run_phase "$phase" 0 "$settle" >/dev/null
	state $n begin
	run_phase "$phase" $n "$seconds" >&3
	state $n end
done
kill -0 $server || fail "redis-server has died"

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034,SC2154	# socket: redis-lib.sh; the job's variables: init; policy: systems.sh
#
# Workload tenants: two Redis servers of one size on CPU 1, each of which is to have
# half of the DRAM. What one notices of the other:
#   alone	the second one has its data and is idle
#   beside	it gets requests for all of its keys alike
#   after	it is idle again
#   neighbour	what the second one did in "beside"
#   idle	both have nothing to do, and a program in neither's cgroup looks
#		about in 2 MB: what it costs others that they are there
# With tiermem each has a cgroup and a quota, other systems have nothing to tell them
# apart by. bench.args, all optional, and those of redis-lib.sh (keys: of each):
#   warmup=S	load before everything
#   seconds=S every=MS	length of each phase, and of a point of the curve

# shellcheck source=tools/bench/guest/redis-lib.sh
. /redis-lib.sh
# shellcheck source=tools/bench/guest/over-time.sh
. /over-time.sh
data_bytes=$((2 * data_bytes))
neighbour_group=$CGROUP

# Words are for a command or function that is about the neighbour.
neighbour()
{
	local socket=/neighbour.sock CGROUP=$neighbour_group

	"$@"
}

# GETs of the neighbour's keys, all as often.
neighbour_load()
{
	neighbour load --stream 1 --phase get:uniform:1 --first-phase 4 --settle 0 \
		--seconds "$seconds" --report-every "$every" >/neighbour.log
}

seconds=$(arg seconds 1.5)
every=$(arg every 50)
setup_system
half=$((quota / 2 / 4096 * 4096))
if [ "$system" = tiermem ]; then
	neighbour_group=/sys/fs/cgroup/neighbour
	mkdir $neighbour_group || fail "no cgroup"
	put "$CGROUP/tiermem.dram_max" $half tiermem.dram_max "the quota, half for each of two"
	put $neighbour_group/tiermem.dram_max $half tiermem.dram_max "the quota, half for each of two"
fi
neighbour start_redis
neighbour_server=$server
start_redis
load --populate >/dev/null
neighbour load --populate >/dev/null
started $server
load --stream 9 --phase get:zipf:1 --first-phase 0 --settle 0 --seconds "$(arg warmup 1)" >&3
case $system in
oracle)	# knows what is hot in the first server; in the other one all is alike
	mark --zero --pages-on
	load --stream 8 --phase get:zipf:1 --first-phase 0 --settle 0 --seconds 0.2 >/dev/null
	mark --pages-off
	quota=$half
	warm $server
	warm "$neighbour_server" ;;
esac
phase 1 alone
neighbour_load &
loading=$!
phase 2 beside
wait $loading || fail "the neighbour's clients"
sed 's/"name":"get-uniform"/"name":"neighbour"/' /neighbour.log >&3
phase 3 after
state 5 begin
within -c "$SERVER_CPU" -- \
	micro --pattern uniform --size 2M --warmup 0.2 --seconds "$seconds" --phase 5 >/idle.log ||
	fail "the program beside them"
sed 's/"name":"uniform"/"name":"idle"/' /idle.log >&3
state 5 end
kill -0 $server || fail "redis-server has died"

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034,SC2154	# seconds, every: over-time.sh; the job's variables: init; policy: systems.sh
#
# Workload timeline: how long a Redis takes to get over something. GETs of Zipf's
# distribution all the time, a phase for each thing that happens:
#   start		the server has just been filled
#   change		other keys become hot
#   smaller, larger	half a second on, the quota is halved, and set back
# Only tiermem has a quota to set; with the other systems nothing happens there.
# bench.args, all optional, and those of redis-lib.sh:
#   seconds=S every=MS	length of each phase, and of a point of the curve

# shellcheck source=tools/bench/guest/redis-lib.sh
. /redis-lib.sh
# shellcheck source=tools/bench/guest/over-time.sh
. /over-time.sh
seconds=$(arg seconds 3)
every=$(arg every 50)

set_quota_soon()	# bytes
{
	[ "$system" = tiermem ] || return 0
	(usleep 500000; echo "$1" >"$CGROUP/tiermem.dram_max") 3>&- &
}

setup_system
start_redis
load --populate >/dev/null
started $server
case $system in
oracle)	# knows what is hot at first, and not what will be
	mark --zero --pages-on
	load --stream 9 --phase get:zipf:1 --first-phase 0 --seconds 0.2 >/dev/null
	mark --pages-off
	warm $server ;;
esac
phase 1 start
hot=$((seed + 1000))
phase 2 change
set_quota_soon "$((quota / 2 / 4096 * 4096))"
phase 3 smaller
set_quota_soon "$quota"
phase 4 larger
kill -0 $server || fail "redis-server has died"

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2154	# the job's variables: init; seconds, every: who sources this
#
# GETs of Zipf's distribution over time, from the server of redis-lib.sh.

# A phase, under the name of what happens meanwhile; $seconds, with a point each $every ms.
phase()	# number name
{
	state "$1" begin
	load --stream "$1" --phase get:zipf:1 --first-phase "$1" --settle 0 \
		--seconds "$seconds" --report-every "$every" >/phase.log
	sed "s/\"name\":\"get-zipf\"/\"name\":\"$2\"/" /phase.log >&3
	state "$1" end
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# All memory of a guest is touched, the hot eighth last; then only that; sourced by test_guests.sh.

filled()		# name MiB quota
{
	local start=${EPOCHREALTIME/./} up

	guest_start "$@" || return 1
	sample "$1"
	guest_ready "$1" && guest_attach "$1" || return 1
	up=$(((${EPOCHREALTIME/./} - start) / 1000))
	start=${EPOCHREALTIME/./}
	ask "$1" fill 1 || return 1
	ktap_diag "$1: up after $up ms; wrote $(mib "$RESULT") of ${2}M in" \
		"$(((${EPOCHREALTIME/./} - start) / 1000)) ms; $(where_is "$1")"
	sampled "$3"
}

# Sets PCT, of the hot eighth in DRAM, and STOOD, for how many us the guest stood still at most since
# the last look.
look_at()		# name
{
	PCT=$(hot_pct "$1") && ask "$1" gap && STOOD=$RESULT
}

hot_comes()		# name quota
{
	local start took=0

	ask "$1" gap
	sample "$1"
	ask "$1" hot || return 1
	start=$CLOCK
	while :; do
		look_at "$1" || return 1
		took=$((CLOCK - start))
		[ "$STOOD" -le "$gap" ] || gap=$STOOD
		! at_least "$PCT" 95 || break
		[ "$took" -lt $((HOT_MS * TIME_PCT / 100)) ] || break
		pause 0.5
	done
	ktap_diag "$1: $PCT % of the hot eighth in DRAM after $took ms of the guest"
	sampled "$2" && at_least "$PCT" 95 && return 0
	stats "$1"
	return 1
}

# How long it takes to move 32 pages or a huge one, in us: the guest misses no more at a time.
batch_us()		# name bytes
{
	awk -v bytes="$2" '{ v[$1] = $2 } END {
		moved = v["promoted_bytes"] + v["demoted_bytes"]
		print moved ? int(v["migrate_usec"] * bytes / moved) : 0
	}' "$CG/$1/tiermem.stat"
}

# Once pages have moved, how long the guest stands still is what this machine does to it anyway.
unharmed()		# name KiB-of-huge-pages KiB-that-there-should-be
{
	local rc=0 now calm=0

	for _ in 1 2 3 4 5; do
		pause 0.5
		look_at "$1" || return 1
		[ "$STOOD" -le "$calm" ] || calm=$STOOD
	done
	now=$(huge_kib "$1")
	ktap_diag "$1: stood still for at most $gap us while pages came, $calm us afterwards;" \
		"to move 32 pages takes $(batch_us "$1" 131072) us," \
		"a huge one $(batch_us "$1" 2097152) us"
	ktap_diag "$1: huge pages $(mib $(($2 * 1024))), then $(mib $((now * 1024)))"
	[ "$2" -ge "$3" ] && [ "$gap" -le $((GAP_MS * 1000)) ] &&
		at_least $((100 * now)) $((95 * $2)) || rc=1
	intact "$1" || rc=1
	[ "$rc" -eq 0 ] || stats "$1"
	return "$rc"
}

# Where the guest has huge pages it is a larger one: at the size of huge pages its kernel alone
# uses 40M all the time.
quota()			# what MiB MiB-of-huge-pages
{
	local name=$1 bytes=$(($2 * MIB / 4)) huge gap=0

	ktap_check "quota, $1: it holds while a guest of $2M starts and touches its memory" \
		filled "$name" "$2" "$bytes"
	huge=$(huge_kib "$name")
	ktap_check "quota, $1: what the guest uses comes to DRAM" hot_comes "$name" "$bytes"
	ktap_check "quota, $1: contents, huge pages, no restart, no standstill" \
		unharmed "$name" "$huge" $(($3 * 1024))
	guest_end "$name"
}

story_quota()
{
	echo never >"$THP"
	quota 4k 192 0
	echo madvise >"$THP"
	quota huge 512 400
}

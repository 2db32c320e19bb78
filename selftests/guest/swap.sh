# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# Two guests, one busy, one idle, change their quotas; sourced by test_guests.sh.

hot_there()		# name
{
	at_least "$(hot_pct "$1")" 90
}

# The quota that shrinks comes first, so that DRAM is never promised twice.
swap_to()		# quota of busy, of idle
{
	local rc=0 p low=100 demoted

	demoted=$(key "$CG/idle/tiermem.stat" demoted_bytes)
	if [ "$1" -gt "$2" ]; then
		echo "$2" >"$CG/idle/tiermem.dram_max" && echo "$1" >"$CG/busy/tiermem.dram_max"
	else
		echo "$1" >"$CG/busy/tiermem.dram_max" && echo "$2" >"$CG/idle/tiermem.dram_max"
	fi || return 1
	demoted=$(($(key "$CG/idle/tiermem.stat" demoted_bytes) - demoted))
	sample busy idle
	for _ in 1 2 3 4 5; do
		p=$(hot_pct busy) || rc=1
		at_least "$p" "$low" || low=$p
		pause 1
	done
	sampled "$1" "$2" || rc=1
	ktap_diag "busy: $(where_is busy), at least $low % of the hot eighth in DRAM;" \
		"idle: $(where_is idle), $(mib "$demoted") were moved before the write was over"
	at_least "$low" 90 || rc=1
	# The idle one had used its large quota, and had to leave most of it.
	[ "$1" -lt "$2" ] || [ "$demoted" -ge $((($1 - $2) * 3 / 4)) ] || rc=1
	[ "$rc" -eq 0 ] || { stats busy; stats idle; }
	return "$rc"
}

story_swap()
{
	local large=$((96 * MIB)) small=$((40 * MIB))

	echo never >"$THP"
	if guest_start busy 192 "$small" && guest_start idle 192 "$large" && guest_ready busy &&
			guest_ready idle && guest_attach busy && guest_attach idle &&
			ask idle fill 3 && ask busy fill 4 && ask busy hot &&
			until_ms "$HOT_MS" hot_there busy; then
		ktap_check "swap: the idle guest's quota for the busy one" swap_to "$large" "$small"
		ktap_check "swap: and back, the hot eighth stays" swap_to "$small" "$large"
		ktap_check "swap: contents of the busy one" intact busy
		ktap_check "swap: contents of the idle one" intact idle
	else
		ktap_diag "of the hot eighth $(hot_pct busy) % are in DRAM"
		for _ in 1 2 3 4; do ktap_ok 1 "swap: the guests are not up"; done
	fi
	guest_end busy
	guest_end idle
}

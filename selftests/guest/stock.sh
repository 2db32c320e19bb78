# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# Many guests without the module, whose memory migratepages(8) moves all the time; sourced by
# test_guests.sh. No test of tiermem: it tells whether the host itself is up to the others.

readonly STOCK_GUESTS=8

# Slow memory has room for all of them, DRAM for one at a time.
stock_moves()
{
	local name end=$((SECONDS + FLIP_S * 3)) rc=0 rounds=0

	while [ "$SECONDS" -lt "$end" ] && [ "$rc" -eq 0 ]; do
		for name in "${!PID[@]}"; do
			migratepages "${PID[$name]}" 1 0 && migratepages "${PID[$name]}" 0 1
			alive "$name" || { ktap_diag "$name has ended"; rc=1; }
		done
		rounds=$((rounds + 1))
	done
	ktap_diag "each guest was moved $rounds times"
	for name in "${!PID[@]}"; do
		intact "$name" || rc=1
	done
	return "$rc"
}

stock_guests()
{
	local i

	for ((i = 0; i < STOCK_GUESTS; i++)); do
		guest_up "vm$i" 128 none && ask "vm$i" fill "$i" || return 1
		migratepages "${PID[vm$i]}" 0 1
	done
	for ((i = 0; i < STOCK_GUESTS; i++)); do
		ask "vm$i" hot || return 1
	done
	ktap_diag "$STOCK_GUESTS guests run after $SECONDS s"
	stock_moves
}

story_stock()
{
	local name

	command -v migratepages >/dev/null || { ktap_skip "stock" "no migratepages"; return; }
	until_ms 5000 rmmod tiermem
	echo never >"$THP"
	ktap_check "stock: guests that the kernel moves, without the module" stock_guests
	for name in "${!PID[@]}"; do
		guest_end "$name"
	done
	insmod "$KO"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# Contents while the quota of a guest is anything at any time; sourced by test_guests.sh.

# A write waits until pages have moved; with O_NONBLOCK they move later.
flip()			# name MiB
{
	local quotas=(0 $(($2 * MIB / 8)) $(($2 * MIB / 4)) $(($2 * MIB / 2)) max)
	local file=$CG/$1/tiermem.dram_max end=$((SECONDS + FLIP_S)) n=0 q next=${EPOCHREALTIME/./}
	local left

	while [ "$SECONDS" -lt "$end" ] && alive "$1"; do
		q=${quotas[RANDOM % 5]}
		if [ $((n++ % 4)) -eq 0 ]; then
			echo "$q" >"$file"
		else
			echo "$q" | dd of="$file" oflag=nonblock conv=notrunc status=none
		fi || return 1
		next=$((next + 200000))
		left=$((next - ${EPOCHREALTIME/./}))
		if [ "$left" -gt 0 ]; then
			pause "0.$(printf %06d "$left")"
		else
			next=${EPOCHREALTIME/./}
		fi
	done
	ktap_diag "$1: quota changed $n times in $FLIP_S s; $(moved "$1")"
	[ "$n" -ge "$FLIP_S" ]
}

flipped()		# name MiB
{
	local rc=0

	guest_up "$1" "$2" $(($2 * MIB / 4)) && ask "$1" fill 2 && ask "$1" churn || return 1
	flip "$1" "$2" || rc=1
	echo $(($2 * MIB / 8)) >"$CG/$1/tiermem.dram_max" || rc=1
	sample "$1"
	pause 2
	sampled $(($2 * MIB / 8)) || rc=1
	if ask "$1" gap; then
		ktap_diag "$1: the guest has verified and written its memory ${REPLY_WORDS[4]} times;" \
			"it stood still for at most $RESULT us"
	else
		rc=1
	fi
	intact "$1" || rc=1
	[ "$rc" -eq 0 ] || stats "$1"
	guest_end "$1"
	return "$rc"
}

story_flip()
{
	echo never >"$THP"
	ktap_check "flip, 4k: contents while the quota changes 5 times a second" flipped flip4k 192
	echo madvise >"$THP"
	ktap_check "flip, huge: the same" flipped fliphuge 192
}

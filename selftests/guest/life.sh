# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# What happens to a guest, and ways to make its memory; sourced by test_guests.sh.

# The memory is written at random while a quota holds, is cut, and holds.
lives()			# name MiB; a function may come in between
{
	local rc=0 bytes=$(($2 * MIB / 4)) between=${3:-:}

	ask "$1" fill 5 "${EACH:-1}" && ask "$1" churn || return 1
	sample "$1"
	pause 2
	$between "$1" "$2" || rc=1
	sampled "$bytes" || rc=1
	echo $((bytes / 2)) >"$CG/$1/tiermem.dram_max" || rc=1
	sample "$1"
	pause 2
	sampled $((bytes / 2)) || rc=1
	ktap_diag "$1: $(where_is "$1"), quota $(mib $((bytes / 2)))"
	intact "$1" || rc=1
	stats "$1"
	return "$rc"
}

life()			# name MiB function arguments...
{
	local rc=0

	guest_up "$1" "$2" $(($2 * MIB / 4)) "${@:4}" && lives "$1" "$2" "$3" || rc=1
	guest_end "$1" || rc=1
	return "$rc"
}

killed()		# name MiB
{
	local rc=0

	guest_up "$1" "$2" $(($2 * MIB / 4)) && lives "$1" "$2" || rc=1
	kill -9 "${PID[$1]}"
	until_ms 10000 grep -qx 'populated 0' "$CG/$1/cgroup.events" || rc=1
	until_ms 10000 uncharged "$1" || rc=1
	ktap_diag "$1: killed, $(where_is "$1")," \
		"of it page cache $(mib "$(key "$CG/$1/memory.stat" file)")"
	guest_end "$1" || { ktap_diag "the cgroup can't be removed"; rc=1; }
	return "$rc"
}

# What is left is page cache, of files that it read first.
uncharged()		# name
{
	[ $(($(<"$CG/$1/tiermem.dram_current") + $(<"$CG/$1/tiermem.slow_current"))) -le \
		$(($(key "$CG/$1/memory.stat" file) + MIB)) ]
}

rebooted()		# name MiB
{
	local rc=0

	guest_up "$1" "$2" $(($2 * MIB / 4)) && ask "$1" fill 6 || return 1
	sample "$1"
	qmp "$1" '{"execute":"system_reset"}' && guest_ready "$1" || rc=1
	sampled $(($2 * MIB / 4)) || rc=1
	[ "$rc" -ne 0 ] || lives "$1" "$2" || rc=1
	guest_end "$1" || rc=1
	return "$rc"
}

# The guest's balloon has reached a size.
balloon_is()		# name bytes
{
	qmp "$1" '{"execute":"query-balloon"}' && [[ $REPLY =~ \"actual\":\ ([0-9]+) ]] &&
		[ "${BASH_REMATCH[1]}" -eq "$2" ]
}

balloon_to()		# name bytes
{
	qmp "$1" '{"execute":"balloon","arguments":{"value":'"$2"'}}' || return 1
	until_ms 60000 balloon_is "$1" "$2" || { ktap_diag "balloon: $REPLY"; return 1; }
	ktap_diag "$1: balloon leaves the guest $(mib "$2"), $(where_is "$1")"
}

balloon()		# name MiB
{
	local before

	ask "$1" use 12 || return 1
	before=$(key "$CG/$1/memory.stat" anon)
	balloon_to "$1" $(($2 * MIB / 2)) || return 1
	# It is a balloon only if the host gets the memory back.
	at_least $((before - $(key "$CG/$1/memory.stat" anon))) $(($2 * MIB / 3)) || return 1
	balloon_to "$1" $(($2 * MIB)) && ask "$1" use 100 && ask "$1" churn && pause 2
	return 0
}

# Of QEMU's memory, so many MiB at least are of a kind.
is_kind()		# name MiB key-of-status
{
	[ "$(key "/proc/${PID[$1]}/status" "$3:")" -ge $(($2 * 1024)) ]
}

locked()		# name MiB
{
	is_kind "$1" "$2" VmLck
}

shared()		# name MiB
{
	is_kind "$1" $(($2 / 2)) RssShmem
}

# A live migration, which never gets to its end: the guest writes faster.
dirty_logging()		# name MiB
{
	qmp "$1" '{"execute":"migrate-set-parameters",
		"arguments":{"max-bandwidth":16777216,"downtime-limit":1}}' &&
		qmp "$1" '{"execute":"migrate","arguments":{"uri":"exec:cat >/dev/null"}}' ||
		return 1
	pause 4
	qmp "$1" '{"execute":"query-migrate"}' || return 1
	ktap_diag "$1: migration $(grep -oE '"(status|transferred|remaining)": [^,}]*' <<<"$REPLY" |
		xargs)"
	[[ $REPLY == *'"active"'* ]] || return 1
	echo $(($2 * MIB / 16)) >"$CG/$1/tiermem.dram_max"
	pause 1
	echo $(($2 * MIB / 4)) >"$CG/$1/tiermem.dram_max"
	qmp "$1" '{"execute":"query-status"}' && [[ $REPLY == *'"running": true'* ]]
}

# Half of the guest's pages have a twin.
merged()		# name MiB
{
	local pages=$(($2 * MIB / 4096 / 16))

	ask "$1" stop || return 1
	until_ms 60000 shares "$pages"
	ktap_diag "$1: KSM shares $(<"$KSM/pages_shared") pages $(<"$KSM/pages_sharing") times"
	shares "$pages" && ask "$1" churn && pause 1
}

shares()		# pages
{
	[ "$(<"$KSM/pages_sharing")" -ge "$1" ]
}

ksm()			# name MiB
{
	local rc

	echo 4000 >"$KSM/pages_to_scan"
	echo 10 >"$KSM/sleep_millisecs"
	echo 1 >"$KSM/run"
	EACH=2 life "$1" "$2" merged
	rc=$?
	echo 2 >"$KSM/run"
	return "$rc"
}

story_life()
{
	echo madvise >"$THP"
	ktap_check "life: killed, all memory is uncharged, the cgroup can go" killed killed 192
	ktap_check "life: rebooted, the quota still holds" rebooted rebooted 192
	ktap_check "life: a balloon to half the memory and back" life balloon 256 balloon
	ktap_check "life: memory locked" life locked 192 locked -overcommit mem-lock=on
	MEMORY=memory-backend-memfd,share=on \
		ktap_check "life: a shared memfd" life memfd 192 shared
	ktap_check "life: dirty logging for a migration" life dirty 192 dirty_logging
	echo never >"$THP"
	ktap_check "life: pages merged by KSM" ksm merged 192
}

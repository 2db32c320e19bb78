# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154	# test_guests.sh, lib/guests.sh
#
# Four times as many guests as DRAM holds; sourced by test_guests.sh.

dram_free()
{
	local node=/sys/devices/system/node/node0/meminfo

	awk '/MemFree:|Inactive\(file\):|Active\(file\):/ { s += $4 } END { print s * 1024 }' "$node"
}

vm_events()
{
	awk '/^(pswpout|oom_kill) / { s += $2 } END { print s + 0 }' /proc/vmstat
}

# Guests that may use DRAM only, without tiermem, until there is no room for another one. Sets
# FITS and EACH_BYTES.
fill_dram()		# MiB
{
	local rc=0 name room

	FITS=0 EACH_BYTES=0
	while :; do
		room=$(dram_free)
		[ "$EACH_BYTES" -eq 0 ] || [ "$room" -ge $((EACH_BYTES + RESERVE)) ] || break
		name=dram$FITS
		mkdir -p "$CG/$name" && echo 0 >"$CG/$name/cpuset.mems" &&
			guest_up "$name" "$1" none && ask "$name" fill "$FITS"
		rc=$?
		[ "$rc" -eq 0 ] || break
		EACH_BYTES=$(key "$CG/$name/memory.stat" anon)
		FITS=$((FITS + 1))
	done
	ktap_diag "$FITS guests of $(mib "$EACH_BYTES") each fit into DRAM," \
		"$(mib "$(dram_free)") are left"
	for name in "${!PID[@]}"; do
		intact "$name" || rc=1
		guest_end "$name"
	done
	[ "$rc" -eq 0 ] && [ "$FITS" -gt 0 ]
}

all_hot()
{
	local name

	for name in "${!PID[@]}"; do
		hot_there "$name" || return 1
	done
}

crowd()			# MiB
{
	local n=$((FITS * 4)) i quota rc=0 start=$SECONDS hot line=''

	# The kernel needs DRAM of its own for each: page tables, KVM.
	quota=$(((DRAM_BYTES - RESERVE) / n / MIB * MIB - 4 * MIB))
	for ((i = 0; i < n; i++)); do
		guest_up "vm$i" "$1" "$quota" && ask "vm$i" fill "$i" || return 1
	done
	for ((i = 0; i < n; i++)); do
		ask "vm$i" hot || return 1
	done
	ktap_diag "$n guests with $(mib "$quota") of DRAM each run after $((SECONDS - start)) s"
	# The first ones were idle while the last ones started: their windows are long.
	hot=$SECONDS
	until_ms 120000 all_hot || rc=1
	for ((i = 0; i < n; i++)); do
		line+=" $(hot_pct "vm$i") ($(mib "$(<"$CG/vm$i/tiermem.dram_current")"))"
	done
	ktap_diag "percent of the hot eighths in DRAM (DRAM in use), after $((SECONDS - hot)) s:$line"
	[ "$rc" -eq 0 ] || stats vm0
	return "$rc"
}

crowd_holds()
{
	local i rc=0

	for ((i = 0; i < FITS * 4; i++)); do
		[ "$(<"$CG/vm$i/tiermem.dram_current")" -le \
			$(($(<"$CG/vm$i/tiermem.dram_max") + OVER)) ] ||
			{ ktap_diag "vm$i: $(where_is "vm$i")"; rc=1; }
		intact "vm$i" || rc=1
	done
	return "$rc"
}

story_density()
{
	local events name

	RESERVE=$((32 * MIB))
	echo never >"$THP"
	DRAM_BYTES=$(dram_free)
	events=$(vm_events)
	ktap_check "density: guests without tiermem, as many as DRAM holds" fill_dram 128
	ktap_check "density: four times as many with quotas, each hot eighth is in DRAM" crowd 128
	ktap_check "density: all within their quotas, contents" crowd_holds
	ktap_check "density: nothing was swapped out or killed" [ "$(vm_events)" -eq "$events" ]
	for name in "${!PID[@]}"; do
		guest_end "$name"
	done
}

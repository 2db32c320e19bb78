# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: run and top.

# ---- run -----------------------------------------------------------------------------------------

# The tool makes its cgroup in a directory that behaves a little like cgroupfs.
own()
{
	LD_PRELOAD=$OUT/cgroupfs.so ASAN_OPTIONS=verify_asan_link_order=0 ctl run --own "$@"
}

runs_and_cleans_up()
{
	local cg

	machine
	cg=$FAKE/sys/fs/cgroup
	own --name job --dram 1G -- /bin/sh -c "cat $cg/job/tiermem.dram_max; cat; exit 7" <<<in && ends 7 &&
	says "$GiB"$'\n'in "$out" || return 1
	[ ! -e "$cg/job" ] || { ktap_diag "left"; return 1; }
	own --dram 1G no-such-command && fails 127 '*no-such-command*' &&
	own --dram 1G /etc/passwd && fails 126 '*/etc/passwd*' &&
	own --dram 2GB true && fails 125 '*is no quota*' &&
	own --name a/b --dram 1G true && fails 125 '*has no /*' || return 1
	# One that is there is nobody's to remove.
	own --name system.slice --dram 1G true && fails 125 '*exists*' &&
	says '' "$(compgen -G "$cg/tiermemctl*")"
}

signals_reach_it()
{
	local pid status=0 cg

	machine
	cg=$FAKE/sys/fs/cgroup
	LD_PRELOAD=$OUT/cgroupfs.so ASAN_OPTIONS=verify_asan_link_order=0 "$CTL" --root "$FAKE" \
		run --own --name job --dram 1G -- /bin/bash -c \
		"trap 'echo usr1; exit 3' USR1; echo up; while :; do sleep 0.05; done" >"$dir/said" &
	pid=$!
	until_ms 10000 grep -qs up "$dir/said" || return 1
	kill -USR1 $pid
	wait $pid || status=$?
	says 3 $status && says $'up\nusr1' "$(<"$dir/said")" || return 1
	# Killed, and so are we.
	own --name job --dram 1G -- /bin/sh -c 'kill -TERM $$' && ends 143 || return 1
	[ ! -e "$cg/job" ]
}

scope_of_systemd()
{
	machine
	mkdir -p "$FAKE/run/systemd/system" "$dir/bin"
	cat >"$dir/bin/systemd-run" <<-END
		#!/bin/bash
		echo "\$@" >$dir/args
		while [ "\$1" != -- ]; do shift; done
		shift
		exec "\$@"
	END
	chmod +x "$dir/bin/systemd-run"
	fake_group /system.slice/run-1.scope max 0 0
	put proc/self/cgroup 0::/system.slice/run-1.scope
	# shellcheck disable=SC2016	# for the command
	PATH=$dir/bin:$PATH ctl run --dram 25% --name job -- sh -c 'echo "$1"; exit 9' x 'a  b' &&
	ends 9 && says 'a  b' "$out" && says "$GiB" "$(quota /system.slice/run-1.scope)" &&
	says '--scope * --property=MemoryAccounting=yes --unit=job -- *' "$(<"$dir/args")"
}

# ---- top -----------------------------------------------------------------------------------------

batch()
{
	machine
	ctl top --batch -n 2 -i 0.1 --sort slow && well || return 1
	[ "$(grep -c '^GROUP' <<<"$out")" -eq 2 ] || return 1
	says "20*$REDIS *machine.slice *" "$out" || return 1
	ctl top --json -n 2 -i 0.1 -s name -r && well || return 1
	out="[$(paste -sd, <<<"$out")]"
	json 'len(d) == 2 and d[0]["groups"][0]["cgroup"] == "/system.slice/redis.service"'
}

screen()
{
	tmux -S "$dir/tmux" capture-pane -p
}

shows()		# pattern
{
	# shellcheck disable=SC2053	# a pattern
	[[ $(screen) == $1 ]]
}

press()
{
	tmux -S "$dir/tmux" send-keys "$@"
}

on_a_terminal()
{
	local i ok=0

	machine
	for i in {10..39}; do
		fake_group "/vm$i" $((i * MiB)) $((i * MiB)) $((50 * MiB))
	done
	tmux -S "$dir/tmux" -f /dev/null new-session -d -x 80 -y 24 \
		"$CTL --root $FAKE top -i 0.2; echo ended \$?; sleep 60"
	until_ms 10000 shows "tiermem 0*DRAM 1.0G free of 4.0G*GROUP*/system.slice *$REDIS *q quit*" &&
	press n && until_ms 5000 shows '*DEM/s*/machine.slice *' &&
	press s && until_ms 5000 shows '*DEM/s*/system.slice *' &&
	press r && until_ms 5000 shows '*DEM/s*/vm39 *' &&
	press NPage && until_ms 5000 shows "*DEM/s*/vm1*$REDIS*" &&
	press Home a && until_ms 5000 shows '*DEM/s*cron*' &&
	press q && until_ms 5000 shows '*ended 0*' || ok=1
	[ $ok -eq 0 ] || ktap_diag "$(screen)"
	tmux -S "$dir/tmux" kill-server
	return $ok
}

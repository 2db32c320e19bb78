# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034,SC2154	# for those who source this; args: init
#
# What the guest's scripts share: results, errors, the state of the machine.
# Results are lines of JSON on file descriptor 3, the second serial port. The
# shell is busybox's; each program that it starts costs simulated time.

CGROUP=/sys/fs/cgroup/bench
SERVER_CPU=1			# what is measured; all the rest runs on CPU 0
DEBUG=/sys/kernel/debug

result()	# a line of JSON
{
	printf '%s\n' "$1" >&3
}

# The machine goes down when all that was said is out. Processes in the
# background have descriptor 3 closed, and may still run.
finish()
{
	stty -opost <&3		# this waits for the output
	poweroff -f
}

fail()	# text
{
	result "{\"type\":\"error\",\"text\":\"$(printf %s "$*" | tr -c ' !#-[]-~' ' ')\"}"
	echo "bench: $*" >/dev/console
	finish
	exit 1		# a shell of the background, perhaps
}

setting()	# name value why
{
	result "{\"type\":\"setting\",\"name\":\"$1\",\"value\":\"$2\",\"why\":\"$3\"}"
}

put()	# file value name why
{
	echo "$2" >"$1" || fail "can't write $2 to $1"
	setting "$3" "$2" "$4"
}

# Bytes that the workload's cgroup has on nodes 0 and 1, to dram and slow.
# "file" includes shared memory.
where_it_is()
{
	local key n0 n1 rest

	dram=0 slow=0
	while read -r key n0 n1 rest; do
		case $key in
		anon|file)
			dram=$((dram + ${n0#N0=}))
			slow=$((slow + ${n1#N1=})) ;;
		kernel_stack) break ;;		# what follows is of no interest
		esac
	done <$CGROUP/memory.numa_stat
}

# Before ("begin") or after ("end") a phase: where the data is, what has moved.
state()	# phase begin|end
{
	local dram slow

	where_it_is
	result "{\"type\":\"placement\",\"phase\":$1,\"when\":\"$2\",\"dram_bytes\":$dram,\"slow_bytes\":$slow}"
	awk -v phase="$1" -v when="$2" '
		/^(pgpromote_(success|candidate)|pgdemote_(kswapd|direct)|pgmigrate_(success|fail)|numa_hint_faults|numa_pte_updates|pgfault|pgscan_kswapd) / {
			s = s ",\"" $1 "\":" $2
		}
		END { print "{\"type\":\"vmstat\",\"phase\":" phase ",\"when\":\"" when "\"" s "}" }
	' /proc/vmstat >&3
	system_state "$1" "$2"
}

# Where the time of a job goes: seconds since boot, and idle ones of all CPUs.
stage()	# name
{
	local up idle

	read -r up idle </proc/uptime
	result "{\"type\":\"stage\",\"name\":\"$1\",\"uptime_s\":$up,\"idle_s\":$idle}"
}

# A word key=value of bench.args, or a default.
arg()	# key default
{
	local w

	for w in $args; do
		case $w in
		"$1"=*) echo "${w#*=}"; return ;;
		esac
	done
	echo "$2"
}

wait_for()	# file what
{
	local n=0

	until [ -e "$1" ]; do
		n=$((n + 1))
		[ $n -lt 3000 ] || fail "$2 did not start"
		usleep 10000
	done
}

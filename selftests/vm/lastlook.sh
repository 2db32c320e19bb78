# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Where a guest is that doesn't end, before its QEMU is killed; sourced by run.sh.
# shellcheck disable=SC2034,SC2054,SC2154	# run.sh has OUT and MONITOR_ARGS; QEMU's commas

# QEMU's monitor: a pair of pipes, which exist before QEMU does.
monitor_args()		# directory; sets MONITOR_ARGS
{
	mkfifo "$1/monitor.in" "$1/monitor.out"
	exec {MONITOR_TO}<>"$1/monitor.in" {MONITOR_FROM}<>"$1/monitor.out"
	MONITOR_ARGS=(-chardev "pipe,id=monitor,path=$1/monitor" -mon chardev=monitor,mode=control)
}

ask_monitor()		# json
{
	qmp_ask "$MONITOR_TO" "$MONITOR_FROM" 5 "$1" || { echo "QEMU: $REPLY"; return 1; }
}

# Prints lines of the answer to a command of QEMU's human monitor.
monitor()		# command regex
{
	ask_monitor '{"execute":"human-monitor-command","arguments":{"command-line":"'"$1"'"}}' ||
		return
	REPLY=${REPLY#'{"return": "'}
	printf '%b' "${REPLY%'"}'}" | tr -d '\r' | grep -E "$2"
}

# Where the CPUs are, twice: one that spins, one that waits for an interrupt (HLT=1), and one for
# which an interrupt waits (IRR) look different. The kernel is where its symbols say (nokaslr).
last_look()
{
	local i

	echo "end of the console:"
	tail -n 10 "$OUT/console" 2>/dev/null | tr -d '\r'
	ask_monitor '{"execute":"qmp_capabilities"}' || return
	monitor "info registers -a" '^CPU#|^RIP'
	sleep 1
	monitor "info registers -a" '^CPU#|^RIP'
	for ((i = 0; i < SMP; i++)); do
		monitor "info lapic $i" '^(dumping|ISR|IRR)'
	done
}

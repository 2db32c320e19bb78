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

# Prints the answer to a command of QEMU's human monitor.
monitor()		# command
{
	local line

	printf '{"execute":"human-monitor-command","arguments":{"command-line":"%s"}}\n' \
		"$1" >&"$MONITOR_TO"
	# Greeting, events and other answers come in between.
	while read -r -t 5 -u "$MONITOR_FROM" line; do
		[[ $line == '{"return": "'* ]] || continue
		line=${line#'{"return": "'}
		printf '%b' "${line%'"}'}" | tr -d '\r'
		return
	done
	echo "QEMU does not answer"
}

# Where the CPUs are, twice: one that spins, one that waits for an interrupt (HLT=1), and one for
# which an interrupt waits (IRR) look different. The kernel is where its symbols say (nokaslr).
last_look()
{
	local i

	echo "end of the console:"
	tail -n 10 "$OUT/console" 2>/dev/null | tr -d '\r'
	echo '{"execute":"qmp_capabilities"}' >&"$MONITOR_TO"
	for i in 1 2; do
		[ "$i" -eq 1 ] || sleep 1
		monitor "info registers -a" | grep -E '^CPU#|^RIP'
	done
	for ((i = 0; i < SMP; i++)); do
		monitor "info lapic $i" | grep -E '^(dumping|ISR|IRR)'
	done
}

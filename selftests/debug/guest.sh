#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Inside a guest with the debug kernel: run one command between a cleared and a
# twice scanned kmemleak, and see whether the detectors were awake all the time.
#
#   guest.sh [-g OBJECTS] COMMAND [ARGS...]
#
#   -g OBJECTS  directory in which the module was built with gcov: its counters
#               are saved below $VM_OUT/gcov
#
# Status: 91 a detector found something or slept, else that of the command. What
# the console says (KASAN, lockdep, ...) is the business of vm/run.sh.

set -euo pipefail

kmemleak=/sys/kernel/debug/kmemleak
out=${VM_OUT:-/tmp}
objects='' bad=0

complain() {
	echo "# debug: $*"
	bad=91
}

while getopts g: opt; do
	case $opt in
	g) objects=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

if [ ! -e $kmemleak ] || [ ! -e /proc/lockdep_stats ]; then
	echo "1..0 # SKIP not the debug kernel"
	exit 4
fi

lockdep_on() {
	[ "$(awk '$1 == "debug_locks:" { print $2 }' /proc/lockdep_stats)" = 1 ]
}

# Found something before we did anything? Then it's blind for the rest.
lockdep_on || complain "lockdep is off from the start"

echo clear >$kmemleak

status=0
"$@" || status=$?

# After the last unload nothing points to what the module forgot.
if [ -e /sys/module/tiermem ] && ! rmmod tiermem; then
	complain "tiermem does not unload"
fi

# What the module must not leave in the tables of the kernel.
for f in /sys/kernel/tracing/enabled_functions /sys/kernel/debug/kprobes/list; do
	left=$(head -n 3 "$f")
	[ -z "$left" ] || complain "left in $f: $left"
done

lockdep_on || complain "lockdep turned itself off"

# An object counts as leaked when it's older than 5 s and two scans in a row
# found no reference. A detector that ran out of memory refuses to scan.
for _ in 1 2; do
	sleep 6
	echo scan >$kmemleak || complain "kmemleak turned itself off"
done

# Backtraces are symbolised when they are read, so functions of an unloaded
# module are bare addresses; nothing else in this kernel is a module.
cat $kmemleak >"$out/kmemleak"
awk '
function flush() {
	if (obj != "") { if (ours) { n++; printf "%s", obj } else others++ }
	obj = ""; ours = 0
}
/^unreferenced object/ { flush() }
{ obj = obj "# " $0 "\n" }
/\[tiermem\]|^ +(\[<[^>]*>\] )?0xffffffff/ { ours = 1 }
END {
	flush()
	if (others) printf "# debug: %d unreferenced objects of the kernel itself\n", others
	exit n > 0
}' "$out/kmemleak" || complain "kmemleak: memory of tiermem was leaked"

if [ -n "$objects" ]; then
	# No readdir order, no sizes: copy one by one with cat.
	src=/sys/kernel/debug/gcov$objects
	n=0
	while read -r f; do
		mkdir -p "$out/gcov/$(dirname "$f")"
		cat "$src/$f" >"$out/gcov/$f"
		n=$((n + 1))
	done < <(cd "$src" 2>/dev/null && find . -name '*.gcda')
	[ "$n" -gt 0 ] || echo "# debug: no coverage, the module was never loaded"
fi

[ "$bad" -eq 0 ] || exit "$bad"
exit "$status"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Selftests and allocation failures on the debug kernel: every test in a guest of
# its own (after a first report detectors are partly blind), followed by the
# sweeps of sweep.sh. TAP on standard output; the whole output of each guest is
# kept in build/debug/log.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
build=$top/build/debug
vm=$top/selftests/vm/run.sh

# The shadow of KASAN takes an eighth of all memory, of the slow node, too, from
# node 0; page_ext and redzones take about as much again.
topology=pmem:dram=1536M,slow=1G
limit=1800
sweeps="init write runtime"
coverage=${COVERAGE:-}
only_build='' kernel=''

# Not on this kernel: what measures instructions or time against time, and what
# check.sh has on the host: it is about programs of user space, or needs the headers
# of its kernel.
excluded() {
	echo -n "test_abits test_cost test_kinds test_rivals "
	"$top/selftests/check.sh" -n -m host | awk '{ print $4 }' | sort -u | tr '\n' ' '
}

usage() {
	cat <<-END
	Usage: ${0##*/} [options] [TEST...]
	  TEST        program and arguments in one word, e.g. 'test_x -v'; NAME stands for
	              build/selftests/NAME or selftests/NAME.sh. 'test_x -v@plain' runs on
	              another topology; @v1 is cgroup v1, @nomemcg cgroup_disable=memory.
	              Default: every test_* but
	$(excluded | fold -sw 66 | sed 's/^/                /; s/ *$//')
	              of test_tiermemctl, only its stories in a VM;
	              of test_guests not density and redis
	  -t TOPOLOGY default $topology (selftests/vm/topologies.sh)
	  -T SECONDS  limit of each guest, default $limit
	  -s LIST     sweeps, default '$sweeps'; '' for none, 'only' in front
	              of them: no tests
	  -C          coverage: builds the module with gcov, prints lines executed of each
	              source, leaves *.gcov in build/debug/coverage (also COVERAGE=1)
	  -k DIR      kernel, as build-kernel.sh leaves it; default: build it
	  -b          only build kernel, module and programs
	  -h          this text
	Environment: TM_SIZE_PCT (25), TM_TIME_PCT (400), TM_WATCHDOG (1500): tests shrink
	and wait by these, see selftests/lib; TM_CYCLES (12 of test_unload, 150 of
	test_churn, which take 20 s and 3 s each here); TIERMEM_CACHE: see build-kernel.sh.
	END
}

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

while getopts t:T:s:k:Cbh opt; do
	case $opt in
	t) topology=$OPTARG ;;
	T) limit=$OPTARG ;;
	s) sweeps=$OPTARG ;;
	k) kernel=$OPTARG ;;
	C) coverage=1 ;;
	b) only_build=1 ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

tests=("$@")
read -ra sweeps <<<"$sweeps"
if [ "${sweeps[0]:-}" = only ]; then
	sweeps=("${sweeps[@]:1}")
elif [ $# -eq 0 ]; then
	excluded=" $(excluded) "
	for t in "$top"/selftests/test_*.c "$top"/selftests/test_*.sh; do
		[ -e "$t" ] || continue
		t=$(basename "${t%.*}")
		[ "$t" != test_tiermemctl ] || t="$t vm"
		case $excluded in
		*" $t "*) continue ;;
		esac
		case $t in
		test_refuse) tests+=("$t v2" "$t v1@v1" "$t nomemcg@nomemcg") ;;
		test_guests) tests+=("$t quota" "$t flip" "$t swap" "$t life") ;;
		*) tests+=("$t") ;;
		esac
	done
fi

mkdir -p "$build/log"

# ---- kernel, module, programs -------------------------------------------------

[ -n "$kernel" ] || kernel=$("$here/build-kernel.sh" | tail -n 1)
release=$(cat "$kernel/release")

# A copy, because objects lie beside the sources and those in the tree are for
# the stock kernels. Sources keep their time stamps, make does the rest.
src=$build/src
mkdir -p "$src"
[ -f "$top/Kbuild" ] || die "no Kbuild in $top"
cp -p "$top/Kbuild" "$top/dkms.conf" "$src/"
for d in module uapi; do
	[ -d "$top/$d" ] || continue
	(cd "$top" && find "$d" -type f \( -name '*.[chS]' -o -name 'Kbuild' -o \
		-name 'Makefile*' \) -print0 | cpio -0pdmu --quiet "$src")
done
# What is gone from the tree, or was built in the other way.
flavour="$kernel ${coverage:+gcov}"
if [ "$flavour" != "$(cat "$build/flavour" 2>/dev/null)" ]; then
	find "$src" -type f ! -name '*.[chS]' ! -name Kbuild ! -name 'Makefile*' \
		! -name dkms.conf -delete
	echo "$flavour" >"$build/flavour"
fi
# -g: faddr2line and gdb find the line of a report; the kernel has no DWARF.
nice -n 10 make -C "$kernel/linux" M="$src" KCFLAGS=-g \
	${coverage:+GCOV=1} modules >"$build/log/build" 2>&1 ||
	{ tail -n 30 "$build/log/build" >&2; die "the module does not build"; }
ko=$src/tiermem.ko
[ -e "$ko" ] || die "no $ko"

ksft=$top/build/linux-source/tools/testing/selftests
[ -e "$ksft/kselftest.h" ] || "$top/tools/packaging/dev-sources.sh" >&2
fail_nth=$build/fail_nth
if [ ! "$fail_nth" -nt "$here/fail_nth.c" ]; then
	${CC:-cc} -O2 -g -std=gnu11 -Wall -Wextra -Werror -isystem "$ksft" \
		-o "$fail_nth" "$here/fail_nth.c"
fi
make -s -k -C "$top/selftests" all >"$build/log/selftests" 2>&1 ||
	{ tail -n 30 "$build/log/selftests" >&2; die "the selftests do not build"; }
echo "# $release, module and kernel in $src, $kernel"
[ -z "$only_build" ] || exit 0

# ---- guests ---------------------------------------------------------------------

n=0 failed=0 skipped=0

# One guest, one line of TAP.
guest() {	# name machine command...
	local name=$1 machine status=0 start=$SECONDS log text disk=$build/disk
	# KASAN has the stacks of alloc and free, so SLUB needs not keep them again (U).
	local append="kasan_multi_shot page_owner=on slub_debug=FZP"

	case $2 in
	v1)	machine=(-t "$topology" -g v1) ;;
	nomemcg) machine=(-t "$topology"); append+=" cgroup_disable=memory" ;;
	*)	machine=(-t "$2") ;;
	esac
	shift 2
	case $name in
	test_unload)	machine+=(-e TM_CYCLES="${TM_CYCLES:-12}") ;;
	test_churn)	machine+=(-e TM_CYCLES="${TM_CYCLES:-150}") ;;
	*)		[ -z "${TM_CYCLES:-}" ] || machine+=(-e TM_CYCLES="$TM_CYCLES") ;;
	esac
	n=$((n + 1))
	name=${name//[^A-Za-z0-9_.-]/_}
	log=$build/log/$n-$name
	rm -rf "$top/build/vm/debug-$name"
	# For tests of page cache: sparse, gone afterwards.
	rm -f "$disk"
	truncate -s 1536M "$disk"
	VM_MODULES=$kernel/root/lib/modules "$vm" -K "$kernel/bzImage" \
		-n "debug-$name" "${machine[@]}" -T "$limit" -a "$append" \
		-q "-drive file=$disk,format=raw,if=virtio,cache=unsafe" \
		-e TM_DISK=/dev/vda -e TIERMEM_KO="$ko" -e FAIL_NTH="$fail_nth" \
		-e TM_SIZE_PCT="${TM_SIZE_PCT:-25}" -e TM_TIME_PCT="${TM_TIME_PCT:-400}" \
		-e TM_WATCHDOG="${TM_WATCHDOG:-1500}" \
		-- "$here/guest.sh" ${coverage:+-g "$src"} "$@" >"$log" 2>&1 ||
		status=$?
	rm -f "$disk"
	text="$name ($((SECONDS - start)) s)"
	case $status in
	0)	echo "ok $n $text" ;;
	4)	echo "ok $n $text # SKIP $(sed -n 's/.*# SKIP //p' "$log" | tail -n 1)"
		skipped=$((skipped + 1)) ;;
	*)	echo "not ok $n $text: status $status"
		grep -E '^(not ok|# debug:|vm:|# not ok|# n=)|unreferenced' "$log" |
			head -n 40 | sed 's/^\(# \)*/# /' || :
		echo "# whole output: ${log#"$top"/}, guest: build/vm/debug-$name"
		failed=$((failed + 1)) ;;
	esac
	[ ! -d "$top/build/vm/debug-$name/gcov" ] ||
		cp -r "$top/build/vm/debug-$name/gcov" "$build/gcda/$n"
	# The rest of it is in the log; of a failure all stays.
	[ "$status" -ne 0 ] || rm -rf "$top/build/vm/debug-$name"
}

rm -rf "$build/gcda" "$build/log/"[0-9]*
mkdir -p "$build/gcda"
echo "TAP version 13"
echo "1..$((${#tests[@]} + ${#sweeps[@]}))"

for t in "${tests[@]}"; do
	where=$topology
	case $t in
	*@*) where=${t##*@} t=${t%@*} ;;
	esac
	read -ra words <<<"$t"
	for f in "$top/build/selftests/${words[0]}" "$top/selftests/${words[0]}" \
		"$top/selftests/${words[0]}.sh"; do
		[ ! -f "$f" ] || { words[0]=$f; break; }
	done
	guest "${words[0]##*/}${words[1]:+-${words[*]:1}}" "$where" "${words[@]}"
done
for s in "${sweeps[@]}"; do
	guest "sweep-$s" "$topology" "$here/sweep.sh" "$s" "$ko"
done

# ---- coverage -----------------------------------------------------------------

# The counters of all guests added up, lines per source. gcov wants the notes of
# the compiler beside the counters.
cover() {
	local sum=$build/gcda/sum next=$build/gcda/next run first=1

	for run in "$build/gcda/"[0-9]*; do
		[ -d "$run" ] || continue
		if [ -n "$first" ]; then
			cp -r "$run" "$sum"
			first=
			continue
		fi
		rm -rf "$next"
		gcov-tool merge "$sum" "$run" -o "$next" >/dev/null 2>&1 || return
		rm -rf "$sum"
		mv "$next" "$sum"
	done
	[ -d "$sum" ] || return
	rm -rf "$build/coverage"
	mkdir -p "$build/coverage"
	(cd "$src" && find . -name '*.gcno' -print0 | cpio -0pdm --quiet "$sum")
	cd "$build/coverage"
	find "$sum" -name '*.gcda' -print0 |
		xargs -0 gcov -p -s "$src" -r >gcov.log 2>&1
	# One line per source of ours; headers of the kernel don't count (-r).
	awk '
	/^File / { file = $2; gsub(/\047/, "", file) }
	/^Lines executed:/ && file ~ /^(\.\/)?(module|uapi)\// {
		split($0, a, /[:% ]+/)
		printf "# %6.1f %% of %4d lines  %s\n", a[3], a[5], file
		got += a[3] * a[5] / 100; all += a[5]; file = ""
	}
	END { if (all) printf "# %6.1f %% of %4d lines  in all\n", 100 * got / all, all }
	' gcov.log
}

if [ -n "$coverage" ]; then
	cover || { echo "# coverage: gcov failed, see build/debug/coverage"; failed=$((failed + 1)); }
fi

echo "# $((n - failed - skipped)) passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

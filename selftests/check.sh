#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make check`: runs all tests and sums them up.
#
#  1. on this machine: user-space tests of module/policy/, and whatever the table sends to `host`
#  2. for each kernel and each machine of the table one VM (selftests/vm/run.sh), which runs that
#     machine's tests one after the other; a VM that a test takes down is booted again for the rest
#
# The last line is `N passed, N failed, N skipped`; exit status 1 if anything failed. The output of
# each VM stays in build/check/.
set -euo pipefail

# program and arguments		machine		kernels	limit in s	(see machine_args)
#
# Programs are build/selftests/NAME or selftests/NAME.sh. Those that are not listed run on pmem, on
# all kernels. `host` as machine: here, once. `long*` and `host-long`: part of check-long only.
TABLE='
test_dkms host			host		*	600
test_benchreport		host		*	200
test_benchtools			host		*	200
test_place host			host		*	100
test_uapi			host		*	60
test_tiermemctl			host		*	300
test_tiersim			host		*	1200
test_tracesim			host		*	300
test_libvirt_hook		host		*	100
test_hits			host		*	1200
test_hits long			host-long	*	7200
test_quota_alloc		pmem		*	900
test_quota_write		pmem		*	300
test_dram_zero			alone		*	200
test_hierarchy			pmem		*	200
test_slow_full			alone		*	300
test_unreachable		alone		*	300
test_unload			pmem		*	800
test_bpftrace			pmem		6.12*	600
test_churn			pmem		*	300
test_badwrites			pmem		*	200
test_ctl			pmem		*	300
test_process			pmem		*	300
test_refuse v2			pmem		*	200
test_dkms vm			pmem		*	200
test_tiers			pmem		*	100
test_tiermemctl vm		pmem		*	300
test_place vm			plain		6.12*	100
test_hotplug			late		*	400
test_tiers			plain		*	100
test_quota_alloc -n0 -v anon4k -v thp -v filewrite	plain	*	200
test_tiers			hmat		*	100
test_quota_write		hmat		6.12*	300
test_tiers			two-two		*	100
test_dram_zero			two-two		*	200
test_hierarchy			two-two		*	200
test_tiers			two-two:kind=plain	*	100
test_tiers			noslow		*	100
test_refuse v1			v1		*	60
test_refuse nomemcg		nomemcg		*	60
test_cost			icount		*	400
test_observe			icount		6.12*	300
test_glimpse			icount		*	300
test_groups			icount		6.12*	300
test_libvirt			alone		6.12*	300
test_libvirt systemd		long		6.12*	900
test_systemd			long		6.12*	900
test_oci			alone		*	300
test_wakeups			alone		6.12*	300
test_hotset			alone		*	300
test_kvm			alone		*	300
test_pool settings weights hog	alone		6.12*	200
test_reclaim			alone		6.12*	200
test_abits			alone		*	60
test_guests quota		guests		6.12*	400
test_guests			long-guests	*	3000
test_pool			long		*	1500
test_wakeups			long		6.1.*	300
test_kinds			long		*	400
test_rivals			long		*	1800
'

# Where nothing else is said about a program.
readonly DEFAULT_LIMIT=300

# Options of selftests/vm/run.sh for each machine of the table.
machine_args()		# machine
{
	case $1 in
	v1)	echo "-t pmem -g v1" ;;
	nomemcg) echo "-t pmem -a cgroup_disable=memory" ;;
	icount)	echo "-t pmem -i -s 1" ;;
	late)	echo "-t pmem-late" ;;
	alone|long) echo "-t pmem" ;;
	# Each exit of a guest's guest flushes its TLB: no plugin needed.
	guests)	echo "-t pmem -P" ;;
	long-guests) echo "-t pmem:slow=2G -P" ;;
	*)	echo "-t $1" ;;
	esac
}

# On these machines a test measures time against time: nothing may run beside it.
readonly ALONE="alone long guests long-guests"

usage()
{
	cat <<'USAGE'
usage: selftests/check.sh [options] [TEST...]

  TEST         program by name, or 'name with arguments' in one word;
               default: all of the table, and the host's
  -k RELEASE   kernel (repeatable), default: each installed one with headers
  -m MACHINE   only on this machine (repeatable)
  -j N         VMs at the same time, default 2
  -v           whole output of each test, also of those that pass
  -n           print what would run

Environment for the tests: TM_SIZE_PCT, TM_TIME_PCT (selftests/lib/tm_test.h).
USAGE
}

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$TOP"
BIN=build/selftests
OUT=build/check
readonly TOP BIN OUT

die()
{
	echo "check: $*" >&2
	exit 2
}

# ---- inside a VM -------------------------------------------------------------------------------

program()		# name; prints its path
{
	if [ -x "$BIN/$1" ]; then
		echo "$BIN/$1"
	elif [ -x "selftests/$1.sh" ]; then
		echo "selftests/$1.sh"
	elif [ -x "$1" ]; then
		echo "$1"
	else
		return 1
	fi
}

# One line per test: "limit name arguments". The marks are for summarize().
run_tests()		# list
{
	local limit name args path start status

	while read -r limit name args <&3; do
		echo "#begin $name${args:+ $args}"
		start=$SECONDS
		status=0
		if path=$(program "$name"); then
			# A little earlier than timeout: a program that ends itself cleans up.
			# shellcheck disable=SC2086	# arguments are words
			TM_WATCHDOG=$((limit - 15)) timeout -k 10 "$limit" \
				"$path" $args </dev/null 2>&1 || status=$?
		else
			echo "# no program $name"
			status=127
		fi
		echo
		echo "#end $status $((SECONDS - start))"
	done 3<"$1"
}

if [ "${1:-}" = --run ]; then
	run_tests "$2"
	exit 0
fi

# ---- results -----------------------------------------------------------------------------------

# Reads the output of run_tests() and appends to $OUT/results: "passed failed skipped" of each
# program, and to $OUT/failures a line for each failure. Prints a line per program, with the output
# of those that failed. A program that did not come to its end, ended with a status that its results
# don't explain, or left results out, counts as a failure of its own.
summarize()		# where file
{
	awk -v where="$1" -v results="$OUT/results" -v failures="$OUT/failures" \
	    -v verbose="$verbose" '
	function fail(what) {
		failed++
		print where ": " name ": " what >>failures
	}
	function finish(status, secs,	word, i) {
		if (status == "lost")
			fail("the machine went down in the middle of it")
		else if (status == 124 || status == 137)
			fail("timed out after " secs " s")
		else if (status == 4 && !bad)
			skipped += !(ok + skip)
		else if (status != 0 && !bad)
			fail("ended with status " status)
		else if (status == 0 && planned < 0)
			fail("printed no TAP plan")
		else if (status == 0 && planned != ok + skip + bad)
			fail("planned " planned ", ran " ok + skip + bad)
		passed += ok; skipped += skip; failed += bad
		word = failed ? "FAILED" : passed ? "ok" : "skipped"
		printf "%s: %s: %s (%d passed, %d failed, %d skipped; %s s)\n",
			where, name, word, passed, failed, skipped, secs
		if (failed || verbose) {
			for (i = 0; i < n; i++)
				print "    " line[i]
		} else if (reason != "") {
			print "    " reason
		}
		print passed + 0, failed + 0, skipped + 0 >>results
		name = ""
	}
	/^#begin / {
		if (name != "")
			finish("lost", "?")
		name = substr($0, 8)
		n = ok = bad = skip = passed = failed = skipped = 0
		planned = -1
		reason = ""
		next
	}
	name == "" { next }
	/^#end / { finish($2, $3); next }
	{ if ($0 != "") line[n++] = $0 }
	/^1\.\.[0-9]+/ {
		planned = substr($1, 4) + 0
		if (!planned) {		# the whole program is skipped
			reason = $0
			sub(/^[^#]*/, "", reason)
		}
	}
	/^ok / && /# SKIP/ { skip++; if (reason == "") reason = $0; next }
	/^ok / { ok++; next }
	/^not ok / && /# (TODO|XFAIL)/ { ok++; next }
	/^not ok / {
		bad++
		sub(/^not ok [0-9]* */, "")
		print where ": " name ": " $0 >>failures
	}
	END { if (name != "") finish("lost", "?") }
	' "$2"
}

# One more failure that no program reported.
add_failure()		# text
{
	echo "$1" >>$OUT/failures
	echo "0 1 0" >>$OUT/results
}

# summarize() for output that is still to come: each program as soon as it has ended.
summarize_stream()	# where log
{
	local line part=$2.part

	: >"$2"
	: >"$part"
	while IFS= read -r line || [ -n "$line" ]; do
		line=${line%$'\r'}
		echo "$line" >>"$2"
		echo "$line" >>"$part"
		case $line in
		'#end '*)
			summarize "$1" "$part"
			: >"$part"
			;;
		esac
	done
	# One that did not come to its end.
	summarize "$1" "$part"
	rm -f "$part"
}

# ---- on this machine -------------------------------------------------------------------------------

# A command may print TAP of several programs, as `make -C selftests/policy check` does: their plans
# give way to one plan of what there was.
host_step()		# name command...
{
	local name=$1 status=0 start=$SECONDS log=$OUT/host-${1%% *}.tap

	shift
	"$@" </dev/null >"$log.out" 2>&1 || status=$?
	{
		echo "#begin $name"
		sed 's/^1\.\.\([0-9]*\)/# plan \1/' "$log.out"
		echo "1..$(grep -cE '^(not )?ok ' "$log.out")"
		echo "#end $status $((SECONDS - start))"
	} >"$log"
	summarize host "$log"
}

# ---- in VMs ----------------------------------------------------------------------------------------

# Prints the tests of a list from the first one that did not run on.
rest_of()		# list log
{
	local begun

	begun=$(grep -c '^#begin ' "$2") || :
	tail -n +$((begun + 1)) "$1"
}

# All tests of one kernel on one machine.
run_vm()		# kernel machine
{
	local kver=$1 machine=$2 base log list where status limit disk name boots=0 var
	local -a args

	base=$OUT/$kver-${machine//[:=,]/-}
	log=$base.tap
	list=$base.list
	where="$kver $machine"
	disk=$base.disk
	read -ra args <<<"$(machine_args "$machine")"
	for var in TM_SIZE_PCT TM_TIME_PCT; do
		[ -z "${!var:-}" ] || args+=(-e "$var=${!var}")
	done
	# A disk for tests of page cache; sparse, and gone afterwards.
	rm -f "$disk"
	truncate -s 1536M "$disk"
	args+=(-e TM_DISK=/dev/vda
	       -q "-drive file=$disk,format=raw,if=virtio,cache=unsafe")
	: >"$base.out"
	while [ -s "$list" ]; do
		boots=$((boots + 1))
		limit=$(awk '{ s += $1 + 15 } END { print s + 60 }' "$list")
		status=0
		{ selftests/vm/run.sh -k "$kver" -T "$limit" -n "check-${base##*/}" "${args[@]}" \
			-- selftests/check.sh --run "$list" 2>"$base.err" || echo "#vm $?"; } |
			summarize_stream "$where" "$log"
		status=$(sed -n 's/^#vm //p' "$log")
		cat "$log" "$base.err" >>"$base.out"
		# This kernel can't be such a machine: run.sh says why.
		if [ "$status" = 4 ] && ! grep -q '^#begin' "$log"; then
			while read -r _ name; do
				echo "$where: $name: skipped ($(grep -hm1 '^vm: ' "$log" "$base.err"))"
				echo "0 0 1" >>$OUT/results
			done <"$list"
			break
		fi
		if [ -n "$status" ]; then
			sed 's/^/    /' "$base.err"
			add_failure "$where: VM: status $status: $(grep -m1 . "$base.err" || :) ($base.out)"
		fi
		rest_of "$list" "$log" >"$list.rest"
		# Not even one has begun: the machine is no good.
		if cmp -s "$list" "$list.rest" || [ $boots -ge 5 ]; then
			while read -r _ name; do
				add_failure "$where: $name: did not run"
			done <"$list.rest"
			break
		fi
		mv "$list.rest" "$list"
	done
	rm -f "$disk" "$list" "$list.rest" "$base.err" "$log"
}

# "kernel machine limit name arguments" for everything that is to run in VMs.
plan()
{
	local row name machine kernels limit args path k n words

	{
		sed '/^ *$/d; /^#/d' <<<"$TABLE"
		for path in selftests/test_*.c selftests/test_*.sh; do
			name=$(basename "${path%.*}")
			grep -qw "^$name" <<<"$TABLE" || [ ! -e "$path" ] ||
				printf '%s\tpmem\t*\t%s\n' "$name" $DEFAULT_LIMIT
		done
	} | while read -r row; do
		# The last three columns are machine, kernels and limit; no globbing of "*".
		read -ra words <<<"$row"
		n=${#words[@]}
		name=${words[0]} args=${words[*]:1:n-4}
		machine=${words[n-3]} kernels=${words[n-2]} limit=${words[n-1]}
		case $machine in
		-)	continue ;;
		host)	echo "- host $limit $name${args:+ $args}"; continue ;;
		host-long) echo "- long $limit $name${args:+ $args}"; continue ;;
		esac
		for k in "${kvers[@]}"; do
			# shellcheck disable=SC2053	# a pattern
			[[ $k == $kernels ]] || continue
			echo "$k $machine $limit $name${args:+ $args}"
		done
	done
}

# Keeps the machines of -m and the tests of the command line, whose arguments replace the table's.
select_tests()
{
	local k machine limit name args t seen=' '

	while read -r k machine limit name args; do
		[ ${#machines[@]} -eq 0 ] || [[ " ${machines[*]} " == *" $machine "* ]] ||
			[[ $machine == long-* && " ${machines[*]} " == *" long "* ]] || continue
		# Only if asked for, by machine or by name: make check-long.
		[[ $machine != long* ]] || [ $((${#machines[@]} + ${#tests[@]})) -gt 0 ] || continue
		if [ ${#tests[@]} -eq 0 ]; then
			echo "$k $machine $limit $name${args:+ $args}"
			continue
		fi
		for t in "${tests[@]}"; do
			[ "${t%% *}" = "$name" ] || continue
			if [ "$t" = "$name" ]; then
				echo "$k $machine $limit $name${args:+ $args}"
			elif [[ $seen != *" $k/$machine/$t "* ]]; then
				echo "$k $machine $limit $t"
				seen+=" $k/$machine/$t "
			fi
		done
	done
}

# ---- main ------------------------------------------------------------------------------------------

# A function: bash has read all of it before it runs any of it, and so the file may change.
main()
{
	kvers=() machines=() jobs=2 verbose=0 dry=0
	while getopts k:m:j:vnh opt; do
		case $opt in
		k) kvers+=("$OPTARG") ;;
		m) machines+=("$OPTARG") ;;
		j) jobs=$OPTARG ;;
		v) verbose=1 ;;
		n) dry=1 ;;
		h) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	tests=("$@")
	[ ${#tests[@]} -ne 1 ] || verbose=1
	if [ ${#kvers[@]} -eq 0 ]; then
		for d in /lib/modules/*/build; do
			k=${d%/build} k=${k##*/}
			[ ! -e "/boot/vmlinuz-$k" ] || kvers+=("$k")
		done
	fi
	[ ${#kvers[@]} -gt 0 ] || die "no installed kernel with headers (make deps)"

	rm -rf $OUT
	mkdir -p $OUT
	touch $OUT/results $OUT/failures
	plan | select_tests >$OUT/plan
	[ ${#tests[@]} -eq 0 ] || [ -s $OUT/plan ] || die "no such test: ${tests[*]}"
	if [ $dry -eq 1 ]; then
		cat $OUT/plan
		exit 0
	fi

	SECONDS=0
	for k in "${kvers[@]}"; do
		make -s KVER="$k" modules >$OUT/build.log 2>&1 || {
			cat $OUT/build.log
			add_failure "$k: the module does not build"
		}
	done
	# All that builds: what doesn't is a program that can't be found, and fails.
	make -s -k selftests tools >$OUT/build.log 2>&1 || {
		cat $OUT/build.log
		add_failure "selftests, tools: not all programs build"
	}

	if [ ${#tests[@]} -eq 0 ] && [ ${#machines[@]} -eq 0 ]; then
		host_step policy make -s -C selftests/policy check
	fi
	while read -r _ _ limit name args <&4; do
		# shellcheck disable=SC2086	# arguments are words
		host_step "$name${args:+ $args}" timeout -k 10 "$limit" \
			"$(program "$name" || echo "$name")" $args
	done 4< <(grep '^- ' $OUT/plan)
	sed -i '/^- /d' $OUT/plan

	# One VM per kernel and machine, those with most work first.
	awk '{ s[$1 " " $2] += $3; gsub(/[:=,]/, "-", $2); print >("'$OUT/'" $1 "-" $2 ".plan") }
		END { for (g in s) print s[g], g }' $OUT/plan | sort -rn >$OUT/groups
	for f in "$OUT"/*.plan; do
		[ ! -e "$f" ] || cut -d' ' -f3- "$f" >"${f%.plan}.list"
		rm -f "$f"
	done
	running=0
	while read -r _ k machine <&4; do
		[[ " $ALONE " != *" $machine "* ]] || continue
		if [ $running -ge "$jobs" ]; then
			wait -n || :
			running=$((running - 1))
		fi
		run_vm "$k" "$machine" &
		running=$((running + 1))
	done 4<$OUT/groups
	wait
	while read -r _ k machine <&4; do
		[[ " $ALONE " != *" $machine "* ]] || run_vm "$k" "$machine"
	done 4<$OUT/groups

	if [ -s $OUT/failures ]; then
		echo
		echo "Failures:"
		sed 's/^/  /' $OUT/failures
	fi
	echo "check: $SECONDS s, kernels: ${kvers[*]}"
	read -r passed failed skipped <<<"$(awk '{ p += $1; f += $2; s += $3 }
		END { print p + 0, f + 0, s + 0 }' $OUT/results)"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

main "$@"
exit

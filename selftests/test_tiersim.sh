#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The simulated clock does what tools/tiersim/README.md says: latencies and
# bandwidths as configured, the same output however busy this machine is,
# accessed bits as on hardware, and the kernel's own tiering at work.
#
#   test_tiersim.sh [CASE...]	refuse latency readers pages counts guest repeat damon promote
# shellcheck disable=SC2086	# numbers, and options that are words
set -uo pipefail

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/ktap.sh"

SIM=$TOP/tools/tiersim/tiersim
PLUGIN=$TOP/build/tiersim/tiersim.so
DIR=$TOP/build/tiersim/test
IMAGE=$DIR/image.cpio

# Presets of the two nodes: latency, one reader's bandwidth, the node's bandwidth.
readonly DRAM_NS=81 SLOW_NS=305
readonly DRAM_STREAM_MBPS=9481 SLOW_STREAM_MBPS=4544 DRAM_MBPS=17500 SLOW_MBPS=6600

# One boot, with its output in a directory of its own.
boot()	# directory, probe, options of tiersim
{
	local dir=$DIR/$1 probe=$2

	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	"$SIM" -o "$dir" -t 300 "$@" "$IMAGE" "probe=$probe" >"$dir/qemu.log" 2>&1 &&
		touch "$dir/done"
}

# Whether a boot has come to its end.
booted()	# directory
{
	[ ! -e "$DIR/$1/done" ] || return 0
	ktap_diag "$1: $(tail -n 5 "$DIR/$1/qemu.log" "$DIR/$1/console.log" 2>&1)"
	return 1
}

# A number is within so many percent of another; says both.
near()	# what measured expected percent
{
	awk -v what="$1" -v got="$2" -v want="$3" -v pct="$4" 'BEGIN {
		off = want ? (got / want - 1) * 100 : 100
		printf "# %s: %.2f, expected %.2f (%+.1f %%)\n", what, got, want, off
		exit !(got != "" && off <= pct && off >= -pct)
	}'
}

field()	# file line key: of that line that is a phase
{
	jq -rR 'fromjson? | select(.type == "phase") | .'"$3" "$1" | sed -n "$2p"
}

mbps()	# file line
{
	field "$1" "$2" ns_per_op | awk '{ print 64000 / $1 }'
}

# ---- cases ---------------------------------------------------------------------

# Each QEMU that it was not made for is refused, with one line that says why.
refused()	# text, arguments of QEMU
{
	local text=$1 out status=0

	shift
	out=$(timeout 60 qemu-system-x86_64 -nodefaults -display none -machine q35 -m 64M \
		"$@" 2>&1) || status=$?
	[ $status -ne 0 ] && [ $status -ne 124 ] && grep -q "^tiersim: .*$text" <<<"$out" && return
	ktap_diag "status $status: $out"
	return 1
}

case_refuse()
{
	local tcg="-accel tcg,thread=single"

	# shellcheck disable=SC2086	# two words
	{
	ktap_check "no nodes" refused "no node" $tcg -plugin "$PLUGIN"
	ktap_check "an unknown preset" refused 'no preset "tape"' $tcg -plugin "$PLUGIN,node=64M:tape"
	ktap_check "a size that is none" refused "the size" $tcg -plugin "$PLUGIN,node=64Q:dram"
	ktap_check "an unknown option" refused 'no option "speed"' \
		$tcg -plugin "$PLUGIN,node=64M:dram,speed=9"
	ktap_check "a cache that is none" refused "power of two" \
		$tcg -plugin "$PLUGIN,node=64M:dram,llc_kb=1000"
	ktap_check "a directory that isn't there" refused "No such file" \
		$tcg -plugin "$PLUGIN,node=64M:dram,out=/nowhere/x"
	ktap_check "vCPUs that run at the same time" refused "thread=single" \
		-accel tcg,thread=multi -smp 2 -plugin "$PLUGIN,node=64M:dram"
	ktap_check "vCPUs that come later" refused "all from the beginning" \
		$tcg -smp 1,maxcpus=2 -plugin "$PLUGIN,node=64M:dram"
	ktap_check "another clock" refused "icount" \
		$tcg -icount shift=0 -plugin "$PLUGIN,node=64M:dram"
	}
}

case_latency()
{
	local log=$DIR/latency/results.jsonl

	booted latency || { ktap_ok 1 "latency"; return; }
	ktap_check "pointer chase over 64M in DRAM (ns)" \
		near "node 0" "$(field "$log" 1 ns_per_op)" $DRAM_NS 3
	ktap_check "pointer chase over 64M in slow memory (ns)" \
		near "node 1" "$(field "$log" 2 ns_per_op)" $SLOW_NS 3
	ktap_check "sequential read of DRAM (MB/s)" \
		near "node 0" "$(mbps "$log" 3)" $DRAM_STREAM_MBPS 10
	ktap_check "sequential read of slow memory (MB/s)" \
		near "node 1" "$(mbps "$log" 4)" $SLOW_STREAM_MBPS 10
}

case_readers()
{
	local log=$DIR/readers/results.jsonl a b

	booted readers || { ktap_ok 1 "readers"; return; }
	a=$(mbps "$log" 1) b=$(mbps "$log" 2)
	ktap_check "two readers share what DRAM has (MB/s)" \
		near "node 0" "$(awk "BEGIN { print $a + $b }")" $DRAM_MBPS 10
	a=$(mbps "$log" 3) b=$(mbps "$log" 4)
	ktap_check "two readers share what slow memory has (MB/s)" \
		near "node 1" "$(awk "BEGIN { print $a + $b }")" $SLOW_MBPS 10
}

# 64M are 16384 pages of 4K: a TLB of 1024 entries holds 2M pages only.
case_pages()
{
	local log=$DIR/pages/results.jsonl small huge

	booted pages || { ktap_ok 1 "pages"; return; }
	small=$(field "$log" 1 ns_per_op) huge=$(field "$log" 2 ns_per_op)
	ktap_diag "4K pages $small ns, 2M pages $huge ns a step"
	ktap_check "huge pages need no page walks (ns)" near "2M" "$huge" $SLOW_NS 3
	awk "BEGIN { exit !($small > $huge + 2) }"
	ktap_ok $? "small ones do"
}

# All that reached memory is in some page's count, and in that of its node.
case_counts()
{
	local dir=$DIR/counts counted missed

	booted counts || { ktap_ok 1 "counts"; return; }
	counted=$(od -An -v -tu4 -w4 "$dir/pages" | awk '{ n += $1 } END { print n }')
	missed=$(jq -s '[.[] | select(.mark >= 100)] | map([.nodes[] | .reads + .writes + .seq] | add) |
		.[1] - .[0]' "$dir/tiersim.jsonl")
	ktap_check "pages' counts are the nodes' (misses)" near "pages" "$counted" "$missed" 1
	grep -q '"mark":200,' "$dir/tiersim.jsonl"
	ktap_ok $? "a mark of the kernel's"
	ktap_check "the guest sees the counts as a device" grep -qx 1 "$dir/results.jsonl"
	counted=$(od -An -v -tu4 -w4 "$dir/pages" |
		awk 'NR > 262144 && $1 > 0 { n++ } END { print n + 0 }')
	ktap_check "the pages of a chase in node 1" near "pages" "$counted" 16384 5
}

# A guest of the guest has each interrupt once: see qemu_no_exception().
case_guest()
{
	local log=$DIR/guest/results.jsonl

	booted guest || { ktap_ok 1 "guest"; return; }
	ktap_diag "given, had: $(cat "$log")"
	grep -qx 'interrupts 3000 3000' "$log"
	ktap_ok $? "interrupts of a virtual machine in the guest"
}

same()	# vCPUs
{
	local base=$DIR/repeat-$1 n hogs=()

	boot "repeat-$1-1" mixed -c "$1"
	for n in 1 2; do
		(trap 'exit 0' TERM; while :; do :; done) &
		hogs+=($!)
	done
	boot "repeat-$1-2" mixed -c "$1" &
	boot "repeat-$1-3" mixed -c "$1"
	wait $!
	kill "${hogs[@]}"
	wait "${hogs[@]}" 2>/dev/null
	booted "repeat-$1-1" && booted "repeat-$1-2" && booted "repeat-$1-3" || return
	[ "$(wc -l <"$base-1/results.jsonl")" -gt 100 ] || { ktap_diag "no results"; return 1; }
	for n in 2 3; do
		# When the machine is off is the host's business, after all output.
		if ! cmp <(grep -v 'Power down' "$base-1/console.log") \
				<(grep -v 'Power down' "$base-$n/console.log") ||
				! cmp "$base-1/results.jsonl" "$base-$n/results.jsonl"; then
			ktap_diag "$(diff "$base-1/results.jsonl" "$base-$n/results.jsonl" | head -n 6)"
			return 1
		fi
	done
}

case_repeat()
{
	ktap_check "three runs, two of them on a busy machine, are one: 1 vCPU" same 1
	ktap_check "2 vCPUs" same 2
}

# What DAMON sees of 64M of which each page is accessed once in a round.
case_damon()
{
	local log=$DIR/damon/results.jsonl round_ms means n

	booted damon || { ktap_ok 1 "damon"; return; }
	round_ms=$(field "$log" 1 ns_per_op | awk '{ print $1 * 16384 / 1e6 }')
	# The mapping is all that counts between heap and stack: 0x7e.. to 0x7ffb..
	means=$(awk '!/{/ && $2 > 138538465099776 && $2 < 140716428001280 {
			bytes[$1] += $3 - $2; seen[$1] += ($3 - $2) * $4
		} END { for (n = 1; n <= 3; n++) print bytes[n] ? seen[n] / bytes[n] : 0 }' "$log")
	for n in 1 2 3; do
		ktap_check "DAMON, sample $n: accesses of 20 with a round of $round_ms ms" \
			near "mean" "$(sed -n "${n}p" <<<"$means")" \
			"$(awk "BEGIN { print 20 * 5 / $round_ms }")" 10
	done
}

# The kernel's own promotion, end to end, as the workload sees it.
case_promote()
{
	local log=$DIR/promote/results.jsonl first last worst moved

	booted promote || { ktap_ok 1 "promote"; return; }
	read -r first last worst < <(jq -rR 'fromjson? | select(.type == "series") | 1e9 / .ops_per_s' \
		"$log" | awk 'NR == 1 { first = $1 } $1 > worst { worst = $1 } { last = $1 }
			END { print first, last, worst }')
	moved=$(awk '/pgpromote_success/ { print $2 }' "$log")
	ktap_check "32M start in slow memory (ns a step)" near "first 20 ms" "$first" $SLOW_NS 3
	ktap_check "and end in DRAM" near "last 20 ms" "$last" $DRAM_NS 3
	ktap_check "all of it was promoted (pages)" near "promoted" "$moved" 8192 3
	ktap_diag "worst 20 ms: $worst ns a step"
	awk "BEGIN { exit !($worst > $first * 1.05) }"
	ktap_ok $? "which costs something while it lasts"
}

# Boots that the cases look at afterwards: directory, probe, options.
readonly BOOTS="
latency latency
damon damon -c 2
promote promote
readers readers -c 2
counts counts -g
guest guest -c 2
pages pages -p tlb=1024
"
if [ "${1:-}" = --boot ]; then
	shift
	boot "$@"
	exit 0
fi

readonly CASES="refuse latency readers pages counts guest repeat damon promote"
plan_of()
{
	case $1 in
	refuse) echo 9 ;; latency|promote) echo 4 ;; damon) echo 3 ;; counts) echo 4 ;; guest) echo 1 ;; *) echo 2 ;;
	esac
}

[ $# -gt 0 ] || read -ra cases <<<"$CASES"
[ $# -eq 0 ] || cases=("$@")
plan=0
for c in "${cases[@]}"; do
	grep -qw -- "$c" <<<"$CASES" || { echo "usage: test_tiersim.sh [$CASES]" >&2; exit 2; }
	plan=$((plan + $(plan_of "$c")))
done

ktap_header
ktap_need_simulator
mkdir -p "$DIR"
# A module that marks, for the kernel that is booted.
release=$("$TOP/tools/tiersim/newest-kernel" 6.12) || ktap_bail "no kernel"
rm -rf "$DIR/root"
mkdir -p "$DIR/root"
cp "$SELFTESTS"/tiersim/{init,Kbuild,mark_module.c} "$TOP/tools/tiersim/guest/tiersim.h" "$DIR/root"
make -s -C "/lib/modules/$release/build" M="$DIR/root" modules >"$DIR/make.log" 2>&1 ||
	ktap_bail "no module for $release: $(tail -n 1 "$DIR/make.log")"
mkdir "$DIR/root/bin"
cp "$BIN/interrupts" "$DIR/root/bin" || ktap_bail "no interrupts (make selftests)"
"$TOP/tools/tiersim/unpack-modules" "$release" "$DIR/root/modules" kvm-amd ||
	ktap_bail "no KVM for $release"
# A later archive's files replace those of an earlier one.
(cat "$TOP/build/bench/image/micro.cpio"
  cd "$DIR/root" && { printf '%s\n' init mark_module.ko; find bin modules; } |
	cpio -o -H newc -R 0:0 --quiet
) >"$IMAGE" || ktap_bail "no image"

ktap_plan $plan
for c in "${cases[@]}"; do
	grep "^$c " <<<"$BOOTS"
done | xargs -r -P 2 -L 1 "$SELFTESTS/test_tiersim.sh" --boot
for c in "${cases[@]}"; do
	"case_$c"
done
ktap_end

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot one job of the benchmark on the simulated clock:
#
#   boot.sh JOBDIR workload=NAME system=NAME dram_pct=N seed=N [args='WORDS']
#           [data_bytes=N] [tune='name=value ...'] [thp=never] [slow=optane]
#           [model='key=value ...'] [node0=768] [node1=1024] [node2=N] [limit=SECONDS]
#           [kernel=6.12]
#
# makes JOBDIR/console.log, results.jsonl, tiersim.jsonl and pages. slow= is the
# preset of the slow node, model= are options of the simulator, kernel= is a series.
# Nodes are in MiB; node 2 is a disk's memory. Ends with 0 if the guest said that the
# job is complete.
# shellcheck disable=SC2054	# a comma of the kernel's
set -euo pipefail

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../selftests/vm" && pwd -P)
top=$(cd "$VM_DIR/../.." && pwd -P)
CACHE=$top/build/bench/cache

die()
{
	echo "boot: $*" >&2
	exit 2
}
# shellcheck source=selftests/vm/initrd.sh
. "$VM_DIR/initrd.sh"

[ $# -ge 1 ] || die "usage: boot.sh JOBDIR key=value ..."
job=$1
shift
declare -A set=([thp]=never [node0]=768 [node1]=1024 [node2]='' [slow]=optane [args]=''
	[tune]='' [model]='' [data_bytes]='' [limit]=1800
	[kernel]=6.12)
for w in "$@"; do
	case ${w%%=*} in
	workload|system|dram_pct|data_bytes|seed|args|tune|thp|node0|node1|node2|slow|model|limit|kernel)
		set[${w%%=*}]=${w#*=} ;;
	*)	die "what is '$w'?" ;;
	esac
done
for w in workload system dram_pct seed; do
	[ -n "${set[$w]:-}" ] || die "no $w="
done
[[ ${set[args]}${set[tune]} != *\"* ]] || die 'no " in args and tune'
image=$top/build/bench/image/${set[workload]}.cpio
[ -r "$image" ] || die "no ${image#"$top"/} (tools/bench/image.sh ${set[workload]})"
release=$("$top/tools/tiersim/newest-kernel" "${set[kernel]}") || exit

mkdir -p "$job" "$CACHE"
rm -f "$job"/{console.log,results.jsonl,tiersim.jsonl,pages}

# The module is not part of the image, which all systems share. The kernel
# unpacks one archive after the other.
if [ "${set[system]}" = tiermem ]; then
	module=$top/build/$release/tiermem.ko
	[ -r "$module" ] || die "no ${module#"$top"/} (make modules)"
	mkdir -p "$job/module"
	strip --strip-debug -o "$job/module/tiermem.ko" "$module"
	touch -d @0 "$job/module/tiermem.ko"
	{ cat "$image"
	  cd "$job/module" && echo tiermem.ko | cpio -o -H newc -R 0:0 --reproducible --quiet
	} >"$job/initrd.cpio"
	image=$job/initrd.cpio
fi

case ${set[node2]}:${set[workload]} in
:mariadb) set[node2]=160 ;;
:mariadb-large) set[node2]=288 ;;
esac
options=(-k "$(vmlinux "/boot/vmlinuz-$release")" -c 2 -s "${set[seed]}" -o "$job" -t "${set[limit]}" -g
	-n "${set[node0]}M:dram" -n "${set[node1]}M:${set[slow]}")
[ -z "${set[node2]}" ] || options+=(-n "${set[node2]}M:dram")
read -ra words <<<"${set[model]}"
for w in "${words[@]}"; do
	options+=(-p "$w")
done

# isolcpus: nothing is on CPU 1 but what is put there. rootfstype: tmpfs, the
# other choice, could be moved to node 1 and would leave its DRAM to some systems.
# The jitter RNG of the kernel takes a tenth of the boot to test itself.
cmdline=(nokaslr norandmaps mitigations=off no_timer_check cryptomgr.notests
	initcall_blacklist=jent_mod_init random.trust_cpu=on swiotlb=noforce rootfstype=ramfs
	isolcpus=domain,1 numa_balancing=disable "transparent_hugepage=${set[thp]}"
	"bench.workload=${set[workload]}" "bench.system=${set[system]}"
	"bench.dram_pct=${set[dram_pct]}" "bench.data_bytes=${set[data_bytes]}"
	"bench.seed=${set[seed]}" "bench.args=\"${set[args]}\"" "bench.tune=\"${set[tune]}\"")

"$top/tools/tiersim/tiersim" "${options[@]}" "$image" "${cmdline[@]}" </dev/null &
pid=$!
trap 'kill $pid; wait $pid; exit 130' INT TERM HUP
status=0
wait $pid || status=$?
trap - INT TERM HUP
rm -rf "$job/module" "$job/initrd.cpio"
[ $status -eq 0 ] || echo "boot: QEMU ended with $status" >&2
if grep -q '"type":"error"' "$job/results.jsonl" || ! grep -q '"type":"end"' "$job/results.jsonl"; then
	grep '"type":"error"' "$job/results.jsonl" >&2 || tail -n 5 "$job/console.log" >&2
	exit 1
fi
exit $status

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot an installed kernel in QEMU (TCG) on this machine's own root file system,
# run one command inside, and fail if the command or the kernel was unhappy.
# shellcheck disable=SC2034,SC2153	# variables of the files sourced below
set -euo pipefail

usage()
{
	cat <<'USAGE'
usage: selftests/vm/run.sh [options] -- COMMAND [ARGS...]

COMMAND runs as root in the guest with the same paths as on the host, in the
top directory of the project; what it writes goes nowhere, except to $VM_OUT
(build/vm/NAME on the host). Its output appears here, its status is ours.

  -k RELEASE   installed kernel, default: newest in /boot
  -K FILE      kernel of your own (bzImage or vmlinux) with 9p, virtio and overlay
               built in; modules from VM_MODULES=DIR (holds RELEASE/), if any
  -t TOPOLOGY  pmem (default), pmem-late, pmem-raw, plain, hmat, noslow, two-two;
               with sizes: pmem:dram=512M,slow=1G (see topologies.sh)
  -s N         CPUs, default 2
  -T SECONDS   time limit of the whole run, default 300
  -n NAME      output directory build/vm/NAME, default: unique, removed on success
  -a CMDLINE   more kernel command line, e.g. 'cgroup_disable=memory'
  -g v2|v1     cgroup version of the memory controller, default v2
  -e VAR=VAL   environment of the command (repeatable)
  -c CPU       QEMU CPU model (VM_CPU), e.g. max
  -q ARGS      more QEMU arguments, split at blanks
  -l           don't check the console, isolated pages and taint at the end
  -P           without the TLB flush plugin
  -i           one instruction = 1 ns (-icount shift=0,sleep=off): the guest's clock
               counts instructions. One host thread for all CPUs; implies -P, whose
               clock is the host's

status: the command's; 90 the kernel was damaged (lines are printed); 124 time
limit; 4 (kselftest's skip) the kernel can't do what -g asks; 125 the guest died or did not come up; 2 wrong usage.
USAGE
}

die()
{
	echo "vm: $*" >&2
	exit 2
}

# Whether QEMU ends within so many seconds.
ended()			# seconds
{
	timeout --foreground "$1" tail -s 0.05 --pid="$pid" -f /dev/null &
	wait $!
}

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
VM_ROOT=$(cd "$VM_DIR/../.." && pwd -P)
BUILD=$VM_ROOT/build/vm
CACHE=$BUILD/cache
SMP=2
# shellcheck source=selftests/vm/topologies.sh
. "$VM_DIR/topologies.sh"
# shellcheck source=selftests/vm/initrd.sh
. "$VM_DIR/initrd.sh"
# shellcheck source=selftests/vm/qmp.sh
. "$VM_DIR/qmp.sh"
# shellcheck source=selftests/vm/lastlook.sh
. "$VM_DIR/lastlook.sh"
# shellcheck source=selftests/vm/verdict.sh
. "$VM_DIR/verdict.sh"

kver='' kernel='' topo=pmem limit=300 name='' append='' cgroup=v2 check=1
flush_tlb=1 icount='' env=() extra=()
# Without la57 page walks are a level shorter. Without erms and fsrm the kernel
# clears and copies pages with moves instead of "rep stosb", 5 to 10 times faster
# under TCG, and smap/smep cost another tenth. They also catch bugs in accesses
# to user memory: test with -c max too, now and then.
cpu=${VM_CPU:-max,-la57,-erms,-fsrm,-smap,-smep}

while getopts k:K:t:s:T:n:a:g:e:c:q:lPih opt; do
	case $opt in
	k) kver=$OPTARG ;;
	K) kernel=$OPTARG ;;
	t) topo=$OPTARG ;;
	s) SMP=$OPTARG ;;
	T) limit=$OPTARG ;;
	n) name=$OPTARG ;;
	a) append=$OPTARG ;;
	g) cgroup=$OPTARG ;;
	e) env+=("$OPTARG") ;;
	c) cpu=$OPTARG ;;
	q) read -ra words <<<"$OPTARG"; extra+=("${words[@]}") ;;
	l) check=0 ;;
	P) flush_tlb='' ;;
	i) icount=1 flush_tlb='' ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }
command -v qemu-system-x86_64 >/dev/null || die "QEMU is missing (make deps)"

mkdir -p "$CACHE"
topology "$topo"
if [ -n "$kernel" ]; then
	[ -r "$kernel" ] || die "no kernel $kernel"
	kver=
else
	[ -n "$kver" ] || kver=$(cd /boot && printf '%s\n' vmlinuz-* |
		sed 's/^vmlinuz-//' | sort -V | tail -n 1)
	kernel=/boot/vmlinuz-$kver
	[ -r "$kernel" ] || die "kernel $kver is not installed (make deps)"
fi

# A directory of a given name is the caller's; ours goes if it was of no use.
keep=$name
if [ -n "$name" ]; then
	OUT=$BUILD/$name
	mkdir -p "$OUT"
else
	OUT=$(mktemp -d "$BUILD/run-XXXXXX")
fi
rm -f "$OUT"/{console,output,dmesg,result,env,pmem.log}
VM_CMD=("$@")
[ ${#env[@]} -eq 0 ] || VM_CMD=(env "${env[@]}" "$@")
VM_PMEM=$TOPO_PMEM VM_CGROUP=$cgroup VM_MODULES=${VM_MODULES:-}
{
	declare -p VM_CMD VM_DIR VM_ROOT VM_PMEM VM_CGROUP VM_MODULES
	# The command may want to know where it is.
	echo "export VM_OUT=/run/vm VM_TOPOLOGY=${topo@Q} VM_ROOT"
} >"$OUT/env"

# shellcheck disable=SC2054	# QEMU's commas
args=(-nodefaults -no-user-config -display none -no-reboot
	-M "q35$TOPO_MACHINE" -cpu "$cpu" -smp "$TOPO_SMP" "${TOPO_ARGS[@]}"
	-kernel "$(vmlinux "$kernel")" -initrd "$(initrd "$kver")"
	-chardev "file,id=console,path=$OUT/console" -serial chardev:console
	-chardev "stdio,id=out,signal=off,logfile=$OUT/output" -serial chardev:out
	-device isa-debug-exit,iobase=0xf4,iosize=0x04
	-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap
	-device virtio-9p-pci,fsdev=root,mount_tag=root
	-fsdev "local,id=out,path=$OUT,security_model=none"
	-device virtio-9p-pci,fsdev=out,mount_tag=out)
# A small code buffer: the default is a quarter of the host's memory, up to 1G.
if [ -n "$icount" ]; then
	args+=(-accel "tcg,thread=single,tb-size=256" -icount "shift=0,sleep=off")
else
	args+=(-accel "tcg,thread=multi,tb-size=256")
fi
args+=(-plugin "$(plugin svm)")
[ -z "$flush_tlb" ] || args+=(-plugin "$(plugin tlbflush)")
for k in "${!TOPO_NV[@]}"; do
	size=${TOPO_NV[k]}
	case $TOPO_PMEM in
	raw)	backend="ram,size=${size}M"
		# nvdimm_image() calls us with the file that it wants prepared.
		[ -z "${VM_NVDIMM_TEMPLATE:-}" ] ||
			backend="file,mem-path=$VM_NVDIMM_TEMPLATE,size=${size}M,share=on" ;;
	*)	backend="file,mem-path=$(nvdimm_image "$size"),size=${size}M,share=off" ;;
	esac
	# Backends must be there before the devices that use them.
	args=(-object "memory-backend-${backend%%,*},id=nv$k,${backend#*,}" "${args[@]}")
done

# swiotlb: room for hotplug above 4G costs a 64M bounce buffer that nothing uses.
# panic: a splat that kills ends the VM at once. The stall detectors know
# nothing of a host that gives a vCPU no time: be patient.
cmdline="console=ttyS0 nokaslr mitigations=off no_timer_check tsc=reliable
cryptomgr.notests random.trust_cpu=on swiotlb=noforce quiet oops=panic panic=-1
rcupdate.rcu_cpu_stall_timeout=100 watchdog_thresh=50
vm.root=$VM_ROOT vm.dir=$VM_DIR $append"

pipes=$(mktemp -d)
trap 'rm -r "$pipes"' EXIT
monitor_args "$pipes"
# In the background, so that the VM doesn't outlive us if we are killed.
qemu-system-x86_64 "${args[@]}" "${MONITOR_ARGS[@]}" \
	-append "${cmdline//$'\n'/ }" "${extra[@]}" </dev/null &
pid=$!
trap 'kill $pid; wait $pid; exit 130' INT TERM HUP
if ended "$limit"; then
	status=0
	wait $pid || status=$?
else
	status=124
	last_look >&2 || :
	kill $pid || :
	ended 5 || kill -9 $pid || :
	wait $pid || :
fi
trap - INT TERM HUP
verdict "$status"
[ -n "$keep" ] || [ "$STATUS" -ne 0 ] || rm -r "$OUT"
exit "$STATUS"

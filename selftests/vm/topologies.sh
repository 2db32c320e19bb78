# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The machines that run.sh can boot, by name; sourced by run.sh.
#
# topology NAME[:key=value,...] fills TOPO_MACHINE (suffix of -M), TOPO_SMP, TOPO_ARGS
# (more QEMU arguments), TOPO_NV (sizes in MiB of the NVDIMM backends) and
# TOPO_PMEM (what the guest does about them before the test starts).
#
#   name       nodes
#   pmem       0: DRAM and all CPUs; 1: NVDIMM, online as system RAM (kmem) when the test starts
#   pmem-late  the same, devdax made but not onlined: the test calls pmem-online.sh
#   pmem-raw   the same, no namespace yet: the admin's path, ndctl and daxctl (pmem-online.sh --admin)
#   plain      0: DRAM and all CPUs; 1: memory without CPUs, there from boot, no HMAT
#   hmat       like plain, and the HMAT says that node 1 has 3x the latency, 1/4 of the bandwidth
#   noslow     0: DRAM and all CPUs
#   two-two    0, 1: DRAM and half of the CPUs each; 2, 3: slow, near 0 and 1
#
#   key        meaning (sizes as 512M, 1G)
#   dram=      size of each fast node, default 512M (VM_DRAM)
#   slow=      size of each slow node, default 1G, rounded up to 128M for NVDIMM (VM_SLOW)
#   kind=      two-two only: pmem (default), pmem-late or plain
#
# Only NVDIMM nodes are a lower memory tier on both 6.1 and 6.12, and only they
# can be offlined whole: boot-time nodes hold kernel memory. Prefer pmem.
# shellcheck disable=SC2034	# TOPO_*: run.sh

# Memory is hotplugged in blocks of 128 MiB; another one is lost to the 2 MiB
# header of the namespace, which pushes the start off the block boundary.
readonly NV_BLOCK=128

to_mib()
{
	local bytes

	bytes=$(numfmt --from=iec "$1" 2>/dev/null) ||
		die "not a size: '$1' (use 512M, 1G)"
	[ "$bytes" -gt 0 ] || die "size '$1' is nothing"
	[ $((bytes % 1048576)) -eq 0 ] ||
		die "size '$1' is not a multiple of 1M"
	echo $((bytes >> 20))
}

dram_node()	# id cpus MiB [extra]
{
	TOPO_ARGS+=(-object "memory-backend-ram,id=m$1,size=$3M"
		    -numa "node,nodeid=$1,cpus=$2,memdev=m$1${4:-}")
}

plain_node()	# id MiB [extra]
{
	TOPO_ARGS+=(-object "memory-backend-ram,id=m$1,size=$2M"
		    -numa "node,nodeid=$1,memdev=m$1${3:-}")
}

# The node exists empty in the SRAT; the NVDIMM is its only memory. run.sh
# makes the backend nv<k> itself: a copy-on-write view of a prepared image.
nvdimm_node()	# id MiB
{
	local k=${#TOPO_NV[@]}

	TOPO_ARGS+=(-numa "node,nodeid=$1"
		    -device "nvdimm,id=nvdimm$k,memdev=nv$k,node=$1")
	TOPO_NV+=($(($2 + NV_BLOCK)))
}

distances()	# src:dst:val ...
{
	local d

	for d in "$@"; do
		IFS=: read -r src dst val <<<"$d"
		TOPO_ARGS+=(-numa "dist,src=$src,dst=$dst,val=$val")
	done
}

hmat_lb()	# target latency_ns bandwidth
{
	local t="hmat-lb,initiator=0,target=$1,hierarchy=memory"

	TOPO_ARGS+=(-numa "$t,data-type=access-latency,latency=$2"
		    -numa "$t,data-type=access-bandwidth,bandwidth=$3")
}

topology()
{
	local name=${1%%:*} opts='' kv last half mem
	local dram=${VM_DRAM:-512M} slow=${VM_SLOW:-1G} kind=pmem

	case $1 in *:*) opts=${1#*:} ;; esac
	for kv in ${opts//,/ }; do
		case $kv in
		dram=*)	dram=${kv#*=} ;;
		slow=*)	slow=${kv#*=} ;;
		kind=*)	kind=${kv#*=} ;;
		*)	die "unknown option '$kv' of topology $name" ;;
		esac
	done
	dram=$(to_mib "$dram")
	slow=$(to_mib "$slow")
	last=$((SMP - 1))
	mem=$dram
	TOPO_MACHINE='' TOPO_SMP=$SMP TOPO_ARGS=() TOPO_NV=() TOPO_PMEM=none

	case $name in
	pmem*|two-two)
		slow=$(((slow + NV_BLOCK - 1) / NV_BLOCK * NV_BLOCK)) ;;
	esac

	case $name in
	pmem|pmem-late|pmem-raw)
		TOPO_PMEM=${name#pmem} TOPO_PMEM=${TOPO_PMEM#-}
		dram_node 0 "0-$last" "$dram"
		nvdimm_node 1 "$slow"
		distances 0:1:20
		;;
	plain)
		dram_node 0 "0-$last" "$dram"
		plain_node 1 "$slow"
		distances 0:1:20
		mem=$((dram + slow))
		;;
	hmat)
		TOPO_MACHINE=,hmat=on
		dram_node 0 "0-$last" "$dram" ,initiator=0
		plain_node 1 "$slow" ,initiator=0
		distances 0:1:20
		hmat_lb 0 100 100G
		hmat_lb 1 300 25G
		mem=$((dram + slow))
		;;
	noslow)
		dram_node 0 "0-$last" "$dram"
		;;
	two-two)
		[ "$SMP" -ge 2 ] || die "two-two needs -s 2 or more"
		half=$((SMP / 2))
		# The kernel warns of cores of one socket on two nodes.
		TOPO_SMP=$SMP,sockets=2
		dram_node 0 "0-$((half - 1))" "$dram"
		dram_node 1 "$half-$last" "$dram"
		mem=$((2 * dram))
		case $kind in
		pmem|pmem-late)
			TOPO_PMEM=${kind#pmem} TOPO_PMEM=${TOPO_PMEM#-}
			nvdimm_node 2 "$slow"
			nvdimm_node 3 "$slow"
			;;
		plain)
			plain_node 2 "$slow"
			plain_node 3 "$slow"
			mem=$((2 * (dram + slow)))
			;;
		*)	die "unknown kind=$kind of topology two-two" ;;
		esac
		distances 0:1:21 0:2:17 0:3:28 1:2:28 1:3:17 2:3:28
		;;
	*)
		die "unknown topology '$name' (see topologies.sh)"
		;;
	esac
	: "${TOPO_PMEM:=online}"
	[ ${#TOPO_NV[@]} -eq 0 ] || TOPO_MACHINE+=,nvdimm=on
	# Room in the physical map for the NVDIMMs, which are not part of -m.
	TOPO_ARGS=(-m "${mem}M,slots=8,maxmem=64G" "${TOPO_ARGS[@]}")
}

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Inside a guest: bring the NVDIMMs online as slow NUMA nodes, all memory movable.
#
#   pmem-online.sh              by sysfs, from a devdax namespace: under a second
#   pmem-online.sh --admin      the documented way, ndctl create-namespace and daxctl
#   pmem-online.sh --namespace  only ndctl's part of that
#   pmem-online.sh --load-only  drivers and devdax devices only, no memory
set -euo pipefail

mode=${1:-}
dax=/sys/bus/dax

# There is no udev to load drivers. A kernel with all built in has no modules.
# -i: ndctl installs a hook for libnvdimm that looks for passphrases first.
for m in libnvdimm nfit nd_pmem device_dax dax_pmem kmem; do
	[ "$mode" = --load-only ] && [ $m = kmem ] && continue
	modprobe -iq "$m" || :
done
[ "$mode" != --load-only ] || exit 0

case $mode in
--admin|--namespace)
	for ns in /sys/bus/nd/devices/namespace*.0; do
		case $(ndctl list -Ni -n "${ns##*/}") in
		*devdax*) ;;
		*) ndctl create-namespace -f -e "${ns##*/}" -m devdax -M mem ;;
		esac
	done
	[ "$mode" = --admin ] || exit 0
	# daxctl onlines the blocks as movable itself, and refuses to work
	# where the kernel would do it first (the default of 6.12).
	echo offline >/sys/devices/system/memory/auto_online_blocks
	daxctl reconfigure-device --mode=system-ram all
	exit
	;;
esac

# Movable, or kernel data would settle on the slow node and pin it there.
echo online_movable >/sys/devices/system/memory/auto_online_blocks
found=
for d in "$dax"/devices/dax*; do
	[ -e "$d" ] || continue
	found=1
	name=${d##*/}
	case $(readlink "$d/driver" || :) in
	*/kmem) ;;
	*/*)	echo "$name" >"$d/driver/unbind" ;&
	*)	echo "$name" >"$dax/drivers/kmem/new_id" ;;
	esac
	# Blocks that were offlined by hand and whose device stayed with kmem.
	node=$(cat "$d/target_node")
	for b in "/sys/devices/system/node/node$node"/memory[0-9]*; do
		case $(cat "$b/state" 2>/dev/null || :) in
		offline) echo online_movable >"$b/state" ;;
		esac
	done
	grep -q . "/sys/devices/system/node/node$node/meminfo"
done
[ -n "$found" ] || { echo "no devdax device; try --admin" >&2; exit 1; }

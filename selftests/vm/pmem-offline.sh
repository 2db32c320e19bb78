#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Inside a guest: take the NVDIMM nodes away again, after pmem-online.sh.
#
#   pmem-offline.sh                offline every block, then give the device back to device_dax
#   pmem-offline.sh --blocks-only  leave the device with kmem: blocks stay, offline
#   pmem-offline.sh --admin        with daxctl
#
# Exits with 1 if a block can't be offlined (pages that don't move). The blocks
# that were offlined by then stay so; pmem-online.sh brings them back.
set -euo pipefail

mode=${1:-}
dax=/sys/bus/dax

if [ "$mode" = --admin ]; then
	daxctl offline-memory all
	daxctl reconfigure-device -m devdax all
	exit
fi

for d in "$dax"/devices/dax*; do
	case $(readlink "$d/driver" 2>/dev/null || :) in
	*/kmem) ;;
	*) continue ;;
	esac
	name=${d##*/}
	for b in "/sys/devices/system/node/node$(cat "$d/target_node")"/memory[0-9]*; do
		[ "$(cat "$b/state" 2>/dev/null)" = online ] || continue
		# The driver core takes "offline" for busy pages back after
		# some retries of its own: EBUSY.
		echo offline >"$b/state" ||
			{ echo "$name: ${b##*/} stays online" >&2; exit 1; }
	done
	[ "$mode" != --blocks-only ] || continue
	# Never unbind with memory online: kmem would leak it until reboot. A block
	# may still be on its way, in whatever direction, for somebody who was killed.
	for b in "/sys/devices/system/node/node$(cat "$d/target_node")"/memory[0-9]*; do
		state=$(cat "$b/state" 2>/dev/null || echo offline)
		[ "$state" = offline ] || { echo "$name: ${b##*/} is $state" >&2; exit 1; }
	done
	echo "$name" >"$d/driver/unbind"
	echo "$name" >"$dax/drivers/kmem/remove_id"
	echo "$name" >"$dax/drivers/device_dax/bind" 2>/dev/null ||
		echo "$name" >"$dax/drivers/device_dax/new_id"
done

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Containers by the OCI's runtime specification, with real runtimes: quotas are keys of
# linux.resources.unified, and the runtime writes them before the container's program begins.
#
#   selftests/vm/run.sh -t pmem -- selftests/test_oci.sh [RUNTIME...]	runc and crun if none is named
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

readonly MIB=$((1 << 20)) FILL_MIB=80 BOX=tm-oci-box
# Beside the quota: what CPUs take in batches (README.md).
readonly OVER=$((4 * MIB))

ktap_header
need_root
need_module
[ -n "${VM_OUT:-}" ] || ktap_skip_all "not in a guest of selftests/vm"
for tool in jq busybox; do
	command -v $tool >/dev/null || ktap_skip_all "no $tool: make deps"
done
runtimes=("$@")
[ $# -gt 0 ] || runtimes=(runc crun)
for rt in "${runtimes[@]}"; do
	command -v "$rt" >/dev/null || ktap_skip_all "no $rt: make deps"
done
dir=$(mktemp -d)
cleanup()
{
	for rt in "${runtimes[@]}"; do
		oci delete -f "$BOX"
	done >/dev/null 2>&1
	until_ms 5000 rmdir "$CG"/tm-oci-pod
	rm -rf "$dir"
	! loaded || until_ms 5000 rmmod tiermem
} 2>/dev/null
trap cleanup EXIT

# ---- a container ----------------------------------------------------------------------------------

oci()		# arguments of the runtime
{
	"$rt" --root "$dir/state-$rt" "$@"
}

# A directory with busybox and what the runtime itself proposes as configuration.
make_bundle()
{
	local bundle=$dir/$rt

	mkdir -p "$bundle/rootfs/bin"
	cp "$(command -v busybox)" "$bundle/rootfs/bin/"
	ln -s busybox "$bundle/rootfs/bin/sh"
	(cd "$bundle" && "$rt" spec) && mv "$bundle/config.json" "$bundle/spec.json"
}

# $FILL: reads into memory what it is told to keep, in 2 s at least, and stays.
readonly FILL="{ for i in 1 2 3 4 5 6 7 8; do
		busybox dd if=/dev/zero bs=1M count=$((FILL_MIB / 8)) 2>/dev/null; busybox sleep 0.3
	done; busybox sleep 3600; } |
	busybox tail -c ${FILL_MIB}m >/dev/null"

# Changes of the configuration, as for a person with an editor.
configure()	# cgroup, command, unified keys as JSON, filter of jq
{
	jq --arg cgroup "$1" --arg command "$2" --argjson unified "$3" '
		.process.terminal = false | .process.args = ["/bin/sh", "-c", $command] |
		.linux.cgroupsPath = $cgroup | .linux.resources.unified = $unified | '"${4:-.}" \
		"$dir/$rt/spec.json" >"$dir/$rt/config.json"
}

# What it prints goes to $dir/out: the container keeps its descriptors.
create()
{
	oci create -b "$dir/$rt" "$BOX" </dev/null >"$dir/out" 2>&1
}

is()		# what expected found
{
	[ "$2" = "$3" ] && return 0
	ktap_diag "$1: expected '$2', found '$3'"
	return 1
}

value()		# key [cgroup]
{
	cat "$CG/${2:-"$BOX"}/tiermem.$1"
}

gone()		# cgroup
{
	[ ! -e "$CG/$1" ]
}

stopped()
{
	[ "$(oci state "$BOX" | jq -r .status)" = stopped ]
}

remove()
{
	oci kill "$BOX" KILL && until_ms 20000 stopped && oci delete "$BOX" && until_ms 5000 gone "$BOX" && return 0
	ktap_diag "cgroup: $(ls -d "$CG/$BOX" 2>&1); state: $(oci state "$BOX" 2>&1)"
	return 1
}

# ---- stories --------------------------------------------------------------------------------------

# shellcheck disable=SC2329
filled()
{
	dram=$(value dram_current)
	slow=$(value slow_current)
	samples=$((samples + 1))
	[ "$dram" -le "$most" ] || most=$dram
	[ $((dram + slow)) -ge $((FILL_MIB * MIB)) ]
}

quota_from_the_start()
{
	local dram slow most=0 samples=0 quota=$((32 * MIB)) end

	configure /"$BOX" "$FILL" \
		'{"tiermem.dram_max": "32M", "tiermem.dram_min": "8M", "tiermem.dram_weight": "300"}'
	create || { ktap_diag "$(<"$dir/out")"; return 1; }
	# Its program has not begun.
	is "files of the container that was created" "$quota $((8 * MIB)) 300" \
		"$(value dram_max) $(value dram_min) $(value dram_weight)" || return 1
	oci start "$BOX" || return 1
	until_ms 60000 filled || { ktap_diag "only $((dram / MIB))M + $((slow / MIB))M"; return 1; }
	# And some time after.
	end=$((samples + 20))
	while [ "$samples" -lt "$end" ]; do
		filled
		sleep 0.05
	done
	ktap_diag "$rt: at most $((most / MIB))M in DRAM in $samples samples, $((slow / MIB))M slow at the end"
	[ "$samples" -ge 25 ] && [ "$most" -le $((quota + OVER)) ] && [ "$most" -ge $((quota / 2)) ] &&
		[ "$slow" -ge $((FILL_MIB * MIB - quota - OVER)) ]
}

# Its quota is what anybody in it sees. The file system is read-only there, and even where it isn't,
# the cgroup is the root of a namespace, which is not for those in it to change (nsdelegate, as
# systemd mounts it).
not_from_inside()
{
	local said

	is "seen inside" $((32 * MIB)) "$(oci exec "$BOX" busybox cat /sys/fs/cgroup/tiermem.dram_max)" || return 1
	said=$(oci exec "$BOX" sh -c 'echo max >/sys/fs/cgroup/tiermem.dram_max' 2>&1) && return 1
	is "quota" $((32 * MIB)) "$(value dram_max)" || return 1
	remove || return 1
	mount -o remount,nsdelegate "$CG"
	configure /"$BOX" 'echo max >/sys/fs/cgroup/tiermem.dram_max
		busybox sleep 3600' '{"tiermem.dram_max": "24M"}' \
		'(.mounts[] | select(.type == "cgroup" or .type == "cgroup2") | .options) -= ["ro"]'
	create && oci start "$BOX" && until_ms 20000 grep -q 'write error\|not permitted' "$dir/out"
	set -- $?
	ktap_diag "inside, read-only: ${said##*: }; writable: $(tail -n 1 "$dir/out")"
	[ "$1" -eq 0 ] && is "quota" $((24 * MIB)) "$(value dram_max)"
}

# What a bad value leaves is not a container that runs without its quota.
bad_value()	# unified keys, pattern of what the runtime says
{
	configure /"$BOX" 'busybox sleep 3600' "$1"
	if create; then
		ktap_diag "$rt: $1: created: dram_max $(value dram_max)"
		oci delete -f "$BOX"
		return 1
	fi
	# shellcheck disable=SC2053	# a pattern
	[[ $(<"$dir/out") == $2 ]] || { ktap_diag "$rt: $1: $(<"$dir/out")"; return 1; }
	! oci state "$BOX" >/dev/null 2>&1 || { ktap_diag "$rt: there is a container"; return 1; }
	# crun 1.8 leaves the directory behind, empty.
	gone "$BOX" || rmdir "$CG/$BOX"
}

bad_values()
{
	local value

	remove || return 1
	for value in 2X -1 lots 1.5G '1G 2G'; do
		bad_value "{\"tiermem.dram_max\": \"$value\"}" '*tiermem.dram_max*nvalid argument*' || return 1
	done
	bad_value '{"tiermem.dram_weight": "0"}' '*tiermem.dram_weight*nvalid argument*' &&
		bad_value '{"tiermem.dram_mx": "1G"}' '*tiermem*not available*' || return 1
	ktap_diag "$(<"$dir/out")"
}

# A cgroup for several, as of a pod, or of docker's --cgroup-parent: it has the quota.
below_a_parent()
{
	local pod=tm-oci-pod

	mkdir "$CG/$pod" && echo 16M >"$CG/$pod/tiermem.dram_max" &&
		configure /"$pod"/"$BOX" "$FILL" '{"tiermem.dram_max": "64M"}' && create && oci start "$BOX" &&
		is "binding" $((16 * MIB)) "$(value dram_effective "$pod"/"$BOX")" &&
		until_ms 60000 filled_below "$pod" || return 1
	ktap_diag "pod: $(($(value dram_current "$pod") / MIB))M in DRAM, $(($(value slow_current "$pod") / MIB))M slow"
	[ "$(value dram_current "$pod")" -le $((16 * MIB + OVER)) ] && oci delete -f "$BOX" &&
		until_ms 20000 gone "$pod"/"$BOX" && is "quota of the pod" $((16 * MIB)) "$(value dram_max "$pod")" &&
		rmdir "$CG/$pod"
}
# shellcheck disable=SC2329
filled_below()	# cgroup
{
	[ $(($(value dram_current "$1") + $(value slow_current "$1"))) -ge $((FILL_MIB * MIB)) ]
}

# Refused, and not run without a quota.
no_module()
{
	until_ms 5000 rmmod tiermem && bad_value '{"tiermem.dram_max": "1G"}' '*tiermem*not available*'
	set -- $?
	insmod "$KO" && return "$1"
}

# ---- main -----------------------------------------------------------------------------------------

insmod "$KO" || ktap_skip_all "the module does not load"
[ -n "$(cat $SYSFS/slow_nodes)" ] || ktap_skip_all "no slow node"
ktap_plan $((5 * ${#runtimes[@]}))
for rt in "${runtimes[@]}"; do
	ktap_diag "$("$rt" --version | head -n 1)"
	make_bundle || ktap_bail "$rt makes no configuration"
	ktap_check "$rt: unified keys are set before the program begins, and hold" quota_from_the_start
	ktap_check "$rt: nobody in the container changes them" not_from_inside
	ktap_check "$rt: deleted, the cgroup is gone; a bad value: an error, no container" bad_values
	ktap_check "$rt: below a cgroup with a quota" below_a_parent
	ktap_check "$rt: without the module: an error, no container" no_module
done
ktap_end

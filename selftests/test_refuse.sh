#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where tiermem can't work it refuses to load: insmod fails, the kernel log has
# one line that says why, and nothing stays registered. What is tried depends on
# the machine, since some of it needs a boot of its own:
#
#   selftests/vm/run.sh -t pmem -- selftests/test_refuse.sh
#	each symbol that it binds made missing, kernels out of bounds, slow_nodes=
#   selftests/vm/run.sh -k 6.1... -t pmem -g v1 -- selftests/test_refuse.sh
#	the memory controller in a cgroup v1 hierarchy (6.12 has none)
#   selftests/vm/run.sh -t pmem -a cgroup_disable=memory -- selftests/test_refuse.sh
#	no memory controller (the kernel's command line)
#
# usage: test_refuse.sh [KIND]	fails unless the machine is of that kind: v2, v1, nomemcg
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

ktap_header
need_root
need_module
! loaded || ktap_skip_all "tiermem is loaded: rmmod it first"
[ -d /sys/kernel/debug/kprobes ] || mount -t debugfs debugfs /sys/kernel/debug
[ -e /sys/kernel/tracing/enabled_functions ] || mount -t tracefs tracefs /sys/kernel/tracing

# name, errno text of insmod (pattern), what the line must contain (pattern), parameters...
refused()
{
	local name=$1 errno=$2 line=$3 out rc bad='' said

	shift 3
	dmesg_mark
	out=$(insmod "$KO" "$@" 2>&1)
	rc=$?
	said=$(dmesg_since)
	if [ $rc -eq 0 ]; then
		bad+=" loaded;"
		rmmod tiermem
	fi
	[[ $out =~ $errno ]] || bad+=" insmod said '$out', expected $errno;"
	[ "$(grep -c . <<<"$said")" -eq 1 ] || bad+=" not one line;"
	grep -q -- "$line" <<<"$said" || bad+=" the line doesn't have '$line';"
	left=$(leftovers) || bad+=" $left;"
	[ -z "$bad" ] || ktap_diag "$name:$bad kernel log: ${said:-nothing}"
	[ -z "$bad" ]
	ktap_ok $? "$name"
}

# Loads with these parameters, leaves nothing behind.
accepted()
{
	local name=$1 out bad=''

	shift
	out=$(insmod "$KO" "$@" 2>&1) || bad+=" insmod: $out;"
	[ -e $SYSFS/state ] || bad+=" no $SYSFS/state;"
	rmmod tiermem || bad+=" rmmod failed;"
	left=$(leftovers) || bad+=" $left;"
	[ -z "$bad" ] || ktap_diag "$name:$bad"
	[ -z "$bad" ]
	ktap_ok $? "$name"
}

# In the order of insmod's strerror().
readonly EOPNOTSUPP='Operation not supported' EINVAL='Invalid (parameters|argument)'
readonly ENOENT='(Unknown symbol in module|No such file or directory)'

kind=v2
if grep -q 'cgroup_disable=\S*memory' /proc/cmdline; then
	kind=nomemcg
elif awk '{ print $3, $4 }' /proc/mounts | grep -qE '^cgroup (.*,)?memory(,|$)'; then
	kind=v1
fi
ktap_diag "machine: $kind"
if [ "${1:-$kind}" != "$kind" ]; then
	ktap_plan 1
	ktap_ok 1 "this machine is $kind, not $1"
	ktap_end
fi

case $kind in
nomemcg)
	ktap_plan 1
	refused "no memory controller" "$EOPNOTSUPP" cgroup_disable=memory
	ktap_end
	;;
v1)
	ktap_plan 1
	refused "memory controller in cgroup v1" "$EOPNOTSUPP" v1
	ktap_end
	;;
esac

# What this very module binds: a static call each. The table in the source must
# say the same; what the source binds on some kernels only is in compat.h.
mapfile -t symbols < <(nm "$KO" 2>/dev/null | sed -n 's/.* __SCK__tm_\(.*\)/\1/p' | sort -u |
	sed 's/^lookup$/kallsyms_lookup_name/')
mapfile -t table < <(sed -n '/define TM_KSYMS(X)/,/^$/s/.*\<X(\([a-z_0-9]*\)).*/\1/p' \
	"$TOP/module/ksym.h" 2>/dev/null)
alloc=$(sed -n 's/.*TM_ALLOC_SYMBOL.*"\(.*\)"/\1/p' "$TOP/module/compat.h" 2>/dev/null |
	while read -r s; do ! grep -q " T $s\$" /proc/kallsyms || echo "$s"; done | head -n 1)
if [ ${#symbols[@]} -eq 0 ]; then
	# A stripped module, or no nm: then the source.
	symbols=("${table[@]}")
fi
missing=''
for s in "${table[@]}"; do
	[[ " ${symbols[*]} " == *" $s "* ]] || missing+=" $s"
done
for s in kallsyms_lookup_name $alloc; do
	[[ " ${symbols[*]} " == *" $s "* ]] || symbols+=("$s")
done
ktap_diag "${#symbols[@]} symbols: ${symbols[*]}"

releases=(5.10.0 6.0.19 6.13.0 7.3.4 99.99 x '')
bad_lists=(x 1x -1 1- 0-x 3-2 99999999999 '0,,x')
has_memory=$(cat /sys/devices/system/node/has_memory)
possible=$(cat /sys/devices/system/node/possible)

ktap_plan $((2 + ${#symbols[@]} + ${#releases[@]} + ${#bad_lists[@]} + 6))
[ -n "${symbols[*]}" ] && [ -n "${table[*]}" ] && [ -z "$missing" ]
ktap_ok $? "every symbol of module/ksym.h is bound${missing:+; not:$missing}"
accepted "loads as it is"

for s in "${symbols[@]}"; do
	refused "without $s" "$ENOENT" "\<$s\>" test_missing="$s"
done
for r in "${releases[@]}"; do
	refused "kernel '$r'" "$EOPNOTSUPP" "${r:-kernel}" test_release="$r"
done
for l in "${bad_lists[@]}"; do
	refused "slow_nodes='$l'" "$EINVAL|Numerical result|Value too large" slow_nodes \
		slow_nodes="$l"
done
refused "slow_nodes= of a node that can't be" "$EINVAL|Numerical result" slow_nodes slow_nodes=63
refused "slow_nodes= of that and one that is" "$EINVAL|Numerical result" slow_nodes slow_nodes=0,63
refused "slow_nodes= of all nodes" "$EINVAL" slow_nodes slow_nodes="$has_memory"
refused "slow_nodes= of all possible nodes" "$EINVAL" slow_nodes slow_nodes="$possible"
refused "good slow_nodes=, missing symbol" "$ENOENT" "\<migrate_pages\>" \
	slow_nodes="${possible##*[-,]}" test_missing=migrate_pages
accepted "test_release= of this kernel" test_release="$(uname -r)"
ktap_end

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The half of the demo that runs inside the virtual machine, see demo.sh.
set -euo pipefail

# shellcheck source=tools/demo/demo-lib.sh
. tools/demo/demo-lib.sh

cgroup=/sys/fs/cgroup/redis
socket=/run/redis.sock
ops=/run/ops
load=(build/demo/redisload -s "$socket" -n "$DEMO_KEYS" -v "$DEMO_VALUE" -o "$ops")
# Reading the beginning of a value touches its page as well as reading all of
# it, and emulation is slow enough. Pipelines of 16: of several batches a second.
get=(-h 10 -r 64 -p 16)
# What a quota may be exceeded by for a moment: pages that each CPU has taken
# but not counted yet.
slack=$((4 << 20))
failed=

fail()
{
	verdict FAIL "$*"
	failed=1
}

ok()
{
	verdict PASS "$*"
}

# 41943040 -> 40.0M, in $REPLY: no process for a number.
mib()
{
	local tenths

	if [ "$1" = max ]; then
		REPLY=max
		return
	fi
	tenths=$((($1 * 10 + 524288) >> 20))
	REPLY=$((tenths / 10)).$((tenths % 10))M
	[ $tenths != 0 ] || REPLY=-
}

now_ms()
{
	REPLY=${EPOCHREALTIME/[.,]/}
	REPLY=${REPLY%???}
}

# sleep(1) without a process.
mkfifo /run/nap
exec 9<>/run/nap
nap()
{
	read -rt "$1" -u 9 || true
}

declare -A stat
read_stat()
{
	local key value

	while read -r key value; do
		stat[$key]=$value
	done <"$cgroup/tiermem.stat"
}

header()
{
	printf '\n  %s%5s %6s %6s %7s %11s %8s %8s %8s %6s%s\n' "$bold" time quota DRAM slow \
		'hot in slow' promoted demoted steered ops/s "$plain"
}

line()
{
	local f fields=() done_ops

	read_stat
	for f in "$quota" "$dram" "$slow" "${stat[hot_in_slow]}" \
		"${stat[promoted_bytes]}" "${stat[demoted_bytes]}" "${stat[steered_bytes]}"; do
		mib "$f"
		fields+=("$REPLY")
	done
	read -r done_ops <"$ops" || done_ops=0
	printf '  %3d s %6s %6s %7s %11s %8s %8s %8s %6d\n' $(((now - start) / 1000)) \
		"${fields[@]}" $((done_ops < last_ops ? 0 :
				  (done_ops - last_ops) * 1000 / (now - last_line)))
	last_ops=$done_ops
	last_line=$now
}

samples=0 worst=0 over=0
sample()
{
	samples=$((samples + 1))
	read -r dram <"$cgroup/tiermem.dram_current"
	read -r slow <"$cgroup/tiermem.slow_current"
	read -r quota <"$cgroup/tiermem.dram_max"
	[ "$quota" != max ] || return 0
	if [ $((dram - quota)) -gt "$worst" ]; then
		worst=$((dram - quota))
	fi
	if [ "$dram" -gt $((quota + slack)) ]; then
		over=$((over + 1))
	fi
}

# Samples 20 times a second and prints a line each second, for $1 seconds, or
# as long as process $2 runs.
watch()
{
	local end

	now_ms
	end=$((REPLY + $1 * 1000))
	last_line=$((REPLY - 1000))
	read -r last_ops <"$ops" || last_ops=0
	[ -z "${2:-}" ] || last_ops=0
	while :; do
		now_ms
		now=$REPLY
		sample
		if [ $((now - last_line)) -ge 1000 ]; then
			line
		fi
		[ "$now" -lt "$end" ] || break
		[ -z "${2:-}" ] || [ -d "/proc/$2" ] || break
		nap 0.05
	done
}

# The kernel's own count, to compare with the module's.
numa_stat()
{
	local key rest kernel=0

	while read -r key rest; do
		case $key in
		anon|file)
			rest=${rest#*N0=}
			kernel=$((kernel + ${rest%% *})) ;;
		esac
	done <"$cgroup/memory.numa_stat"
	REPLY=$kernel
}

# Lowering has to be done when the write returns.
set_quota()
{
	local before

	show "echo $1 > $cgroup/tiermem.dram_max"
	now_ms
	before=$REPLY
	echo "$1" >"$cgroup/tiermem.dram_max"
	now_ms
	took=$((REPLY - before))
	sample
	mib "$dram"
	if [ "$dram" -le $((quota + slack)) ]; then
		say "The write returned after $((took / 1000)).$(printf %03d $((took % 1000))) s," \
		    "with $REPLY in DRAM."
	else
		fail "the write returned with $REPLY in DRAM"
	fi
}


step "Make the persistent memory a NUMA node"
say "The way of every PMEM administrator: a device-DAX namespace, used as RAM." \
    "The first line is for udev, which is not running here; the third leaves" \
    "the choice of a memory zone to daxctl."
quietly modprobe -a nfit nd_pmem device_dax dax_pmem kmem
quietly ndctl create-namespace -f -e namespace0.0 --mode=devdax --map=mem
show "echo offline > /sys/devices/system/memory/auto_online_blocks"
echo offline >/sys/devices/system/memory/auto_online_blocks
quietly daxctl reconfigure-device --mode=system-ram dax0.0
show "numactl --hardware"
numactl --hardware | sed -n 's/^node [0-9]* \(cpus\|size\)/    &/p'

step "Install tiermem with DKMS, load it"
tools/packaging/dkms-shortlist.sh nfit nd_pmem device_dax dax_pmem kmem
quietly dkms ldtarball "$DEMO_TARBALL"
quietly dkms install "tiermem/$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)"
show "dkms status"
dkms status 2>/dev/null | sed 's/^/    /'
quietly modprobe tiermem
dmesg | sed -n 's/^.*\] tiermem: /    tiermem: /p'
show "grep . /sys/kernel/tiermem/*_nodes"
(cd /sys/kernel/tiermem && grep . ./*_nodes) | sed 's|^\./|    |'
say "It may use 1 % of a processor to watch memory. Emulated, a processor does a" \
    "twentieth of its work, so here it gets twenty times as much."
show "echo 20 > /sys/kernel/tiermem/cpu_budget_percent"
echo 20 >/sys/kernel/tiermem/cpu_budget_percent

step "Give Redis a cgroup and a quota, and fill it"
show "mkdir $cgroup"
mkdir "$cgroup"
show "echo $DEMO_QUOTA > $cgroup/tiermem.dram_max"
echo "$DEMO_QUOTA" >"$cgroup/tiermem.dram_max"
show "echo \$\$ > $cgroup/cgroup.procs; exec redis-server --save '' ..."
(
	echo "$BASHPID" >"$cgroup/cgroup.procs"
	exec redis-server --save '' --appendonly no --port 0 --unixsocket "$socket" \
		>/run/redis.log 2>&1 9>&-
) &
redis=$!
until redis-cli -s "$socket" ping >/dev/null 2>&1; do
	[ -d "/proc/$redis" ] || { cat /run/redis.log; exit 1; }
	nap 0.2
done
show "redisload fill    # $DEMO_KEYS keys of $DEMO_VALUE bytes"
cat <<'LEGEND'

  quota        what was written to tiermem.dram_max
  DRAM         memory of Redis in DRAM now (tiermem.dram_current)
  slow         memory of Redis on the PMEM node now (tiermem.slow_current)
  hot in slow  pages in use that are on the PMEM node but should be in DRAM
  promoted     moved from PMEM to DRAM so far (this and the next: tiermem.stat)
  demoted      moved from DRAM to PMEM so far
  steered      new memory that was put on PMEM at once, the quota being used up
LEGEND
header
now_ms
start=$REPLY
echo 0 >"$ops"
"${load[@]}" fill &
filler=$!
watch 300 $filler
wait $filler || fail "redisload could not fill Redis"

step "Use it: nine of ten GETs ask for the same tenth of the keys"
say "Redis got memory in the order in which keys came, so what is in DRAM now is" \
    "chance. tiermem sees which pages are used, and brings them in, in exchange" \
    "for others. The tenth are $((DEMO_KEYS * 4096 / 10 >> 20))M, scattered all over."
show "redisload -h 10 load"
"${load[@]}" "${get[@]}" load &
loader=$!
header
watch "${DEMO_SECONDS:-20}"

step "Take half of its DRAM away, while it works"
set_quota "$DEMO_LOWER"
header
watch "${DEMO_SECONDS:-8}"

step "Give it more than it had"
set_quota "$DEMO_HIGHER"
header
watch "${DEMO_SECONDS:-12}"

step "Stop, and look at what we have"
kill $loader
if wait $loader; then
	ok "no GET got a wrong value"
else
	fail "redisload got wrong values"
fi
show "redisload verify"
if said=$("${load[@]}" verify 2>&1); then
	ok "$said"
else
	fail "$said"
fi
mib $worst
[ "$REPLY" != - ] || REPLY=nothing
if [ $over = 0 ]; then
	ok "the quota held in each of $samples samples, up to 20 a second (over it: $REPLY)"
else
	fail "DRAM was more than 4M above the quota in $over of $samples samples (worst: $REPLY)"
fi
sample
numa_stat
kernel=$REPLY
difference=$((kernel - dram))
mib "$kernel"
mine=$REPLY
mib "$dram"
said="the kernel's own count, memory.numa_stat, is $mine on node 0; tiermem says $REPLY"
if [ "$kernel" -le $((quota + slack)) ] && [ "${difference#-}" -le $slack ]; then
	ok "$said"
else
	fail "$said"
fi

step "Unload tiermem under the running Redis"
if quietly rmmod tiermem && [ ! -e "$cgroup/tiermem.dram_max" ] &&
		[ ! -e /sys/kernel/tiermem ]; then
	ok "module and files are gone"
else
	fail "something is left of the module"
fi
show "redis-cli dbsize"
said=$(redis-cli -s "$socket" dbsize || true)
if [ "$said" = "$DEMO_KEYS" ]; then
	ok "Redis is well and has its $said keys"
else
	fail "Redis says: $said"
fi
redis-cli -s "$socket" shutdown nosave || true
wait $redis || true
# 3: the demo went through, tiermem did not do what it promises.
[ -z "$failed" ] || exit 3

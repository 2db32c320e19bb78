#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What docs/tool.md shows: each verb of tiermemctl on a terminal of 80x24, in a VM with a Redis of
# which a tenth is in use and a batch job that goes through all it has. From the top of the tree:
#
#   selftests/vm/run.sh -k RELEASE -t pmem:dram=768M -T 1800 -n tool -- docs/tool/scene.sh
#
# leaves build/vm/tool/VERB.txt and heatmap.svg.
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
OUT=${VM_OUT:?"in a VM: see above"}
CG=/sys/fs/cgroup
MUX=/tmp/tool.tmux
# A page has no colours.
export LC_ALL=C.UTF-8 TERM=screen-256color NO_COLOR=1
export PATH=$TOP/build/tiermemctl:$PATH

screen()	# options of capture-pane
{
	tmux -S $MUX capture-pane -p "$@"
}

press()
{
	tmux -S $MUX send-keys "$@"
}

# The shell waits for the next command.
ready()
{
	[[ $(screen | sed '/^$/d' | tail -n 1) =~ ^#\ *$ ]]
}

wait_for()	# seconds command...
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "timed out: $*"; screen; return 1; }
		sleep 0.2
	done
}

# All that a command prints, with the command above.
shot()		# name, command
{
	type_in "$2"
	wait_for 120 ready
	keep "$1"
}

type_in()
{
	press -R
	tmux -S $MUX clear-history
	press "clear" Enter
	sleep 0.5
	wait_for 20 ready
	press -l "$1"
	wait_for 20 typed "$1"
	press Enter
	sleep 0.5
}

typed()		# command
{
	[[ $(screen | tr -d '\n') == *"$1"* ]]
}

keep()		# name; the prompt at the end is no part of it
{
	screen -S - | awk '{ line[NR] = $0 } !/^#? *$/ { last = NR }
		END { for (i = 1; i <= last; i++) print line[i] }' >"$OUT/$1.txt"
	echo "== $1"
	cat "$OUT/$1.txt"
}

group()		# cgroup command...
{
	local cgroup=$1

	shift
	mkdir -p "$CG/$cgroup"
	(echo 0 >"$CG/$cgroup/cgroup.procs"; exec "$@") &
}

load()		# requests a second come as they may
{
	redis-benchmark -r 15000 -n 100000000 -c 4 GET key:__rand_int__ >/dev/null 2>&1
}

# ---- the scene -----------------------------------------------------------------------------------

insmod "$TOP/build/$(uname -r)/tiermem.ko" || exit 1
mkdir $CG/system.slice
echo +memory >$CG/system.slice/cgroup.subtree_control
group system.slice/redis.service redis-server --save '' --loglevel warning
REDIS=$!
wait_for 60 redis-cli ping
for i in {0..14}; do
	redis-cli eval 'local value = string.rep("x", 1000)
		for i = ARGV[1] * 10000, ARGV[1] * 10000 + 9999 do
			redis.call("SET", string.format("key:%012d", i), value)
		end' 0 "$i" >/dev/null
done
load &
group system.slice/batch.service python3 -c '
b = bytearray(96 << 20)
while True:
	for i in range(0, len(b), 4096):
		b[i] ^= 1
' >/dev/null
tmux -S $MUX -u -f /dev/null new-session -d -x 80 -y 24 "PS1='# ' exec bash --norc"
wait_for 20 ready

shot set "tiermemctl set redis dram_max=64M; tiermemctl get redis dram_max"
sleep 60
shot list "tiermemctl list"
shot get "tiermemctl get redis.service | head -n 12"
shot heatmap "tiermemctl heatmap redis.service"
tiermemctl heatmap $REDIS -o "$OUT/heatmap.svg"
tiermemctl heatmap $REDIS -o "$OUT/heatmap.png"
tiermemctl heatmap $REDIS --json >"$OUT/heatmap.json"
shot advise "tiermemctl advise redis.service"
shot run "tiermemctl run --dram 16M -- sh -c 'cat /proc/self/cgroup'"
shot nodes "tiermemctl nodes"
shot check "tiermemctl check"
shot export "tiermemctl export | grep -v '^#' | head -n 14"

type_in "tiermemctl events --once"
sleep 2
tiermemctl set redis.service dram_max=32M --no-wait
wait_for 60 ready
keep events

tiermemctl set / dram_pool=128M
tiermemctl set batch.service dram_weight=100
tiermemctl set redis.service dram_max=max dram_weight=300
sleep 30
type_in "tiermemctl top"
sleep 5
keep top
press q
tmux -S $MUX kill-server
for pid in $(jobs -p); do
	kill "$pid"
done
wait
rmmod tiermem

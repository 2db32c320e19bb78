# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034	# overhead, data_bytes: systems.sh
# shellcheck disable=SC2154	# the job's variables: init; policy: systems.sh
#
# Workload micro: one program for each pattern, one after the other, a phase each.
# bench.args: patterns=NAME,... and options of "micro" for all of them, such as
# "--size 128M --warmup 3 --seconds 1". A program stops before and after its
# phase, so that one can look at it (--stop).

overhead=$((512 << 10))
size=128M patterns=$(arg patterns zipf | tr , ' ')
set --
for w in $args; do
	case $w in
	patterns=*) continue ;;
	--size=*) size=${w#*=} ;;
	esac
	case $prev in
	--size|-s) size=$w ;;
	esac
	set -- "$@" "$w"
	prev=$w
done
case $size in
*M)	bytes=$((${size%M} << 20)) ;;
*G)	bytes=$((${size%G} << 30)) ;;
*)	bytes=$size ;;
esac
: "${data_bytes:=$bytes}"

stopped()	# pid; false when it has ended
{
	local s

	while :; do
		[ -e "/proc/$1/stat" ] || return 1
		read -r s <"/proc/$1/stat"
		case $s in
		*") T "*) return 0 ;;
		*") Z "*) return 1 ;;
		esac
		usleep 10000
	done
}

# Where the pages are, for as long as it runs: probabilities and results are memory, too.
case " $args" in
*" --hits-every"*) overhead=$((overhead + (2 << 20))) ;;
esac
setup_system
case " $args" in
*" --hits-every"*)
	set -- "$@" --dram "$quota"
	[ "$system" != tiermem ] || set -- "$@" --hits-stat "$CGROUP/tiermem.stat" ;;
esac
stage "set up"
n=0
for pattern in $patterns; do
	n=$((n + 1))
	[ "$system" != oracle ] || mark --zero --pages-on
	# shellcheck disable=SC2086	# policy is words, perhaps none
	within -g $CGROUP -c $SERVER_CPU $policy -- \
		micro --pattern "$pattern" "$@" --seed "$seed" --phase $n --stop >&3 &
	pid=$!
	started $pid
	stopped $pid || fail "micro did not get to its phase"
	[ "$system" != oracle ] || mark --pages-off
	warm $pid
	state $n begin
	kill -CONT $pid
	stopped $pid || fail "micro did not get through its phase"
	state $n end
	kill -CONT $pid
	wait $pid || fail "micro failed"
done

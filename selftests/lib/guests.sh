# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # some of it is for the script only
#
# Virtual machines for test_guests.sh; sourced after ktap.sh. A guest is a name; what is known of
# it is in arrays by that name. Each has a cgroup, $CG/NAME, and pipes to its QEMU's monitor and to
# the program in it (guest/init.c).

GUEST_DIR=$BIN/guest
readonly MIB=$((1 << 20))
OVER=$((4 * MIB))		# what CPUs may hold beyond a quota
# The stall detectors know nothing of a host that gives a vCPU no time.
GUEST_CMDLINE="console=ttyS0 quiet panic=0 nokaslr mitigations=off no_timer_check tsc=reliable
cryptomgr.notests random.trust_cpu=on swiotlb=noforce rcupdate.rcu_cpu_stall_timeout=100
watchdog_thresh=50"
GUEST_CMDLINE=${GUEST_CMDLINE//$'\n'/ }
# shellcheck source=selftests/vm/qmp.sh
. "$SELFTESTS/vm/qmp.sh"
# shellcheck source=selftests/vm/verdict.sh
. "$SELFTESTS/vm/verdict.sh"	# SPLAT

declare -A PID BASE TO FROM QMP_TO QMP_FROM
SAMPLER=
dir=$(mktemp -d)
mkfifo "$dir/never"
exec {NEVER}<>"$dir/never"

# Sleeps without a process.
pause()			# seconds
{
	read -r -t "$1" -u "$NEVER" || :
}

key()			# file key; prints a number of a flat keyed file
{
	awk -v k="$2" '$1 == k { print $2 }' "$1"
}

mib()			# bytes, with a digit
{
	awk -v b="$1" 'BEGIN { printf "%.1fM", b / 1048576 }'
}

pct()			# part whole
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", b ? 100 * a / b : 0 }'
}

at_least()		# number bar
{
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'
}

# ---- life of a guest ----------------------------------------------------------------------------

# Starts QEMU in a new cgroup and waits for nothing. MEMORY, if set, are the arguments that make the
# guest's memory, with the id "mem"; INITRD is another image. More arguments of QEMU follow.
guest_start()		# name MiB quota arguments...
{
	local name=$1 mib=$2 quota=$3 f d=$dir/$1 a b c e

	shift 3
	mkdir -p "$d" "$CG/$name" || return 1
	[ "$quota" = none ] || echo "$quota" >"$CG/$name/tiermem.dram_max" || return 1
	for f in qmp port; do
		[ -e "$d/$f.in" ] || mkfifo "$d/$f.in" "$d/$f.out"
	done
	exec {a}<>"$d/port.in" {b}<>"$d/port.out" {c}<>"$d/qmp.in" {e}<>"$d/qmp.out"
	TO[$name]=$a FROM[$name]=$b QMP_TO[$name]=$c QMP_FROM[$name]=$e
	(
		echo $BASHPID >"$CG/$name/cgroup.procs" || exit
		# shellcheck disable=SC2086	# arguments are words
		exec qemu-system-x86_64 -name "$name" -nodefaults -no-user-config -display none \
			-accel kvm -cpu host -machine q35,memory-backend=mem -smp 1 -m "$mib" \
			-object ${MEMORY:-memory-backend-ram},id=mem,size="${mib}M" \
			-kernel "$GUEST_DIR/vmlinuz" -initrd "$GUEST_DIR/${INITRD:-initramfs}" \
			-append "$GUEST_CMDLINE" \
			-serial "file:$d/console" \
			-chardev "pipe,id=qmp,path=$d/qmp" -mon chardev=qmp,mode=control \
			-chardev "pipe,id=port,path=$d/port" -device virtio-serial-pci \
			-device virtserialport,chardev=port,nr=1 \
			-device virtio-balloon-pci,id=balloon "$@" >"$d/qemu.log" 2>&1 </dev/null
	) &
	PID[$name]=$!
	disown $!	# or bash reports how it ended
}

# Until its program says that it is there, with its memory mapped but not touched.
guest_ready()		# name
{
	guest_reply "$1" 120 || { ktap_diag "$1 did not come up"; return 1; }
}

# Once after its start: what QEMU calls addresses of the guest.
guest_attach()		# name
{
	qmp "$1" '{"execute":"qmp_capabilities"}' &&
		qmp "$1" '{"execute":"human-monitor-command",
			"arguments":{"command-line":"gpa2hva 0"}}' || return 1
	[[ $REPLY =~ \ is\ (0x[0-9a-f]+) ]] || { ktap_diag "gpa2hva: $REPLY"; return 1; }
	BASE[$1]=${BASH_REMATCH[1]}
}

guest_up()		# as guest_start
{
	guest_start "$@" && guest_ready "$1" && guest_attach "$1"
}

# Ends it, as kill -9 does, and waits until its cgroup is empty and gone.
guest_end()		# name
{
	local name=$1 fd

	[ -n "${PID[$name]:-}" ] || return 0
	kill -9 "${PID[$name]}" 2>/dev/null
	until_ms 10000 dead "$name"
	for fd in "${TO[$name]}" "${FROM[$name]}" "${QMP_TO[$name]}" "${QMP_FROM[$name]}"; do
		exec {fd}>&-
	done
	unset "PID[$name]"
	until_ms 10000 rmdir "$CG/$name" 2>/dev/null
}

alive()			# name
{
	kill -0 "${PID[$1]}" 2>/dev/null
}

dead()			# name
{
	! alive "$1"
}

# Nothing in a guest's kernel was unhappy.
no_splat()		# name
{
	! grep -aE "$SPLAT" "$dir/$1/console" >"$dir/splat" && return 0
	ktap_diag "$1: $(head -n 5 "$dir/splat")"
	return 1
}

# ---- talk ---------------------------------------------------------------------------------------

# Reads up to the line that ends an answer. REPLY_WORDS: its words, OK CLOCK_MS RESULT...; other
# lines are in $dir/NAME/lines.
guest_reply()		# name seconds
{
	local line part='' end=$((SECONDS + $2 * ${TM_TIME_PCT:-100} / 100))

	: >"$dir/$1/lines"
	REPLY_WORDS=()
	while [ "$SECONDS" -lt "$end" ]; do
		alive "$1" || { ktap_diag "$1: ended"; last_words "$1"; return 1; }
		# What was read of a line until it was too late is in there, too.
		read -r -t 2 -u "${FROM[$1]}" line || { part+=$line; continue; }
		line=$part$line part=''
		case $line in
		OK*)	read -ra REPLY_WORDS <<<"$line"; return 0 ;;
		ERR*)	ktap_diag "$1: $line"; return 1 ;;
		*)	echo "$line" >>"$dir/$1/lines" ;;
		esac
	done
	ktap_diag "$1: no answer in $2 s"
	last_words "$1"
	return 1
}

last_words()		# name
{
	ktap_diag "$(tail -n 20 "$dir/$1/console" "$dir/$1/qemu.log")"
}

# Sets RESULT, the number of the answer, and CLOCK, the guest's in ms.
ask()			# name command...
{
	echo "${*:2}" >&"${TO[$1]}"
	guest_reply "$1" 120 || { ktap_diag "$1: ${*:2}"; return 1; }
	if [ "${REPLY_WORDS[2]}" = READY ]; then
		ktap_diag "$1: ${*:2}: it has started again"
		last_words "$1"
		return 1
	fi
	CLOCK=${REPLY_WORDS[1]} RESULT=${REPLY_WORDS[3]:-}
}

# REPLY: the monitor's answer. Events are passed over.
qmp()			# name json
{
	qmp_ask "${QMP_TO[$1]}" "${QMP_FROM[$1]}" 60 "$2" && return 0
	ktap_diag "$1: $2: $REPLY"
	return 1
}

# ---- what there is to see -----------------------------------------------------------------------

# Percent of the hot eighth that is in DRAM.
hot_pct()		# name
{
	local fast slow absent

	ask "$1" where >&2 || { echo 0; return 1; }
	read -r fast slow absent < <("$GUEST_DIR/placed" "${PID[$1]}" "${BASE[$1]}" \
		<"$dir/$1/lines")
	pct "$fast" $((fast + slow + absent))
}

# KiB of huge pages in the guest's memory.
huge_kib()		# name
{
	awk -v from="${BASE[$1]#0x}-" '
		/^[0-9a-f]+-[0-9a-f]+ / { at = index($1, from) == 1 }
		at && /^AnonHugePages:/ { print $2; exit }' "/proc/${PID[$1]}/smaps"
}

# A process that looks at the DRAM of groups until sampled() is called.
sample()		# name...
{
	[ -z "$SAMPLER" ] || { touch "$dir/stop-sampling"; wait "$SAMPLER"; }
	rm -f "$dir/stop-sampling"
	sampler "$@" >"$dir/samples" &
	SAMPLER=$!
}

sampler()		# name...
{
	local name v n=0
	declare -A most

	for name; do most[$name]=0; done
	while [ ! -e "$dir/stop-sampling" ]; do
		for name; do
			read -r v <"$CG/$name/tiermem.dram_current" || continue
			[ "$v" -le "${most[$name]}" ] || most[$name]=$v
		done
		n=$((n + 1))
		read -r -t 0.02 -u "$NEVER"
	done
	for name; do
		echo "$name ${most[$name]} $n"
	done
}

# Ends the sampler. Did all keep to their limits, in the order in which they were named?
sampled()		# bytes...
{
	local name most n rc=0

	touch "$dir/stop-sampling"
	wait "$SAMPLER"
	SAMPLER=
	while read -r name most n; do
		ktap_diag "$name: at most $(mib "$most") in DRAM in $n looks, quota $(mib "$1")"
		[ "$n" -gt 0 ] && [ "$most" -le $(($1 + OVER)) ] || rc=1
		shift
	done <"$dir/samples"
	return $rc
}

# Ends the guest's work: is all of its memory as it was written, and its kernel happy?
intact()		# name
{
	ask "$1" verify || return 1
	no_splat "$1" && [ "$RESULT" = 0 ] && return 0
	ktap_diag "$1: $RESULT mismatches"
	return 1
}

where_is()		# name
{
	echo "DRAM $(mib "$(<"$CG/$1/tiermem.dram_current")")," \
		"slow $(mib "$(<"$CG/$1/tiermem.slow_current")")"
}

moved()			# name
{
	echo "promoted $(mib "$(key "$CG/$1/tiermem.stat" promoted_bytes)")," \
		"demoted $(mib "$(key "$CG/$1/tiermem.stat" demoted_bytes)")"
}

# What moved, what could not, and why.
stats()			# name
{
	ktap_diag "$1: $(awk '$2 && !/^(dram|slow)_bytes|^scan/ { printf "%s %s, ", $1, $2 }' \
		"$CG/$1/tiermem.stat")events$(awk '$2 { printf " %s %s", $1, $2 }' \
		"$CG/$1/tiermem.events")"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a finished guest is worth; sourced by run.sh.
# shellcheck disable=SC2154	# OUT, VM_ROOT, limit, check: run.sh

# Every word by which a kernel says that it found a bug in itself.
SPLAT='BUG:|WARNING:|KASAN|KCSAN|UBSAN|Oops|general protection|Kernel panic'
SPLAT+='|INFO: (task|rcu)|possible (circular|recursive)|inconsistent lock'
SPLAT+='|suspicious RCU|sleeping function|refcount_t|list_(add|del) corruption'
SPLAT+='|Bad page|bad: scheduling|soft lockup|hung_task|unreferenced object'
SPLAT+='|PAGE_TABLE_CHECK|ODEBUG|VM_BUG|page:.*refcount'
readonly SPLAT

# An out-of-tree (O) unsigned (E) module was loaded: that is us.
readonly TAINT_OK=$((4096 | 8192))

field()		# name; prints its value from the guest's last words
{
	sed -n "s/^$1 //p" "$OUT/result" 2>/dev/null
}

# A page dump is a splat unless it ends with the kernel's own report of a page that
# memory hotplug could not move, now or at all.
drop_hotplug_dumps()
{
	awk '
	function give() { if (held != "") print held; held = "" }
	/page:.*refcount/ { give(); held = $0; next }
	/page dumped because: (migration failure|isolation failed|unmovable page)/ { held = ""; next }
	/page dumped because:/ { give() }
	{ print }
	END { give() }
	'
}

splats()
{
	local lines

	# The console has what came after the boot, also of a guest that died;
	# dmesg has the boot. Most lines are in both.
	lines=$(cat "$OUT/console" "$OUT/dmesg" 2>/dev/null | tr -d '\r' | drop_hotplug_dumps |
		grep -aE "$SPLAT" | sed 's/^\[[^]]*\] //' | awk '!seen[$0]++') || :
	[ -z "$lines" ] || echo "$lines"
}

verdict()	# status of QEMU; sets STATUS
{
	local qemu=$1 bad='' taint lines

	STATUS=$(field status)
	lines=$(splats)
	if [ "$qemu" -eq 124 ]; then
		STATUS=124
		echo "vm: time limit of ${limit}s (console in ${OUT#"$VM_ROOT"/})" >&2
	elif ! grep -q '^end' "$OUT/result" 2>/dev/null; then
		STATUS=125
		echo "vm: the guest died (QEMU status $qemu, ${OUT#"$VM_ROOT"/}); end of its console:" >&2
		tail -n 40 "$OUT/console" 2>/dev/null | tr -d '\r' >&2 || :
	elif [ -n "$(field setup)" ]; then
		STATUS=125
		echo "vm: $(field setup)" >&2
	fi
	if [ "$check" -eq 0 ]; then
		return
	fi

	if [ -n "$lines" ]; then
		bad+="in the console: $(head -n 20 <<<"$lines")"$'\n'
	fi
	if [ "$(field isolated)" ] && [ "$(field isolated)" -ne 0 ]; then
		bad+="$(field isolated) pages left isolated"$'\n'
	fi
	taint=$(field taint)
	taint=$((${taint:-0} & ~TAINT_OK))
	if [ "$taint" -ne 0 ]; then
		bad+="kernel taint $(field taint)"$'\n'
	fi
	[ -n "$bad" ] || return 0
	printf 'vm: kernel damaged (%s, command status %s): %s' \
		"${OUT#"$VM_ROOT"/}" "${STATUS:-none}" "$bad" >&2
	case $STATUS in
	124|125) ;;
	*) STATUS=90 ;;
	esac
}

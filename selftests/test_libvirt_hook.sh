#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/libvirt/ without libvirt: the hook and tiermem-virt-apply on a made-up /proc, /sys, /etc
# and /run. test_libvirt.sh has the real ones.
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

readonly HOOK=$TOP/tools/libvirt/tiermem
readonly SCOPE='machine.slice/machine-qemu\x2d1\x2dweb.scope'

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root
mkdir "$dir/bin"
# What goes to the system's log is one line each in $dir/log.
cat >"$dir/bin/logger" <<END
#!/bin/sh
while [ \$# -gt 1 ]; do shift; done
printf '%s\n' "\$1" >>"$dir/log"
END
# virsh: one running domain. Nothing may call it but people.
cat >"$dir/bin/virsh" <<END
#!/bin/sh
echo "\$@" >>"$dir/virsh"
case "\$*" in
*"list --name") printf 'web\n\n' ;;
*dumpxml*) cat "$dir/xml" ;;
esac
END
chmod +x "$dir/bin"/*
ln -s "$TOP/tools/libvirt/tiermem-virt-apply" "$dir/bin/"

# As libvirtd runs it: few variables, and a locale that is none.
as_libvirt=(env -i LC_ALL=C PATH="$dir/bin:/usr/sbin:/usr/bin:/sbin:/bin" TIERMEM_ROOT="$root")

# ---- a machine ----------------------------------------------------------------------------------

# An empty one, with the module loaded.
new_root()
{
	rm -rf "$root" "$dir/log" "$dir/virsh"
	mkdir -p "$root"/{proc,run/libvirt/qemu,etc/tiermem.d,sys/kernel/tiermem,sys/fs/cgroup}
	: >"$dir/log"
}

# A running QEMU; some tests need more than one.
new_domain()		# name pid cgroup-of-domain [cgroup-of-qemu-below-it]
{
	mkdir -p "$root/proc/$2" "$root/sys/fs/cgroup/$3/${4:-}"
	echo "$2" >"$root/run/libvirt/qemu/$1.pid"
	printf '0::/%s\n' "$3${4:+/$4}" >"$root/proc/$2/cgroup"
	: >"$root/sys/fs/cgroup/$3/tiermem.dram_max"
}

conf()			# file line...
{
	printf '%s\n' "${@:2}" >"$root/etc/tiermem.d/$1"
}

xml()			# name [element in metadata]
{
	cat <<END
<domain type='kvm' id='1'>
  <name>$1</name>
  <metadata>
    <other:thing xmlns:other='http://example.org/' dram_max='9G'/>
    ${2:-}
  </metadata>
  <memory unit='KiB'>1048576</memory>
</domain>
END
}

quota()			# attributes
{
	echo "<tiermem:quota xmlns:tiermem='urn:tiermem:libvirt:1' $1/>"
}

# Runs the hook with the XML of standard input; its status must be 0 and its output empty.
hook()			# name [operation [suboperation]]
{
	local out status=0

	out=$("${as_libvirt[@]}" "$HOOK" "$1" "${2:-started}" "${3:-begin}" -) || status=$?
	[ "$status" -eq 0 ] && [ -z "$out" ] && return 0
	ktap_diag "status $status, output '$out'"
	return 1
}

is()			# what expected found
{
	[ "$2" = "$3" ] && return 0
	ktap_diag "$1: expected '$2', found '$3'"
	return 1
}

has_quota()		# cgroup quota
{
	is "quota of $1" "$2" "$(cat "$root/sys/fs/cgroup/$1/tiermem.dram_max")"
}

# Exactly one line was logged, and it matches.
logged()		# pattern
{
	local log

	log=$(<"$dir/log")
	# shellcheck disable=SC2053	# a pattern
	[[ $log == $1 && $log != *$'\n'* ]] && return 0
	ktap_diag "logged '$log', expected '$1'"
	return 1
}

# The hook has something to complain about, once, and changes nothing.
complains()		# pattern
{
	hook web && logged "web: no quota*$1" && has_quota "$SCOPE" ''
}

# ---- stories --------------------------------------------------------------------------------------

from_metadata()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	xml web "$(quota "dram_max='2G'")" | hook web && has_quota "$SCOPE" 2G &&
		logged 'web: dram_max 2G (metadata), /machine.slice/*.scope' || return 1
	: >"$dir/log"
	xml web "$(quota "dram_max='3G'")" | hook web reconnect && has_quota "$SCOPE" 3G
}

# QEMU where libvirt puts it with systemd, in a partition, without systemd, and without `libvirt/`.
layouts()
{
	local cgroup below

	while read -r cgroup below; do
		new_root
		new_domain web 100 "$cgroup" "$below"
		xml web "$(quota "dram_max='2G'")" | hook web && has_quota "$cgroup" 2G || return 1
	done <<-'END'
	machine.slice/machine-qemu\x2d1\x2dweb.scope libvirt/emulator
	machine.slice/machine-qemu\x2d1\x2dweb.scope libvirt
	machine.slice/machine-qemu\x2d1\x2dweb.scope
	machine.slice/machine-prod.slice/machine-qemu\x2d12\x2dweb.scope libvirt/vcpu0
	machine/qemu-1-web.libvirt-qemu emulator
	machine/qemu-1-web.libvirt-qemu
	machine/prod.partition/qemu-3-web.libvirt-qemu emulator
	user.slice/session-3.scope/machine/qemu-1-web.libvirt-qemu emulator
	END
}

# Never on what else is in the way: libvirtd's own service, a session, the root.
no_cgroup_of_its_own()
{
	local cgroup

	for cgroup in system.slice/libvirtd.service user.slice/session-3.scope ''; do
		new_root
		new_domain web 100 "$cgroup"
		xml web "$(quota "dram_max='2G'")" | hook web &&
			logged 'web: no quota*no cgroup of its own*' &&
			has_quota "$cgroup" '' || return 1
	done
}

from_files()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	conf 10-db.conf domain=db dram_max=1G
	conf 20-mariadb.conf cgroup=system.slice/mariadb.service dram_max=7G
	conf 30-web.conf '# the web server' '' 'domain = web' '  dram_max = 2G  '
	conf 40-web.conf domain=web dram_max=8G
	conf web.conf.bak domain=web dram_max=9G
	xml web | hook web && has_quota "$SCOPE" 2G &&
		logged 'web: dram_max 2G (/etc/tiermem.d/30-web.conf), *'
}

# Where domains share a pool: all three, in files and in metadata.
shares_of_a_pool()
{
	local group=$root/sys/fs/cgroup/$SCOPE

	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	: >"$group/tiermem.dram_min"
	: >"$group/tiermem.dram_weight"
	conf 10-machine.conf dram_pool=64G pool_policy=fair cpu_budget_percent=2 migrate_mbps=512
	conf 20-redis.conf unit=redis.service dram_max=7G
	conf 30-web.conf domain=web dram_max=2G dram_weight=300 dram_min=1G
	xml web | hook web && is "settings" "2G 1G 300" "$(paste -d' ' "$group"/tiermem.dram_{max,min,weight})" &&
		logged 'web: dram_min 1G, dram_weight 300, dram_max 2G (/etc/tiermem.d/30-web.conf), *' || return 1
	: >"$group/tiermem.dram_max"
	: >"$group/tiermem.dram_weight"
	xml web "$(quota "dram_weight='50'")" | hook web && has_quota "$SCOPE" '' &&
		is "weight" 50 "$(<"$group/tiermem.dram_weight")" || return 1
	# What came before it is set.
	: >"$dir/log"
	ln -sf /dev/full "$group/tiermem.dram_max"
	xml web | hook web && logged "web: dram_min 1G, dram_weight 300, but no quota, dram_max '2G': No space*"
}

metadata_wins()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	conf web.conf domain=web dram_max=2G
	xml web "$(quota "dram_max='max'")" | hook web && has_quota "$SCOPE" max
}

nothing_wanted()
{
	new_root
	new_domain web 100 "$SCOPE"
	conf db.conf domain=db dram_max=1G
	xml web | hook web && logged '' && has_quota "$SCOPE" '' || return 1
	rm -r "$root/etc/tiermem.d"
	xml web | hook web && logged '' && has_quota "$SCOPE" ''
}

odd_names()
{
	local name

	for name in 'web-01-a' 'my web server' 'größe-ü' '日本' '--apply' "it's" 'a*b' '100%s'; do
		new_root
		new_domain "$name" 100 "$SCOPE" libvirt/emulator
		xml "$name" "$(quota "dram_max='2G'")" | hook "$name" &&
			has_quota "$SCOPE" 2G && logged '*: dram_max 2G*' || return 1
		new_root
		new_domain "$name" 100 "$SCOPE" libvirt/emulator
		conf some.conf "domain=$name" dram_max=3G
		xml "$name" | hook "$name" && has_quota "$SCOPE" 3G &&
			is "the name in the log" "$name:" "$(sed 's/ dram_max 3G .*//' "$dir/log")" ||
			return 1
	done
}

# ---- what can go wrong ----------------------------------------------------------------------------

bad_input()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	: | complains 'bad XML: *' || return 1
	: >"$dir/log"
	head -c 3000 /dev/urandom | complains 'bad XML: *' || return 1
	: >"$dir/log"
	xml web | head -n 5 | complains 'bad XML: *' || return 1
	: >"$dir/log"
	xml web "$(quota "")" | complains 'metadata: the element has no dram_max' || return 1
	: >"$dir/log"
	xml web "$(quota "dram_max=''")" | complains 'metadata: *' || return 1
	# A wrong value is the kernel's to refuse; here a device does that.
	: >"$dir/log"
	ln -sf /dev/full "$root/sys/fs/cgroup/$SCOPE/tiermem.dram_max"
	xml web "$(quota "dram_max='2X&#10;'")" | hook web && logged "web: no quota, *'2X?n': No space*"
}

bad_files()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	conf a.conf 'dram_max 2G'
	xml web | complains "/etc/tiermem.d/a.conf:1: not understood: 'dram_max 2G'" || return 1
	: >"$dir/log"
	conf a.conf domain=web dram_mx=2G
	xml web | complains "a.conf:2: not understood: 'dram_mx=2G'" || return 1
	: >"$dir/log"
	conf a.conf domain=web
	xml web | complains 'a.conf: no dram_max=' || return 1
	: >"$dir/log"
	conf a.conf dram_max=2G
	xml web | complains 'a.conf: needs one of domain=, unit= and cgroup=' || return 1
	: >"$dir/log"
	head -c 3000 /dev/urandom >"$root/etc/tiermem.d/a.conf"
	xml web | complains 'a.conf:*' || return 1
	# Neither a file that is broken nor another domain's keep this one from its quota.
	: >"$dir/log"
	conf b.conf domain=db
	conf c.conf domain=web dram_max=2G
	xml web | hook web && has_quota "$SCOPE" 2G && logged 'web: dram_max 2G *'
}

surroundings()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	rm "$root/sys/fs/cgroup/$SCOPE/tiermem.dram_max"
	xml web "$(quota "dram_max='2G'")" | hook web &&
		logged "web: no quota, *no tiermem.dram_max in /machine.slice*" || return 1
	: >"$dir/log"
	rmdir "$root/sys/kernel/tiermem"
	xml web "$(quota "dram_max='2G'")" | hook web &&
		logged 'web: no quota*the module tiermem is not loaded' || return 1
	: >"$dir/log"
	echo '4:memory:/machine/qemu-1-web.libvirt-qemu' >"$root/proc/100/cgroup"
	xml web "$(quota "dram_max='2G'")" | hook web && logged 'web: no quota*no cgroup v2' || return 1
	: >"$dir/log"
	rm "$root/proc/100/cgroup"
	xml web "$(quota "dram_max='2G'")" | hook web && logged 'web: no quota*not running' || return 1
	: >"$dir/log"
	echo nonsense >"$root/run/libvirt/qemu/web.pid"
	xml web "$(quota "dram_max='2G'")" | hook web && logged 'web: no quota*no number in *' || return 1
	# Half an installation.
	: >"$dir/log"
	mv "$dir/bin/tiermem-virt-apply" "$dir/away"
	xml web | hook web
	set -- $?
	mv "$dir/away" "$dir/bin/tiermem-virt-apply"
	[ "$1" -eq 0 ] && logged '*tiermem-virt-apply: not found'
}

other_operations()
{
	local op

	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	for op in prepare start stopped release migrate restore attach nonsense; do
		xml web "$(quota "dram_max='2G'")" | hook web "$op" || return 1
	done
	xml web "$(quota "dram_max='2G'")" | hook web started end &&
		"${as_libvirt[@]}" "$HOOK" </dev/null && "${as_libvirt[@]}" "$HOOK" web </dev/null &&
		logged '' && has_quota "$SCOPE" '' && [ ! -e "$dir/virsh" ]
}

# Who opens a FIFO waits until somebody else does.
hangs()
{
	local start

	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	mkfifo "$root/etc/tiermem.d/web.conf"
	start=$(now_ms)
	# hook reads all the output: nobody has kept the pipe that libvirtd would wait for.
	xml web | hook web && logged 'web: not done after 5 s, goes on in the background' &&
		[ $(($(now_ms) - start)) -lt 9000 ] && has_quota "$SCOPE" '' || return 1
	: >"$dir/log"
	conf web.conf domain=web dram_max=2G
	until_ms 5000 grep -q . "$dir/log"
	logged 'web: dram_max 2G *' && has_quota "$SCOPE" 2G && until_ms 3000 no_worker || return 1
	# Standard input that does not end.
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	sleep 7 | hook web && logged 'web: not done after 5 s, *' && until_ms 5000 no_worker
}

killed()
{
	local pid status=0

	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	mkfifo "$root/etc/tiermem.d/web.conf"
	xml web >"$dir/xml"
	# The hook itself.
	"${as_libvirt[@]}" "$HOOK" web started begin - <"$dir/xml" &
	pid=$!
	until_ms 3000 has_child "$pid"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	is "status after SIGTERM" 0 "$status" || return 1
	until_ms 3000 no_worker || return 1
	# The process that works for it.
	"${as_libvirt[@]}" "$HOOK" web started begin - <"$dir/xml" &
	pid=$!
	until_ms 3000 has_child "$pid"
	kill -KILL "$(pgrep -P "$pid")"
	wait "$pid" || status=$?
	is "status after SIGKILL of the worker" 0 "$status" &&
		logged 'web: tiermem-virt-apply ended with status 137'
}
# shellcheck disable=SC2329
has_child()		# pid
{
	pgrep -P "$1" >/dev/null
}
# shellcheck disable=SC2329
no_worker()
{
	! grep -qszx "TIERMEM_ROOT=$root" /proc/[0-9]*/environ
}

# ---- by hand --------------------------------------------------------------------------------------

by_hand()
{
	new_root
	new_domain web 100 "$SCOPE" libvirt/emulator
	xml web "$(quota "dram_max='2G'")" >"$dir/xml"
	"${as_libvirt[@]}" tiermem-virt-apply 7 >"$dir/out" && has_quota "$SCOPE" 2G &&
		is "output" "web: dram_max 2G (metadata), /$SCOPE" "$(<"$dir/out")" &&
		is "virsh" "-q -r -c qemu:///system dumpxml --domain=7" "$(<"$dir/virsh")" || return 1
	xml web "$(quota "dram_max='3G'")" >"$dir/xml"
	"${as_libvirt[@]}" tiermem-virt-apply >"$dir/out" && has_quota "$SCOPE" 3G || return 1
	rm "$root/run/libvirt/qemu/web.pid"
	! "${as_libvirt[@]}" tiermem-virt-apply web >"$dir/out" &&
		is "output" "web: no quota, dram_max '3G': not running" "$(<"$dir/out")" || return 1
	"${as_libvirt[@]}" tiermem-virt-apply --nonsense 2>"$dir/out"
	is "status of a wrong option" 2 $?
}

ktap_header
ktap_plan 15
ktap_check "the quota is in the metadata: started, reconnect" from_metadata
ktap_check "the domain's cgroup in all layouts" layouts
ktap_check "QEMU without a cgroup of its own: nobody gets the quota" no_cgroup_of_its_own
ktap_check "the quota is in /etc/tiermem.d" from_files
ktap_check "a reservation and a weight; others' files are left alone" shares_of_a_pool
ktap_check "metadata wins" metadata_wins
ktap_check "no quota configured: nothing is set or logged" nothing_wanted
ktap_check "names with dashes, blanks, unicode" odd_names
ktap_check "bad XML, bad metadata: one line in the log, status 0" bad_input
ktap_check "bad files: one line in the log, status 0" bad_files
ktap_check "no module, no memory controller, cgroup v1, no QEMU: the same" surroundings
ktap_check "other operations do nothing, and virsh is never called" other_operations
ktap_check "what hangs is left behind after 5 s, and done later" hangs
ktap_check "killed: status 0 all the same" killed
ktap_check "by hand, tiermem-virt-apply [DOMAIN...]" by_hand
ktap_end

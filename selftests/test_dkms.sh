#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# DKMS round trip, in two halves.
#
#   test_dkms.sh host  on the machine that builds: add, build and install for
#                      every installed kernel with headers, upgrade, pack,
#                      remove. In scratch trees: the machine's own DKMS and
#                      modules stay as they are.
#   test_dkms.sh vm    in a virtual machine, whose root is thrown away: install
#                      from the package of the first half (compiling there would
#                      take minutes), modprobe, rmmod, remove
#
# Without an argument: vm in a guest of selftests/vm/run.sh, else host.
set -u

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
cd "$TOP" || exit $KSFT_FAIL

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
install=tools/packaging/dkms-install.sh
remove=tools/packaging/dkms-remove.sh
half=${1:-$([ -n "${VM_OUT:-}" ] && echo vm || echo host)}

# What the first half leaves for the second.
package()	# kernel
{
	echo "$TOP/build/dkms/test-$1.dkms.tar.gz"
}

# Runs a command; what it says is shown only if it fails.
silently()
{
	local said rc=0

	said=$("$@" 2>&1) || rc=$?
	[ "$rc" -eq 0 ] || ktap_diag "$* ($rc): $said"
	return "$rc"
}

# ---- host -------------------------------------------------------------------

# Everything of DKMS and of ours that the machine itself has.
machine_state()
{
	find /usr/src/tiermem-* /var/lib/dkms /lib/modules/*/updates /lib/modules/*/extra \
		-printf '%p %s %T@\n' 2>/dev/null | sort
}

# The file that DKMS installed for a kernel, compressed if that kernel's are.
installed_file()	# kernel
{
	compgen -G "$scratch/lib/modules/$1/updates/dkms/tiermem.ko*"
}

installed_well()	# kernel version
{
	local file

	file=$(installed_file "$1") || { ktap_diag "no file for $1"; return 1; }
	case $(modinfo -F vermagic "$file") in
	"$1 "*)	;;
	*) ktap_diag "wrong vermagic: $(modinfo -F vermagic "$file")"; return 1 ;;
	esac
	[ "$(modinfo -F version "$file")" = "$2" ] ||
		{ ktap_diag "wrong version: $(modinfo -F version "$file")"; return 1; }
	[ -n "$(modinfo -F signer "$file")" ] || { ktap_diag "not signed"; return 1; }
}

all_installed()
{
	local k

	for k in "${kernels[@]}"; do
		installed_well "$k" "$version" || return 1
	done
}

# A copy of the project that calls itself an older version.
install_older()
{
	local old=$scratch/project

	mkdir -p "$old/tools"
	cp -r dkms.conf Kbuild Makefile module uapi "$old/" && cp -r tools/packaging "$old/tools/" &&
	sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="0.0.1"/' "$old/dkms.conf" &&
	KVER=${kernels[0]} silently "$old/$install" &&
	installed_well "${kernels[0]}" 0.0.1
}

install_all()
{
	KVER="${kernels[*]}" silently "$install" && all_installed
}

upgraded()
{
	install_all && [ ! -e "$scratch/var/lib/dkms/tiermem/0.0.1" ] &&
		[ ! -e "$scratch/usr/src/tiermem-0.0.1" ]
}

installed_times()
{
	local k

	for k in "${kernels[@]}"; do
		stat -c '%n %Y' "$(installed_file "$k")"
	done
}

again_does_nothing()
{
	local before

	before=$(installed_times)
	sleep 1.1
	install_all && [ "$before" = "$(installed_times)" ]
}

# 77: "not for this kernel", which DKMS passes over in silence at upgrades.
other_kernel_is_skipped()
{
	local rc=0 said

	said=$(dkms build -m tiermem -v "$version" -k 5.10.0-1-amd64/x86_64 \
		--dkmstree "$scratch/var/lib/dkms" --sourcetree "$scratch/usr/src" 2>&1) || rc=$?
	[ "$rc" -eq 77 ] || { ktap_diag "status $rc: $said"; return 1; }
}

packs()
{
	local k file

	for k in "${kernels[@]}"; do
		file=$(package "$k")
		rm -f "$file"
		KVER=$k silently tools/packaging/dkms-tarball.sh "$file" || return 1
		tar tf "$file" | grep -q "/$k/x86_64/module/tiermem.ko" ||
			{ ktap_diag "no module in $file"; return 1; }
	done
}

removed()
{
	local left

	silently "$remove" || return 1
	left=$(find "$scratch"/{usr,var,lib} ! -type d ! -name 'mok.*'
	       find "$scratch"/{usr,var,lib} -name '*tiermem*')
	[ -z "$left" ] || { ktap_diag "left behind: $left"; return 1; }
}

remove_again()
{
	silently "$remove"
}

test_host()
{
	local before k

	kernels=()
	for k in /lib/modules/*/build; do
		k=${k%/build}
		[ ! -e "/lib/modules/${k##*/}/build/include" ] || kernels+=("${k##*/}")
	done
	[ ${#kernels[@]} -gt 0 ] || ktap_skip_all "no kernel headers"
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	export DKMS_ROOT=$scratch
	# Its signing key is the one thing that DKMS looks up outside of the trees.
	export mok_signing_key=$scratch/var/lib/dkms/mok.key
	export mok_certificate=$scratch/var/lib/dkms/mok.pub

	ktap_plan 8
	ktap_diag "kernels: ${kernels[*]}"
	before=$(machine_state)
	ktap_check "add, build and install an older version" install_older
	ktap_check "upgrade it, for all kernels" upgraded
	ktap_check "installing again does nothing" again_does_nothing
	ktap_check "a kernel that is not supported is skipped" other_kernel_is_skipped
	ktap_check "pack source and binaries" packs
	ktap_check "remove, nothing is left" removed
	ktap_check "removing again does nothing" remove_again
	[ "$before" = "$(machine_state)" ]
	ktap_ok $? "the machine's own trees are untouched"
}

# ---- virtual machine ----------------------------------------------------------

file_of_module()
{
	compgen -G "/lib/modules/$(uname -r)/updates/dkms/tiermem.ko*"
}

load_package()
{
	silently tools/packaging/dkms-shortlist.sh libcrc32c &&
	silently dkms ldtarball "$(package "$(uname -r)")"
}

install_it()
{
	silently dkms install "tiermem/$version" && file_of_module >/dev/null &&
	dkms status 2>/dev/null |
		grep -q "^tiermem/$version, $(uname -r), x86_64: installed$"
}

loads()
{
	silently modprobe tiermem || { ktap_diag "$(dmesg | tail -n 3)"; return 1; }
	[ "$(cat "$SYSFS/version")" = "$version" ] && [ "$(modinfo -n tiermem)" = "$(file_of_module)" ]
}

works()
{
	local rc=0

	mkdir "$CG/dkms" || return 1
	# shellcheck disable=SC2015 # any step may fail
	echo 64M >"$CG/dkms/tiermem.dram_max" &&
		[ "$(cat "$CG/dkms/tiermem.dram_max")" = $((64 << 20)) ] || rc=1
	rmdir "$CG/dkms"
	return "$rc"
}

unloads()
{
	silently rmmod tiermem && leftovers
}

removed_from_vm()
{
	local left

	silently "$remove" || return 1
	left=$(compgen -G "/usr/src/tiermem-*"; compgen -G "/var/lib/dkms/tiermem*"
	       compgen -G "/lib/modules/$(uname -r)/updates/dkms"
	       dkms status 2>/dev/null | grep tiermem
	       grep tiermem "/lib/modules/$(uname -r)/modules.dep")
	[ -z "$left" ] || { ktap_diag "left behind: $left"; return 1; }
	! modprobe -q tiermem
}

put_back()
{
	umount "/lib/modules/$(uname -r)" /var/lib/dkms 2>/dev/null
}

test_vm()
{
	[ "$(findmnt -n -o FSTYPE /)" = overlay ] ||
		ktap_skip_all "only where the root is thrown away: test_dkms.sh host"
	[ -r "$(package "$(uname -r)")" ] ||
		ktap_skip_all "no $(package "$(uname -r)"): test_dkms.sh host makes it"
	! loaded || rmmod tiermem
	trap put_back EXIT

	ktap_plan 6
	ktap_check "load the package" load_package
	ktap_check "install" install_it
	ktap_check "modprobe" loads
	ktap_check "a quota can be set" works
	ktap_check "rmmod" unloads
	ktap_check "remove, nothing is left" removed_from_vm
}

ktap_header
need_root
command -v dkms >/dev/null || ktap_skip_all "dkms is not installed"
case $half in
host)	test_host ;;
vm)	test_vm ;;
*)	echo "usage: test_dkms.sh [host|vm]" >&2; exit 2 ;;
esac
ktap_end

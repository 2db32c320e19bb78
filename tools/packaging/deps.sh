#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make deps: everything that building, testing, the demo and style checks need,
# from Debian 12's own packages and its backports. Run it as often as you like;
# where nothing is missing it does nothing and asks no server.
#
#   deps.sh          install what is missing
#   deps.sh --check  list what is missing, exit with 1 if anything is
set -euo pipefail

PACKAGES=(
	# module, user space, DKMS
	gcc g++ make libc6-dev flex bison bc dkms kmod libelf-dev libssl-dev pahole cpio
	xz-utils zstd pkg-config libglib2.0-dev libnuma-dev liburing-dev libhiredis-dev
	libjson-c-dev libncurses-dev libcairo2-dev binutils
	# tests and demo
	busybox-static ndctl daxctl numactl redis-server redis-tools jq python3
	e2fsprogs strace bpftrace clang libclang-rt-14-dev lcov tmux groff-base
	# libvirt without libvirt-daemon-system: nothing that runs on this machine
	libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients systemd-container
	# runtimes of containers, without the daemons around them
	runc crun
	# benchmarks
	mariadb-server-core sysbench python3-matplotlib
	# style
	perl sparse shellcheck codespell
)
SUITE=bookworm-backports
LIST=/etc/apt/sources.list.d/tiermem-backports.list

die()
{
	echo "deps: $*" >&2
	exit 1
}

say()
{
	echo "deps: $*"
}

apt()
{
	# Another apt may be at work, such as unattended-upgrades.
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

# Version of an installed package, nothing otherwise. Patterns are allowed.
installed()
{
	dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version}\n' "$1" 2>/dev/null |
		sed -n 's/^ii *//p' || :
}

# Newest installed kernel RELEASE of a series (6.1, 6.12) that has its headers.
kernel_of()
{
	local rel ver newest=

	while read -r rel ver; do
		rel=${rel#linux-image-}
		case $rel in
		*cloud*|*-rt-*) continue ;;
		"$1".*|"$1"-*) ;;
		*) continue ;;
		esac
		[ -n "$(installed "linux-headers-$rel")" ] || continue
		newest="$newest$rel $ver"$'\n'
	done < <(installed "linux-image-$1*-amd64")
	sort -V <<<"$newest" | tail -n 1
}

# Sets NEED: what is to be installed, kernels as @SERIES, versions as @NAME.
look()
{
	local p list ver

	NEED=()
	list=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${PACKAGES[@]}" 2>/dev/null |
		sed -n 's/^ii *//p') || :
	for p in "${PACKAGES[@]}"; do
		grep -qxF "$p" <<<"$list" || NEED+=("$p")
	done
	for p in 6.1 6.12; do
		ver=$(kernel_of $p)
		[ -n "$ver" ] || NEED+=("@$p")
		# The source of the very kernel: for checkpatch it is all the
		# same, but not for the debug kernel. 6.1 has one archive only.
		case $p:$(installed "linux-source-$p") in
		*:) NEED+=("@source-$p") ;;
		6.12:"linux-source-6.12 ${ver#* }") ;;
		6.12:*) NEED+=("@source-$p") ;;
		esac
	done
	ver=$(installed qemu-system-x86)
	dpkg --compare-versions "${ver#* }" ge 1:10.0 || NEED+=(@qemu-system-x86)
}

# The suite comes from the mirror that this machine uses for Debian itself.
add_backports()
{
	local key uri code targets

	# With $(ORIGIN) and so on apt reads all forms of its configuration,
	# and no third-party "bookworm main" is taken for Debian.
	# shellcheck disable=SC2016	# apt expands these
	local format='$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)|$(SIGNED_BY)'

	apt update || die "apt-get update failed"
	targets=$(apt-get indextargets --format "$format" 'Created-By: Packages')
	! grep -q "|$SUITE|" <<<"$targets" || return 0
	IFS='|' read -r _ _ code uri key < <(
		grep '^Debian|Debian|bookworm|' <<<"$targets") ||
		die "apt knows no mirror of Debian bookworm"
	# Unset, or a key written out in the .sources file: Debian's own keys.
	[ -r "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
	say "adding the backports of $code ($LIST)"
	echo "deb [signed-by=$key] $uri $SUITE main" >"$LIST"
	if ! apt update -o Dir::Etc::sourcelist="$LIST" -o Dir::Etc::sourceparts=- \
			-o APT::Get::List-Cleanup=0; then
		rm -f "$LIST"
		die "$uri has no $SUITE"
	fi
}

# "VERSION IMAGE-PACKAGE" of the newest linux-image-amd64 of a series on offer.
on_offer()
{
	apt-cache show linux-image-amd64 |
	awk -v series="$1." '
		/^Version:/ { v = $2 }
		/^Depends:/ { d = $2 }
		/^$/ && index(v, series) == 1 { print v, d; v = d = "" }
		END { if (index(v, series) == 1) print v, d }' |
	sort -V | tail -n 1
}

resolve()	# fills WANT and FROM_BACKPORTS from NEED
{
	local p ver image

	WANT=() FROM_BACKPORTS=()
	for p in "${NEED[@]}"; do
		case $p in
		@qemu-system-x86)
			FROM_BACKPORTS+=("${p#@}") ;;
		@source-6.12|@source-6.1)
			p=${p#@source-}
			ver=$(kernel_of "$p")
			ver=${ver#* }
			[ -n "$ver" ] || { ver=$(on_offer "$p"); ver=${ver% *}; }
			# The archive may have dropped the one that is installed.
			if apt-cache show "linux-source-$p=$ver" >/dev/null 2>&1; then
				WANT+=("linux-source-$p=$ver")
			else
				WANT+=("linux-source-$p")
			fi ;;
		@*)
			read -r ver image < <(on_offer "${p#@}") ||
				die "no kernel ${p#@} on offer"
			WANT+=("$image" "${image/image/headers}") ;;
		*)	WANT+=("$p") ;;
		esac
	done
}

# Tests start their own Redis; a machine that had none shall not get a running
# service on a well-known port because of us.
quiet()
{
	local s=$1

	say "$s: not started, not enabled at boot"
	if [ -d /run/systemd/system ]; then
		systemctl --quiet disable --now "$s" || :
	else
		[ ! -x "/etc/init.d/$s" ] || "/etc/init.d/$s" stop >/dev/null || :
		update-rc.d "$s" disable >/dev/null 2>&1 || :
	fi
}

# shellcheck disable=SC1091
. /etc/os-release 2>/dev/null || :
[ "${ID:-} ${VERSION_ID:-}" = "debian 12" ] ||
	die "this needs Debian 12 (bookworm), not ${PRETTY_NAME:-an unknown system}"
[ "$(dpkg --print-architecture)" = amd64 ] || die "this needs an amd64 machine"

look
if [ ${#NEED[@]} -eq 0 ]; then
	say "everything is there"
	exit 0
fi
say "missing: ${NEED[*]}"
[ "${1:-}" != --check ] || exit 1
[ "$(id -u)" -eq 0 ] || die "installing packages needs root: sudo make deps"

new=()
for s in redis-server ndctl; do
	[ -n "$(installed $s)" ] || new+=("$s")
done
add_backports
resolve
case " ${NEED[*]} " in
*" @6"*) say "installing kernels; the newest one becomes the boot default, as with any kernel package" ;;
esac
[ ${#WANT[@]} -eq 0 ] ||
	apt install --no-install-recommends "${WANT[@]}" || die "apt-get install failed"
# With this option what they depend on comes from backports, too, so do it after
# the rest.
[ ${#FROM_BACKPORTS[@]} -eq 0 ] ||
	apt install --no-install-recommends -t $SUITE "${FROM_BACKPORTS[@]}" ||
	die "apt-get install from $SUITE failed"
for s in "${new[@]}"; do
	quiet "${s/ndctl/ndctl-monitor}"
done
look
[ ${#NEED[@]} -eq 0 ] || die "still missing: ${NEED[*]}"
say "done"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make dkms-install: hands tiermem to DKMS, builds it and installs it for the
# running kernel, or for the kernels named in KVER ("6.1.0-56-amd64 ..." or
# "all": every installed kernel that has headers). Running it again is cheap
# when nothing has changed, and updates everything when the sources have.
#
# DKMS_ROOT=DIR works in DIR/usr/src, DIR/var/lib/dkms and DIR/lib/modules
# instead of in the system's trees (for tests; depmod is left out then).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/packaging/dkms-lib.sh
. "$top/tools/packaging/dkms-lib.sh"

need_root_and_dkms

has_headers()
{
	[ -e "/lib/modules/$1/build/include" ]
}

kernels=${KVER:-$(uname -r)}
if [ "$kernels" = all ]; then
	kernels=
	for dir in /lib/modules/*; do
		if has_headers "${dir##*/}"; then
			kernels+=" ${dir##*/}"
		fi
	done
	[ -n "$kernels" ] || die "no installed kernel has headers"
fi
for k in $kernels; do
	has_headers "$k" ||
		die "no headers for kernel $k: apt-get install linux-headers-$k," \
		    "or name other kernels: make dkms-install KVER=RELEASE"
done

# What a build needs, nothing else: tests, tools and documents stay behind.
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
copy=()
for f in dkms.conf Kbuild Makefile COPYING module uapi; do
	[ -e "$top/$f" ] && copy+=("$f")
done
tar -C "$top" -c --exclude='*.o' --exclude='*.ko' --exclude='*.mod' \
	--exclude='*.mod.c' --exclude='.*' --owner=0 --group=0 \
	--mode=u=rwX,go=rX "${copy[@]}" | tar -C "$stage" -x
chmod 755 "$stage"

# Two versions cannot be installed side by side for one kernel, and a version
# whose source has changed has to be built anew for every kernel that has it.
for v in $(versions); do
	if [ "$v" = "$version" ] && diff -r "$stage" "$(srcdir "$v")" \
			>/dev/null 2>&1; then
		continue
	fi
	say "removing $name/$v, which is being replaced"
	for k in $(installed_for "$v"); do
		has_headers "$k" && kernels+=" $k"
	done
	remove_version "$v"
done

if ! is_added "$version"; then
	rm -rf "$(srcdir "$version")"
	mkdir -p "$source_tree" "$dkms_tree"
	cp -a "$stage" "$(srcdir "$version")"
	run_dkms add -m "$name" -v "$version"
fi

# shellcheck disable=SC2086 # a list of words
for k in $(printf '%s\n' $kernels | sort -uV); do
	if is_installed_for "$version" "$k"; then
		say "$name/$version is already installed for $k"
		continue
	fi
	mkdir -p "$install_tree/$k"
	say "building and installing $name/$version for $k"
	if ! run_dkms build -m "$name" -v "$version" -k "$k"; then
		log=$dkms_tree/$name/$version/build/make.log
		[ -r "$log" ] && tail -n 30 "$log" >&2
		die "the build for $k failed"
	fi
	# --force: a tiermem.ko that was put there by hand gives way.
	run_dkms install -m "$name" -v "$version" -k "$k" --force
done

if [ -z "$scratch" ] && [ -d /sys/module/tiermem ]; then
	say "the module that is loaded now stays until: rmmod tiermem && modprobe tiermem"
fi

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make dkms-remove: takes every version of tiermem out of every kernel, out of
# DKMS and out of /usr/src. DKMS_ROOT as for dkms-install.sh.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tools/packaging/dkms-lib.sh
. "$top/tools/packaging/dkms-lib.sh"

need_root_and_dkms

found=
for v in $(versions); do
	found=1
	say "removing $name/$v"
	remove_version "$v"
done
# A copy that was never added, from an install that was interrupted.
for dir in "$source_tree/$name"-[0-9]*; do
	if [ -f "$dir/dkms.conf" ]; then
		found=1
		rm -rf "$dir"
	fi
done

[ -n "$found" ] || say "$name is not installed through DKMS: nothing to do"
[ ! -e "$dkms_tree/$name" ] || die "$dkms_tree/$name is still there"
if [ -z "$scratch" ] && [ -d /sys/module/tiermem ]; then
	say "the module is still loaded: rmmod tiermem"
fi

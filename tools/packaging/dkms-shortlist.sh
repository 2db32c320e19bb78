#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dkms-shortlist.sh [MODULE...]: for tests in virtual machines. Every dkms
# install and remove runs depmod, which reads all 4000 modules of a Debian
# kernel: seconds on hardware, two minutes under emulation. This puts a tmpfs
# over /lib/modules/RELEASE that holds only the modules named, and those that
# they need. It also hides what DKMS holds on the machine whose root this is.
set -euo pipefail

release=$(uname -r)
real=/lib/modules/$release

case $(findmnt -n -o FSTYPE /) in
overlay) ;;
*) echo "dkms-shortlist: only on a throw-away root (an overlay)" >&2; exit 2 ;;
esac

new=$(mktemp -d)
mount -t tmpfs -o mode=755 modules "$new"
for m in "$@"; do
	modprobe -q -S "$release" --show-depends "$m" || true
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
	mkdir -p "$new/$(dirname "${file#"$real"/}")"
	cp "$file" "$new/${file#"$real"/}"
done
cp -P "$real"/modules.{order,builtin,builtin.modinfo} "$real"/{build,source} "$new/"
# Through a second mount point, so that what is cut is where depmod looks.
mount --move "$new" "$real"
rmdir "$new"
depmod "$release"

mkdir -p /var/lib/dkms
mount -t tmpfs -o mode=755 dkms /var/lib/dkms
rm -rf /usr/src/tiermem-*

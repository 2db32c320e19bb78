#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the guests of test_guests.sh boot from: an initramfs with nothing but the program of init.c
# and the balloon's driver, another one that has a Redis, too, and Debian's 6.12 kernel. That is left
# packed: QEMU keeps a copy of what it boots, and 57M of unpacked kernel are half a guest.
#
#   image.sh DIRECTORY	that has init; makes initramfs, initramfs-redis and vmlinuz there
set -euo pipefail

die()
{
	echo "image: $*" >&2
	exit 1
}

out=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
release=$("$top/tools/tiersim/newest-kernel" 6.12) || exit

pack()			# name
{
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$out/$1.new"
	mv "$out/$1.new" "$out/$1"
}

root=$(mktemp -d "$out/root.XXXXXX")
trap 'rm -rf "$root"' EXIT
install -m 755 -s "$out/init" "$root/init"
mkdir "$root"/{dev,proc}
# No device node is needed: the kernel opens its console by number, as a node of this archive.
mknod "$root/dev/console" c 5 1 2>/dev/null || :
"$top/tools/tiersim/unpack-modules" "$release" "$root" virtio_balloon
mv "$root"/*-virtio_balloon.ko "$root/virtio_balloon.ko"
strip --strip-debug "$root/virtio_balloon.ko"
pack initramfs
server=$(command -v redis-server) || die "no redis-server (make deps)"
# All libraries are where the dynamic linker looks for them without a cache, and it is at its place.
install -s "$server" "$root/redis-server"
mkdir "$root/lib"
while read -r path; do
	install -s "$path" "$root/lib"
done < <(ldd "$server" | grep -o '/[^ ]*')
ln -s lib "$root/lib64"
pack initramfs-redis
ln -sf "/boot/vmlinuz-$release" "$out/vmlinuz"

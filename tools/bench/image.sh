#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the guests of the benchmark boot from: build/bench/image/NAME.cpio, an
# initramfs with busybox, the scripts of guest/, and the programs of
# one workload with their libraries. Uncompressed, as decompression would be
# simulated, too. The same input makes the same image, to the last bit.
#
#   image.sh [micro|redis|timeline|tenants|vm|mariadb|mariadb-large ...]	default: all
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
build=$top/build/bench
out=$build/image
programs=$build/guest

die()
{
	echo "image: $*" >&2
	exit 1
}

# The kernel of the benchmark: Debian's 6.12.
release=$("$top/tools/tiersim/newest-kernel" 6.12) || exit

# A program or library as it is needed: stripped, with the libraries that the
# dynamic linker would load.
add()	# directory-in-image file...
{
	local dir=$1 f lib

	shift
	for f in "$@"; do
		[ -r "$f" ] || die "no $f (make deps)"
		install -D -m 755 "$f" "$root/$dir/$(basename "$f")"
		strip --strip-unneeded "$root/$dir/$(basename "$f")"
		while read -r lib; do
			[ -e "$root/lib/$(basename "$lib")" ] || {
				install -D -m 755 "$lib" "$root/lib/$(basename "$lib")"
				strip --strip-unneeded "$root/lib/$(basename "$lib")"
			}
		done < <(ldd "$f" 2>/dev/null | grep -o '/[^ ]*')
	done
	# Programs name their loader by its path.
	[ ! -e "$root/lib/ld-linux-x86-64.so.2" ] || {
		mkdir -p "$root/lib64"
		ln -sf ../lib/ld-linux-x86-64.so.2 "$root/lib64/ld-linux-x86-64.so.2"
	}
}

# Kernel modules that a workload needs.
add_modules()	# name...
{
	"$top/tools/tiersim/unpack-modules" "$release" "$root/modules" "$@" ||
		die "no modules for $name"
	strip --strip-debug "$root"/modules/*.ko
}

base()
{
	local f

	mkdir -p "$root"/{bin,lib,proc,sys,dev,tmp}
	cp "$(command -v busybox)" "$root/bin/busybox"
	! ldd "$root/bin/busybox" >/dev/null 2>&1 || die "busybox is not static (busybox-static)"
	ln -s busybox "$root/bin/sh"
	install -m 755 "$here/guest/init" "$root/init"
	install -m 644 "$here"/guest/{lib,systems}.sh "$root"
	for f in within loop noderange mark place; do
		add bin "$programs/$f"
	done
}

image_micro()
{
	add bin "$programs/micro"
}

# What workloads with a Redis share.
redis()
{
	add bin /usr/bin/redis-server "$programs/redisload"
	install -m 644 "$here/guest/redis-lib.sh" "$root"
}

image_redis()
{
	local memtier

	redis
	memtier=$(command -v memtier_benchmark) || return 0
	add bin "$memtier"
	install -m 644 "$here/guest/memtier.sh" "$root"
}

image_timeline()
{
	redis
	install -m 644 "$here/guest/over-time.sh" "$root"
}

image_tenants()
{
	image_timeline
	add bin "$programs/micro"
}

# A virtual machine in the guest: QEMU and what it needs, the kernel that is everywhere
# else, too (packed, as QEMU keeps a copy), and an archive for that to boot from.
image_vm()
{
	local outer=$root f

	add bin "$(command -v qemu-system-x86_64)"
	add_modules kvm-amd
	mkdir -p "$root"/{firmware,guest}
	for f in bios-256k.bin kvmvapic.bin linuxboot_dma.bin; do
		install -m 644 -t "$root/firmware" "$(find /usr/share/{seabios,qemu} -name $f | head -n 1)" ||
			die "QEMU has no $f (make deps)"
	done
	install -m 644 "/boot/vmlinuz-$release" "$root/guest/vmlinuz"
	install -m 644 "$here/guest/redis.sh" "$root"
	install -m 644 "$here/guest/vm-lib.sh" "$root/redis-lib.sh"

	root=$root/guest/root
	mkdir -p "$root"/{bin,lib,proc,sys,dev}
	cp "$(command -v busybox)" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	add bin /usr/bin/redis-server "$programs/redisload"
	install -m 755 "$here/guest/vm-init.sh" "$root/init"
	archive "$outer/guest/initramfs"
	rm -r "$root"
	root=$outer
}

# The small database fits a pool that fits in DRAM; the large one is three times
# what a machine with only that much DRAM could keep in its pool (64M).
database()	# rows pool-MiB
{
	local disk=$build/database/$1.img

	mkdir -p "$build/database"
	[ "$disk" -nt "$here/database.sh" ] || "$here/database.sh" "$1" "$disk" ||
		die "no database of $1 rows"
	cp --sparse=always "$disk" "$root/disk.img"
	echo "$1 $2" >"$root/database"
	add bin /usr/sbin/mariadbd /usr/bin/sysbench
	add_modules null_blk ext4
	install -m 644 -t "$root" "$here/guest/fill.lua"
	mkdir -p "$root/usr/share/sysbench" "$root/share/charsets" "$root/etc"
	install -m 644 -t "$root/usr/share/sysbench" /usr/share/sysbench/oltp_*.lua
	install -m 644 -t "$root/share" /usr/share/mysql/english/errmsg.sys
	install -m 644 -t "$root/share/charsets" /usr/share/mysql/charsets/Index.xml
	echo "root:x:0:0::/:/bin/sh" >"$root/etc/passwd"
	install -m 644 "$here/guest/mariadb.sh" "$root/$name.sh"
}

image_mariadb()
{
	database 200000 96
}

image_mariadb_large()
{
	database 750000 256
}

# Sorted, owned by root, of one date, without the inode numbers of this machine.
archive()	# file
{
	find "$root" -exec touch -h -d @0 {} +
	(cd "$root" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet) >"$1"
}

pack()	# name
{
	local tmp

	mkdir -p "$out"
	tmp=$(mktemp "$out/.$1.XXXXXX")
	archive "$tmp"
	mv "$tmp" "$out/$1.cpio"
	echo "$(stat -c %s "$out/$1.cpio") bytes  ${out#"$top"/}/$1.cpio"
}

[ $# -gt 0 ] || set -- micro redis timeline tenants vm mariadb mariadb-large
make -s -C "$here/guest" || die "the programs of tools/bench/guest do not build"
for name in "$@"; do
	declare -F "image_${name//-/_}" >/dev/null || die "no workload $name"
	root=$build/root.$name
	rm -rf "$root"
	base
	[ ! -e "$here/guest/$name.sh" ] || install -m 644 "$here/guest/$name.sh" "$root"
	"image_${name//-/_}"
	pack "$name"
	rm -rf "$root"
done

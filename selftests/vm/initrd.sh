# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a guest boots from, made from the installed kernels and kept under
# build/vm/cache; sourced by run.sh. Each file is made under a temporary name
# and renamed, so that two runs at once don't meet half a file.

# The payload of a bzImage, decompressed once here instead of in every (slow)
# guest. An ELF kernel is booted through its PVH entry.
vmlinux()	# bzImage; prints the path
{
	local src=$1 out sects off len tmp magic

	if [ "$(head -c 4 "$src" | od -An -c | tr -d ' ')" = '177ELF' ]; then
		echo "$src"
		return
	fi
	out=$CACHE/vmlinux-$(basename "$src")-$(stat -c %Y.%s "$src")
	if [ ! -e "$out" ]; then
		# Documentation/arch/x86/boot.rst: setup_sects at 0x1f1, offset
		# and length of the payload (relative to the protected-mode
		# code) at 0x248 and 0x24c. After all but gzip 4 bytes of unpacked
		# size follow, which the decompressors don't know.
		sects=$(od -An -tu1 -j $((0x1f1)) -N1 "$src")
		off=$(od -An -tu4 -j $((0x248)) -N4 "$src")
		len=$(od -An -tu4 -j $((0x24c)) -N4 "$src")
		off=$((off + (${sects// /} + 1) * 512))
		tmp=$(mktemp "$out.XXXXXX")
		magic=$(od -An -tx1 -j $off -N4 "$src" | tr -d ' ')
		[[ $magic == 1f8b* ]] || len=$((len - 4))
		# The readers stop early; that must not count as an error.
		{ tail -c +$((off + 1)) "$src" || :; } | { head -c "$len" || :; } |
		case $magic in
		28b52ffd) zstd -qdc ;;
		fd377a58) xz -qdc ;;
		1f8b*)	gzip -qdc ;;
		*)	die "$src: unknown compression (magic $magic)" ;;
		esac >"$tmp" || die "$src: can't unpack"
		mv "$tmp" "$out"
	fi
	echo "$out"
}

# busybox, init, and the modules on the way to the root file system.
initrd()	# release, empty for a kernel with all of it built in; prints the path
{
	local rel=$1 bb dir out tmp key

	bb=$(command -v busybox) || die "busybox is missing (make deps)"
	key=$(stat -c %Y "$VM_DIR/init" "$bb" "/lib/modules/${rel:-.}" | tr '\n' .)
	out=$CACHE/initrd-${rel:-builtin}-$(md5sum <<<"$key$VM_DIR" | cut -c1-8)
	if [ ! -e "$out" ]; then
		dir=$(mktemp -d "$CACHE/initrd.XXXXXX")
		mkdir -p "$dir/bin" "$dir/lib/modules"
		cp "$bb" "$dir/bin/busybox"
		ln -s busybox "$dir/bin/sh"
		cp "$VM_DIR/init" "$dir/init"
		chmod 755 "$dir/init"
		[ -z "$rel" ] ||
			"$VM_ROOT/tools/tiersim/unpack-modules" "$rel" "$dir/lib/modules" \
				virtio_pci 9pnet_virtio 9p overlay || die "no modules of $rel"
		tmp=$(mktemp "$out.XXXXXX")
		(cd "$dir" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$tmp"
		rm -r "$dir"
		mv "$tmp" "$out"
	fi
	echo "$out"
}

# A QEMU plugin.
plugin()	# name; prints the path
{
	local src=$VM_DIR/$1.c out=$BUILD/$1.so tmp

	if [ ! "$out" -nt "$src" ]; then
		tmp=$(mktemp "$out.XXXXXX")
		# Undefined symbols are QEMU's own, found when it is loaded.
		${CC:-gcc} -O2 -Wall -Wextra -pthread -shared -fPIC -fvisibility=hidden \
			-o "$tmp" "$src" || die "$1.c does not build"
		mv "$tmp" "$out"
	fi
	echo "$out"
}

# An image with a devdax namespace on it, made once per size by booting a guest
# that calls ndctl. It is sparse (2 MiB), and guests map it copy-on-write, so
# any number of them can use it at once, and it never changes.
nvdimm_image()	# MiB; prints the path
{
	local out=$CACHE/nvdimm-$1M.img tmp

	if [ ! -e "$out" ]; then
		tmp=$(mktemp "$out.XXXXXX")
		truncate -s "$1M" "$tmp"
		echo "vm: preparing an NVDIMM image of $1M (once)" >&2
		# Not the modules of the kernel that the image is for: this guest runs a stock kernel.
		VM_MODULES='' VM_NVDIMM_TEMPLATE=$tmp "$VM_DIR/run.sh" -P -n "nvdimm-$1M-$$" \
			-t "pmem-raw:dram=512M,slow=$(($1 - NV_BLOCK))M" -- \
			"$VM_DIR/pmem-online.sh" --namespace >&2 ||
			{ rm "$tmp"; die "can't prepare an NVDIMM image"; }
		rm -rf "${BUILD:?}/nvdimm-$1M-$$"
		mv "$tmp" "$out"
	fi
	echo "$out"
}

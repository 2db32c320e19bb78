#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the debug kernel of the selftests from Debian's linux-source package and
# keeps it under the cache directory, so that it's built once per machine and not
# once per checkout. The last line of output is its directory:
#
#   bzImage   the kernel; everything a virtual machine needs is built in
#   config    its configuration
#   release   its release, what uname -r says
#   linux/    the tree to build modules against: make -C <dir>/linux M=...
#   root/lib/modules/<release>/   lists of what is built in, for modprobe

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${TIERMEM_CACHE:-/var/cache/tiermem}
tarball=${TIERMEM_KERNEL_SOURCE:-/usr/src/linux-source-6.12.tar.xz}
jobs=$(nproc)
path_only=

usage() {
	cat <<-END
	Usage: ${0##*/} [-p] [-j JOBS]
	  -p       print where the kernel is or would be and exit (1: not built yet)
	  -j JOBS  parallel jobs, default $jobs
	Environment:
	  TIERMEM_CACHE          parent directory, now $cache
	  TIERMEM_KERNEL_SOURCE  source archive, now $tarball
	About 15 minutes of two idle cores and 4 GB of disk for the first build.
	END
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

while getopts phj: opt; do
	case $opt in
	p) path_only=1 ;;
	j) jobs=$OPTARG ;;
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done

[ -r "$tarball" ] || die "no $tarball: apt-get install linux-source-6.12"
fragments=("$here"/config/*.config)

# The compiler is part of the name: modules must be built by the one that built
# the kernel, or plugins, gcov and KASAN formats disagree.
hash=$( (cat "${fragments[@]}"; sha256sum <"$tarball"; gcc --version | head -n 1) |
	sha256sum | cut -c 1-12)
dir=$cache/debug-kernel-$hash

if [ -n "$path_only" ]; then
	echo "$dir"
	[ -e "$dir/.complete" ]
	exit
fi

for tool in gcc make flex bison bc perl xz zstd; do
	command -v $tool >/dev/null || die "$tool is missing: make deps"
done

mkdir -p "$dir"
# A second caller waits for the first instead of building into the same tree.
exec 9>"$dir/.lock"
flock -n 9 || { echo "waiting for another build in $dir" >&2; flock 9; }
if [ -e "$dir/.complete" ]; then
	echo "$dir"
	exit 0
fi

# -P: portable format, one line per file system
free=$(df -Pk "$dir" | awk 'NR == 2 { print int($4 / 1024) }')
[ -e "$dir/.extracted" ] || [ "$free" -ge 5000 ] ||
	die "$cache has $free MB left, the build needs 5000"

tree=$dir/linux
log=$dir/build.log

if [ ! -e "$dir/.extracted" ]; then
	echo "unpacking $tarball" >&2
	rm -rf "$tree"
	mkdir "$tree"
	tar -C "$tree" --strip-components=1 -xf "$tarball"
	touch "$dir/.extracted"
fi
cd "$tree"

# merge_config.sh -m only concatenates, last value wins. allnoconfig then turns
# off whatever nobody asked for.
./scripts/kconfig/merge_config.sh -n -m "${fragments[@]}" >"$log"
mv .config "$dir/requested.config"
make KCONFIG_ALLCONFIG="$dir/requested.config" allnoconfig >>"$log" 2>&1 ||
	die "configuration failed, see $log"

# An option whose dependencies are not met vanishes without a word, and a
# detector that isn't there never reports anything.
lost=0
while read -r line; do
	case $line in
	CONFIG_*)
		grep -qxF -- "$line" .config && continue
		echo "lost: $line" >&2
		;;
	'# CONFIG_'*' is not set')
		opt=${line#\# }
		grep -q "^${opt%% *}=" .config || continue
		echo "on though unwanted: ${opt%% *}" >&2
		;;
	*) continue ;;
	esac
	lost=$((lost + 1))
done <"$dir/requested.config"
[ "$lost" = 0 ] || die "$lost options of config/ are not in effect"

echo "building with $jobs jobs, log in $log" >&2
start=$SECONDS
nice -n "${TIERMEM_NICE:-10}" make -j"$jobs" bzImage modules >>"$log" 2>&1 || {
	grep -E 'error|Error|undefined' "$log" | tail -n 20 >&2
	die "build failed, see $log"
}
rm -rf "$dir/root"
make INSTALL_MOD_PATH="$dir/root" modules_install >>"$log" 2>&1
cp arch/x86/boot/bzImage "$dir/bzImage"
cp .config "$dir/config"
make -s kernelrelease >"$dir/release"

# Objects of the kernel are most of the tree and no module build wants them;
# scripts/ and tools/ are run by module builds.
find . \( -path ./scripts -o -path ./tools \) -prune -o -type f \
	\( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name '.tmp_vmlinux*' \) \
	-exec rm -f {} +

touch "$dir/.complete"
echo "built $(cat "$dir/release") in $((SECONDS - start)) s," \
	"$(du -sm "$dir" | cut -f 1) MB" >&2
echo "$dir"

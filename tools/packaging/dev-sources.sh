#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Unpack into build/linux-source what the project uses of the kernel's source
# and Debian's header packages lack: checkpatch and the kselftest headers. Does
# nothing when it is there already.
#
#   dev-sources.sh [SERIES]     default 6.12
set -euo pipefail

MEMBERS=(
	# make style
	scripts/checkpatch.pl
	scripts/spelling.txt
	scripts/const_structs.checkpatch
	# selftests
	tools/testing/selftests/kselftest.h
	tools/testing/selftests/kselftest_harness.h
	tools/testing/selftests/lib.mk
	tools/testing/selftests/kselftest
)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
series=${1:-6.12}
tarball=/usr/src/linux-source-$series.tar.xz
dest=$root/build/linux-source

[ -r "$tarball" ] || {
	echo "dev-sources: no $tarball: make deps" >&2
	exit 1
}
exec 9<"$root"
flock 9		# make -j
stamp="$(stat -c '%n %Y %s' "$tarball") ${MEMBERS[*]}"
[ "$(cat "$dest/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0

echo "dev-sources: unpacking parts of $tarball"
mkdir -p "$root/build"
tmp=$(mktemp -d "$root/build/linux-source.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
tar -C "$tmp" --strip-components=1 -xf "$tarball" \
	"${MEMBERS[@]/#/linux-source-$series/}"
echo "$stamp" >"$tmp/.stamp"
chmod 755 "$tmp"
rm -rf "$dest"
mv -T "$tmp" "$dest"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dkms-tarball.sh FILE: builds the module for the kernels in KVER (default: the
# running one; "all") and packs source and binaries for `dkms ldtarball FILE` on
# machines that shall not compile. Works in a scratch tree, build/dkms: this
# machine's own DKMS is left alone.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DKMS_ROOT=${DKMS_ROOT:-$top/build/dkms}
export DKMS_ROOT
# shellcheck source=tools/packaging/dkms-lib.sh
. "$top/tools/packaging/dkms-lib.sh"

[ $# = 1 ] || die "usage: [KVER=RELEASE] dkms-tarball.sh FILE"
case $1 in
*.tar.gz) ;;
*) die "the file's name must end in .tar.gz" ;;
esac
"$top/tools/packaging/dkms-install.sh"

mkdir -p "$(dirname "$1")"
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
# DKMS reads its own log of the build as part of the module: newer than both
# means up to date.
if [ -e "$file" ] && [ -z "$(find "$dkms_tree/$name/$version" -newer "$file" \
		-print -quit)" ] && [ "$conf" -ot "$file" ]; then
	exit 0
fi
opts=()
for k in $(installed_for "$version"); do
	opts+=(-k "$k/$(uname -m)")
done
run_dkms mktarball -m "$name" -v "$version" "${opts[@]}" --archive "$file"
say "packed $1"

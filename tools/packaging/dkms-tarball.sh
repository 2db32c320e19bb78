#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dkms-tarball.sh FILE: builds the module for the kernel KVER (default: the
# running one) and packs source and binary for `dkms ldtarball FILE` on machines
# that shall not compile. Works in a scratch tree, build/dkms (or DKMS_ROOT):
# this machine's own DKMS is left alone.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DKMS_ROOT=${DKMS_ROOT:-$top/build/dkms}
export DKMS_ROOT KVER=${KVER:-$(uname -r)}
# shellcheck source=tools/packaging/dkms-lib.sh
. "$top/tools/packaging/dkms-lib.sh"

[ $# = 1 ] || die "usage: [KVER=RELEASE] dkms-tarball.sh FILE"
case $1 in
*.tar.gz) ;;
*) die "the file's name must end in .tar.gz" ;;
esac
# DKMS 3.0.10 drops all kernels but the first from such a file.
case $KVER in
all|*' '*) die "one kernel at a time: KVER=RELEASE" ;;
esac
"$top/tools/packaging/dkms-install.sh"

# DKMS itself would look for the directory below its own.
mkdir -p "$(dirname "$1")"
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
if [ -z "$(find "$dkms_tree/$name/$version/$KVER" -newer "$file" -print -quit 2>&1)" ]; then
	say "$1 is up to date"
	exit 0
fi
rm -f "$file"
run_dkms mktarball -m "$name" -v "$version" -k "$KVER" --archive "$file"
[ -s "$file" ] || die "DKMS made no $1"
say "packed $1"

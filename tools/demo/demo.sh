#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make demo: Redis with more data than its DRAM quota, on a PMEM node, in a
# virtual machine. This half prepares and boots; demo-guest.sh is the other.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$top"
# shellcheck source=tools/demo/demo-lib.sh
. tools/demo/demo-lib.sh

# Sizes for emulation: a processor without KVM runs at a twentieth of its
# speed. With hardware at hand nothing here would keep you from 240G and 80G.
keys=${DEMO_KEYS:-24000} value=${DEMO_VALUE:-4000}
quota=${DEMO_QUOTA:-32M} lower=${DEMO_LOWER:-16M} higher=${DEMO_HIGHER:-48M}
tarball=build/demo/tiermem.dkms.tar.gz
SECONDS=0

ended=
# shellcheck disable=SC2317 # called by the trap
give_up()
{
	[ -n "$ended" ] || verdict FAIL "step $step_nr did not work, see above"
}

if [ "$(id -u)" != 0 ]; then
	echo "make demo needs root (sudo make demo): it installs Debian packages and" >&2
	echo "lends this machine's files, read-only, to a virtual machine." >&2
	exit 1
fi

trap give_up EXIT
title "tiermem: Redis with $((keys * 4096 >> 20))M of data and $quota of DRAM"
say "A virtual machine boots a stock Debian kernel on a read-only view of this" \
    "machine's files. It has 512M of DRAM and 1G of persistent memory (an" \
    "emulated NVDIMM). Nothing that happens in it changes this machine."

step "Get what is needed from Debian"
run make -s deps

step "Build the module with DKMS"
kver=$(printf '%s\n' /lib/modules/6.12.*/build | sed 's|^/lib/modules/||; s|/build$||' |
	sort -V | tail -n 1)
[ "$kver" != '6.12.*' ] || { echo "no kernel 6.12 with headers" >&2; exit 1; }
say "On a server you would type \`make dkms-install\`, and DKMS would build the" \
    "module there, again for every new kernel. Compilers are slow in an emulated" \
    "machine, so DKMS builds here, below build/, and the result is installed there."
KVER=$kver run tools/packaging/dkms-tarball.sh "$tarball"
mkdir -p build/demo
cc -O2 -Wall -Wextra -o build/demo/redisload tools/demo/redisload.c -lhiredis

step "Boot Debian's kernel $kver"
say "From here on everything happens in the virtual machine."
rc=0
selftests/vm/run.sh -k "$kver" -t pmem-raw -T 600 -n demo/vm \
	-e DEMO_TARBALL="$tarball" -e DEMO_STEP="$step_nr" -e DEMO_COLOR="$color" \
	-e DEMO_KEYS="$keys" -e DEMO_VALUE="$value" -e DEMO_QUOTA="$quota" \
	-e DEMO_LOWER="$lower" -e DEMO_HIGHER="$higher" \
	-- tools/demo/demo-guest.sh || rc=$?

title "Verdict"
case $rc in
0)	verdict PASS "all of the above, in $SECONDS s" ;;
3)	verdict FAIL "for the reasons marked FAIL above" ;;
90)	verdict FAIL "the kernel complained: see build/vm/demo/vm/dmesg" ;;
124)	verdict FAIL "too slow: the virtual machine had not finished after 10 minutes" ;;
*)	verdict FAIL "the demo itself could not go on: see the last lines above" ;;
esac
ended=1
if [ "$rc" = 0 ]; then
	say "Next: \`make check\` runs the tests, README.md tells how to install."
fi
exit "$rc"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# module/policy/ is pure arithmetic: it must build where there is neither a
# kernel nor a C library, and keep no state. Prints TAP.
#
# usage: purity.sh <policy directory> <directory for output>

policy=$1
out=$2
here=$(dirname "$0")
cc=${CC:-gcc}
warn="-std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdinc -mgeneral-regs-only"
nr=0
failed=0

mkdir -p "$out" || exit 1

# report <sentence> <what is wrong, or nothing>
report()
{
	nr=$((nr + 1))
	if [ -z "$2" ]; then
		echo "ok $nr $1"
	else
		echo "$2" | sed 's/^/# /'
		echo "not ok $nr $1"
		failed=$((failed + 1))
	fi
}

# build <name> <flags...>: every file of the ring, headers on their own too
build()
{
	name=$1
	shift
	for file in "$policy"/*.c "$policy"/*.h; do
		# shellcheck disable=SC2086 # a list of flags
		$cc $warn "$@" -x c -c "$file" -o "$out/$name-$(basename "$file").o" 2>&1
	done
}

echo "TAP version 13"
echo "1..7"

found=$(grep -n '^[[:space:]]*#[[:space:]]*include' "$policy"/*.c "$policy"/*.h |
	grep -v "/env\.h:" | grep -v '#include "[a-z_]*\.h"$')
report "only env.h includes anything from outside the ring" "$found"

found=$(grep -n '#include' "$policy"/env.h |
	grep -vE '<(linux/(types|minmax|math64)|std(bool|def|int))\.h>$')
report "env.h includes the few headers that it is known to need" "$found"

# The compiler's own headers are all that a freestanding world has.
found=$(build user -isystem "$($cc -print-file-name=include)")
report "the ring builds freestanding, without a C library" "$found"

found=$(build kernel -D__KERNEL__ -Dbool=_Bool -I "$here/kernel-stub")
report "the ring builds with the kernel's strict min() and no other kernel header" "$found"

# Two helpers of env.h, and what the files of the ring call from each other.
objects=$(find "$out" -name 'kernel-*.c.o' | sort)
# shellcheck disable=SC2086 # a list of files
found=$(ld -r -o "$out/kernel-ring.o" $objects 2>&1 && nm -u "$out/kernel-ring.o" |
	awk '$2 != "mul_u64_u64_div_u64" && $2 != "div64_u64"')
report "the ring calls nothing but itself and env.h" "$found"

# clang: gcc may do without a helper where it divides by a constant.
found=$(cc=${FUZZ_CC:-clang} && warn=${warn%-mgeneral*} &&
	build kernel32 -m32 -O1 -Wno-unused-function -D__KERNEL__ -Dbool=_Bool -I "$here/kernel-stub" &&
	nm -u "$out"/kernel32-*.c.o | grep -E 'div|mod' | grep -vE ' (mul_u64_u64_div_u64|div64_u64)$')
report "no 64-bit division that a 32-bit kernel lacks" "$found"

found=$(nm "$out/kernel-ring.o" | awk '$2 ~ /^[bBcCdDsS]$/')
report "the ring keeps no state" "$found"

echo "# Totals: pass:$((nr - failed)) fail:$failed xfail:0 xpass:0 skip:0 error:0"
[ "$failed" -eq 0 ]

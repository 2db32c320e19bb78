#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# uapi/linux/tiermem.h compiles alone, in C and C++, old and new, and has the same layout for 32-bit
# programs.
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

readonly HEADER=$TOP/uapi/linux/tiermem.h

compiles()	# compiler arguments...
{
	echo '#include <linux/tiermem.h>' | "$@" -I"$TOP/uapi" -fsyntax-only -Wall -Wextra -Werror -
}

# With what is padded, sizes and offsets could differ.
not_padded()
{
	sed -n 's/^struct \(tiermem_[a-z]*\) {/struct \1 \1;/p' "$HEADER" |
		sed '1i #include <linux/tiermem.h>' |
		"$@" -I"$TOP/uapi" -fsyntax-only -Werror -Wpadded -x c -
}

ktap_header
ktap_plan 7
ktap_check "C90" compiles gcc -x c -std=c90 -pedantic -Wno-long-long
ktap_check "C17" compiles gcc -x c -std=c17 -pedantic
ktap_check "C++98" compiles g++ -x c++ -std=c++98 -Wno-long-long
ktap_check "C++20" compiles g++ -x c++ -std=c++20 -pedantic
ktap_check "clang" compiles clang -x c -std=c11 -pedantic
ktap_check "no padding" not_padded gcc
ktap_check "no padding for 32 bit" not_padded gcc -m32 -isystem "/usr/include/$(gcc -print-multiarch)"
ktap_end

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the test VM what hardware does? What other tests rely on without asking; accessed bits have
# test_abits.
set -u
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"

readonly N=30000

# A virtual machine here gets each interrupt once, also beside a CPU that keeps loading the state of
# its FPU. Without the first thing that vm/svm.c mends there are 1.6 % more; without the second this
# machine stands still or restarts at once.
interrupts()
{
	local said

	said=$("$BIN/interrupts" "$N") || return 1
	ktap_diag "given and had: ${said#* }"
	[ "$said" = "interrupts $N $N" ]
}

ktap_header
need_root
[ -n "${VM_OUT:-}" ] || ktap_skip_all "not in a guest of selftests/vm"
ktap_plan 1
modprobe -q kvm_amd
[ -w /dev/kvm ] || ktap_bail "no KVM"
ktap_check "each interrupt once in a virtual machine, beside a busy FPU" interrupts
ktap_end

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The host's side of the benchmarks, without machines: tools/bench/bench runs a fake
# boot.sh, and its statistics, tables and plots are checked against numbers that are known.
#
# usage: test_benchreport.sh [python unittest options, e.g. -k resume]
# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/ktap.sh"

readonly PYTHON=/usr/bin/python3

$PYTHON -c 'import matplotlib' 2>/dev/null ||
	ktap_skip_all "no python3-matplotlib: make deps"
export PYTHONDONTWRITEBYTECODE=1
if [ $# -gt 0 ]; then
	cd "$SELFTESTS/bench" && exec $PYTHON -m unittest "$@"
fi
exec $PYTHON "$SELFTESTS/bench/tap.py"

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Workload vm: what the workload redis does, in a virtual machine. The image has
# vm-lib.sh under the name of redis-lib.sh, so that the server and its clients run in
# a guest of this guest, and memory is placed under it.

# shellcheck source=tools/bench/guest/redis.sh
. /redis.sh

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tiermemctl on a machine that is a directory: what people do with it, and what they do wrong. All
# of it runs in a build that looks for mistakes with memory (ASan, UBSan). vm: beside the module.
#
# usage: test_tiermemctl.sh [vm] [STORY...]
set -u

# shellcheck source=selftests/lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
for part in fakeroot ask groups pool heat files apply verbs live vm; do
	# shellcheck source=/dev/null
	. "$SELFTESTS/tiermemctl/$part.sh"
done

# What each of these functions is about is in selftests/tiermemctl/.
STORIES=(
	who_has_how_much rates fits_a_terminal names_that_people_have vm_without_pid_file
	ambiguous_names set_and_read_back set_says_what_came_of_it bad_quotas bad_usage
	no_such_group no_module no_cgroups
	groups_share_a_pool budgets_of_the_machine several_at_once half_of_it bad_shares wrong_place seen_in_the_list
	seen_by_monitoring advice_in_a_pool pool_findings older_module
	kept_in_files lines_that_are_wrong what_does_not_run several_files_for_one machines_in_files
	files_with_anything no_files drop_ins_of_systemd
	useful_in_top
	where_it_is as_large_as_asked heat_as_json empty_space_left_out whose_memory colours
	pictures no_picture no_heat heat_of_anything
	names_with_anything numbers_at_their_ends unreadable_files groups_that_vanish
	which_nodes how_much_would_do metrics events all_in_order findings help completion
	runs_and_cleans_up signals_reach_it scope_of_systemd batch on_a_terminal
	colours_on_a_terminal
)

OUT=$TOP/build/tiermemctl-asan
# shellcheck disable=SC2034	# stories use it
FAKE=''
CTL=$OUT/tiermemctl
dir=$(mktemp -d)
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
# What libcairo's own library for fonts keeps until the end is no mistake of ours.
echo leak:libfontconfig.so >"$dir/lsan"
export LSAN_OPTIONS=suppressions=$dir/lsan:print_suppressions=0
unset COLUMNS TIERMEM_ROOT NO_COLOR

stop()
{
	local pid

	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
	[ ! -e "$dir/tmux" ] || tmux -S "$dir/tmux" kill-server 2>/dev/null
	rm -rf "$dir"
}
trap stop EXIT

build()
{
	make -s -C "$TOP/tools/tiermemctl" OUT="$OUT" \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" &&
	cc -shared -fPIC -D_GNU_SOURCE -o "$OUT/cgroupfs.so" "$SELFTESTS/tiermemctl/cgroupfs.c" &&
	cc -shared -fPIC -D_GNU_SOURCE -I"$TOP/uapi" -o "$OUT/heatdev.so" "$SELFTESTS/tiermemctl/heatdev.c"
}

for tool in python3 groff; do
	command -v $tool >/dev/null || ktap_skip_all "no $tool: make deps"
done
pkg-config --exists json-c ncursesw cairo || ktap_skip_all "no json-c, ncursesw or cairo: make deps"
ktap_header
if [ "${1:-}" = vm ]; then
	shift
	need_root
	need_module
	# The build that people have: check.sh made it.
	CTL=$TOP/build/tiermemctl/tiermemctl
	[ -x "$CTL" ] || ktap_skip_all "no $CTL"
	insmod "$KO" || ktap_skip_all "the module does not load"
	STORIES=("${VM_STORIES[@]}")
else
	build >"$dir/build" 2>&1 ||
		{ ktap_diag "$(<"$dir/build")"; ktap_bail "tiermemctl does not build"; }
	fake_machine "$dir/machine"
fi

[ $# -eq 0 ] || STORIES=("$@")
ktap_plan ${#STORIES[@]}
for story in "${STORIES[@]}"; do
	if [[ $story == *on_a_terminal ]] && ! command -v tmux >/dev/null; then
		ktap_skip "$story" "no tmux"
		continue
	fi
	ktap_check "$story" "$story"
done
ktap_end

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: what names, numbers and files may be.

names_with_anything()
{
	local name
	# shellcheck disable=SC2016	# that is a name
	local -a names=('a b' $'new\nline' 'Größe-データ' $'bad\xff\xfeutf8' 'a"b\c' $'tab\there'
			'-x' '$(id)' '%s%n')

	machine
	for name in "${names[@]}"; do
		fake_group "/$name" 4096 8192 4096
	done
	ctl list -i 0 && well && says '*/new\\012line *' "$out" &&
	says '*/Größe-データ *' "$out" && says '*/bad\\377\\376utf8 *' "$out" || return 1
	[ "$(wc -l <<<"$out")" -eq $((5 + ${#names[@]})) ] || { ktap_diag "$out"; return 1; }
	COLUMNS=80 ctl list -i 0 && [ "$(wc -L <<<"$out")" -eq 80 ] || return 1
	ctl list -i 0 --json && well &&
	json '{"/new\nline", "/Größe-データ", "/bad\ufffd\ufffdutf8", "/a\"b\\c", "/tab\there"}
		<= {g["cgroup"] for g in d["groups"]}' || return 1
	for name in "${names[@]}"; do
		ctl set "/$name" dram_max=4M && ends 0 && says "$((4 * MiB))" "$(quota "/$name")" || return 1
	done
	ctl export && well && prometheus &&
	json '"/new\nline" in {l["cgroup"] for l, v in d["tiermem_dram_bytes"]["samples"]}' &&
	json '"/a\"b\\c" in {l["cgroup"] for l, v in d["tiermem_dram_bytes"]["samples"]}'
}

numbers_at_their_ends()
{
	machine
	put "sys/fs/cgroup$REDIS/tiermem.dram_max" 9223372036854771712
	fake_share "$REDIS" 9223372036854771712 10000 9223372036854771712
	fake_stat "$REDIS" dram_bytes 18446744073709551615
	fake_stat "$REDIS" slow_bytes 99999999999999999999
	put "sys/fs/cgroup$REDIS/tiermem.slow_current" 18446744073709551615
	ctl list -i 0 && well && says "*$REDIS * 16.0E * 8.0E * 16.0E *" "$out" &&
	ctl get redis dram_bytes && well && says 18446744073709551615 "$out" &&
	ctl get redis --json && json 'd["stat"]["dram_bytes"] == 2 ** 64 - 1' &&
	ctl export && well && prometheus || return 1
	# Lines that a newer module may have, and that none has.
	printf '%s\n' "new_bytes 77" "odd" "" " 5" "neg -3" "half 1.5" "two 1 2" \
		>>"$FAKE/sys/fs/cgroup$REDIS/tiermem.stat"
	ctl get redis new_bytes && well && says 77 "$out" &&
	ctl get redis --json && well && json '"odd" not in d["stat"] and "two" not in d["stat"]' || return 1
	: >"$FAKE/sys/fs/cgroup$REDIS/tiermem.stat"
	ctl get redis && well && ctl list -i 0 && well
}

unreadable_files()
{
	machine
	rm "$FAKE/sys/fs/cgroup$VM/tiermem.stat"
	mkdir "$FAKE/sys/fs/cgroup$VM/tiermem.stat"
	# The others are there all the same.
	ctl list -i 0 && ends 1 && says '*cannot read*web*Is a directory*' "$err" &&
	says '*redis.service*' "$out" &&
	ctl check && ends 1 && says '*could not be read*' "$out" || return 1
	put "sys/fs/cgroup$VM/cgroup.procs" ""
	put "sys/fs/cgroup$REDIS/tiermem.dram_max" rubbish
	ctl get redis && fails 1 '*Bad message*'
}

groups_that_vanish()
{
	local churn ok=0 cg

	machine
	cg=$FAKE/sys/fs/cgroup
	fake_group /come/a/b 4096 4096 4096
	(
		while :; do
			mv "$cg/come" "$cg/go"
			mv "$cg/go/a/b" "$cg/b"
			mv "$cg/b" "$cg/go/a/b"
			mv "$cg/go" "$cg/come"
		done
	) 2>/dev/null &
	churn=$!
	for _ in {1..20}; do
		ctl list -i 0.01
		well || { ok=1; break; }
	done
	kill $churn
	wait $churn 2>/dev/null
	return $ok
}

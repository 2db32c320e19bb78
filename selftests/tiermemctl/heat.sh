# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shared with the other files of this test
#
# test_tiermemctl.sh: heatmap, of processes whose memory is known. /dev/tiermem is a file, and
# heatdev.c answers for it.

heat()
{
	LD_PRELOAD=$OUT/heatdev.so ASAN_OPTIONS=verify_asan_link_order=0 ctl heatmap "$@"
}

# Lines of /proc/PID/maps without what nobody reads: ADDRESSES [NAME].
fake_memory()	# pid, command, MiB, line...
{
	local line

	put "proc/$1/comm" "$2"
	put "proc/$1/stat" "$1 ($2) S 1 1 1 0 -1 4194304 0"
	put "proc/$1/statm" "1 $(($3 * 256)) 0 0 0 0 0"
	: >"$FAKE/proc/$1/maps"
	for line in "${@:4}"; do
		printf '%s rw-p 00000000 00:00 0 %s\n' "${line%% *}" "${line#"${line%% *}"}" \
			>>"$FAKE/proc/$1/maps"
	done
	put "proc/$1/cgroup" "0::${CGROUP:-$REDIS}"
}

# What the module would say: lines of heatdev.c.
device()
{
	mkdir -p "$FAKE/dev"
	printf '%s\n' "$@" >>"$FAKE/dev/tiermem"
}

# QEMU: a guest of 1G whose first quarter is hot and in DRAM; of the rest a part is hot, too, and
# of the last 64M nothing is known. And three mappings that are not worth a line each.
fake_guest()
{
	CGROUP=$VM/libvirt/emulator fake_memory 4711 qemu-system-x86 1040 \
		'55d0a0000000-55d0a1000000 [heap]' \
		'7f0000000000-7f0040000000 /memfd:pc.ram (deleted)' \
		'7f0084000000-7f0084100000 ' '7f0090000000-7f0090100000 /usr/lib/libc.so.6' \
		'7f0090200000-7f0090300000 /usr/lib/libcairo.so.2' \
		'ffffffffff600000-ffffffffff601000 [vsyscall]'
	device "4711 55d0a0000000 $((8 * MiB)) slow 0" \
		"4711 7f0000000000 $((256 * MiB)) dram 30" \
		"4711 7f0010000000 $((64 * MiB)) slow 20" \
		"4711 7f0014000000 $((32 * MiB)) dram 2" \
		"4711 7f0016000000 $((608 * MiB)) slow 1" \
		"4711 7f003c000000 $((64 * MiB)) slow -1" \
		"4711 7f0084000000 65536 dram 12" "4711 7f0090000000 65536 dram 18" \
		"4711 7f0090200000 4096 slow 0"
}

# No wider and no longer than that.
fits()		# columns, lines
{
	local columns lines

	columns=$(wc -L <<<"$out")
	lines=$(wc -l <<<"$out")
	((columns <= $1 && lines <= $2)) || { ktap_diag "$columns x $lines: $out"; return 1; }
}

where_it_is()
{
	machine
	fake_guest
	heat 4711 && well && fits 80 23 &&
	says '*qemu-system-x86 (4711) …*.scope/libvirt/emulator'$'\n''*' "$out" &&
	says '*DRAM 288M, 32.0M of it cold; slow 744M, 64.0M of it hot; heat of 64.0M not known*' "$out" &&
	says '*55d0a0000000 *0 * 8.0M .*\[heap\]*7f0000000000 *████████*memfd:pc.ram*+*' "$out" &&
	says '*7f0084000000 * 128K * 4.0K ▒┊▓. *anon +2*' "$out" || return 1
	# Hot in slow memory, cold in DRAM, unknown, in the order of their addresses.
	says '*█++++*++░*░....*.____*' "$(tr -cd '█+░._' <<<"$out")"
}

# What there is room for, and no more.
as_large_as_asked()
{
	local lines columns each before=$((16 * MiB))

	machine
	fake_guest
	for lines in 10 12 17 30 60 200 1000; do
		heat 4711 --lines $lines && well && fits 80 $lines && says '*memfd:pc.ram*' "$out" || return 1
		each=$(sed -n 's/.* IS \([0-9]*\)\(\.0\)*\([KM]\) .*/\1\3/p' <<<"$out")
		each=$(numfmt --from=iec "$each")
		[ "$each" -le "$before" ] || { ktap_diag "$lines lines: $each"; return 1; }
		before=$each
	done
	[ "$before" -eq 65536 ] || { ktap_diag "$before"; return 1; }
	for columns in 80 100 200; do
		COLUMNS=$columns heat 4711 && well && fits $columns 23 || return 1
	done
	COLUMNS=20 heat 4711 && well
}

# Each range against what the device was made of.
heat_as_json()
{
	local step

	machine
	fake_guest
	for step in 64K 2M 1G; do
		heat 4711 --json --step $step && well && json "all(r['start'] % d['processes'][0]['step_bytes'] == 0
			for m in d['processes'][0]['mappings'] for r in m['ranges'])" &&
		json "[(m['name'], m['dram_bytes'] >> 12, m['slow_bytes'] >> 12) for m in
			d['processes'][0]['mappings']] == [('[heap]', 0, 2048), ('memfd:pc.ram', 73728, 188416),
			('anon', 16, 0), ('libc.so.6', 16, 0), ('libcairo.so.2', 0, 1)]" &&
		json "all(sum(r[t] for r in m['ranges']) == m[t] for m in d['processes'][0]['mappings']
			for t in ('dram_bytes', 'slow_bytes'))" || return 1
	done
	heat 4711 --json --step 2M && well &&
	json "[(r['heat'], r['dram_bytes'] >> 20, r['slow_bytes'] >> 20) for r in
		d['processes'][0]['mappings'][1]['ranges']] == [(30, 2, 0)] * 128 + [(20, 0, 2)] * 32 +
		[(2, 2, 0)] * 16 + [(1, 0, 2)] * 304 + [(None, 0, 2)] * 32" &&
	json "(lambda p: (p['pid'], p['command'], p['hot_in_slow_bytes'] >> 20, p['cold_in_dram_bytes'] >> 20,
		p['unknown_bytes'] >> 20))(d['processes'][0]) == (4711, 'qemu-system-x86', 64, 32, 64)" || return 1
	# The usual one is larger for a process that is.
	heat 4711 --json && well && json "d['processes'][0]['step_bytes'] == 65536" || return 1
	put proc/4711/statm "1 $((512 << 18)) 0 0 0 0 0"
	heat 4711 --json && well && json "d['processes'][0]['step_bytes'] == 16 << 20"
}

# Hundreds of mappings, and the address space from end to end.
empty_space_left_out()
{
	local i addr
	local -a maps=() runs=()

	machine
	for i in {0..399}; do
		addr=$(printf %x $((0x10000000000 + (i * i << 24))))
		maps+=("$addr-$(printf %x $((0x$addr + MiB))) /lib/lib$i.so")
		runs+=("5 $addr $((4096 * (1 + i % 3))) $([ $((i % 2)) -eq 0 ] && echo dram || echo slow) $((i % 33 - 1))")
	done
	fake_memory 5 many 64 '10000-20000 ' "${maps[@]}" '7ffffff00000-7ffffffff000 [stack]'
	device "5 10000 4096 dram 31" "${runs[@]}" "5 7fffffffe000 4096 slow 31"
	for i in 10 24 100; do
		heat 5 --lines $i && well && fits 80 $i && says '*  10000 *█*┊*' "$out" || return 1
	done
	# As large a line as all of it, and one page in terabytes.
	fake_memory 6 sparse 1 '100000000000-300000000000 /dev/zero (deleted)'
	device "6 100000000000 4096 dram 31" "6 2ffffffff000 4096 slow 31"
	heat 6 && well && says '*100000000000 * 4.0K * 4.0K █┊# *anon (shared)*' "$out"
}

whose_memory()
{
	local name

	machine
	fake_guest
	fake_memory 812 redis-server 64 '1000000-5000000 [heap]'
	fake_memory 813 redis-child 32 '1000000-5000000 [heap]'
	fake_memory 814 redis-idle 0
	device "812 1000000 $((64 * MiB)) dram 31" "813 1000000 $((32 * MiB)) slow 31"
	put "sys/fs/cgroup$REDIS/cgroup.procs" 813 814 812 99999
	put "sys/fs/cgroup$VM/libvirt/vcpu0/cgroup.procs" ""
	for name in web-1 4711 "$VM"; do
		heat "$name" && well && says 'qemu-system-x86 (4711)*' "$out" || return 1
	done
	heat redis && well && says 'redis-server (812)*The largest of 2 processes. All of them: --all' "$out" &&
	fits 80 23 && [[ $out != *813* ]] && heat 813 && well && says 'redis-child (813)*' "$out" || return 1
	heat redis --all && well && says 'redis-server (812)*redis-child (813)*' "$out" &&
	[[ $out != *The\ largest* ]] && heat --json -a redis.service && well &&
	json '[p["pid"] for p in d["processes"]] == [812, 813]' &&
	heat --json / -a && well && json '{p["pid"] for p in d["processes"]} == {812, 813, 4711}' || return 1
	# One of them ends meanwhile.
	sed -i '/^812 /d' "$FAKE/dev/tiermem"
	device '812 error 3'
	rm "$FAKE/proc/812/stat"
	heat --json / -a && ends 1 && says '*812 (redis-server) has ended' "$err" &&
	json '{p["pid"] for p in d["processes"]} == {813, 4711}' &&
	heat redis -a && ends 1 && says 'redis-child (813)*' "$out"
}

# Of a map of 80 columns.
bars()
{
	sed $'s/\033[^m]*m//g' | head -n -2 | sed -nE '5,$s/^.{28}(.{1,36}).*/\1/p'
}

colours()
{
	local esc=$'\033' coloured

	machine
	fake_guest
	heat 4711 --color never && well && [[ $out != *$esc* ]] &&
	heat 4711 && [[ $out != *$esc* ]] && heat 4711 --color always && well &&
	TERM=xterm-256color heat 4711 --color=always && well && says "*$esc\[38;5;39m█$esc\[0m*" "$out" &&
	says "*$esc\[38;5;208m▓$esc\[0m*" "$out" && TERM=xterm heat 4711 --color=always && well &&
	says "*$esc\[36m█$esc\[0m*$esc\[33m▓$esc\[0m*" "$out" || return 1
	# The same cells.
	coloured=$(bars <<<"$out")
	heat 4711 && well && says "$(bars <<<"$out" | sed 'y/_.:+#/▁░▒▓█/')" "$coloured" || return 1
	# Letters and digits where there is nothing else.
	LC_ALL=C heat 4711 && well && ! LC_ALL=C grep '[^ -~]' <<<"$out" &&
	says '*memfd:pc.ram*444cccc*cccc1111*1111aaaa*aaaa----*----*2|3a*' "$out"
}

colours_on_a_terminal()
{
	local ok=0 hue=$'\033\\[3[368]*█' run

	machine
	fake_guest
	run="LD_PRELOAD=$OUT/heatdev.so ASAN_OPTIONS=verify_asan_link_order=0 $CTL --root $FAKE heatmap"
	tmux -S "$dir/tmux" -f /dev/null new-session -d -x 80 -y 24 \
		"$run 4711; printf 'ended one'; read; clear; NO_COLOR=1 $run 4711; printf 'ended two'; read"
	until_ms 10000 shows "qemu-system-x86 (4711)*DRAM cold*ended one*" &&
	says "*$hue*" "$(tmux -S "$dir/tmux" capture-pane -pe)" && press Enter &&
	until_ms 10000 shows "qemu-system-x86 (4711)*DRAM cold*ended two*" &&
	[[ $(tmux -S "$dir/tmux" capture-pane -pe) != *$hue* ]] || ok=1
	[ $ok -eq 0 ] || ktap_diag "$(screen)"
	tmux -S "$dir/tmux" kill-server
	return $ok
}

# Colours of points of the picture, whose layout is in picture.c: the map begins at 126, 104.
pixels()	# file, x y...
{
	/usr/bin/python3 -c 'import sys
from PIL import Image
image = Image.open(sys.argv[1]).convert("RGB")
assert image.width == 2328, image.width
print(*("%02x%02x%02x" % image.getpixel((2 * int(x), 2 * int(y)))
	for x, y in zip(sys.argv[2::2], sys.argv[3::2])))' "$@"
}

pictures()
{
	local file

	machine
	fake_guest
	mkdir "$dir/pictures"
	file=$dir/pictures/web
	echo old >"$file.svg"
	for file in "$file".{svg,png}; do
		heat web-1 -o "$file" && well && says '' "$out" || return 1
		cp "$file" "$dir/first"
		heat web-1 -o "$file" && well && cmp "$file" "$dir/first" &&
		says 644 "$(stat -c %a "$file")" || return 1
	done
	says $'web.png\nweb.svg' "$(ls -A "$dir/pictures")" || return 1
	python3 -c 'import sys, xml.etree.ElementTree as e
root = e.parse(sys.argv[1]).getroot()
assert root.tag.endswith("}svg") and float(root.get("width").rstrip("px")) == 1164, root.attrib' \
		"$dir/pictures/web.svg" || return 1
	! grep -qi 'date\|20[0-9][0-9]-' "$dir/pictures/web.svg" || return 1
	# A row is 128 cells of 256K. The heap, cold and slow; the guest's hot part in DRAM, and to its
	# end; the part that is slow and hot; the end of which nothing is known; nothing.
	says 'fdebd0 0c3771 0c3771 e0692c d6cdc2 ffffff' "$(pixels "$dir/pictures/web.png" 128 110 \
		128 132 893 230 128 244 128 560 128 121)" || return 1
	heat web-1 -o "$dir/pictures/small.png" --lines 10 && well &&
	[ "$(stat -c %s "$dir/pictures/small.png")" -lt "$(stat -c %s "$dir/pictures/web.png")" ]
}

no_picture()
{
	machine
	fake_guest
	heat 4711 -o x.jpg && fails 2 '*ends with .svg or .png*' &&
	heat 4711 -o .png && fails 2 '*ends with*' &&
	heat 4711 -o a.png --json && fails 2 '*picture is of one process*' &&
	heat 4711 -o a.png --all && fails 2 '*picture is of one process*' &&
	heat 4711 -o "$dir/nowhere/a.png" && fails 1 '*nowhere*' || return 1
	ln -s /dev/full "$dir/full.png"
	heat 4711 -o "$dir/full.png" && fails 1 '*no file that could be replaced*' &&
	[ -L "$dir/full.png" ]
}

no_heat()
{
	machine
	heat && fails 2 '*pid or the name of a group is missing*' &&
	heat 1 2 && fails 2 '*Usage*' && heat 1 --lines 3 && fails 2 '*N is a number from 10*' &&
	heat 1 --step 12K && fails 2 '*power of two*' && heat 1 --step 1 && fails 2 '*power of two*' &&
	heat 1 --step x && fails 2 '*no size*' && heat 1 --color blue && fails 2 '*auto, always or never*' &&
	heat 99999 && fails 1 "*no cgroup, unit, virtual machine or process '99999'*" &&
	heat web-1 && fails 1 '*no process with memory*' &&
	heat redis && fails 1 '*no process with memory*' || return 1
	fake_guest
	rm "$FAKE/dev/tiermem"
	heat 4711 && fails 1 '*there is no */dev/tiermem: the module * older*' || return 1
	device '4711 error 1'	# EPERM
	heat 4711 && fails 1 '*CAP_SYS_ADMIN*sudo*' || return 1
	put dev/tiermem '4711 error 13'	# EACCES
	heat 4711 && fails 1 '*not permitted to look into process 4711 (qemu-system-x86)*CAP_SYS_PTRACE*' || return 1
	put dev/tiermem '4711 error 25'	# ENOTTY
	heat 4711 && fails 1 '*older than tiermemctl*' || return 1
	put dev/tiermem '4711 error 12'	# ENOMEM
	heat 4711 --json && fails 1 '*Cannot allocate memory*' || return 1
	# Nothing there, or never.
	put dev/tiermem ''
	heat 4711 && fails 1 '*4711 (qemu-system-x86) has no memory that could be*hugetlb*' &&
	heat 4711 --json && well && json 'd["processes"][0]["mappings"] == []' || return 1
	put dev/tiermem '4711 error 3'	# ESRCH
	put proc/4711/stat '4711 (a) b) Z 1 1 1 0 -1 4194304 0'
	heat 4711 && fails 1 '*4711 (qemu-system-x86) has ended*' || return 1
	rm "$FAKE/proc/4711/stat"
	heat 4711 && fails 1 '*4711 (qemu-system-x86) has ended*' || return 1
	put proc/2/comm kthreadd
	put proc/2/statm '0 0 0 0 0 0 0'
	put proc/2/stat '2 (kthreadd) S 0 0 0 0 -1 2129984 0'
	put proc/2/maps
	heat 2 && fails 1 '*2 (kthreadd) is a thread of the kernel*' || return 1
	rm -r "$FAKE/sys/kernel/tiermem"
	heat 4711 && fails 3 '*modprobe tiermem*'
}

heat_of_anything()
{
	machine
	fake_memory 7 $'\xff\e[31m"<&' 4 '1000000-5000000 /tmp/'$'\e]0;\xfe<&"x' '5000000-6000000 [anon:a/b c]'
	device "7 1000000 4096 dram 31" "7 5000000 4096 slow 0"
	heat 7 && well && says '\\377\\033\[31m"<& (7) *\\033\]0;\\376<&"x*' "$out" &&
	says '*\[anon:a/b c\]*' "$out" && heat 7 --json && well &&
	json 'd["processes"][0]["command"] == "\ufffd\x1b[31m\"<&"' &&
	heat 7 -o "$dir/any.svg" && well &&
	python3 -c 'import sys, xml.etree.ElementTree as e; e.parse(sys.argv[1])' "$dir/any.svg" &&
	LC_ALL=C heat 7 -o "$dir/any.png" && well
}

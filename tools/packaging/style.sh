#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make style: everything about the source that a program can judge. Prints a
# line per check and the offending lines, and ends with 1 if there are any.
# What has not changed since it was last found good is not looked at again
# (build/style; -f forgets that).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$top"
out=$top/build/style
self=tools/packaging/style.sh

# checkpatch: what it says about all our code, but isn't meant for it.
#   LONG_LINE_STRING      the kernel's own rule: messages are not broken, so that
#                         they can be found with grep
everywhere=LONG_LINE_STRING
# In user space there are no kernel types, attribute macros and strscpy();
# volatile keeps the accesses that a memory test is about; and the name of a
# function that is in a string is the name of a test or a word.
user_space=PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,STRCPY,VOLATILE,EMBEDDED_FUNCTION_NAME
# Files or patterns: types, then why.
waivers='
module/compat.h LINUX_VERSION_CODE,CONSTANT_COMPARISON	the one place that compares versions
module/compat.h NEW_TYPEDEFS,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,ASSIGN_IN_IF	stands in for several kernels
module/ksym.h COMPLEX_MACRO,MACRO_ARG_REUSE,TRAILING_SEMICOLON	a table as a macro
module/ksym.c MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_ARG_PRECEDENCE,TRAILING_SEMICOLON	the same
module/ksym.c,module/account.c SPACING	"K(f)(x)" and for_each_node_mask() confuse it
module/walk.c,module/look.c,module/huge.c,module/ranges.c UNCOMMENTED_DEFINITION	a pointer to a lock is not a lock
module/select.c OPEN_BRACE	a function that returns an enum is not an enum
module/trace.h OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT	the layout of all trace event headers
module/policy/env.h PREFER_KERNEL_TYPES,MACRO_ARG_REUSE,UNSPECIFIED_INT	its user space half
module/policy/heat.h MACRO_ARG_REUSE	constants of constants
module/policy/pool.c MACRO_ARG_REUSE	a loop as a macro
module/group.h UNCOMMENTED_DEFINITION	locks are explained in kernel-doc
selftests/test_ctl.c COMPLEX_MACRO,MACRO_ARG_REUSE	two columns of a table
selftests/test_unload.c UNNECESSARY_PARENTHESES	those of a compound literal
selftests/test_badwrites.c QUOTED_WHITESPACE_BEFORE_NEWLINE	what is written is the test
selftests/vm/tlbflush.c,selftests/vm/svm.c AVOID_EXTERNS,CAMELCASE	an interface that has no header
tools/demo/redisload.c CAMELCASE	hiredis
tools/tiersim/*.[ch] CAMELCASE,BIT_MACRO	QEMU, GLib and inttypes.h; BIT() is for the kernel
tools/tiersim/qemu.[ch] COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,TRAILING_SEMICOLON,SPACING,MULTISTATEMENT_MACRO_USE_DO_WHILE	a table as a macro
tools/bench/guest/connection.h CAMELCASE	the same
tools/bench/guest/connection.c,tools/bench/guest/redisload.c CAMELCASE	the same, and PRIu64
tools/tracesim/*.c CAMELCASE,SPLIT_STRING	PRIu64; paragraphs of help texts
tools/tiermemctl/*.c CAMELCASE,SPLIT_STRING	the same
selftests/tiermemctl/cgroupfs.c AVOID_EXTERNS,ARRAY_SIZE	stands in for the C library, and includes no more than that
tools/bench/guest/args.c,tools/bench/guest/pages.c,tools/bench/guest/place.c CAMELCASE	PRIu64
'
# What shellcheck calls dead code are functions that a trap or ktap_check calls.
not_shell=SC2317

# Files longer than this are named, nothing more.
long=500

[ "${1:-}" != -f ] || rm -rf "$out"
mkdir -p "$out/good"

# ---- files --------------------------------------------------------------------

# Tracked or about to be, and still there.
mapfile -t files < <(git ls-files -co --exclude-standard | grep -v '^\.checkpatch' |
	while read -r f; do [ ! -f "$f" ] || echo "$f"; done)
[ ${#files[@]} -gt 0 ] || { echo "style: no files: is this a git tree?" >&2; exit 2; }

pick()	# extended regular expression
{
	printf '%s\n' "${files[@]}" | grep -E "$1" || :
}

mapfile -t c_files < <(pick '\.[ch]$')
mapfile -t bpf_scripts < <(pick '\.bt$')
mapfile -t scripts < <(grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' "${files[@]}")
mapfile -t texts < <(printf '%s\n' "${files[@]}" | grep -v '^COPYING$' | xargs grep -lI '')
mapfile -t module_files < <(pick '^(Kbuild|dkms\.conf|(module|uapi)/.*\.[ch])$')

# ---- results ------------------------------------------------------------------

# A check is a command that prints what is wrong with some files. If it prints
# nothing, that holds for the same contents for ever: remember their hash.
hash_of()	# anything else that matters, file names
{
	{ echo "$1"; shift; printf '%s\n' "$@"; cat "$@" "$self"; } | sha256sum | cut -c1-40
}

# For checks of single files: is there no such record yet? Its name is in $key.
unknown()	# name, file, others that matter
{
	key=$out/good/$1-$(hash_of "$1" "${@:2}")
	[ ! -e "$key" ]
}

check()	# name array-of-files command...
{
	local name=$1 start=${EPOCHREALTIME/./} key log=$out/$1.log
	local -n inputs=$2

	shift 2
	key=$out/good/$name-$(hash_of "$(type "$1"; stat -c '%Y %s' "/lib/modules/${2:-}" 2>&1)" \
		"${inputs[@]}")
	if [ -e "$key" ]; then
		printf 'ok      %-24s as before\n' "$name" >"$log.line"
		return
	fi
	rm -f "$out/good/$name"-*
	"$@" >"$log" 2>&1 || :
	if [ -s "$log" ]; then
		printf 'FAILED  %-24s %s lines\n' "$name" "$(wc -l <"$log")" >"$log.line"
	else
		touch "$key"
		printf 'ok      %-24s %s files, %s s\n' "$name" ${#inputs[@]} \
			$(((${EPOCHREALTIME/./} - start) / 1000000)) >"$log.line"
	fi
}

# ---- checks -------------------------------------------------------------------

ignored_types()	# file
{
	local types=$everywhere paths list path

	case $1 in
	module/*|uapi/*) ;;
	*) types+=,$user_space ;;
	esac
	while read -r paths list _; do
		# shellcheck disable=SC2053	# a pattern
		for path in ${paths//,/ }; do
			[[ $1 != $path ]] || types+=,$list
		done
	done <<<"$waivers"
	echo "$types"
}

# File by file: they differ in what is ignored, and mostly one has changed. Two
# of these run at once, for even and odd files.
checkpatch()	# parity
{
	local i f said key='' tool=$top/build/linux-source/scripts/checkpatch.pl

	tools/packaging/dev-sources.sh >/dev/null || { echo "no checkpatch: make deps"; return; }
	# It keeps a file where it runs, and takes a git tree for the kernel's.
	mkdir -p "$out/checkpatch"
	for ((i = $1; i < ${#c_files[@]}; i += 2)); do
		f=${c_files[i]}
		unknown checkpatch "$f" "$tool" || continue
		# Its exit status says the same.
		said=$(cd "$out/checkpatch" && GIT_DIR=none perl "$tool" --no-tree --strict --terse \
			--show-types --no-summary --ignore "$(ignored_types "$f")" \
			-f "$top/$f" 2>/dev/null) || :
		if [ -n "$said" ]; then
			echo "${said//"$top/"/}"
		else
			touch "$key"
		fi
	done
}

# gcc with the kernel's extra warnings, and sparse on every file; messages about
# the kernel's own headers are not ours. Only what was found good stays, so that
# next time what has changed is compiled, and nothing that had warnings is missed.
build()	# release
{
	local dir=$out/$1 rc=0 f log=$out/$1.make

	mkdir -p "$dir"
	(cd "$dir" && find . -name '*.[ch]' ! -name '*.mod.c' -printf '%P\n') | while read -r f; do
		[ -e "$f" ] || rm "$dir/$f"
	done
	for f in "${module_files[@]}"; do
		cmp -s "$f" "$dir/$f" || install -D -m 644 "$f" "$dir/$f"
	done
	make -C "/lib/modules/$1/build" M="$dir" -j2 W=1 C=1 modules >"$log" 2>&1 || rc=$?
	if grep -E "^($dir/)?(module|uapi)/[^:]*:.*(warning|error):|modpost: |ERROR:" "$log" ||
			[ $rc -ne 0 ]; then
		[ $rc -eq 0 ] || { echo "the build for $1 failed:"; tail -n 5 "$log"; }
		rm -rf "$dir"
	fi | sed "s|$dir/||g" | sort -u
}

# The rules that keep the two rings apart and each trick in one place.
rings()
{
	local f name

	# Policy is pure: its own headers, and nothing of the kernel's but env.h.
	for f in module/policy/*.[ch]; do
		[ "$f" != module/policy/env.h ] || continue
		grep -nE '^[[:space:]]*#[[:space:]]*include' "$f" | while read -r line; do
			name=$(sed -nE 's|.*"(policy/)?([a-z_]+\.h)".*|\2|p' <<<"$line")
			[ -n "$name" ] && [ -e "module/policy/$name" ] ||
				echo "$f:$line: policy may include its own headers only"
		done
	done
	grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\(' -r module | grep -v '^module/compat\.h:' |
		sed 's/$/: only module\/compat.h may ask for the version/'
	grep -nE 'kallsyms|register_kprobe' -r module | grep -v '^module/ksym\.c:' |
		sed 's/$/: only module\/ksym.c looks up symbols/'
	return 0
}

# What others include: uapi, and policy for the tools that share it.
kernel_doc()
{
	local tool

	tool=$(compgen -G '/usr/src/linux-headers-*-common/scripts/kernel-doc' | tail -n 1)
	[ -n "$tool" ] || { echo "no kernel-doc: make deps"; return; }
	"$tool" -none module/policy/*.h 2>&1 | grep -E 'warning|error' || :
}

shell()
{
	local f key='' sourced=()

	mapfile -t sourced < <(grep -l '^# shellcheck shell=' "${scripts[@]}")
	for f in "${scripts[@]}"; do
		unknown shellcheck "$f" "${sourced[@]}" || continue
		shellcheck -x -f gcc -e $not_shell "$f" && touch "$key"
	done
}

spelling()
{
	codespell -q 3 -L "$(tr -s '\n' , <<<"$spelled_right")" "${texts[@]}"
}
# Words that codespell takes for mistakes.
spelled_right='
damon
fpr
inflight
nd
'

# bpftrace has no checker that works without the tracepoints; test_bpftrace.sh runs them. Here:
# they can be run, and are no wider than other code.
bpftrace_scripts()
{
	local f

	for f in "${bpf_scripts[@]}"; do
		[ -x "$f" ] || echo "$f:1: not executable"
		[ "$(head -n 1 "$f")" = "#!/usr/bin/env bpftrace" ] ||
			echo "$f:1: not '#!/usr/bin/env bpftrace'"
		expand "$f" | grep -nE '^.{101}' | sed "s|^|$f:|; s|$|: more than 100 columns|"
	done
	return 0
}

# Licence in the first lines; no blanks at the ends of lines; no conflict marks.
plain()
{
	grep -L SPDX-License-Identifier: "${c_files[@]}" "${scripts[@]}" "${bpf_scripts[@]}" \
		Makefile Kbuild dkms.conf |
		sed 's/$/:1: no SPDX line/'
	grep -nE '[[:blank:]]+$|^(<<<<<<<|>>>>>>>) ' "${texts[@]}" || :
}

# ---- main ---------------------------------------------------------------------

for tool in sparse shellcheck codespell perl; do
	command -v $tool >/dev/null || { echo "style: $tool is missing: make deps" >&2; exit 2; }
done
rm -f "$out"/*.line
find "$out/good" -mtime +30 -delete

# All at once: they take seconds, and the scheduler is good at this.
for d in /lib/modules/*/build; do
	d=${d%/build}
	[ ! -e "$d/build/include" ] ||
		check "sparse,W=1 ${d##*/}" module_files build "${d##*/}" &
done
check checkpatch.1 c_files checkpatch 0 &
check checkpatch.2 c_files checkpatch 1 &
check shellcheck scripts shell &
check codespell texts spelling &
check kernel-doc module_files kernel_doc &
check rings module_files rings &
check bpftrace bpf_scripts bpftrace_scripts &
check plain texts plain &
wait

failed=0
for line in "$out"/*.line; do
	cat "$line"
	if grep -q ^FAILED "$line"; then
		failed=$((failed + 1))
		sed 's/^/    /' "${line%.line}"
	fi
done
for f in "${c_files[@]}" "${scripts[@]}"; do
	lines=$(wc -l <"$f")
	[ "$lines" -le $long ] || echo "long    $f has $lines lines; a file is a noun"
done
[ $failed -eq 0 ] || { echo "style: $failed checks failed"; exit 1; }

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# How the two halves of the demo talk to people.

# The guest has no terminal: demo.sh hands its finding over in DEMO_COLOR.
if [ -n "${DEMO_COLOR+x}" ]; then
	color=$DEMO_COLOR
elif [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	color=1
else
	color=
fi
bold='' dim='' green='' red='' plain=''
if [ -n "$color" ]; then
	bold=$'\e[1m' dim=$'\e[36m' green=$'\e[1;32m' red=$'\e[1;31m' plain=$'\e[0m'
fi
step_nr=${DEMO_STEP:-0}
prompt='#'

title()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

step()
{
	step_nr=$((step_nr + 1))
	title "$step_nr. $*"
}

# A paragraph, filled to 76 columns by the shell itself: every process that
# need not be started is a gain under emulation.
say()
{
	local word line=''

	# shellcheck disable=SC2048 # words, on purpose
	for word in $*; do
		if [ $((${#line} + ${#word})) -gt 72 ]; then
			printf '  %s\n' "$line"
			line=
		fi
		line+=${line:+ }$word
	done
	printf '  %s\n' "$line"
}

# A command as it would be typed.
show()
{
	printf '  %s%s %s%s\n' "$dim" "$prompt" "$*" "$plain"
}

# Shows a command, runs it, indents what it says.
run()
{
	show "$*"
	"$@" 2>&1 | sed 's/^/    /'
}

# The same for a command that says more than a newcomer wants to read.
quietly()
{
	local said rc=0

	show "$*"
	said=$("$@" 2>&1) || rc=$?
	if [ "$rc" != 0 ]; then
		printf '%s\n' "$said" | sed 's/^/    /'
	fi
	return "$rc"
}

verdict()
{
	local tint=$green

	[ "$1" = PASS ] || tint=$red
	printf '  %s%s%s  %s\n' "$tint" "$1" "$plain" "${*:2}"
}

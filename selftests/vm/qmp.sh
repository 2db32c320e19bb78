# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Talk with a QEMU whose monitor (-mon mode=control) is a pair of pipes.

# Sets REPLY to the answer. Greeting and events come in between.
qmp_ask()		# to-fd from-fd seconds json
{
	echo "${4//[$'\n\t']/}" >&"$1"
	while read -r -t "$3" -u "$2" REPLY; do
		case $REPLY in
		*'"return"'*) return 0 ;;
		*'"error"'*) return 1 ;;
		esac
	done
	REPLY='no answer'
	return 1
}

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Shared by dkms-install.sh and dkms-remove.sh. Expects $top.

# shellcheck disable=SC2154 # top: set by the scripts that source this
conf=$top/dkms.conf
name=$(sed -n 's/^PACKAGE_NAME="\(.*\)"$/\1/p' "$conf")
# shellcheck disable=SC2034 # used by the scripts that source this
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$conf")

scratch=${DKMS_ROOT:-}
source_tree=$scratch/usr/src
dkms_tree=$scratch/var/lib/dkms
install_tree=$scratch/lib/modules

say()
{
	printf 'dkms: %s\n' "$*"
}

die()
{
	printf 'dkms: error: %s\n' "$*" >&2
	exit 1
}

need_root_and_dkms()
{
	[ "$(id -u)" = 0 ] || die "only root can do this"
	command -v dkms >/dev/null || die "dkms is missing: make deps, or apt-get install dkms"
}

# DKMS with the trees that are in use, silent unless it fails or V=1 is given.
# In a scratch tree nothing of the system is written: no depmod, and a signing
# key of its own.
run_dkms()
{
	local opts=() log rc=0

	if [ -n "$scratch" ]; then
		opts=(--dkmstree "$dkms_tree" --sourcetree "$source_tree"
		      --installtree "$install_tree")
		[ "$1" = add ] || opts+=(--no-depmod)
		local -x mok_signing_key=$dkms_tree/mok.key
		local -x mok_certificate=$dkms_tree/mok.pub
	fi
	if [ -n "${V:-}" ]; then
		dkms "$@" "${opts[@]}"
		return
	fi
	log=$(mktemp)
	dkms "$@" "${opts[@]}" >"$log" 2>&1 || rc=$?
	if [ "$rc" != 0 ]; then
		sed 's/^/  | /' "$log" >&2
	fi
	rm -f "$log"
	return "$rc"
}

srcdir()
{
	printf '%s/%s-%s\n' "$source_tree" "$name" "$1"
}

is_added()
{
	[ -e "$dkms_tree/$name/$1/source" ]
}

# Versions that DKMS knows. The tree itself is read: `dkms status` has changed
# its format between DKMS 2 and 3, and costs a second for each call in a VM.
versions()
{
	local d

	for d in "$dkms_tree/$name"/*/source; do
		[ -e "$d" ] || [ -L "$d" ] || continue
		d=${d%/source}
		printf '%s\n' "${d##*/}"
	done
}

# Kernels for which version $1 is installed: kernel-RELEASE-ARCH is a link to
# VERSION/RELEASE/ARCH.
installed_for()
{
	local link target

	for link in "$dkms_tree/$name"/kernel-*; do
		[ -L "$link" ] || continue
		target=$(readlink "$link")
		if [ "${target%%/*}" = "$1" ]; then
			target=${target#*/}
			printf '%s\n' "${target%/*}"
		fi
	done
}

is_installed_for()
{
	[[ " $(installed_for "$1" | tr '\n' ' ')" == *" $2 "* ]]
}

remove_version()
{
	if [ -e "$dkms_tree/$name/$1/source/dkms.conf" ]; then
		run_dkms remove -m "$name" -v "$1" --all
	else
		say "the source of $name/$1 is gone, removing what is left of it"
		rm -rf "${dkms_tree:?}/$name/$1"
		rmdir "$dkms_tree/$name" 2>/dev/null || true
	fi
	rm -rf "$(srcdir "$1")"
}

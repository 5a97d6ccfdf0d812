# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the scripts in vm/check.d/.  Sourced, never executed.
#
# A check prints what it found and ends with 0 (fine; what it prints is shown
# as a remark), 77 (cannot be done here; its last line is the reason) or any
# other status (failed).  vm/check runs them with the tree prepared; by hand,
# run vm/prepare before.

. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

TREE=$BUILD/linux
OBJ=$TREE/obj-check

case ${1-} in
--help|-h)	usage; exit 0 ;;
esac

if [[ -z ${CHECK_TMP-} ]]; then
	CHECK_TMP=$(mktemp -d)
	trap 'rm -rf "$CHECK_TMP"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[[ ! -f $TREE/.stamp ]] || touch "$CHECK_TMP/prepared"
fi

skip()
{
	echo "$*"
	exit 77
}

need_tree()
{
	[[ -f $CHECK_TMP/prepared ]] || die "the kernel tree is not prepared (see vm/prepare)"
}

# Print the files of the repository, also those not committed yet, one a line.
# The arguments are git's pathspecs.
repo_files()
{
	local file list

	list=$(git -C "$ROOT" ls-files --cached --others --exclude-standard -- "$@") ||
		die "git cannot list the files of $ROOT"
	[[ $list ]] || die "there are no files $*"
	while read -r file; do
		[[ ! -f $ROOT/$file ]] || echo "$file"
	done <<<"$list"
}

# tree_files [PATTERN]: the same for the part that is laid over a kernel tree.
# shellcheck disable=SC2120	# most want all files
tree_files()
{
	local parts=("${TREE_PARTS[@]}")

	((!$#)) || parts=("${parts[@]/%//**/$1}")
	repo_files "${parts[@]/#/:(glob)}"
}

kbuild()
{
	make -C "$TREE" O="$OBJ" CC="ccache gcc" HOSTCC="ccache gcc" -j"$(nproc)" -s -k "$@"
}

# configure [[+]OPTION]...: the plain kernel with KUnit and all debugging of our own, without
# these options; with those that have a plus sign.
# All configurations share one object directory: kbuild then makes again only
# what depends on an option that changed, and the compiler cache does the rest.
configure()
{
	local base=$CHECK_TMP/config-base dir=$CHECK_TMP/config option

	exec 8>"$OBJ.lock"
	flock 8
	mkdir -p "$OBJ"
	if [[ ! -f $base ]]; then
		"$ROOT/vm/configure" --obj "$dir" plain CONFIG_KUNIT=y \
			CONFIG_IO_URING_KUNIT_TEST=y CONFIG_IO_URING_HOLDS=y
		cp "$dir/.config" "$base"
	fi
	cp "$base" "$dir/.config"
	for option; do
		# These follow from another option.
		case $option in
		COMPAT)		option=IA32_EMULATION ;;
		IO_URING)	"$TREE/scripts/config" --file "$dir/.config" -d BLK_DEV_UBLK ;;
		esac
		case $option in
		+*)	"$TREE/scripts/config" --file "$dir/.config" -e "${option#+}" ;;
		*)	"$TREE/scripts/config" --file "$dir/.config" -d "$option" ;;
		esac
	done
	OBJ=$dir kbuild olddefconfig >"$dir/log" 2>&1 || { cat "$dir/log"; die "olddefconfig failed"; }
	for option; do
		if [[ $option == +* ]]; then
			grep -q "^CONFIG_${option#+}=" "$dir/.config" ||
				die "CONFIG_${option#+} cannot be turned on"
			continue
		fi
		! grep "^CONFIG_$option=" "$dir/.config" || die "CONFIG_$option cannot be turned off"
	done
	cmp -s "$dir/.config" "$OBJ/.config" || cp "$dir/.config" "$OBJ/.config"
	# Two checks in a row with the same configuration.
	! cmp -s "$dir/.config" "$CHECK_TMP/config-made" || return 0
	W='' kbuild prepare >"$dir/log" 2>&1 || { cat "$dir/log"; die "make prepare failed"; }
	cp "$dir/.config" "$CHECK_TMP/config-made"
}

# Build the objects given, with more warnings, any of which is an error: a
# file that has one is not taken for built the next time.
compile()
{
	kbuild W=1e "$@" 2>&1 | { grep -v '^make' || :; }
	return "${PIPESTATUS[0]}"
}
# shellcheck disable=SC2034	# for those that source this file
OURS=(fs/io_uring.o fs/io_uring/)

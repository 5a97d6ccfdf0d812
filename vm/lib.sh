# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034	# variables are for the scripts that source it
#
# Shared by the scripts in vm/: where things are, and how they talk to the
# user.  Sourced, never executed.

set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${BUILD:-$ROOT/build}
CACHE=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/iouring-lts

# The kernel-tree part of the repository: same paths as in a kernel tree.
TREE_PARTS=(fs include Documentation tools)

msg()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die [-s STATUS] REASON
die()
{
	local status=1

	if [[ $1 == -s ]]; then
		status=$2
		shift 2
	fi
	msg "error: $*"
	exit "$status"
}

# Print the comment block at the top of the calling script as its help text.
usage()
{
	sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# The two source trees: the untouched one, and the one with this project's
# io_uring.  An object directory inside its tree makes kbuild use relative
# paths, so that the compiler cache is shared between flavours and checkouts.
flavour_tree()
{
	case $1 in
	stock)	echo "$BUILD/linux-stock" ;;
	*)	echo "$BUILD/linux" ;;
	esac
}

flavour_obj()
{
	echo "$(flavour_tree "$1")/obj-$1"
}

flavour_check()
{
	[[ $1 =~ ^[a-z0-9]+$ && -f $ROOT/vm/config/$1.config ]] ||
		die -s 2 "no kernel flavour '$1' (there is no vm/config/$1.config)"
}

# mm:ss since $1 (a value of $SECONDS)
elapsed()
{
	local s=$((SECONDS - $1))

	printf '%d:%02d' $((s / 60)) $((s % 60))
}

# The machine's first plain Debian source as "URI KEYRING", whichever of the
# two formats it is written in.
debian_source()
{
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[[ -r $f ]] || continue
		awk '$1 == "deb" {
			key = ""; i = 2
			if ($2 ~ /^\[/) {
				for (; i <= NF; i++) {
					if (match($i, /signed-by=[^] ]+/))
						key = substr($i, RSTART + 10, RLENGTH - 10)
					if ($i ~ /\]$/) { i++; break }
				}
			}
			if ($i ~ /debian\/?$/) { print $i, key; exit }
		}' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[[ -r $f ]] || continue
		awk '/^URIs:/ { uri = $2 } /^Signed-By:/ { key = $2 }
		     /^[ \t]*$/ { if (uri ~ /debian\/?$/) exit; uri = key = "" }
		     END { if (uri ~ /debian\/?$/) print uri, key }' "$f"
	done
}

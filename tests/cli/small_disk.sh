# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034
# For a test to source first: runs it again in a mount namespace of its own, with a tmpfs of $disk_size at $disk. Elsewhere
# are the folder $place and the file $said, for what a command says, that `fail WORDS` prints. Skips where it is not allowed.

if [ -z "${TRILL_ON_SMALL_DISK-}" ]; then
    place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
    if ! unshare -rm true 2>/dev/null; then
        echo 'mount namespaces are not allowed here'
        exit 77
    fi
    TRILL_ON_SMALL_DISK=$place unshare -rm sh "$0"
    exit
fi

place=$TRILL_ON_SMALL_DISK disk=$place/disk said=$place/said
fail() { echo "$*"; cat "$said"; exit 1; }
mkdir "$disk"
mount -t tmpfs -o size="$disk_size" none "$disk" || { echo 'a tmpfs cannot be mounted here'; exit 77; }

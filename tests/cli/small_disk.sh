# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034
# For a test to source first: runs it again in a mount namespace of its own, with a tmpfs of $disk_size at $disk. Elsewhere
# are the folder $place and the file $said, for what a command says, that `fail WORDS` prints. Where it is not allowed it skips, or,
# where the test said goes_on=yes before, goes on with an empty $disk.

without_disk() {
    echo "$1"
    [ "${goes_on-no}" = yes ] || exit 77
    disk=
}

if [ -z "${TRILL_ON_SMALL_DISK-}" ]; then
    place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
    if unshare -rm true 2>/dev/null; then
        TRILL_ON_SMALL_DISK=$place unshare -rm sh "$0"
        exit
    fi
    without_disk 'mount namespaces are not allowed here'
else
    place=$TRILL_ON_SMALL_DISK disk=$place/disk
    mkdir "$disk"
    mount -t tmpfs -o size="$disk_size" none "$disk" || without_disk 'a tmpfs cannot be mounted here'
fi

said=$place/said
fail() { echo "$*"; cat "$said"; exit 1; }

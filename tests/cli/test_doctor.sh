#!/bin/sh
# SPDX-License-Identifier: MIT
# The doctor where a file to measure with cannot be written: no room, a file system that is read-only, a limit of file
# sizes. It says so, measures what else there is, keeps that, and leaves nothing behind. Small file systems are tmpfs in a
# mount namespace of its own.

set -eu
disk_size=8M
# shellcheck source=small_disk.sh
. "$(dirname "$0")/small_disk.sh"

# WORD REASON COMMAND...: it succeeds, and its line of direct reads has this word and reason.
finds() {
    word=$1 reason=$2; shift 2
    rm -rf "$place/state"
    "$@" doctor --folder "$disk" --state "$place/state" --seconds 0.002 -q >"$said" 2>&1 || fail "exit code $?: $*"
    tr -s ' \n' ' ' <"$said" | grep -q "$word direct reads .*$disk.*$reason.*drive " || fail "the doctor does not say '$word ... $reason'"
    grep -q '"memory":' "$place/state/machine.json" || fail "what could be measured is not kept"
    [ -z "$(find "$disk" -type f)" ] || fail "left behind: $(find "$disk" -type f)"
}

small() { (ulimit -f 2048; exec "$TRILL" "$@"); }           # in units of 512 bytes: 1 MiB

finds warning 'no room for a file to measure with' "$TRILL"
grep -q 'not measured, as there was no file to read' "$said" || fail 'the drive is measured without a file'
mount -o remount,size=64M "$disk"
finds '\(ok\|warning\)' '' "$TRILL"
grep -q 'drive .*GB/s' "$said" || fail 'the drive is not measured'
finds warning 'File too large' small
mount -o remount,ro "$disk"
finds warning 'Read-only file system' "$TRILL"
mount -o remount,rw "$disk"

# State that cannot be kept is a warning, and a failure of nothing else.
mount -t tmpfs -o size=4k,nr_inodes=1 none "$disk"
"$TRILL" doctor --folder "$place" --state "$disk/deep" --seconds 0.002 --size 4M -q >"$said" 2>&1 || fail "exit code $?"
tr -s ' \n' ' ' <"$said" | grep -q "warning kept for trill plan $disk/deep.*No space left" || fail 'the doctor does not say that nothing is kept'
echo ok

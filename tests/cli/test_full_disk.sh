#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command that writes a file, on a disk that fills up and under a limit of file sizes: exit code 1, one sentence with
# the reason, and nothing left but the work file of a batch, with which the batch goes on when there is room. The disk is a
# small tmpfs in a mount namespace of its own.

set -eu
disk_size=64k
# shellcheck source=small_disk.sh
. "$(dirname "$0")/small_disk.sh"

golden=$TRILL_ROOT/tests/golden
model=$golden/llama/model.gguf

# REASON COMMAND...: it fails for this reason, in one sentence, and leaves nothing but work files.
refused() {
    reason=$1; shift
    code=0
    "$@" >/dev/null 2>"$said" || code=$?
    [ "$code" = 1 ] || fail "exit code $code, expected 1: $*"
    tail -n 1 "$said" | grep -q "^trill: .*$disk.*$reason" || fail "the last line does not say '$reason': $*"
    [ -z "$(find "$disk" -type f ! -name '*.partial')" ] || fail "left behind by $*: $(find "$disk" -type f)"
    find "$disk" -name '*.partial' -delete
}

limited() { (ulimit -f 32; "$@"); }              # in units of 512 bytes: 16 KiB

i=0
while [ $i -lt 120 ]; do                        # some 100 KB of answers
    echo "{\"custom_id\": \"$i\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": {\"prompt\": \"Once upon a time\", \"max_tokens\": 100, \"ignore_eos\": true}}"
    i=$((i + 1))
done >"$place/requests"

for way in '' limited; do
    reason='No space left on device'
    [ -z "$way" ] || reason='File too large'
    refused "$reason" $way "$TRILL" logits "$model" --tokens "$golden/llama/tokens.json" -o "$disk/out.npy" -q
    refused "$reason" $way "$TRILL" synth qwen3-30b-a3b --tiny -o "$disk/tiny.gguf" -q
    refused "$reason" $way "$TRILL" synth qwen3-30b-a3b --tiny -o "$disk/tiny" -q
    refused "$reason" $way "$TRILL" batch "$model" "$place/requests" -o "$disk/answers" -q
done

# With room the batch goes on from what it has.
code=0
"$TRILL" batch "$model" "$place/requests" -o "$disk/answers" -q 2>"$said" || code=$?
[ "$code" = 1 ] && [ -s "$disk/answers.partial" ] || fail 'the batch kept nothing of its work'
mount -o remount,size=4m "$disk"
"$TRILL" batch "$model" "$place/requests" -o "$disk/answers" -q 2>"$said" || fail 'the batch does not go on'
[ "$(wc -l <"$disk/answers")" = 120 ] || fail 'answers are missing'
"$TRILL" batch "$model" "$place/requests" -o "$place/answers" -q 2>"$said"
cmp "$disk/answers" "$place/answers" || fail 'other answers than without the full disk'

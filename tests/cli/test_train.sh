#!/bin/sh
# SPDX-License-Identifier: MIT
# trill train: a small student learns; the same file with any threads and memory, after kill -9 and after Ctrl-C; what it
# writes runs and goes on learning; corpora, checkpoints and outputs that are refused.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; cat "$scratch/said" 2>/dev/null || true; exit 1; }
words=$TRILL_ROOT/tests/golden/llama/model.gguf
mkdir "$scratch/text"
cp "$TRILL_ROOT"/docs/*.md "$scratch/text"

# OUT OPTION...: trains; the report is in OUT.json.
train() {
    out=$1; shift
    "$TRILL" train --size 40k --vocab "$words" --text "$scratch/text" --tokens 20k --window 64 --batch 4 --seed 5 --no-ledger --json \
        -o "$out" "$@" >"$out.json" 2>"$scratch/said"
}
number() { sed -n "s/.*\"$2\":\([-0-9.e+]*\).*/\1/p" "$1"; }
less() { awk "BEGIN { exit !($1 < $2) }"; }

train "$scratch/one" -t 1 --svg "$scratch/loss.svg" || fail 'it does not train'
less "$(number "$scratch/one.json" held_loss)" "$(number "$scratch/one.json" first_held_loss) - 0.3" || fail 'the held-out loss does not fall'
grep -q '"steps":79,' "$scratch/one.json" || fail 'other than 79 steps of 256 tokens for 20,000 tokens'
grep -q '"joules":[0-9]' "$scratch/one.json" || fail 'no joules'
grep -q '</svg>' "$scratch/loss.svg" || fail 'no picture of the losses'
[ ! -e "$scratch/one.checkpoint" ] || fail 'a checkpoint is left behind'

# The same bits.
train "$scratch/two" -t 2 || fail 'it does not train with two threads'
cmp "$scratch/one" "$scratch/two" || fail 'other bits with two threads'
if [ -z "${TRILL_FAST-}" ]; then                  # what sanitizers take themselves counts too
    if train "$scratch/two" --force --ram 8M; then fail 'it trains within 8 MB'; fi
    least=$(sed -n 's/.*--ram \([0-9]*\)M works.*/\1/p' "$scratch/said")
    train "$scratch/two" -t 1 --force --ram $((least + 1))M || fail 'it does not train with the least memory'
    cmp "$scratch/one" "$scratch/two" || fail 'other bits with less memory'
fi

# What is written runs, and goes on.
"$TRILL" run "$scratch/one" --raw -p 'The model' -n 8 --temp 0 --no-ledger >/dev/null 2>"$scratch/said" || fail 'the trained model does not run'
"$TRILL" train "$scratch/one" --text "$scratch/text" --tokens 5k --window 64 --batch 4 --no-ledger --json -o "$scratch/more" \
    >"$scratch/more.json" 2>"$scratch/said" || fail 'the trained model does not go on'
less "$(number "$scratch/more.json" first_held_loss)" "$(number "$scratch/one.json" first_held_loss) - 0.3" || fail 'it does not go on from its weights'

# kill -9 whenever: the same file in the end. What is to be killed gives way to who watches it.
for steps in 1 3; do
    rm -f "$scratch/two"*
    nice -n 5 "$TRILL" train --size 40k --vocab "$words" --text "$scratch/text" --tokens 20k --window 64 --batch 4 --seed 5 --no-ledger \
        -o "$scratch/two" --interval 0 -q >/dev/null 2>"$scratch/said" &
    pid=$!
    seen=0
    while [ $seen -lt $steps ]; do
        sum=$(cksum "$scratch/two.checkpoint" 2>/dev/null) || sum=
        [ "${sum:-none}" = none ] || [ "$sum" = "${last-}" ] || { last=$sum; seen=$((seen + 1)); }
        kill -0 $pid 2>/dev/null || break
    done
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    [ -e "$scratch/two" ] || [ -e "$scratch/two.checkpoint" ] || fail 'no checkpoint is there behind kill -9'
    [ -e "$scratch/two" ] || train "$scratch/two" || fail 'it does not go on behind kill -9'
    cmp "$scratch/one" "$scratch/two" || fail 'other bits behind kill -9'
done
[ "$(number "$scratch/two.json" resumed_steps)" -gt 0 ] || fail 'it began anew behind kill -9'

# Ctrl-C: exit code 130, and it says where to go on from.
rm -f "$scratch/two"*
"$TRILL" train --size 40k --vocab "$words" --text "$scratch/text" --hours 1 --window 64 --batch 4 --no-ledger -o "$scratch/two" \
    --interval 0 >/dev/null 2>"$scratch/said" &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -e "$scratch/two.checkpoint" ]; do sleep 0.02; done
kill -INT $pid
code=0
wait $pid || code=$?
[ $code = 130 ] || fail "exit code $code behind Ctrl-C, expected 130"
grep -q "kept in $scratch/two.checkpoint" "$scratch/said" || fail 'it does not say where to go on from'
[ -s "$scratch/two.checkpoint" ] && [ ! -e "$scratch/two" ] || fail 'the checkpoint is not there, or the output is'

# CODE WHAT OPTION...: refused in one sentence.
refused() {
    expected=$1 what=$2; shift 2
    code=0
    "$TRILL" train "$@" --no-ledger -q >"$scratch/out" 2>"$scratch/said" || code=$?
    [ $code = "$expected" ] || fail "exit code $code, expected $expected: $*"
    tail -n 1 "$scratch/said" | grep -q "^trill: .*$what" || fail "the last line does not say '$what': $*"
    [ ! -s "$scratch/out" ] || fail 'something on standard output'
}
student="--size 40k --vocab $words --tokens 1k --window 64"
good="$student --text $scratch/text"
# shellcheck disable=SC2086
{
    refused 2 'other work' $good -o "$scratch/two"
    printf 'xyz' | dd of="$scratch/two.checkpoint" bs=1 seek=50000 conv=notrunc 2>/dev/null
    refused 1 'the checkpoint is damaged' --size 40k --vocab "$words" --text "$scratch/text" --hours 1 --window 64 --batch 4 -o "$scratch/two"
    refused 2 'is there already; --force replaces it' $good -o "$scratch/one"
    : >"$scratch/empty"
    refused 2 'holds 0 tokens to learn from' $student --text "$scratch/empty" -o "$scratch/x"
    printf 'a\0b' >"$scratch/binary"
    refused 2 'binary: is no text: byte 1 is NUL' $student --text "$scratch/binary" -o "$scratch/x"
    [ -n "${TRILL_FAST-}" ] || refused 4 '--ram [0-9]*M works' $good -o "$scratch/x" --ram 8M
    refused 2 '20.5 or so' $student --text "$scratch/text" --tokens '20.5 or so' -o "$scratch/x"
    refused 2 'one of the two: --tokens N or --hours H' $good --hours 1 -o "$scratch/x"
    refused 2 'nothing to learn from: --text' $student -o "$scratch/x"
    refused 2 'no place for the model: -o' $good
    refused 2 'there are: cosine wsd constant' $good -o "$scratch/x" --schedule cosinus
    refused 2 'no number format of GGUF' $good -o "$scratch/x" --format q9
    refused 2 'the model takes at most' $good -o "$scratch/x" --window 100000
    refused 1 'is not finite, so training stops with the weights of step [0-9]*; .*holds them' $good -o "$scratch/x" --rate 1e30 --clip 0 --batch 1
    refused 2 'two answers to one question' qwen3-0.6b $good -o "$scratch/y"
}
[ -s "$scratch/x" ] || fail 'what was learnt before the loss was not finite is not there'

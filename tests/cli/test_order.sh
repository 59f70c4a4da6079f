#!/bin/sh
# SPDX-License-Identifier: MIT
# --order changes how a model is passed through, never an answer: logits have the same hash and scores the same sums, of a
# dense model and of one with experts.

set -eu
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
head -c 3000 "$TRILL_ROOT/README.md" >"$place/text"
echo '[1, 5, 9, 2, 6, 11, 3, 7, 12, 4]' >"$place/ids"

# COMMAND...: the member that is to be equal, for each order
all() {
    member=$1; shift
    for order in auto token layer; do
        "$TRILL" "$@" --order $order --json -q 2>/dev/null | sed -n "s/.*\"$member\":\"\{0,1\}\([^,\"]*\).*/\1/p"
    done
}

equal() { [ "$(sort -u | grep -c .)" = 1 ]; }

for family in llama qwen3_moe; do
    model=$TRILL_ROOT/tests/golden/$family/model.gguf
    all sha256 logits "$model" --tokens "$place/ids" | equal || { echo "$family: logits differ"; exit 1; }
    all nll_sum score "$model" --text "$place/text" -c 64 | equal || { echo "$family: scores differ"; exit 1; }
    all sweeps score "$model" --text "$place/text" -c 64 >"$place/steps"
    [ "$(sed -n 2p "$place/steps")" -gt "$(sed -n 3p "$place/steps")" ] || { echo "$family: no fewer passes layer by layer"; exit 1; }
done

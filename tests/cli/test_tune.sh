#!/bin/sh
# SPDX-License-Identifier: MIT
# Tuned settings change no answer: the same logits without, with any, and with damaged ones. What is measured is measured
# without what was tuned before.

set -eu
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
golden=$TRILL_ROOT/tests/golden
fail() { echo "$*"; exit 1; }

sum() { "$TRILL" logits "$golden/$1/model.gguf" --tokens "$golden/$1/tokens.json" --home "$place" --json | sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/'; }

"$TRILL" tune "$golden/glm4_moe/model.gguf" --home "$place" --seconds 0.002 -q >"$place/told"
file=$(echo "$place"/tuning/model.gguf-*.json)
grep -q "Kept in $file" "$place/told" || fail "the file is not told: $(cat "$place/told")"
rm "$file"
plain=$(sum glm4_moe)
[ ${#plain} = 64 ] || fail "no digest: $plain"
for settings in '{}' '{"threads":1,"chunk":64}' '{"threads":3,"chunk":1024,"io":"pread","policy":"lru","lookahead":"off"}' \
                '{"io":"uring","policy":"lfru","lookahead":"on"}' '{"threads":"' 'null'; do
    "$TRILL" tune "$golden/glm4_moe/model.gguf" --home "$place" --seconds 0.002 --minutes 0 -q >/dev/null
    sed -i "s/^\"settings\":{},/\"settings\":$settings,/" "$file"
    grep -qF "$settings" "$file" || fail "the settings are not in the file"
    tuned=$(sum glm4_moe)
    [ "$tuned" = "$plain" ] || fail "other logits with $settings"
done
echo 'ok'

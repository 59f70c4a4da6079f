#!/bin/sh
# SPDX-License-Identifier: MIT
# What is written from the rows: the page of all commands names each with its options, shells accept the completion, bash completes with it, and the
# manual page has no mistakes where a formatter is there to say so.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }

"$TRILL" man --markdown >"$scratch/cli.md"
for command in $(sed -n 's/^COMMAND( *\([a-z]*\),.*/\1/p' "$TRILL_ROOT/src/cli/commands.def"); do
    grep -qx "## $command" "$scratch/cli.md" || fail "the page has no part on $command"
done
grep -q '^| `--top-p P` | .* (default 0.95) |$' "$scratch/cli.md" || fail 'the page does not tell options and defaults'

for shell in bash zsh fish; do
    "$TRILL" completion $shell >"$scratch/$shell"
    if command -v $shell >/dev/null; then
        $shell -n "$scratch/$shell" || fail "$shell does not accept its completion"
    fi
done

mkdir -p "$scratch/cache/trill"
echo x >"$scratch/cache/trill/some-model.gguf"
offered() {                                     # WORDS...: what bash offers for the last one
    PATH=$(dirname "$TRILL"):$PATH XDG_CACHE_HOME=$scratch/cache bash -c '
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trill; echo "${COMPREPLY[*]}"' bash "$scratch/bash" "$@"
}
if command -v bash >/dev/null; then
    [ "$(offered trill ru)" = run ] || fail 'commands do not complete'
    [ "$(offered trill run --top-)" = '--top-k --top-p' ] || fail 'options do not complete'
    [ "$(offered trill logits --kv b)" = bf16 ] || fail 'choices do not complete'
    [ "$(offered trill run some)" = some-model ] || fail 'models do not complete'
fi

"$TRILL" man >"$scratch/trill.1"
if command -v groff >/dev/null; then
    groff -man -ww -z "$scratch/trill.1" 2>"$scratch/warnings" || fail 'groff fails on the manual page'
    [ ! -s "$scratch/warnings" ] || { cat "$scratch/warnings"; fail 'groff warns of the manual page'; }
fi

#!/bin/sh
# SPDX-License-Identifier: MIT
# From the manual pages of this machine to a small model of one's own, in under 20 minutes on two cores: a small teacher is
# fetched, a student of 10 million weights beyond its embeddings learns from it, both stand in one table, and the student speaks.
#
#   examples/distill.sh [FOLDER]        what is done is not done again; FOLDER: distill-example unless given
#
# TOKENS, KILOBYTES, STUDENT in the environment change how much is learnt, from how much text, by whom.

set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-distill-example}
trill=${TRILL:-$root/build/trill}
tokens=${TOKENS:-400000} kilobytes=${KILOBYTES:-1700} student=${STUDENT:-10M}
say()  { echo "== $*" >&2; }
fail() { echo "distill.sh: $*" >&2; exit 1; }

[ -x "$trill" ] || fail "$trill is missing; ./demo or make builds it"
mkdir -p "$folder"

# Manual pages, or where there are few of them, what packages say in /usr/share/doc.
list() {
    pages=$(find /usr/share/man/man1 /usr/share/man/man8 -name '*.gz' -size +2k -size -20k 2>/dev/null | LC_ALL=C sort)
    if command -v nroff >/dev/null && [ "$(echo "$pages" | wc -l)" -ge 100 ]; then
        echo "$pages"
    else
        find /usr/share/doc -type f \( -name '*.txt*' -o -name 'README*' -o -name 'NEWS*' -o -name copyright \) -size +2k | LC_ALL=C sort
    fi
}
spread() {                                       # N lines of all, so that many packages have a say
    awk -v most="$1" '{ line[NR] = $0 } END { step = NR > most ? NR / most : 1; for (i = 1; i <= NR; i += step) print line[int(i)] }'
}
plain() {
    case $1 in
    */man/*) zcat "$1" | nroff -man -Tascii 2>/dev/null | col -bx | cat -s ;;
    *) zcat -f "$1" | head -c 20000 ;;
    esac
}
collect() {                                      # every twentieth document is held out
    mkdir -p "$1/text" "$1/held"
    n=0
    list | spread $((kilobytes / 5)) | while read -r file; do
        n=$((n + 1))
        to=$1/text; [ $((n % 20)) -ne 0 ] || to=$1/held
        plain "$file" >"$to/$(basename "$file" .gz).txt" || true
        [ "$(du -sk --apparent-size "$1/text" | cut -f1)" -lt "$kilobytes" ] || break
    done
}

if [ ! -d "$folder/documents" ]; then
    say "collecting $kilobytes KB of manual pages"
    rm -rf "$folder/documents.new"
    collect "$folder/documents.new"
    mv "$folder/documents.new" "$folder/documents"
fi
documents=$folder/documents
[ "$(find "$documents/text" -name '*.txt' | wc -l)" -ge 20 ] || fail 'fewer than 20 documents are in /usr/share/man and /usr/share/doc'

teacher=${TEACHER:-$("$root/tool/fetch-models" smollm2)} || fail 'the teacher could not be fetched'

say "$student learns from $(basename "$teacher") with $(find "$documents/text" -name '*.txt' | wc -l) documents"
"$trill" distill "$teacher" "$student" --text "$documents/text" --tokens "$tokens" --window 256 --batch 2 -o "$folder/student.gguf"

say 'before and after, on pages that nobody learnt from'
cp "$folder"/student.gguf.work/start-*.gguf "$folder/before.gguf"
"$trill" eval "$folder/before.gguf" "$folder/student.gguf" --reference "$teacher" --text "$documents/held" --window 256 --store "$folder/references" -q

say "the student speaks; a conversation: $trill chat $folder/student.gguf"
"$trill" run "$folder/student.gguf" --raw -p 'NAME
       ' -n 120 --temp 0.7 --seed 1

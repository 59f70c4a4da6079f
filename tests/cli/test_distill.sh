#!/bin/sh
# SPDX-License-Identifier: MIT
# From documents to a student on tiny models: the stages, what is found again, killed in the middle, what cannot be done.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }
cd "$scratch"
# jq is not everywhere
member() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."): value = value[key]
print(value)' "$1" "$2"; }
refused() {                                      # WORDS COMMAND...: exit 2 or 1, the sentence holds WORDS
    words=$1; shift
    code=0; "$TRILL" distill "$@" -q >out 2>errors || code=$?
    [ "$code" = 1 ] || [ "$code" = 2 ] || fail "exit $code: $*"
    grep -q -e "$words" errors || { cat errors; fail "expected a sentence with \"$words\""; }
}

mkdir text
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    awk -v seed="$i" 'BEGIN { srand(seed); for (i = 0; i < 260; i++) printf "word%d ", int(rand() * 40); print "" }' >"text/$i.txt"
done
"$TRILL" synth qwen3-0.6b --tiny --to f32 -o teacher.gguf -q
"$TRILL" synth qwen3-0.6b --tiny --to f32 --seed 9 --layers 1 -o student.gguf -q
common="--window 32 --tokens 12000 --no-ledger --home $scratch/home"

# --- the same words -------------------------------------------------------------------------------------------------------
# shellcheck disable=SC2086                      # lists of words
"$TRILL" distill teacher.gguf 50k --text text $common --forecast --json -o none.gguf >forecast.json 2>/dev/null
[ "$(member forecast.json survey.sweeps)" = True ] || fail 'no sweep is planned'
[ ! -e none.gguf ] && [ ! -e none.gguf.work ] || fail 'a forecast leaves files'
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common --control --json -q -o one.gguf >one.json
[ "$(member one.json stages_found)" = 0 ] || fail 'stages are found where nothing was'
[ "$(member one.json against_control.kl.better)" = student ] || fail 'the distilled student is not nearer to its teacher'
"$TRILL" run one.gguf --raw -p word -n 4 -q >/dev/null || fail 'the student does not run'
"$TRILL" inspect one.gguf --json >inspect.json
for key in teacher.identity teacher.sha256 data.sha256 recipe sweep.sha256; do
    grep -q "\"trill.distill.$key\"" inspect.json || fail "no trill.distill.$key in the student"
done
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common --control --json -q -o one.gguf >again.json
[ "$(member again.json stages_found)" = 3 ] || fail 'stages are done twice'
[ "$(member one.json against_control)" = "$(member again.json against_control)" ] || fail 'the report differs when all was found'
rm one.gguf.work/start-*.gguf
"$TRILL" distill teacher.gguf 50k --text text --window 32 --tokens 12000 --state "$scratch/state" --config "$scratch/state" -q -o one.gguf >/dev/null ||
    fail 'a start that was removed is not made again'
[ -f "$scratch/state/ledger.db" ] || fail 'the ledger is not in the folder that was said'
cp one.gguf first.gguf; rm -rf one.gguf one.gguf.work
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common -t 1 -q -o one.gguf >/dev/null
cmp -s one.gguf first.gguf || fail 'the same command gives another student'
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common --mix 0.5 --json -q --work one.gguf.work -o two.gguf >two.json
[ "$(member two.json stages_found)" = 1 ] || fail 'another mix sweeps the teacher anew'
cmp -s one.gguf two.gguf && fail 'another mix gives the same student'

"$TRILL" distil --help 2>/dev/null | grep -q STUDENT || fail 'distil is no other spelling'

# --- killed at any moment ------------------------------------------------------------------------------------------------
rm -rf killed.gguf.work
delays='0.05 0.1 0.15 0.2 0.3 0.4 0.6 0.8 1.2 1.6'
[ -z "${TRILL_FAST-}" ] || delays='0.2 0.5 1'
for delay in $delays; do
    # shellcheck disable=SC2086
    "$TRILL" distill teacher.gguf 50k --text text $common -q -o killed.gguf >/dev/null 2>&1 & running=$!
    sleep "$delay"
    kill -9 "$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
done
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common -q -o killed.gguf >/dev/null || fail 'it does not go on after kill -9'
cmp -s one.gguf killed.gguf || fail 'killed and gone on, the student is another'

# --- no room in the middle -----------------------------------------------------------------------------------------------
filled() {                                       # BLOCKS of 512 bytes that a file may have: one sentence, and no halves are left
    code=0
    # shellcheck disable=SC2086
    (ulimit -f "$1"; "$TRILL" distill teacher.gguf 50k --text text $common -q -o filled.gguf) >out 2>errors || code=$?
    [ "$code" = 1 ] && tail -n 1 errors | grep -q '^trill: .*filled.gguf.*File too large' || { cat errors; fail "exit $code with files of $1 blocks"; }
    [ ! -e filled.gguf ] && [ -z "$(find . -name '*.part*')" ] || fail "halves are left: $(find . -name '*.part*')"
}
filled 32                                        # the sweep
rm -rf filled.gguf.work && cp -r one.gguf.work filled.gguf.work && rm filled.gguf.work/student-*.gguf
filled 64                                        # the student
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf 50k --text text $common -q -o filled.gguf >/dev/null || fail 'it does not go on when there is room'
cmp -s one.gguf filled.gguf || fail 'gone on when there is room, the student is another'

# --- the teacher writes --------------------------------------------------------------------------------------------------
printf '{"prompt":"word1 word2","want":"x"}\n{"prompt":"word3 word4"}\n{"prompt":"word5"}\n' >prompts.jsonl
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf student.gguf --prompts prompts.jsonl --answers 4 --answer-tokens 24 $common --drop-unlikely 0 --verify 'exit 1' -q \
    -o three.gguf >out 2>errors && fail 'learns from nothing'
grep -q 'nothing is left to learn' errors || fail 'no sentence where the verifier passes nothing'
# shellcheck disable=SC2086
"$TRILL" distill teacher.gguf student.gguf --text text --answer-tokens 24 --answers 2 --held 0.1 $common --json -q -o same.gguf >same.json
[ "$(member same.json survey.writes)" = False ] || fail 'a teacher with the same words writes without prompts'
[ "$(member same.json start.held_tokens)" -gt 0 ] || fail 'the student is not measured as it was before'

other=$TRILL_ROOT/tests/golden/llama/model.gguf
if [ -f "$other" ]; then                         # it has other words
    # shellcheck disable=SC2086
    "$TRILL" distill "$other" student.gguf --text text --answer-tokens 16 --answers 2 --held 0.1 $common --drop-unlikely 0.1 --control --json -q \
        -o other.gguf >other.json
    [ "$(member other.json survey.same_vocabulary)" = False ] || fail 'other words are not noticed'
    [ "$(member other.json written.kept)" -gt 0 ] || fail 'nothing that the teacher wrote is kept'
    [ "$(member other.json written.unlikely)" -gt 0 ] || fail 'nothing is left out as unlikely'
    member other.json against_control.nll.better >/dev/null || fail 'the control is not compared'
fi

# --- what cannot be done -------------------------------------------------------------------------------------------------
mkdir empty
refused 'nothing to learn from' teacher.gguf 50k -o x.gguf
refused 'to learn from' teacher.gguf 50k --text empty -o x.gguf
refused 'STUDENT is missing' teacher.gguf --text text -o x.gguf
refused 'the student, \|no place' teacher.gguf 50k --text text
refused 'needs --text' teacher.gguf 50k --prompts prompts.jsonl --control -o x.gguf
refused '--prompts' teacher.gguf 50k --text text --verify true -o x.gguf
refused 'number format' teacher.gguf 50k --text text --to q99 -o x.gguf
refused 'windows of' teacher.gguf 50k --text text --window 1000000 -o x.gguf
head -c 3000 /dev/urandom >one.gguf.work/manifest.json
refused 'manifest' teacher.gguf 50k --text text --window 32 -o one.gguf
[ ! -e x.gguf ] && [ ! -e x.gguf.work ] || fail 'a refusal leaves files'

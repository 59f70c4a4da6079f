#!/bin/sh
# SPDX-License-Identifier: MIT
# A ledger that cannot be written or read never fails a run: a full disk, a folder that is read-only, a damaged or locked
# database, no place at all are one warning each, and the answer is the same. Many runs at once all have their row. What is
# damaged is kept beside. The disk is a small tmpfs in a mount namespace of its own.

set -eu
disk_size=256k
# shellcheck source=small_disk.sh
. "$(dirname "$0")/small_disk.sh"

XDG_STATE_HOME=$disk XDG_CONFIG_HOME=$place/config; export XDG_STATE_HOME XDG_CONFIG_HOME
model=$TRILL_ROOT/tests/golden/llama/model.gguf

run() {                                          # the same short answer each time
    "$TRILL" run "$model" --raw -p Hello -n 6 --temp 0 -q "$@" 2>"$said"
}
# WORDS: a run succeeds with the answer that is expected and one warning that says so.
warned() {
    found=$(run) || fail "the run failed: $1"
    [ "$found" = "$answer" ] || fail "another answer: $1"
    [ "$(wc -l <"$said")" = 1 ] || fail "not one warning: $1"
    grep -q "^warning: .*$1" "$said" || fail "the warning does not say: $1"
}
five() {                                         # runs, one after another
    k=0; while [ $k -lt 5 ]; do "$TRILL" run "$model" --raw -p Hello -n 6 -q >/dev/null; k=$((k + 1)); done
}
runs() {                                         # how many the ledger has
    "$TRILL" ledger --json 2>"$said" | sed -n 's/.*"totals":{"runs":\([0-9]*\).*/\1/p'
}
expect() { [ "$(runs)" = "$1" ] || fail "$(runs) runs, expected $1: $2"; }

answer=$(run --no-ledger)
[ -n "$answer" ] && [ ! -s "$said" ] || fail 'no answer without a ledger'
[ ! -e "$disk/trill" ] || fail '--no-ledger left something'
run >/dev/null && [ ! -s "$said" ] || fail 'a first run'
expect 1 'after a first run'

# --- no place ---

dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null || true
i=0; while [ $i -lt 40 ]; do run >/dev/null || fail 'a full disk'; i=$((i + 1)); done
warned 'no room for a row'
before=$(runs)
rm "$disk/filler"
run >/dev/null && [ ! -s "$said" ] || fail 'room again'
expect $((before + 1)) 'with room again'

before=$(runs)
mount -o remount,ro "$disk"
warned 'ledger'
expect "$before" 'of a folder that is read-only'
mount -o remount,rw "$disk"
run >/dev/null && [ ! -s "$said" ] || fail 'a folder that can be written again'

found=$(env -u XDG_STATE_HOME -u HOME "$TRILL" run "$model" --raw -p Hello -n 6 --temp 0 -q 2>"$said") || fail 'no home'
[ "$found" = "$answer" ] || fail 'another answer without a home'
grep -q '^warning: this run is not in the ledger: ' "$said" && [ "$(wc -l <"$said")" = 1 ] || fail 'no warning without a home'

# --- company ---

: >"$place/locked"
python3 - "$disk/trill/ledger.db" "$place/enough" >"$place/locked" <<'END' &
import os, sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
end = time.monotonic() + 120
while not os.path.exists(sys.argv[2]) and time.monotonic() < end:
    time.sleep(0.02)
END
while ! grep -q locked "$place/locked"; do sleep 0.05; done
warned 'locked by another program'
touch "$place/enough"
wait

before=$(runs)
for i in 1 2 3 4; do
    five >"$place/said-$i" 2>&1 &
done
wait
cat "$place"/said-* >"$said"
lost=$(grep -c 'locked by another program' "$said" || true)      # only where the machine has much other work
expect $((before + 20 - lost)) 'from four at once'

# --- damage ---

"$TRILL" ledger --csv >"$place/before.csv" 2>"$said"
rm -f "$disk"/trill/ledger.db-*
head -c 5000 /dev/zero >"$disk/trill/ledger.db"
warned "the ledger was damaged; it is kept as $disk/trill/ledger.db.damaged-1"
cmp -s "$disk/trill/ledger.db.damaged-1" - <<END || [ "$(wc -c <"$disk/trill/ledger.db.damaged-1")" = 5000 ] || fail 'what was damaged is not kept'
END
expect 1 'after damage'
rm -f "$disk"/trill/ledger.db-*
head -c 5000 /dev/zero >"$disk/trill/ledger.db"
"$TRILL" ledger >"$place/report" 2>"$said" || fail 'a report of a damaged ledger'
grep -q '^No runs yet' "$place/report" && grep -q '^warning: .*damaged-2' "$said" || fail 'what the report of a damaged ledger says'
[ "$(wc -c <"$disk/trill/ledger.db.damaged-2")" = 5000 ] || fail 'the second one is not kept'

# --- every form of a report can be read by others ---

python3 - "$TRILL" "$place/before.csv" "$model" <<'END' || fail 'a report cannot be read'
import csv, json, subprocess, sys, xml.etree.ElementTree
trill, before, model = sys.argv[1:]
rows = list(csv.DictReader(open(before, newline='')))
assert len(rows) > 20 and all(row['model'] == 'model' and float(row['joules']) > 0 and int(row['prompt_tokens']) > 0 for row in rows), rows[0]
odd = sys.argv[2] + ' a,"b"\n.gguf'
import os, shutil
shutil.copy(model, odd)
subprocess.run([trill, 'run', odd, '--raw', '-p', 'x', '-n', '2', '-q'], check=True, capture_output=True)
rows = list(csv.DictReader(subprocess.run([trill, 'ledger', '--csv'], check=True, capture_output=True, text=True).stdout.splitlines(True)))
assert rows[-1]['model'] == os.path.basename(odd)[:-5], rows[-1]['model']
report = json.loads(subprocess.run([trill, 'ledger', '--json', '--last', '1'], check=True, capture_output=True, text=True).stdout)
assert report['rows'][0]['model'] == os.path.basename(odd)[:-5] and report['totals']['runs'] == len(rows)
assert sum(day['runs'] for day in report['by_day']) == len(rows)
chart = sys.argv[2] + '.svg'
subprocess.run([trill, 'ledger', '--svg', chart, '--by', 'model'], check=True, capture_output=True)
assert 'a,"b"' in ''.join(xml.etree.ElementTree.parse(chart).getroot().itertext())
END
echo 'all well'

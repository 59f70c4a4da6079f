#!/bin/sh
# SPDX-License-Identifier: MIT
# The unit of systemd is one that systemd understands, and what it says to run is a command of this program.

set -eu
fail() { echo "$*"; exit 1; }
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
unit=$scratch/trill.service
sed "s|^ExecStart=[^ ]*|ExecStart=$TRILL|" "$TRILL_BUILD/trill.service" >"$unit"
grep -q "^ExecStart=$TRILL serve " "$unit" || fail 'the unit does not serve'
for option in $(sed -n 's/^ExecStart=//p' "$unit" | tr ' ' '\n' | grep '^--'); do
    "$TRILL" help serve | grep -q -e " $option " -e " $option\$" || fail "$option is no option of trill serve"
done
command -v systemd-analyze >/dev/null || { echo 'there is no systemd-analyze here'; exit 77; }
SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" >"$scratch/said" 2>&1 || { cat "$scratch/said"; fail 'systemd finds fault with the unit'; }
if grep -i 'trill.service' "$scratch/said"; then fail 'systemd warns of the unit'; fi

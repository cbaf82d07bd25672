#!/bin/sh
# Makes the circuit vectors: compiled circuits, witnesses, keys and snarkjs' own proofs of five small circuits.
#     sim/vectors/circuits/make.sh [output folder, default target/vectors]
# Takes snarkjs and circom2 from $MILLRACE_NODE_MODULES or .tools/node_modules (sim/tools/setup.sh installs them). Under a minute;
# does nothing when the folder is complete and newer than the sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=${1:-$root/target/vectors}
mkdir -p "$out"
out=$(cd "$out" && pwd)

if [ -f "$out/complete" ] && [ -z "$(find "$here" -newer "$out/complete" -type f)" ]; then
    echo "circuit vectors: up to date in $out"
    exit 0
fi
rm -f "$out/complete"

modules=${MILLRACE_NODE_MODULES:-$root/.tools/node_modules}
if [ ! -d "$modules/snarkjs" ] || [ ! -d "$modules/circom2" ]; then
    echo "circuit vectors: no snarkjs and circom2 in $modules; run sim/tools/setup.sh" >&2
    exit 1
fi
command -v node >/dev/null || PATH=$root/.tools/venv/bin:$PATH
node "$here/make.mjs" "$modules" "$out"
echo "circuit vectors: made in $out"

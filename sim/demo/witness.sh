#!/usr/bin/env bash
# Semaphore witnesses, by the circuit's own wasm: sim/demo/witness.sh FOLDER writes FOLDER/semaphore-20.wtns, a second one of the same key with
# another message (semaphore-20-other.wtns), and puts the key beside them. Key and wasm must have the pinned checksums.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules=${MILLRACE_NODE_MODULES:-.tools/node_modules}
artifacts=$modules/@zk-kit/semaphore-artifacts
input=sim/demo/semaphore-20.input.json
out=$1
[ ! -f "$out/semaphore-20.wtns" ] || [ ! -f "$out/semaphore-20-other.wtns" ] || exit 0
mkdir -p "$out"
(cd "$artifacts" && sha256sum --quiet -c -) < sim/demo/semaphore-20.sha256
witness() { node "$modules/snarkjs/build/cli.cjs" wtns calculate "$artifacts/semaphore-20.wasm" "$1" "$out/new.wtns" >/dev/null && mv "$out/new.wtns" "$2"; }
node -e 'const input = JSON.parse(fs.readFileSync(process.argv[1])); input.message = String(BigInt(input.message) + 1n); console.log(JSON.stringify(input));' \
  "$input" > "$out/other.input.json"
witness "$out/other.input.json" "$out/semaphore-20-other.wtns"
ln -sf "$(realpath "$artifacts/semaphore-20.zkey")" "$out/semaphore-20.zkey"
witness "$input" "$out/semaphore-20.wtns"

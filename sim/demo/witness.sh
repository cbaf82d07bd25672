#!/usr/bin/env bash
# The Semaphore witness, by the circuit's own wasm: sim/demo/witness.sh FOLDER writes FOLDER/semaphore-20.wtns and puts the key beside it. Key and
# wasm must have the pinned checksums.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules=${MILLRACE_NODE_MODULES:-.tools/node_modules}
artifacts=$modules/@zk-kit/semaphore-artifacts
out=$1
[ ! -f "$out/semaphore-20.wtns" ] || exit 0
mkdir -p "$out"
(cd "$artifacts" && sha256sum --quiet -c -) < sim/demo/semaphore-20.sha256
node "$modules/snarkjs/build/cli.cjs" wtns calculate "$artifacts/semaphore-20.wasm" sim/demo/semaphore-20.input.json "$out/new.wtns" >/dev/null
ln -sf "$(realpath "$artifacts/semaphore-20.zkey")" "$out/semaphore-20.zkey"
mv "$out/new.wtns" "$out/semaphore-20.wtns"

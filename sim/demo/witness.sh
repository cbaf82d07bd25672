#!/usr/bin/env bash
# The Semaphore witness, by the circuit's own wasm: sim/demo/witness.sh FOLDER writes FOLDER/witness.wtns. Key and wasm must have the pinned checksums.
set -euo pipefail
cd "$(dirname "$0")/../.."
modules=${MILLRACE_NODE_MODULES:-.tools/node_modules}
artifacts=$modules/@zk-kit/semaphore-artifacts
mkdir -p "$1"
(cd "$artifacts" && sha256sum --quiet -c -) < sim/demo/semaphore-20.sha256
node "$modules/snarkjs/build/cli.cjs" wtns calculate "$artifacts/semaphore-20.wasm" sim/demo/semaphore-20.input.json "$1/witness.wtns" >/dev/null

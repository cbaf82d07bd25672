#!/usr/bin/env bash
# A whole setup by snarkjs for the circuit of N ops (default 1): powers of tau, key, a contribution, a beacon, `zkey verify`, then a proof of a sampled batch by millrace, checked
# by snarkjs. The randomness is public, so the key is for nothing but this test of the way.
#     MILLRACE=target/release/millrace sim/vectors/rollup/ceremony.sh [N] [folder]
# Takes minutes at N = 1 and about half an hour of snarkjs at N = 8.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
millrace=$(realpath "${MILLRACE:-$root/target/release/millrace}")
ops=${1:-1}
folder=${2:-$root/target/ceremony-$ops}
case $ops in 1) power=16 ;; 8) power=18 ;; *) echo "expected 1 or 8 ops, got $ops" >&2; exit 2 ;; esac
modules=${MILLRACE_NODE_MODULES:-$root/.tools/node_modules}
snarkjs() { node --max-old-space-size=8000 "$modules/snarkjs/build/cli.cjs" "$@"; }
beacon=4d696c6c7261636520746573742063657265

mkdir -p "$folder"
cd "$folder"
"$millrace" rollup circuit --ops "$ops" -o c.r1cs
"$millrace" rollup sample --ops "$ops" -o c.wtns
snarkjs wtns check c.r1cs c.wtns
snarkjs powersoftau new bn128 "$power" pot0.ptau
snarkjs powersoftau beacon pot0.ptau pot1.ptau "$beacon" 10
snarkjs powersoftau prepare phase2 pot1.ptau pot.ptau
snarkjs groth16 setup c.r1cs pot.ptau c0.zkey
snarkjs zkey contribute c0.zkey c1.zkey --name=first -e="public text, a test"
snarkjs zkey beacon c1.zkey c.zkey "$beacon" 10
snarkjs zkey verify c.r1cs pot.ptau c.zkey
snarkjs zkey export verificationkey c.zkey vk.json
"$millrace" prove c.zkey c.wtns --r1cs c.r1cs
snarkjs groth16 verify vk.json public.json proof.json
"$millrace" info c.zkey
echo "ceremony: $ops ops, done in $SECONDS s"

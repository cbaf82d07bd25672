#!/usr/bin/env bash
# One proof of a full batch of 8 ops on the CPU and on the Verilated accelerator, from the same randomness: the two must be the same bytes. Minutes of simulation.
#     MILLRACE=target/release/millrace sim/demo/rollup.sh [folder]
# The folder ends with record.json; KEEP=FILE copies it there.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
millrace=$(realpath "${MILLRACE:-$root/target/release/millrace}")
folder=${1:-$root/target/rollup-sim}
keep=${KEEP:+$(realpath -m "$KEEP")}
seed=$(printf '07%.0s' {1..32})
mkdir -p "$folder"
cd "$folder"
"$millrace" rollup circuit --ops 8 -o c.r1cs
"$millrace" rollup sample --ops 8 -o c.wtns
"$millrace" setup --dev --seed "verilated proof" c.r1cs -o c.zkey
prove() {
  echo "== $1"
  "$millrace" prove c.zkey c.wtns --device "$1" --no-fallback --seed "$seed" -o "$1.json" -p "$1-public.json" --json "$1-report.json"
}
prove cpu
prove sim
cmp cpu.json sim.json
cmp cpu-public.json sim-public.json
hash_of() { sha256sum "$1" | cut -d' ' -f1; }
jq -n --arg date "$(date -u +%F)" --arg commit "$(git -C "$root" rev-parse HEAD)" \
  --arg machine "$(nproc) threads of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1-3 /proc/loadavg) at the end" \
  --arg r1cs "$(hash_of c.r1cs)" --arg zkey "$(hash_of c.zkey)" --arg proof "$(hash_of sim.json)" --slurpfile cpu cpu-report.json --slurpfile sim sim-report.json \
  'def brief: {device, multiplier, load_seconds, prove_seconds, simulated_cycles_per_second, jobs: (.jobs | group_by([.kind, .engine]) |
     map({kind: .[0].kind, engine: .[0].engine, jobs: length, seconds: (map(.seconds) | add), cycles: (map(.cycles.total) | add)})), cycles: ([.jobs[].cycles.total | numbers] | add)};
   {date: $date, commit: $commit, machine: $machine, r1cs_sha256: $r1cs, zkey_sha256: $zkey, proof_sha256: $proof, cpu: ($cpu[0] | brief), sim: ($sim[0] | brief)}' > record.json
[ -z "$keep" ] || { mkdir -p "$(dirname "$keep")" && cp record.json "$keep"; }
rm c.zkey c.r1cs
echo "8 ops: the proof of the Verilated device is the CPU's, byte for byte"

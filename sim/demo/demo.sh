#!/usr/bin/env bash
# The main job on real input: the Semaphore key (depth 20, made by a public ceremony; nobody here had a part in it) is proven on the CPU and
# on the simulated accelerator, both proofs are compared byte for byte, checked by snarkjs and by us, and accepted by L1 in an embedded EVM.
#
#     sim/demo/demo.sh            MILLRACE=path/to/millrace; CLOCK_MHZ=250 adds a projection for a card at that clock
set -euo pipefail
cd "$(dirname "$0")/../.."
millrace=${MILLRACE:-target/release/millrace}
modules=${MILLRACE_NODE_MODULES:-.tools/node_modules}
out=${CARGO_TARGET_DIR:-target}/demo
clock=(${CLOCK_MHZ:+--clock-mhz "$CLOCK_MHZ"})
snarkjs=(node "$modules/snarkjs/build/cli.cjs")
# Any 32 bytes: the same on both sides, so that the proofs can be compared.
seed=4d696c6c726163652064656d6f3a206e6f7420666f7220736563726574732121

step() { printf '\n== %s\n' "$*"; }

rm -rf "$out"; mkdir -p "$out/cpu" "$out/sim"

step "Key and witness: @zk-kit/semaphore-artifacts 4.13.0, depth 20"
bash sim/demo/witness.sh "$out"
key=$out/semaphore-20.zkey
"$millrace" info "$key"

step "The CPU's proof"
"$millrace" prove "$key" "$out/semaphore-20.wtns" --device cpu --seed $seed -o "$out/cpu/proof.json" -p "$out/cpu/public.json"

step "The accelerator's proof: the RTL, simulated by Verilator"
"$millrace" prove "$key" "$out/semaphore-20.wtns" --device sim --no-fallback --seed $seed \
  -o "$out/sim/proof.json" -p "$out/sim/public.json" --json "$out/sim/report.json" --table "${clock[@]}" > "$out/table.txt"
echo "$out/sim/proof.json: made by the device (table below)"

step "Byte for byte the same"
cmp "$out/cpu/proof.json" "$out/sim/proof.json"
cmp "$out/cpu/public.json" "$out/sim/public.json"
sha256sum "$out"/{cpu,sim}/proof.json

step "Who did what: all of A, B1, C, H and the six transforms on the structural RTL"
node -e '
const report = JSON.parse(require("fs").readFileSync(process.argv[1]));
const on = (kind) => report.jobs.filter((j) => j.engine === "sim" && j.planned === "sim" && kind.test(j.kind) && j.cycles.issued > 0);
const [sums, transforms] = [on(/^MSM G1$/).length, on(/NTT/).length];
console.log(`${sums} sums over G1 and ${transforms} transforms on the device, multiplier ${report.multiplier}`);
if (sums !== 4 || transforms !== 6 || report.multiplier !== "structural") process.exit(1);
' "$out/sim/report.json"

step "Judged by snarkjs, by us, and by L1"
"${snarkjs[@]}" zkey export verificationkey "$key" "$out/vkey.json" >/dev/null
"${snarkjs[@]}" groth16 verify "$out/vkey.json" "$out/sim/public.json" "$out/sim/proof.json"
"$millrace" verify "$key" "$out/sim/public.json" "$out/sim/proof.json"
"$millrace" submit --embedded "$key" "$out/sim/public.json" "$out/sim/proof.json"

step "Jobs of the accelerator's proof"
cat "$out/table.txt"
[ -n "${CLOCK_MHZ:-}" ] || echo "CLOCK_MHZ=250 make demo adds what a card at that clock would take: a projection, no measurement."
printf '\ndemo: %d s\n' "$SECONDS"

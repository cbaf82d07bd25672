#!/usr/bin/env bash
# The rollup on the Verilated accelerator: one proof of a full batch of 8 ops on the CPU and on the device, from the same randomness, which must be the same bytes; then the whole
# demonstration on both, every batch proven on the device, with the same proofs again. Some ten minutes of simulation.
#     MILLRACE=target/release/millrace sim/demo/rollup.sh [folder]      the folder ends with record.json; KEEP=FILE copies it there
#     sim/demo/rollup.sh tested                                         nothing but the digests of all that an outcome depends on: what `millrace figures` compares with the record
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

# The RTL, its simulation, and what forms, runs, joins and checks jobs: every crate on the way from a batch to a proof that L1 accepts, how they are built, and the versions of
# compiler, Verilator and libraries.
tested() (
  cd "$root"
  crates=(rtl-bindings/{regs,verilated} host/{bn254,job,oracle,kernels,groth16,prover,pcie-sys,pcie,driver,l1} host/rollup/{state,circuit} sim/cosim)
  files=$({
    find hw/ip/*/rtl hw/top "${crates[@]/%//src}" sim/verilator host/cli/src/{device,rollup} -type f
    printf '%s\n' Cargo.toml .cargo/config.toml hw/data/{device.rdl,layout.toml} rtl-bindings/verilated/build.rs sim/tools/{setup.sh,requirements.txt} host/rollup/contracts/compiled/{Rollup,Poseidon}.json
    printf '%s\n' host/cli/src/{args,device,input,main,memory,output,progress,prove,report,rollup,simulation,submit}.rs sim/demo/rollup.sh
  } | LC_ALL=C sort)
  libraries=$(cargo tree --locked -p millrace-cli -e normal,build --prefix none --format '{p}' | sed 's/ (.*//' | LC_ALL=C sort -u | sha256sum | cut -d' ' -f1)
  other=$(printf '%s\n' "$(rustc --version)" "${VERILATOR_ROOT:-}" "${RUSTFLAGS:-}" | sha256sum | cut -d' ' -f1)
  { sha256sum $files; echo "$libraries  versions of libraries"; echo "$other  rustc, VERILATOR_ROOT and RUSTFLAGS"; } | jq -Rn '[inputs | capture("^(?<value>\\S+)  (?<key>.*)$")] | from_entries'
)
if [ "${1:-}" = tested ]; then
  tested
  exit
fi

millrace=$(realpath "${MILLRACE:-$root/target/release/millrace}")
folder=${1:-$root/target/rollup-sim}
keep=${KEEP:+$(realpath -m "$KEEP")}
seed=$(printf '07%.0s' {1..32})
tested=$(tested)
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
[ "$(jq -r .multiplier sim-report.json)" = structural ] || { echo "expected the structural multiplier" >&2; exit 1; }
echo "8 ops: the proof of the Verilated device is the CPU's, byte for byte"

story() {
  echo "== the demonstration on $1"
  MILLRACE_CACHE=$folder/keys "$millrace" rollup demo --ops 1 --no-fallback --device "$1" --seed "$seed" > "$1-demo.txt" || { cat "$1-demo.txt"; exit 1; }
}
told() { sed -nE "s/^([0-9]+) proofs by $1, digest of all (0x[0-9a-f]{64})$/\\$2/p" "$1-demo.txt"; }
story cpu
start=$(date +%s)
story sim
tail -n 12 sim-demo.txt
[ -n "$(told sim 2)" ] && [ "$(told cpu 2)" = "$(told sim 2)" ] || { echo "the demonstration's proofs differ: $(told cpu 2) and $(told sim 2)" >&2; exit 1; }
# All that a device can do was done there: no CPU has helped.
work=$(sed -n 's/^sums over G1 and transforms: //p' sim-demo.txt)
grep -qE '^[0-9]+ on sim$' <<< "$work" || { echo "expected all sums over G1 and transforms on the device, got: $work" >&2; exit 1; }
jq -e '[.jobs[] | select((.kind == "MSM G1" or (.kind | contains("NTT"))) and .engine != "sim")] == []' sim-report.json > /dev/null || { echo "expected all sums over G1 and transforms of 8 ops on the device" >&2; exit 1; }
[ "$tested" = "$(tested)" ] || { echo "something that is tested has changed meanwhile: run it again" >&2; exit 1; }
demo=$(jq -n --argjson proofs "$(told sim 1)" --arg digest "$(told sim 2)" --argjson batches "$(grep -cE 'batch [0-9]+: .*its root accepted' sim-demo.txt)" \
  --arg work "$work" \
  --argjson seconds "$(($(date +%s) - start))" '{equal_proofs: $proofs, digest: $digest, batches: $batches, sums_and_transforms: $work, seconds: $seconds}')

hash_of() { sha256sum "$1" | cut -d' ' -f1; }
jq -n --arg date "$(date -u +%F)" --arg commit "$(git -C "$root" rev-parse HEAD)" \
  --arg machine "$(nproc) threads of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1-3 /proc/loadavg) at the end" \
  --arg r1cs "$(hash_of c.r1cs)" --arg zkey "$(hash_of c.zkey)" --arg proof "$(hash_of sim.json)" --slurpfile cpu cpu-report.json --slurpfile sim sim-report.json --argjson demo "$demo" --argjson tested "$tested" \
  'def brief: {device, multiplier, load_seconds, prove_seconds, simulated_cycles_per_second, jobs: (.jobs | group_by([.kind, .engine]) |
     map({kind: .[0].kind, engine: .[0].engine, jobs: length, seconds: (map(.seconds) | add), cycles: (map(.cycles.total) | add)})), cycles: ([.jobs[].cycles.total | numbers] | add)};
   {date: $date, commit: $commit, machine: $machine, r1cs_sha256: $r1cs, zkey_sha256: $zkey, equal_proofs: 1, ops: 8, proof_sha256: $proof, cpu: ($cpu[0] | brief), sim: ($sim[0] | brief),
    demonstration: $demo, tested: $tested}' > record.json
[ -z "$keep" ] || { mkdir -p "$(dirname "$keep")" && cp record.json "$keep"; }
rm c.zkey c.r1cs
echo "kept: ${keep:-$folder/record.json}"

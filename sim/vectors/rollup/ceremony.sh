#!/usr/bin/env bash
# A whole setup by snarkjs for the circuit of N ops (default 1): powers of tau, key, a contribution, a beacon, `zkey verify`, then a proof of a sampled batch by millrace, checked
# by snarkjs. The randomness is public, so the key is for nothing but this test of the way.
#     MILLRACE=target/release/millrace [PTAU=dev] sim/vectors/rollup/ceremony.sh [N] [folder]
# PTAU=snarkjs (default) makes the powers of tau by snarkjs: half an hour of processor time at 1 op, hours at 8. PTAU=dev takes those of `millrace setup --dev-ptau`: the same
# file format in a minute, from a published seed. All that follows is snarkjs' in both.
# The folder ends with record.json: times of every step, hashes, versions, the machine. KEEP=FILE copies it there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
millrace=$(realpath "${MILLRACE:-$root/target/release/millrace}")
ops=${1:-1}
folder=${2:-$root/target/ceremony-$ops}
keep=${KEEP:+$(realpath -m "$KEEP")}
ptau=${PTAU:-snarkjs}
case $ops in 1) power=16 ;; 8) power=18 ;; *) echo "expected 1 or 8 ops, got $ops" >&2; exit 2 ;; esac
modules=${MILLRACE_NODE_MODULES:-$root/.tools/node_modules}
snarkjs() { node --max-old-space-size=8000 "$modules/snarkjs/build/cli.cjs" "$@"; }
beacon=4d696c6c7261636520746573742063657265

mkdir -p "$folder"
cd "$folder"
: > steps.txt
# Runs a step, writes down its seconds and its processor seconds (user).
TIMEFORMAT='%R %U'
step() {
  local name=$1 times
  shift
  echo "== $name"
  { times=$({ time "$@" >&3 2>&4; } 2>&1); } 3>&1 4>&2
  echo "$name: $times" >> steps.txt
}

step "millrace rollup circuit" "$millrace" rollup circuit --ops "$ops" -o c.r1cs
step "millrace rollup sample" "$millrace" rollup sample --ops "$ops" -o c.wtns
step "wtns check" snarkjs wtns check c.r1cs c.wtns
case $ptau in
  dev) step "millrace setup --dev-ptau" "$millrace" setup --dev-ptau "$power" --seed "a test ceremony" -o pot.ptau ;;
  snarkjs)
    step "powersoftau new" snarkjs powersoftau new bn128 "$power" pot0.ptau
    step "powersoftau beacon" snarkjs powersoftau beacon pot0.ptau pot1.ptau "$beacon" 10
    step "powersoftau prepare phase2" snarkjs powersoftau prepare phase2 pot1.ptau pot.ptau
    rm pot0.ptau pot1.ptau ;;
  *) echo "expected PTAU=dev or PTAU=snarkjs, got $ptau" >&2; exit 2 ;;
esac
step "groth16 setup" snarkjs groth16 setup c.r1cs pot.ptau c0.zkey
step "zkey contribute" snarkjs zkey contribute c0.zkey c1.zkey --name=first -e="public text, a test"
step "zkey beacon" snarkjs zkey beacon c1.zkey c.zkey "$beacon" 10
rm c0.zkey c1.zkey
step "zkey verify" snarkjs zkey verify c.r1cs pot.ptau c.zkey | tee verify.txt
# snarkjs ends with 0 where it finds a key invalid, too.
grep -q "ZKey Ok!" verify.txt || { echo "zkey verify: expected ZKey Ok!" >&2; exit 1; }
step "zkey export verificationkey" snarkjs zkey export verificationkey c.zkey vk.json
step "millrace prove" "$millrace" prove c.zkey c.wtns --r1cs c.r1cs
step "groth16 verify" snarkjs groth16 verify vk.json public.json proof.json
step "millrace info" "$millrace" info c.zkey | tee info.txt

hash_of() { sha256sum "$1" | cut -d' ' -f1; }
jq -n --arg ptau "$ptau" --argjson ops "$ops" --argjson power "$power" --arg commit "$(git -C "$root" rev-parse HEAD)" --arg date "$(date -u +%F)" \
  --arg machine "$(nproc) threads of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1-3 /proc/loadavg) at the end" \
  --arg node "$(node --version)" --arg snarkjs "$(jq -r .version "$modules/snarkjs/package.json")" \
  --arg r1cs "$(hash_of c.r1cs)" --arg zkey "$(hash_of c.zkey)" --argjson zkey_bytes "$(stat -c %s c.zkey)" --rawfile steps steps.txt --rawfile verify verify.txt '
  def times: split("\n") | map(select(. != "") | capture("^(?<step>.*): (?<seconds>[0-9.]+) (?<cpu>[0-9.]+)$") | {step, seconds: (.seconds | tonumber), cpu_seconds: (.cpu | tonumber)});
  ($steps | times) as $timed
  | {ops: $ops, powers_of_tau: $ptau, ptau_power: $power, date: $date, commit: $commit, machine: $machine, node: $node, snarkjs: $snarkjs,
     r1cs_sha256: $r1cs, zkey_sha256: $zkey, zkey_bytes: $zkey_bytes,
     verified: ($verify | contains("ZKey Ok!")),
     steps: $timed, seconds: ($timed | map(.seconds) | add), cpu_seconds: ($timed | map(.cpu_seconds) | add)}' > record.json
rm pot.ptau
[ -z "$keep" ] || { mkdir -p "$(dirname "$keep")" && cp record.json "$keep"; }
echo "ceremony: $ops ops, done in $SECONDS s"

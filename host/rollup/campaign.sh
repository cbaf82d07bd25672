#!/usr/bin/env bash
# The long campaigns of the rollup, each in parts with a seed of their own, whose results are kept in host/rollup/campaigns/NAME.json with the digest of every file that was tested:
#     host/rollup/campaign.sh forced     STATES (10^6) reachable states × each forced op, executor against circuit
#     host/rollup/campaign.sh decoder    OPS (10^6) random ops, executor's words against the contract's decoder
#     host/rollup/campaign.sh batches    BATCHES (1000) random batches through executor and circuit
#     host/rollup/campaign.sh NAME tested        nothing but the digests of those files as they are now: what `millrace figures` compares with the record
# A part that was finished for the same files is not run again, so a campaign that was stopped goes on. JOBS (2) parts run at a time.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:?expected forced, decoder or batches}
# All that an outcome depends on: what is tested, what it counts with, the test itself, and the version of every library that the test is linked with.
state=host/rollup/state/src
arithmetic="host/bn254/src/encoding.rs host/bn254/src/field.rs host/bn254/src/limbs.rs host/bn254/src/mont.rs"
executor="$state/babyjub.rs $state/batch.rs $state/builder.rs $state/builder/*.rs $state/eddsa.rs $state/op.rs $state/poseidon.rs $state/poseidon/*.rs $state/state.rs $state/tree.rs $state/types.rs"
circuit=$(find host/rollup/circuit/src -name '*.rs')
tests=host/rollup/circuit/tests
worlds="$tests/common/mod.rs host/rollup/state/tests/common/world.rs"
contracts=$(find host/rollup/contracts/src -name '*.sol')
case $name in
  forced) crate=millrace-circuit test=forced filter=forced_ops variable=MILLRACE_STATES total=${STATES:-1000000} files="$arithmetic $executor $circuit $worlds $tests/forced.rs" ;;
  batches) crate=millrace-circuit test=batches filter=random_batches variable=MILLRACE_BATCHES total=${BATCHES:-1000} files="$arithmetic $executor $circuit $worlds $tests/batches.rs" ;;
  decoder) crate=millrace-l1 test=decoder filter=random_ops variable=MILLRACE_DECODED total=${OPS:-1000000} files="$arithmetic $executor $state/packed.rs $contracts host/rollup/contracts/test/mocks/Decoder.sol host/rollup/contracts/test/mocks/Decoder.json host/l1/tests/decoder.rs" ;;
  *) echo "expected forced, decoder or batches, got $name" >&2; exit 2 ;;
esac
# Small enough that little is lost when one is stopped.
parts=${PARTS:-$([ "$name" = forced ] && echo 100 || echo 20)}
target=${CARGO_TARGET_DIR:-target}
libraries=$(cargo tree --locked -p "$crate" -e normal,dev --prefix none --format '{p}' | sed 's/ (.*//' | LC_ALL=C sort -u | sha256sum | cut -d' ' -f1)
tested=$({ sha256sum $files; echo "$libraries  versions of libraries"; } | LC_ALL=C sort -k2 | jq -Rn '[inputs | capture("^(?<value>\\S+)  (?<key>.*)$")] | from_entries')
if [ "${2:-}" = tested ]; then
  echo "$tested"
  exit
fi
digest=$(sha256sum <<< "$tested" | cut -c1-16)
logs=$target/campaign/$name-$digest-$total
mkdir -p "$logs"
if [ ! -x "$logs/test" ]; then
  binary=$(cargo test --release --locked -p "$crate" --test "$test" --no-run --message-format=json 2>/dev/null | jq -r "select(.executable != null and .target.name == \"$test\") | .executable")
  cp "$binary" "$logs/test"
fi
part() {
  local log=$3/$1.log start=$(date +%s)
  [ ! -e "$log" ] || return 0
  if env "$5=$4" MILLRACE_SEED="$1" "$3/test" "$2" --nocapture > "$log.part" 2>&1; then
    echo "seconds: $(($(date +%s) - start))" >> "$log.part"
    mv "$log.part" "$log"
  else
    cat "$log.part" >&2
    return 1
  fi
}
export -f part
seq 1 "$parts" | xargs -P "${JOBS:-2}" -I{} bash -c "part {} $filter $logs $((total / parts)) $variable"

# Every part ends with a line `NAME: seed S, N what …`.
lines=$(for i in $(seq 1 "$parts"); do grep -h "^$name: seed $i, " "$logs/$i.log"; done)
mkdir -p host/rollup/campaigns
jq -n --arg name "$name" --argjson total "$((total / parts * parts))" --arg lines "$lines" --argjson tested "$tested" --arg date "$(date -u +%F)" \
  --argjson seconds "$(grep -h '^seconds: ' "$logs"/*.log | awk '{ n += $2 } END { print n }')" \
  --arg machine "$(nproc) threads of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
  '{campaign: $name, total: $total, parts: ($lines | split("\n")), seconds_of_all_parts: $seconds, date: $date, machine: $machine, tested: $tested}' \
  > "host/rollup/campaigns/$name.json"
echo "$name: $total in $parts parts, all passed; kept in host/rollup/campaigns/$name.json"

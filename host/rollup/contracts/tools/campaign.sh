#!/usr/bin/env bash
# The long solvency campaign: 10^5 random sequences of 20 calls, in 20 parts with a seed each, four at a time. Keeps what came of it in campaign.json with
# the digest of every file that it depends on; with --check it says whether one has changed since, with `tested` it prints them. Takes FORGE from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
PARTS=20
# The contracts, the suite with what it imports, and how both are compiled and called.
tested() {
  { find src test/invariants test/utils -name '*.sol'; printf '%s\n' test/mocks/{FastHash,MockVerifier,Tokens}.sol foundry.toml; } | xargs sha256sum | LC_ALL=C sort -k2 \
    | jq -Rn '[inputs | capture("^(?<value>\\S+)  (?<key>.*)$")] | from_entries'
}

if [ "${1:-}" = tested ]; then
  tested
  exit 0
fi
if [ "${1:-}" = --check ]; then
  if [ "$(tested | jq -cS .)" = "$(jq -cS .tested campaign.json)" ]; then
    echo "campaign: $(grep -o '"sequences.*' campaign.json) calls: $(grep -o '"calls.*' campaign.json)"
  else
    echo "campaign: stale: what it tested has changed since campaign.json was written (make contracts-campaign)"
  fi
  exit 0
fi

tested=$(tested)
start=$(date +%s)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
"$FORGE" build >/dev/null
part() { FOUNDRY_PROFILE=campaign "$FORGE" test --match-contract SolvencyTest --match-test invariant_ --fuzz-seed "$1" > "$2/$1.log" 2>&1 || cat "$2/$1.log"; }
export -f part
export FORGE
seq 1 $PARTS | xargs -P 4 -I{} bash -c "part {} $logs"

# Every part says `[PASS] invariant_…() (runs: R, calls: C, reverts: 0)`.
passed=$(grep -hoE '^\[PASS\] invariant_.*runs: [0-9]+, calls: [0-9]+, reverts: 0\)' "$logs"/*.log || true)
if [ "$(grep -c PASS <<< "$passed")" != $PARTS ]; then
  echo "campaign: failed in at least one part" >&2
  exit 1
fi
sum() { grep -oE "$1: [0-9]+" <<< "$passed" | awk '{ n += $2 } END { print n }'; }
cat > campaign.json <<JSON
{
  "sequences": $(sum runs),
  "calls": $(sum calls),
  "seeds": "1 to $PARTS",
  "seconds": $(($(date +%s) - start)),
  "date": "$(date -u +%F)",
  "machine": "$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores",
  "forge": "$("$FORGE" --version | head -1)",
  "tested": $tested
}
JSON
cat campaign.json

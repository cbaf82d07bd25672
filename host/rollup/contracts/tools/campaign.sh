#!/usr/bin/env bash
# The long solvency campaign: 10^5 random sequences of 20 calls, in 20 parts with a seed each, four at a time. Keeps what came of it in campaign.json with
# the digest of the sources that it tested; with --check it says whether they have changed since. Takes FORGE from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
PARTS=20
sources() { find src -name '*.sol' | LC_ALL=C sort | xargs cat | sha256sum | cut -d' ' -f1; }

if [ "${1:-}" = --check ]; then
  if grep -qs "\"$(sources)\"" campaign.json; then
    echo "campaign: $(grep -o '"sequences.*' campaign.json) calls: $(grep -o '"calls.*' campaign.json)"
  else
    echo "campaign: stale: the sources have changed since campaign.json was written (make contracts-campaign)"
  fi
  exit 0
fi

digest=$(sources)
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
  "sources_sha256": "$digest",
  "sequences": $(sum runs),
  "calls": $(sum calls),
  "seeds": "1 to $PARTS",
  "seconds": $(($(date +%s) - start)),
  "date": "$(date -u +%F)",
  "machine": "$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores",
  "forge": "$("$FORGE" --version | head -1)"
}
JSON
cat campaign.json

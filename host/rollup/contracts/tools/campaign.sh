#!/usr/bin/env bash
# The long solvency campaign: 10^5 random sequences of 30 calls. Keeps what came of it in campaign.json, with the digest of the sources that it tested;
# `make check` says when they have changed since. Takes FORGE from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
sources() { find src -name '*.sol' | LC_ALL=C sort | xargs cat | sha256sum | cut -d' ' -f1; }

if [ "${1:-}" = --check ]; then
  if grep -qs "\"$(sources)\"" campaign.json; then
    echo "campaign: $(grep -o '"result": "[^"]*"' campaign.json)"
  else
    echo "campaign: stale: the sources have changed since campaign.json was written (make contracts-campaign)"
  fi
  exit 0
fi

digest=$(sources)
start=$(date +%s)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
FOUNDRY_PROFILE=campaign "$FORGE" test --match-contract SolvencyTest --match-test invariant_ | tee "$log"
result=$(grep -o 'invariant_.*' "$log" | head -1)
cat > campaign.json <<JSON
{
  "sources_sha256": "$digest",
  "result": "$result",
  "seconds": $(($(date +%s) - start)),
  "date": "$(date -u +%F)",
  "machine": "$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores",
  "forge": "$("$FORGE" --version | head -1)"
}
JSON

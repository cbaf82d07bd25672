#!/usr/bin/env bash
# Elaborates every RTL module alone with all of Verilator's warnings on, and checks the arithmetic rules of docs/blocks/interfaces.md.
# usage: hw/lint.sh [MODULE...]      A line `// lint: FLAG...` in a module gives flags for its elaboration alone (-GWidth=8).
# Waivers with their reasons: hw/lint.vlt.
set -euo pipefail

hw=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$hw/.." && pwd)
if [[ -z ${VERILATOR_ROOT:-} ]]; then
  found=("$root"/.tools/venv/lib/python3*/site-packages/verilator)
  [[ -d ${found[0]} ]] || { echo "$0: VERILATOR_ROOT is not set and .tools/venv holds no Verilator" >&2; exit 2; }
  export VERILATOR_ROOT=${found[0]}
fi
verilator=$VERILATOR_ROOT/bin/verilator_bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t packages < <("$hw/ip/packages.sh")
mapfile -t files < <(ls "$hw"/ip/*/rtl/*.sv "$hw"/top/*.sv "$hw"/top/rtl/*.sv 2>/dev/null | grep -v '_pkg\.sv$')
paths=()
for d in "$hw"/ip/*/rtl "$hw"/top "$hw"/top/rtl; do [[ ! -d $d ]] || paths+=(-y "$d"); done

# tree MODULE-FLAGS...: the elaborated tree as $work/tree.json and $work/meta.json
tree() {
  "$verilator" --json-only --json-only-output "$work/tree.json" --json-only-meta-output "$work/meta.json" --Mdir "$work" \
    -Wno-fatal -Wno-lint "$@" >"$work/log" 2>&1
}

tree --top-module lint_planted "$hw/lint_planted.sv" || { cat "$work/log"; exit 2; }
planted=$(python3 "$hw/lint_rules.py" "$work/tree.json" "$work/meta.json" || true)
[[ $(grep -c 'outside hw/ip/prim' <<<"$planted") -eq 3 ]] || { echo "lint: the rules miss a planted fault:"; echo "$planted"; exit 2; }

failed=0 count=0
for file in "${files[@]}"; do
  module=$(basename "$file" .sv)
  [[ $# -eq 0 || " $* " == *" $module "* ]] || continue
  read -ra flags < <(sed -n 's|^// lint: *||p' "$file"; echo)
  args=("${paths[@]}" +libext+.sv --top-module "$module" "${flags[@]}" "$hw/lint.vlt" "${packages[@]}" "$file")
  count=$((count + 1))
  if ! "$verilator" --lint-only -Wall "${args[@]}" >"$work/log" 2>&1; then
    failed=$((failed + 1)); echo "FAIL $module"; grep -E '^%' "$work/log" | head -n 20
    continue
  fi
  tree "${args[@]}" || { failed=$((failed + 1)); echo "FAIL $module"; tail -n 5 "$work/log"; continue; }
  python3 "$hw/lint_rules.py" "$work/tree.json" "$work/meta.json" || { failed=$((failed + 1)); echo "FAIL $module"; }
done
[[ $count -gt 0 ]] || { echo "lint: no module matched" >&2; exit 2; }
echo "lint: $count modules, $failed failed"
[[ $failed -eq 0 ]]

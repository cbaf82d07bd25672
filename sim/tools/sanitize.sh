#!/usr/bin/env bash
# The tests of the four homes of `unsafe` under AddressSanitizer: whatever is read or written beside its place, or after it was freed, ends the run. The
# sanitizer is an unstable flag of a compiler whose runtime is shipped with the stable one; RUSTC_BOOTSTRAP lets it take the flag, for this run alone.
# The simulated RTL's own C++ is not instrumented; its heap is the sanitizer's all the same.
# Usage: sanitize.sh RESULT.txt; ends with 77 and one line `skipped: …` where the runtime is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
result=$1
target=$(rustc -vV | sed -n 's/^host: //p')
ls "$(rustc --print target-libdir)"/librustc-*_rt.asan.a >/dev/null 2>&1 || { echo "skipped: this Rust has no AddressSanitizer for $target"; exit 77; }
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/sanitize
export RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes"
# Leaks are no finding: memory that a device was not seen to let go is kept for ever, on purpose.
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:halt_on_error=1:detect_leaks=0"
# Of the kernels every backend that this machine has; of groth16 what maps keys.
crates=(millrace-pcie millrace-bn254 millrace-groth16 millrace-verilated)
mkdir -p "$(dirname "$result")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
  echo "AddressSanitizer, $(rustc --version), commit $(git rev-parse --short HEAD)"
  for crate in "${crates[@]}"; do
    status=0
    cargo test --release --locked --target "$target" -p "$crate" ${SANITIZE_ARGS:-} > "$log" 2>&1 || status=$?
    passed=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
    echo "$crate: $passed tests passed, $([ $status = 0 ] && echo "nothing found" || echo "FAILED ($status)")"
    [ $status = 0 ] || { grep -E -A 20 "ERROR: (Address|Leak)Sanitizer|panicked at|^error" "$log" | head -80; exit 1; }
  done
} | tee "$result"

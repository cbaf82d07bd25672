#!/usr/bin/env bash
# Builds the tests of field, lanes and points (bn254's) and of the engine's sums, transforms, quotients and rows (kernels') for arm64 and runs them under QEMU's user
# emulation: the portable kernels, on another instruction set, against the oracle at all sizes. The mapping of keys is compiled for it by `make check` and not run.
# Then those of host/pcie that need no device, and the driver's of rings, queues, waits and loans; emulation on x86 runs the barriers, but reorders less than a card's host may.
# With MILLRACE_MUST_RUN=1 what cannot be had is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/arm64
bash sim/arm64/setup.sh || {
  status=$?
  [ $status = 77 ] && [ "${MILLRACE_MUST_RUN:-}" != 1 ] && exit 0
  exit $status
}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$tools/link
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$tools/root/usr/bin/qemu-aarch64-static
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static"
cargo test --release --locked --target aarch64-unknown-linux-gnu -p millrace-bn254
# The largest take minutes under emulation: `.ci/run` goes without.
cargo test --release --locked --target aarch64-unknown-linux-gnu -p millrace-kernels -- ${MILLRACE_ARM64_SKIP:-}
# Mappings, barriers (loops of two threads), IOVA, gate and the socket's protocol of host/pcie; rings, jobs and loans of the driver, at the model. Those that reckon with time are not run where it is emulated.
echo "not run here: host/pcie's tests of asynchronous I/O and of core dumps: QEMU's user emulation has neither io_setup nor VmFlags"
cargo test --release --locked --target aarch64-unknown-linux-gnu -p millrace-pcie -- \
  --skip raiser:: --skip a_peer_that_does_as_it_likes --skip memory_is_in_no_core_dump
cargo test --release --locked --target aarch64-unknown-linux-gnu -p millrace-driver --lib --test jobs --test lending

#!/usr/bin/env bash
# The real path but for the card: the model and the Verilated device are served over vfio-user, QEMU presents them as PCIe functions behind
# an emulated IOMMU, a Debian kernel enumerates them and hands them to vfio-pci, and the host's own `millrace` drives them in the guest. Twice: in
# a guest with a stock kernel, by IOMMU group; in one whose kernel has IOMMUFD, by the device's own file. Prints the guests' steps; ends with 0 only
# if all passed, or with one line `skipped: …` for what cannot be had.
# Usage: run.sh MILLRACE KEY.zkey WITNESS.wtns LARGE.zkey LARGE.wtns EXAMPLES
# With MILLRACE_MUST_RUN=1 what cannot be had is a failure. Where MILLRACE_RECORD names a folder, guests.json there says how many passed, and how long
# each took to boot, from QEMU's start to the first line of the guest's first process.
set -euo pipefail
cd "$(dirname "$0")/../.."
millrace=$1 key=$2 witness=$3 large_key=$4 large_witness=$5 examples=$6
here=sim/qemu
tools=$PWD/.tools/qemu
iommufd=$PWD/.tools/iommufd

# made SCRIPT: whether what the script makes can be had; where not, it has said why.
made() {
  local ready=0
  bash "$here/$1" || ready=$?
  case $ready in
    0) ;;
    77) [ "${MILLRACE_MUST_RUN:-}" != 1 ] || exit 1; return 1 ;;
    *) exit $ready ;;
  esac
}
made setup.sh || exit 0

work=$(mktemp -d)
servers=()
# shellcheck disable=SC2329
cleanup() { [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true; wait; rm -rf "$work"; }
trap cleanup EXIT

seed=$(printf '07%.0s' $(seq 32))
root=$work/root
busybox=$tools/root/bin/busybox
[ -x "$busybox" ] || busybox=$tools/root/usr/bin/busybox
mkdir -p "$root"/{bin,job,modules,proc,sys,dev,tmp}
"$millrace" prove "$key" "$witness" -o "$root/job/cpu.proof.json" -p "$root/job/cpu.public.json" --seed "$seed" --device cpu 2>/dev/null
cp "$key" "$root/job/key.zkey"
cp "$witness" "$root/job/witness.wtns"
echo "$seed" > "$root/job/seed"
# One whose bases fill pages, as the kernel lends them.
"$millrace" key import "$large_key" -o "$root/job/large.mkey" >/dev/null
cp "$large_witness" "$root/job/large.wtns"
"$millrace" prove "$large_key" "$large_witness" -o "$root/job/large.cpu.json" -p "$work/public.json" --seed "$seed" --device cpu 2>/dev/null
cp docs/operating/system/60-millrace.rules "$root/job/"
cp "$busybox" "$root/bin/busybox"
cp $here/guest-init.sh "$root/init"
chmod +x "$root/init"
# The very binary of the host, and programs that look closer, with the libraries that they are linked to.
for program in "$millrace" "$examples/edu" "$examples/secrets" "$examples/idle" "$examples/dead"; do
  strip -o "$root/bin/$(basename "$program")" "$program"
  ldd "$program" | grep -oE '/[^ ]+' | while read -r library; do
    mkdir -p "$root/$(dirname "$library")"
    cp -L "$library" "$root/$library"
  done
done

function_at() { # BUS SOCKET
  printf '{"driver":"vfio-user-pci","bus":"%s","socket":{"type":"unix","path":"%s"}}' "$1" "$2"
}

# seconds_between THEN NOW, of $EPOCHREALTIME.
seconds_between() { LC_ALL=C awk -v then="${1/,/.}" -v now="${2/,/.}" 'BEGIN { printf "%.1f\n", now - then }'; }

# listen: shows and keeps what the guest says, and the seconds to its first word; lets a served device die that the guest names. (Its server lives on: where
# that goes, QEMU 11.1.3 is sometimes aborted by an assertion of its own.)
listen() {
  local line started=$EPOCHREALTIME
  while IFS= read -r line; do
    case $line in
      "guest: "*", by "*) seconds_between "$started" "$EPOCHREALTIME" >> "$work/booted" ;;
      "host: the model dies") touch "$work/model.dead" ;;
      "host: the RTL dies") touch "$work/sim.dead" ;;
    esac
    printf '%s\n' "$line"
  done | tee "$work/console"
}

# guest ACCESS SNOOP KERNEL MODULE…: one run of everything, by `group` or `cdev`, in a guest of this kernel; with SNOOP `on` its IOMMU forces coherence,
# and only that is looked at, by `edu`. The model sits on NUMA node 1, behind a bridge of its own, the RTL and `edu` on the root bus.
guests=0 begun=0
guest() {
  begun=$((begun + 1))
  local access=$1 snoop=$2 kernel=$3 device started served=()
  rm -f "$root"/modules/* "$work"/{model,sim}{,.dead}
  cp "${@:4}" "$root/modules/"
  echo "$access" > "$root/job/access"
  echo "$snoop" > "$root/job/snoop"
  echo "${MILLRACE_PATIENT:-0}" > "$root/job/patient"
  (cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) | gzip -1 > "$work/initrd.gz"
  [ "$snoop" = on ] || served=(model sim)
  for device in "${served[@]}"; do
    "$millrace" device serve --socket "$work/$device" --device $device --dies-at "$work/$device.dead" > "$work/$device.log" 2>&1 &
    servers+=($!)
  done
  for device in "${served[@]}"; do
    for _ in $(seq 100); do [ -S "$work/$device" ] && break; sleep 0.1; done
    [ -S "$work/$device" ] || { echo "the server of $device did not start:"; cat "$work/$device.log"; exit 1; }
  done
  local functions=()
  [ "$snoop" = on ] || functions=(-device "$(function_at rp0 "$work/model")" -device "$(function_at rp1 "$work/sim")")
  # no_timer_check: the kernel counts ticks against a loop at boot, and panics where a busy host makes the emulated timer late.
  started=$(date +%s)
  timeout "${MILLRACE_QEMU_LIMIT:-900}" "$tools/qemu" -machine q35,kernel-irqchip=split -accel tcg -cpu max -smp 2,sockets=2 -m 1024 \
    -object memory-backend-memfd,id=m0,size=512M,share=on -object memory-backend-memfd,id=m1,size=512M,share=on \
    -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1,cpus=1 \
    -device "intel-iommu,intremap=on,caching-mode=on,snoop-control=$snoop" \
    -device pxb-pcie,id=near1,bus_nr=64,numa_node=1,bus=pcie.0 \
    -device pcie-root-port,id=rp0,chassis=1,slot=1,bus=near1 -device pcie-root-port,id=rp1,chassis=2,slot=2,bus=pcie.0 \
    "${functions[@]}" \
    -device edu,bus=pcie.0,dma_mask=0xffffffff \
    -kernel "$kernel" -initrd "$work/initrd.gz" \
    -append "console=ttyS0 intel_iommu=on no_timer_check panic=-1 quiet" -display none -monitor none -serial stdio -no-reboot -nodefaults \
    < /dev/null 2> "$work/qemu.log" | sed -u 's/\r$//' | listen || true
  echo "guest by $access ran for $(($(date +%s) - started)) s"
  if ! grep -q '^guest: passed' "$work/console"; then
    echo "test-pcie: FAILED; QEMU and servers said:"
    tail -n 20 "$work"/*.log; head -n 5 "$work/qemu.log"
    exit 1
  fi
  kill "${servers[@]}" 2>/dev/null || true
  wait "${servers[@]}" || true
  servers=()
  guests=$((guests + 1))
}

mapfile -t stock < <(find "$tools/kernel" -name 'irqbypass.ko' -o -path '*drivers/vfio*' -name '*.ko')
for snoop in off on; do guest group $snoop "$tools"/kernel/boot/vmlinuz-* "${stock[@]}"; done
if made iommufd.sh; then
  for snoop in off on; do guest cdev $snoop "$iommufd/vmlinuz" "$iommufd"/modules/*.ko; done
fi
if [ -n "${MILLRACE_RECORD:-}" ]; then
  printf '{"guests": %d, "passed": %d, "boot_seconds": [%s], "qemu": "%s"}\n' "$begun" "$guests" "$(paste -sd, "$work/booted")" \
    "$("$tools/qemu" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')" > "$MILLRACE_RECORD/guests.json"
fi
echo "test-pcie: passed in $guests guests of 4"

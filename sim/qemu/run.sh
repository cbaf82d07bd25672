#!/usr/bin/env bash
# The real path but for the card: the model and the Verilated device are served over vfio-user, QEMU presents them as PCIe functions behind
# an emulated IOMMU, a stock Debian kernel enumerates them and hands them to vfio-pci, and the host's own `millrace` drives them
# in the guest. Prints the guest's steps; ends with 0 only if all passed, or with one line `skipped: …` where QEMU cannot be had.
# Usage: run.sh MILLRACE KEY.zkey WITNESS.wtns
set -euo pipefail
cd "$(dirname "$0")/../.."
millrace=$1 key=$2 witness=$3
here=sim/qemu
tools=$PWD/.tools/qemu

ready=0
bash $here/setup.sh || ready=$?
case $ready in
  0) ;;
  77) exit 0 ;; # It has said why.
  *) exit $ready ;;
esac

work=$(mktemp -d)
servers=()
# shellcheck disable=SC2329
cleanup() { [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true; wait; rm -rf "$work"; }
trap cleanup EXIT

seed=$(printf '07%.0s' $(seq 32))
root=$work/root
mkdir -p "$root"/{bin,job,modules,proc,sys,dev,tmp}
"$millrace" prove "$key" "$witness" -o "$root/job/cpu.proof.json" -p "$root/job/cpu.public.json" --seed "$seed" --device cpu 2>/dev/null
cp "$key" "$root/job/key.zkey"
cp "$witness" "$root/job/witness.wtns"
echo "$seed" > "$root/job/seed"
busybox=$tools/root/bin/busybox
[ -x "$busybox" ] || busybox=$tools/root/usr/bin/busybox
cp "$busybox" "$root/bin/busybox"
cp $here/guest-init.sh "$root/init"
chmod +x "$root/init"
strip -o "$root/bin/millrace" "$millrace"
# The very binary of the host, with the libraries that it is linked to.
ldd "$millrace" | grep -oE '/[^ ]+' | while read -r library; do
  mkdir -p "$root/$(dirname "$library")"
  cp -L "$library" "$root/$library"
done
find "$tools/kernel" -name 'irqbypass.ko' -o -path '*drivers/vfio*' -name '*.ko' | xargs -I{} cp {} "$root/modules/"
(cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null) | gzip -1 > "$work/initrd.gz"

for device in model sim; do
  "$millrace" device serve --socket "$work/$device" --device $device > "$work/$device.log" 2>&1 &
  servers+=($!)
done
for device in model sim; do
  for _ in $(seq 100); do [ -S "$work/$device" ] && break; sleep 0.1; done
  [ -S "$work/$device" ] || { echo "the server of $device did not start:"; cat "$work/$device.log"; exit 1; }
done

function_at() { # BUS SOCKET
  printf '{"driver":"vfio-user-pci","bus":"%s","socket":{"type":"unix","path":"%s"}}' "$1" "$2"
}
# no_timer_check: the kernel counts ticks against a loop at boot, and panics where a busy host makes the emulated timer late.
started=$(date +%s)
timeout "${MILLRACE_QEMU_LIMIT:-600}" "$tools/qemu" -machine q35,kernel-irqchip=split -accel tcg -cpu max -smp 2 -m 1024 \
  -object memory-backend-memfd,id=m0,size=1024M,share=on -machine memory-backend=m0 \
  -device intel-iommu,intremap=on,caching-mode=on \
  -device pcie-root-port,id=rp0,chassis=1,slot=1 -device pcie-root-port,id=rp1,chassis=2,slot=2 \
  -device "$(function_at rp0 "$work/model")" -device "$(function_at rp1 "$work/sim")" \
  -kernel "$tools"/kernel/boot/vmlinuz-* -initrd "$work/initrd.gz" \
  -append "console=ttyS0 intel_iommu=on no_timer_check panic=-1 quiet" -display none -monitor none -serial stdio -no-reboot -nodefaults \
  < /dev/null 2> "$work/qemu.log" | tr -d '\r' | tee "$work/console" || true
echo "guest ran for $(($(date +%s) - started)) s"
if ! grep -q '^guest: passed' "$work/console"; then
  echo "test-pcie: FAILED; QEMU and servers said:"
  tail -n 20 "$work"/*.log
  exit 1
fi
echo "test-pcie: passed"

#!/bin/busybox sh
# First process of the guest: finds the served devices, gives them to vfio-pci, and drives them with the very `millrace` of the host.
# One line a step, `step ok: …` or `step FAILED: …`; the last line is `guest: passed` or `guest: failed`.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
failed=0

step() { # NAME COMMAND…: a command that must succeed
  name=$1; shift
  if "$@" > /tmp/out 2>&1; then echo "step ok: $name (at $(cut -d. -f1 /proc/uptime) s)"; sed 's/^/    /' /tmp/out | tail -12
  else echo "step FAILED: $name ($?)"; sed 's/^/    /' /tmp/out; failed=1; fi
}
refused() { # CODE WORDS COMMAND…: a command that must end with this code and say this
  code=$1; words=$2; shift 2
  "$@" > /tmp/refused 2>&1; got=$?
  cat /tmp/refused
  [ $got = "$code" ] && grep -q "$words" /tmp/refused
}

echo "guest: $(uname -r)"
for module in irqbypass vfio vfio_virqfd vfio_iommu_type1 vfio-pci-core vfio-pci; do
  path=$(find /modules -name "$module.ko")
  [ -n "$path" ] && insmod "$path"
done
echo 64 > /proc/sys/vm/nr_hugepages
ulimit -l unlimited

step "functions are enumerated" millrace device list
devices=$(for class in /sys/bus/pci/devices/*/class; do
  [ "$(cat $class)" = 0x120001 ] || [ "$(cut -c1-6 $class)" = 0x1200 ] && basename "$(dirname $class)"; done | sort)
set -- $devices
[ $# = 2 ] || { echo "step FAILED: expected two functions, got $*"; failed=1; }
model=vfio:$1; sim=vfio:$2

step "doctor says what is missing" refused 10 "device bind $model" millrace doctor --device $model
step "a function that is not bound is refused" refused 10 "got none" millrace device info --device $model
for device in $model $sim; do step "bind $device" millrace device bind $device; done
step "doctor is content" millrace doctor --device $model
step "an address without a function is refused" refused 10 "no such PCI function" millrace device info --device vfio:7f:00.0

step "identity of the model" millrace device info --device $model
step "identity of the RTL" millrace device info --device $sim
step "exercise the model" millrace device exercise --device $model --completions 10000
step "exercise the RTL" millrace device exercise --device $sim --completions 500
step "function-level reset" millrace device reset $model

step "MSM and NTT jobs of the model" millrace validate --device $model --points 32 --log-n 6 --random 2
step "MSM and NTT jobs of the RTL" millrace validate --device $sim --points 8 --log-n 3 --random 1 --only random

prove() { # DEVICE: a proof like the CPU's, byte for byte
  millrace prove /job/key.zkey /job/witness.wtns -o /tmp/proof.json -p /tmp/public.json --no-fallback --seed "$(cat /job/seed)" --device "$1" &&
    cmp /tmp/proof.json /job/cpu.proof.json && cmp /tmp/public.json /job/cpu.public.json && echo "same bytes as the CPU's"
}
step "a proof on the model" prove $model
step "a proof on the RTL" prove $sim

# A driver that dies at work, and the next one.
millrace validate --device $sim --points 256 --random 50 > /tmp/killed 2>&1 &
victim=$!
sleep 2
# A driver that had ended by itself would give its own status; 137 is that of one that SIGKILL ended.
killed_at_work() {
  kill -9 "$victim"
  wait "$victim"; [ $? = 137 ]
}
step "a driver is killed in the middle of a job" killed_at_work
step "a proof on the RTL by the next driver" prove $sim

# A card that is taken away at work: the kernel waits until its driver lets go.
millrace validate --device $sim --points 256 --random 50 > /tmp/removed 2>&1 &
victim=$!
sleep 2
step "a card is taken away in the middle of a job" timeout 60 millrace device unbind $sim
wait $victim
step "its driver says that it lost it" test $? = 11
tail -n 1 /tmp/removed
step "the card is given to vfio-pci again" millrace device bind $sim
step "a proof on the RTL afterwards" prove $sim

step "give the model back" millrace device unbind $model
# Faults that the IOMMU reports are wanted: addresses that lead nowhere are part of the exercise.
dmesg | grep -iE "DMAR:.*fault|vfio.*(err|fail)" | head -5
kernel_is_content() { ! dmesg | grep -E "BUG:|Oops|WARNING:|general protection fault"; }
step "the kernel complains of nothing" kernel_is_content
[ $failed = 0 ] && echo "guest: passed" || echo "guest: failed"
poweroff -f

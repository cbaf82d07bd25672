#!/usr/bin/env bash
# Fetches QEMU (10.1 or later, for `vfio-user-pci`), a stock Debian kernel and a static busybox into .tools/qemu, without touching the
# system: apt runs with lists, cache and status of its own, and packages are only unpacked. Wants Debian's apt and dpkg-deb; needs no root.
# Ends with 77 and one line `skipped: …` where packages cannot be had, with 1 where they are not what they should be. Repeated runs do nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/qemu
source sim/tools/debian.sh

need "QEMU and kernel are fetched" gzip

wanted=$(made_by sim/qemu/setup.sh)
[ "$(cat "$tools/stamp" 2>/dev/null)" = "$wanted" ] && exit 0
lists bookworm trixie trixie-backports
mkdir "$tools/kernel"

say "QEMU, kernel and busybox from $mirror into .tools/qemu (about 150 MB)"
update
apt-get "${apt[@]}" -d -y -t trixie-backports install qemu-system-x86 >/dev/null || skip "qemu-system-x86 could not be fetched"
(cd "$tools/cache/archives"
 kernel=$(apt-cache "${apt[@]}" -t bookworm depends linux-image-amd64/bookworm | sed -n 's/ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
 apt-get "${apt[@]}" download "$kernel/bookworm" busybox-static/bookworm >/dev/null) || skip "kernel or busybox could not be fetched"

for deb in "$tools"/cache/archives/*.deb; do
  case $deb in
    */linux-image-*) dpkg-deb -x "$deb" "$tools/kernel" ;;
    *) dpkg-deb -x "$deb" "$root" ;;
  esac
done
rm -rf "$tools/cache" "$tools/lists"

# QEMU runs by the loader and libraries that came with it.
cat > "$tools/qemu" <<RUN
#!/usr/bin/env bash
export QEMU_MODULE_DIR=\$(echo $root/usr/lib/x86_64-linux-gnu/qemu)
loader=\$(echo $root/usr/lib64/ld-linux-x86-64.so.2 $root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 | xargs -n1 ls 2>/dev/null | head -1)
exec "\$loader" --library-path $root/usr/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu/pulseaudio $root/usr/bin/qemu-system-x86_64 \\
  -L $root/usr/share/qemu -L $root/usr/share/seabios -L $root/usr/lib/ipxe/qemu "\$@"
RUN
chmod +x "$tools/qemu"
# Reads to the end: a grep that stops at the first hit breaks the pipe of a QEMU that still writes.
"$tools/qemu" -device help 2>/dev/null | grep '"vfio-user-pci"' >/dev/null || {
  say "expected a QEMU with vfio-user-pci (10.1 or later), got $("$tools/qemu" --version 2>&1 | head -1)"
  exit 1
}
printf '%s' "$wanted" > "$tools/stamp"
say "$("$tools/qemu" --version | head -1)"

#!/usr/bin/env bash
# A Debian kernel with IOMMUFD, in .tools/iommufd: Debian builds none with it (6.1 to 7.3: `# CONFIG_IOMMUFD is not set`), but both it and VFIO can
# be modules. So the kernel is Debian's own, unchanged, and iommufd, vfio and vfio-pci are built for it from Debian's source of the same version
# with IOMMUFD and VFIO_DEVICE_CDEV on: some twenty seconds of one core, 280 MB fetched once. Needs no root. Ends with 77 and one line `skipped: …`
# where packages cannot be had, with 1 where they are not what they should be. Repeated runs do nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/iommufd
source sim/tools/debian.sh

need "a kernel with IOMMUFD is made" gcc make xz

wanted=$(made_by sim/qemu/iommufd.sh)
[ "$(cat "$tools/stamp" 2>/dev/null)" = "$wanted" ] && exit 0
lists bookworm bookworm-backports

say "a kernel, its headers and its source from $mirror, for IOMMUFD (about 280 MB)"
update
suite=bookworm-backports
image=$(apt-cache "${apt[@]}" -t $suite depends linux-image-amd64/$suite | sed -n 's/ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
version=$(apt-cache "${apt[@]}" show "$image/$suite" | sed -n 's/^Version: //p' | head -1)
release=${image#linux-image-}
series=$(cut -d. -f1-2 <<< "$release")
(cd "$tools/cache/archives"
 # objtool of the headers wants libelf.
 apt-get "${apt[@]}" download "$image=$version" "linux-headers-$release=$version" "linux-headers-${release%-amd64}-common=$version" \
   "linux-kbuild-${release%-amd64}=$version" "linux-source-$series=$version" libelf1/bookworm >/dev/null) || skip "kernel $version or its source could not be fetched"

archives=$tools/cache/archives
dpkg-deb --fsys-tarfile "$archives/linux-image-"*.deb | tar -x -C "$root" --wildcards './boot/vmlinuz-*' '*/virt/lib/irqbypass.ko*'
for deb in "$archives"/{linux-headers,linux-kbuild,libelf1}*.deb; do dpkg-deb -x "$deb" "$root"; done
dpkg-deb --fsys-tarfile "$archives/linux-source-$series"_*.deb | tar -xO "./usr/src/linux-source-$series.tar.xz" | xz -dc |
  tar -x -C "$root" --strip-components=1 "linux-source-$series/drivers/iommu" "linux-source-$series/drivers/vfio" "linux-source-$series/lib/interval_tree.c"

# The kernel has interval trees but not the walk over their gaps, which only IOMMUFD wants: that part goes into its module.
iommufd=$root/drivers/iommu/iommufd
sed '/^INTERVAL_TREE_DEFINE/,/interval_tree_iter_next);/d' "$root/lib/interval_tree.c" > "$iommufd/gaps.c"
echo 'iommufd-y += gaps.o' >> "$iommufd/Makefile"
headers=$root/usr/src/linux-headers-$release
sed -i "s#/usr/src#$root/usr/src#" "$headers/Makefile"
modules() { # FOLDER OPTION…
  LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu make -s -j "$(nproc)" -C "$headers" "M=$1" CC=gcc CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_VFIO_MDEV= \
    CONFIG_IOMMUFD=m CONFIG_VFIO_DEVICE_CDEV=y \
    KCFLAGS="-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_VFIO_DEVICE_CDEV=1 -DCONFIG_INTERVAL_TREE_SPAN_ITER=1" "${@:2}" modules
}
say "building its modules with IOMMUFD"
{ modules "$iommufd" && modules "$root/drivers/vfio" "KBUILD_EXTRA_SYMBOLS=$iommufd/Module.symvers"; } > "$tools/build.log" 2>&1 || {
  say "the modules could not be built:"
  tail -n 20 "$tools/build.log" >&2
  exit 1
}

mkdir -p "$tools/modules"
cp "$root"/boot/vmlinuz-* "$tools/vmlinuz"
find "$root" -path '*/virt/lib/irqbypass.ko.xz' -exec sh -c 'xz -dc "$1" > "$2/irqbypass.ko"' _ {} "$tools/modules" \;
find "$root/drivers" "$root/lib" \( -name 'irqbypass.ko' -o -name 'iommufd.ko' -o -name 'vfio*.ko' \) -exec cp {} "$tools/modules/" \;
for module in irqbypass iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
  [ -f "$tools/modules/$module.ko" ] || { say "expected a module $module, got none"; exit 1; }
done
rm -rf "$tools/cache" "$tools/lists" "$root"
printf '%s' "$wanted" > "$tools/stamp"
say "Linux $release with IOMMUFD"

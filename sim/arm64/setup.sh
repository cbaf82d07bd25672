#!/usr/bin/env bash
# Fetches a linker and C library for arm64 and QEMU's user emulation into .tools/arm64, without touching the system, as sim/qemu/setup.sh does;
# needs no root. Ends with 77 and one line `skipped: …` where packages cannot be had. Repeated runs do nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/arm64
source sim/tools/debian.sh

need "a cross compiler is fetched" rustup

wanted=$(made_by sim/arm64/setup.sh)
[ "$(cat "$tools/stamp" 2>/dev/null)" = "$wanted" ] && exit 0
rustup target add aarch64-unknown-linux-gnu >/dev/null 2>&1 || skip "rustup has no target aarch64-unknown-linux-gnu"
lists bookworm

say "linker, C library and emulator for arm64 from $mirror into .tools/arm64"
update
(cd "$tools/cache/archives"
 apt-get "${apt[@]}" download binutils-aarch64-linux-gnu libc6-arm64-cross libc6-dev-arm64-cross libgcc-12-dev-arm64-cross libgcc-s1-arm64-cross \
   qemu-user-static >/dev/null) || skip "packages for arm64 could not be fetched"
for deb in "$tools"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$root"; done
rm -rf "$tools/cache" "$tools/lists"

# What a C compiler would do for a static program: its start files and libraries around what rustc gives.
cat > "$tools/link" <<LINK
#!/usr/bin/env bash
lib=$root/usr/aarch64-linux-gnu/lib gcc=$root/usr/lib/gcc-cross/aarch64-linux-gnu/12
args=()
for arg in "\$@"; do
  case \$arg in
    # All of it is static: a C library that is shared would be looked for.
    -Wl,-Bdynamic|-Bdynamic) ;;
    -Wl,*) IFS=, read -ra parts <<< "\${arg#-Wl,}"; args+=("\${parts[@]}") ;;
    -nodefaultlibs|-nostartfiles|-no-pie|-static|-static-pie|-m*|-lgcc_s|-lgcc_eh|-lc|-lgcc) ;;
    *) args+=("\$arg") ;;
  esac
done
export LD_LIBRARY_PATH=\$(echo $root/usr/lib/x86_64-linux-gnu)
exec $root/usr/bin/aarch64-linux-gnu-ld -static --eh-frame-hdr \$lib/crt1.o \$lib/crti.o \$gcc/crtbeginT.o -L\$lib -L\$gcc "\${args[@]}" \\
  --start-group -lgcc -lgcc_eh -lc -lm --end-group \$gcc/crtend.o \$lib/crtn.o
LINK
chmod +x "$tools/link"
echo "$wanted" > "$tools/stamp"

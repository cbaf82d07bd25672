#!/usr/bin/env bash
# Fetches the kernel's headers for programs (Debian 13's linux-libc-dev, Linux 6.12) into .tools/headers, so that the committed bindings are compared
# with the same ones everywhere. Needs no root. Ends with 77 and one line `skipped: …` where packages cannot be had. Repeated runs do nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/headers
source sim/tools/debian.sh

need "the kernel's headers are fetched"

wanted=$(made_by sim/tools/headers.sh)
[ "$(cat "$tools/stamp" 2>/dev/null)" = "$wanted" ] && exit 0
lists trixie

say "the kernel's headers from $mirror into .tools/headers"
update
(cd "$tools/cache/archives" && apt-get "${apt[@]}" download linux-libc-dev/trixie >/dev/null) || skip "linux-libc-dev could not be fetched"
dpkg-deb -x "$tools"/cache/archives/linux-libc-dev_*.deb "$root"
rm -rf "$tools/cache" "$tools/lists"
printf '%s' "$wanted" > "$tools/stamp"

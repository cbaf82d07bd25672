# Packages of Debian unpacked into a folder, without touching the system: apt runs with lists, cache and status of its own. Sourced, from the
# project's root, by scripts that set `tools`, the folder. Needs no root; `skip` ends with 77 where packages cannot be had.
root=$tools/root
mirror=${MILLRACE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'setup: %s\n' "$*" >&2; }
skip() { printf 'skipped: %s\n' "$*"; exit 77; }

# need WHAT TOOL…: the machine is one that WHAT is fetched for, and has the tools.
need() {
  [ "$(uname -m)" = x86_64 ] || skip "$1 for x86-64 only, this is $(uname -m)"
  for tool in apt-get dpkg-deb "${@:2}"; do command -v "$tool" >/dev/null || skip "$tool is missing"; done
  [ -r $keyring ] || skip "$keyring is missing (debian-archive-keyring)"
}

# What the folder was made by: a script and this file.
made_by() { sha256sum "$1" sim/tools/debian.sh; }

# lists SUITE…: empties the folder and sets `apt` to the options that keep apt in it; `update` fetches the lists of the suites.
lists() {
  rm -rf "$tools"
  mkdir -p "$tools"/{lists/partial,cache/archives/partial,etc,root}
  for suite in "$@"; do echo "deb [signed-by=$keyring] $mirror $suite main"; done > "$tools/etc/sources.list"
  : > "$tools/etc/status"
  apt=(-qq -o "Dir::Etc::SourceList=$tools/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Parts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o "Dir::State::Lists=$tools/lists" -o "Dir::State::status=$tools/etc/status" -o "Dir::State::extended_states=$tools/etc/extended"
    -o "Dir::Cache=$tools/cache" -o "Dir::Cache::Archives=$tools/cache/archives" -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)"
    -o APT::Install-Recommends=0 -o Acquire::Languages=none -o Acquire::Retries=3)
}

update() { apt-get "${apt[@]}" update || skip "no package lists from $mirror"; }

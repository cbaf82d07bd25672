#!/usr/bin/env bash
# Prints the package files of all blocks, each after those that it names: the order in which a tool must read them.
set -euo pipefail
ip_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for file in "$ip_dir"/*/rtl/*_pkg.sv; do
  name=$(basename "$file" .sv)
  echo "$name $name"
  # Before `tsort`: "A B" is A first. A package that names nothing is listed with itself.
  { grep -v '^ *//' "$file" | grep -oE '\bmr_[a-z0-9_]+_pkg\b' || true; } | sort -u | while read -r dep; do
    [[ $dep == "$name" ]] || echo "$dep $name"
  done
done | tsort | while read -r name; do ls "$ip_dir"/*/rtl/"$name".sv; done

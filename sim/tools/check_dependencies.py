"""Compares the crates' dependencies with docs/dependencies.toml, and looks for `forbid(unsafe_code)` where it belongs."""

import json
import pathlib
import subprocess
import sys
import tomllib

root = pathlib.Path(__file__).resolve().parents[2]
table = tomllib.loads((root / "docs/dependencies.toml").read_text())
metadata = json.loads(
    subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout
)

PREFIX = "millrace-"
problems = []
seen = set()
for package in metadata["packages"]:
    name = package["name"].removeprefix(PREFIX)
    seen.add(name)
    folder = pathlib.Path(package["manifest_path"]).parent
    if folder.name != name:
        problems.append(f"{name}: lies in {folder.relative_to(root)}, expected a folder of its own name")
    used = {d["name"].removeprefix(PREFIX) for d in package["dependencies"] if d["name"].startswith(PREFIX) and d["kind"] is None}
    allowed = table["uses"].get(name)
    if allowed is None:
        problems.append(f"{name}: not in docs/dependencies.toml")
        continue
    for other in sorted(used - set(allowed)):
        problems.append(f"{name}: uses {other}, which docs/dependencies.toml does not allow")
    for source in [folder / "src/lib.rs", folder / "src/main.rs"]:
        if source.exists() and name not in table["unsafe"]["homes"] and "#![forbid(unsafe_code)]" not in source.read_text():
            problems.append(f"{name}: {source.relative_to(root)} lacks #![forbid(unsafe_code)]")
for name in sorted(set(table["uses"]) - seen):
    problems.append(f"{name}: in docs/dependencies.toml, but no such crate")

for problem in problems:
    print(problem, file=sys.stderr)
print(f"dependencies: {len(seen)} crates, {len(problems)} problems")
sys.exit(1 if problems else 0)

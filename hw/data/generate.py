#!/usr/bin/env python3
"""Writes everything that is generated from device.rdl and layout.toml, or compares it with what is committed.

    generate.py            write the files
    generate.py --check    exit 1 and name the files that differ
"""

import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from gen import docs, model, rust, sv  # noqa: E402


def formatted(source: str) -> str:
    """As `cargo fmt` would leave it."""
    done = subprocess.run(
        ["rustfmt", "--edition", "2024", "--emit", "stdout"],
        input=source, capture_output=True, text=True, check=False, cwd=ROOT,
    )
    if done.returncode != 0:
        sys.exit(f"rustfmt failed:\n{done.stderr}")
    return done.stdout


def outputs() -> dict:
    """Path from the root of the checkout -> contents."""
    layout = model.load(HERE)
    return {
        "rtl-bindings/regs/src/registers.rs": formatted(rust.registers(layout)),
        "rtl-bindings/regs/src/layout.rs": formatted(rust.layout(layout)),
        "hw/ip/queue/rtl/mr_layout_pkg.sv": sv.layout_pkg(layout),
        "hw/ip/queue/rtl/mr_layout_check.sv": sv.layout_check(layout),
        "hw/ip/regs/rtl/mr_regs_pkg.sv": sv.regs_pkg(layout),
        "hw/ip/regs/rtl/mr_regs.sv": sv.regs(layout),
        "docs/spec/generated/registers.md": docs.registers(layout),
        "docs/spec/generated/layout.md": docs.layout(layout),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    stale = []
    for name, contents in outputs().items():
        path = ROOT / name
        if check:
            if not path.is_file() or path.read_text() != contents:
                stale.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents)
    for name in stale:
        print(f"{name} differs from hw/data: run hw/data/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

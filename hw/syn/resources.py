#!/usr/bin/env python3
"""Counts the FPGA resources of an RTL module with Yosys (UltraScale+ cells), and writes hw/syn/reports/MODULE.json.

usage: resources.py MODULE [NAME=VALUE ...]      needs pyosys (requirements.txt)

Counts are those of `synth_xilinx -family xcup`: cells after mapping, no placement, no timing. Yosys does not move registers into DSP slices, so
flip-flops are an upper bound. Pads are not inserted.
"""
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HW = Path(__file__).resolve().parent.parent


def rtl_files():
    packages = subprocess.run([HW / "ip" / "packages.sh"], check=True, capture_output=True, text=True).stdout.split()
    folders = [*sorted((HW / "ip").glob("*/rtl")), HW / "top"]
    return packages, {file.stem: file for folder in folders for file in folder.glob("*.sv") if not file.stem.endswith("_pkg")}


def needed(module, modules):
    """The files of a module and of all that it instantiates, by the names that occur in them."""
    found, queue = {}, [module]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found[name] = modules[name]
        text = modules[name].read_text(encoding="utf-8")
        queue += [other for other in modules if other not in found and other in text]
    return list(found.values())


def synthesise(module, parameters):
    from pyosys import libyosys as ys  # not at the top: --help works without it

    packages, modules = rtl_files()
    files = " ".join(str(f) for f in [*packages, *needed(module, modules)])
    flags = " ".join(f"-G {p}" for p in parameters)
    design = ys.Design()
    ys.run_pass(f"read_slang --ignore-assertions --top {module} {flags} {files}", design)
    ys.run_pass(f"synth_xilinx -family xcup -noiopad -flatten -top {module}", design)
    with tempfile.NamedTemporaryFile("r", suffix=".json") as stat:
        ys.run_pass(f"tee -q -o {stat.name} stat -json", design)
        return json.loads(stat.read())["design"]["num_cells_by_type"]


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    module, parameters = sys.argv[1], sys.argv[2:]
    cells = synthesise(module, parameters)
    totals = Counter()
    for name, count in cells.items():
        if name.startswith("LUT"):
            totals["luts"] += count
        elif name.startswith("FD"):
            totals["flip_flops"] += count
        elif name == "DSP48E2":
            totals["dsp48e2"] += count
        elif name.startswith("CARRY"):
            totals[name.lower()] += count
        elif name.startswith(("RAMB", "URAM", "RAM")):
            totals["rams"] += count
    report = {"module": module, "parameters": parameters, "totals": dict(sorted(totals.items())), "cells": dict(sorted(cells.items()))}
    path = HW / "syn" / "reports" / f"{module}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="ascii")
    print(json.dumps(report["totals"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

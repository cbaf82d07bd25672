#!/usr/bin/env python3
"""Finds multiplications and divisions that RTL outside hw/ip/prim must not hold, in Verilator's elaborated tree.

usage: lint_rules.py TREE.json META.json

Rules (docs/blocks/interfaces.md): no `*` with an operand above 27 bits, no `/`, no `%`, no variable `**`. Constant expressions are gone
after elaboration. A loop variable times a constant (an index) is allowed: loops are unrolled.
Prints one line a finding; exit code 1 if there is any.
"""
import json
import re
import sys
from pathlib import Path

MAX_BITS = 27
PRODUCTS = {"MUL", "MULS"}
FORBIDDEN = {"DIV": "/", "DIVS": "/", "MODDIV": "%", "MODDIVS": "%", "POW": "**", "POWSS": "**", "POWSU": "**", "POWUS": "**"}


def walk(node, parent=None):
    if isinstance(node, dict):
        yield node, parent
        for value in node.values():
            yield from walk(value, node)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value, parent)


class Tree:
    def __init__(self, tree, meta):
        self.nodes = list(walk(tree))
        self.files = {key: entry["filename"] for key, entry in meta["files"].items()}
        self.by_addr = {node["addr"]: node for node, _ in self.nodes if "addr" in node}

    def place(self, node):
        key, start, _ = node["loc"].split(",")
        return self.files.get(key, key), int(start.split(":")[0])

    def width(self, node):
        """Bits of the value: extensions do not count, a constant has the bits of its value."""
        while node["type"] in ("EXTEND", "EXTENDS"):
            node = node["lhsp"][0]
        if node["type"] == "CONST":
            return constant_bits(node["name"])
        dtype = self.by_addr.get(node.get("dtypep"), {})
        span = re.fullmatch(r"(\d+):(\d+)", dtype.get("range", ""))
        if span:
            return abs(int(span[1]) - int(span[2])) + 1
        return {"logic": 1, "bit": 1, "byte": 8, "shortint": 16, "int": 32, "integer": 32, "longint": 64}.get(dtype.get("keyword"), 10**6)

    def is_index(self, lhs, rhs):
        """A loop variable, or an `int` argument of a function on constants, times a constant."""
        operands = [side for side in (lhs, rhs) if side["type"] != "CONST"]
        if len(operands) != 1:
            return False
        node = operands[0]
        while node["type"] in ("EXTEND", "EXTENDS"):
            node = node["lhsp"][0]
        variable = self.by_addr.get(node.get("varp"), {})
        return variable.get("isUsedLoopIdx", False) or variable.get("dtypeName") in ("int", "integer")

    def findings(self):
        for node, _ in self.nodes:
            kind = node.get("type")
            if kind not in PRODUCTS and kind not in FORBIDDEN:
                continue
            path, line = self.place(node)
            if "/prim/rtl/" in path or path.startswith("<"):
                continue
            if kind in FORBIDDEN:
                yield f"{path}:{line}: `{FORBIDDEN[kind]}` outside hw/ip/prim"
                continue
            lhs, rhs = node["lhsp"][0], node["rhsp"][0]
            bits = max(self.width(lhs), self.width(rhs))
            if bits > MAX_BITS and not self.is_index(lhs, rhs):
                yield f"{path}:{line}: `*` with an operand of {bits} bits outside hw/ip/prim"


def constant_bits(text):
    match = re.fullmatch(r"(?:\d+)?'s?([hdbo])([0-9a-fxz_]+)", text)
    if not match:
        return 10**6
    base = {"h": 16, "d": 10, "b": 2, "o": 8}[match[1]]
    return max(1, int(match[2].replace("_", ""), base).bit_length())


def main():
    tree, meta = (json.loads(Path(arg).read_text(encoding="utf-8")) for arg in sys.argv[1:3])
    found = sorted(set(Tree(tree, meta).findings()))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Reads device.rdl and layout.toml into plain records, and takes their hash.

The records hold what programs depend on (names, addresses, widths, values) next to descriptions; the hash covers the
first kind only, so that a better comment does not make driver and device strangers.
"""

import dataclasses
import hashlib
import json
import pathlib
import tomllib

from systemrdl import RDLCompiler
from systemrdl.node import RegfileNode, RegNode
from systemrdl.rdltypes import AccessType, OnWriteType


@dataclasses.dataclass
class Field:
    """A field of a register."""

    name: str
    lsb: int
    width: int
    kind: str  # const | status | storage | request
    hwclr: bool
    reset: int
    desc: str

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.lsb

    @property
    def access(self) -> str:
        return {"const": "r", "status": "r", "storage": "rw", "request": "rw1s"}[self.kind]


@dataclasses.dataclass
class Register:
    """A 32-bit register; `offset` counts from its page."""

    name: str
    offset: int
    latch_hi: bool
    soft_reset: bool
    fields: list
    desc: str


@dataclasses.dataclass
class Layout:
    """All that is generated from."""

    registers: list  # page 0
    queue: list  # one queue page
    queue_base: int
    queue_stride: int
    queue_max: int
    table: dict  # layout.toml
    hash: int


def _field(node) -> Field:
    sw, hw = node.get_property("sw"), node.get_property("hw")
    if sw == AccessType.r:
        kind = "const" if hw == AccessType.na else "status"
    elif node.get_property("onwrite") == OnWriteType.woset:
        kind = "request"
    else:
        kind = "storage"
    return Field(
        name=node.inst_name,
        lsb=node.low,
        width=node.width,
        kind=kind,
        hwclr=bool(node.get_property("hwclr")),
        reset=node.get_property("reset") or 0,
        desc=node.get_property("desc") or "",
    )


def _register(node) -> Register:
    return Register(
        name=node.inst_name,
        offset=node.address_offset,
        latch_hi=bool(node.get_property("latch_hi", default=False)),
        soft_reset=bool(node.parent.get_property("soft_reset", default=False))
        if isinstance(node.parent, RegfileNode)
        else False,
        fields=[_field(f) for f in node.fields()],
        desc=node.get_property("desc") or "",
    )


def _normalised(layout: Layout) -> bytes:
    """What the hash is taken of: canonical JSON without descriptions."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in ("desc", "position")}
        if isinstance(value, list):
            return [strip(v) for v in value]
        return value

    plain = dataclasses.asdict(layout)
    del plain["hash"]
    return json.dumps(strip(plain), sort_keys=True, separators=(",", ":")).encode()


def _check(layout: Layout) -> None:
    """Rules that the generators rely on."""
    table = layout.table
    for part in ("descriptor", "completion"):
        end = 0
        for field in table[part]["fields"]:
            size = field["bits"] // 8
            assert field["bits"] in (8, 16, 32, 64), f"{part}.{field['name']}: odd width"
            assert field["byte"] >= end and field["byte"] % size == 0, f"{part}.{field['name']}: overlap or alignment"
            end = field["byte"] + size
        assert end <= table[part]["phase"] == 60, f"{part}: the phase word is the last"
    values = [cause["value"] for cause in table["causes"].values()]
    assert values == list(range(len(values))), "causes are numbered in order"
    assert set(table["allowed"]) == set(table["opcodes"]), "each opcode says what it allows"
    for regs in (layout.registers, layout.queue):
        offsets = [r.offset for r in regs]
        assert len(set(offsets)) == len(offsets), "two registers at one address"


def load(folder: pathlib.Path) -> Layout:
    """Compiles both sources. Raises on whatever is wrong with them."""
    compiler = RDLCompiler()
    compiler.compile_file(str(folder / "device.rdl"))
    top = compiler.elaborate(top_def_name="device").top
    page0 = [_register(c) for c in top.children() if isinstance(c, RegNode)]
    queue = next(c for c in top.children(unroll=False) if isinstance(c, RegfileNode))
    first = queue
    layout = Layout(
        registers=page0,
        queue=[_register(c) for c in first.children()],
        queue_base=queue.raw_address_offset,
        queue_stride=queue.array_stride,
        queue_max=queue.array_dimensions[0],
        table=tomllib.loads((folder / "layout.toml").read_text()),
        hash=0,
    )
    _check(layout)
    layout.hash = int.from_bytes(hashlib.sha256(_normalised(layout)).digest()[:8], "big")
    return layout

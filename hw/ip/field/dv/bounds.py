#!/usr/bin/env python3
"""Recomputes, with exact fractions, the constants and bounds that the headers of mr_reduce, mr_point_mid and mr_point_add state.

Run alone it prints them; mr_reduce_vectors.py runs the checks before every simulation.
"""
import re
from fractions import Fraction
from pathlib import Path

Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
LIMB = 29
PACKAGE = Path(__file__).resolve().parent.parent / "rtl" / "mr_field_pkg.sv"


def lazy_bound(modulus, split, x_bound):
    """Upper bound of r / m of mr_reduce for x < x_bound: 1 for the floor of q plus all that is dropped before it."""
    assert x_bound <= 2 ** (split + 261)
    mu = 2 ** (split + 261) // modulus
    # What h misses: bits of column 8 with its carry below the cut, 29 bits of column 7, columns 0..6 (each below 2^64).
    h_drop = 2**split + 2 ** (203 + LIMB) + sum(2 ** (64 + LIMB * k) for k in range(7))
    # What mu misses, times x.
    mu_drop = (Fraction(2 ** (split + 261), modulus) - mu) * Fraction(x_bound, 2 ** (split + 261))
    # Columns 0..6 of h * mu that are not built: h limbs below 2^30 + 2^16, mu limbs below 2^29.
    h_limb, mu_limb = 2**30 + 2**16, 2**LIMB
    col_drop = Fraction(sum((k + 1) * h_limb * mu_limb * 2 ** (LIMB * k) for k in range(7)), 2**261)
    # The floor of q: 29 bits of column 8 with its carry, 29 bits of column 7.
    floor_drop = 1 + Fraction(1, 2**LIMB)
    return Fraction(h_drop, modulus) + mu_drop + col_drop + floor_drop


def check(report=lambda *_: None):
    package = PACKAGE.read_text(encoding="ascii")
    stated = {name: int(value, 16) for name, value in re.findall(r"\b(Q|R|MuQ|MuR) = \d+'h([0-9a-f]+);", package)}
    assert stated == {"Q": Q, "R": R, "MuQ": 2**513 // Q, "MuR": 2**513 // R}, stated

    for name, modulus in (("q", Q), ("r", R)):
        for split in (251, 252):
            bound = lazy_bound(modulus, split, 2 ** (split + 261))
            report(f"{name}, split {split}: r < {float(bound):.4f} m for every x < 2^{split + 261}")
            assert bound < Fraction(162, 100)

    # mr_point_add, layer one: values in units of q, from canonical operands.
    unit = Q * Q
    t1 = lazy_bound(Q, 251, unit)              # Y1 Y2
    t0 = t2 = lazy_bound(Q, 251, 3 * unit)     # 3 X1 X2, 3 Z1 Z2
    t3 = t4 = lazy_bound(Q, 251, 2 * unit)     # X1 Y2 + X2 Y1
    t5 = lazy_bound(Q, 251, 6 * unit)          # 3 (X1 Z2 + X2 Z1)
    report(f"t0, t2 < {float(t0):.4f}, t1 < {float(t1):.4f}, t3, t4 < {float(t3):.4f}, t5 < {float(t5):.4f} q")
    assert max(t0, t1, t2, t3, t4, t5) < Fraction(12, 10)
    assert 6 * unit < 2**510
    # mr_point_mid: differences stay positive, also in the top limb, which gives 4 to the limb below.
    assert 3 * max(t2, t5) < 4 - Fraction(5 * 2**232, Q)
    total, diff, y, yneg = t1 + 3 * t2, t1 + 4, 3 * t5, Fraction(4)
    # Layer two.
    x3, y3, z3 = t3 * diff + t4 * yneg, total * diff + t0 * y, t4 * total + t0 * t3
    worst = max(x3, y3, z3)
    report(f"layer two: sums of products below {float(worst):.2f} q^2")
    assert worst * unit < 2**513
    assert lazy_bound(Q, 252, worst * unit) < 2

    # Columns. Elements: limbs 0..7 of `bits`, limb 8 of at most 26 bits; eight full products and two short ones meet at most.
    def column(limb_a, limb_b, short=2**26):
        return max(8 * limb_a * limb_b, 7 * limb_a * limb_b + short * (limb_a + limb_b))

    limb, loose, summed = 2**LIMB - 1, 2**LIMB + 8, 2**30 - 2
    assert column(summed, summed) < 2**64                      # layer one, (X + Y)(X + Y)
    assert 3 * 2 * column(limb, limb) < 2**64 - 2**36          # 3 (X1 Z2 + X2 Z1)
    assert 2 * column(loose, loose) < 2**64 - 2**36            # layer two, pairs
    assert 9 * (2**30 + 2**16) * limb < 2**63                  # h * mu and q * m, below the bias of stage 7


if __name__ == "__main__":
    check(print)

#!/usr/bin/env python3
"""Columns for mr_reduce: lines `SPLIT c0 .. c16  x mod q  x mod q + q  x mod r  x mod r + r` in hexadecimal (SPLIT decimal).

The result must be one of the two values of its field. Columns are redundant on purpose: a value is spread upwards
and downwards as far as 64-bit columns allow.
"""
import random
import sys

import bounds

LIMB, COLS = 29, 17
TOP = 2**64 - 2**36  # columns stay below this


def columns(x, rng, spread):
    """Columns with sum c[k] * 2^(29 k) = x; `spread` is the largest part of a column lent to the one below."""
    c = [(x >> (LIMB * k)) & (2**LIMB - 1) for k in range(COLS - 1)] + [x >> (LIMB * (COLS - 1))]
    for k in range(COLS - 1, 0, -1):
        lent = min(int(c[k] * spread(rng)), (TOP - 1 - c[k - 1]) >> LIMB)
        c[k] -= lent
        c[k - 1] += lent << LIMB
    assert all(0 <= v < TOP for v in c)
    assert sum(v << (LIMB * k) for k, v in enumerate(c)) == x
    return c


def values(rng, split):
    limit = 1 << (split + 261)
    for modulus in (bounds.Q, bounds.R):
        yield from (0, 1, modulus - 1, modulus, modulus + 1, 2 * modulus - 1, 2 * modulus, limit - 1, limit - limit % modulus)
        for _ in range(400):  # just below, at and above a multiple, where the quotient is hardest to meet
            yield min(limit - 1, max(0, rng.randrange(limit // modulus) * modulus + rng.choice((-2, -1, 0, 1, 2))))
        for _ in range(400):  # bits below the cut all ones: the most that h can drop
            yield rng.randrange(limit) | ((1 << split) - 1)
    for _ in range(1500):
        yield rng.randrange(limit)


def main():
    bounds.check()
    rng = random.Random(13)
    spreads = (lambda _: 0, lambda _: 1, lambda r: r.random(), lambda r: r.choice((0, 1)))
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for split in (251, 252):
            for x in values(rng, split):
                cells = columns(x, rng, rng.choice(spreads))
                answers = [v for m in (bounds.Q, bounds.R) for v in (x % m, x % m + m)]
                out.write(f"{split} " + " ".join(f"{v:x}" for v in cells + answers) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Golden sums and differences: lines `FIELD a b (a+b mod m) (a-b mod m)`, FIELD 0 for q and 1 for r, the rest hexadecimal."""
import random
import sys

from bounds import Q, R


def main():
    rng = random.Random(17)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for field, m in enumerate((Q, R)):
            edges = [0, 1, 2, m - 2, m - 1, m // 2, m // 2 + 1, (1 << 253) - 1, 1 << 253, (1 << 252) - 1, (1 << 64) - 1]
            pairs = [(a, b) for a in edges for b in edges]
            pairs += [(a, (m - a + d) % m) for a in (rng.randrange(m) for _ in range(200)) for d in (-1, 0, 1)]
            pairs += [(rng.randrange(m), rng.randrange(m)) for _ in range(2000)]
            for a, b in pairs:
                out.write(f"{field} {a:x} {b:x} {(a + b) % m:x} {(a - b) % m:x}\n")


if __name__ == "__main__":
    main()

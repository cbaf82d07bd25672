#!/usr/bin/env python3
"""Golden products for mr_modmul, from Python integers: lines `a b a*b mod q  a*b mod r` in hexadecimal."""
import random
import sys

Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
LIMB = 29


def edge_values(rng):
    values = [0, 1, 2, 3, R - 1, R - 2, R // 2, 1 << 253, (1 << 253) - 1]
    values += [((1 << LIMB) - 1) << (LIMB * i) for i in range(8)]  # one limb of ones
    values += [(1 << k) - 1 for k in (29, 58, 87, 116, 145, 174, 203, 232, 252, 253)]  # ones below
    values += [1 << k for k in range(0, 254, 23)]
    values += [sum(rng.choice((0, (1 << LIMB) - 1)) << (LIMB * i) for i in range(8)) for _ in range(12)]
    return [v for v in values if v < R]


def extreme_quotients(rng, modulus, count):
    """Pairs whose product lies just below or above a multiple of the modulus, where an estimate of the quotient errs."""
    pairs = []
    while len(pairs) < count:
        a = rng.randrange(1, modulus)
        delta = rng.choice((0, 1, 2, -1, -2, rng.randrange(1 << 64), -rng.randrange(1 << 64)))
        pairs.append((a, delta * pow(a, -1, modulus) % modulus))
    return pairs


def main():
    rng = random.Random(20)
    edges = edge_values(rng)
    # Both fields take the same operands, so all lie below r (r < q).
    pairs = [(a, b) for a in edges for b in edges]
    pairs += [(q_edge, e) for q_edge in (R - 1, R - 2) for e in edges]
    pairs += extreme_quotients(rng, R, 4000)
    pairs += [(a, b) for a, b in extreme_quotients(rng, Q, 4000) if a < R and b < R]
    pairs += [(rng.randrange(R), rng.randrange(R)) for _ in range(20000)]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for a, b in pairs:
            out.write(f"{a:x} {b:x} {a * b % Q:x} {a * b % R:x}\n")


if __name__ == "__main__":
    main()

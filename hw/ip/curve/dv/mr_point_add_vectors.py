#!/usr/bin/env python3
"""Golden additions for mr_point_add: lines `X1 Y1 Z1 X2 Y2 Z2 X3 Y3 Z3` in hexadecimal.

The sum is the textbook's affine chord and tangent over Python integers, which share no formula with the RTL. Which of the
projective forms of it the device gives follows from the paper's polynomials; each line is checked to be the same point.
"""
import random
import sys

Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
INF = None


def add(p, q):
    if p is INF:
        return q
    if q is INF:
        return p
    if p[0] == q[0]:
        if (p[1] + q[1]) % Q == 0:
            return INF
        slope = 3 * p[0] * p[0] * pow(2 * p[1], -1, Q)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, Q)
    x = (slope * slope - p[0] - q[0]) % Q
    return (x, (slope * (p[0] - x) - p[1]) % Q)


def neg(p):
    return p if p is INF else (p[0], -p[1] % Q)


def sqrt(v):
    root = pow(v, (Q + 1) // 4, Q)
    return root if root * root % Q == v else None


def random_point(rng):
    while True:
        x = rng.randrange(Q)
        y = sqrt((x * x * x + 3) % Q)
        if y is not None:
            return (x, rng.choice((y, Q - y)))


def small_points():
    """Points with small x, and with x next to q: coordinates at the edges of the range."""
    points = []
    for x in list(range(0, 40)) + list(range(Q - 40, Q)):
        y = sqrt((x * x * x + 3) % Q)
        if y is not None:
            points += [(x, y), (x, Q - y)]
    return points


def paper(p, q):
    """Bivariate form of the complete formulas (Renes-Costello-Batina 2015, section 3.3, a = 0, b = 3)."""
    (x1, y1, z1), (x2, y2, z2) = p, q
    b3 = 9
    xy, yz, xz = x1 * y2 + x2 * y1, y1 * z2 + y2 * z1, x1 * z2 + x2 * z1
    minus, plus = y1 * y2 - b3 * z1 * z2, y1 * y2 + b3 * z1 * z2
    return (
        (xy * minus - b3 * yz * xz) % Q,
        (minus * plus + 3 * b3 * x1 * x2 * xz) % Q,
        (yz * plus + 3 * x1 * x2 * xy) % Q,
    )


def same_point(p, affine):
    """Whether a projective triple is the affine point."""
    x, y, z = p
    if affine is INF:
        return x == 0 and y != 0 and z == 0
    return z != 0 and x == affine[0] * z % Q and y == affine[1] * z % Q


def projective(p, z):
    """p with the given Z; infinity becomes (0 : z : 0)."""
    return (0, z, 0) if p is INF else (p[0] * z % Q, p[1] * z % Q, z)


def scales(rng):
    limb = (1 << 29) - 1
    return [1, 2, Q - 1, limb << 203, (1 << 253) - 1, rng.randrange(1, Q), rng.randrange(1, Q)]


def main():
    rng = random.Random(29)
    generator = (1, 2)
    points = [INF, generator, neg(generator), add(generator, generator)] + small_points()[:24]
    points += [random_point(rng) for _ in range(8)]
    cases = []
    for p in points:
        for q in (p, neg(p), INF, rng.choice(points)):  # doubling, cancelling, infinity, other
            for z1 in (1, rng.choice(scales(rng))):
                for z2 in (1, rng.choice(scales(rng))):
                    cases.append((p, z1, q, z2))
                    cases.append((q, z2, p, z1))
    pool = [random_point(rng) for _ in range(64)]
    for _ in range(2000):
        p, q = rng.choice(pool), rng.choice(pool)
        cases.append((p, rng.choice(scales(rng)), q, rng.choice(scales(rng))))
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for p, z1, q, z2 in cases:
            left, right = projective(p, z1), projective(q, z2)
            total = paper(left, right)
            assert same_point(total, add(p, q)), (left, right)
            out.write(" ".join(f"{w:x}" for w in (*left, *right, *total)) + "\n")


if __name__ == "__main__":
    main()

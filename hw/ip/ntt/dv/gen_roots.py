#!/usr/bin/env python3
"""Prints hw/ip/ntt/rtl/mr_ntt_pkg.sv: the roots of unity of order 2^i in Fr of BN254.

Usage: gen_roots.py > ../rtl/mr_ntt_pkg.sv. The testbench recomputes the table as it is in the RTL, by
using it: every transform is compared with one whose roots come from 5^((r-1)/m) alone.
"""

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
TWO_ADICITY = 28
GENERATOR = 5

HEAD = """// Roots of unity of the scalar field. Written by hw/ip/ntt/dv/gen_roots.py; do not edit.
package mr_ntt_pkg;

  /// Largest i for which Fr has a root of unity of order 2^i.
  localparam int unsigned TwoAdicity = {adicity};

  /// Root[i] = 5^((r - 1) / 2^i) mod r, a root of unity of order 2^i; Root[i]^2 = Root[i - 1], Root[0] = 1.
  localparam logic [253:0] Root [TwoAdicity + 1] = '{{
{rows}
  }};

endpackage"""


def main() -> None:
    roots = [pow(GENERATOR, (R - 1) >> i, R) for i in range(TWO_ADICITY + 1)]
    assert roots[0] == 1 and roots[1] == R - 1
    assert all(roots[i] * roots[i] % R == roots[i - 1] for i in range(1, TWO_ADICITY + 1))
    rows = ",\n".join(f"    254'h{root:064x}" for root in roots)
    print(HEAD.format(adicity=TWO_ADICITY, rows=rows))


if __name__ == "__main__":
    main()

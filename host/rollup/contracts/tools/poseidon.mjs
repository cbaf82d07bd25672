// Writes src/Poseidon.sol from circomlib's constants; with --check it compares instead.
//
// Poseidon's 60 partial rounds put only element 0 through the S-box. The other t-1 elements see a linear map, the same in every round:
//
//     y' = a·s + V·x        s = (y + c)^5, x the other t-1 elements, round constants moved into c
//     x' = U·s + B·x        (a V; U B) = the MDS matrix
//
// In the basis z = R·x with R_1 = V, R_(i+1) = R_i·B - b_i·V, where λ^n - b_1·λ^(n-1) - ... - b_n is B's characteristic polynomial
// (observer canonical form; n = t-1), this is a recurrence with 2t-1 multiplications a round whose coefficients do not depend on the round:
//
//     y'   = a·s + z_1
//     z'_i = f_i·s + b_i·y' + z_(i+1)        f_i = R_i·U - b_i·a,   z_(n+1) = 0
//
// R is multiplied into the matrix of the last full round before, R^-1 is applied once after.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const r = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001n;
const FULL_HALF = 4;
const PARTIAL = 60;
const UNROLL = 4;

const modules = process.env.MILLRACE_NODE_MODULES;
const file = pathToFileURL(join(modules, "circomlibjs/src/poseidon_constants.js"));
const { C, M } = (await import(file)).default;

// Arithmetic mod r.
const mod = (x) => ((x % r) + r) % r;
const dot = (a, b) => mod(a.reduce((sum, x, i) => sum + x * b[i], 0n));
const column = (m, j) => m.map((row) => row[j]);
const times = (a, b) => a.map((row) => b[0].map((_, j) => dot(row, column(b, j))));
const apply = (m, v) => m.map((row) => dot(row, v));
const plus = (a, b) => a.map((x, i) => mod(x + b[i]));
const identity = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => BigInt(i === j)));

function power(x, e) {
  let y = 1n;
  for (; e > 0n; e >>= 1n, x = (x * x) % r) if (e & 1n) y = (y * x) % r;
  return y;
}

function inverse(m) {
  const n = m.length;
  const rows = m.map((row, i) => [...row, ...identity(n)[i]]);
  for (let i = 0; i < n; ++i) {
    const pivot = rows.findIndex((row, k) => k >= i && row[i] !== 0n);
    if (pivot < 0) throw new Error("singular matrix: the recurrence does not exist for these constants");
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    const scale = power(rows[i][i], r - 2n);
    rows[i] = rows[i].map((x) => mod(x * scale));
    rows.forEach((row, k) => {
      if (k !== i) rows[k] = row.map((x, j) => mod(x - row[i] * rows[i][j]));
    });
  }
  return rows.map((row) => row.slice(n));
}

// b_1 .. b_n of the characteristic polynomial, by Faddeev and LeVerrier.
function characteristic(B) {
  const n = B.length;
  let N = identity(n);
  return Array.from({ length: n }, (_, k) => {
    const BN = times(B, N);
    const trace = BN.reduce((sum, row, i) => sum + row[i], 0n);
    const b = mod(trace * power(BigInt(k + 1), r - 2n));
    N = BN.map((row, i) => row.map((x, j) => (i === j ? mod(x - b) : x)));
    return b;
  });
}

function derive(t) {
  const c = C[t - 2].map(BigInt);
  const m = M[t - 2].map((row) => row.map(BigInt));
  const n = t - 1;
  const constants = (round) => c.slice(round * t, round * t + t);
  const a = m[0][0];
  const V = m[0].slice(1);
  const U = m.slice(1).map((row) => row[0]);
  const B = m.slice(1).map((row) => row.slice(1));

  const b = characteristic(B);
  const R = [V];
  for (let i = 1; i < n; ++i) {
    const next = V.map((_, j) => dot(R[i - 1], column(B, j)));
    R.push(next.map((x, j) => mod(x - b[i - 1] * V[j])));
  }
  const f = R.map((row, i) => mod(dot(row, U) - b[i] * a));
  const entry = [m[0], ...times(R, m.slice(1))];

  // Constants of x travel through B; what they do to y is added to y's own constant.
  let e = Array(n).fill(0n);
  let key = constants(FULL_HALF)[0];
  const partial = [];
  for (let k = 0; k < PARTIAL; ++k) {
    partial.push(key);
    const d = plus(e, constants(FULL_HALF + k).slice(1));
    key = mod(dot(V, d) + constants(FULL_HALF + k + 1)[0]);
    e = apply(B, d);
  }
  const end = FULL_HALF + PARTIAL;
  const leave = [key, ...plus(e, constants(end).slice(1))];
  return {
    t, n, a, b, f, m, entry, leave, T: inverse(R),
    first: constants(0),
    table: [...[1, 2, 3].flatMap(constants), ...partial, ...[1, 2, 3].flatMap((k) => constants(end + k))],
  };
}

const hex = (x) => "0x" + x.toString(16).padStart(64, "0");
const at = (base, word) => (word === 0 ? base : `add(${base}, ${32 * word})`);
const product = (x, k, r = "r") => `mulmod(${x}, ${hex(k)}, ${r})`;
const add = (terms) => terms.reduce((sum, term) => `add(${sum}, ${term})`);

// Sum of at most seven values below r, reduced: 5·r < 2^256 < 6·r, so at most four and at most three are added without reduction.
const sum = (terms, r = "r") => `addmod(${add(terms.slice(0, 4))}, ${add(terms.slice(4))}, ${r})`;

const fifth = (x, r = "r") => [
  "{",
  `let q := mulmod(${x}, ${x}, ${r})`,
  `${x} := mulmod(mulmod(q, q, ${r}), ${x}, ${r})`,
  "}",
];

const sboxes = (t, state = "state", r = "r") =>
  Array.from({ length: t }, (_, i) => [`let s${i} := mload(${at(state, i)})`, ...fifth(`s${i}`, r)]).flat();

const mixRow = (row, r) => row.map((k, j) => product(`s${j}`, k, r));

function body(p) {
  const { t, n } = p;
  const lines = [];
  const put = (...more) => lines.push(...more);

  put("let state := mload(0x40)", `let k := add(state, ${32 * t})`);
  p.table.forEach((c, i) => put(`mstore(${at("k", i)}, ${hex(c)})`));
  put("// Round 0's constants; the capacity element is zero.");
  put(`mstore(state, ${hex(p.first[0])})`);
  for (let i = 1; i < t; ++i) put(`mstore(${at("state", i)}, add(calldataload(${4 + 32 * (i - 1)}), ${hex(p.first[i])}))`);

  put("", "// One full round, then the next one's constants. Writes values below r.");
  put("function full(words, constants, modulus) {");
  put(...sboxes(t, "words", "modulus"));
  p.m.forEach((row, i) => {
    const terms = [...mixRow(row, "modulus"), `mload(${at("constants", i)})`];
    put(`mstore(${at("words", i)}, ${sum(terms, "modulus")})`);
  });
  put("}");
  const three = (end) => {
    put(`for { let end := ${end} } lt(k, end) { k := ${at("k", t)} } {`, "full(state, k, r)", "}");
  };
  three(at("k", 3 * t));

  put("", "// The last full round of the first half goes straight into the basis of the recurrence.");
  const zs = Array.from({ length: n }, (_, i) => `z${i + 1}`);
  put("{");
  put(...sboxes(t));
  p.entry.forEach((row, i) => put(`mstore(${at("state", i)}, ${sum(mixRow(row))})`));
  put("}");
  put("{");
  ["y", ...zs].forEach((name, i) => put(`let ${name} := mload(${at("state", i)})`));
  put("", `// ${PARTIAL} partial rounds, ${UNROLL} a turn.`);
  put(`for { let end := ${at("k", PARTIAL)} } lt(k, end) { k := ${at("k", UNROLL)} } {`);
  for (let u = 0; u < UNROLL; ++u) {
    put("{", `let s := add(y, mload(${at("k", u)}))`, ...fifth("s"));
    put(`y := add(${product("s", p.a)}, z1)`);
    zs.forEach((z, i) => {
      const pair = `add(${product("s", p.f[i])}, ${product("y", p.b[i])})`;
      const next = zs[i + 1];
      // Bounds in multiples of r, from the last z up: see the table in the contract's notes.
      put(`${z} := ${!next ? pair : p.reduce.includes(i + 1) ? `addmod(${pair}, ${next}, r)` : `add(${pair}, ${next})`}`);
    });
    put("}");
  }
  put("}");

  put("", "// Back into Poseidon's basis, with the constants of the next full round.");
  put(`mstore(state, addmod(y, ${hex(p.leave[0])}, r))`);
  p.T.forEach((row, i) => {
    put(`mstore(${at("state", i + 1)}, ${sum([...row.map((x, j) => product(zs[j], x)), hex(p.leave[i + 1])])})`);
  });
  put("}");
  three(at("k", 3 * t));
  put("", "// Of the last round only element 0 is asked for.");
  put(...sboxes(t));
  put(`mstore(state, ${sum(mixRow(p.m[0]))})`, "return(state, 32)");
  return indented(lines, 3);
}

// Indents by the braces that are open at a line's start.
function indented(lines, depth) {
  return lines.map((text) => {
    const line = text.trim();
    const here = line.startsWith("}") ? depth - 1 : depth;
    depth += [...line].filter((c) => c === "{").length - [...line].filter((c) => c === "}").length;
    return line && "    ".repeat(here) + line;
  }).join("\n");
}

function hashFunction(inputs, reduce) {
  const p = { ...derive(inputs + 1), reduce };
  const check = `for (uint256 i = 0; i < ${inputs}; ++i) {
            if (input[i] >= R) revert NotInField(input[i]);
        }`;
  return `    /// @inheritdoc IPoseidon
    /// @dev The assembly returns by itself and reads the input at its fixed place, which keeps two words off the stack.
    function hash${inputs}(uint256[${inputs}] calldata input) external pure returns (uint256) {
        ${check}
        assembly ("memory-safe") {
            let r := R
${body(p)}
        }
    }
`;
}

const source = `// SPDX-License-Identifier: Apache-2.0 OR MIT
// Made by tools/poseidon.mjs from circomlib's constants. Do not edit: \`make contracts-generate\` makes it again.
pragma solidity 0.8.37;

import {IPoseidon} from "./IPoseidon.sol";

/// @title Poseidon over the scalar field of BN254, with circomlib's constants, for four and for five inputs
/// @notice Keeps no state and calls nothing. The rollup pins its code hash and tests its answers.
/// @dev Eight full and ${PARTIAL} partial rounds. The partial rounds run as a linear recurrence, derived in tools/poseidon.mjs:
///
///     y' = a·s + z1,   z_i' = f_i·s + b_i·y' + z_(i+1),   s = (y + c)^5
///
/// Additions are reduced only where a sum could pass 2^256, which is between 5·R and 6·R. Upper bounds, in multiples of R:
///
///              y   y + c   z1   z2   z3   z4   z5
///     hash4    4     5      3   1*    4    2         (* reduced)
///     hash5    2     3      1*   3    1*   4    2
contract Poseidon is IPoseidon {
    /// @dev Modulus of the scalar field.
    uint256 private constant R = ${r};

${hashFunction(4, [2])}
${hashFunction(5, [1, 3])}}
`;

const target = new URL("../src/Poseidon.sol", import.meta.url);
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== source) {
    console.error("src/Poseidon.sol is not what tools/poseidon.mjs makes: run `make contracts-generate`");
    process.exit(1);
  }
} else {
  writeFileSync(target, source);
}

// Writes test/vectors/*.json with circomlibjs, which shares no code with the contracts; with --check it compares instead.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";

const modules = process.env.MILLRACE_NODE_MODULES;
const load = async (path) => import(pathToFileURL(join(modules, "circomlibjs", path)));
const reference = await (await load("src/poseidon_reference.js")).default();
const fast = await (await load("src/poseidon_wasm.js")).buildPoseidon();
const version = JSON.parse(readFileSync(join(modules, "circomlibjs/package.json"))).version;

const r = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001n;
const hex = (x) => "0x" + x.toString(16).padStart(64, "0");
const hash = (inputs) => BigInt(fast.F.toString(fast(inputs)));
const judge = (inputs) => BigInt(reference.F.toString(reference(inputs)));

// Repeatable field elements.
let counter = 0;
const random = () => BigInt("0x" + createHash("sha512").update(`millrace vector ${counter++}`).digest("hex")) % r;

function poseidon() {
  const boundary = [0n, 1n, r - 1n, (r - 1n) / 2n, 1n << 253n];
  const of = (n) => {
    const cases = boundary.map((x) => Array(n).fill(x));
    for (let i = 0; i < n; ++i) for (const x of [1n, r - 1n]) cases.push(Array.from({ length: n }, (_, j) => (i === j ? x : 0n)));
    while (cases.length < 64) cases.push(Array.from({ length: n }, random));
    return cases.flatMap((inputs) => [...inputs, judge(inputs)]).map(hex);
  };
  return { hash4: of(4), hash5: of(5) };
}

// A 4-ary tree that stores only what differs from the empty one.
class Tree {
  constructor(depth, emptyLeaf) {
    this.depth = depth;
    this.empty = [emptyLeaf];
    for (let k = 0; k < depth; ++k) this.empty.push(hash(Array(4).fill(this.empty[k])));
    this.nodes = this.empty.map(() => new Map());
  }
  node(level, index) {
    return this.nodes[level].get(index) ?? this.empty[level];
  }
  set(index, leaf) {
    this.nodes[0].set(index, leaf);
    for (let level = 1; level <= this.depth; ++level) {
      index >>= 2;
      this.nodes[level].set(index, hash([0, 1, 2, 3].map((i) => this.node(level - 1, 4 * index + i))));
    }
  }
  root() {
    return this.node(this.depth, 0);
  }
  path(index) {
    const siblings = [];
    for (let level = 0; level < this.depth; ++level, index >>= 2) {
      for (let i = 0; i < 4; ++i) if (i !== (index & 3)) siblings.push(this.node(level, (index & ~3) + i));
    }
    return siblings;
  }
}

function exits() {
  const emptyBalances = new Tree(4, 0n);
  const emptyLeaf = hash([0n, 0n, 0n, 0n, emptyBalances.root()]);
  const accounts = new Tree(12, emptyLeaf);
  const genesis = accounts.root();
  // Account ids and, for each, token => balance. Owners are small addresses, so that tests can act for them.
  const plan = [
    [1, { 0: 10n ** 18n, 1: 5n }],
    [2, { 1: 1000n, 255: (1n << 120n) - 1n }],
    [3, { 2: 1n }],
    [64, { 0: 7n, 1: 77n }],
    [(1 << 24) - 1, { 3: 123456789n }],
  ];
  const leaves = plan.map(([id, balances]) => {
    const tree = new Tree(4, 0n);
    for (const [token, balance] of Object.entries(balances)) tree.set(Number(token), balance);
    const leaf = { id, owner: BigInt(0xa000000 + id), ax: random(), ay: random(), nonce: BigInt(id % 5), balances, tree };
    accounts.set(id, hash([leaf.owner, leaf.ax, leaf.ay, leaf.nonce, tree.root()]));
    return leaf;
  });
  const cases = leaves.flatMap(({ id, owner, ax, ay, nonce, balances, tree }) =>
    Object.entries(balances).map(([token, balance]) =>
      [BigInt(id), BigInt(token), owner, ax, ay, nonce, balance, ...tree.path(Number(token)), ...accounts.path(id)].map(hex)));
  return { emptyBalances: hex(emptyBalances.root()), emptyLeaf: hex(emptyLeaf), genesis: hex(genesis), root: hex(accounts.root()), exits: cases.flat() };
}

const files = { "poseidon.json": poseidon(), "exits.json": exits() };
for (const [name, content] of Object.entries(files)) {
  const target = new URL(`../test/vectors/${name}`, import.meta.url);
  const text = JSON.stringify({ madeBy: `tools/vectors.mjs with circomlibjs ${version}`, ...content }, null, 1) + "\n";
  if (!process.argv.includes("--check")) {
    writeFileSync(target, text);
  } else if (readFileSync(target, "utf8") !== text) {
    console.error(`test/vectors/${name} is not what tools/vectors.mjs makes: run \`make contracts-generate\``);
    process.exit(1);
  }
}
process.exit(0); // circomlibjs leaves worker threads behind

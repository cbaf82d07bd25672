// Makes the rollup's known answers: poseidon.json, trees.json, eddsa.json, batches.json, exits.json beside this file.
//     npm ci --prefix <folder with this package.json> && node make.mjs <that folder>/node_modules [--check]
// Hash, curve and signatures are circomlibjs' and zk-kit's, Keccak is js-sha3's; words, trees and rules are written here again from docs/spec/rollup.md, in
// the plainest way, so that they share nothing with host/rollup. --check compares with the committed files instead of writing them.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const modules = path.resolve(process.argv[2]);
const checking = process.argv[3] === "--check";
const here = path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(modules, "index.js"));
const version = (name) => JSON.parse(fs.readFileSync(path.join(modules, name, "package.json"))).version;
const { buildEddsa, buildPoseidonReference } = require("circomlibjs");
const zkkit = require("@zk-kit/eddsa-poseidon");
const { keccak256 } = require("js-sha3");

const r = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const reference = await buildPoseidonReference();
const eddsa = await buildEddsa();
const F = reference.F;
const big = (x) => BigInt(F.toString(x));
// the whole state after the permutation
const permute = (state) => reference(state.slice(1), state[0], state.length).map(big);
const hash = (inputs) => permute([0n, ...inputs])[0];

// Repeatable numbers: a chain of Keccak.
let chain = "millrace rollup vectors";
const random = (bound) => {
    chain = keccak256(chain);
    return BigInt("0x" + chain) % bound;
};

const provenance = {
    generator: "sim/vectors/rollup/make.mjs",
    versions: Object.fromEntries(["circomlibjs", "@zk-kit/eddsa-poseidon", "js-sha3"].map((name) => [name, version(name)])),
};
const plain = (key, value) => (typeof value === "bigint" ? value.toString() : value);
function emit(name, contents) {
    const file = path.join(here, name);
    const text = JSON.stringify({ provenance, ...contents }, plain, 1) + "\n";
    if (checking && fs.readFileSync(file, "utf8") !== text) throw new Error(`${name} is not what this generator makes`);
    if (!checking) fs.writeFileSync(file, text);
}

// ---- Poseidon
const edge = [0n, 1n, 2n, r - 1n, r - 2n, (r - 1n) / 2n, 1n << 128n, (1n << 253n) - 1n];
const permutations = [];
for (const width of [5, 6]) {
    for (const x of edge) permutations.push(Array(width).fill(x));
    for (let i = 0; i < 40; i++) permutations.push(Array.from({ length: width }, () => random(r)));
}
emit("poseidon.json", { permutations: permutations.map((state) => ({ in: state, out: permute(state) })) });

// ---- trees, in the plainest way: a map of leaves, hashed level by level
const ACCOUNT_DEPTH = 12, BALANCE_DEPTH = 4;
const emptyNodes = (leaf, depth) => {
    const nodes = [leaf];
    for (let i = 0; i < depth; i++) nodes.push(hash(Array(4).fill(nodes[i])));
    return nodes;
};
const emptyBalances = emptyNodes(0n, BALANCE_DEPTH);
const emptyLeaf = hash([0n, 0n, 0n, 0n, emptyBalances[BALANCE_DEPTH]]);
const emptyAccounts = emptyNodes(emptyLeaf, ACCOUNT_DEPTH);
// leaves: Map of index -> value. Gives the root and, for one index, its path.
function tree(leaves, empty, index = 0) {
    let level = new Map(leaves);
    const siblings = [];
    for (let depth = 0; depth < empty.length - 1; depth++) {
        const at = (i) => level.get(i) ?? empty[depth];
        const own = Math.floor(index / 4 ** depth);
        const first = own - (own % 4);
        siblings.push([0, 1, 2, 3].filter((i) => first + i !== own).map((i) => at(first + i)));
        const above = new Map();
        for (const i of level.keys()) {
            const parent = Math.floor(i / 4);
            if (!above.has(parent)) above.set(parent, hash([0, 1, 2, 3].map((j) => at(4 * parent + j))));
        }
        level = above;
    }
    return { root: level.get(0) ?? empty[empty.length - 1], siblings };
}
const leavesOf = (count, depth) => new Map(Array.from({ length: count }, () => [Number(random(BigInt(4 ** depth))), random(r)]));
emit("trees.json", {
    empty_balance_root: emptyBalances[BALANCE_DEPTH],
    empty_account_leaf: emptyLeaf,
    empty_account_root: emptyAccounts[ACCOUNT_DEPTH],
    balance_trees: [1, 5, 60].map((count) => {
        const leaves = leavesOf(count, BALANCE_DEPTH);
        const index = [...leaves.keys()][0];
        return { leaves: [...leaves], index, ...tree(leaves, emptyBalances, index) };
    }),
    account_trees: [1, 5, 60].map((count) => {
        const leaves = leavesOf(count, ACCOUNT_DEPTH);
        const index = [...leaves.keys()][0];
        return { leaves: [...leaves], index, ...tree(leaves, emptyAccounts, index) };
    }),
});

// ---- signatures
const seed = (i) => Buffer.from(keccak256(`key ${i}`), "hex");
const jub = eddsa.babyJub;
const point = (p) => p.map((c) => BigInt(jub.F.toString(c)));
const publicOf = (i) => point(eddsa.prv2pub(seed(i)));
function signWith(who, i, message) {
    if (who === "circomlibjs") {
        const { R8, S } = eddsa.signPoseidon(seed(i), jub.F.e(message));
        return { key: publicOf(i), message, r8: point(R8), s: BigInt(S) };
    }
    const { R8, S } = zkkit.signMessage(seed(i), message);
    return { key: zkkit.derivePublicKey(seed(i)).map(BigInt), message, r8: R8.map(BigInt), s: BigInt(S) };
}
const messages = [0n, 1n, r - 1n, ...Array.from({ length: 9 }, () => random(r))];
emit("eddsa.json", {
    signatures: ["circomlibjs", "@zk-kit/eddsa-poseidon"].flatMap((signer) =>
        messages.map((message, i) => ({ signer, ...signWith(signer, i, message) })),
    ),
});

// ---- batches
const CODES = ["noop", "deposit", "transfer", "withdraw", "full_exit", "set_key"];
const domain = { chain_id: 31337n, contract: 0x5fbdb2315678afecb367f032d93f642f64180aa3n };
const domainWord = (1n << 224n) + (domain.chain_id << 160n) + domain.contract;
const w0 = (op) => (BigInt(CODES.indexOf(op.op)) << 248n) + ((op.account ?? 0n) << 224n) + ((op.fee ?? 0n) << 128n) +
    (op.op === "set_key" ? op.key[0] & 1n : op.amount ?? 0n);
const w1 = (op) => (op.op === "set_key" ? op.key[1] : ((op.token ?? 0n) << 184n) + ((op.to ?? 0n) << 160n) + (op.address ?? 0n));

const state = new Map(); // id -> { owner, key, nonce, balances }
const account = (id) => {
    if (!state.has(id)) state.set(id, { owner: 0n, key: [0n, 0n], nonce: 0n, balances: new Map() });
    return state.get(id);
};
const balancesOf = (a, token = 0) => tree(a.balances, emptyBalances, token);
const leafOf = (a) => hash([a.owner, ...a.key, a.nonce, balancesOf(a).root]);
const stateTree = (id = 0) => tree(new Map([...state].map(([i, a]) => [Number(i), leafOf(a)])), emptyAccounts, id);
const move = (id, token, amount) => {
    const a = account(id);
    const sum = (a.balances.get(Number(token)) ?? 0n) + amount;
    if (sum < 0n) throw new Error("the generator overdraws");
    if (sum === 0n) a.balances.delete(Number(token));
    else a.balances.set(Number(token), sum);
};
const keyOf = new Map(); // id -> number of the secret key
function run(op, header) {
    if (op.op === "noop") return op;
    const a = account(op.account);
    if (op.op === "deposit") {
        if (a.owner === 0n) a.owner = op.address;
        move(op.account, op.token, op.amount);
    } else if (op.op === "full_exit") {
        op.amount = a.balances.get(Number(op.token)) ?? 0n;
        move(op.account, op.token, -op.amount);
    } else if (op.op === "set_key") {
        a.key = op.key;
        keyOf.set(op.account, op.secret);
    } else {
        const valid_until = header.time + 100n;
        const message = hash([domainWord, w0(op), w1(op), a.nonce, valid_until]);
        const { r8, s } = signWith(a.nonce % 2n === 0n ? "circomlibjs" : "@zk-kit/eddsa-poseidon", keyOf.get(op.account), message);
        op.authorisation = { nonce: a.nonce, valid_until, r8, s };
        move(op.account, op.token, -op.amount - op.fee);
        a.nonce += 1n;
        if (op.op === "transfer") move(op.to, op.token, op.amount);
    }
    return op;
}
const word32 = (x) => x.toString(16).padStart(64, "0");
const keccak = (hex) => BigInt("0x" + keccak256(Buffer.from(hex, "hex")));
const tag = Buffer.from("millrace rollup public data v001").toString("hex");
let number = 0n;
function batch(n, ops, fee_account) {
    const header = { number: ++number, time: 1_700_000_000n + 60n * number, fee_account, fee_tokens: [0n, 3n, 7n, 255n] };
    const old_root = stateTree().root;
    const done = ops.map((op) => run(op, header));
    while (done.length < n) done.push({ op: "noop" });
    for (const op of done) if (op.fee) move(fee_account, op.token, op.fee);
    const new_root = stateTree().root;
    const [t0, t1, t2, t3] = header.fee_tokens;
    const headerWord = header.time + (header.number << 64n) + (fee_account << 128n) + (t3 << 152n) + (t2 << 160n) + (t1 << 168n) + (t0 << 176n);
    const words = [domainWord, old_root, new_root, headerWord, ...done.flatMap((op) => [w0(op), w1(op)])];
    let sponge = [BigInt(words.length), 0n, 0n, 0n, 0n];
    for (let i = 0; i < words.length; i += 4) {
        for (let j = 0; j < 4; j++) sponge[j + 1] = (sponge[j + 1] + (words[i + j] ?? 0n)) % r;
        sponge = permute(sponge);
    }
    const p = sponge[1];
    const rho = keccak(tag + word32(BigInt(n)) + word32(p) + word32(keccak(words.map(word32).join("")))) % r;
    const y = words.reduceRight((sum, word) => (sum * rho + word) % r, 0n);
    return { size: n, domain, header, ops: done, words, p, rho, y };
}
const owner = (i) => BigInt("0x" + keccak256(`owner ${i}`).slice(0, 40));
const deposit = (id, token, amount) => ({ op: "deposit", account: id, token, amount, address: owner(id) });
const setKey = (id, secret) => ({ op: "set_key", account: id, secret, key: publicOf(secret) });
const transfer = (from, to, token, amount, fee) => ({ op: "transfer", account: from, to, token, amount, fee });
const withdraw = (from, token, amount, fee, who) => ({ op: "withdraw", account: from, token, amount, fee, address: owner(who) });
const exit = (id, token) => ({ op: "full_exit", account: id, token, address: owner(id) });
const batches = [
    batch(1, [deposit(1n, 0n, 10n ** 18n)], 0n),
    batch(1, [setKey(1n, 21)], 0n),
    batch(8, [deposit(2n, 7n, (1n << 119n) + 5n), setKey(2n, 22), deposit(0xffffffn, 3n, 77n), setKey(0xffffffn, 23), deposit(1n, 255n, 4000n)], 0n),
    batch(8, [transfer(1n, 2n, 0n, 5n * 10n ** 17n, 1000n), transfer(1n, 1n, 255n, 1n, 2n), withdraw(2n, 7n, 1n << 119n, 3n, 99),
        transfer(0xffffffn, 1n, 3n, 7n, 0n), transfer(2n, 0xffffffn, 7n, 2n, 0n), withdraw(1n, 0n, 1n, 1n, 1)], 1n),
    batch(1, [transfer(1n, 2n, 255n, 3n, 9n)], 2n),
    batch(8, [exit(2n, 0n), exit(2n, 1n), setKey(1n, 24), exit(0xffffffn, 3n)], 0n),
    batch(1, [{ op: "noop" }], 0n),
    batch(1, [withdraw(1n, 255n, 100n, 0n, 55)], 0n),
];
emit("batches.json", { batches, root: stateTree().root });
emit("exits.json", {
    root: stateTree().root,
    exits: [[1n, 0], [1n, 255], [2n, 255]].map(([id, token]) => {
        const a = account(id);
        return {
            account: id, token, owner: a.owner, key: a.key, nonce: a.nonce, balance: a.balances.get(token),
            balance_path: balancesOf(a, token).siblings, account_path: stateTree(Number(id)).siblings,
        };
    }),
});
console.log(`rollup vectors: ${checking ? "as committed" : "made"}`);
process.exit(0);

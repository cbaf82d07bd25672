// Compiles the test circuits and runs a small, repeatable ceremony over them. Called by make.sh:
//     node make.mjs <node_modules> <output folder>
// The ceremony's randomness is public (beacons), so that the files are the same on every machine. Never use such a key.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const [modules, out] = process.argv.slice(2).map((p) => path.resolve(p));
const here = path.dirname(new URL(import.meta.url).pathname);
const snarkjs = createRequire(path.join(modules, "index.js"))("snarkjs");
const circom = path.join(modules, "circom2", "cli.js");

const BEACON = "4d696c6c726163652074657374206365".padEnd(64, "0");
const POWER = 10;

const circuits = {
    tiny: { a: 3, b: 11 },
    private: { a: Array.from({ length: 12 }, (_, i) => i + 2), product: "6227020800" },
    many: { x: Array.from({ length: 24 }, (_, i) => String(10n ** BigInt(i + 40))), key: "123456789" },
    full: { x: "31415926535897932384626433832795028841971693993751" },
    bits: { a: 0x89abcdef, b: 0x01234567 },
};

// snarkjs' own command line, for files whose exact bytes a user of it would have
const cli = (...args) => execFileSync("node", [path.join(modules, "snarkjs", "build", "cli.cjs"), ...args], { cwd: out });
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const file = (name) => path.join(out, name);

async function ceremony() {
    const bn128 = await (await import(path.join(modules, "ffjavascript", "main.js"))).getCurveFromName("bn128");
    await snarkjs.powersOfTau.newAccumulator(bn128, POWER, file("pot0.ptau"));
    await snarkjs.powersOfTau.beacon(file("pot0.ptau"), file("pot1.ptau"), "test beacon", BEACON, 10);
    await snarkjs.powersOfTau.preparePhase2(file("pot1.ptau"), file("pot.ptau"));
}

async function circuit(name, input) {
    execFileSync("node", [circom, path.join(here, `${name}.circom`), "--r1cs", "--wasm", "-o", out], { stdio: "pipe" });
    fs.renameSync(file(`${name}_js/${name}.wasm`), file(`${name}.wasm`));
    fs.rmSync(file(`${name}_js`), { recursive: true });
    fs.writeFileSync(file(`${name}.input.json`), JSON.stringify(input, null, 1));
    await snarkjs.wtns.calculate(input, file(`${name}.wasm`), file(`${name}.wtns`));

    // name_dev: no contribution, gamma = delta. name: two contributions, one of them with a name.
    await snarkjs.zKey.newZKey(file(`${name}.r1cs`), file("pot.ptau"), file(`${name}_dev.zkey`));
    const first = await snarkjs.zKey.beacon(file(`${name}_dev.zkey`), file(`${name}_1.zkey`), "first", BEACON, 10);
    const second = await snarkjs.zKey.beacon(file(`${name}_1.zkey`), file(`${name}.zkey`), "", BEACON.slice(2), 10);
    fs.writeFileSync(file(`${name}.contributions.json`), JSON.stringify([hex(first), hex(second)]));
    fs.rmSync(file(`${name}_1.zkey`));

    const { proof, publicSignals } = await snarkjs.groth16.prove(file(`${name}.zkey`), file(`${name}.wtns`));
    fs.writeFileSync(file(`${name}.proof.json`), JSON.stringify(proof, null, 1));
    fs.writeFileSync(file(`${name}.public.json`), JSON.stringify(publicSignals, null, 1));
    const key = await snarkjs.zKey.exportVerificationKey(file(`${name}.zkey`));
    fs.writeFileSync(file(`${name}.vk.json`), JSON.stringify(key, null, 1));
    if (!(await snarkjs.groth16.verify(key, publicSignals, proof))) throw new Error(`${name}: snarkjs refuses its proof`);
}

fs.mkdirSync(out, { recursive: true });
await ceremony();
for (const [name, input] of Object.entries(circuits)) await circuit(name, input);

// What snarkjs' command line writes, byte for byte, and keys of other proof systems, which must be refused.
cli("zkey", "export", "verificationkey", "many.zkey", "many.cli.vk.json");
cli("groth16", "prove", "many.zkey", "many.wtns", "many.cli.proof.json", "many.cli.public.json");
cli("groth16", "prove", "private.zkey", "private.wtns", "private.cli.proof.json", "private.cli.public.json");
fs.writeFileSync(
    file("many.cli.calldata.txt"),
    cli("zkey", "export", "soliditycalldata", "many.cli.public.json", "many.cli.proof.json"),
);
await snarkjs.plonk.setup(file("tiny.r1cs"), file("pot.ptau"), file("tiny_plonk.zkey"));
await snarkjs.fflonk.setup(file("tiny.r1cs"), file("pot.ptau"), file("tiny_fflonk.zkey"));
for (const left of ["pot0.ptau", "pot1.ptau", "pot.ptau"]) fs.rmSync(file(left));
fs.writeFileSync(file("complete"), "");
process.exit(0);

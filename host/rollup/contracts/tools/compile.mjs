// Compiles src/ into compiled/*.json, which is what gets deployed and what Rust reads: nobody needs Node for that. With --check it compares instead, and
// looks at the code for what must not be in it. The settings are foundry.toml's; a forge test compares these files with the code that the tests run.
import { readFileSync, readdirSync, writeFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(join(process.env.MILLRACE_NODE_MODULES, "package.json"))("solc");
const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
const fail = (message) => {
  console.error(`contracts: ${message}`);
  process.exitCode = 1;
};

// viaIR: see foundry.toml on Poseidon. `code`: opcodes that the contract must not have.
const BANNED = { f0: "CREATE", f2: "CALLCODE", f4: "DELEGATECALL", f5: "CREATE2", ff: "SELFDESTRUCT" };
const STATELESS = { 31: "BALANCE", 54: "SLOAD", 55: "SSTORE", f1: "CALL", fa: "STATICCALL", a0: "LOG0", a1: "LOG1", a2: "LOG2", a3: "LOG3", a4: "LOG4" };
const contracts = [
  { name: "Rollup", viaIR: true, banned: BANNED },
  { name: "Poseidon", viaIR: false, banned: { ...BANNED, ...STATELESS } },
  // For a test in Rust of what src/ has inside; never deployed.
  { name: "Decoder", file: "test/mocks/Decoder.sol", out: "test/mocks", viaIR: true, banned: {} },
];

// Everything that changes state. None asks who calls, but where the comment says so.
const CHANGING = [
  "deposit", // anybody, with own tokens
  "exit", // anybody; pays the balance's owner
  "refund", // anybody; pays the deposit's owner
  "requestFullExit", // for the sender's own account
  "requestSetKey", // for the sender's own account
  "startExodus", // anybody
  "submit", // the proposer, or anybody when it is idle; needs a proof
  "withdraw", // the owner anywhere, anybody to the owner
];

function sourcesUnder(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? sourcesUnder(path) : path.endsWith(".sol") ? [path] : [];
    });
}

const sources = Object.fromEntries(sourcesUnder("src").map((path) => [path, { content: readFileSync(join(root, path), "utf8") }]));

/** Immutables by the number that solc has for them. */
function immutableNames(ast) {
  const contracts = ast.nodes.filter((node) => node.nodeType === "ContractDefinition");
  const variables = contracts.flatMap(({ nodes }) => nodes).filter(({ mutability }) => mutability === "immutable");
  return Object.fromEntries(variables.map(({ id, name }) => [id, name]));
}

function compile({ name, viaIR, file = `src/${name}.sol` }) {
  const wanted = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
  const answer = JSON.parse(solc.compile(JSON.stringify({
    language: "Solidity",
    sources: { ...sources, [file]: { content: readFileSync(join(root, file), "utf8") } },
    settings: {
      optimizer: { enabled: true, runs: 1_000_000 },
      evmVersion: "shanghai",
      viaIR,
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { [file]: { "": ["ast"], [name]: wanted } },
    },
  })));
  const errors = (answer.errors ?? []).filter((error) => error.severity !== "info");
  if (errors.length) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  const { abi, evm } = answer.contracts[file][name];
  const places = evm.deployedBytecode.immutableReferences ?? {};
  const names = immutableNames(answer.sources[file].ast);
  const immutables = Object.entries(places).map(([id, at]) => [names[id], at.map(({ start }) => start).sort((a, b) => a - b)]);
  return {
    contract: name,
    compiler: solc.version(),
    // Where the constructor writes which immutable into the runtime code, as byte offsets of 32-byte words, which are zero here.
    immutables: Object.fromEntries(immutables.sort(([a], [b]) => (a < b ? -1 : 1))),
    abi,
    bytecode: "0x" + evm.bytecode.object,
    runtime: "0x" + evm.deployedBytecode.object,
  };
}

/** Opcodes of a runtime code, without what PUSH carries. */
function opcodes(code) {
  const seen = new Set();
  for (let at = 2; at < code.length; at += 2) {
    const op = code.slice(at, at + 2);
    const value = parseInt(op, 16);
    seen.add(op);
    if (value >= 0x60 && value <= 0x7f) at += 2 * (value - 0x5f);
  }
  return seen;
}

/** One line an ABI entry, so that a diff shows which function changed. */
function text(made) {
  const lines = Object.entries(made).map(([key, value]) => {
    const plain = key === "abi" ? `[\n  ${value.map((entry) => JSON.stringify(entry)).join(",\n  ")}\n ]` : JSON.stringify(value);
    return ` "${key}": ${plain}`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

for (const contract of contracts) {
  const made = compile(contract);
  const path = `${contract.out ?? "compiled"}/${contract.name}.json`;
  const file = join(root, path);
  if (!check) {
    mkdirSync(join(root, "compiled"), { recursive: true });
    writeFileSync(file, text(made));
  } else if (readFileSync(file, "utf8") !== text(made)) {
    fail(`${path} is not what src/ compiles to: run \`make contracts-generate\``);
  }
  const ops = opcodes(made.runtime);
  for (const [op, word] of Object.entries(contract.banned)) if (ops.has(op)) fail(`${contract.name} has a ${word}`);
  const bytes = made.runtime.length / 2 - 1;
  if (bytes > 24_576) fail(`${contract.name} has ${bytes} bytes of code, the EVM takes 24,576`);
  if (contract.name === "Rollup") {
    const changing = made.abi.filter((entry) => entry.type === "function" && !["view", "pure"].includes(entry.stateMutability)).map((entry) => entry.name);
    if (changing.sort().join() !== CHANGING.join()) fail(`state is changed by ${changing}, expected ${CHANGING}`);
    for (const type of ["receive", "fallback"]) if (made.abi.some((entry) => entry.type === type)) fail(`Rollup has a ${type} function`);
  }
  const banned = Object.values(contract.banned).join(", ");
  console.log(`contracts: ${contract.name} ${bytes} bytes of code${banned && `, no ${banned}`}`);
}
// A function that a heir may replace, or a way from src/ to the tests' mocks, would let code be deployed that skips a check.
for (const [path, { content }] of Object.entries(sources)) {
  if (/\bvirtual\b|\babstract\b/.test(content.replace(/\/\/.*$/gm, ""))) fail(`${path} has something virtual`);
  if (/import[^;]*test\//.test(content)) fail(`${path} imports from test/`);
}

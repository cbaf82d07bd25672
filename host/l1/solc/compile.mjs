// Runs the JavaScript build of solc once: node compile.mjs SOLJSON.js INPUT.json OUTPUT.json
// Input and output are Solidity's standard JSON. Files rather than pipes: long output through a pipe was cut short. The compiler's one file is loaded and nothing of its
// package: the caller has compared that file's hash.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [soljson, inputFile, outputFile] = process.argv.slice(2);
const solc = createRequire(import.meta.url)(soljson);
const compile = solc.cwrap("solidity_compile", "string", ["string", "number", "number"]);
const output = JSON.parse(compile(readFileSync(inputFile, "utf8"), 0, 0));
output.compilerVersion = solc.cwrap("solidity_version", "string", [])();
writeFileSync(outputFile, JSON.stringify(output));

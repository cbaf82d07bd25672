// Runs the JavaScript build of solc once: node compile.mjs SOLC_FOLDER INPUT.json OUTPUT.json
// Input and output are Solidity's standard JSON. Files rather than pipes: long output through a pipe was cut short.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [solcFolder, inputFile, outputFile] = process.argv.slice(2);
const solc = createRequire(join(solcFolder, "package.json"))(solcFolder);
const output = JSON.parse(solc.compile(readFileSync(inputFile, "utf8")));
output.compilerVersion = solc.version();
writeFileSync(outputFile, JSON.stringify(output));

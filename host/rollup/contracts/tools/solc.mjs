// Answers the two calls that forge makes to a native solc: `--version`, and `--standard-json` with the request on standard input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = process.env.MILLRACE_NODE_MODULES;
if (!modules) {
  console.error("MILLRACE_NODE_MODULES is not set: run this through make");
  process.exit(1);
}
const solc = createRequire(join(modules, "package.json"))("solc");

// forge parses the version of a native build and does not know the JavaScript one's platform name.
if (process.argv.includes("--version")) {
  console.log("solc, the solidity compiler commandline interface");
  console.log(`Version: ${solc.version().replace("Emscripten.clang", "Linux.g++")}`);
} else if (process.argv.includes("--standard-json")) {
  // No process.exit here: it would cut what a pipe has not taken yet.
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error(`expected --version or --standard-json, got ${process.argv.slice(2).join(" ")}`);
  process.exit(1);
}

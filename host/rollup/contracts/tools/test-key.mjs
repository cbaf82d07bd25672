// Writes test/verifier/verification_key.json: a Groth16 key with three public inputs whose trapdoor is written here, so that tests can make a proof
// for any inputs (test/utils/ForgedProver.sol). `make contracts-generate` makes the Solidity verifier from it, as from any key.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.MILLRACE_NODE_MODULES, "package.json"));
const { getCurveFromName } = require("ffjavascript");
const curve = await getCurveFromName("bn128", true);

const trapdoor = { alpha: 11n, beta: 13n, gamma: 17n, delta: 19n, ic: [23n, 29n, 31n, 37n] };
const point = (group, scalar) => {
  const words = group.toObject(group.toAffine(group.timesScalar(group.g, scalar)));
  return JSON.parse(JSON.stringify(words, (_, x) => (typeof x === "bigint" ? x.toString() : x)));
};

const key = {
  protocol: "groth16",
  curve: "bn128",
  nPublic: trapdoor.ic.length - 1,
  vk_alpha_1: point(curve.G1, trapdoor.alpha),
  vk_beta_2: point(curve.G2, trapdoor.beta),
  vk_gamma_2: point(curve.G2, trapdoor.gamma),
  vk_delta_2: point(curve.G2, trapdoor.delta),
  IC: trapdoor.ic.map((scalar) => point(curve.G1, scalar)),
};
writeFileSync(new URL("../test/verifier/verification_key.json", import.meta.url), JSON.stringify(key, null, 1) + "\n");

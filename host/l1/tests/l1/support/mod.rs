//! Keys and proofs for the tests, made by arkworks; and what to do when a tool is not installed.

pub(crate) mod anvil;
pub(crate) mod http;

use std::collections::BTreeMap;
use std::sync::Mutex;

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_snark::SNARK;
use ark_std::rand::{SeedableRng, rngs::StdRng};
use millrace_bn254::FrCanonical;
use millrace_groth16::Proof;
use millrace_l1::solidity::{ExportOptions, export};
use millrace_l1::{VerifierKey, VerifyCall, solc};

/// Knows a square root of every public input.
struct Squares {
    roots: Vec<Fr>,
}

impl ConstraintSynthesizer<Fr> for Squares {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let lc = |variable: Variable| LinearCombination::from(variable);
        for root in self.roots {
            let square = cs.new_input_variable(|| Ok(root * root))?;
            let root = cs.new_witness_variable(|| Ok(root))?;
            cs.enforce_r1cs_constraint(|| lc(root), || lc(root), || lc(square))?;
        }
        Ok(())
    }
}

/// A key and one accepted proof under it.
pub(crate) struct Fixture {
    pub(crate) key: VerifierKey,
    pub(crate) proof: Proof,
    pub(crate) input: Vec<FrCanonical>,
}

impl Fixture {
    /// A circuit with this many public inputs; equal arguments give equal fixtures.
    pub(crate) fn new(inputs: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let roots: Vec<Fr> = (0..inputs).map(|_| Fr::rand(&mut rng)).collect();
        let input = roots.iter().map(|root| FrCanonical::from(root * root)).collect();
        let circuit = || Squares { roots: roots.clone() };
        let (pk, vk) = Groth16::<Bn254>::circuit_specific_setup(circuit(), &mut rng).expect("setup");
        let proof = Groth16::<Bn254>::prove(&pk, circuit(), &mut rng).expect("proof");
        Self {
            key: VerifierKey {
                alpha: vk.alpha_g1,
                beta: vk.beta_g2,
                gamma: vk.gamma_g2,
                delta: vk.delta_g2,
                ic: vk.gamma_abc_g1,
            },
            proof: Proof { a: proof.a, b: proof.b, c: proof.c },
            input,
        }
    }

    /// The call that a verifier of [`Self::key`] accepts.
    pub(crate) fn call(&self) -> VerifyCall {
        VerifyCall::new(&self.proof, &self.input)
    }

    pub(crate) fn source(&self) -> String {
        export(&self.key, &ExportOptions { name: "Verifier", contributions: Some(1), allow_dev: false })
            .expect("a fresh key is a good key")
    }
}

/// Compiles the contract `Verifier`, each source once; `None`, with the reason printed, where the compiler is not installed.
pub(crate) fn compile(source: &str) -> Option<solc::Compiled> {
    static DONE: Mutex<BTreeMap<String, solc::Compiled>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().expect("no test panics while it compiles");
    if let Some(compiled) = done.get(source) {
        return Some(compiled.clone());
    }
    match solc::compile(source, "Verifier") {
        Ok(compiled) => {
            done.insert(source.to_owned(), compiled.clone());
            Some(compiled)
        }
        Err(missing @ (solc::CompileError::SolcMissing { .. } | solc::CompileError::Node(_))) => {
            println!("skipped: {missing}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

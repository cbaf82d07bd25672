//! The committed code of the contracts (`host/rollup/contracts/compiled`), as it is deployed and as it lies on a chain afterwards.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;
use serde::Deserialize;

use super::abi::IRollup;

/// A compiled contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The compiler's own version text.
    pub compiler: String,
    /// What a deploying transaction carries, before the constructor's arguments.
    pub bytecode: Vec<u8>,
    /// What lies on the chain, with zeros where the immutables are.
    pub runtime: Vec<u8>,
    /// For each immutable, the byte offsets of the 32-byte words that hold it.
    pub immutables: BTreeMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
struct File {
    compiler: String,
    bytecode: String,
    runtime: String,
    #[serde(default)]
    immutables: BTreeMap<String, Vec<usize>>,
}

impl Contract {
    /// A file as `tools/compile.mjs` writes it: `compiler`, `bytecode` and `runtime` in hexadecimal, `immutables` by name.
    ///
    /// # Panics
    /// If it is no such file: only committed ones are read.
    pub fn from_json(json: &str) -> Self {
        let file: File = serde_json::from_str(json).expect("a committed contract");
        let code = |hex: &str| alloy_primitives::hex::decode(hex).expect("committed code is hexadecimal");
        let (bytecode, runtime) = (code(&file.bytecode), code(&file.runtime));
        Self { compiler: file.compiler, bytecode, runtime, immutables: file.immutables }
    }

    /// The words at the places of the immutables in code that has the committed length; of an immutable with several places all must be equal.
    pub fn read_immutables(&self, code: &[u8]) -> Option<BTreeMap<&str, U256>> {
        if code.len() != self.runtime.len() {
            return None;
        }
        let read = |at: &usize| U256::from_be_slice(&code[*at..*at + 32]);
        self.immutables
            .iter()
            .map(|(name, places)| {
                let mut words = places.iter().map(read);
                let first = words.next()?;
                words.all(|word| word == first).then_some((name.as_str(), first))
            })
            .collect()
    }

    /// The code that lies on a chain where the immutables have these values; those that are not named stay 0.
    pub fn with_immutables(&self, values: &BTreeMap<&str, U256>) -> Vec<u8> {
        let mut code = self.runtime.clone();
        for (name, places) in &self.immutables {
            let word = values.get(name.as_str()).copied().unwrap_or_default().to_be_bytes::<32>();
            places.iter().for_each(|at| code[*at..*at + 32].copy_from_slice(&word));
        }
        code
    }
}

/// `Rollup`.
pub static ROLLUP: LazyLock<Contract> =
    LazyLock::new(|| Contract::from_json(include_str!("../../../rollup/contracts/compiled/Rollup.json")));

/// `Poseidon`.
pub static POSEIDON: LazyLock<Contract> =
    LazyLock::new(|| Contract::from_json(include_str!("../../../rollup/contracts/compiled/Poseidon.json")));

/// What the constructor of `Rollup` takes.
#[derive(Clone)]
pub struct Deployment {
    /// Who alone may submit while it does so daily.
    pub proposer: Address,
    /// The Poseidon contract.
    pub poseidon: Address,
    /// Fee of a queue entry.
    pub base_fee_gwei: u64,
    /// ERC-20 contracts: tokens 1, 2, …
    pub tokens: Vec<Address>,
    /// One to three, sizes rising.
    pub setups: Vec<IRollup::Setup>,
}

impl Deployment {
    /// What a deploying transaction carries.
    pub fn creation_code(&self) -> Vec<u8> {
        let arguments = (
            self.proposer,
            self.poseidon,
            U256::from(self.base_fee_gwei),
            self.tokens.clone(),
            self.setups.clone(),
        );
        let mut code = ROLLUP.bytecode.clone();
        code.extend(arguments.abi_encode_params());
        code
    }
}

/// `setupHash` of a deployment: for each setup its size, the hash of its verifying key, and the hash of its verifier's code.
pub fn setup_hash(setups: impl IntoIterator<Item = (U256, B256, B256)>) -> B256 {
    setups.into_iter().fold(B256::ZERO, |chain, (size, key, code)| {
        alloy_primitives::keccak256((chain, size, key, code).abi_encode())
    })
}

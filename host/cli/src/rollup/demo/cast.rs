//! Who plays, and what everybody must have in the end.

use millrace_l1::{Address, U256, keccak256};
use millrace_state::eddsa::SecretKey;

use crate::rollup::place::decimal;

/// One of the cast.
#[derive(Clone, Copy)]
pub(super) struct Person {
    /// Name.
    pub(super) name: &'static str,
    /// L1 account: owns the account in the rollup.
    pub(super) address: Address,
    /// Where everything goes in the end; used for nothing else.
    pub(super) wallet: Address,
}

fn derived(name: &str, what: &str) -> [u8; 32] {
    keccak256(format!("millrace demonstration {name} {what}")).0
}

fn person(name: &'static str) -> Person {
    let address = |what| Address::from_slice(&derived(name, what)[12..]);
    Person { name, address: address("account"), wallet: address("wallet") }
}

impl Person {
    /// The key that signs in the rollup.
    pub(super) fn key(&self) -> SecretKey {
        SecretKey::from_seed(&derived(self.name, "key"))
    }
}

/// The operator, who is a user as well, and the others.
pub(super) fn everybody() -> [Person; 5] {
    ["the operator", "Alice", "Bob", "Carol", "Dave"].map(person)
}

/// Thousandths of a coin or token, in smallest units: both have 18 decimals.
pub(super) fn milli(thousandths: u64) -> u128 {
    u128::from(thousandths) * 10u128.pow(15)
}

/// The same as a word.
pub(super) fn units(thousandths: u64) -> U256 {
    U256::from(milli(thousandths))
}

/// Symbols of tokens 0 and 1.
pub(super) const SYMBOLS: [&str; 2] = ["ETH", "TOK"];

/// An amount with its symbol.
pub(super) fn shown(token: usize, amount: U256) -> String {
    format!("{} {}", decimal(amount), SYMBOLS[token])
}

/// Fee of a queue entry in gwei: 0.0001 ETH.
pub(super) const BASE_FEE_GWEI: u64 = 100_000;

/// What arrives in each wallet in the end, of both tokens, in ten-thousandths. Written down from the story and not computed by what it judges.
///
/// | | ETH | TOK |
/// |---|---|---|
/// | the operator | deposit 0.1 + fees of two ops 0.002 + 7 processed queue entries | |
/// | Alice | 3 − 1 to Bob − 0.002 of fees, and one refunded fee | 120 from Carol |
/// | Bob | 2 + 1 from Alice by forced exit; 1 and its fee refunded | |
/// | Carol | one refunded fee | 500 − 120 to Alice + 50 refunded |
/// | Dave | 0.25 and its fee refunded | |
pub(super) const IN_THE_END: [[u64; 2]; 5] =
    [[1_027, 0], [19_981, 1_200_000], [40_001, 0], [1, 4_300_000], [2_501, 0]];

/// What Carol gives to the contract by mistake.
pub(super) const DONATED_MILLI: u64 = 7_000;

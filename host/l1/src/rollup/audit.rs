//! A deployed contract beside the one that its sources compile to: its code with its immutables filled in, Poseidon's, its verifiers', and what follows from them.
//!
//! Values are read out of the code itself, at the places where the compiler put them, not asked of a contract that might lie. Storage begins as the committed constructor
//! leaves it, if that constructor made the contract, and changes as the committed code lets it; the sums and times in it are asked for. What strangers' contracts
//! (tokens, unknown verifiers) do not answer is a line like any other.

mod creation;
mod money;
mod setups;
mod sources;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use thiserror::Error;

use super::compiled::{Contract, POSEIDON, ROLLUP};
use super::source::Rebuilt;
use crate::chain::{Block, BlockTag, Chain, view};
use crate::rpc::SubmitError;

/// What came of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Same,
    /// Not as it must be.
    Differs,
    /// Nothing to compare with; shown for the reader to judge.
    Shown,
    /// It could be compared, with something that was not given.
    NotCompared,
}

/// One line of an audit.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was looked at.
    pub what: String,
    /// What is there.
    pub found: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, or what to do.
    pub note: String,
}

/// A verifier that somebody knows the key of.
#[derive(Clone, Debug)]
pub struct KnownVerifier {
    /// What to call it.
    pub name: String,
    /// Hash of its verifying key, computed from the key.
    pub key_hash: B256,
    /// Its code, compiled from the contract that the key gives.
    pub runtime: Vec<u8>,
    /// Whether proofs under the key can be forged.
    pub dev: bool,
}

/// What came of the contracts' sources.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// The auditor wants no compiler, and takes the committed code for what it is.
    #[default]
    Committed,
    /// They were to be compiled, and could not be.
    NotCompiled {
        /// Why.
        why: String,
    },
    /// The compiler refuses them.
    Refused {
        /// Its words.
        why: String,
    },
    /// What they compile to, now.
    Compiled(Box<Rebuilt>),
}

/// What the auditor knows beforehand.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// What the code is compared with.
    pub source: Source,
    /// Verifiers that the contract may have; empty where nothing is expected.
    pub verifiers: Vec<KnownVerifier>,
    /// Others that are recognised.
    pub recognised: Vec<KnownVerifier>,
    /// The proposer.
    pub proposer: Option<Address>,
    /// The whole token list, without the native coin.
    pub tokens: Option<Vec<Address>>,
    /// The transaction that made the contract; searched where it is not named.
    pub deployment: Option<B256>,
}

/// An audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The contract.
    pub contract: Address,
    /// Its chain.
    pub chain_id: u64,
    /// The block looked at.
    pub block: Block,
    /// The lines.
    pub rows: Vec<Row>,
    /// Whether any key is known, or says, to be one for development.
    pub dev: bool,
}

impl Audit {
    /// How many lines have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    fn row(&mut self, what: impl Into<String>, found: impl Into<String>, verdict: Verdict, note: &str) {
        self.rows.push(Row { what: what.into(), found: found.into(), verdict, note: note.to_owned() });
    }

    fn compare(&mut self, what: impl Into<String>, found: impl Into<String>, same: bool, note: &str) {
        let (verdict, note) = if same { (Verdict::Same, "") } else { (Verdict::Differs, note) };
        self.row(what, found, verdict, note);
    }
}

/// Why there is no audit.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The node failed or refused.
    #[error(transparent)]
    Node(#[from] SubmitError),
    /// Nothing is there.
    #[error("no contract at {contract} on chain {chain_id} in block {block}")]
    NoCode {
        /// The address.
        contract: Address,
        /// The chain.
        chain_id: u64,
        /// The block looked at.
        block: u64,
    },
}

/// Compares a deployed contract with what its sources compile to, and with the committed code where they are not compiled.
///
/// # Errors
/// [`AuditError`]; a contract that is not what it should be is a line of the audit.
pub fn audit(
    chain: &mut dyn Chain,
    contract: Address,
    tag: BlockTag,
    expected: &Expected,
) -> Result<Audit, AuditError> {
    let (chain_id, block) = (chain.chain_id()?, chain.block(tag)?);
    let code = chain.code(contract, &block)?;
    if code.is_empty() {
        return Err(AuditError::NoCode { contract, chain_id, block: block.number });
    }
    let mut audit = Audit { contract, chain_id, block, rows: Vec::new(), dev: false };
    let sources_fit = sources::row(&mut audit, &expected.source);
    let (rollup, poseidon) = match &expected.source {
        Source::Compiled(rebuilt) => (&rebuilt.rollup, &rebuilt.poseidon),
        Source::Committed | Source::NotCompiled { .. } | Source::Refused { .. } => (&*ROLLUP, &*POSEIDON),
    };
    let values = immutables(&mut audit, &code, rollup);
    let Some(values) = values.filter(|_| sources_fit) else {
        let note = match sources_fit {
            true => "the code is another contract's: whatever it says of itself proves nothing",
            false => "this build knows what the contract says of itself only where it has the same sources",
        };
        audit.row("everything else", "not looked at", Verdict::NotCompared, note);
        return Ok(audit);
    };
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let address = |name: &str| address_of(value(name));

    match expected.proposer {
        Some(proposer) => {
            let found = address("proposer").to_string();
            audit.compare(
                "proposer",
                found,
                value("proposer") == word_of(proposer),
                "another one was expected",
            );
        }
        None => audit.row(
            "proposer",
            address("proposer").to_string(),
            Verdict::Shown,
            "may submit; has no other right, and cannot be changed",
        ),
    }
    let code = chain.code(address("poseidon"), &block)?;
    let same = code[..] == poseidon.runtime[..];
    audit.compare("code of Poseidon", hash(&code), same, "exits could be blocked or forged");
    let tokens = creation::row(&mut audit, chain, &values, expected)?;
    setups::rows(&mut audit, chain, &values, expected)?;
    money::rows(&mut audit, chain, &values, expected, tokens.as_deref())?;
    Ok(audit)
}

/// Compares the contract's code; the immutables in it, where it is that code.
fn immutables<'a>(audit: &mut Audit, code: &[u8], contract: &'a Contract) -> Option<BTreeMap<&'a str, U256>> {
    let values = contract.read_immutables(code);
    let rebuilt = values.as_ref().map(|values| contract.with_immutables(values));
    if rebuilt.as_deref() == Some(code) {
        let note = "byte for byte, with the immutables below";
        audit.row("code of Rollup", hash(code), Verdict::Same, note);
        let clocks = "proposer 24 h, outsiders 10 min, queue 24 h, exodus 7 days";
        audit.row("clocks", clocks, Verdict::Same, "constants of that code");
        return values;
    }
    let note = match rebuilt {
        Some(rebuilt) => {
            let at = rebuilt.iter().zip(code).position(|(a, b)| a != b).unwrap_or_default();
            format!("byte {at} is not the code's that it should be")
        }
        None => format!(
            "{} bytes where {} should be, or immutables that contradict each other",
            code.len(),
            contract.runtime.len()
        ),
    };
    audit.row("code of Rollup", hash(code), Verdict::Differs, &note);
    None
}

/// Asks a contract that may be anybody's; `None` where it reverts, or answers something else.
fn ask<C: alloy_sol_types::SolCall>(
    chain: &mut dyn Chain,
    contract: Address,
    call: C,
    at: &Block,
) -> Result<Option<C::Return>, SubmitError> {
    match view(chain, contract, call, at) {
        Ok(answer) => Ok(Some(answer)),
        Err(SubmitError::Reverted { .. } | SubmitError::BadAnswer { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash(code: &[u8]) -> String {
    keccak256(code).to_string()
}

fn word_of(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

fn address_of(word: U256) -> Address {
    Address::from_word(B256::from(word))
}

#[cfg(test)]
mod tests {
    /// What the line on clocks says stands in the source that is committed.
    #[test]
    fn clocks_are_those_of_the_source() {
        let source = include_str!("../../../rollup/contracts/src/Rollup.sol");
        for clock in [
            "PROPOSER_IDLE_SECONDS = 24 hours;",
            "OUTSIDER_SPACING_SECONDS = 10 minutes;",
            "OVERDUE_SECONDS = 24 hours;",
            "EXODUS_SECONDS = 7 days;",
        ] {
            assert!(source.contains(clock), "{clock}");
        }
    }
}

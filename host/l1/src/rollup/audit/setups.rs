//! The verifiers of a contract, and what it says of them.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256, keccak256};

use super::{Audit, Expected, KnownVerifier, Verdict, address_of, ask, hash};
use crate::chain::Chain;
use crate::rollup::abi::IVerifier::{IS_DEV_SETUPCall, VERIFYING_KEY_HASHCall};
use crate::rollup::compiled::setup_hash;
use crate::rpc::SubmitError;

/// Adds a line for each verifier, and for what the contract fixed about all of them.
pub(super) fn rows(
    audit: &mut Audit,
    chain: &mut dyn Chain,
    values: &BTreeMap<&str, U256>,
    expected: &Expected,
) -> Result<(), SubmitError> {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let block = audit.block;
    let places = [("SIZE_A", "VERIFIER_A"), ("SIZE_B", "VERIFIER_B"), ("SIZE_C", "VERIFIER_C")];
    let setups: Vec<_> = places.map(|(size, verifier)| (value(size), value(verifier))).to_vec();
    let used: Vec<_> = setups.iter().copied().take_while(|(size, _)| !size.is_zero()).collect();
    let rising = used.is_sorted_by(|(a, _), (b, _)| a < b);
    let rest_is_zero = setups[used.len()..].iter().all(|setup| *setup == (U256::ZERO, U256::ZERO));
    let largest = used.last().map_or(U256::ZERO, |(size, _)| *size);
    let sizes = used.iter().map(|(size, _)| size.to_string()).collect::<Vec<_>>().join(", ");
    let consistent = rising && rest_is_zero && !used.is_empty() && largest == value("LARGEST_SIZE");
    audit.compare("batch sizes", format!("{sizes} ops"), consistent, "no constructor leaves such sizes");

    let (mut chained, mut dev) = (Vec::new(), false);
    for (size, verifier) in used {
        let verifier = address_of(verifier);
        let code = chain.code(verifier, &block)?;
        let what = format!("verifier of {size} ops");
        let known = expected.verifiers.iter().chain(&expected.recognised);
        let known = known.clone().find(|known| known.runtime[..] == code[..]);
        let expected =
            expected.verifiers.is_empty() || known.is_some_and(|known| is_expected(expected, known));
        let key_hash = match known {
            Some(known) => Some(known.key_hash),
            None => ask(chain, verifier, VERIFYING_KEY_HASHCall {}, &block)?,
        };
        let (verdict, note) = match known {
            Some(known) if expected => (Verdict::Same, format!("compiled from {}", known.name)),
            Some(known) => (Verdict::Differs, format!("another key was expected, this is {}", known.name)),
            None if expected => {
                let note = "give its key with --key: without it nobody knows what it accepts";
                (Verdict::NotCompared, note.to_owned())
            }
            None => (Verdict::Differs, "not what any --key compiles to".to_owned()),
        };
        audit.row(what, hash(&code), verdict, &note);
        match key_hash {
            Some(hash) => audit.row("  its key's hash", hash.to_string(), Verdict::Shown, ""),
            None => {
                audit.row("  its key's hash", "no answer", Verdict::Differs, "it is none of our verifiers")
            }
        }
        dev |= match known {
            Some(known) => known.dev,
            // What does not deny it is taken for one.
            None => ask(chain, verifier, IS_DEV_SETUPCall {}, &block)?.unwrap_or(true),
        };
        chained.push((size, key_hash.unwrap_or_default(), keccak256(&code)));
    }
    let found = B256::from(value("setupHash"));
    let same = found == setup_hash(chained);
    audit.compare("setupHash", found.to_string(), same, "not the chain over these sizes, keys and codes");
    let says = !value("isDevSetup").is_zero();
    let note = "the contract says otherwise than its keys";
    audit.compare("isDevSetup", says.to_string(), says == dev, note);
    audit.dev = says || dev;
    if audit.dev {
        let note = "whoever knows how the key was made can take everything";
        audit.row("development key", "YES: PROOFS CAN BE FORGED", Verdict::Shown, note);
    }
    Ok(())
}

fn is_expected(expected: &Expected, known: &KnownVerifier) -> bool {
    expected.verifiers.iter().any(|verifier| verifier.key_hash == known.key_hash)
}

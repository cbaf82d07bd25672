//! How a contract came to be. Its code alone says nothing of its storage: whoever deploys the same code by a constructor of their own may have written
//! balances, accounts and exits into it beforehand. So the transaction that made it must carry the committed constructor and nothing else.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolValue;

use super::{Audit, Expected, Verdict, word_of};
use crate::chain::Chain;
use crate::rollup::abi::IRollup::Setup;
use crate::rollup::compiled::{Deployment, ROLLUP};
use crate::rpc::SubmitError;

/// The constructor's parameters.
type Arguments = (Address, Address, U256, Vec<Address>, Vec<Setup>);

/// Adds the line, and answers the token list that the constructor was given.
pub(super) fn row(
    audit: &mut Audit,
    chain: &mut dyn Chain,
    values: &BTreeMap<&str, U256>,
    expected: &Expected,
) -> Result<Option<Vec<Address>>, SubmitError> {
    let (contract, block) = (audit.contract, audit.block);
    let what = "storage at the start";
    let creation = match chain.creation(contract, &block, expected.deployment) {
        Ok(creation) => creation,
        // A node without old states, that answers such questions with HTTP errors or too much, or with transactions of a kind that is not known here.
        Err(
            error @ (SubmitError::Refused { .. }
            | SubmitError::BadAnswer { .. }
            | SubmitError::Http { .. }
            | SubmitError::AnswerTooLong { .. }),
        ) => {
            let note = match expected.deployment {
                Some(_) => format!("the named transaction cannot be looked at: {error}"),
                None => format!("name the deploying transaction with --deployment: {error}"),
            };
            audit.row(what, "not found", Verdict::NotCompared, &note);
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(creation) = creation.filter(|creation| creation.sender.create(creation.nonce) == contract)
    else {
        let note = match expected.deployment {
            Some(_) => "the named transaction did not make it, on this chain, by that block",
            None => "no transaction made it directly: nobody can tell what was written into it",
        };
        audit.row(what, "not found", Verdict::NotCompared, note);
        return Ok(None);
    };
    let arguments = creation.input.strip_prefix(ROLLUP.bytecode.as_slice());
    let arguments = arguments.and_then(|bytes| Arguments::abi_decode_params(bytes).ok());
    let found = creation.transaction.to_string();
    let Some((proposer, poseidon, base_fee, tokens, setups)) = arguments else {
        audit.row(what, found, Verdict::Differs, "that transaction has another constructor");
        return Ok(None);
    };
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let places = [("SIZE_A", "VERIFIER_A"), ("SIZE_B", "VERIFIER_B"), ("SIZE_C", "VERIFIER_C")];
    let mut same = setups.len() <= places.len();
    for (i, (size, verifier)) in places.into_iter().enumerate() {
        let setup = setups.get(i);
        let given = setup.map_or((U256::ZERO, U256::ZERO), |setup| (setup.size, word_of(setup.verifier)));
        same &= given == (value(size), value(verifier));
    }
    same &= (word_of(proposer), word_of(poseidon), base_fee)
        == (value("proposer"), value("poseidon"), value("baseFeeGwei"));
    same &= U256::from(tokens.len() + 1) == value("tokenCount");
    // Byte for byte: one list of arguments has one encoding.
    let again = base_fee.try_into().map(|base_fee_gwei| {
        Deployment { proposer, poseidon, base_fee_gwei, tokens: tokens.clone(), setups }.creation_code()
    });
    same &= again.is_ok_and(|code| code == creation.input[..]);
    let note = "the constructor was given other values than are there";
    match same {
        true => audit.row(what, found, Verdict::Same, "that transaction has the committed constructor"),
        false => audit.row(what, found, Verdict::Differs, note),
    }
    Ok(Some(tokens))
}

//! The contract's errors in words: their name, what they mean, and the numbers in them.

use alloy_sol_types::{SolError, SolInterface};

use super::abi::{IRollup::IRollupErrors as E, PaymentRefused, TokenCallFailed};

/// Says what revert data of the rollup's contract means, name first; `None` where it is no error of that contract.
pub fn describe(data: &[u8]) -> Option<String> {
    if let Ok(TokenCallFailed { token }) = TokenCallFailed::abi_decode(data) {
        return Some(format!(
            "TokenCallFailed: token {token} refused the transfer (balance, allowance, or its own rules)"
        ));
    }
    if let Ok(PaymentRefused { to }) = PaymentRefused::abi_decode(data) {
        return Some(format!(
            "PaymentRefused: {to} does not take the native coin; withdraw to another address"
        ));
    }
    let error = E::abi_decode(data).ok()?;
    Some(match error {
        E::Reentered(_) => "Reentered: the call came from inside another call of the contract".to_owned(),
        E::InExodus(_) => "InExodus: the contract is in exodus; only exits, refunds and withdrawals work".to_owned(),
        E::NotInExodus(_) => {
            "NotInExodus: the oldest queue entry is not seven days old, so the operator still has time to take it"
                .to_owned()
        }
        E::UnknownToken(e) => format!("UnknownToken: there is no token {}, the list has {}", e.token, e.count),
        E::ZeroOwner(_) => "ZeroOwner: the zero address owns nothing".to_owned(),
        E::NoAccount(e) => format!("NoAccount: nobody has ever deposited for {}", e.owner),
        E::AccountsExhausted(_) => "AccountsExhausted: all accounts are handed out".to_owned(),
        E::ValueTooLow(e) => {
            format!("ValueTooLow: the call costs {} wei and came with {}", e.required, e.got)
        }
        E::NothingReceived(_) => "NothingReceived: the deposit is of nothing".to_owned(),
        E::TotalTooLarge(e) => {
            format!("TotalTooLarge: the contract would owe {} of token {}, 2^120 or more", e.total, e.token)
        }
        E::KeyNotOnCurve(_) => "KeyNotOnCurve: the key is no point of Baby Jubjub".to_owned(),
        E::QueueOverflow(_) => "QueueOverflow: the queue cannot hold more".to_owned(),
        E::NotProposer(e) => {
            format!("NotProposer: only the proposer may submit until after the time {}", e.openAfter)
        }
        E::UnknownSize(e) => format!("UnknownSize: no verifier for batches of {} ops", e.size),
        E::BatchTimeOutOfRange(e) => format!(
            "BatchTimeOutOfRange: the batch's time is {}, expected one above {} from {} to {}",
            e.time, e.above, e.earliest, e.latest
        ),
        E::NotInField(e) => format!("NotInField: {} is not below r", e.word),
        E::TooManyQueueOps(e) => format!(
            "TooManyQueueOps: the batch takes {} queue entries, expected at most {}",
            e.queueOps, e.limit
        ),
        E::OverdueQueueOpLeft(e) => {
            format!("OverdueQueueOpLeft: the batch leaves queue entry {}, which is older than a day", e.index)
        }
        E::EmptyBatch(_) => {
            "EmptyBatch: the batch neither changes the root nor takes from the queue".to_owned()
        }
        E::WrongOpsLength(e) => {
            format!("WrongOpsLength: the ops are {} bytes, expected {}", e.gotBytes, e.expectedBytes)
        }
        E::QueueMismatch(e) => {
            format!("QueueMismatch: op {} does not say what queue entry {} says", e.op, e.index)
        }
        E::QueueOpOutOfPlace(e) => {
            format!("QueueOpOutOfPlace: op {} has the code {} without a queue entry", e.op, e.code)
        }
        E::NotOwner(e) => format!("NotOwner: {} is not the owner of account {}", e.owner, e.id),
        E::CustodyExceeded(e) => format!(
            "CustodyExceeded: {} of token {} would leave a custody of {}",
            e.amount, e.token, e.custody
        ),
        E::ProofRejected(_) => "ProofRejected: the proof does not hold for this batch".to_owned(),
        E::NothingToRefund(e) => format!(
            "NothingToRefund: queue entry {} was processed, refunded before, or never made",
            e.index
        ),
        E::AlreadyExited(e) => {
            format!("AlreadyExited: account {} has taken its balance of token {} out already", e.id, e.token)
        }
        E::ZeroBalance(_) => "ZeroBalance: there is nothing to exit with".to_owned(),
        E::WrongRoot(e) => format!(
            "WrongRoot: the path leads to {}, the last accepted root is {}",
            e.got, e.expected
        ),
        E::NotRecipient(e) => {
            format!("NotRecipient: only {} may send what is pending for it to {}", e.owner, e.to)
        }
        E::OnlyWhole(e) => format!(
            "OnlyWhole: somebody else than the owner may pay out only all that is pending, {}",
            e.pending
        ),
        E::BadRecipient(e) => format!("BadRecipient: {} cannot be paid", e.to),
        E::PendingExceeded(e) => {
            format!("PendingExceeded: {} is pending, {} is asked for", e.pending, e.amount)
        }
        E::BadSetup(e) => {
            format!("BadSetup: deployment refused: {}", e.what.chars().take(80).collect::<String>())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::abi::IRollup;
    use alloy_primitives::U256;

    /// Every error of the interface is described, its name first.
    #[test]
    fn every_error_says_its_name() {
        assert_eq!(IRollup::IRollupErrors::SELECTORS.len(), IRollup::IRollupErrors::COUNT);
        for selector in IRollup::IRollupErrors::SELECTORS {
            // Zeros are a valid encoding of all arguments; a string needs its offset.
            let mut data = selector.to_vec();
            data.extend([0; 31]);
            data.push(if *selector == IRollup::BadSetup::SELECTOR { 32 } else { 0 });
            data.extend([0; 128]);
            let text = describe(&data).expect("a known error");
            let name = IRollup::IRollupErrors::name_by_selector(*selector).expect("a name");
            assert!(text.starts_with(&format!("{name}: ")), "{name}: {text}");
        }
    }

    #[test]
    fn numbers_are_shown_and_other_data_is_left_alone() {
        let error = IRollup::NothingToRefund { index: U256::from(7) };
        assert!(describe(&error.abi_encode()).expect("known").contains("entry 7"));
        assert_eq!(describe(&[]), None);
        assert_eq!(describe(&[1, 2, 3, 4]), None);
    }
}

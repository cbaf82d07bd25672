//! The batch's first four words, and what every op needs of them.

use ark_ff::Field;
use millrace_bn254::Fr;
use millrace_state::batch::{Executed, FEE_TOKENS, Header};

use crate::{
    builder::{Builder, Num},
    gadgets::bits::{Ranged, decompose, ranged},
};

/// Wires of the head.
pub(crate) struct Head {
    pub(crate) domain: Num,
    pub(crate) old_root: Num,
    pub(crate) new_root: Num,
    /// The header's word.
    pub(crate) header: Num,
    pub(crate) time: Num,
    pub(crate) fee_account: Ranged,
    pub(crate) fee_tokens: [Ranged; FEE_TOKENS],
}

/// 2^bit.
pub(crate) fn power_of_two(bit: u64) -> Fr {
    Fr::from(2u8).pow([bit])
}

/// The header as a prover may choose it: each number may be any field element.
#[derive(Clone, Debug)]
pub struct HeaderInputs {
    /// Batch time.
    pub time: Fr,
    /// Batch number.
    pub number: Fr,
    /// Fee account.
    pub fee_account: Fr,
    /// Fee tokens.
    pub fee_tokens: [Fr; FEE_TOKENS],
}

impl From<&Header> for HeaderInputs {
    fn from(header: &Header) -> Self {
        Self {
            time: header.time.into(),
            number: header.number.into(),
            fee_account: header.fee_account.get().into(),
            fee_tokens: header.fee_tokens.map(|token| token.0.into()),
        }
    }
}

/// Makes them.
pub(crate) fn head(b: &mut Builder, batch: &Executed, header: &HeaderInputs) -> Head {
    b.rule("header: fields in range");
    let domain = b.input(batch.domain);
    let old_root = b.wire(batch.old_root);
    let new_root = b.wire(batch.new_root);
    let time = ranged(b, header.time, 64).num;
    let number = ranged(b, header.number, 64).num;
    let fee_account = ranged(b, header.fee_account, 24);
    let fee_tokens = header.fee_tokens.map(|token| ranged(b, token, 8));
    b.rule("header: fee tokens rise");
    for pair in fee_tokens.windows(2) {
        let above = &pair[1].num - &pair[0].num - &b.one();
        decompose(b, above, 8);
    }
    b.rule("header: word");
    let mut word = time.clone().plus(power_of_two(64), &number).plus(power_of_two(128), &fee_account.num);
    for (i, token) in fee_tokens.iter().enumerate() {
        word = word.plus(power_of_two(176 - 8 * i as u64), &token.num);
    }
    let header = b.settle(&word);
    Head { domain, old_root, new_root, header, time, fee_account, fee_tokens }
}

//! What fees are worth to the operator, and which four tokens a batch takes.

use std::cmp::Reverse;

use crate::{batch::FEE_TOKENS, op::SignedOp, types::TokenId};

/// What the operator asks of signed ops. Only the operator is bound by it: the circuit and the contract take any fee.
#[derive(Clone, Debug)]
pub struct FeePolicy {
    prices: [u64; 256],
    /// The least value of an op's fee, in the unit of the prices.
    pub minimum: u128,
    /// Ops whose nonce is this far or further above their account's are turned away, so that nobody fills a pool with ops that cannot run.
    pub nonce_window: u64,
}

impl FeePolicy {
    /// The nonce window where the operator names none.
    pub const NONCE_WINDOW: u64 = 64;

    /// Fees in tokens that are not listed are worth nothing. `prices` are values of a token's smallest unit, in a unit of the operator's choice:
    /// the amounts of two tokens cannot be compared without them.
    pub fn new(prices: impl IntoIterator<Item = (TokenId, u64)>, minimum: u128) -> Self {
        let mut policy = Self { prices: [0; 256], minimum, nonce_window: Self::NONCE_WINDOW };
        prices.into_iter().for_each(|(token, price)| policy.prices[usize::from(token.0)] = price);
        policy
    }

    /// The value of an op's fee; `u128::MAX` where it is above that.
    pub fn value(&self, signed: &SignedOp) -> u128 {
        let value = |(token, fee): (TokenId, crate::types::Fee)| {
            fee.get().saturating_mul(self.prices[usize::from(token.0)].into())
        };
        signed.op.fee().map_or(0, value)
    }
}

/// The four tokens, rising, for ops that would all run: `first`'s, then those with the highest value of fees. Others fill up.
pub(super) fn fee_tokens<'a>(
    policy: &FeePolicy,
    first: Option<&SignedOp>,
    runnable: impl IntoIterator<Item = &'a SignedOp>,
) -> [TokenId; FEE_TOKENS] {
    let pays = |signed: &SignedOp| signed.op.fee().filter(|(_, fee)| fee.get() != 0).map(|(token, _)| token);
    // Tokens without a price count by the number of ops, behind all that have one.
    let mut offers = [(false, 0u128, 0usize); 256];
    for signed in runnable {
        if let Some(token) = pays(signed) {
            let (_, value, ops) = &mut offers[usize::from(token.0)];
            *value = value.saturating_add(policy.value(signed));
            *ops += 1;
        }
    }
    if let Some(token) = first.and_then(pays) {
        offers[usize::from(token.0)].0 = true;
    }
    let mut tokens: Vec<u8> = (0..=255).collect();
    tokens.sort_by_key(|token| Reverse(offers[usize::from(*token)]));
    tokens.truncate(FEE_TOKENS);
    tokens.sort_unstable();
    std::array::from_fn(|i| TokenId(tokens[i]))
}

//! After the last op: fees, the new root, P and y.

use millrace_bn254::Fr;
use millrace_state::batch::{Executed, FEE_TOKENS};

use crate::{
    builder::{Builder, Num},
    gadgets::{
        bits::{decompose, is_zero},
        merkle::{Change, update},
        poseidon::{hash5, sponge},
    },
    head::Head,
};

/// Wires of the public inputs.
pub(crate) struct Publics {
    pub(crate) p: Num,
    pub(crate) rho: Num,
    pub(crate) y: Num,
}

/// Credits the four sums to the fee account; gives the root after that.
pub(crate) fn credit_fees(
    b: &mut Builder,
    head: &Head,
    root: &Num,
    sums: &[Num; FEE_TOKENS],
    batch: &Executed,
) -> Num {
    let touches = &batch.fees.touches;
    b.rule("fees: the fee account is somebody");
    let [owner, x, y, nonce, _] = touches[0].leaf;
    let [owner, x, y, nonce] = [owner, x, y, nonce].map(|value| b.input(value));
    let sum = sums.iter().fold(b.zero(), |sum, fee| sum + fee);
    let is_nothing = is_zero(b, &sum);
    let is_paid = &b.one() - &is_nothing;
    let (is_nobody, has_no_owner) = (is_zero(b, &head.fee_account.num), is_zero(b, &owner));
    b.enforce_zero_if(&is_paid, &is_nobody);
    b.enforce_zero_if(&is_paid, &has_no_owner);

    let mut balances: Option<Change> = None;
    for ((touch, token), sum) in touches.iter().zip(&head.fee_tokens).zip(sums) {
        let balance = b.input(Fr::from(touch.balance));
        b.rule("fees: balance not above 128 bits");
        let new = b.settle(&(&balance + sum));
        decompose(b, new.clone(), 128);
        b.rule("fees: balance path");
        let change = update(b, &token.bits, Change { old: balance, new }, &touch.balance_path);
        balances = Some(match balances {
            None => change,
            Some(before) => {
                b.enforce_equal(&before.new, &change.old);
                Change { old: before.old, new: change.new }
            }
        });
    }
    let balances = balances.expect("four tokens");
    b.rule("fees: account path");
    let [old, new] =
        [balances.old, balances.new].map(|balances| hash5(b, [&owner, &x, &y, &nonce, &balances]));
    let change = update(b, &head.fee_account.bits, Change { old, new }, &touches[0].account_path);
    b.rule("root: before the fees");
    b.enforce_equal(&change.old, root);
    change.new
}

/// P and y of the words.
pub(crate) fn public_data(b: &mut Builder, publics: &Publics, words: &[Num]) {
    b.rule("public data: P");
    let p = sponge(b, words);
    b.enforce_equal(&p, &publics.p);
    b.rule("public data: y");
    let mut words = words.iter().rev();
    let mut sum = words.next().expect("a batch has words").clone();
    for word in words {
        let next = b.wire(sum.value * publics.rho.value + word.value);
        b.enforce(&sum, &publics.rho, &(&next - word));
        sum = next;
    }
    b.enforce_equal(&sum, &publics.y);
}

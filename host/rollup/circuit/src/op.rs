//! One op: what `State::apply` of `millrace-state` does, as constraints.

use ark_ff::{BigInteger, PrimeField};
use millrace_bn254::Fr;
use millrace_state::{
    babyjub,
    batch::FEE_TOKENS,
    op::{Authorisation, Op},
    state::{NO_KEY, OpTrace, Touch},
    types::{ACCOUNT_BITS, AMOUNT_BITS, AccountId, FEE_BITS},
};

use crate::{
    builder::{Builder, Num},
    gadgets::{
        bits::{Ranged, chosen_bit, decompose, is_zero, ranged, select, strict},
        eddsa, edwards,
        merkle::{Change, update},
        poseidon::hash5,
    },
    head::power_of_two,
};

/// What the ops share.
pub(crate) struct Shared {
    pub(crate) domain: Num,
    pub(crate) time: Num,
    pub(crate) fee_tokens: [Num; FEE_TOKENS],
}

/// What an op leaves.
pub(crate) struct Outcome {
    /// w0 and w1.
    pub(crate) words: [Num; 2],
    /// The state root after it.
    pub(crate) root: Num,
    /// Its fee, at the place of its token.
    pub(crate) fees: [Num; FEE_TOKENS],
}

/// The op's fields, each in range.
struct Fields {
    /// One for each code.
    is: [Num; 6],
    account: Ranged,
    fee: Num,
    amount: Num,
    token: Ranged,
    to: Ranged,
    address: Num,
    /// Key of a SET_KEY, or (0, 0).
    key: edwards::Point,
}

/// All that a prover chooses for one op, as bare numbers: from a trace it is an honest choice, from anybody else whatever the constraints let through.
#[derive(Clone, Debug)]
pub struct OpInputs {
    /// One mark for each code.
    pub is: [bool; 6],
    /// `account` of w0.
    pub account: Fr,
    /// `fee` of w0.
    pub fee: Fr,
    /// `amount` of w0.
    pub amount: Fr,
    /// `token` of w1.
    pub token: Fr,
    /// `to` of w1.
    pub to: Fr,
    /// `address` of w1.
    pub address: Fr,
    /// Key of a SET_KEY, else (0, 0).
    pub key: babyjub::Point,
    /// Last batch time that was signed, else 0.
    pub valid_until: Fr,
    /// R8 of the signature, else the identity.
    pub r8: babyjub::Point,
    /// S of the signature, else 0.
    pub s: Fr,
    /// The op's own account before it, but for its balance.
    pub first: Touch,
    /// The balance there.
    pub balance: Fr,
    /// The receiver, after the sender was debited, but for its balance.
    pub second: Touch,
    /// The balance there.
    pub received: Fr,
}

impl From<&OpTrace> for OpInputs {
    fn from(trace: &OpTrace) -> Self {
        let OpTrace { signed, first, second } = trace;
        let zero = Fr::from(0u8);
        let code = usize::from(signed.op.code());
        let mut out = Self {
            is: std::array::from_fn(|i| i == code),
            account: zero,
            fee: zero,
            amount: zero,
            token: zero,
            to: zero,
            address: zero,
            key: NO_KEY,
            valid_until: zero,
            r8: babyjub::Point::IDENTITY,
            s: zero,
            first: first.clone(),
            balance: Fr::from(first.balance),
            second: second.clone(),
            received: Fr::from(second.balance),
        };
        out.set_fields(&signed.op);
        if let Some(Authorisation { valid_until, signature, .. }) = signed.authorisation {
            out.valid_until = Fr::from(valid_until);
            out.r8 = signature.r8;
            // An S of r and more cannot be a wire; its residue is as wrong.
            out.s = Fr::from_le_bytes_mod_order(&signature.s.to_bytes_le());
        }
        out
    }
}

impl OpInputs {
    fn set_fields(&mut self, op: &Op) {
        let id = |id: AccountId| Fr::from(id.get());
        match *op {
            Op::Noop => {}
            Op::Deposit { account, token, amount, owner }
            | Op::FullExit { account, token, amount, owner } => {
                self.account = id(account);
                self.token = Fr::from(token.0);
                self.amount = Fr::from(amount);
                self.address = owner.to_fr();
            }
            Op::Transfer { from, to, token, amount, fee } => {
                self.account = id(from);
                self.to = id(to);
                self.token = Fr::from(token.0);
                self.amount = Fr::from(amount);
                self.fee = Fr::from(fee.get());
            }
            Op::Withdraw { from, token, amount, fee, recipient } => {
                self.account = id(from);
                self.token = Fr::from(token.0);
                self.amount = Fr::from(amount);
                self.fee = Fr::from(fee.get());
                self.address = recipient.to_fr();
            }
            Op::SetKey { account, key } => {
                self.account = id(account);
                self.amount = Fr::from(key.x_is_odd());
                self.key = key;
            }
        }
    }
}

fn fields(b: &mut Builder, inputs: &OpInputs) -> Fields {
    b.rule("op: exactly one code");
    let is = inputs.is.map(|is| chosen_bit(b, is));
    let sum = is.iter().fold(b.zero(), |sum, bit| sum + bit);
    let one = b.one();
    b.enforce_equal(&sum, &one);
    b.rule("op: fields in range");
    let account = ranged(b, inputs.account, ACCOUNT_BITS);
    let fee = ranged(b, inputs.fee, FEE_BITS).num;
    let amount = ranged(b, inputs.amount, AMOUNT_BITS).num;
    let token = ranged(b, inputs.token, 8);
    let to = ranged(b, inputs.to, ACCOUNT_BITS);
    let address = ranged(b, inputs.address, 160).num;
    let key = edwards::inputs(b, &inputs.key);
    Fields { is, account, fee, amount, token, to, address, key }
}

/// w0 and w1, and nothing in a field that the op has not.
fn words(b: &mut Builder, f: &Fields) -> [Num; 2] {
    let [noop, deposit, transfer, withdraw, _, set_key] = &f.is;
    b.rule("op: words");
    let mut code = b.zero();
    for (i, is) in f.is.iter().enumerate() {
        code = code.plus(Fr::from(i as u64), is);
    }
    let w0 = f.amount.clone().plus(power_of_two(128), &f.fee).plus(power_of_two(224), &f.account.num);
    let w0 = b.settle(&w0.plus(power_of_two(248), &code));
    let packed = f.address.clone().plus(power_of_two(160), &f.to.num).plus(power_of_two(184), &f.token.num);
    let packed = b.settle(&packed);
    let w1 = b.settle(&(&packed + &f.key.y));

    b.rule("op: unused fields are 0");
    let one = b.one();
    b.enforce_zero_if(noop, &w0);
    b.enforce_zero_if(noop, &w1);
    b.enforce_zero_if(set_key, &packed);
    b.enforce_zero_if(&(&one - set_key), &f.key.x);
    b.enforce_zero_if(&(&one - set_key), &f.key.y);
    b.enforce_zero_if(&(&one - transfer - withdraw), &f.fee);
    b.enforce_zero_if(&(&one - transfer), &f.to.num);
    b.enforce_zero_if(transfer, &f.address);

    b.rule("op: account 0 is nobody");
    let is_nobody = is_zero(b, &f.account.num);
    b.enforce_zero_if(&(&one - noop), &is_nobody);
    b.rule("op: address 0 is nobody");
    let is_nobody = is_zero(b, &f.address);
    b.enforce_zero_if(&(deposit + withdraw), &is_nobody);
    [w0, w1]
}

/// A leaf's five inputs before, as wires.
fn leaf_wires(b: &mut Builder, touch: &Touch) -> [Num; 4] {
    let [owner, x, y, nonce, _] = touch.leaf;
    [owner, x, y, nonce].map(|value| b.input(value))
}

/// Balance and leaf of a touched account, changed; gives the change of the state root. `leaf` is (owner, Ax, Ay, nonce) before and after.
fn touch_account(
    b: &mut Builder,
    rules: [&'static str; 2],
    (account, token): (&Ranged, &Ranged),
    leaf: [&[Num; 4]; 2],
    balance: Change,
    touch: &Touch,
) -> Change {
    b.rule(rules[0]);
    let balances = update(b, &token.bits, balance, &touch.balance_path);
    b.rule(rules[1]);
    let [old, new] = [(leaf[0], &balances.old), (leaf[1], &balances.new)]
        .map(|([owner, x, y, nonce], balances)| hash5(b, [owner, x, y, nonce, balances]));
    update(b, &account.bits, Change { old, new }, &touch.account_path)
}

/// The whole op. The root before it is `root`.
pub(crate) fn op(b: &mut Builder, shared: &Shared, root: &Num, inputs: &OpInputs) -> Outcome {
    let OpInputs { first, second, .. } = inputs;
    let f = fields(b, inputs);
    let [w0, w1] = words(b, &f);
    let [_, deposit, transfer, withdraw, full_exit, set_key] = &f.is;
    let is_signed = transfer + withdraw;
    let one = b.one();

    // The op's own account.
    let leaf = leaf_wires(b, first);
    let [owner, x, y, nonce] = &leaf;
    let balance = b.input(inputs.balance);
    b.rule("full exit: pays the balance");
    b.enforce_zero_if(full_exit, &(&balance - &f.amount));
    b.rule("balance: amount and fee");
    let sign = deposit - transfer - withdraw - full_exit;
    let moved = b.product(&sign, &f.amount);
    let new_balance = b.settle(&(&balance + &moved - &f.fee));
    b.rule("balance: not below zero, not above 128 bits");
    decompose(b, new_balance.clone(), AMOUNT_BITS);
    b.rule("deposit: owner of an empty leaf");
    let is_empty = is_zero(b, owner);
    let gets_owner = b.product(deposit, &is_empty);
    let added_owner = b.product(&gets_owner, &f.address);
    b.rule("set key");
    let new_x = select(b, set_key, &f.key.x, x);
    let new_y = select(b, set_key, &f.key.y, y);
    let new_leaf = [owner + &added_owner, new_x, new_y, nonce + &is_signed];
    let change = touch_account(
        b,
        ["balance: path", "account: path"],
        (&f.account, &f.token),
        [&leaf, &new_leaf],
        Change { old: balance, new: new_balance },
        first,
    );
    b.rule("root: before the op");
    b.enforce_equal(&change.old, root);

    // The receiver of a TRANSFER; account 0, unchanged, for other ops.
    let receiver = leaf_wires(b, second);
    let received = b.input(inputs.received);
    b.rule("transfer: receiver's balance");
    let gained = b.product(transfer, &f.amount);
    let new_received = b.settle(&(&received + &gained));
    b.rule("transfer: receiver's balance not above 128 bits");
    decompose(b, new_received.clone(), AMOUNT_BITS);
    b.rule("transfer: receiver is somebody");
    let has_no_owner = is_zero(b, &receiver[0]);
    b.enforce_zero_if(transfer, &has_no_owner);
    let is_nobody = is_zero(b, &f.to.num);
    b.enforce_zero_if(transfer, &is_nobody);
    let second_change = touch_account(
        b,
        ["transfer: receiver's balance path", "transfer: receiver's path"],
        (&f.to, &f.token),
        [&receiver, &receiver],
        Change { old: received, new: new_received },
        second,
    );
    b.rule("root: between sender and receiver");
    b.enforce_equal(&second_change.old, &change.new);

    let fees = fees(b, shared, &f);

    // The signature.
    b.rule("signature: none where the op takes none");
    let valid_until = b.input(inputs.valid_until);
    b.enforce_zero_if(&(&one - &is_signed), &valid_until);
    b.rule("signature: in time");
    let valid_until = decompose(b, valid_until, 64).num;
    let started = b.product(&is_signed, &shared.time);
    decompose(b, &valid_until - &started, 64);
    let signature = eddsa::signature(b, &is_signed, &inputs.r8, inputs.s);
    b.rule("signature: key on the curve");
    let signer = edwards::or_identity(b, &is_signed, &edwards::Point { x: x.clone(), y: y.clone() });
    edwards::enforce_on_curve(b, &signer);
    b.rule("signature: message and challenge");
    let message = hash5(b, [&shared.domain, &w0, &w1, nonce, &valid_until]);
    let challenge = hash5(b, [&signature.r8.x, &signature.r8.y, &signer.x, &signer.y, &message]);

    // One strict decomposition serves both the challenge and, in a SET_KEY, the parity of Ax.
    b.rule("signature: bits of the challenge, or of Ax");
    let parsed = select(b, set_key, &f.key.x, &challenge);
    let parsed = strict(b, parsed);
    b.rule("set key: parity of Ax");
    b.enforce_zero_if(set_key, &(&f.amount - &parsed.bits[0]));
    b.rule("set key: on the curve");
    let y = &f.key.y + &one - set_key;
    edwards::enforce_on_curve(b, &edwards::Point { x: f.key.x.clone(), y });
    eddsa::verify(b, &is_signed, &signer, &signature, &parsed.bits);

    Outcome { words: [w0, w1], root: second_change.new, fees }
}

/// The fee at the place of its token; a fee in no token of the batch is refused.
fn fees(b: &mut Builder, shared: &Shared, f: &Fields) -> [Num; FEE_TOKENS] {
    b.rule("fee: in a token of the batch");
    let mut matched = b.zero();
    let fees = shared.fee_tokens.each_ref().map(|token| {
        let is_this = is_zero(b, &(&f.token.num - token));
        matched = &matched + &is_this;
        b.product(&is_this, &f.fee)
    });
    let one = b.one();
    b.enforce_zero_if(&f.fee, &(&one - &matched));
    fees
}

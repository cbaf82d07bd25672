//! One op: what `State::apply` of `millrace-state` does, as constraints.

use millrace_bn254::Fr;
use millrace_state::{
    babyjub,
    batch::FEE_TOKENS,
    op::Op,
    state::{NO_KEY, OpTrace, Touch},
    types::{AccountId, Address, Fee, TokenId},
};

use crate::{
    builder::{Builder, Num},
    gadgets::{
        bits::{Ranged, bit, decompose, is_zero, ranged, select, strict},
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

/// The op's fields as numbers, whatever kind it is.
struct Plain {
    account: AccountId,
    fee: Fee,
    amount: u128,
    token: TokenId,
    to: AccountId,
    address: Address,
    key: babyjub::Point,
}

impl Plain {
    fn of(op: &Op) -> Self {
        let none = Self {
            account: AccountId::NOBODY,
            fee: Fee::default(),
            amount: 0,
            token: TokenId(0),
            to: AccountId::NOBODY,
            address: Address::NOBODY,
            key: NO_KEY,
        };
        match *op {
            Op::Noop => none,
            Op::Deposit { account, token, amount, owner }
            | Op::FullExit { account, token, amount, owner } => {
                Self { account, token, amount, address: owner, ..none }
            }
            Op::Transfer { from, to, token, amount, fee } => {
                Self { account: from, to, token, amount, fee, ..none }
            }
            Op::Withdraw { from, token, amount, fee, recipient } => {
                Self { account: from, token, amount, fee, address: recipient, ..none }
            }
            Op::SetKey { account, key } => Self { account, amount: key.x_is_odd().into(), key, ..none },
        }
    }
}

fn fields(b: &mut Builder, op: &Op) -> Fields {
    let plain = Plain::of(op);
    b.rule("op: exactly one code");
    let code = op.code();
    let is: [Num; 6] = std::array::from_fn(|i| bit(b, usize::from(code) == i));
    let sum = is.iter().fold(b.zero(), |sum, bit| sum + bit);
    let one = b.one();
    b.enforce_equal(&sum, &one);
    b.rule("op: fields in range");
    let account = ranged(b, Fr::from(plain.account.get()), 24);
    let fee = ranged(b, Fr::from(plain.fee.get()), 96).num;
    let amount = ranged(b, Fr::from(plain.amount), 128).num;
    let token = ranged(b, Fr::from(plain.token.0), 8);
    let to = ranged(b, Fr::from(plain.to.get()), 24);
    let address = ranged(b, plain.address.to_fr(), 160).num;
    let key = edwards::wires(b, &plain.key);
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
    [owner, x, y, nonce].map(|value| b.wire(value))
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
pub(crate) fn op(b: &mut Builder, shared: &Shared, root: &Num, trace: &OpTrace) -> Outcome {
    let OpTrace { signed, first, second } = trace;
    let f = fields(b, &signed.op);
    let [w0, w1] = words(b, &f);
    let [_, deposit, transfer, withdraw, full_exit, set_key] = &f.is;
    let is_signed = transfer + withdraw;
    let one = b.one();

    // The op's own account.
    let leaf = leaf_wires(b, first);
    let [owner, x, y, nonce] = &leaf;
    let balance = b.wire(Fr::from(first.balance));
    b.rule("full exit: pays the balance");
    b.enforce_zero_if(full_exit, &(&balance - &f.amount));
    b.rule("balance: amount and fee");
    let sign = deposit - transfer - withdraw - full_exit;
    let moved = b.product(&sign, &f.amount);
    let new_balance = b.settle(&(&balance + &moved - &f.fee));
    b.rule("balance: not below zero, not above 128 bits");
    decompose(b, new_balance.clone(), 128);
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
    let received = b.wire(Fr::from(second.balance));
    b.rule("transfer: receiver's balance");
    let gained = b.product(transfer, &f.amount);
    let new_received = b.settle(&(&received + &gained));
    b.rule("transfer: receiver's balance not above 128 bits");
    decompose(b, new_received.clone(), 128);
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
    let authorisation = signed.authorisation.as_ref();
    b.rule("signature: none where the op takes none");
    let valid_until = b.wire(Fr::from(authorisation.map_or(0, |a| a.valid_until)));
    b.enforce_zero_if(&(&one - &is_signed), &valid_until);
    b.rule("signature: in time");
    let valid_until = decompose(b, valid_until, 64).num;
    let started = b.product(&is_signed, &shared.time);
    decompose(b, &valid_until - &started, 64);
    let signature = eddsa::signature(b, &is_signed, authorisation.map(|a| &a.signature));
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

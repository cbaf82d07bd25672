//! Batches that reach the contract inside other calls: the events are the same, so nobody who restores from logs sees a difference.

use alloy_primitives::{Address, U256};
use millrace_l1::rollup::abi::IToken;
use millrace_l1::rollup::{owner, word};
use millrace_state::eddsa::SecretKey;
use millrace_state::op::Op;
use millrace_state::types::{Fee, TokenId};

use crate::chain::{Chain, PROPOSER};
use crate::liar::every_lie_is_found;
use crate::operator::Operator;
use crate::{ALICE, BOB, COLD_WALLET, DAY_SECONDS, NATIVE, id};

const CAROL: Address = Address::repeat_byte(0xca);
const STRANGER: Address = Address::repeat_byte(0x57);
const TOKEN: TokenId = TokenId(1);

/// `submit` through a wrapper contract and through an EIP-7702 self-call; then, with unconsumed deposits, a queued full exit and a pending withdrawal,
/// the state is restored from logs, everybody is paid, and each token ends at exactly what was given to it.
#[test]
fn restored_state_pays_everybody_however_submit_was_called() {
    let Some(operator) = Operator::new() else { return };
    let mut chain = Chain::new(&operator, &[ALICE, BOB, CAROL]);
    let mut operator = operator.for_contract(chain.domain());
    let one = U256::from(10).pow(U256::from(18));
    let amount = |coins: u128| coins * 1_000_000_000_000_000_000;
    let key = SecretKey::from_seed(&[9; 32]);
    let before = [ALICE, BOB, CAROL].map(|user| (chain.balance(user), chain.token_balance(user)));

    chain.deposit(ALICE, one * U256::from(3));
    chain.deposit_token(BOB, 400);
    chain.set_key(ALICE, key.public());
    let queued = [
        Op::Deposit { account: id(1), token: NATIVE, amount: amount(3), owner: owner(ALICE) },
        Op::Deposit { account: id(2), token: TOKEN, amount: 400, owner: owner(BOB) },
        Op::SetKey { account: id(1), key: key.public() },
    ];
    for op in queued {
        let submission = operator.batch(&mut chain, op.into(), 1);
        chain.submit(&submission).expect("a right batch");
    }

    // The proposer has been idle for a day: a stranger submits, through a contract of its own.
    let relay = chain.relay();
    let pay = Op::Transfer { from: id(1), to: id(2), token: NATIVE, amount: amount(1), fee: Fee::default() };
    let submission = operator.signed(&mut chain, pay, &key);
    let early = chain.submit_through(STRANGER, relay, &submission).expect_err("not its turn yet");
    assert!(early.starts_with("NotProposer: "), "{early}");
    chain.forward(DAY_SECONDS);
    let submission = operator.again(&mut chain);
    chain.submit_through(STRANGER, relay, &submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());

    // The proposer's account takes on the relay's code, and calls itself.
    chain.evm.delegate(PROPOSER, relay).expect("an authorization");
    let fee = Fee::default();
    let withdraw =
        Op::Withdraw { from: id(1), token: NATIVE, amount: amount(1), fee, recipient: owner(COLD_WALLET) };
    let submission = operator.signed(&mut chain, withdraw, &key);
    chain.submit_through(PROPOSER, PROPOSER, &submission).expect("a right batch");
    assert_eq!(chain.root(), operator.root());

    // Nobody takes what is queued from here on, and somebody gives the contract tokens.
    chain.request_full_exit(BOB);
    chain.deposit(ALICE, one);
    chain.deposit_token(BOB, 50);
    chain.deposit_token(CAROL, 7);
    chain.token_call(CAROL, IToken::transferCall { to: chain.rollup(), amount: U256::from(5) });
    let at_the_end = operator.root();
    drop(operator);
    chain.forward(7 * DAY_SECONDS);

    let restored = chain.restored();
    assert_eq!(word(restored.books.root()), at_the_end);
    assert!(restored.in_exodus && !restored.books.exodus(), "due, not started");
    assert_eq!(restored.books.queue().len(), 4);
    assert_eq!(restored.books.pending(COLD_WALLET, 0), one);
    let (contract, users) = (chain.rollup(), [ALICE, BOB, CAROL, COLD_WALLET]);
    every_lie_is_found(&mut chain.evm, contract, &users);
    for user in [ALICE, BOB, CAROL, COLD_WALLET] {
        let holding = restored.books.holding(user);
        for proof in &holding.balances {
            chain.exit(proof).expect("a balance of the last root");
            assert!(chain.exit(proof).expect_err("once only").starts_with("AlreadyExited: "));
        }
        for (index, _) in &holding.queued {
            chain.refund(*index, user).expect("an unprocessed entry");
            assert!(chain.refund(*index, user).expect_err("once only").starts_with("NothingToRefund: "));
        }
    }

    every_lie_is_found(&mut chain.evm, contract, &users);

    // The books follow the exodus, too, and say what is left to withdraw.
    let restored = chain.restored();
    assert!(restored.books.exodus());
    let pending: Vec<_> = restored.books.all_pending().iter().map(|(key, amount)| (*key, *amount)).collect();
    for ((user, token), amount) in pending {
        chain.withdraw(user, token, amount);
    }
    let restored = chain.restored();
    assert!(restored.books.all_pending().is_empty() && restored.books.queue().is_empty());
    assert_eq!((restored.books.owed(0), restored.books.owed(1)), (U256::ZERO, U256::ZERO));

    assert_eq!(chain.balance(chain.rollup()), U256::ZERO);
    assert_eq!(chain.token_balance(chain.rollup()), U256::from(5), "what was given to it, to the unit");
    // ALICE paid 1 to BOB and 1 to the cold wallet, and has the base fees of the entries that batches took, two of them her own.
    let base = U256::from(100_000) * U256::from(10).pow(U256::from(9));
    let [alice, bob, carol] = before;
    assert_eq!(chain.balance(COLD_WALLET), one);
    assert_eq!(chain.balance(ALICE), alice.0 - one * U256::from(2) + base);
    assert_eq!(chain.balance(BOB), bob.0 + one - base);
    assert_eq!(chain.token_balance(BOB), bob.1);
    assert_eq!((chain.balance(CAROL), chain.token_balance(CAROL)), (carol.0, carol.1 - U256::from(5)));
}

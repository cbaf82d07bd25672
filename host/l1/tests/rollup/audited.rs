//! Audits of right and of tampered contracts.

use alloy_primitives::{Address, B256, Bytes, U256};
use millrace_l1::chain::embedded::Embedded;
use millrace_l1::chain::{Block, BlockTag, Chain as _, Creation, LogPage, Nonces, TestChain};
use millrace_l1::rollup::audit::{Audit, Expected, KnownVerifier, Source, Verdict, audit};
use millrace_l1::rollup::compiled::{POSEIDON, ROLLUP};
use millrace_l1::rollup::source::Rebuilt;

use millrace_l1::rpc::{Receipt, Sender, SubmitError};

use crate::chain::{Chain, PROPOSER};
use crate::operator::Operator;
use crate::{ALICE, BOB};

fn run(chain: &mut Chain, expected: &Expected) -> Audit {
    let contract = chain.rollup();
    audit(&mut chain.evm, contract, BlockTag::Latest, expected).expect("a contract is there")
}

fn differing(audit: &Audit) -> Vec<&str> {
    audit.rows.iter().filter(|row| row.verdict == Verdict::Differs).map(|row| row.what.as_str()).collect()
}

fn code(chain: &mut Chain) -> Vec<u8> {
    let (contract, head) = (chain.rollup(), chain.evm.block(BlockTag::Latest).expect("memory"));
    chain.evm.code(contract, &head).expect("memory").to_vec()
}

#[test]
fn tampered_contracts_are_found() {
    let Some(operator) = Operator::new() else { return };
    let mut chain = Chain::new(&operator, &[ALICE, BOB]);
    let known = |runtime: &[u8]| KnownVerifier {
        name: "the test's key".to_owned(),
        key_hash: operator.key_hash(),
        runtime: runtime.to_vec(),
        dev: true,
    };
    let tokens = Some(vec![chain.token]);
    let right = Expected {
        verifiers: vec![known(&operator.verifier_runtime)],
        proposer: Some(PROPOSER),
        tokens,
        ..Expected::default()
    };
    let audited = run(&mut chain, &right);
    assert_eq!(differing(&audited), Vec::<&str>::new());
    assert_eq!(audited.count(Verdict::NotCompared), 0);
    assert!(audited.dev);

    // What was expected otherwise.
    let wrong = Expected { proposer: Some(ALICE), ..right.clone() };
    assert_eq!(differing(&run(&mut chain, &wrong)), ["proposer"]);
    let wrong = Expected { tokens: Some(vec![ALICE]), ..right.clone() };
    assert_eq!(differing(&run(&mut chain, &wrong)), ["token 1"]);
    let wrong = Expected { verifiers: vec![known(&[1, 2, 3])], ..right.clone() };
    assert_eq!(differing(&run(&mut chain, &wrong)), ["verifier of 1 ops"]);
    let unknown = Expected::default();
    assert_eq!(run(&mut chain, &unknown).count(Verdict::NotCompared), 1);
    let recognised = Expected { recognised: vec![known(&operator.verifier_runtime)], ..Expected::default() };
    assert_eq!(run(&mut chain, &recognised).count(Verdict::NotCompared), 0);

    // Every byte of code counts: here one in the middle, the last one, and one more.
    let whole = code(&mut chain);
    for at in [whole.len() / 2, whole.len() - 1] {
        let mut code = whole.clone();
        code[at] ^= 1;
        chain.evm.set_code(chain.rollup(), code.into());
        let audited = run(&mut chain, &right);
        assert_eq!(differing(&audited), ["code of Rollup"], "byte {at}");
        assert_eq!(audited.rows.len(), 3, "nothing else is believed");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    chain.evm.set_code(chain.rollup(), longer.into());
    assert_eq!(differing(&run(&mut chain, &right)), ["code of Rollup"]);

    chain.evm.set_code(chain.rollup(), whole.clone().into());
    sources_that_differ_are_told(&mut chain, &right);

    // Immutables that the constructor would not have written.
    let committed = &millrace_l1::rollup::compiled::ROLLUP;
    let mut values = committed.read_immutables(&whole).expect("the committed code");
    let dev = values.insert("isDevSetup", U256::ZERO).expect("an immutable");
    chain.evm.set_code(chain.rollup(), committed.with_immutables(&values).into());
    assert_eq!(differing(&run(&mut chain, &right)), ["isDevSetup"], "a development key that is denied");
    values.insert("isDevSetup", dev);
    let stranger = Address::repeat_byte(0x66);
    chain.evm.set_code(stranger, operator.verifier_runtime[..100].to_vec().into());
    let real = values.insert("poseidon", U256::from_be_slice(stranger.as_slice())).expect("an immutable");
    chain.evm.set_code(chain.rollup(), committed.with_immutables(&values).into());
    assert_eq!(differing(&run(&mut chain, &right)), ["code of Poseidon", "storage at the start"]);
    values.insert("poseidon", real);

    // A verifier that was exchanged.
    chain.evm.set_code(chain.rollup(), whole.into());
    let verifier = Address::from_word(values["VERIFIER_A"].into());
    let mut other = operator.verifier_runtime.clone();
    *other.last_mut().expect("code") ^= 1;
    chain.evm.set_code(verifier, other.into());
    assert_eq!(differing(&run(&mut chain, &right)), ["verifier of 1 ops", "setupHash"]);
    // One that does not answer, and tokens that do not: lines like others.
    chain.evm.set_code(verifier, vec![0].into());
    let audited = run(&mut chain, &right);
    assert_eq!(differing(&audited), ["verifier of 1 ops", "  its key's hash", "setupHash"]);
    chain.evm.set_code(verifier, operator.verifier_runtime.clone().into());
    let (token, head) = (chain.token, chain.evm.block(BlockTag::Latest).expect("memory"));
    let real_token = chain.evm.code(token, &head).expect("memory");
    for code in [vec![], vec![0x5f, 0x5f, 0xfd], vec![0]] {
        chain.evm.set_code(token, code.into());
        let audited = run(&mut chain, &right);
        assert_eq!(differing(&audited), ["token 1"]);
        assert!(audited.dev, "what was found is not lost");
    }
    chain.evm.set_code(token, real_token);

    // Money that is gone.
    chain.deposit(ALICE, U256::from(1_000));
    assert_eq!(differing(&run(&mut chain, &right)), Vec::<&str>::new());
    chain.evm.fund(chain.rollup(), U256::from(999)).expect("memory");
    assert_eq!(differing(&run(&mut chain, &right)), ["token 0"]);
}

/// What sources compile to is compared with the code in this build, and L1's code with that.
fn sources_that_differ_are_told(chain: &mut Chain, right: &Expected) {
    let (rollup, poseidon) = (ROLLUP.clone(), POSEIDON.clone());
    let same = Rebuilt { rollup, poseidon, from: "a folder".to_owned() };
    let mut told = |change: fn(&mut Rebuilt)| {
        let mut rebuilt = same.clone();
        change(&mut rebuilt);
        let expected = Expected { source: Source::Compiled(Box::new(rebuilt)), ..right.clone() };
        let audited = run(chain, &expected);
        let differ = differing(&audited).into_iter().map(str::to_owned).collect::<Vec<_>>();
        (differ, audited.count(Verdict::NotCompared), audited.rows[0].note.clone())
    };
    let (differ, open, note) = told(|_| {});
    assert_eq!((differ, open), (vec![], 0));
    assert_eq!(note, "a folder, compiled now: what this build carries, byte for byte");
    let (differ, open, note) = told(|rebuilt| rebuilt.rollup.runtime[100] ^= 1);
    assert_eq!((differ, open), (vec!["sources".to_owned(), "code of Rollup".to_owned()], 1), "{note}");
    assert!(note.ends_with("the code of Rollup differs from what this build carries, from byte 100 on"));
    // What L1 does not show at once: the constructor, Poseidon, where immutables are.
    type Change = fn(&mut Rebuilt);
    let changes: [(&str, Change); 3] = [
        ("the constructor of Rollup", |rebuilt| rebuilt.rollup.bytecode[5] ^= 1),
        ("the code of Poseidon", |rebuilt| rebuilt.poseidon.runtime.truncate(9)),
        ("Rollup has its immutables elsewhere", |rebuilt| {
            rebuilt.rollup.immutables.remove("setupHash");
        }),
    ];
    for (what, change) in changes {
        let (differ, open, note) = told(change);
        assert_eq!((differ[0].as_str(), open), ("sources", 1), "{what}: {note}");
        assert!(note.contains(what), "{note}");
    }
    let (differ, open, note) = told(|rebuilt| rebuilt.rollup.compiler.push('x'));
    assert_eq!((differ, open), (vec![], 2), "{note}");
    let why = "no compiler".to_owned();
    let audited = run(chain, &Expected { source: Source::NotCompiled { why }, ..right.clone() });
    assert_eq!((differing(&audited), audited.count(Verdict::NotCompared)), (vec![], 1));
    assert!(audited.rows[0].note.ends_with(": no compiler"));
    let why = "a semicolon".to_owned();
    let audited = run(chain, &Expected { source: Source::Refused { why }, ..right.clone() });
    assert_eq!((differing(&audited), audited.count(Verdict::NotCompared)), (vec!["sources"], 1));
}

/// The committed code with right immutables, deployed by a constructor that first writes what it likes: a balance, an account, an exit.
#[test]
fn storage_that_another_constructor_wrote_is_found() {
    let Some(operator) = Operator::new() else { return };
    let mut chain = Chain::new(&operator, &[ALICE, BOB]);
    let whole = code(&mut chain);
    let length = u16::try_from(whole.len()).expect("below 24,576").to_be_bytes();
    // sstore(7, 1); return the rest of the code.
    let mut creation = vec![0x60, 1, 0x60, 7, 0x55, 0x61, length[0], length[1], 0x61, 0, 18, 0x5f, 0x39];
    creation.extend([0x61, length[0], length[1], 0x5f, 0xf3]);
    creation.extend(&whole);
    let receipt = chain.evm.send(&Sender::Unlocked(PROPOSER), None, U256::ZERO, &creation).expect("sent");
    let contract = receipt.created.expect("an address");
    let expected = Expected::default();
    let audited = audit(&mut chain.evm, contract, BlockTag::Latest, &expected).expect("a contract is there");
    let of = |what: &str| audited.rows.iter().find(|row| row.what == what).expect("a line").verdict;
    assert_eq!(of("code of Rollup"), Verdict::Same);
    assert_eq!(of("storage at the start"), Verdict::Differs);

    // No transaction made it directly: a factory, or a node that does not say. No audit ends well then.
    let elsewhere = Address::repeat_byte(0x44);
    chain.evm.set_code(elsewhere, whole.into());
    let audited = audit(&mut chain.evm, elsewhere, BlockTag::Latest, &expected).expect("a contract is there");
    let row = audited.rows.iter().find(|row| row.what == "storage at the start").expect("a line");
    assert_eq!(row.verdict, Verdict::NotCompared);

    // A transaction that is named, and is another's.
    let named = Some(receipt.transaction);
    let audited = run(&mut chain, &Expected { deployment: named, ..Expected::default() });
    let row = audited.rows.iter().find(|row| row.what == "storage at the start").expect("a line");
    assert_eq!(row.verdict, Verdict::NotCompared);
    assert!(row.note.starts_with("the named transaction did not make it"), "{}", row.note);
}

/// A provider that does not serve old states, and says so in its own way.
struct Forgetful<'a>(&'a mut Embedded, fn() -> SubmitError);

impl millrace_l1::chain::Chain for Forgetful<'_> {
    fn chain_id(&mut self) -> Result<u64, SubmitError> {
        self.0.chain_id()
    }

    fn block(&mut self, tag: BlockTag) -> Result<Block, SubmitError> {
        self.0.block(tag)
    }

    fn code(&mut self, address: Address, at: &Block) -> Result<Bytes, SubmitError> {
        self.0.code(address, at)
    }

    fn balance(&mut self, address: Address, at: &Block) -> Result<U256, SubmitError> {
        self.0.balance(address, at)
    }

    fn call(&mut self, to: Address, data: &[u8], at: &Block) -> Result<Bytes, SubmitError> {
        self.0.call(to, data, at)
    }

    fn logs(&mut self, contract: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError> {
        self.0.logs(contract, from_block, to)
    }

    fn creation(&mut self, _: Address, _: &Block, _: Option<B256>) -> Result<Option<Creation>, SubmitError> {
        Err((self.1)())
    }

    fn nonces(&mut self, _: Address) -> Result<Nonces, SubmitError> {
        unreachable!("nothing is sent by an audit")
    }

    fn send(&mut self, _: &Sender, _: Option<Address>, _: U256, _: &[u8]) -> Result<Receipt, SubmitError> {
        unreachable!("nothing is sent by an audit")
    }
}

#[test]
fn a_provider_without_old_states_costs_one_line_and_not_the_audit() {
    let Some(operator) = Operator::new() else { return };
    let mut chain = Chain::new(&operator, &[ALICE, BOB]);
    let contract = chain.rollup();
    let whole = run(&mut chain, &Expected::default()).rows.len();
    let answers: [fn() -> SubmitError; 4] = [
        || SubmitError::Http { host: "http://node".to_owned(), method: "eth_getCode", status: 400 },
        || SubmitError::AnswerTooLong { method: "eth_getBlockByNumber", max_bytes: 1 },
        || SubmitError::Refused {
            method: "eth_getCode",
            code: -32_000,
            message: "missing trie node".to_owned(),
        },
        || SubmitError::BadAnswer { method: "eth_getBlockByNumber", message: "a kind".to_owned() },
    ];
    for answer in answers {
        for (deployment, words) in [(None, "name the deploying"), (Some(B256::ZERO), "the named transaction")]
        {
            let mut forgetful = Forgetful(&mut chain.evm, answer);
            let expected = Expected { deployment, ..Expected::default() };
            let audited = audit(&mut forgetful, contract, BlockTag::Latest, &expected).expect("an audit");
            let row = audited.rows.iter().find(|row| row.what == "storage at the start").expect("a line");
            assert_eq!(row.verdict, Verdict::NotCompared);
            assert!(row.note.starts_with(words), "{}", row.note);
            assert_eq!(audited.rows.len(), whole, "everything else is looked at");
        }
    }
    // No answer at all ends it.
    let gone = || SubmitError::NoConnection { host: "http://node".to_owned(), reason: "refused".to_owned() };
    let audited =
        audit(&mut Forgetful(&mut chain.evm, gone), contract, BlockTag::Latest, &Expected::default());
    assert!(audited.is_err());
}

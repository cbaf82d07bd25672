//! Audits of right and of tampered contracts.

use alloy_primitives::{Address, U256};
use millrace_l1::chain::{BlockTag, Chain as _, TestChain};
use millrace_l1::rollup::audit::{Audit, Expected, KnownVerifier, Verdict, audit};

use millrace_l1::rpc::Sender;

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
        assert_eq!(audited.rows.len(), 2, "nothing else is believed");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    chain.evm.set_code(chain.rollup(), longer.into());
    assert_eq!(differing(&run(&mut chain, &right)), ["code of Rollup"]);

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
}

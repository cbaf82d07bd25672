//! Submission to a real node: the whole way, and each reason to send nothing.

use std::time::Duration;

use crate::support::Fixture;
use crate::support::anvil::{self, Anvil};
use alloy_primitives::{Address, B256, U256};
use millrace_l1::evm::{Evm, Verdict};
use millrace_l1::rpc::{self, Limits, SecretKey, Sender, SubmitError, Target};

const LIMITS: Limits = Limits {
    request: Duration::from_secs(20),
    receipt: Duration::from_secs(60),
    receipt_blocks: 20,
    poll: Duration::from_millis(50),
};

fn unlocked() -> Sender {
    Sender::Unlocked(Anvil::account())
}

/// The key from a file, as an operator has it.
fn signing() -> Sender {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("key");
    std::fs::write(&path, anvil::KEY).expect("write");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    }
    Sender::Key(SecretKey::from_file(&path).expect("a key"))
}

/// A node with the verifier of a fixture on it.
fn deployed(inputs: usize) -> Option<(Anvil, Fixture, Target)> {
    let fixture = Fixture::new(inputs, 21);
    let compiled = crate::support::compile(&fixture.source())?;
    let node = Anvil::start(&[])?;
    let (contract, receipt) =
        rpc::deploy(&node.url, &compiled.bytecode, &unlocked(), &LIMITS).expect("deployment");
    println!("deployment: {} gas", receipt.gas_used);
    let target =
        Target { url: node.url.clone(), contract, chain_id: Some(31337), key_hash: Some(fixture.key.hash()) };
    Some((node, fixture, target))
}

#[test]
fn proof_is_accepted_with_either_sender_and_gas_agrees_with_the_embedded_evm() {
    let Some((_node, fixture, target)) = deployed(2) else { return };
    let calldata = fixture.call().encode();
    let compiled = crate::support::compile(&fixture.source()).expect("compiled before");
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    let Ok(Verdict::Accepted { gas: embedded }) = evm.verify(verifier, &calldata) else {
        panic!("the embedded EVM accepts")
    };
    for sender in [unlocked(), signing()] {
        let (checked, receipt) = rpc::submit(&target, &calldata, &sender, &LIMITS).expect("submission");
        println!("{sender:?}: {} gas, estimate {}", receipt.gas_used, checked.estimated_gas);
        assert_eq!(checked.chain_id, 31337);
        assert_eq!(checked.key_hash_matches, Some(true));
        assert_eq!(receipt.gas_used, embedded);
        assert!(receipt.block > 0 && receipt.created.is_none());
        assert!(checked.estimated_gas >= receipt.gas_used);
    }
}

#[test]
fn wrong_proof_is_rejected_before_anything_is_sent() {
    let Some((_node, fixture, target)) = deployed(2) else { return };
    let mut call = fixture.call();
    call.input[0] += U256::ONE;
    let result = rpc::submit(&target, &call.encode(), &unlocked(), &LIMITS);
    assert!(matches!(result, Err(SubmitError::Rejected)), "{result:?}");

    let mut call = fixture.call();
    call.a[1] ^= U256::ONE;
    match rpc::submit(&target, &call.encode(), &unlocked(), &LIMITS) {
        Err(SubmitError::Reverted { reason }) => {
            assert!(reason.starts_with("precompile 8 failed"), "{reason}");
        }
        other => panic!("expected a revert, got {other:?}"),
    }

    let mut long = fixture.call().encode();
    long.push(0);
    match rpc::submit(&target, &long, &unlocked(), &LIMITS) {
        Err(SubmitError::Reverted { reason }) => {
            assert_eq!(reason, "calldata has 325 bytes, expected 324");
        }
        other => panic!("expected a revert, got {other:?}"),
    }

    let checked = rpc::check(&target, &fixture.call().encode(), None, &LIMITS).expect("the good one");
    assert_eq!(checked.key_hash_matches, Some(true));
}

#[test]
fn wrong_chain_contract_key_and_account_are_told_apart() {
    let Some((_node, fixture, target)) = deployed(1) else { return };
    let calldata = fixture.call().encode();
    let submit = |target: &Target, sender: &Sender| rpc::submit(target, &calldata, sender, &LIMITS);

    let result = submit(&Target { chain_id: Some(1), ..target.clone() }, &unlocked());
    assert!(matches!(result, Err(SubmitError::WrongChain { expected: 1, got: 31337 })), "{result:?}");

    let empty = Address::repeat_byte(0x77);
    let result = submit(&Target { contract: empty, ..target.clone() }, &unlocked());
    assert!(matches!(result, Err(SubmitError::NoCode { address, .. }) if address == empty), "{result:?}");

    let other_key = B256::repeat_byte(1);
    let result = submit(&Target { key_hash: Some(other_key), ..target.clone() }, &unlocked());
    assert!(
        matches!(result, Err(SubmitError::WrongKey { expected, got })
            if expected == other_key && got == fixture.key.hash()),
        "{result:?}"
    );

    let result = submit(&target, &Sender::Unlocked(Address::repeat_byte(0x55)));
    assert!(matches!(result, Err(SubmitError::Refused { .. })), "{result:?}");
}

/// A node that does not mine: the wait ends, and the error carries the hash.
#[test]
fn missing_receipt_ends_the_wait_and_names_the_transaction() {
    let Some(node) = Anvil::start(&["--no-mining"]) else { return };
    let limits = Limits { receipt: Duration::from_millis(700), ..LIMITS };
    // Any code will do for a deployment that is never mined.
    let bytecode = [0x60, 0x00, 0x60, 0x00, 0xf3];
    for sender in [unlocked(), signing()] {
        let start = std::time::Instant::now();
        match rpc::deploy(&node.url, &bytecode, &sender, &limits) {
            Err(SubmitError::NoReceipt { transaction, blocks: 0, .. }) => {
                assert_ne!(transaction, B256::ZERO);
            }
            other => panic!("expected no receipt, got {other:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

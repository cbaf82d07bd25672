//! The generated contract in the embedded EVM: what it accepts, what it costs, what is refused before it is made.

use crate::support::Fixture;
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use millrace_l1::evm::{Evm, Outcome, Verdict};
use millrace_l1::solidity::{ExportError, ExportOptions, export};
use millrace_l1::{DevReason, KeyError};

const CEREMONY: ExportOptions<'_> =
    ExportOptions { name: "Verifier", contributions: Some(2), allow_dev: false };

/// Gas of the call, measured; a change of the template shows here. Pairing 181,000, an input 6,150, the rest ours.
#[test]
fn accepts_a_proof_within_its_gas() {
    for (inputs, most_gas) in [(1, 216_000), (4, 238_000), (16, 330_000)] {
        let fixture = Fixture::new(inputs, 1);
        let Some(compiled) = crate::support::compile(&fixture.source()) else { return };
        let mut evm = Evm::new();
        let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
        let calldata = fixture.call().encode();
        let Verdict::Accepted { gas } = evm.verify(verifier, &calldata).expect("call") else {
            panic!("a good proof with {inputs} inputs was not accepted")
        };
        let intrinsic = 21_000 + calldata.iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum::<u64>();
        println!(
            "{inputs} inputs: {gas} gas as a transaction, {} in the contract, {} bytes of code",
            gas - intrinsic,
            compiled.runtime.len()
        );
        assert!(gas <= most_gas, "{inputs} inputs: {gas} gas, expected at most {most_gas}");
    }
}

#[test]
fn answers_its_key_and_setup() {
    let fixture = Fixture::new(2, 2);
    let Some(compiled) = crate::support::compile(&fixture.source()) else { return };
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    let mut ask = |signature: &str| {
        let selector = &alloy_primitives::keccak256(signature)[..4];
        match evm.call(verifier, selector).expect("call") {
            Outcome::Returned { output, .. } => output,
            other => panic!("{signature}: {other:?}"),
        }
    };
    assert_eq!(ask("VERIFYING_KEY_HASH()")[..], fixture.key.hash()[..]);
    assert_eq!(ask("IS_DEV_SETUP()")[31], 0);
    assert_eq!(ask("INPUTS()")[31], 2);
}

#[test]
fn proof_under_another_key_is_rejected() {
    let (one, other) = (Fixture::new(2, 3), Fixture::new(2, 4));
    let Some(compiled) = crate::support::compile(&one.source()) else { return };
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    assert!(matches!(evm.verify(verifier, &one.call().encode()), Ok(Verdict::Accepted { .. })));
    assert!(matches!(evm.verify(verifier, &other.call().encode()), Ok(Verdict::Rejected { .. })));
    assert_ne!(one.key.hash(), other.key.hash());
}

#[test]
fn most_inputs_fit_a_contract() {
    let fixture = Fixture::new(millrace_l1::key::MAX_INPUTS, 5);
    let Some(compiled) = crate::support::compile(&fixture.source()) else { return };
    println!("{} inputs: {} bytes of code", fixture.input.len(), compiled.runtime.len());
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    assert!(matches!(evm.verify(verifier, &fixture.call().encode()), Ok(Verdict::Accepted { .. })));

    let mut key = fixture.key;
    key.ic.push(key.alpha);
    let expected = KeyError::TooManyInputs { got: key.inputs(), max: millrace_l1::key::MAX_INPUTS };
    assert_eq!(export(&key, &CEREMONY), Err(ExportError::Key(expected)));
}

#[test]
fn development_keys_are_refused_unless_allowed_and_then_loud() {
    let good = Fixture::new(1, 6).key;
    let generator = G2Affine::generator();
    let cases = [
        (
            {
                let mut key = good.clone();
                key.delta = key.gamma;
                key
            },
            Some(1),
            vec![DevReason::DeltaIsGamma],
        ),
        (
            {
                let mut key = good.clone();
                key.delta = generator;
                key
            },
            Some(1),
            vec![DevReason::DeltaIsGenerator],
        ),
        (
            {
                let mut key = good.clone();
                key.delta = key.beta;
                key
            },
            None,
            vec![DevReason::DeltaIsBeta],
        ),
        (good.clone(), Some(0), vec![DevReason::NoContribution]),
        (
            {
                let mut key = good.clone();
                key.gamma = generator;
                key.delta = generator;
                key
            },
            Some(0),
            vec![DevReason::DeltaIsGamma, DevReason::DeltaIsGenerator, DevReason::NoContribution],
        ),
    ];
    for (key, contributions, reasons) in cases {
        let options = ExportOptions { contributions, ..CEREMONY };
        assert_eq!(export(&key, &options), Err(ExportError::DevKey { reasons: reasons.clone() }));
        let source = export(&key, &ExportOptions { allow_dev: true, ..options }).expect("allowed");
        assert!(source.contains("IS_DEV_SETUP = true;"));
        assert!(source.contains("// DEVELOPMENT KEY."));
        reasons.iter().for_each(|reason| assert!(source.contains(&reason.to_string())));
    }
    let source = export(&good, &CEREMONY).expect("a good key");
    assert!(source.contains("IS_DEV_SETUP = false;") && !source.contains("DEVELOPMENT KEY."));
}

#[test]
fn development_contract_compiles_and_says_so() {
    let mut fixture = Fixture::new(1, 7);
    fixture.key.delta = fixture.key.gamma;
    let options = ExportOptions { allow_dev: true, ..CEREMONY };
    let source = export(&fixture.key, &options).expect("allowed");
    let Some(compiled) = crate::support::compile(&source) else { return };
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    let selector = &alloy_primitives::keccak256("IS_DEV_SETUP()")[..4];
    match evm.call(verifier, selector).expect("call") {
        Outcome::Returned { output, .. } => assert_eq!(output[31], 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn malformed_keys_are_refused_even_for_development() {
    let good = Fixture::new(2, 8).key;
    let refused = |change: &dyn Fn(&mut millrace_l1::VerifierKey)| {
        let mut key = good.clone();
        change(&mut key);
        match export(&key, &ExportOptions { allow_dev: true, ..CEREMONY }) {
            Err(ExportError::Key(error)) => error,
            other => panic!("expected a refused key, got {other:?}"),
        }
    };
    let infinite = |point: &str| KeyError::Infinity { point: point.to_owned() };
    assert_eq!(refused(&|key| key.ic.clear()), KeyError::TooFewIc { got: 0 });
    assert_eq!(refused(&|key| key.ic.truncate(1)), KeyError::TooFewIc { got: 1 });
    assert_eq!(refused(&|key| key.ic[2] = key.ic[1]), KeyError::RepeatedIc { first: 1, second: 2 });
    assert_eq!(refused(&|key| key.ic[1] = G1Affine::zero()), infinite("ic[1]"));
    assert_eq!(refused(&|key| key.alpha = G1Affine::zero()), infinite("alpha"));
    assert_eq!(refused(&|key| key.beta = G2Affine::zero()), infinite("beta"));
    assert_eq!(refused(&|key| key.delta = G2Affine::zero()), infinite("delta"));
    let off = |point: &str| KeyError::NotInGroup { point: point.to_owned() };
    assert_eq!(refused(&|key| key.alpha = G1Affine::new_unchecked(key.alpha.x, key.alpha.x)), off("alpha"));
    assert_eq!(refused(&|key| key.gamma = G2Affine::new_unchecked(key.beta.x, key.beta.x)), off("gamma"));
}

#[test]
fn names_that_are_no_contract_names_are_refused() {
    let key = Fixture::new(1, 9).key;
    let long = "A".repeat(65);
    for name in ["", "verifier", "1A", "A B", "A{}", "A;", "Ä", "_A", long.as_str()] {
        let result = export(&key, &ExportOptions { name, ..CEREMONY });
        assert!(matches!(result, Err(ExportError::Name { .. })), "{name:?}");
    }
    for name in ["A", "Verifier_2", &long[..64]] {
        assert!(export(&key, &ExportOptions { name, ..CEREMONY }).is_ok(), "{name:?}");
    }
}

//! Attacks on the generated verifier in the embedded EVM, each with the outcome that is due: false, a named revert, or,
//! for a malleated proof, acceptance.

use crate::support::Fixture;
use alloy_primitives::{Address, Bytes, U256, keccak256};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField, UniformRand};
use ark_std::rand::{SeedableRng, rngs::StdRng};
use millrace_bn254::FrCanonical;
use millrace_groth16::Proof;
use millrace_l1::evm::{Evm, Outcome, Verdict};
use millrace_l1::{Q, R, VerifyCall, g1_words, g2_words};

const INPUTS: usize = 3;

struct Target {
    evm: Evm,
    verifier: Address,
    fixture: Fixture,
}

impl Target {
    /// A deployed verifier that accepts its fixture's proof; `None` without a compiler.
    fn deploy() -> Option<Self> {
        let fixture = Fixture::new(INPUTS, 11);
        let compiled = crate::support::compile(&fixture.source())?;
        let mut evm = Evm::new();
        let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
        let mut target = Self { evm, verifier, fixture };
        let good = target.fixture.call().encode();
        assert!(matches!(target.judge(&good), Verdict::Accepted { .. }), "the fixture itself");
        Some(target)
    }

    fn judge(&mut self, calldata: &[u8]) -> Verdict {
        self.evm.verify(self.verifier, calldata).expect("the machine runs the call")
    }

    fn with(&mut self, change: impl FnOnce(&mut VerifyCall)) -> Verdict {
        let mut call = self.fixture.call();
        change(&mut call);
        self.judge(&call.encode())
    }

    fn assert_rejected(&mut self, what: &str, change: impl FnOnce(&mut VerifyCall)) {
        let verdict = self.with(change);
        assert!(matches!(verdict, Verdict::Rejected { .. }), "{what}: expected false, got {verdict:?}");
    }

    fn assert_precompile_failed(
        &mut self,
        what: &str,
        precompile: u64,
        change: impl FnOnce(&mut VerifyCall),
    ) {
        let verdict = self.with(change);
        let due = error_data("PrecompileFailed(uint256)", &[precompile]);
        match verdict {
            Verdict::Reverted { data, .. } => assert_eq!(data, due, "{what}"),
            other => panic!("{what}: expected a revert, got {other:?}"),
        }
    }
}

/// ABI encoding of a custom error.
fn error_data(signature: &str, arguments: &[u64]) -> Bytes {
    let mut data = keccak256(signature)[..4].to_vec();
    arguments.iter().for_each(|argument| data.extend(U256::from(*argument).to_be_bytes::<32>()));
    data.into()
}

#[test]
fn input_that_is_not_reduced_is_rejected() {
    let Some(mut target) = Target::deploy() else { return };
    for i in 0..INPUTS {
        target.assert_rejected("x + r, the same statement in other bytes", |call| call.input[i] += R);
        target.assert_rejected("r", |call| call.input[i] = R);
        target.assert_rejected("2^256 - 1", |call| call.input[i] = U256::MAX);
        target.assert_rejected("r - 1, in range but another statement", |call| {
            call.input[i] = R - U256::ONE;
        });
    }
}

#[test]
fn other_inputs_are_rejected() {
    let Some(mut target) = Target::deploy() else { return };
    target.assert_rejected("exchanged", |call| call.input.swap(0, 1));
    target.assert_rejected("one more", |call| call.input[2] += U256::ONE);
    target.assert_rejected("all zero", |call| call.input.fill(U256::ZERO));
}

#[test]
fn wrong_count_of_inputs_is_no_call_of_the_contract() {
    let Some(mut target) = Target::deploy() else { return };
    for count in [0, INPUTS - 1, INPUTS + 1] {
        // The count is part of the signature, so the selector is unknown to the contract.
        match target.with(|call| call.input.resize(count, U256::ONE)) {
            Verdict::Reverted { data, .. } => assert!(data.is_empty(), "{count} inputs: {data}"),
            other => panic!("{count} inputs: {other:?}"),
        }
    }
}

#[test]
fn calldata_of_another_length_reverts() {
    let Some(mut target) = Target::deploy() else { return };
    let good = target.fixture.call().encode();
    for cut in [0, 1, 3, 4, 5, 36, 260, good.len() - 32, good.len() - 1] {
        match target.judge(&good[..cut]) {
            Verdict::Reverted { data, .. } => assert!(data.is_empty(), "{cut} bytes: {data}"),
            other => panic!("{cut} bytes: {other:?}"),
        }
    }
    for extra in [1_usize, 31, 32, 320] {
        for filler in [0, 0xff] {
            let mut long = good.clone();
            long.resize(good.len() + extra, filler);
            let due =
                error_data("WrongCalldataLength(uint256,uint256)", &[good.len() as u64, long.len() as u64]);
            match target.judge(&long) {
                Verdict::Reverted { data, .. } => assert_eq!(data, due, "{extra} extra bytes"),
                other => panic!("{extra} extra bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn coordinates_at_or_above_q_are_rejected() {
    let Some(mut target) = Target::deploy() else { return };
    for i in 0..2 {
        target.assert_rejected("A + q, the same point", |call| call.a[i] += Q);
        target.assert_rejected("C + q, the same point", |call| call.c[i] += Q);
        target.assert_rejected("A = q", |call| call.a[i] = Q);
        target.assert_rejected("C = 2^256 - 1", |call| call.c[i] = U256::MAX);
        for j in 0..2 {
            target.assert_rejected("B + q, the same point", |call| call.b[i][j] += Q);
            target.assert_rejected("B = q", |call| call.b[i][j] = Q);
        }
    }
}

#[test]
fn points_off_the_curve_revert() {
    let Some(mut target) = Target::deploy() else { return };
    target.assert_precompile_failed("A", 8, |call| call.a[1] = (call.a[1] + U256::ONE) % Q);
    target.assert_precompile_failed("C", 8, |call| call.c[1] = (call.c[1] + U256::ONE) % Q);
    target.assert_precompile_failed("B", 8, |call| call.b[1][1] = (call.b[1][1] + U256::ONE) % Q);
    target.assert_precompile_failed("A with x alone", 8, |call| call.a[1] = U256::ZERO);
    target.assert_precompile_failed("B with its parts exchanged", 8, |call| {
        call.b.iter_mut().for_each(|pair| pair.swap(0, 1));
    });
}

#[test]
fn g2_point_outside_the_subgroup_reverts() {
    let Some(mut target) = Target::deploy() else { return };
    // The curve over Fq2 has a cofactor, so nearly every point of it is outside the subgroup.
    let stray = (1_u64..)
        .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::ONE), false))
        .expect("half of all x have a point");
    assert!(stray.is_on_curve() && !stray.is_in_correct_subgroup_assuming_on_curve());
    target.assert_precompile_failed("a stray point", 8, |call| call.b = g2_words(&stray));
    let b = target.fixture.proof.b;
    let shifted = (b + stray).into_affine();
    target.assert_precompile_failed("B plus a stray point", 8, |call| call.b = g2_words(&shifted));
}

#[test]
fn infinity_is_rejected_in_each_place() {
    let Some(mut target) = Target::deploy() else { return };
    let (zero1, zero2) = (g1_words(&G1Affine::zero()), g2_words(&G2Affine::zero()));
    target.assert_rejected("A", |call| call.a = zero1);
    target.assert_rejected("B", |call| call.b = zero2);
    target.assert_rejected("C", |call| call.c = zero1);
    target.assert_rejected("A and B", |call| (call.a, call.b) = (zero1, zero2));
    target.assert_rejected("all-zero proof", |call| (call.a, call.b, call.c) = (zero1, zero2, zero1));
    target.assert_rejected("all-zero call", |call| {
        (call.a, call.b, call.c) = (zero1, zero2, zero1);
        call.input.fill(U256::ZERO);
    });
}

#[test]
fn exchanged_or_foreign_points_are_rejected() {
    let Some(mut target) = Target::deploy() else { return };
    target.assert_rejected("A and C exchanged", |call| std::mem::swap(&mut call.a, &mut call.c));
    let g1 = g1_words(&G1Affine::generator());
    let g2 = g2_words(&G2Affine::generator());
    target.assert_rejected("generators", |call| (call.a, call.b, call.c) = (g1, g2, g1));
    let key = target.fixture.key.clone();
    target.assert_rejected("alpha and beta", |call| {
        (call.a, call.b) = (g1_words(&key.alpha), g2_words(&key.beta));
    });
    target.assert_rejected("only A negated", |call| call.a[1] = Q - call.a[1]);
}

/// Groth16 proofs are malleable, by design of the equation: these are other proofs of the same statement, made without the
/// witness, and the contract accepts them. A contract that records proof bytes against replay records nothing.
#[test]
fn malleated_proofs_are_accepted() {
    let Some(mut target) = Target::deploy() else { return };
    let verdict = target.with(|call| {
        call.a[1] = Q - call.a[1];
        call.b[1].iter_mut().for_each(|part| *part = (Q - *part) % Q);
    });
    assert!(matches!(verdict, Verdict::Accepted { .. }), "(-A, -B, C): {verdict:?}");

    // (A/k, k·B + k·m·delta, C + m·A)
    let (mut rng, proof) = (StdRng::seed_from_u64(12), target.fixture.proof);
    let (k, m) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let delta = target.fixture.key.delta;
    let a = (proof.a * k.inverse().expect("not zero")).into_affine();
    let b = (proof.b * k + delta * (k * m)).into_affine();
    let c = (proof.c + proof.a * m).into_affine();
    let verdict = target.with(|call| (call.a, call.b, call.c) = (g1_words(&a), g2_words(&b), g1_words(&c)));
    assert!(matches!(verdict, Verdict::Accepted { .. }), "re-randomised: {verdict:?}");
}

/// With gamma = delta anybody forges: why `export` refuses such a key.
#[test]
fn development_key_is_forged_without_a_witness() {
    let mut fixture = Fixture::new(1, 13);
    fixture.key.delta = fixture.key.gamma;
    let options =
        millrace_l1::solidity::ExportOptions { name: "Verifier", contributions: Some(0), allow_dev: true };
    let source = millrace_l1::solidity::export(&fixture.key, &options).expect("allowed");
    let Some(compiled) = crate::support::compile(&source) else { return };
    let mut evm = Evm::new();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    // A = alpha, B = beta, C = -L for any input at all.
    let input = Fr::from(1234567_u64);
    let public = fixture.key.ic[0] + fixture.key.ic[1] * input;
    let forged = Proof { a: fixture.key.alpha, b: fixture.key.beta, c: (-public).into_affine() };
    let verdict = evm.verify(verifier, &VerifyCall::new(&forged, &[FrCanonical::from(input)]).encode());
    assert!(matches!(verdict, Ok(Verdict::Accepted { .. })), "{verdict:?}");
}

#[test]
fn missing_precompile_reverts() {
    let fixture = Fixture::new(INPUTS, 14);
    let Some(compiled) = crate::support::compile(&fixture.source()) else { return };
    let mut evm = Evm::without_bn254();
    let verifier = evm.deploy(&compiled.bytecode).expect("deploy");
    let due = error_data("PrecompileFailed(uint256)", &[7]);
    match evm.verify(verifier, &fixture.call().encode()).expect("call") {
        Verdict::Reverted { data, .. } => assert_eq!(data, due),
        other => panic!("expected a revert, got {other:?}"),
    }
}

/// Whatever gas is given, a good proof is never called false: a caller who punishes false cannot be tricked by a stingy sender.
#[test]
fn lack_of_gas_is_never_a_rejection() {
    let Some(mut target) = Target::deploy() else { return };
    let good = target.fixture.call().encode();
    let mut accepted = 0;
    for gas in (40_000..260_000).step_by(1_000) {
        match target.evm.call_with_gas(target.verifier, &good, gas).expect("call") {
            Outcome::Returned { output, .. } => {
                assert_eq!(output[31], 1, "false with a limit of {gas} gas");
                accepted += 1;
            }
            Outcome::Reverted { .. } | Outcome::Halted { .. } => assert_eq!(accepted, 0, "at {gas} gas"),
        }
    }
    assert!(accepted > 0, "the largest limit suffices");
}

#[test]
fn address_without_code_is_not_a_verifier() {
    let fixture = Fixture::new(1, 15);
    let result = Evm::new().verify(Address::repeat_byte(0x77), &fixture.call().encode());
    assert!(
        matches!(result, Err(millrace_l1::evm::EvmError::NotBool { got_bytes: 0 })),
        "an empty account succeeds with no data: {result:?}"
    );
}

/// Random words in random places: the contract answers false or reverts, and the machine runs every call.
#[test]
fn random_damage_is_never_accepted() {
    let Some(mut target) = Target::deploy() else { return };
    let mut rng = StdRng::seed_from_u64(16);
    let good = target.fixture.call().encode();
    for round in 0..200 {
        let mut bad = good.clone();
        let place = 4 + (u64::rand(&mut rng) as usize) % (good.len() - 4);
        let flip = (u8::rand(&mut rng)).max(1);
        bad[place] ^= flip;
        let verdict = target.judge(&bad);
        assert!(
            !matches!(verdict, Verdict::Accepted { .. }),
            "round {round}: byte {place} ^ {flip:#x} was accepted"
        );
    }
}

#[test]
fn moduli_are_the_curves() {
    assert_eq!(Q.to_string(), Fq::MODULUS.to_string());
    assert_eq!(R.to_string(), Fr::MODULUS.to_string());
}

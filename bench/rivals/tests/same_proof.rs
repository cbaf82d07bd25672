//! A rival's proof is the oracle's, for the same blinding scalars: the figures compare like with like.

#[path = "../../../host/oracle/tests/common/mod.rs"]
mod common;

use ark_bn254::Fr;
use ark_ff::{One, UniformRand};
use ark_std::test_rng;
use millrace_oracle::{ReadError, prove};
use millrace_rivals::arkworks_prove;

#[test]
fn arkworks_makes_the_same_proof() {
    let mut rng = test_rng();
    for (squares, log_n) in [(1, 2), (6, 3), (100, 7)] {
        let toy = common::toy(squares, log_n, &mut rng);
        let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let rival = arkworks_prove(&toy.zkey, &toy.wtns, r, s).unwrap();
        assert_eq!(rival.proof, prove(&toy.zkey, &toy.wtns, r, s).unwrap());
        assert!(!rival.prove.is_zero());
    }
}

#[test]
fn a_witness_of_another_circuit_is_refused() {
    let mut rng = test_rng();
    let (one, other) = (common::toy(3, 3, &mut rng), common::toy(4, 3, &mut rng));
    let outcome = arkworks_prove(&one.zkey, &other.wtns, Fr::one(), Fr::one());
    assert!(matches!(outcome, Err(ReadError::Mismatch { .. })));
}

//! Files that must be refused, each by its own error.

mod common;

use std::sync::Arc;

use common::{TINY_KEY, TINY_PROOF, TINY_PUBLIC, TINY_R1CS, TINY_VK, TINY_WITNESS, key, section};
use millrace_bn254::FrCanonical;
use millrace_groth16::{
    ContainerError, JsonError, KeyError, PointFault, ProvingKey, R1cs, R1csError, VerifyError, Witness,
    WitnessError, proof_from_json, public_from_json, verify, verifying_key_from_json,
};

fn put(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn refused(change: impl FnOnce(&mut Vec<u8>)) -> KeyError {
    let mut bytes = TINY_KEY.to_vec();
    change(&mut bytes);
    match key(&bytes) {
        Ok(_) => panic!("a bad key was taken"),
        Err(e) => e,
    }
}

macro_rules! assert_refused {
    ($error:expr, $pattern:pat $(if $guard:expr)?) => {
        match $error {
            $pattern $(if $guard)? => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}

#[test]
fn frames() {
    use ContainerError::{DuplicateSection, Empty, Magic, MissingSection, Trailing, Truncated, Version};
    assert_refused!(refused(Vec::clear), KeyError::Container(Empty));
    assert_refused!(refused(|f| f[0] = b'w'), KeyError::Container(Magic { got, .. }) if got == "wkey");
    assert_refused!(refused(|f| f[4] = 2), KeyError::Container(Version { expected: 1, got: 2 }));
    assert_refused!(refused(|f| f.push(0)), KeyError::Container(Trailing { extra_bytes: 1, .. }));
    assert_refused!(
        refused(|f| {
            f.pop();
        }),
        KeyError::Container(Truncated { .. })
    );
    assert_refused!(refused(|f| f.truncate(3)), KeyError::Container(Truncated { .. }));
    let id = |f: &[u8], s| section(f, s).start - 12;
    assert_refused!(
        refused(|f| {
            let at = id(f, 6);
            put(f, at, 5)
        }),
        KeyError::Container(DuplicateSection { id: 5, .. })
    );
    assert_refused!(
        refused(|f| {
            let at = id(f, 6);
            put(f, at, 66)
        }),
        KeyError::Container(MissingSection { id: 6, .. })
    );
    // a section's length that runs past the end of the file
    let lying = refused(|f| {
        let at = id(f, 10) + 4;
        f[at..at + 8].fill(0xff)
    });
    assert_refused!(lying, KeyError::Container(Truncated { needed_bytes: u64::MAX, .. }));
}

#[test]
fn headers() {
    assert_refused!(refused(|f| { let at = section(f, 1).start; put(f, at, 2) }), KeyError::Protocol { got } if got == "PLONK");
    let q = |f: &[u8]| section(f, 2).start + 4;
    assert_refused!(
        refused(|f| {
            let at = q(f);
            f[at] ^= 2
        }),
        KeyError::OtherCurve { what: "base field", .. }
    );
    assert_refused!(
        refused(|f| {
            let at = q(f) + 36;
            f[at] ^= 2
        }),
        KeyError::OtherCurve { what: "scalar field", .. }
    );
    // the length of q: longer than the section, then shorter than a field
    assert_refused!(
        refused(|f| {
            let at = q(f) - 4;
            put(f, at, 1 << 30)
        }),
        KeyError::Container(ContainerError::Truncated { .. })
    );
    assert_refused!(
        refused(|f| {
            let at = q(f) - 4;
            put(f, at, 31)
        }),
        KeyError::OtherCurve { .. }
    );
    let counts = |f: &[u8]| section(f, 2).start + 72;
    for domain in [0, 1, 3, 5, 1 << 28, u32::MAX] {
        let error = refused(|f| {
            let at = counts(f) + 8;
            put(f, at, domain)
        });
        assert_refused!(error, KeyError::Domain { got } if got == domain);
    }
    // a domain that is a power of two, but not the one that the bases are for
    let error = refused(|f| {
        let at = counts(f) + 8;
        put(f, at, 8)
    });
    assert_refused!(
        error,
        KeyError::Container(ContainerError::SectionSize { id: 9, expected_bytes: 512, got_bytes: 256, .. })
    );
    let error = refused(|f| {
        let at = counts(f);
        put(f, at, 1 << 31)
    });
    assert_refused!(error, KeyError::Container(ContainerError::SectionSize { id: 5, .. }));
    let error = refused(|f| {
        let at = counts(f) + 4;
        put(f, at, u32::MAX)
    });
    assert_refused!(error, KeyError::Counts { n_public: u32::MAX, .. });
    let error = refused(|f| {
        let at = section(f, 4).start;
        put(f, at, u32::MAX)
    });
    assert_refused!(error, KeyError::Container(ContainerError::SectionSize { id: 4, .. }));
}

fn point_fault(change: impl FnOnce(&mut Vec<u8>)) -> (PointFault, &'static str) {
    match refused(change) {
        KeyError::Point(e) => (e.fault, e.what),
        other => panic!("expected a bad point, got {other:?}"),
    }
}

#[test]
fn points_of_the_header() {
    let alpha = |f: &[u8]| section(f, 2).start + 84;
    assert_eq!(
        point_fault(|f| {
            let at = alpha(f);
            f[at] ^= 1
        }),
        (PointFault::OffCurve, "alpha")
    );
    assert_eq!(
        point_fault(|f| {
            let at = alpha(f);
            f[at..at + 32].fill(0xff)
        }),
        (PointFault::Range, "alpha")
    );
    assert_eq!(
        point_fault(|f| {
            let at = alpha(f);
            f[at..at + 64].fill(0)
        }),
        (PointFault::Infinity, "alpha")
    );
    let beta2 = |f: &[u8]| alpha(f) + 128;
    assert_eq!(
        point_fault(|f| {
            let at = beta2(f);
            f[at] ^= 1
        }),
        (PointFault::OffCurve, "beta over G2")
    );
    let outside = outside_subgroup();
    let put_outside = |f: &mut Vec<u8>| {
        let at = beta2(f);
        f[at..at + 128].copy_from_slice(&outside)
    };
    assert_eq!(point_fault(put_outside), (PointFault::OutsideSubgroup, "beta over G2"));
    let ic = |f: &[u8]| section(f, 3).start;
    assert_eq!(
        point_fault(|f| {
            let at = ic(f) + 64;
            f[at] ^= 1
        }),
        (PointFault::OffCurve, "public bases")
    );
}

/// A point of the twist that is not of order r, as a `.zkey` writes it.
fn outside_subgroup() -> [u8; 128] {
    use millrace_bn254::{Fq2, G2Affine, G2Mont};
    let point = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 0.into()), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve());
    G2Mont::from(&point.unwrap()).0
}

#[test]
fn long_arrays() {
    let mut bytes = TINY_KEY.to_vec();
    let b2 = section(&bytes, 7);
    let at = b2.end - 128;
    bytes[at..].split_at_mut(128).0.copy_from_slice(&outside_subgroup());
    let damaged = key(&bytes).unwrap();
    damaged.check_points().unwrap();
    let Err(KeyError::Point(e)) = damaged.check_subgroups() else {
        panic!("a point outside the subgroup was taken")
    };
    assert_eq!((e.fault, e.offset), (PointFault::OutsideSubgroup, at as u64));

    let coefficients = section(TINY_KEY, 4).start + 4;
    let header = key(TINY_KEY).unwrap().header().clone();
    for (field, what, bad) in [(0, "matrix", 2), (4, "row", header.domain_size), (8, "column", header.n_vars)]
    {
        let mut bytes = TINY_KEY.to_vec();
        put(&mut bytes, coefficients + 44 + field, bad);
        let Err(KeyError::Coefficient { index: 1, what: got, .. }) =
            key(&bytes).unwrap().check_coefficients()
        else {
            panic!("{what} {bad} was taken")
        };
        assert_eq!(got, what);
    }
    let mut bytes = TINY_KEY.to_vec();
    bytes[coefficients + 12..coefficients + 44].fill(0xff);
    assert!(matches!(
        key(&bytes).unwrap().check_coefficients(),
        Err(KeyError::Coefficient { index: 0, what: "value", .. })
    ));
}

#[test]
fn contributions() {
    let start = section(TINY_KEY, 10).start;
    let count = start + 64;
    let parameters = count + 4 + 64 * 3 + 128 + 64 + 4;
    assert_refused!(
        refused(|f| put(f, count, u32::MAX)),
        KeyError::Container(ContainerError::Truncated { .. })
    );
    assert_refused!(refused(|f| put(f, count, 1)), KeyError::Container(ContainerError::Trailing { .. }));
    assert_refused!(refused(|f| f[count + 4] ^= 1), KeyError::Contribution { index: 0, .. });
    assert_refused!(refused(|f| put(f, parameters - 4, 9)), KeyError::Contribution { index: 0, .. });
    assert_refused!(
        refused(|f| put(f, parameters, u32::MAX)),
        KeyError::Container(ContainerError::Truncated { .. })
    );
    assert_refused!(refused(|f| f[parameters + 4] = 200), KeyError::Contribution { index: 0, .. });
}

#[test]
fn files_that_cannot_be_mapped() {
    let missing = ProvingKey::open(std::path::Path::new("/no/such/key.zkey"));
    assert!(matches!(missing, Err(KeyError::Io(_))));
    assert!(matches!(ProvingKey::open(&std::env::temp_dir()), Err(KeyError::Io(_))), "a folder is no key");
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(ProvingKey::open(empty.path()), Err(KeyError::Container(ContainerError::Empty))));
}

#[test]
fn witnesses() {
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = TINY_WITNESS.to_vec();
        change(&mut bytes);
        Witness::from_bytes(&bytes).unwrap_err()
    };
    let values = section(TINY_WITNESS, 2);
    let header = section(TINY_WITNESS, 1).start;
    assert_refused!(refused(&|f| f.clear()), WitnessError::Container(ContainerError::Empty));
    assert_refused!(
        refused(&|f| f[4] = 1),
        WitnessError::Container(ContainerError::Version { expected: 2, got: 1 })
    );
    assert_refused!(refused(&|f| f[header + 4] ^= 2), WitnessError::OtherField { .. });
    let count = |f: &mut Vec<u8>| put(f, header + 36, u32::MAX);
    assert_refused!(refused(&count), WitnessError::Container(ContainerError::SectionSize { id: 2, .. }));
    let big = |f: &mut Vec<u8>| f[values.start + 64..values.start + 96].fill(0xff);
    assert_refused!(refused(&big), WitnessError::Range { index: 2, offset } if offset == values.start as u64 + 64);
    assert_refused!(refused(&|f| f[values.start] = 2), WitnessError::NotOne);
}

#[test]
fn witnesses_made_in_place() {
    let fill = |values: [u64; 3]| {
        Witness::filled(3, |places| {
            assert_eq!(places, [FrCanonical::default(); 3]);
            for (place, value) in places.iter_mut().zip(values) {
                // All ones are above r.
                *place = if value == u64::MAX {
                    FrCanonical([0xff; 32])
                } else {
                    FrCanonical::from_limbs([value, 0, 0, 0])
                };
            }
        })
    };
    let witness = fill([1, 7, 9]).unwrap();
    let values = witness.values().iter().map(|value| value.limbs()[0]).collect::<Vec<_>>();
    assert_eq!(values, [1, 7, 9]);
    assert_refused!(fill([1, 7, u64::MAX]).unwrap_err(), WitnessError::Range { index: 2, offset: 64 });
    assert_refused!(fill([2, 7, 9]).unwrap_err(), WitnessError::NotOne);
    assert_refused!(Witness::filled(0, |_| {}).unwrap_err(), WitnessError::NotOne);
}

#[test]
fn constraint_systems() {
    let header = section(TINY_R1CS, 1).start;
    let constraints = section(TINY_R1CS, 2).start;
    let witness = Witness::from_bytes(TINY_WITNESS).unwrap();
    let check = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = TINY_R1CS.to_vec();
        change(&mut bytes);
        R1cs::from_bytes(Arc::new(bytes)).and_then(|r1cs| r1cs.first_unsatisfied(&witness)).unwrap_err()
    };
    assert_refused!(check(&|f| f[header + 4] ^= 2), R1csError::OtherField { .. });
    assert_refused!(check(&|f| put(f, header + 36, 2)), R1csError::Counts { .. });
    assert_refused!(check(&|f| put(f, header + 36, 99)), R1csError::WitnessLength { expected: 99, .. });
    assert_refused!(
        check(&|f| put(f, constraints, u32::MAX)),
        R1csError::Wire { .. } | R1csError::Value { .. } | R1csError::Container(_)
    );
    assert_refused!(check(&|f| put(f, constraints + 4, 5)), R1csError::Wire { constraint: 0, got: 5, .. });
    assert_refused!(
        check(&|f| f[constraints + 8..constraints + 40].fill(0xff)),
        R1csError::Value { constraint: 0, .. }
    );
    let one_less = |f: &mut Vec<u8>| {
        let count = header + 60;
        let fewer = f[count] - 1;
        f[count] = fewer;
    };
    assert_refused!(check(&one_less), R1csError::Container(ContainerError::Trailing { .. }));
}

#[test]
fn json() {
    let proof = |from: &str, to: &str| proof_from_json(&TINY_PROOF.replacen(from, to, 1)).unwrap_err();
    assert_refused!(proof_from_json("").unwrap_err(), JsonError::Syntax { .. });
    assert_refused!(proof_from_json(&TINY_PROOF[..100]).unwrap_err(), JsonError::Syntax { .. });
    assert_refused!(proof("groth16", "plonk"), JsonError::Label { what: "protocol", .. });
    assert_refused!(proof("bn128", "bls12381"), JsonError::Label { what: "curve", .. });
    assert_refused!(proof("  \"1\"\n", "  \"2\"\n"), JsonError::NotAffine { .. });
    assert_refused!(
        proof("pi_a\": [\n  \"", "pi_a\": [\n  \"1"),
        JsonError::Number { .. } | JsonError::Point { .. }
    );
    assert_refused!(proof("pi_a\": [\n  \"", "pi_a\": [\n  \"-"), JsonError::Number { .. });
    let verifying = verifying_key_from_json(TINY_VK).unwrap();
    let good = proof_from_json(TINY_PROOF).unwrap();
    let publics = public_from_json(TINY_PUBLIC).unwrap();
    verify(&verifying, &publics, &good).unwrap();
    assert_refused!(
        verifying_key_from_json(&TINY_VK.replace("\"nPublic\": 1", "\"nPublic\": 2")).unwrap_err(),
        JsonError::IcLength { expected: 3, got: 2 }
    );
    assert_refused!(public_from_json("[\"0x12\"]").unwrap_err(), JsonError::Number { .. });
    assert_refused!(public_from_json("[12]").unwrap_err(), JsonError::Syntax { .. });
    // 2^256 is no 32-byte word; r is, and is refused by the verifier, as is x + r
    let too_long = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    assert_refused!(public_from_json(&format!("[\"{too_long}\"]")).unwrap_err(), JsonError::Number { .. });
    let r = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    let not_below = public_from_json(&format!("[\"{r}\"]")).unwrap();
    assert_eq!(verify(&verifying, &not_below, &good), Err(VerifyError::Range { index: 0 }));
}

#[test]
fn points_of_a_proof() {
    use millrace_bn254::{G1Affine, G2Mont};
    let verifying = verifying_key_from_json(TINY_VK).unwrap();
    let publics = public_from_json(TINY_PUBLIC).unwrap();
    let good = proof_from_json(TINY_PROOF).unwrap();
    let mut bad = good;
    bad.c = G1Affine::new_unchecked(bad.c.x, bad.a.y);
    assert_eq!(
        verify(&verifying, &publics, &bad),
        Err(VerifyError::Point { what: "C", fault: PointFault::OffCurve })
    );
    let mut bad = good;
    bad.b = G2Mont(outside_subgroup()).to_affine().unwrap();
    let error = VerifyError::Point { what: "B", fault: PointFault::OutsideSubgroup };
    assert_eq!(verify(&verifying, &publics, &bad), Err(error));
    let mut all_zero = good;
    (all_zero.a, all_zero.c) = (G1Affine::default(), G1Affine::default());
    all_zero.b = Default::default();
    assert_eq!(verify(&verifying, &publics, &all_zero), Err(VerifyError::Pairing));
}

/// The header of a few bytes claims wires for which a setup would need hundreds of gigabytes.
#[test]
fn wires_that_the_file_has_no_room_for() {
    use millrace_groth16::{R1cs, SetupError, dev_setup};
    let wires_at = section(TINY_R1CS, 1).start + 36;
    let mut bytes = TINY_R1CS.to_vec();
    for n_wires in [u32::MAX, 1 << 24, bytes.len() as u32 / 8 + 1] {
        put(&mut bytes, wires_at, n_wires);
        let r1cs = R1cs::from_bytes(std::sync::Arc::new(bytes.clone())).unwrap();
        let refused = dev_setup(&r1cs, b"seed", &mut std::io::sink());
        assert!(matches!(refused, Err(SetupError::Wires { n_wires: got, .. }) if got == n_wires));
    }
    let r1cs = R1cs::from_bytes(std::sync::Arc::new(TINY_R1CS.to_vec())).unwrap();
    dev_setup(&r1cs, b"seed", &mut std::io::sink()).unwrap();
}

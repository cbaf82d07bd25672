//! Sparse products of the CPU engine against the oracle's.

mod common;

use std::time::Duration;

use ark_bn254::Fr;
use ark_ff::{Field, One, UniformRand, Zero};
use ark_std::{
    rand::{Rng, seq::SliceRandom},
    test_rng,
};
use common::{engines, run};
use millrace_bn254::FrCanonical;
use millrace_job::{Coefficient, Engine, EngineError, Job, JobValue, Resident, SparseRows, Term, Word};
use millrace_kernels::CpuEngine;
use millrace_oracle::OracleEngine;

fn entry(matrix: u32, row: u32, column: u32, value: Fr) -> Coefficient {
    Coefficient::new(matrix, row, column, FrCanonical::from(value * Fr::from(2u64).pow([512u64])).0)
}

fn products(
    engine: &dyn Engine,
    entries: &[Coefficient],
    rows: usize,
    witness: &[FrCanonical],
) -> Result<JobValue, EngineError> {
    let matrix = engine.load(Resident::Matrix { entries: entries.to_vec().into(), rows })?;
    run(engine, Job::Rows { matrix, witness: witness.into() })
}

/// The same entries by rows, every value listed where it is used first.
fn by_row(entries: &[Coefficient], rows: usize) -> SparseRows {
    let (mut ends, mut terms, mut values) = (Vec::<Word>::new(), Vec::new(), Vec::<[u8; 32]>::new());
    for place in 0..2 * rows {
        for entry in entries.iter().filter(|e| e.matrix() as usize * rows + e.row() as usize == place) {
            let known = values.iter().position(|v| v == entry.value_r2());
            let value = known.unwrap_or_else(|| {
                values.push(*entry.value_r2());
                values.len() - 1
            });
            terms.push(Term::new(entry.column(), value as u32));
        }
        ends.push((terms.len() as u32).into());
    }
    SparseRows { ends: ends.into(), terms: terms.into(), values: values.into() }
}

fn row_products(
    engine: &dyn Engine,
    rows: &SparseRows,
    witness: &[FrCanonical],
) -> Result<JobValue, EngineError> {
    let matrix = engine.load(Resident::Rows(rows.clone()))?;
    run(engine, Job::Rows { matrix, witness: witness.into() })
}

#[test]
fn sorted_shuffled_and_lopsided_matrices() {
    let mut rng = test_rng();
    let (rows, columns) = (600, 400);
    let witness: Vec<FrCanonical> = (0..columns)
        .map(|i| match i % 4 {
            0 => Fr::one().into(),
            1 => Fr::zero().into(),
            2 => (-Fr::one()).into(),
            _ => Fr::rand(&mut rng).into(),
        })
        .collect();
    let mut sorted = Vec::new();
    for matrix in 0..2 {
        for row in 0..rows {
            for _ in 0..rng.gen_range(0..12) {
                let value = if rng.r#gen() { Fr::one() } else { Fr::rand(&mut rng) };
                sorted.push(entry(matrix, row, rng.gen_range(0..columns), value));
            }
        }
    }
    let mut shuffled = sorted.clone();
    shuffled.shuffle(&mut rng);
    let lopsided: Vec<Coefficient> = (0..5000).map(|i| entry(1, 77, i % columns, Fr::from(i))).collect();
    let oracle = OracleEngine::new();
    for engine in engines() {
        for (name, entries) in
            [("sorted", &sorted), ("shuffled", &shuffled), ("lopsided", &lopsided), ("empty", &vec![])]
        {
            let expected = products(&oracle, entries, rows as usize, &witness).unwrap();
            assert!(products(&engine, entries, rows as usize, &witness).unwrap() == expected, "{name}");
            let rows = by_row(entries, rows as usize);
            assert!(row_products(&oracle, &rows, &witness).unwrap() == expected, "{name} by rows, oracle");
            assert!(row_products(&engine, &rows, &witness).unwrap() == expected, "{name} by rows");
        }
    }
    let none = products(&CpuEngine::with_threads(2), &[], 0, &witness).unwrap();
    assert_eq!(none, JobValue::Rows { a: vec![], b: vec![] });
}

#[test]
fn nonsense_is_refused() {
    let engine = CpuEngine::with_threads(2);
    let witness = [FrCanonical::from(Fr::one()); 3];
    let good = entry(0, 1, 2, Fr::one());
    for bad in [
        entry(2, 0, 0, Fr::one()),
        entry(0, 4, 0, Fr::one()),
        entry(1, 0, 3, Fr::one()),
        entry(u32::MAX, u32::MAX, u32::MAX, Fr::one()),
    ] {
        let outcome = products(&engine, &[good, bad, good], 4, &witness);
        assert!(matches!(outcome, Err(EngineError::BadValue { what: "coefficient", position: 1 })));
    }
    let outcome = products(&engine, &[good], 4, &[witness[0], FrCanonical([255; 32]), witness[0]]);
    assert!(matches!(outcome, Err(EngineError::BadValue { what: "witness value", position: 1 })));
}

#[test]
fn rows_that_lead_outside_are_refused() {
    let engine = CpuEngine::with_threads(2);
    let witness = [FrCanonical::from(Fr::one()); 3];
    let good = by_row(&[entry(0, 1, 2, Fr::one()), entry(1, 0, 0, Fr::one())], 2);
    row_products(&engine, &good, &witness).unwrap();
    let ends = |ends: [u32; 4]| SparseRows { ends: ends.map(Word::from).to_vec().into(), ..good.clone() };
    let terms = |column, value| SparseRows {
        terms: vec![Term::new(0, 0), Term::new(column, value)].into(),
        ..good.clone()
    };
    for bad in [
        ends([0, 1, 0, 2]),
        ends([0, 1, 2, 3]),
        ends([u32::MAX, 1, 2, 2]),
        terms(3, 0),
        terms(u32::MAX, 0),
        terms(0, 1),
        terms(0, u32::MAX),
    ] {
        let outcome = row_products(&engine, &bad, &witness);
        assert!(matches!(outcome, Err(EngineError::BadValue { what: "coefficient", .. })));
        assert!(row_products(&OracleEngine::new(), &bad, &witness).is_err());
    }
}

#[test]
fn more_rows_than_a_domain_has_are_refused() {
    for rows in [(1 << 27) + 1, 1 << 62, 1 << 63, usize::MAX] {
        let outcome = CpuEngine::with_threads(1).load(Resident::Matrix { entries: vec![].into(), rows });
        assert!(matches!(outcome, Err(EngineError::BadJob { .. })), "{rows}");
    }
}

/// A thread that waits for its part of the first look at a matrix takes up other jobs: among them may be the next product with the same matrix.
#[test]
fn first_products_with_one_matrix_do_not_wait_for_each_other() {
    const ENTRIES: u32 = 1 << 18;
    const JOBS: usize = 8;
    let entries: Vec<Coefficient> = (0..ENTRIES).map(|i| entry(0, i % 512, 0, Fr::one())).collect();
    let witness = [FrCanonical::from(Fr::one())];
    let engine = CpuEngine::with_threads(3);
    for _ in 0..20 {
        let matrix = engine.load(Resident::Matrix { entries: entries.clone().into(), rows: 512 }).unwrap();
        let job = || Job::Rows { matrix, witness: witness.as_slice().into() };
        let tickets: Vec<_> = (0..JOBS).map(|_| engine.submit(job()).unwrap()).collect();
        for ticket in tickets {
            let ended = engine.try_wait(ticket, Duration::from_secs(60)).unwrap();
            let Ok(output) = ended else { panic!("a product waits for ever") };
            let JobValue::Rows { a, .. } = output.value else { panic!("another answer") };
            assert!(a.iter().all(|sum| *sum == Fr::from(ENTRIES / 512)));
        }
        engine.unload(matrix);
    }
}

//! Sums of scalars that are chosen to hurt beside sums of random ones: none may take much longer.

use ark_ff::{AdditiveGroup, Field};
use millrace_bn254::Fr;

use super::{
    Bar, Sheet,
    kernels::{Pair, Sums, elements},
};
use crate::exit::Failure;

/// What any may take, in times of random scalars.
const BAR: f64 = 1.3;
/// By how many values some are few.
const FEW: [usize; 3] = [2, 10, 100];

/// Names and scalars; the first are random.
fn distributions(n: usize) -> Vec<(String, Vec<Fr>)> {
    let random = elements(n);
    let half = (-Fr::ONE) / Fr::from(2u64);
    let powers = || (0..n as u64).map(|i| Fr::from(2u64).pow([i % 254]));
    let of = |name: &str, scalars: Vec<Fr>| (name.to_owned(), scalars);
    let mut sorted = random.clone();
    sorted.sort_unstable();
    let mut list = vec![
        of("random", random.clone()),
        of("sorted", sorted),
        of("all equal", vec![random[1]; n]),
        of("all r − 1", vec![-Fr::ONE; n]),
        of("all (r − 1)/2", vec![half; n]),
        of("all zero", vec![Fr::ZERO; n]),
        of("powers of two", powers().collect()),
        of("powers of two less one", powers().map(|x| x - Fr::ONE).collect()),
        of("zeros and ones", random.iter().map(|x| Fr::from(u64::from(is_odd(x)))).collect()),
    ];
    // Equal ones in a row, and in turn: buckets meet their like in the same batch, or never.
    for values in FEW {
        list.push((format!("{values} values in turn"), (0..n).map(|i| random[i % values]).collect()));
        list.push((format!("{values} values in rows"), (0..n).map(|i| random[i * values / n]).collect()));
    }
    // Around the number of waiting points from which the engine sorts them: half of all are equal, and an eighth.
    for part in [2, 8] {
        let mixed = (0..n).map(|i| if i % part == 0 { random[0] } else { random[i] }).collect();
        list.push((format!("one of {part} the same, others random"), mixed));
    }
    list
}

fn is_odd(x: &Fr) -> bool {
    x.0.0[0] & 1 == 1
}

/// Prints what each takes over random scalars, and judges the worst.
pub(super) fn measure(sheet: &mut Sheet, pair: &Pair, sums: &Sums, name: &str) -> Result<(), Failure> {
    let (names, all): (Vec<_>, Vec<_>) =
        distributions(sums.len()).into_iter().map(|(name, scalars)| (name, sums.with(scalars))).unzip();
    let seconds = pair.in_turns(&all)?;
    let ratios = || seconds[1..].iter().map(|one| one / seconds[0]);
    for (what, ratio) in names[1..].iter().zip(ratios()) {
        sheet.told(&format!("{name}, {what}: over random"), ratio, "times");
    }
    let worst = ratios().fold(0.0, f64::max);
    sheet.line(&format!("{name}, the worst of these"), worst, "times", Bar::AtMost(BAR));
    Ok(())
}

//! Whether many points of the twist are all of order r, by random combinations.
//!
//! With E' the twist and h its cofactor, a point lies in the subgroup exactly if its image in E'/⟨r⟩, a group of order h, is 0. A *round* draws for each
//! point a digit ±1, …, ±2^13 and looks whether Σ dᵢ·Pᵢ lies in the subgroup. If some Pⱼ does not, its image has an order o > 1 that divides h, so o ≥ 10069, the
//! smallest prime factor of h; for any values of the other digits, the sum's image is 0 for dⱼ of at most one residue mod o, which at most two of
//! the 2^14 digits have (they span 2^14 + 1 < 2·10069 integers). So a round misses with probability at most 2^-13, and [`ROUNDS`] independent ones with at most
//! 2^-130. The digits come from the system's generator after the points are fixed: who made the file cannot know them.
//!
//! One combination, or coefficients of any length, would not do: an image of order 10069 is missed once in 10069 times whatever is added to it.
//! A round costs an addition a point ([`Buckets`]); a check of one point by ψ costs some 190 of them.

use millrace_bn254::{
    G2Affine, G2Mont,
    backend::Instructions,
    buckets::{Buckets, Layout},
    curve::G2Lazy,
    points::{Curve, G2},
};
use rayon::prelude::*;

/// Independent combinations.
const ROUNDS: usize = 10;
/// Digits are ±1, …, ±2^DIGIT_BITS.
const DIGIT_BITS: u32 = 13;
/// Points of a task: its buckets are weighed once.
const RANGE: usize = 1 << 18;
/// Points that are sorted together: their sums in the making stay in the cache.
const PIECE: usize = 1 << 14;
/// Below so many, every point is looked at by itself.
const FEW: usize = 64;

/// How many threads look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// All of rayon's, each with buckets of its own: up to 5 MiB.
    AllThreads,
    /// The caller's alone.
    OneThread,
}

/// Whether all `points`, which lie on the twist, are in the subgroup of order r. A "no" is certain, a "yes" wrong with probability ≤ 2^-130. `None` where
/// the system gives no randomness.
pub(crate) fn all_in_subgroup(points: &[G2Mont], pace: Pace) -> Option<bool> {
    if points.len() < FEW {
        let one = |p: &G2Mont| p.to_affine().is_some_and(|p| p.is_in_correct_subgroup_assuming_on_curve());
        return Some(points.par_iter().all(one));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok()?;
    let instructions = Instructions::from_env().unwrap_or_else(|_| Instructions::best());
    let ranges = points.chunks(RANGE).enumerate();
    let tasks: Vec<_> =
        ranges.flat_map(|(n, range)| (0..ROUNDS).map(move |round| (n, round, range))).collect();
    let is_good = |(n, round, range): &(usize, usize, &[G2Mont])| {
        let mut digits = blake3::Hasher::new_keyed(&seed);
        digits.update(&(*n as u64).to_le_bytes()).update(&(*round as u64).to_le_bytes());
        let sum: G2Affine = combine(instructions, range, &mut digits.finalize_xof()).into();
        sum.is_in_correct_subgroup_assuming_on_curve()
    };
    Some(match pace {
        Pace::AllThreads => tasks.par_iter().with_max_len(1).all(is_good),
        Pace::OneThread => tasks.iter().all(is_good),
    })
}

/// Σ dᵢ·Pᵢ with two bytes of `random` a point: 13 bits for |dᵢ| − 1, one for the sign.
fn combine(instructions: Instructions, points: &[G2Mont], random: &mut blake3::OutputReader) -> G2Lazy {
    const BUCKETS: usize = 1 << DIGIT_BITS;
    let mut buckets = Buckets::<G2>::new(instructions, Layout::one(BUCKETS));
    let mut bytes = vec![0; 2 * PIECE];
    let (mut counts, mut ends) = (vec![0u32; BUCKETS], vec![0u32; BUCKETS]);
    let mut ids = Vec::with_capacity(PIECE);
    for piece in points.chunks(PIECE) {
        random.fill(&mut bytes);
        let digits = bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
        // Points at infinity add nothing, and real keys hold many.
        let used = || digits.clone().zip(piece).enumerate().filter(|(_, (_, p))| !G2::is_infinity(p));
        let bucket = |digit: u16| usize::from(digit) % BUCKETS;
        counts.fill(0);
        used().for_each(|(_, (digit, _))| counts[bucket(digit)] += 1);
        let mut end = 0;
        for (at, count) in ends.iter_mut().zip(&counts) {
            *at = end;
            end += count;
        }
        ids.clear();
        ids.resize(end as usize, 0);
        for (i, (digit, _)) in used() {
            let at = &mut ends[bucket(digit)];
            ids[*at as usize] = (i as u32) << 1 | u32::from(digit >> 15);
            *at += 1;
        }
        buckets.add(piece, &counts, &ids, || true);
    }
    buckets.weigh().to_affine()
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{BigInteger, PrimeField};
    use millrace_bn254::{Fq, Fq2, Fr, G2Projective};
    use num_bigint::BigUint;

    use super::*;

    /// A point of the twist, in the subgroup or not.
    fn on_twist(from: u64) -> G2Affine {
        (from..)
            .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 7.into()), false))
            .expect("half of all x are of a point")
    }

    fn modulus<F: PrimeField>() -> BigUint {
        BigUint::from_bytes_le(&F::MODULUS.to_bytes_le())
    }

    /// h = 2q − r, and a point of the given order, which divides h.
    fn of_order(order: u64) -> G2Affine {
        let h = modulus::<Fq>() * 2u8 - modulus::<Fr>();
        assert_eq!(&h % order, BigUint::ZERO, "{order} divides the cofactor");
        let times = modulus::<Fr>() * (h / order);
        (1..)
            .map(|x| on_twist(x).mul_bigint(times.to_u64_digits()).into_affine())
            .find(|p| !p.is_zero())
            .expect("most points have a part of that order")
    }

    fn good(n: usize) -> Vec<G2Affine> {
        let step = G2Affine::generator() * Fr::from(0x1234_5678_9abc_u64);
        let points: Vec<_> = std::iter::successors(Some(step), |p| Some(*p + step)).take(n).collect();
        G2Projective::normalize_batch(&points)
    }

    fn all(points: &[G2Affine]) -> bool {
        let bytes: Vec<G2Mont> = points.iter().map(Into::into).collect();
        let [here, everywhere] =
            [Pace::OneThread, Pace::AllThreads].map(|pace| all_in_subgroup(&bytes, pace));
        assert_eq!(here, everywhere);
        here.expect("the system has randomness")
    }

    #[test]
    fn the_smallest_factor_of_the_cofactor_is_10069() {
        let h = modulus::<Fq>() * 2u8 - modulus::<Fr>();
        assert!((2u32..10069).all(|d| &h % d != BigUint::ZERO));
        assert_eq!(&h % 10069u32, BigUint::ZERO);
        const { assert!((2 << DIGIT_BITS) + 1 < 2 * 10069) };
    }

    #[test]
    fn points_of_the_subgroup_pass_whatever_their_pattern() {
        let mut points = good(2 * PIECE + 5);
        assert!(all(&points));
        points[100..5000].fill(G2Affine::identity());
        let equal = points[0];
        points[6000..9000].fill(equal);
        points[9000..12000].fill(-equal);
        assert!(all(&points));
        assert!(all(&vec![equal; PIECE + 1]));
        assert!(all(&vec![G2Affine::identity(); 1000]));
        assert!(all(&[]) && all(&points[..FEW - 1]));
    }

    #[test]
    fn one_point_outside_is_seen_wherever_it_stands_and_whatever_its_order() {
        let mut points = good(PIECE + 300);
        for bad in [on_twist(3), of_order(10069), of_order(5864401)] {
            assert!(!bad.is_in_correct_subgroup_assuming_on_curve());
            for at in [0, 1, PIECE - 1, PIECE, PIECE + 299] {
                let before = points[at];
                points[at] = (bad + before).into_affine();
                assert!(!all(&points), "at {at}");
                points[at] = before;
            }
        }
    }

    #[test]
    fn points_outside_that_cancel_each_other_are_seen() {
        let bad = of_order(10069);
        let mut points = good(1000);
        for pair in points.chunks_exact_mut(2) {
            pair[0] = (pair[0] + bad).into_affine();
            pair[1] = (pair[1] - bad).into_affine();
        }
        assert!(!all(&points));
        // All of them equal: their plain sum, 10069 times a point, would be in the subgroup.
        assert!(!all(&vec![bad; 10069]));
        assert!(!all(&vec![bad; 70]) && !all(&vec![bad; 3]));
    }
}

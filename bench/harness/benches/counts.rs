//! Instructions of the inner loops, counted by Valgrind's callgrind: a product in Fq, an addition into a bucket, a butterfly, a
//! quotient's value; our backends of four limbs beside
//! arkworks on the same input, checked to give the same answers. Counts do not change with the machine's load.
//!
//! Prints CSV. Each case runs once more in a process of its own under Valgrind, which counts what [`counted_work`] does and nothing before or
//! after it. Valgrind knows no AVX-512, so `avx512` cannot be counted this way; what bounds its products, the IFMA instructions in their loop over arrays, is read from
//! the program's disassembly, where a turn of the loop makes eight products.

use std::{env, hint::black_box, process::Command};

use ark_bn254::{g1, g2};
use ark_ec::{
    AffineRepr, CurveGroup,
    short_weierstrass::{Affine, Bucket, Projective, SWCurveConfig},
};
use ark_ff::{AdditiveGroup, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use ark_std::rand::Rng;
use millrace_bn254::{
    Fq, Fr, FrCanonical, Packed,
    array::FqArray,
    backend::Instructions,
    buckets::{Buckets, Layout},
    ntt::{Plan, Scratch, Shape, WIDTH},
    points::{Curve, G1, G2},
};
use millrace_harness::{Competitor, Scalars, Setting, instructions_from, points, rng};
use rayon::ThreadPoolBuilder;

const CASES: [&str; 5] = [
    "product in Fq",
    "addition into a bucket, G1",
    "addition into a bucket, G2",
    "butterfly",
    "value of a quotient",
];
/// What a copy of this program is called with under Valgrind.
const COUNT: &str = "--count";
const ARKWORKS: &str = Competitor::ARKWORKS;

const PRODUCTS: usize = 1 << 14;
/// Points, and bits of the digits that say into which buckets they go.
const LOG_POINTS: u32 = 15;
const DIGIT_BITS: u32 = 13;
const LOG_VALUES: u32 = 14;
/// Products of a turn of the loop over arrays.
const LANES: usize = 8;

/// Valgrind counts from the entry of this function to its end; so nothing that it calls may have its name.
#[inline(never)]
fn counted_work(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// Who computes: ours with these instructions, or arkworks.
type Engine = Option<Instructions>;

/// arkworks, and ours without AVX-512; without ADX too where the build does not promise that, as Valgrind knows its instructions and denies having them.
fn engines() -> Vec<Engine> {
    let counted = |ours: &Instructions| match Some(*ours) {
        ours if ours == Instructions::avx512() => false,
        ours if ours == Instructions::adx() => cfg!(target_feature = "adx"),
        _ => true,
    };
    [None].into_iter().chain(Instructions::all().into_iter().filter(counted).map(Some)).collect()
}

/// Both sides of a case, as closures to be counted; returns the number of operations that each does.
fn products(engine: Engine) -> usize {
    let mut rng = rng();
    let mut make = || (0..PRODUCTS).map(|_| Fq::rand(&mut rng)).collect::<Vec<_>>();
    let (mut x, y) = (make(), make());
    let expected: Vec<Fq> = x.iter().zip(&y).map(|(x, y)| *x * y).collect();
    match engine {
        None => counted_work(&mut || x.iter_mut().zip(black_box(&y)).for_each(|(x, y)| *x *= y)),
        Some(ours) => {
            let (mut array, other) = (FqArray::new(ours, &x), FqArray::new(ours, &y));
            counted_work(&mut || array.mul_assign(black_box(&other)));
            array.store(&mut x);
        }
    }
    assert!(x == expected, "wrong products");
    PRODUCTS
}

/// Random signed digits, of which none is zero.
fn digits() -> Vec<i32> {
    let (mut rng, most) = (rng(), 1i32 << (DIGIT_BITS - 1));
    (0..1 << LOG_POINTS).map(|_| rng.gen_range(1..=most) * if rng.r#gen() { 1 } else { -1 }).collect()
}

/// The last step, weighing, is not counted; it shows that the buckets are right.
fn additions<C, P>(engine: Engine) -> usize
where
    P: SWCurveConfig,
    C: Curve<Base: for<'a> From<&'a Affine<P>>>,
    Affine<P>: AffineRepr<Group = Projective<P>> + From<millrace_bn254::curve::Affine<C::Field>>,
{
    let (bases, digits) = (points::<Affine<P>>(1 << LOG_POINTS), digits());
    let count = 1 << (DIGIT_BITS - 1);
    let mut sums = vec![Bucket::<P>::ZERO; count];
    let mut fill = || {
        for (base, digit) in black_box(&bases).iter().zip(&digits) {
            let bucket = &mut sums[digit.unsigned_abs() as usize - 1];
            if *digit > 0 { *bucket += base } else { *bucket -= base }
        }
    };
    match engine {
        None => counted_work(&mut fill),
        Some(_) => fill(),
    }
    if let Some(ours) = engine {
        let points: Vec<C::Base> = bases.iter().map(Into::into).collect();
        let mut buckets = Buckets::<C>::new(ours, Layout::one(count));
        assert!(buckets.can_spread(), "too few buckets");
        let zero = count as u16;
        let digits: Vec<u16> = digits.iter().map(|digit| (i32::from(zero) + digit) as u16).collect();
        let ids: Vec<u32> = (0..1 << LOG_POINTS).map(|index| 2 * index).collect();
        counted_work(&mut || {
            assert!(
                buckets.spread(&points, 0, &digits, zero, &ids, || true) && buckets.flush(&points, || true)
            );
        });
        let (mut running, mut weighed) = (Projective::<P>::ZERO, Projective::<P>::ZERO);
        for bucket in sums.iter().rev() {
            running += bucket;
            weighed += running;
        }
        assert!(Affine::<P>::from(buckets.weigh().to_affine()) == weighed.into_affine(), "wrong buckets");
    }
    let mut filled: Vec<u32> = digits.iter().map(|digit| digit.unsigned_abs()).collect();
    filled.sort_unstable();
    filled.dedup();
    digits.len() - filled.len()
}

/// A forward transform by two passes, as the engine does it, after its table is made.
fn butterflies(engine: Engine) -> usize {
    let mut values = Scalars::Random.make(1 << LOG_VALUES);
    let domain = Radix2EvaluationDomain::<Fr>::new(1 << LOG_VALUES).expect("a power of two");
    let expected = domain.fft(&values);
    let Some(ours) = engine else {
        counted_work(&mut || domain.fft_in_place(&mut values));
        assert!(values == expected, "wrong transform");
        return (LOG_VALUES as usize) << (LOG_VALUES - 1);
    };
    let shape = Shape { log_n: LOG_VALUES, inverse: false, coset: false };
    let mut plan = Plan::new(ours, shape).expect("a long transform");
    let (filler, parts) = plan.table_mut();
    parts.enumerate().for_each(|(task, part)| filler.fill(task, part));
    let mut between = vec![Packed::ZERO; plan.packed_len()];
    let chunk = plan.packed_len() / plan.column_tasks();
    let mut scratch = Scratch::default();
    counted_work(&mut || {
        for (task, out) in between.chunks_exact_mut(chunk).enumerate() {
            plan.columns(task, &values, &mut scratch, out);
        }
        let mut places: Vec<Vec<&mut [Fr]>> = Vec::new();
        places.resize_with(plan.row_tasks(), Vec::new);
        for (index, eight) in values.chunks_exact_mut(WIDTH).enumerate() {
            places[index % plan.row_tasks()].push(eight);
        }
        for (task, out) in places.iter_mut().enumerate() {
            plan.rows(task, &between, &mut scratch, out);
        }
    });
    assert!(values == expected, "wrong transform");
    (LOG_VALUES as usize) << (LOG_VALUES - 1)
}

/// Six transforms and the loops between them.
fn six_transforms([a, b]: [&[Fr]; 2]) -> Vec<FrCanonical> {
    let domain = |log_n: u32| Radix2EvaluationDomain::<Fr>::new(1 << log_n).expect("a power of two");
    let plain = domain(LOG_VALUES);
    let coset = plain.get_coset(domain(LOG_VALUES + 1).group_gen).expect("not zero");
    let c = a.iter().zip(b).map(|(a, b)| *a * b).collect();
    let [a, b, c] = [a.to_vec(), b.to_vec(), c].map(|mut values| {
        plain.ifft_in_place(&mut values);
        coset.fft_in_place(&mut values);
        values
    });
    a.iter().zip(&b).zip(&c).map(|((a, b), c)| FrCanonical::from(*a * b - c)).collect()
}

/// The three passes of our quotient, as the engine does them, after both tables are made.
fn three_passes(plans: [&Plan; 2], values: [&[Fr]; 2]) -> Vec<FrCanonical> {
    let ([inverse, forward], [a, b]) = (plans, values);
    let mut scratch = Scratch::default();
    let mut packed = [0; 3].map(|_| vec![Packed::ZERO; inverse.packed_len()]);
    for (vector, packed) in packed.iter_mut().enumerate() {
        let tasks = inverse.column_tasks();
        let chunk = packed.len() / tasks;
        for (task, out) in packed.chunks_exact_mut(chunk).enumerate() {
            match vector {
                0 => inverse.columns(task, a, &mut scratch, out),
                1 => inverse.columns(task, b, &mut scratch, out),
                _ => inverse.columns_of_product(task, a, b, &mut scratch, out),
            }
        }
        let mut places: Vec<Vec<&mut [Packed]>> = Vec::new();
        places.resize_with(tasks, Vec::new);
        for (index, eight) in packed.chunks_exact_mut(WIDTH).enumerate() {
            places[index % tasks].push(eight);
        }
        for (task, places) in places.iter_mut().enumerate() {
            forward.rows_to_columns(task, &mut scratch, places);
        }
    }
    let mut scalars = vec![FrCanonical::ZERO; a.len()];
    let mut places: Vec<Vec<&mut [FrCanonical]>> = Vec::new();
    places.resize_with(forward.row_tasks(), Vec::new);
    for (index, eight) in scalars.chunks_exact_mut(WIDTH).enumerate() {
        places[index % forward.row_tasks()].push(eight);
    }
    let [of_a, of_b, of_c] = &packed;
    for (task, out) in places.iter_mut().enumerate() {
        forward.rows_of_quotient(task, [of_a, of_b, of_c], &mut scratch, out);
    }
    scalars
}

fn quotients(engine: Engine) -> usize {
    let a = Scalars::Random.make(1 << LOG_VALUES);
    let b: Vec<Fr> = a.iter().rev().copied().collect();
    let expected = six_transforms([&a, &b]);
    let mut got = Vec::new();
    match engine {
        None => counted_work(&mut || got = six_transforms(black_box([&a, &b]))),
        Some(ours) => {
            let inverse = Shape { log_n: LOG_VALUES, inverse: true, coset: false };
            let forward = Shape { log_n: LOG_VALUES, inverse: false, coset: true };
            let mut plans = [Plan::new(ours, inverse), Plan::following(ours, forward)]
                .map(|plan| plan.expect("a long transform"));
            for plan in &mut plans {
                let (filler, parts) = plan.table_mut();
                parts.enumerate().for_each(|(task, part)| filler.fill(task, part));
            }
            let [inverse, forward] = &plans;
            counted_work(&mut || got = three_passes([inverse, forward], black_box([&a, &b])));
        }
    }
    assert!(got == expected, "wrong quotient");
    got.len()
}

/// Does a case once and returns its number of operations. On a pool of one thread: arkworks would hand its work to others.
fn case(which: usize, engine: Engine) -> usize {
    let pool = ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| match which {
        0 => products(engine),
        1 => additions::<G1, g1::Config>(engine),
        2 => additions::<G2, g2::Config>(engine),
        3 => butterflies(engine),
        _ => quotients(engine),
    })
}

/// What callgrind says it collected.
fn collected(log: &str) -> Option<u64> {
    log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

fn instructions(which: usize, engine: Engine) -> u64 {
    let program = env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_work*"])
        .arg(program)
        .args([COUNT, &which.to_string(), engine.map_or(ARKWORKS, Instructions::name)])
        .output()
        .expect("valgrind runs");
    let log = String::from_utf8_lossy(&output.stderr);
    match collected(&log).filter(|count| *count > 0 && output.status.success()) {
        Some(count) => count,
        None => panic!("callgrind counted nothing for {}: {log}", CASES[which]),
    }
}

/// IFMA instructions of the loop that multiplies arrays, which is the only place of its file that has any.
fn print_ifma() {
    let program = env::current_exe().expect("this program");
    match instructions_from(&program, "vpmadd52", "bn254/src/array.rs") {
        Some(count) if count > 0 => {
            println!(
                r#""product in Fq, IFMA instructions by disassembly",millrace avx512,{LANES},{count},{:.1}"#,
                count as f64 / LANES as f64
            );
        }
        _ => eprintln!(
            "skipped: IFMA instructions of a product: no binutils, or no such instructions in this build"
        ),
    }
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [count, which, engine] = args.as_slice()
        && count == COUNT
    {
        let engine = (engine != ARKWORKS).then(|| engine.parse().expect("instructions of this processor"));
        case(which.parse().expect("a number"), engine);
        return;
    }
    if args.iter().any(|arg| arg == "--test") {
        for which in 0..CASES.len() {
            let counts: Vec<usize> = engines().into_iter().map(|engine| case(which, engine)).collect();
            assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        }
        return;
    }
    let Ok(version) = Command::new("valgrind").arg("--version").output() else {
        eprintln!("skipped: no valgrind");
        return;
    };
    print!("# counted by {}{}", String::from_utf8_lossy(&version.stdout), Setting::now());
    println!("what,engine,operations,instructions,instructions_per_operation");
    for (which, name) in CASES.into_iter().enumerate() {
        for engine in engines() {
            let named =
                engine.map_or(Competitor::arkworks(1), |ours| Competitor::ours(ours.name(), 1)).engine;
            let (count, operations) = (instructions(which, engine), case(which, engine));
            println!(r#""{name}",{named},{operations},{count},{:.1}"#, count as f64 / operations as f64);
        }
    }
    print_ifma();
}

//! What bounds the kernels: multiplications by themselves and memory by itself, both measured here and now, and how near each kernel comes to the greater.

use std::{hint::black_box, time::Instant};

use super::{Sheet, clock::processor_seconds_of};

/// Cycles of a multiplication of 64 × 64 bits, of which only the low half is taken, and of an addition, until the next one may begin with the result: on all
/// x86-64 processors of the last fifteen years.
const LATENCY: f64 = 3.0 + 1.0;
/// IFMA instructions for a product of eight elements (`lanes/avx512/arith.rs`; `make bench-counts` finds as many in the loop over arrays), of which a processor with two
/// units of 512 bits starts two a cycle.
const IFMA_OF_EIGHT_PRODUCTS: f64 = 101.0;
/// More than the largest cache by far.
const ARRAY_BYTES: usize = 256 << 20;

/// Products of an addition of affine points in a batch: five, and a square.
pub(super) const G1_ADDITION: f64 = 6.0;
/// The same over Fq2 in products of Fq, by their instructions: (5·252 + 2·101)/101. How many additions a sum takes is counted with the widths of G1.
pub(super) const G2_ADDITION: f64 = 14.5;

/// The least that something takes.
pub(super) struct Bounds {
    product_seconds: f64,
    seconds_a_byte: f64,
}

impl Bounds {
    /// Measures the machine and prints it, beside a product of the field in arrays that the first cache holds.
    pub(super) fn measure(sheet: &Sheet, product_nanoseconds: f64) -> Self {
        let hertz = hertz();
        sheet.told("processor clock, by multiplications in a chain", hertz * 1e-9, "GHz");
        let issue = IFMA_OF_EIGHT_PRODUCTS / 2.0 / 8.0 / hertz * 1e9;
        sheet.told("multiplication in Fq: two IFMA instructions a cycle", issue, "ns");
        sheet.told("multiplication in Fq: that over what it takes", issue / product_nanoseconds, "times");
        let seconds_a_byte = seconds_a_byte();
        sheet.told("memory, read and written, one thread", 1e-9 / seconds_a_byte, "GB/s");
        Self { product_seconds: product_nanoseconds * 1e-9, seconds_a_byte }
    }

    /// Prints the least that so many products, and so many bytes to and from memory, take, over what the kernel took.
    pub(super) fn line(&self, sheet: &Sheet, name: &str, products: f64, bytes: f64, seconds: f64) {
        let (multiplying, moving) = (products * self.product_seconds, bytes * self.seconds_a_byte);
        let (least, what) = if multiplying > moving { (multiplying, "products") } else { (moving, "memory") };
        let name = format!("{name}: bound by {what} ({:.2} ms) over taken", least * 1e3);
        sheet.told(&name, least / seconds, "times");
    }
}

/// Products of a transform of 2^`log_n` values, with those of its table; on the coset no factor of the first pass is 1.
pub(super) fn of_transform(log_n: u32, coset: bool) -> f64 {
    let pass = |levels: u32, plain: bool| {
        // Of the first level all factors are 1, of the second half of them; they are done together where the number of levels is even.
        let trivial = match (plain, levels % 2) {
            (false, _) => 0.0,
            (true, 1) => 0.5,
            (true, _) => 0.75,
        };
        f64::from(levels) / 2.0 - trivial
    };
    let columns = log_n / 2;
    (pass(log_n - columns, !coset) + pass(columns, true) + 1.0) * f64::from(log_n).exp2()
}

/// Bytes of a transform to and from memory: values read, what is between the passes written and read, the table read, values written. None up to 2^18: a cache
/// of 24 MiB holds all three there.
pub(super) fn of_transform_bytes(log_n: u32) -> f64 {
    if log_n <= 18 { 0.0 } else { 5.0 * 32.0 * f64::from(log_n).exp2() }
}

/// Cycles a second.
fn hertz() -> f64 {
    const TIMES: u32 = 50_000_000;
    let chain = || {
        // No compiler finds a shorter way through x² + c.
        let (mut x, c) = (black_box(3u64), black_box(5u64));
        for _ in 0..TIMES {
            x = x.wrapping_mul(x).wrapping_add(c);
        }
        black_box(x);
    };
    let least = (0..5).map(|_| processor_seconds_of(chain)).fold(f64::INFINITY, f64::min);
    f64::from(TIMES) * LATENCY / least
}

/// Of a copy, whose every byte is read once and written once, by the clock on the wall: who waits for memory uses the processor.
fn seconds_a_byte() -> f64 {
    let from = vec![1u8; ARRAY_BYTES];
    let mut to = vec![2u8; ARRAY_BYTES];
    let copy = |_| {
        let started = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        started.elapsed().as_secs_f64()
    };
    (0..5).map(copy).fold(f64::INFINITY, f64::min) / (2 * ARRAY_BYTES) as f64
}

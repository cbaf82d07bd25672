//! Where Poseidon's constants come from: the Grain LFSR of the paper's appendix F (eprint 2019/458), as its reference script runs it.

use ark_ff::{BigInteger, Field, PrimeField};
use millrace_bn254::Fr;

/// Bits of the modulus, and of a draw.
const FIELD_BITS: u32 = 254;

/// The self-shrinking register.
struct Grain {
    /// Bit 0 is the oldest.
    state: u128,
}

impl Grain {
    /// Seeds the register with the instance's description: prime field, x^5, field size, width, rounds, thirty ones.
    fn new(width: usize, full_rounds: usize, partial_rounds: usize) -> Self {
        let parts = [
            (1, 2),
            (0, 4),
            (u128::from(FIELD_BITS), 12),
            (width as u128, 12),
            (full_rounds as u128, 10),
            (partial_rounds as u128, 10),
            ((1 << 30) - 1, 30),
        ];
        let mut state = 0;
        let mut place = 0;
        for (value, bits) in parts {
            for bit in (0..bits).rev() {
                state |= ((value >> bit) & 1) << place;
                place += 1;
            }
        }
        let mut grain = Self { state };
        for _ in 0..160 {
            grain.clock();
        }
        grain
    }

    fn clock(&mut self) -> bool {
        let new = [62, 51, 38, 23, 13, 0].iter().fold(0, |sum, tap| sum ^ (self.state >> tap)) & 1;
        self.state = (self.state >> 1) | (new << 79);
        new == 1
    }

    /// Of each two bits, the second counts where the first is 1.
    fn bit(&mut self) -> bool {
        loop {
            let (first, second) = (self.clock(), self.clock());
            if first {
                return second;
            }
        }
    }

    /// The next 254 bits, most significant first.
    fn draw(&mut self) -> <Fr as PrimeField>::BigInt {
        let bits: Vec<bool> = (0..FIELD_BITS).map(|_| self.bit()).collect();
        <Fr as PrimeField>::BigInt::from_bits_be(&bits)
    }

    /// The next draw that is below r.
    fn element(&mut self) -> Fr {
        loop {
            if let Some(x) = Fr::from_bigint(self.draw()) {
                return x;
            }
        }
    }

    /// The next draw modulo r.
    fn reduced(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.draw().to_bytes_le())
    }
}

/// Round constants, one row a round, and the mixing matrix of an instance.
pub(super) fn constants<const T: usize>(
    full_rounds: usize,
    partial_rounds: usize,
) -> (Vec<[Fr; T]>, [[Fr; T]; T]) {
    let mut grain = Grain::new(T, full_rounds, partial_rounds);
    let rounds = (0..full_rounds + partial_rounds)
        .map(|_| {
            let mut row = [Fr::from(0u8); T];
            row.fill_with(|| grain.element());
            row
        })
        .collect();
    // The Cauchy matrix 1/(x_i + y_j). The script draws again when two of the 2t values are equal, which they are not for the widths here
    // (a repeated value would make the sums below meet zero or the circomlib vectors differ).
    let x: Vec<Fr> = (0..T).map(|_| grain.reduced()).collect();
    let y: Vec<Fr> = (0..T).map(|_| grain.reduced()).collect();
    let mut matrix = [[Fr::from(0u8); T]; T];
    for (row, x) in matrix.iter_mut().zip(&x) {
        for (entry, y) in row.iter_mut().zip(&y) {
            *entry = (*x + *y).inverse().expect("the sums are not zero: every vector would differ");
        }
    }
    (rounds, matrix)
}

//! A toy circuit whose trapdoor is known, written as snarkjs would write its key: needs no file and no ceremony.

use ark_bn254::{Fq, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, Field, One, PrimeField, UniformRand, Zero};
use millrace_oracle::root_of_unity;

/// A chain of squarings x, x², x⁴, …: signals 1, last, x, x², …; one constraint a square. The last is public.
pub(crate) struct Toy {
    pub(crate) zkey: Vec<u8>,
    pub(crate) wtns: Vec<u8>,
}

fn le<F: PrimeField>(x: F) -> Vec<u8> {
    x.into_bigint().to_bytes_le()
}

fn mont(x: Fq) -> Vec<u8> {
    le(x * Fq::from(2u64).pow([256u64]))
}

fn g1(p: G1Projective) -> Vec<u8> {
    let p: G1Affine = p.into_affine();
    p.xy().map_or(vec![0; 64], |(x, y)| [mont(x), mont(y)].concat())
}

fn g2(p: G2Projective) -> Vec<u8> {
    let p: G2Affine = p.into_affine();
    p.xy().map_or(vec![0; 128], |(x, y)| [x.c0, x.c1, y.c0, y.c1].map(mont).concat())
}

fn file(magic: &[u8; 4], version: u32, sections: Vec<(u32, Vec<u8>)>) -> Vec<u8> {
    let mut out = magic.to_vec();
    out.extend(version.to_le_bytes());
    out.extend((sections.len() as u32).to_le_bytes());
    for (id, contents) in sections {
        out.extend(id.to_le_bytes());
        out.extend((contents.len() as u64).to_le_bytes());
        out.extend(contents);
    }
    out
}

fn prime<F: PrimeField>() -> Vec<u8> {
    [32u32.to_le_bytes().to_vec(), F::MODULUS.to_bytes_le()].concat()
}

/// Key and witness for `squares` constraints on a domain of 2^log_n.
pub(crate) fn toy(squares: usize, log_n: u32, rng: &mut impl ark_std::rand::Rng) -> Toy {
    let n = 1usize << log_n;
    assert!(squares >= 1 && squares + 2 <= n, "rows of the public signals come after the constraints");
    let signals = squares + 2;
    let signal_of = |power: usize| if power == squares { 1 } else { power + 2 };

    let mut w = vec![Fr::one(); signals];
    w[signal_of(0)] = Fr::rand(rng);
    for i in 0..squares {
        w[signal_of(i + 1)] = w[signal_of(i)].square();
    }

    // (matrix, row, column), every coefficient 1; C is not stored.
    let mut entries: Vec<(u32, usize, usize)> = Vec::new();
    for i in 0..squares {
        entries.extend([(0, i, signal_of(i)), (1, i, signal_of(i))]);
    }
    entries.extend([(0, squares, 0), (0, squares + 1, 1)]);

    let [tau, alpha, beta, gamma, delta] = std::array::from_fn(|_| Fr::rand(rng));
    // Lagrange polynomials of shift·⟨ω⟩ at τ.
    let lagrange = |shift: Fr| -> Vec<Fr> {
        let omega = root_of_unity(log_n);
        let (size, shift_n) = (Fr::from(n as u64), shift.pow([n as u64]));
        let vanishing = tau.pow([n as u64]) - shift_n;
        let point = |i: usize| shift * omega.pow([i as u64]);
        let term = |x: Fr| vanishing * x / (size * shift_n * (tau - x));
        (0..n).map(|i| term(point(i))).collect()
    };
    let on_domain = lagrange(Fr::one());
    let (mut a, mut b, mut c) =
        (vec![Fr::zero(); signals], vec![Fr::zero(); signals], vec![Fr::zero(); signals]);
    for (matrix, row, column) in &entries {
        let polynomials = if *matrix == 0 { &mut a } else { &mut b };
        polynomials[*column] += on_domain[*row];
    }
    for i in 0..squares {
        c[signal_of(i + 1)] += on_domain[i];
    }
    let vanishing = tau.pow([n as u64]) - Fr::one();
    let h = lagrange(root_of_unity(log_n + 1));

    let in_1 = |k: Fr| g1(G1Projective::generator() * k);
    let in_2 = |k: Fr| g2(G2Projective::generator() * k);
    let bind = |i: usize| beta * a[i] + alpha * b[i] + c[i];
    let numbers = [signals as u32, 1, n as u32].map(u32::to_le_bytes).concat();
    let header = [
        prime::<Fq>(),
        prime::<Fr>(),
        numbers,
        in_1(alpha),
        in_1(beta),
        in_2(beta),
        in_2(gamma),
        in_1(delta),
        in_2(delta),
    ]
    .concat();
    let r2 = le(Fr::from(2u64).pow([512u64]));
    let mut coefficients = (entries.len() as u32).to_le_bytes().to_vec();
    for (matrix, row, column) in &entries {
        coefficients.extend([*matrix, *row as u32, *column as u32].map(u32::to_le_bytes).concat());
        coefficients.extend(&r2);
    }
    let zkey = file(
        b"zkey",
        1,
        vec![
            (1, 1u32.to_le_bytes().to_vec()),
            (2, header),
            (3, (0..2).flat_map(|i| in_1(bind(i) / gamma)).collect()),
            (4, coefficients),
            (5, a.iter().flat_map(|k| in_1(*k)).collect()),
            (6, b.iter().flat_map(|k| in_1(*k)).collect()),
            (7, b.iter().flat_map(|k| in_2(*k)).collect()),
            (8, (2..signals).flat_map(|i| in_1(bind(i) / delta)).collect()),
            // On the odd roots the vanishing polynomial is −2: h = (ab − c) / −2 there.
            (9, h.iter().flat_map(|l| in_1(*l * vanishing / (delta * -Fr::from(2u64)))).collect()),
            (10, vec![0; 64]),
        ],
    );
    let count = (signals as u32).to_le_bytes().to_vec();
    let wtns = file(
        b"wtns",
        2,
        vec![(1, [prime::<Fr>(), count].concat()), (2, w.iter().flat_map(|x| le(*x)).collect())],
    );
    Toy { zkey, wtns }
}

//! Circuits made for measuring, with development keys: any size, without a compiler or a ceremony.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use ark_ff::{Field, One};
use millrace_bn254::{Fr, FrCanonical};
use millrace_groth16::{R1cs, R1csSizes, Witness, dev_setup, write_r1cs};

use crate::exit::{Code, Failure, OrFail};

/// Rises when a circuit or the way its key is made changes: files of an older one are not used.
const VERSION: u32 = 1;

/// A key and its witnesses, in files.
pub(super) struct Files {
    pub(super) key: PathBuf,
    pub(super) witness: PathBuf,
    /// Another witness of this key, with other publics.
    pub(super) other: PathBuf,
}

/// From where a chain starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Usual,
    Other,
}

/// What the witness looks like.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Values all over the field: x₍ᵢ₊₁₎ = (xᵢ + i)·(xᵢ + 1).
    FullWidth,
    /// Zeros and ones, as of a hash: bᵢ = b₍ᵢ₋₁₇₎ ⊕ b₍ᵢ₋₁₄₎, a register of full period.
    Bits,
}

/// Bits of the register that [`Kind::Bits`] starts from.
const REGISTER: u32 = 17;
const TAP: u32 = 14;

impl Kind {
    /// As figures name it.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::FullWidth => "full width",
            Self::Bits => "bits",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::FullWidth => "full-width",
            Self::Bits => "bits",
        }
    }

    /// Links that the chain starts from.
    fn given(self) -> u32 {
        match self {
            Self::FullWidth => 1,
            Self::Bits => REGISTER,
        }
    }

    /// Values of the wires: the constant, the public end of the chain, and the chain from its start.
    fn wires(self, start: Start, n_constraints: u32) -> Vec<Fr> {
        let (exponent, every) = if start == Start::Usual { (5, 3) } else { (7, 4) };
        let mut chain = match self {
            Self::FullWidth => vec![Fr::from(0x9e37_79b9_7f4a_7c15u64).pow([exponent])],
            Self::Bits => (0..REGISTER).map(|i| Fr::from(u64::from(i % every == 0))).collect(),
        };
        for i in 0..n_constraints as usize {
            chain.push(match self {
                Self::FullWidth => (chain[i] + Fr::from(i as u64)) * (chain[i] + Fr::one()),
                Self::Bits => Fr::from(u64::from(chain[i] != chain[i + (REGISTER - TAP) as usize])),
            });
        }
        let end = chain.pop().expect("it has a start");
        [vec![Fr::one(), end], chain].concat()
    }

    /// Constraint i, which makes link i + [`Kind::given`], as terms of A, B and C.
    fn constraint(self, i: u32, n_constraints: u32) -> [Vec<(u32, Fr)>; 3] {
        // Wire 0 is the constant, wire 1 the end of the chain, wires 2.. the links before it.
        let link = |i: u32| if i + 1 == n_constraints + self.given() { 1 } else { i + 2 };
        let (one, made) = (Fr::one(), link(i + self.given()));
        match self {
            Self::FullWidth => [
                vec![(link(i), one), (0, Fr::from(u64::from(i)))],
                vec![(link(i), one), (0, one)],
                vec![(made, one)],
            ],
            // 2ab = a + b − (a ⊕ b).
            Self::Bits => {
                let (a, b) = (link(i), link(i + REGISTER - TAP));
                [vec![(a, one + one)], vec![(b, one)], vec![(a, one), (b, one), (made, -one)]]
            }
        }
    }
}

/// A chain that fills a domain of 2^`log_domain` exactly, its development key and two witnesses, in `folder`; each made once.
pub(super) fn chain(folder: &Path, kind: Kind, log_domain: u32) -> Result<Files, Failure> {
    let file = |end: &str| folder.join(format!("{}-{log_domain}-{VERSION}.{end}", kind.name()));
    let files = Files { key: file("zkey"), witness: file("wtns"), other: file("other.wtns") };
    std::fs::create_dir_all(folder).or_fail(Code::Output)?;
    // The public signal and the constant have a row each.
    let n_constraints = (1u32 << log_domain) - 2;
    if !files.key.is_file() {
        let constraints = || (0..n_constraints).map(|i| kind.constraint(i, n_constraints));
        let n_terms = constraints().flatten().map(|side| side.len() as u64).sum();
        let n_wires = 1 + kind.given() + n_constraints;
        let sizes = R1csSizes { n_wires, n_public: 1, n_constraints, n_terms };
        let mut r1cs = Vec::new();
        write_r1cs(&mut r1cs, &sizes, constraints()).or_fail(Code::Output)?;
        let r1cs = R1cs::from_bytes(Arc::new(r1cs)).or_fail(Code::BadFile)?;
        place(&files.key, |out| dev_setup(&r1cs, b"figures", out).or_fail(Code::Output))?;
    }
    for (path, start) in [(&files.witness, Start::Usual), (&files.other, Start::Other)] {
        if !path.is_file() {
            let values = kind.wires(start, n_constraints).into_iter().map(FrCanonical::from).collect();
            let witness = Witness::from_values(values).or_fail(Code::BadWitness)?;
            place(path, |out| witness.write(out).or_fail(Code::Output))?;
        }
    }
    Ok(files)
}

/// Writes beside the target and moves it there when it is whole.
fn place(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).or_fail(Code::Output)?;
    let mut out = BufWriter::new(file.as_file());
    write(&mut out)?;
    out.flush().or_fail(Code::Output)?;
    drop(out);
    file.persist(path).map(drop).or_fail(Code::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_proven() {
        is_proven(Kind::FullWidth, 4);
        is_proven(Kind::Bits, 6);
    }

    #[test]
    fn bits_are_mixed() {
        for start in [Start::Usual, Start::Other] {
            let wires = Kind::Bits.wires(start, 1 << 12);
            let ones = wires.iter().filter(|wire| wire.is_one()).count();
            assert!(wires.iter().all(|wire| wire.is_one() || *wire == Fr::from(0u64)));
            assert!((wires.len() * 2 / 5..wires.len() * 3 / 5).contains(&ones), "{ones} ones");
        }
    }

    fn is_proven(kind: Kind, log_domain: u32) {
        let folder = tempfile::tempdir().expect("a folder");
        let files = chain(folder.path(), kind, log_domain).expect("made");
        let key = crate::input::key(&files.key).expect("a key");
        assert_eq!(key.header().domain_size, 1 << log_domain);
        let opened = crate::device::open(&crate::device::DeviceName::Cpu, Default::default()).expect("a CPU");
        let prover = crate::prove::prover(&opened, None, false).expect("a device");
        let loaded = prover.load(key).expect("a good key");
        let publics = [&files.witness, &files.other].map(|file| {
            let made = crate::bench::proofs::made_from(&prover, &loaded, file).expect("a checked proof");
            made.publics
        });
        if let Kind::FullWidth = kind {
            assert_ne!(publics[0], publics[1]);
        }
    }
}

//! The constraint system: a circom `.r1cs` file, to say which constraint a witness breaks.

use std::{io, ops::Range, path::Path, sync::Arc};

use millrace_bn254::{Fr, FrCanonical};
use thiserror::Error;

use crate::{
    ContainerError, SharedBytes, Witness,
    container::{Cursor, Sections},
    json::decimal,
    mapped,
    zkey::check_r,
};

/// Why an `.r1cs` was refused or does not fit a witness.
#[non_exhaustive]
#[derive(Debug, Clone, Error)]
pub enum R1csError {
    /// The file could not be read.
    #[error("cannot read the constraint system: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The frame or a section's size is wrong.
    #[error("not a whole .r1cs: {0}")]
    Container(#[from] ContainerError),
    /// Constraints over another field.
    #[error("the constraint system is over another field: its modulus is {got}, expected {expected} (BN254)")]
    OtherField {
        /// BN254's r, decimal.
        expected: String,
        /// The file's, decimal.
        got: String,
    },
    /// The counts of the header contradict each other.
    #[error("{inputs_and_outputs} inputs and outputs and the constant do not fit into {n_wires} wires")]
    Counts {
        /// Public outputs, public inputs and private inputs.
        inputs_and_outputs: u64,
        /// Wires, the constant included.
        n_wires: u32,
    },
    /// A constraint names a wire that is not there.
    #[error("constraint {constraint} (byte {offset}) names wire {got}, there are {n_wires}")]
    Wire {
        /// The constraint, from 0.
        constraint: u32,
        /// Offset of the term in the file.
        offset: u64,
        /// Wires, the constant included.
        n_wires: u32,
        /// The wire named.
        got: u32,
    },
    /// A coefficient is not below r.
    #[error("constraint {constraint} (byte {offset}) has the coefficient {got}, which is not below r")]
    Value {
        /// The constraint, from 0.
        constraint: u32,
        /// Offset of the term in the file.
        offset: u64,
        /// The coefficient, decimal.
        got: String,
    },
    /// The witness belongs to another circuit.
    #[error("the witness has {got} values, the constraint system {expected} wires")]
    WitnessLength {
        /// Wires.
        expected: u32,
        /// Values.
        got: u64,
    },
}

/// Which of the three combinations of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matrix {
    /// Left factor.
    A,
    /// Right factor.
    B,
    /// Product.
    C,
}

/// A constraint that does not hold: a·b ≠ c.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfied {
    /// The constraint, from 0, in the order of the file (the order that circom prints).
    pub constraint: u32,
    /// Value of the left factor.
    pub a: Fr,
    /// Value of the right factor.
    pub b: Fr,
    /// Value of what their product should be.
    pub c: Fr,
}

impl std::fmt::Display for Unsatisfied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "constraint {}: {} · {} ≠ {}", self.constraint, self.a, self.b, self.c)
    }
}

/// A constraint system in the bytes of its file.
#[derive(Clone)]
pub struct R1cs {
    bytes: SharedBytes,
    constraints: Range<usize>,
    n_wires: u32,
    n_public: u32,
    n_constraints: u32,
}

impl std::fmt::Debug for R1cs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("R1cs")
            .field("n_wires", &self.n_wires)
            .field("n_public", &self.n_public)
            .field("n_constraints", &self.n_constraints)
            .finish_non_exhaustive()
    }
}

impl R1cs {
    /// Maps and opens an `.r1cs` file.
    ///
    /// # Errors
    /// [`R1csError::Io`], or as [`R1cs::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, R1csError> {
        Self::from_bytes(mapped::map(path).map_err(|e| R1csError::Io(Arc::new(e)))?)
    }

    /// Opens the bytes of an `.r1cs` file. Constraints are looked at by [`R1cs::first_unsatisfied`].
    ///
    /// # Errors
    /// Frame and header errors.
    pub fn from_bytes(bytes: SharedBytes) -> Result<Self, R1csError> {
        let file = (*bytes).as_ref();
        let sections = Sections::parse(file, b"r1cs", 1)?;
        let mut at = Cursor::new(file, sections.get(1, "constraint system header")?);
        check_r(&mut at)?.map_err(|(expected, got)| R1csError::OtherField { expected, got })?;
        let n_wires = at.u32("the number of wires")?;
        let outputs = at.u32("the number of public outputs")?;
        let inputs = at.u32("the number of public inputs")?;
        let privates = at.u32("the number of private inputs")?;
        at.u64("the number of labels")?;
        let n_constraints = at.u32("the number of constraints")?;
        let inputs_and_outputs = u64::from(outputs) + u64::from(inputs) + u64::from(privates);
        if inputs_and_outputs >= u64::from(n_wires) {
            return Err(R1csError::Counts { inputs_and_outputs, n_wires });
        }
        let constraints = sections.get(2, "constraints")?;
        Ok(Self { constraints, n_wires, n_public: outputs + inputs, n_constraints, bytes })
    }

    /// Wires, the constant included: the length of a witness.
    pub fn n_wires(&self) -> u32 {
        self.n_wires
    }

    /// Public outputs and inputs.
    pub fn n_public(&self) -> u32 {
        self.n_public
    }

    /// Constraints.
    pub fn n_constraints(&self) -> u32 {
        self.n_constraints
    }

    /// Length of the file.
    pub(crate) fn len_bytes(&self) -> u64 {
        (*self.bytes).as_ref().len() as u64
    }

    /// The first constraint, in the order of the file, that the witness breaks.
    ///
    /// # Errors
    /// [`R1csError::WitnessLength`], and whatever is wrong with a constraint up to there.
    pub fn first_unsatisfied(&self, witness: &Witness) -> Result<Option<Unsatisfied>, R1csError> {
        if witness.len() as u64 != u64::from(self.n_wires) {
            return Err(R1csError::WitnessLength { expected: self.n_wires, got: witness.len() as u64 });
        }
        let mut at = Cursor::new((*self.bytes).as_ref(), self.constraints.clone());
        for constraint in 0..self.n_constraints {
            let a = self.combination(&mut at, constraint, witness)?;
            let b = self.combination(&mut at, constraint, witness)?;
            let c = self.combination(&mut at, constraint, witness)?;
            if a * b != c {
                return Ok(Some(Unsatisfied { constraint, a, b, c }));
            }
        }
        Self::at_end(&at).map(|()| None)
    }

    /// Hands over every term, in the order of the file: matrix, constraint, wire, coefficient.
    ///
    /// # Errors
    /// Whatever is wrong with a constraint, or what `take` gives.
    pub(crate) fn for_each_term(
        &self,
        mut take: impl FnMut(Matrix, u32, u32, Fr) -> Result<(), R1csError>,
    ) -> Result<(), R1csError> {
        let mut at = Cursor::new((*self.bytes).as_ref(), self.constraints.clone());
        for constraint in 0..self.n_constraints {
            for matrix in [Matrix::A, Matrix::B, Matrix::C] {
                self.terms(&mut at, constraint, |wire, coefficient| {
                    take(matrix, constraint, wire, coefficient)
                })?;
            }
        }
        Self::at_end(&at)
    }

    fn at_end(at: &Cursor<'_>) -> Result<(), R1csError> {
        match at.left() {
            0 => Ok(()),
            extra_bytes => Err(ContainerError::Trailing { offset: at.offset(), extra_bytes }.into()),
        }
    }

    /// One linear combination with the witness put in.
    fn combination(&self, at: &mut Cursor<'_>, constraint: u32, witness: &Witness) -> Result<Fr, R1csError> {
        let mut sum = Fr::from(0u8);
        self.terms(at, constraint, |wire, coefficient| {
            let value = witness.values()[wire as usize].to_fr().expect("a witness is in range");
            sum += coefficient * value;
            Ok(())
        })?;
        Ok(sum)
    }

    /// One linear combination: a count, then (wire, coefficient) pairs.
    fn terms(
        &self,
        at: &mut Cursor<'_>,
        constraint: u32,
        mut take: impl FnMut(u32, Fr) -> Result<(), R1csError>,
    ) -> Result<(), R1csError> {
        const WHAT: &str = "a constraint";
        let terms = at.u32(WHAT)?;
        for _ in 0..terms {
            let offset = at.offset();
            let wire = at.u32(WHAT)?;
            let bytes = FrCanonical(at.array(WHAT)?);
            if wire >= self.n_wires {
                return Err(R1csError::Wire { constraint, offset, n_wires: self.n_wires, got: wire });
            }
            let Some(coefficient) = bytes.to_fr() else {
                return Err(R1csError::Value { constraint, offset, got: decimal(&bytes.0) });
            };
            take(wire, coefficient)?;
        }
        Ok(())
    }
}

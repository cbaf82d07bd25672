//! What flows along the edges of a job graph.

use millrace_bn254::{Fr, G1Affine, G2Affine};
use thiserror::Error;
use zeroize::Zeroize;

use crate::{JobValue, ScalarSlice};

/// A value of a job graph: the answer to a job, or what a host step made. It has one owner; vectors that derive from a witness are
/// wiped with [`wipe_values`] by whoever uses them up; scalars wipe themselves.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A sum over G1.
    G1(G1Affine),
    /// A sum over G2.
    G2(G2Affine),
    /// Values of a transform.
    Values(Vec<Fr>),
    /// A·w and B·w.
    Rows {
        /// A·w.
        a: Vec<Fr>,
        /// B·w.
        b: Vec<Fr>,
    },
    /// Scalars of an MSM, canonical.
    Scalars(ScalarSlice),
}

/// A host step could not go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct StepError(pub String);

impl Value {
    fn name(&self) -> &'static str {
        match self {
            Value::G1(_) => "a G1 sum",
            Value::G2(_) => "a G2 sum",
            Value::Values(_) => "values",
            Value::Rows { .. } => "rows",
            Value::Scalars(_) => "scalars",
        }
    }

    fn other<T>(&self, expected: &str) -> Result<T, StepError> {
        Err(StepError(format!("expected {expected}, got {}", self.name())))
    }

    /// The sum over G1.
    ///
    /// # Errors
    /// If it is something else.
    pub fn into_g1(self) -> Result<G1Affine, StepError> {
        if let Value::G1(p) = self { Ok(p) } else { self.other("a G1 sum") }
    }

    /// The sum over G2.
    ///
    /// # Errors
    /// If it is something else.
    pub fn into_g2(self) -> Result<G2Affine, StepError> {
        if let Value::G2(p) = self { Ok(p) } else { self.other("a G2 sum") }
    }

    /// The values.
    ///
    /// # Errors
    /// If it is something else.
    pub fn into_values(self) -> Result<Vec<Fr>, StepError> {
        if let Value::Values(v) = self { Ok(v) } else { self.other("values") }
    }

    /// A·w and B·w.
    ///
    /// # Errors
    /// If it is something else.
    pub fn into_rows(self) -> Result<(Vec<Fr>, Vec<Fr>), StepError> {
        if let Value::Rows { a, b } = self { Ok((a, b)) } else { self.other("rows") }
    }

    /// The scalars.
    ///
    /// # Errors
    /// If it is something else.
    pub fn into_scalars(self) -> Result<ScalarSlice, StepError> {
        if let Value::Scalars(s) = self { Ok(s) } else { self.other("scalars") }
    }
}

impl From<JobValue> for Value {
    fn from(value: JobValue) -> Self {
        match value {
            JobValue::G1(p) => Value::G1(p),
            JobValue::G2(p) => Value::G2(p),
            JobValue::Values(v) => Value::Values(v),
            JobValue::Rows { a, b } => Value::Rows { a, b },
            JobValue::Scalars(s) => Value::Scalars(s),
        }
    }
}

/// Overwrites values that derive from a witness.
pub fn wipe_values(values: &mut [Fr]) {
    values.iter_mut().for_each(Zeroize::zeroize);
}

//! The witness: a `.wtns` file.

use std::{fs::File, io, io::Read, path::Path, sync::Arc};

use millrace_bn254::{FrCanonical, ScalarSlice};
use thiserror::Error;
use zeroize::Zeroize;

use crate::{
    ContainerError,
    container::{Cursor, Sections},
    zkey::check_r,
};

/// Why a `.wtns` was refused.
#[non_exhaustive]
#[derive(Debug, Clone, Error)]
pub enum WitnessError {
    /// The file could not be read.
    #[error("cannot read the witness: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The frame or a section's size is wrong.
    #[error("not a whole .wtns: {0}")]
    Container(#[from] ContainerError),
    /// Values of another field.
    #[error("the witness is over another field: its modulus is {got}, expected {expected} (BN254)")]
    OtherField {
        /// BN254's r, decimal.
        expected: String,
        /// The file's, decimal.
        got: String,
    },
    /// A value is not below r.
    #[error("value {index} (byte {offset}) is not below the scalar field's modulus")]
    Range {
        /// Index of the signal.
        index: u64,
        /// Offset in the file.
        offset: u64,
    },
    /// Signal 0 is not the constant 1.
    #[error("signal 0 must be the constant 1")]
    NotOne,
}

/// Values of all signals, the constant 1 first, canonical and below r. Wiped when the last owner lets it go.
pub struct Witness {
    values: ScalarSlice,
}

impl std::fmt::Debug for Witness {
    /// Shows the length only: the values are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("len", &self.values.len()).finish()
    }
}

impl Witness {
    /// Reads a `.wtns` file. The buffer it was read into is wiped.
    ///
    /// # Errors
    /// [`WitnessError::Io`], or as [`Witness::from_bytes`].
    pub fn open(path: &Path) -> Result<Self, WitnessError> {
        let io = |e: io::Error| WitnessError::Io(Arc::new(e));
        let mut file = File::open(path).map_err(io)?;
        // One growth step would leave an unwiped copy behind, so the size is taken first.
        let len_bytes = usize::try_from(file.metadata().map_err(io)?.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(len_bytes.saturating_add(1));
        let read = file.read_to_end(&mut bytes).map_err(io);
        let witness = read.and_then(|_| Self::from_bytes(&bytes));
        bytes.zeroize();
        witness
    }

    /// Reads the bytes of a `.wtns` file.
    ///
    /// # Errors
    /// Any [`WitnessError`] but [`WitnessError::Io`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, WitnessError> {
        let sections = Sections::parse(file, b"wtns", 2)?;
        let header = sections.get_sized(1, "witness header", 4 + 32 + 4);
        let mut at = Cursor::new(file, sections.get(1, "witness header")?);
        check_r(&mut at)?.map_err(|(expected, got)| WitnessError::OtherField { expected, got })?;
        header?;
        let count = at.u32("the number of values")?;
        let section = sections.get_sized(2, "values", u64::from(count) * 32)?;
        let start = section.start;
        let witness = Self { values: bytemuck::cast_slice(&file[section]).into() };
        if let Some(i) = witness.values.iter().position(|v| !v.is_in_range()) {
            return Err(WitnessError::Range { index: i as u64, offset: (start + 32 * i) as u64 });
        }
        witness.check_one()
    }

    /// Takes values made elsewhere.
    ///
    /// # Errors
    /// [`WitnessError::Range`] with the offset counted from the first value, [`WitnessError::NotOne`].
    pub fn from_values(values: Vec<FrCanonical>) -> Result<Self, WitnessError> {
        Self { values: values.into() }.checked()
    }

    /// A witness of `len` values made where they stay: `fill` gets as many zeros to write over.
    ///
    /// # Errors
    /// As [`Witness::from_values`].
    pub fn filled(len: usize, fill: impl FnOnce(&mut [FrCanonical])) -> Result<Self, WitnessError> {
        Self { values: ScalarSlice::filled(len, fill) }.checked()
    }

    fn checked(self) -> Result<Self, WitnessError> {
        if let Some(i) = self.values.iter().position(|v| !v.is_in_range()) {
            return Err(WitnessError::Range { index: i as u64, offset: 32 * i as u64 });
        }
        self.check_one()
    }

    fn check_one(self) -> Result<Self, WitnessError> {
        match self.values.first() {
            Some(v) if v.limbs() == [1, 0, 0, 0] => Ok(self),
            _ => Err(WitnessError::NotOne),
        }
    }

    /// All values, signal 0 first. Engines hold clones of this while their jobs run.
    pub fn values(&self) -> &ScalarSlice {
        &self.values
    }

    /// Number of signals.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Never: signal 0 is always there.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The public signals of a circuit that has `n_public`, or `None` if the witness is shorter than that.
    pub fn publics(&self, n_public: usize) -> Option<&[FrCanonical]> {
        self.values.get(1..)?.get(..n_public)
    }
}

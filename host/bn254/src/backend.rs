//! Which instructions kernels use: found at run time, or set by `MILLRACE_BACKEND`.

use std::{env, fmt, str::FromStr};

use crate::lanes::{Backend, portable::Portable};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{adx, avx512};

/// The variable that overrides the choice.
pub const VARIABLE: &str = "MILLRACE_BACKEND";

/// A set of instructions that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Adx(adx::Token),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Token),
}

/// Why a name gives no backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendError {
    /// No backend has this name.
    Unknown(String),
    /// This processor lacks its instructions.
    Missing(&'static str),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "expected a backend out of portable, adx, avx512, got {name:?}"),
            Self::Missing(name) => write!(f, "this processor lacks the instructions of backend {name}"),
        }
    }
}

impl std::error::Error for BackendError {}

/// Work that is written once for all backends. `run` is marked `#[inline(always)]` by every implementation, and so is all that
/// it calls on lanes, so that it is compiled with the instructions of `B` on.
pub(crate) trait Kernel {
    /// What comes out.
    type Output;
    /// Does it.
    fn run<B: Backend>(self) -> Self::Output;
}

impl Instructions {
    /// Those that the whole program was built for.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// BMI2 and ADX, if this processor has them: products of four limbs in two carry chains.
    pub fn adx() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return adx::Token::detect().map(|token| Self(Kind::Adx(token)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-512 with IFMA and VBMI2, if this processor has them.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return avx512::Token::detect().map(|token| Self(Kind::Avx512(token)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Everything this processor can run, fastest first.
    pub fn all() -> Vec<Self> {
        [Self::avx512(), Self::adx(), Some(Self::PORTABLE)].into_iter().flatten().collect()
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::avx512().or_else(Self::adx).unwrap_or(Self::PORTABLE)
    }

    /// What `MILLRACE_BACKEND` names, or the fastest where it is not set.
    ///
    /// # Errors
    /// [`BackendError`] for a name that is none, or a backend that cannot run here.
    pub fn from_env() -> Result<Self, BackendError> {
        match env::var_os(VARIABLE) {
            None => Ok(Self::best()),
            Some(name) => name.to_string_lossy().parse(),
        }
    }

    /// `portable`, `adx` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Adx(_) => "adx",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        }
    }

    /// Runs a kernel.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Adx(token) => token.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(token) => token.run(kernel),
        }
    }
}

impl FromStr for Instructions {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        match name {
            "portable" => Ok(Self::PORTABLE),
            "adx" => Self::adx().ok_or(BackendError::Missing("adx")),
            "avx512" => Self::avx512().ok_or(BackendError::Missing("avx512")),
            other => Err(BackendError::Unknown(other.into())),
        }
    }
}

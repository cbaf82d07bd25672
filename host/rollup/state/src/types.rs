//! Ids, tokens, addresses, and integers as field elements.

use std::fmt;

use ark_ff::{BigInteger, PrimeField};
use millrace_bn254::Fr;
use thiserror::Error;

/// Bits of an account id.
pub const ACCOUNT_BITS: usize = 24;
/// Bits of an amount.
pub const AMOUNT_BITS: usize = 128;
/// Bits of a fee.
pub const FEE_BITS: usize = 96;
/// The number of this layout, in `domain`.
pub const VERSION: u8 = 1;

/// A number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} is {got}, expected one below 2^{bits}")]
pub struct OutOfRange {
    /// The field.
    pub what: &'static str,
    /// Its width.
    pub bits: usize,
    /// The number.
    pub got: u128,
}

/// An account's number, below 2^24. 0 is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountId(u32);

impl AccountId {
    /// Nobody.
    pub const NOBODY: Self = Self(0);

    /// # Errors
    /// [`OutOfRange`] if `id` is 2^24 or more.
    pub fn new(id: u32) -> Result<Self, OutOfRange> {
        if id >> ACCOUNT_BITS == 0 {
            Ok(Self(id))
        } else {
            Err(OutOfRange { what: "an account id", bits: ACCOUNT_BITS, got: id.into() })
        }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount of a fee, below 2^96.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fee(u128);

impl Fee {
    /// # Errors
    /// [`OutOfRange`] if `fee` is 2^96 or more.
    pub fn new(fee: u128) -> Result<Self, OutOfRange> {
        if fee >> FEE_BITS == 0 {
            Ok(Self(fee))
        } else {
            Err(OutOfRange { what: "a fee", bits: FEE_BITS, got: fee })
        }
    }

    /// The number.
    pub fn get(self) -> u128 {
        self.0
    }
}

/// The number of a token in the contract's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TokenId(pub u8);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An L1 address. All zero is nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// Nobody.
    pub const NOBODY: Self = Self([0; 20]);

    /// The address as a number.
    pub fn to_fr(self) -> Fr {
        Fr::from_be_bytes_mod_order(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The word that names one rollup on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The rollup contract.
    pub contract: Address,
}

impl Domain {
    /// `domain` of the specification.
    pub fn word(&self) -> Fr {
        Packer::new(self.contract.to_fr()).put(160, self.chain_id.into()).put(224, VERSION.into()).word()
    }
}

/// Sums fields into a word.
pub(crate) struct Packer(Fr);

impl Packer {
    pub(crate) fn new(lowest: Fr) -> Self {
        Self(lowest)
    }

    pub(crate) fn put(self, bit: usize, field: u128) -> Self {
        Self(self.0 + shifted(bit) * Fr::from(field))
    }

    pub(crate) fn word(self) -> Fr {
        self.0
    }
}

/// 2^bit.
fn shifted(bit: usize) -> Fr {
    let mut limbs = [0; 4];
    limbs[bit / 64] = 1 << (bit % 64);
    Fr::from_bigint(ark_ff::BigInt::new(limbs)).expect("a word has 253 bits")
}

/// Bits `from .. from + len` of a word, `len` at most 128.
pub(crate) fn field_of(word: Fr, from: usize, len: usize) -> u128 {
    let limbs = (word.into_bigint() >> from as u32).0;
    let low = u128::from(limbs[0]) | (u128::from(limbs[1]) << 64);
    if len == 128 { low } else { low & ((1 << len) - 1) }
}

/// Bits that a word's integer has.
pub(crate) fn bits_of(word: Fr) -> usize {
    word.into_bigint().num_bits() as usize
}

/// Bits 0 … 159 of a word as an address.
pub(crate) fn address_of(word: Fr) -> Address {
    let bytes = word.into_bigint().to_bytes_be();
    let mut address = [0; 20];
    address.copy_from_slice(&bytes[12..]);
    Address(address)
}

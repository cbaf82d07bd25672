//! The Solidity verifier of a key.
//!
//! The contract is the template `solidity/verifier.sol.in` with the key's constants filled in. It is compiled with the compiler
//! version that its pragma pins; [`crate::solc`] does that.

use alloy_primitives::U256;
use thiserror::Error;

use crate::key::{DevReason, KeyError, VerifierKey};
use crate::words::{Q, R, g1_words, g2_words};

const TEMPLATE: &str = include_str!("solidity/verifier.sol.in");

/// Longest contract name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What the caller decides about the contract.
#[derive(Clone, Copy, Debug)]
pub struct ExportOptions<'a> {
    /// Name of the contract: an upper-case letter, then letters, digits and underscores; at most 64.
    pub name: &'a str,
    /// Contributions that the key file lists, `None` where that is not known.
    pub contributions: Option<usize>,
    /// Make a contract even from a key whose proofs can be forged. It says so loudly, in a comment and in `IS_DEV_SETUP`.
    pub allow_dev: bool,
}

/// Why no contract is made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The key is malformed.
    #[error("the key cannot be a contract's key: {0}")]
    Key(#[from] KeyError),
    /// Proofs under the key can be forged, and the caller did not allow that.
    #[error("proofs under this key can be forged: {}; allowed for development only (--dev)", list(.reasons))]
    DevKey {
        /// At least one.
        reasons: Vec<DevReason>,
    },
    /// The name is no contract name.
    #[error(
        "{name:?} is no contract name: an upper-case letter, then letters, digits or _, at most {MAX_NAME_BYTES}"
    )]
    Name {
        /// As given, cut after 80 characters.
        name: String,
    },
}

/// Writes the verifier contract for `key`.
///
/// # Errors
/// A bad name, a malformed key, or a development key without `allow_dev`.
pub fn export(key: &VerifierKey, options: &ExportOptions<'_>) -> Result<String, ExportError> {
    if !is_contract_name(options.name) {
        return Err(ExportError::Name { name: options.name.chars().take(80).collect() });
    }
    key.check()?;
    let reasons = key.dev_reasons(options.contributions);
    if !reasons.is_empty() && !options.allow_dev {
        return Err(ExportError::DevKey { reasons });
    }
    let dev = !reasons.is_empty();
    let notice = if dev {
        "DEVELOPMENT KEY: proofs can be forged. Guard nothing of value with this contract."
    } else {
        "false: the key shows none of the known marks of a development key."
    };
    let fills = [
        ("@BANNER@", if dev { banner(&reasons) } else { String::new() }),
        ("@NAME@", options.name.to_owned()),
        ("@DEV_NOTICE@", notice.to_owned()),
        ("@DEV@", dev.to_string()),
        ("@HASH@", format!("{}", key.hash())),
        ("@INPUTS@", key.inputs().to_string()),
        ("@Q@", Q.to_string()),
        ("@R@", R.to_string()),
        ("@KEY@", constants(key)),
        ("@SUM@", sum(key.inputs())),
    ];
    Ok(fills.iter().fold(TEMPLATE.to_owned(), |text, (mark, value)| text.replace(mark, value)))
}

fn is_contract_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn list(reasons: &[DevReason]) -> String {
    reasons.iter().map(DevReason::to_string).collect::<Vec<_>>().join("; ")
}

fn banner(reasons: &[DevReason]) -> String {
    let rule = format!("// {}\n", "!".repeat(100));
    format!(
        "{rule}// DEVELOPMENT KEY. PROOFS CAN BE FORGED BY ANYBODY WHO KNOWS HOW THE KEY WAS MADE.\n// Because: {}.\n{rule}",
        list(reasons)
    )
}

/// One line per coordinate.
fn constants(key: &VerifierKey) -> String {
    let line = |name: String, value: U256| format!("    uint256 private constant {name} = {value};\n");
    let g1 = |name: &str, words: [U256; 2]| {
        line(format!("{name}_X"), words[0]) + &line(format!("{name}_Y"), words[1])
    };
    let mut text = g1("ALPHA", g1_words(&key.alpha));
    for (name, point) in [("BETA", &key.beta), ("GAMMA", &key.gamma), ("DELTA", &key.delta)] {
        for (axis, [high, low]) in ["X", "Y"].iter().zip(g2_words(point)) {
            text += &line(format!("{name}_{axis}1"), high);
            text += &line(format!("{name}_{axis}0"), low);
        }
    }
    for (i, point) in key.ic.iter().enumerate() {
        text += &g1(&format!("IC{i}"), g1_words(point));
    }
    text
}

fn sum(inputs: usize) -> String {
    (1..=inputs).map(|i| format!("        addProduct(sum, IC{i}_X, IC{i}_Y, input[{}]);\n", i - 1)).collect()
}

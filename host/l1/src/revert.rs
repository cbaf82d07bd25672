//! Revert data in words.

use alloy_sol_types::{Panic, Revert, SolError, sol};

sol! {
    /// The call has the wrong length.
    error WrongCalldataLength(uint256 expectedBytes, uint256 gotBytes);
    /// A precompile failed.
    error PrecompileFailed(uint256 precompile);
}

/// Longest reason of a contract that is passed on, in characters.
const MAX_REASON: usize = 200;

/// Says what revert data means: the generated verifier's errors, the rollup's, Solidity's own, or the bytes. Never longer than about 300 characters,
/// whatever a contract or a node answers.
pub fn describe(data: &[u8]) -> String {
    if data.is_empty() {
        return "no reason given (unknown function, short calldata, or out of gas)".to_owned();
    }
    if let Ok(error) = WrongCalldataLength::abi_decode(data) {
        return format!("calldata has {} bytes, expected {}", error.gotBytes, error.expectedBytes);
    }
    if let Ok(error) = PrecompileFailed::abi_decode(data) {
        return format!(
            "precompile {} failed: a point is off the curve or outside the subgroup, gas ran out, or the chain has no BN254 precompiles",
            error.precompile
        );
    }
    if let Some(words) = crate::rollup::errors::describe(data) {
        return words;
    }
    if let Ok(error) = Revert::abi_decode(data) {
        return error.reason.chars().take(MAX_REASON).collect();
    }
    if let Ok(error) = Panic::abi_decode(data) {
        return error.to_string();
    }
    let shown = &data[..data.len().min(68)];
    let cut = if shown.len() < data.len() { "..." } else { "" };
    format!("0x{}{cut}", alloy_primitives::hex::encode(shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    #[test]
    fn known_errors_are_named_and_others_shown() {
        let length = WrongCalldataLength { expectedBytes: U256::from(292), gotBytes: U256::from(324) };
        assert_eq!(describe(&length.abi_encode()), "calldata has 324 bytes, expected 292");
        let failed = PrecompileFailed { precompile: U256::from(8) };
        assert!(describe(&failed.abi_encode()).starts_with("precompile 8 failed"));
        assert_eq!(describe(&Revert::from("not yet").abi_encode()), "not yet");
        assert_eq!(describe(&Revert::from("x".repeat(9000)).abi_encode()).len(), MAX_REASON);
        assert!(describe(&Panic::from(0x11).abi_encode()).contains("overflow"));
        assert_eq!(describe(&[0xab, 0xcd]), "0xabcd");
        assert!(describe(&[1; 500]).len() < 200);
        assert!(describe(&[]).starts_with("no reason"));
    }
}

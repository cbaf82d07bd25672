// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @title Poseidon over the scalar field of BN254 with circomlib's constants
interface IPoseidon {
    /// @notice The input is not below the field's modulus.
    error NotInField(uint256 input);

    /// @notice Poseidon of four field elements (t = 5), as circomlib's `Poseidon(4)`.
    /// @param input Field elements in canonical form.
    /// @return The hash in canonical form.
    function hash4(uint256[4] calldata input) external pure returns (uint256);

    /// @notice Poseidon of five field elements (t = 6), as circomlib's `Poseidon(5)`.
    /// @param input Field elements in canonical form.
    /// @return The hash in canonical form.
    function hash5(uint256[5] calldata input) external pure returns (uint256);
}

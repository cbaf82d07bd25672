// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @title What the rollup asks of the verifier that `millrace export solidity` makes from a key with three public inputs
interface IGroth16Verifier {
    /// @notice Whether the proof holds. Reverts where it cannot judge: bad points, too little gas.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[3] calldata input
    ) external view returns (bool);

    /// @notice Whether the key was made for development.
    function IS_DEV_SETUP() external view returns (bool);

    /// @notice Keccak-256 of the verifying key.
    function VERIFYING_KEY_HASH() external view returns (bytes32);

    /// @notice Number of public inputs.
    function INPUTS() external view returns (uint256);
}

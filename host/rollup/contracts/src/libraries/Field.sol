// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @dev r: modulus of the scalar field of BN254, which words, roots and Baby Jubjub coordinates are elements of.
uint256 constant FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

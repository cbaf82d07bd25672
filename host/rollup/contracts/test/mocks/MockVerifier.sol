// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IGroth16Verifier} from "../../src/IGroth16Verifier.sol";

/// @dev Stands for a sound proof system without its cost: a "proof" is the hash of the public inputs, so it holds for them and no others.
contract MockVerifier is IGroth16Verifier {
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    bool public constant IS_DEV_SETUP = true;
    bytes32 public immutable VERIFYING_KEY_HASH;
    uint256 public constant INPUTS = 3;

    constructor(uint256 size) {
        VERIFYING_KEY_HASH = keccak256(abi.encode("mock", size));
    }

    function verifyProof(uint256[2] calldata, uint256[2][2] calldata, uint256[2] calldata c, uint256[3] calldata input)
        external
        pure
        returns (bool)
    {
        return input[0] < R && input[1] < R && input[2] < R && c[0] == uint256(keccak256(abi.encode(input)));
    }
}

/// @dev Verifiers that a constructor must not take, each bad in one way.
contract BadVerifier is IGroth16Verifier {
    enum Fault {
        AcceptsAll,
        RejectsAll,
        IgnoresInput0,
        IgnoresInput1,
        IgnoresInput2,
        IgnoresProof,
        TakesInputAboveR,
        WrongInputs
    }

    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    bool public constant IS_DEV_SETUP = false;
    bytes32 public constant VERIFYING_KEY_HASH = keccak256("bad");

    Fault private immutable fault;
    /// @dev Hash of the inputs that the setup's proof is for.
    uint256 private immutable expected;

    constructor(Fault fault_, uint256 expected_) {
        fault = fault_;
        expected = expected_;
    }

    function INPUTS() external view returns (uint256) {
        return fault == Fault.WrongInputs ? 2 : 3;
    }

    function verifyProof(uint256[2] calldata, uint256[2][2] calldata, uint256[2] calldata c, uint256[3] calldata input)
        external
        view
        returns (bool)
    {
        if (fault == Fault.AcceptsAll) return true;
        if (fault == Fault.RejectsAll) return false;
        uint256[3] memory seen = input;
        if (fault == Fault.TakesInputAboveR) seen[0] %= R;
        if (fault >= Fault.IgnoresInput0 && fault <= Fault.IgnoresInput2) {
            seen[uint256(fault) - uint256(Fault.IgnoresInput0)] = 7;
        }
        bool inField = seen[0] < R && seen[1] < R && seen[2] < R;
        if (fault == Fault.IgnoresProof) return uint256(keccak256(abi.encode(seen))) == expected;
        return inField && c[0] == uint256(keccak256(abi.encode(seen)));
    }
}

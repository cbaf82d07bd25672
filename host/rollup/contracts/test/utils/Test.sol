// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// @dev What a forge test contract is: assertions that name what they compare, and bounded fuzz inputs.
abstract contract Test {
    bool public constant IS_TEST = true;

    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error NotEqual(string what, uint256 expected, uint256 got);
    error NotTrue(string what);

    /// @dev The block's time as it is now; `block.timestamp` may be read once and kept by the optimizer, which knows no cheat codes.
    function time() internal view returns (uint64) {
        return uint64(vm.getBlockTimestamp());
    }

    function forward(uint256 seconds_) internal {
        vm.warp(vm.getBlockTimestamp() + seconds_);
    }

    function assertEq(uint256 got, uint256 expected, string memory what) internal pure {
        if (got != expected) revert NotEqual(what, expected, got);
    }

    function assertEq(address got, address expected, string memory what) internal pure {
        assertEq(uint160(got), uint160(expected), what);
    }

    function assertEq(bytes32 got, bytes32 expected, string memory what) internal pure {
        assertEq(uint256(got), uint256(expected), what);
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function assertLe(uint256 got, uint256 most, string memory what) internal pure {
        if (got > most) revert NotEqual(what, most, got);
    }

    /// @dev Deploys an artifact by name, for what is compiled with settings of its own.
    function deploy(string memory artifact) internal returns (address made) {
        bytes memory code = vm.getCode(artifact);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        assertTrue(made != address(0), artifact);
    }

    /// @dev `x` itself where it lies in [low, high], otherwise a value there that depends on it.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        return low + x % (high - low + 1);
    }
}

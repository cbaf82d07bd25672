// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IPoseidon} from "../src/IPoseidon.sol";
import {Test} from "./utils/Test.sol";

/// @dev Answers of circomlibjs' reference implementation are the judge.
contract PoseidonTest is Test {
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    IPoseidon private poseidon;
    string private vectors;

    function setUp() public {
        poseidon = IPoseidon(deploy("Poseidon.sol:Poseidon"));
        vectors = vm.readFile("test/vectors/poseidon.json");
    }

    function test_hash4_equalsCircomlib() public view {
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".hash4");
        assertEq(words.length, 64 * 5, "words");
        for (uint256 i = 0; i < words.length; i += 5) {
            assertEq(poseidon.hash4([words[i], words[i + 1], words[i + 2], words[i + 3]]), words[i + 4], "hash4");
        }
    }

    function test_hash5_equalsCircomlib() public view {
        uint256[] memory words = vm.parseJsonUintArray(vectors, ".hash5");
        assertEq(words.length, 64 * 6, "words");
        for (uint256 i = 0; i < words.length; i += 6) {
            uint256[5] memory input = [words[i], words[i + 1], words[i + 2], words[i + 3], words[i + 4]];
            assertEq(poseidon.hash5(input), words[i + 5], "hash5");
        }
    }

    function test_hash4_notInField_reverts() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256[4] memory input;
            input[i] = R;
            vm.expectRevert(abi.encodeWithSelector(IPoseidon.NotInField.selector, R));
            poseidon.hash4(input);
        }
    }

    function test_hash5_notInField_reverts() public {
        for (uint256 i = 0; i < 5; ++i) {
            uint256[5] memory input;
            input[i] = type(uint256).max;
            vm.expectRevert(abi.encodeWithSelector(IPoseidon.NotInField.selector, type(uint256).max));
            poseidon.hash5(input);
        }
    }

    function test_gas_hash() public {
        poseidon.hash4([uint256(1), 2, 3, R - 1]);
        uint256 gas4 = vm.snapshotGasLastCall("hash", "hash4");
        poseidon.hash5([uint256(1), 2, 3, 4, R - 1]);
        uint256 gas5 = vm.snapshotGasLastCall("hash", "hash5");
        assertLe(gas4, 30_000, "gas of hash4");
        assertLe(gas5, 36_000, "gas of hash5");
    }
}

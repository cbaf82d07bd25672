// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {PublicData} from "../src/libraries/PublicData.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {Test} from "./utils/Test.sol";

/// @dev The contract's decoder against the spec written once more (Batches.sol), on random ops: 16,384 batches of 64, which is 2^20 ops.
contract PublicDataTest is Test {
    function unpack(uint256 size, bytes calldata ops) external pure returns (uint256[] memory words, uint256 others) {
        words = new uint256[](4 + 2 * size);
        others = PublicData.unpack(words, ops);
    }

    function argument(uint256 size, uint256 sponge, uint256[] memory words) external pure returns (uint256, uint256) {
        uint256 rho = PublicData.challenge(size, sponge, words);
        return (rho, PublicData.evaluate(words, rho));
    }

    /// forge-config: default.fuzz.runs = 16384
    function testFuzz_unpack_equalsTheSpec(uint256 seed) public view {
        Op[] memory ops = new Op[](64);
        uint256 expectedOthers = 0;
        for (uint256 i = 0; i < 64; ++i) {
            uint256 x = uint256(keccak256(abi.encode(seed, i)));
            // Every field is filled with anything that fits, also where the rules want zeros: those are the circuit's to check. What cannot be expressed
            // is a TRANSFER's or NOOP's address, and a SET_KEY's token and receiver.
            Op memory op = Op(
                uint8(x % 6),
                uint24(x >> 8),
                uint96(x >> 32),
                uint128(x >> 128),
                uint8(x >> 16),
                uint24(x >> 24),
                address(uint160(uint256(keccak256(abi.encode(x))))),
                0
            );
            if (op.code == 0 || op.code == 2) op.address_ = address(0);
            else expectedOthers |= 1 << i;
            if (op.code == 5) (op.token, op.to, op.address_, op.ay) = (0, 0, address(0), x % Batches.R);
            ops[i] = op;
        }
        IRollup.Batch memory batch;
        batch.sponge = seed % Batches.R;
        bytes memory expected = Batches.words(address(this), seed % Batches.R, 1, batch, ops);
        (uint256[] memory words, uint256 others) = this.unpack(64, Batches.pack(ops));
        assertEq(others, expectedOthers, "ops to look at");
        for (uint256 i = 0; i < 132; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(expected, 0x20), mul(i, 0x20)))
            }
            if (i < 4) words[i] = word;
            assertEq(words[i], word, "word");
        }
        uint256[3] memory inputs = Batches.inputs(64, batch.sponge, expected);
        (uint256 rho, uint256 y) = this.argument(64, batch.sponge, words);
        assertEq(rho, inputs[1], "rho");
        assertEq(y, inputs[2], "y");
    }

    /// @dev Any bytes at all: refused by their length, or decoded without touching a word of the head.
    function testFuzz_unpack_anyBytes_touchesOpsOnly(bytes calldata data) public view {
        try this.unpack(8, data) returns (uint256[] memory words, uint256) {
            assertEq(words.length, 20, "words");
            for (uint256 i = 0; i < 4; ++i) {
                assertEq(words[i], 0, "head");
            }
        } catch (bytes memory reason) {
            assertTrue(bytes4(reason) == IRollup.WrongOpsLength.selector, "by its length");
        }
    }

    /// @dev The largest batch that a setup may have: its last op's bit is the highest.
    function test_unpack_256Ops() public view {
        Op[] memory ops = new Op[](256);
        ops[255] = Batches.withdrawal(1, 2, 3, address(4));
        (uint256[] memory words, uint256 others) = this.unpack(256, Batches.pack(ops));
        assertEq(others, 1 << 255, "the highest bit");
        assertEq(words[514], 3 << 248 | 1 << 224 | 3, "w0");
        assertEq(words[515], 2 << 184 | 4, "w1");
    }
}

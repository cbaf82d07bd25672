// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../IRollup.sol";
import {FIELD_MODULUS as R} from "./Field.sol";

/// @title The words of a batch and their evaluation (docs/spec/rollup.md, "The words of a batch", "The public-data argument")
/// @dev The words, 4 + 2·N of them:
///
///     0        domain     224 version · 160 chain id · 0 contract
///     1        old root
///     2        new root
///     3        header     152 four fee tokens · 128 fee account · 64 batch number · 0 batch time
///     4 + 2i   w0         248 code · 224 account · 128 fee · 0 amount
///     5 + 2i   w1         184 token · 160 to · 0 address; for SET_KEY the whole word is Ay
///
/// where `224 version` means: from bit 224 on. In calldata and in events the op words travel packed, see `IRollup.submit`.
library PublicData {
    uint256 internal constant NOOP = 0;
    uint256 internal constant DEPOSIT = 1;
    uint256 internal constant TRANSFER = 2;
    uint256 internal constant WITHDRAW = 3;
    uint256 internal constant FULL_EXIT = 4;
    uint256 internal constant SET_KEY = 5;

    /// @dev Bytes of an op's packed record, without what follows the records.
    uint256 internal constant RECORD_BYTES = 36;

    uint256 private constant VERSION = 1;
    bytes32 private constant TAG = "millrace rollup public data v001";

    /// @notice The domain of this contract on this chain; a fork with another chain id has another.
    function domain() internal view returns (uint256) {
        return VERSION << 224 | uint256(uint64(block.chainid)) << 160 | uint160(address(this));
    }

    /// @notice Words of `size` NOOPs on the state `root`, of no chain and no contract: what a setup's proof is for.
    function noops(uint256 size, uint256 root) internal pure returns (uint256[] memory words) {
        words = new uint256[](4 + 2 * size);
        words[0] = VERSION << 224;
        words[1] = root;
        words[2] = root;
        words[3] = header(0, 0, 0, 0x00010203);
    }

    function header(uint256 number, uint64 time, uint24 feeAccount, uint32 feeTokens) internal pure returns (uint256) {
        return uint256(feeTokens) << 152 | uint256(feeAccount) << 128 | number << 64 | time;
    }

    function w0(uint256 code, uint256 account, uint256 amount) internal pure returns (uint256) {
        return code << 248 | account << 224 | amount;
    }

    function w1(uint256 token, uint256 address_) internal pure returns (uint256) {
        return token << 184 | address_;
    }

    /// @notice Unpacks the ops of `IRollup.submit` into `words`, from word 4 on. `words` has the batch's length.
    /// @return others Bit i is set when op i is neither NOOP nor TRANSFER: the ops that the contract has to look at.
    /// @dev Assembly because this runs for every op of a batch: with slices and checks of bounds and overflow an op costs 550 gas more, 35,000 a batch
    /// of 64. It reads `ops` in order and may read past its end, which is calldata or zeros; the length is compared before anything is returned. A
    /// SET_KEY whose record does not end with four zero bytes gets a second word that is no key, so that no ops have two packed forms.
    function unpack(uint256[] memory words, bytes calldata ops) internal pure returns (uint256 others) {
        uint256 used;
        assembly ("memory-safe") {
            let record := ops.offset
            let word := add(words, 0xa0)
            let end := add(add(words, 0x20), shl(5, mload(words)))
            // Ops times RECORD_BYTES is end - word, 64 a op, times 9 / 16.
            let tail := add(record, shr(4, mul(9, sub(end, word))))
            for { let bit := 1 } lt(word, end) { bit := shl(1, bit) } {
                let first := calldataload(record)
                let second := shl(160, shr(224, calldataload(add(record, 0x20))))
                let code := shr(248, first)
                if and(code, not(TRANSFER)) {
                    others := or(others, bit)
                    switch code
                    case 5 {
                        // SET_KEY
                        second := or(calldataload(tail), sub(0, iszero(iszero(second))))
                        tail := add(tail, 32)
                    }
                    default {
                        second := or(second, shr(96, calldataload(tail)))
                        tail := add(tail, 20)
                    }
                }
                mstore(word, first)
                mstore(add(word, 0x20), second)
                record := add(record, RECORD_BYTES)
                word := add(word, 0x40)
            }
            used := sub(tail, ops.offset)
        }
        if (used != ops.length) revert IRollup.WrongOpsLength(used, ops.length);
    }

    /// @notice rho, the point at which the words are evaluated: fixed by all of them and by the circuit's digest of its own.
    function challenge(uint256 size, uint256 sponge, uint256[] memory words) internal pure returns (uint256) {
        bytes32 digest;
        assembly ("memory-safe") {
            digest := keccak256(add(words, 0x20), mul(mload(words), 0x20))
        }
        return uint256(keccak256(abi.encode(TAG, size, sponge, digest))) % R;
    }

    /// @notice y = sum of words[i]·rho^i mod r, by Horner's rule from the last word down, two words a turn: their number is even.
    function evaluate(uint256[] memory words, uint256 rho) internal pure returns (uint256 y) {
        uint256 r = R;
        assembly ("memory-safe") {
            for { let at := add(words, mul(mload(words), 0x20)) } gt(at, words) { at := sub(at, 0x40) } {
                y := addmod(mulmod(y, rho, r), mload(at), r)
                y := addmod(mulmod(y, rho, r), mload(sub(at, 0x20)), r)
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {PublicData} from "../../src/libraries/PublicData.sol";
import {QueueEntry, QueueLib} from "../../src/libraries/Queue.sol";

/// @dev What the rollup does with a batch's bytes before any state is looked at, to be called by host/l1/tests/decoder.rs, which does the same in Rust
/// (tools/compile.mjs writes Decoder.json for it).
contract Decoder {
    /// @dev The words of `size` packed ops, which of them `submit` looks at, and what it would read of each if it were a WITHDRAW.
    function decode(uint256 size, bytes calldata ops)
        external
        pure
        returns (uint256[] memory words, uint256 others, address[] memory to, uint256[] memory moved)
    {
        words = new uint256[](4 + 2 * size);
        others = PublicData.unpack(words, ops);
        to = new address[](size);
        moved = new uint256[](2 * size);
        for (uint256 op = 0; op < size; ++op) {
            uint256 w1 = words[5 + 2 * op];
            to[op] = address(uint160(w1));
            moved[2 * op] = w1 >> 184;
            moved[2 * op + 1] = uint128(words[4 + 2 * op]);
        }
    }

    /// @dev The words that `submit` asks of the op that takes a queue entry, through the entry's packed form.
    function queued(uint256 code, uint256 id, uint256 token, uint256 amount, uint256 time, uint256 feeGwei)
        external
        pure
        returns (uint256 w0, uint256 w1)
    {
        QueueEntry entry = QueueLib.pack(code, id, token, amount, time, feeGwei);
        require(entry.time() == time && entry.feeGwei() == feeGwei);
        w0 = PublicData.w0(entry.code(), entry.id(), entry.amount());
        w1 = PublicData.w1(entry.token(), 0);
    }

    /// @dev The header's word.
    function header(uint256 number, uint64 time, uint24 feeAccount, uint32 feeTokens) external pure returns (uint256) {
        return PublicData.header(number, time, feeAccount, feeTokens);
    }

    /// @dev (rho, y) of a batch's words.
    function argument(uint256 size, uint256 sponge, uint256[] memory words) external pure returns (uint256, uint256) {
        uint256 rho = PublicData.challenge(size, sponge, words);
        return (rho, PublicData.evaluate(words, rho));
    }
}

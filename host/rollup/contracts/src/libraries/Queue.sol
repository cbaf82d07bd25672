// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../IRollup.sol";

/// @dev A forced op in one storage slot. Bits:
///
///     200 … 255   160 … 199   152 … 159   128 … 151   120 … 127   0 … 119
///     fee, gwei   block time  code        account     token       amount; for SET_KEY the parity of Ax
type QueueEntry is uint256;

/// @dev Everything that queueing an op reads and writes besides the entry, in one storage slot. Bits:
///
///     208 … 215   200 … 207   176 … 199   120 … 175    80 … 119   40 … 79   0 … 39
///     locked      exodus      accounts    fees, gwei   head time  tail      head
///
/// `head time` is the block time of the entry at `head` where head < tail, and means nothing otherwise.
type QueueState is uint256;

using QueueLib for QueueEntry global;
using QueueLib for QueueState global;

/// @title Packing of queue entries and of the queue's state
library QueueLib {
    uint256 private constant HEAD = 0;
    uint256 private constant TAIL = 40;
    uint256 private constant HEAD_TIME = 80;
    uint256 private constant FEES = 120;
    uint256 private constant ACCOUNTS = 176;
    uint256 private constant EXODUS = 200;
    uint256 private constant LOCKED = 208;

    /// @dev Callers pass a code, id, token and amount of their widths.
    function pack(uint256 code_, uint256 id_, uint256 token_, uint256 amount_, uint256 time_, uint256 feeGwei_)
        internal
        pure
        returns (QueueEntry)
    {
        if (feeGwei_ >= 1 << 56 || time_ >= 1 << 40) revert IRollup.QueueOverflow();
        return QueueEntry.wrap(feeGwei_ << 200 | time_ << 160 | code_ << 152 | id_ << 128 | token_ << 120 | amount_);
    }

    function amount(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) & ((1 << 120) - 1);
    }

    function token(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) >> 120 & 0xff;
    }

    function id(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) >> 128 & 0xffffff;
    }

    function code(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) >> 152 & 0xff;
    }

    function time(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) >> 160 & ((1 << 40) - 1);
    }

    function feeGwei(QueueEntry entry) internal pure returns (uint256) {
        return QueueEntry.unwrap(entry) >> 200;
    }

    function head(QueueState state) internal pure returns (uint256) {
        return QueueState.unwrap(state) >> HEAD & ((1 << 40) - 1);
    }

    function tail(QueueState state) internal pure returns (uint256) {
        return QueueState.unwrap(state) >> TAIL & ((1 << 40) - 1);
    }

    function headTime(QueueState state) internal pure returns (uint256) {
        return QueueState.unwrap(state) >> HEAD_TIME & ((1 << 40) - 1);
    }

    function feesGwei(QueueState state) internal pure returns (uint256) {
        return QueueState.unwrap(state) >> FEES & ((1 << 56) - 1);
    }

    function accounts(QueueState state) internal pure returns (uint256) {
        return QueueState.unwrap(state) >> ACCOUNTS & 0xffffff;
    }

    function exodus(QueueState state) internal pure returns (bool) {
        return QueueState.unwrap(state) >> EXODUS & 0xff != 0;
    }

    function locked(QueueState state) internal pure returns (bool) {
        return QueueState.unwrap(state) >> LOCKED & 0xff != 0;
    }

    function length(QueueState state) internal pure returns (uint256) {
        return state.tail() - state.head();
    }

    function withLocked(QueueState state, bool value) internal pure returns (QueueState) {
        return put(state, LOCKED, 8, value ? 1 : 0);
    }

    function withExodus(QueueState state) internal pure returns (QueueState) {
        return put(state, EXODUS, 8, 1);
    }

    function withHead(QueueState state, uint256 index, uint256 indexTime) internal pure returns (QueueState) {
        return put(put(state, HEAD, 40, index), HEAD_TIME, 40, indexTime);
    }

    function withTail(QueueState state, uint256 index) internal pure returns (QueueState) {
        return put(state, TAIL, 40, index);
    }

    function withFees(QueueState state, uint256 gwei_) internal pure returns (QueueState) {
        return put(state, FEES, 56, gwei_);
    }

    function withAccounts(QueueState state, uint256 count) internal pure returns (QueueState) {
        if (count >= 1 << 24) revert IRollup.AccountsExhausted();
        return put(state, ACCOUNTS, 24, count);
    }

    /// @dev Replaces `width` bits from `shift` on.
    function put(QueueState state, uint256 shift, uint256 width, uint256 value) private pure returns (QueueState) {
        if (value >> width != 0) revert IRollup.QueueOverflow();
        uint256 mask = ((1 << width) - 1) << shift;
        return QueueState.wrap(QueueState.unwrap(state) & ~mask | value << shift);
    }
}

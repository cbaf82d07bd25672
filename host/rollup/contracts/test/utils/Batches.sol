// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../../src/IRollup.sol";

/// @dev One op by its fields.
struct Op {
    uint8 code;
    uint24 account;
    uint96 fee;
    uint128 amount;
    uint8 token;
    uint24 to;
    address address_;
    uint256 ay;
}

/// @dev docs/spec/rollup.md written down once more, byte by byte and without the contracts' code: the judge of their encoding.
library Batches {
    uint256 internal constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    function noop() internal pure returns (Op memory op) {}

    function deposit(uint24 id, uint8 token, uint128 amount, address owner) internal pure returns (Op memory) {
        return Op(1, id, 0, amount, token, 0, owner, 0);
    }

    function transfer(uint24 from, uint24 to, uint8 token, uint128 amount, uint96 fee)
        internal
        pure
        returns (Op memory)
    {
        return Op(2, from, fee, amount, token, to, address(0), 0);
    }

    function withdrawal(uint24 from, uint8 token, uint128 amount, address to) internal pure returns (Op memory) {
        return Op(3, from, 0, amount, token, 0, to, 0);
    }

    function fullExit(uint24 id, uint8 token, uint128 amount, address owner) internal pure returns (Op memory) {
        return Op(4, id, 0, amount, token, 0, owner, 0);
    }

    function setKey(uint24 id, uint256 ax, uint256 ay) internal pure returns (Op memory) {
        return Op(5, id, 0, uint128(ax % 2), 0, 0, address(0), ay);
    }

    function pack(Op[] memory ops) internal pure returns (bytes memory records) {
        bytes memory tails;
        for (uint256 i = 0; i < ops.length; ++i) {
            Op memory op = ops[i];
            records = bytes.concat(records, abi.encodePacked(op.code, op.account, op.fee, op.amount, op.token, op.to));
            if (op.code == 5) tails = bytes.concat(tails, bytes32(op.ay));
            else if (op.code != 0 && op.code != 2) tails = bytes.concat(tails, bytes20(op.address_));
        }
        records = bytes.concat(records, tails);
    }

    function words(address rollup, uint256 oldRoot, uint256 number, IRollup.Batch memory batch, Op[] memory ops)
        internal
        view
        returns (bytes memory w)
    {
        w = abi.encodePacked(
            abi.encodePacked(uint24(0), uint8(1), uint64(block.chainid), rollup, oldRoot, batch.newRoot),
            abi.encodePacked(uint72(0), batch.feeTokens, batch.feeAccount, uint64(number), batch.time)
        );
        for (uint256 i = 0; i < ops.length; ++i) {
            Op memory op = ops[i];
            bytes memory second =
                op.code == 5 ? abi.encodePacked(op.ay) : abi.encodePacked(uint64(0), op.token, op.to, op.address_);
            w = bytes.concat(w, abi.encodePacked(op.code, op.account, op.fee, op.amount), second);
        }
    }

    uint256 internal constant GENESIS = 0x027bf53879a1b3489605d6028c0ac456c68f4a0bb1651d8d2fc38001e3d77432;

    /// @dev Public inputs of a setup's proof.
    function setupInputs(uint256 size, uint256 sponge) internal pure returns (uint256[3] memory) {
        bytes memory head = abi.encodePacked(uint256(1) << 224, GENESIS, GENESIS, uint256(0x00010203) << 152);
        return inputs(size, sponge, bytes.concat(head, new bytes(64 * size)));
    }

    /// @dev (P, rho, y), with the sum written out term by term.
    function inputs(uint256 size, uint256 sponge, bytes memory w) internal pure returns (uint256[3] memory) {
        uint256 rho =
            uint256(keccak256(abi.encodePacked("millrace rollup public data v001", size, sponge, keccak256(w)))) % R;
        uint256 y = 0;
        uint256 power = 1;
        for (uint256 i = 0; i < w.length / 32; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(w, 0x20), mul(i, 0x20)))
            }
            y = addmod(y, mulmod(word, power, R), R);
            power = mulmod(power, rho, R);
        }
        return [sponge, rho, y];
    }
}

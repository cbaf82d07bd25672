// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IPoseidon} from "../../src/IPoseidon.sol";

/// @dev The state of at most three accounts (ids 1 to 3) and four tokens, as a sequencer has it: balances, roots, paths. All of it lies under the
/// leftmost node of each level, so every other sibling is an empty tree.
contract StateModel {
    IPoseidon private immutable poseidon;

    address[4] public ownerOf;
    uint128[4][4] public balanceOf;
    uint256[4] private emptyBalances;
    uint256[13] private emptyAccounts;
    /// @dev Leaves as last computed; 0 where the account has changed since.
    uint256[4] private leaves;

    constructor(IPoseidon poseidon_) {
        poseidon = poseidon_;
        uint256 node = 0;
        for (uint256 i = 0; i < 4; ++i) {
            emptyBalances[i] = node;
            node = same(node);
        }
        node = poseidon.hash5([0, 0, 0, 0, node]);
        for (uint256 i = 0; i < 13; ++i) {
            emptyAccounts[i] = node;
            node = same(node);
        }
    }

    function setOwner(uint256 id, address owner) external {
        ownerOf[id] = owner;
        leaves[id] = 0;
    }

    function add(uint256 id, uint256 token, uint128 amount) external {
        balanceOf[id][token] += amount;
        leaves[id] = 0;
    }

    function sub(uint256 id, uint256 token, uint128 amount) external {
        balanceOf[id][token] -= amount;
        leaves[id] = 0;
    }

    function root() external returns (uint256 node) {
        node = poseidon.hash4([leaf(0), leaf(1), leaf(2), leaf(3)]);
        for (uint256 level = 1; level < 12; ++level) {
            node = poseidon.hash4([node, emptyAccounts[level], emptyAccounts[level], emptyAccounts[level]]);
        }
    }

    function path(uint256 id, uint256 token) external returns (uint256[48] memory siblings) {
        uint256 next = 0;
        for (uint256 i = 0; i < 4; ++i) {
            if (i != token) siblings[next++] = balanceOf[id][i];
        }
        for (uint256 level = 1; level < 4; ++level) {
            for (uint256 i = 0; i < 3; ++i) {
                siblings[next++] = emptyBalances[level];
            }
        }
        for (uint256 i = 0; i < 4; ++i) {
            if (i != id) siblings[next++] = leaf(i);
        }
        for (uint256 level = 1; level < 12; ++level) {
            for (uint256 i = 0; i < 3; ++i) {
                siblings[next++] = emptyAccounts[level];
            }
        }
    }

    function leaf(uint256 id) private returns (uint256) {
        if (leaves[id] == 0) leaves[id] = compute(id);
        return leaves[id];
    }

    function compute(uint256 id) private view returns (uint256) {
        if (ownerOf[id] == address(0)) return emptyAccounts[0];
        uint128[4] storage balances = balanceOf[id];
        uint256 node = poseidon.hash4([uint256(balances[0]), balances[1], balances[2], balances[3]]);
        for (uint256 level = 1; level < 4; ++level) {
            node = poseidon.hash4([node, emptyBalances[level], emptyBalances[level], emptyBalances[level]]);
        }
        return poseidon.hash5([uint256(uint160(ownerOf[id])), 0, 0, 0, node]);
    }

    function same(uint256 node) private view returns (uint256) {
        return poseidon.hash4([node, node, node, node]);
    }
}

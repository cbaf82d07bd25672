// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../IRollup.sol";
import {IPoseidon} from "../IPoseidon.sol";

/// @title The state's trees: four children a node, Poseidon of four (docs/spec/rollup.md, "Hash, trees, leaves")
library StateTree {
    uint256 internal constant ACCOUNT_DEPTH = 12;
    uint256 internal constant BALANCE_DEPTH = 4;

    /// @notice Root of the state in which nobody has anything.
    function emptyRoot(IPoseidon poseidon) internal pure returns (uint256 node) {
        for (uint256 i = 0; i < BALANCE_DEPTH; ++i) {
            node = poseidon.hash4([node, node, node, node]);
        }
        node = poseidon.hash5([0, 0, 0, 0, node]);
        for (uint256 i = 0; i < ACCOUNT_DEPTH; ++i) {
            node = poseidon.hash4([node, node, node, node]);
        }
    }

    /// @notice Root of the state in which the claim is true. Every number of the claim is bound by it: the indexes by the positions.
    function rootOf(IPoseidon poseidon, IRollup.ExitClaim calldata claim) internal pure returns (uint256 node) {
        node = climb(poseidon, claim.balance, claim.token, claim.path, 0, BALANCE_DEPTH);
        node = poseidon.hash5([uint256(uint160(claim.owner)), claim.ax, claim.ay, claim.nonce, node]);
        node = climb(poseidon, node, claim.id, claim.path, 3 * BALANCE_DEPTH, ACCOUNT_DEPTH);
    }

    /// @dev Goes `levels` up from `node` at `index`, with the siblings from `path[from]` on. `index` is below 4^levels by its type in the claim.
    function climb(
        IPoseidon poseidon,
        uint256 node,
        uint256 index,
        uint256[48] calldata path,
        uint256 from,
        uint256 levels
    ) private pure returns (uint256) {
        for (uint256 end = from + 3 * levels; from < end; from += 3) {
            uint256[4] memory children;
            uint256 position = index & 3;
            uint256 next = from;
            for (uint256 i = 0; i < 4; ++i) {
                children[i] = i == position ? node : path[next++];
            }
            node = poseidon.hash4(children);
            index >>= 2;
        }
        return node;
    }
}

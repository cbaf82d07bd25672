// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IPoseidon} from "../src/IPoseidon.sol";
import {IRollup} from "../src/IRollup.sol";
import {PublicData} from "../src/libraries/PublicData.sol";
import {StateTree} from "../src/libraries/StateTree.sol";
import {Test} from "./utils/Test.sol";

/// @dev The libraries' functions, to be called at the address that the vectors' domain names.
contract Libraries {
    function domain() external view returns (uint256) {
        return PublicData.domain();
    }

    function unpack(uint256 size, bytes calldata ops) external pure returns (uint256[] memory words, uint256 others) {
        words = new uint256[](4 + 2 * size);
        others = PublicData.unpack(words, ops);
    }

    function argument(uint256 size, uint256 sponge, uint256[] memory words) external pure returns (uint256, uint256) {
        uint256 rho = PublicData.challenge(size, sponge, words);
        return (rho, PublicData.evaluate(words, rho));
    }

    function rootOf(IPoseidon poseidon, IRollup.ExitClaim calldata claim) external pure returns (uint256) {
        return StateTree.rootOf(poseidon, claim);
    }
}

/// @dev sim/vectors/rollup: the vectors that state and circuit are tested with, too.
contract SharedVectorsTest is Test {
    string private constant FOLDER = "../../../sim/vectors/rollup/";

    function test_batches_wordsChallengeAndSum() public {
        string memory json = vm.readFile(string.concat(FOLDER, "batches.json"));
        vm.chainId(31337);
        for (uint256 i = 0; i < 8; ++i) {
            string memory batch = string.concat(".batches[", vm.toString(i), "]");
            address at_ = address(uint160(number(json, batch, ".domain.contract")));
            vm.etch(at_, type(Libraries).runtimeCode);
            Libraries libraries = Libraries(at_);
            uint256 size = number(json, batch, ".size");
            uint256[] memory words = vm.parseJsonUintArray(json, string.concat(batch, ".words"));

            assertEq(libraries.domain(), words[0], "domain");
            assertEq(header(json, batch), words[3], "header");
            (uint256[] memory unpacked, uint256 others) = libraries.unpack(size, pack(words));
            for (uint256 w = 4; w < words.length; ++w) {
                assertEq(unpacked[w], words[w], "op word");
            }
            for (uint256 op = 0; op < size; ++op) {
                uint256 code = words[4 + 2 * op] >> 248;
                assertTrue((others >> op & 1 == 0) == (code == 0 || code == 2), "ops to look at");
            }
            (uint256 rho, uint256 y) = libraries.argument(size, number(json, batch, ".p"), words);
            assertEq(rho, number(json, batch, ".rho"), "rho");
            assertEq(y, number(json, batch, ".y"), "y");
        }
    }

    function test_exits_leadToTheRoot() public {
        string memory json = vm.readFile(string.concat(FOLDER, "exits.json"));
        IPoseidon poseidon = IPoseidon(deploy("Poseidon.sol:Poseidon"));
        Libraries libraries = new Libraries();
        uint256 root = vm.parseJsonUint(json, ".root");
        for (uint256 i = 0; i < 3; ++i) {
            string memory exit_ = string.concat(".exits[", vm.toString(i), "]");
            IRollup.ExitClaim memory claim;
            claim.id = uint24(number(json, exit_, ".account"));
            claim.token = uint8(number(json, exit_, ".token"));
            claim.owner = address(uint160(number(json, exit_, ".owner")));
            (claim.ax, claim.ay) = (number(json, exit_, ".key[0]"), number(json, exit_, ".key[1]"));
            claim.nonce = number(json, exit_, ".nonce");
            claim.balance = uint128(number(json, exit_, ".balance"));
            for (uint256 level = 0; level < 16; ++level) {
                string memory tree = level < 4 ? ".balance_path[" : ".account_path[";
                string memory key = string.concat(exit_, tree, vm.toString(level < 4 ? level : level - 4), "]");
                uint256[] memory siblings = vm.parseJsonUintArray(json, key);
                for (uint256 j = 0; j < 3; ++j) {
                    claim.path[3 * level + j] = siblings[j];
                }
            }
            assertEq(libraries.rootOf(poseidon, claim), root, "root");
        }
    }

    function header(string memory json, string memory batch) private pure returns (uint256) {
        uint256[] memory tokens = vm.parseJsonUintArray(json, string.concat(batch, ".header.fee_tokens"));
        uint256 feeTokens = tokens[0] << 24 | tokens[1] << 16 | tokens[2] << 8 | tokens[3];
        return PublicData.header(
            number(json, batch, ".header.number"),
            uint64(number(json, batch, ".header.time")),
            uint24(number(json, batch, ".header.fee_account")),
            uint32(feeTokens)
        );
    }

    /// @dev The packed ops of a batch's words.
    function pack(uint256[] memory words) private pure returns (bytes memory records) {
        bytes memory tails;
        for (uint256 i = 4; i < words.length; i += 2) {
            uint256 code = words[i] >> 248;
            bytes4 middle = code == 5 ? bytes4(0) : bytes4(uint32(words[i + 1] >> 160));
            records = bytes.concat(records, bytes32(words[i]), middle);
            if (code == 5) tails = bytes.concat(tails, bytes32(words[i + 1]));
            else if (code != 0 && code != 2) tails = bytes.concat(tails, bytes20(uint160(words[i + 1])));
        }
        return bytes.concat(records, tails);
    }

    function number(string memory json, string memory at_, string memory key) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at_, key));
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Test} from "./utils/Test.sol";

/// @dev What is committed for deployment is what these tests run.
contract CompiledTest is Test {
    function test_compiled_isWhatIsTested() public view {
        string[2] memory names = ["Rollup", "Poseidon"];
        for (uint256 i = 0; i < 2; ++i) {
            string memory json = vm.readFile(string.concat("compiled/", names[i], ".json"));
            string memory artifact = string.concat(names[i], ".sol:", names[i]);
            bytes32 committed = keccak256(vm.parseJsonBytes(json, ".bytecode"));
            assertEq(committed, keccak256(vm.getCode(artifact)), "creation code");
            committed = keccak256(vm.parseJsonBytes(json, ".runtime"));
            assertEq(committed, keccak256(vm.getDeployedCode(artifact)), "runtime code");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {Rollup} from "../src/Rollup.sol";
import {BadVerifier, MockVerifier} from "./mocks/MockVerifier.sol";
import {Token} from "./mocks/Tokens.sol";
import {Batches} from "./utils/Batches.sol";
import {ForgedProver} from "./utils/ForgedProver.sol";
import {RollupTest} from "./utils/RollupTest.sol";
import {TestKeyVerifier} from "./verifier/TestKeyVerifier.sol";

/// @dev What a constructor refuses, and what a deployment answers about itself.
contract RollupSetupTest is RollupTest {
    function test_deployment_saysWhatItIs() public view {
        assertEq(rollup.proposer(), PROPOSER, "proposer");
        assertEq(rollup.poseidon(), poseidon, "poseidon");
        assertEq(rollup.baseFeeGwei(), BASE_FEE_GWEI, "fee");
        assertEq(rollup.tokenCount(), 3, "tokens");
        assertEq(rollup.tokenAt(0), address(0), "native");
        assertEq(rollup.tokenAt(1), address(token), "token 1");
        assertEq(rollup.tokenAt(2), address(other), "token 2");
        assertEq(rollup.verifierOf(2), address(0), "no verifier");
        assertEq(rollup.proposerTime(), START, "start");
        string memory vectors = vm.readFile("test/vectors/exits.json");
        assertEq(rollup.stateRoot(), vm.parseJsonUint(vectors, ".genesis"), "genesis");
    }

    function test_deployment_setupHash_coversSizesKeysAndCode() public view {
        address[3] memory verifiers = [rollup.verifierOf(1), rollup.verifierOf(8), rollup.verifierOf(64)];
        bytes32 hash;
        for (uint256 i = 0; i < 3; ++i) {
            hash = keccak256(
                abi.encode(hash, [1, 8, 64][i], keccak256(abi.encode("mock", [1, 8, 64][i])), verifiers[i].codehash)
            );
        }
        assertEq(rollup.setupHash(), hash, "setup hash");
    }

    function test_deployment_devKey_isSaid() public {
        assertTrue(rollup.isDevSetup(), "mocks are for development");
        IRollup.Setup[] memory list_ = new IRollup.Setup[](1);
        list_[0].size = 8;
        list_[0].verifier = address(new TestKeyVerifier());
        list_[0].proof = ForgedProver.prove(Batches.setupInputs(8, 0));
        Rollup made = new Rollup(PROPOSER, poseidon, 1, new address[](0), list_);
        assertTrue(made.isDevSetup(), "the test key is for development");
    }

    function test_constructor_badVerifiers_revert() public {
        string[8] memory reasons = [
            "input is ignored",
            "proof is refused",
            "input is ignored",
            "input is ignored",
            "input is ignored",
            "proof is ignored",
            "input above r",
            "inputs of the verifier"
        ];
        for (uint256 i = 0; i < reasons.length; ++i) {
            IRollup.Setup[] memory list_ = one();
            BadVerifier.Fault fault = BadVerifier.Fault(i);
            uint256[3] memory seen = Batches.setupInputs(8, list_[0].sponge);
            list_[0].verifier = address(new BadVerifier(fault, uint256(keccak256(abi.encode(seen)))));
            if (i >= 2 && i <= 4) seen[i - 2] = 7;
            list_[0].proof.c[0] = uint256(keccak256(abi.encode(seen)));
            expectBadSetup(reasons[i], list_);
        }
    }

    function test_constructor_verifierWithoutCode_reverts() public {
        IRollup.Setup[] memory list_ = one();
        list_[0].verifier = CAROL;
        expectBadSetup("verifier without code", list_);
    }

    function test_constructor_proofOfOtherKey_reverts() public {
        IRollup.Setup[] memory list_ = one();
        list_[0].verifier = address(new TestKeyVerifier());
        list_[0].proof = ForgedProver.prove([uint256(1), 2, 4]);
        expectBadSetup("proof is refused", list_);
    }

    /// @dev A verifier in the place of another size's: its own circuit's proof does not fit the words of this size.
    function test_constructor_verifierOfOtherSize_reverts() public {
        IRollup.Setup[] memory list_ = setups();
        (list_[1].verifier, list_[1].proof, list_[2].verifier, list_[2].proof) =
        (list_[2].verifier, list_[2].proof, list_[1].verifier, list_[1].proof);
        expectBadSetup("proof is refused", list_);
    }

    function test_constructor_keyTwice_reverts() public {
        IRollup.Setup[] memory list_ = setups();
        list_[2].verifier = list_[1].verifier;
        expectBadSetup("key twice", list_);
    }

    function test_constructor_setups_revert() public {
        expectBadSetup("number of setups", new IRollup.Setup[](0));
        expectBadSetup("number of setups", new IRollup.Setup[](4));
        IRollup.Setup[] memory list_ = setups();
        list_[1].size = 1;
        expectBadSetup("sizes do not rise", list_);
        list_ = one();
        list_[0].size = 0;
        expectBadSetup("sizes do not rise", list_);
        list_[0].size = 257;
        expectBadSetup("size", list_);
    }

    function test_constructor_values_revert() public {
        IRollup.Setup[] memory list_ = one();
        address[] memory none = new address[](0);
        expectBadSetup("proposer");
        new Rollup(address(0), poseidon, 1, none, list_);
        expectBadSetup("base fee");
        new Rollup(PROPOSER, poseidon, 0, none, list_);
        expectBadSetup("base fee");
        new Rollup(PROPOSER, poseidon, 1 << 32, none, list_);
        expectBadSetup("number of tokens");
        new Rollup(PROPOSER, poseidon, 1, new address[](256), list_);
    }

    function test_constructor_tokens_revert() public {
        IRollup.Setup[] memory list_ = one();
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(token), address(token));
        expectBadSetup("token twice");
        new Rollup(PROPOSER, poseidon, 1, tokens, list_);
        tokens[1] = CAROL;
        expectBadSetup("token without code");
        new Rollup(PROPOSER, poseidon, 1, tokens, list_);
    }

    function test_constructor_otherPoseidon_reverts() public {
        address impostor = address(new Token(18));
        IRollup.Setup[] memory list_ = one();
        expectBadSetup("code of Poseidon");
        new Rollup(PROPOSER, impostor, 1, new address[](0), list_);
        expectBadSetup("code of Poseidon");
        new Rollup(PROPOSER, address(0), 1, new address[](0), list_);
    }

    /// @dev Nothing receives native coin but the payable functions.
    function test_plainPayment_reverts() public {
        (bool ok,) = address(rollup).call{value: 1}("");
        assertTrue(!ok, "no receive");
        (ok,) = address(rollup).call{value: 1}(hex"12345678");
        assertTrue(!ok, "no fallback");
    }

    function one() private returns (IRollup.Setup[] memory list_) {
        list_ = new IRollup.Setup[](1);
        list_[0].size = 8;
        list_[0].verifier = address(new MockVerifier(8));
        list_[0].proof = prove(8, Batches.setupInputs(8, 0));
    }

    function expectBadSetup(string memory what, IRollup.Setup[] memory list_) private {
        expectBadSetup(what);
        new Rollup(PROPOSER, poseidon, 1, new address[](0), list_);
    }

    function expectBadSetup(string memory what) private {
        vm.expectRevert(abi.encodeWithSelector(IRollup.BadSetup.selector, what));
    }
}

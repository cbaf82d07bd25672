// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IGroth16Verifier} from "../IGroth16Verifier.sol";
import {IRollup} from "../IRollup.sol";
import {IPoseidon} from "../IPoseidon.sol";
import {FIELD_MODULUS as R} from "./Field.sol";
import {PublicData} from "./PublicData.sol";
import {StateTree} from "./StateTree.sol";

/// @title What the rollup makes sure of before it exists
library SetupCheck {
    /// @dev Keccak-256 of the code that src/Poseidon.sol compiles to.
    bytes32 internal constant POSEIDON_CODE_HASH = 0xe6ab35005d7a9bd65e8cd6a5727d00b80e0d787d769cb0dec7668bf4bc1b207f;
    /// @dev Root of the empty state, from circomlibjs (test/vectors/exits.json).
    uint256 internal constant GENESIS_ROOT = 0x027bf53879a1b3489605d6028c0ac456c68f4a0bb1651d8d2fc38001e3d77432;

    uint256 private constant PUBLIC_INPUTS = 3;
    uint256 private constant MAX_SETUPS = 3;
    /// @dev PublicData.unpack holds a bit for each op.
    uint256 private constant MAX_SIZE = 256;

    /// @notice The genesis root, computed with the Poseidon contract, whose code and answers must be the known ones.
    function genesis(address poseidon) internal view returns (uint256 root) {
        if (poseidon.codehash != POSEIDON_CODE_HASH) revert IRollup.BadSetup("code of Poseidon");
        root = StateTree.emptyRoot(IPoseidon(poseidon));
        if (root != GENESIS_ROOT) revert IRollup.BadSetup("answer of Poseidon");
    }

    /// @notice Tests each setup's verifier with a batch of its size on the state `root`; no two may have the same key.
    /// @return setupHash Chain over size, key hash and code hash.
    /// @return dev Whether any key is one for development.
    function verifiers(IRollup.Setup[] memory setups, uint256 root)
        internal
        view
        returns (bytes32 setupHash, bool dev)
    {
        if (setups.length == 0 || setups.length > MAX_SETUPS) {
            revert IRollup.BadSetup("number of setups");
        }
        uint256 last = 0;
        for (uint256 i = 0; i < setups.length; ++i) {
            IRollup.Setup memory setup = setups[i];
            if (setup.size <= last) revert IRollup.BadSetup("sizes do not rise");
            last = setup.size;
            if (last > MAX_SIZE) revert IRollup.BadSetup("size");
            IGroth16Verifier verifier = IGroth16Verifier(setup.verifier);
            if (setup.verifier.code.length == 0) revert IRollup.BadSetup("verifier without code");
            if (verifier.INPUTS() != PUBLIC_INPUTS) revert IRollup.BadSetup("inputs of the verifier");
            bytes32 key = verifier.VERIFYING_KEY_HASH();
            for (uint256 j = 0; j < i; ++j) {
                if (key == IGroth16Verifier(setups[j].verifier).VERIFYING_KEY_HASH()) {
                    revert IRollup.BadSetup("key twice");
                }
            }
            uint256[] memory words = PublicData.noops(setup.size, root);
            uint256 rho = PublicData.challenge(setup.size, setup.sponge, words);
            probe(verifier, setup.proof, [setup.sponge, rho, PublicData.evaluate(words, rho)]);
            setupHash = keccak256(abi.encode(setupHash, setup.size, key, setup.verifier.codehash));
            dev = dev || verifier.IS_DEV_SETUP();
        }
    }

    /// @dev The verifier accepts the proof, and nothing that differs from it by one input or one point.
    function probe(IGroth16Verifier verifier, IRollup.Proof memory proof, uint256[3] memory inputs) private view {
        if (!verifier.verifyProof(proof.a, proof.b, proof.c, inputs)) revert IRollup.BadSetup("proof is refused");
        for (uint256 i = 0; i < PUBLIC_INPUTS; ++i) {
            uint256 right = inputs[i];
            inputs[i] = addmod(right, 1, R);
            if (verifier.verifyProof(proof.a, proof.b, proof.c, inputs)) revert IRollup.BadSetup("input is ignored");
            inputs[i] = right;
        }
        if (verifier.verifyProof(proof.a, proof.b, proof.a, inputs)) revert IRollup.BadSetup("proof is ignored");
        inputs[0] += R;
        if (verifier.verifyProof(proof.a, proof.b, proof.c, inputs)) revert IRollup.BadSetup("input above r");
        inputs[0] -= R;
    }
}

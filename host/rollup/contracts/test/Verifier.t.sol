// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {ForgedProver} from "./utils/ForgedProver.sol";
import {RollupTest} from "./utils/RollupTest.sol";
import {TestKeyVerifier} from "./verifier/TestKeyVerifier.sol";

/// @dev Bad proofs against the real verifier, through `submit`. The proofs are forged with the test key's public trapdoor.
contract VerifierTest is RollupTest {
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

    function setups() internal override returns (IRollup.Setup[] memory made) {
        made = new IRollup.Setup[](1);
        made[0].size = 1;
        made[0].verifier = address(new TestKeyVerifier());
        made[0].proof = ForgedProver.prove(Batches.setupInputs(1, 0));
    }

    function prove(uint256, uint256[3] memory inputs) internal view override returns (IRollup.Proof memory) {
        return ForgedProver.prove(inputs);
    }

    function test_verifier_goodProof_accepted() public {
        submitOne(0, Batches.noop());
        assertEq(rollup.batchNumber(), 1, "batch");
    }

    function test_verifier_coordinateNotBelowQ_rejected() public {
        for (uint256 i = 0; i < 8; ++i) {
            (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
            if (i < 2) proof.a[i] += Q;
            else if (i < 6) proof.b[(i - 2) / 2][i % 2] += Q;
            else proof.c[i - 6] += Q;
            refuseProof(batch, proof);
        }
    }

    function test_verifier_pointOffTheCurve_reverts() public {
        for (uint256 i = 0; i < 8; ++i) {
            (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
            if (i < 2) proof.a[i] ^= 1;
            else if (i < 6) proof.b[(i - 2) / 2][i % 2] ^= 1;
            else proof.c[i - 6] ^= 1;
            expectPrecompileFailure(batch, proof);
        }
    }

    /// @dev x = 1 is the smallest x of a point on the twist y² = x³ + 3/(9 + u) that has one; r times it is not infinity.
    function test_verifier_pointOutsideTheSubgroup_reverts() public {
        (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
        proof.b = [
            [uint256(0), 1],
            [
                5912654199736721486680175016176231956195085055698687135131307249486702594212,
                18278151005453108793778860132295291098363647455926340152056652516292830556603
            ]
        ];
        expectPrecompileFailure(batch, proof);
    }

    function test_verifier_infinity_rejected() public {
        (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
        proof.a = [uint256(0), 0];
        refuseProof(batch, proof);
        (batch, proof) = good();
        proof.b = [[uint256(0), 0], [uint256(0), 0]];
        refuseProof(batch, proof);
        (batch, proof) = good();
        proof.c = [uint256(0), 0];
        refuseProof(batch, proof);
    }

    function test_verifier_allZero_rejected() public {
        IRollup.Batch memory batch = nextBatch(0);
        IRollup.Proof memory proof;
        refuseProof(batch, proof);
    }

    function test_verifier_swappedPoints_rejected() public {
        (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
        (proof.a, proof.c) = (proof.c, proof.a);
        refuseProof(batch, proof);
    }

    /// @dev (-A, -B, C) is another proof of the same: either is accepted, and the other is of no use afterwards.
    function test_verifier_malleatedProof_isNoReplay() public {
        bytes memory packed = Batches.pack(list(Batches.noop()));
        for (uint256 i = 0; i < 2; ++i) {
            (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
            IRollup.Proof memory twin = malleated(proof);
            assertTrue(keccak256(abi.encode(proof)) != keccak256(abi.encode(twin)), "two proofs");
            vm.prank(PROPOSER);
            rollup.submit(1, batch, packed, i == 0 ? proof : twin);
            bytes memory late = abi.encodeWithSelector(
                IRollup.BatchTimeOutOfRange.selector, batch.time, batch.time, time() - 1 hours, time()
            );
            refuse(late, 1, batch, packed, i == 0 ? twin : proof);
            forward(1);
        }
        assertEq(rollup.batchNumber(), 2, "each once");
    }

    /// @dev Of what was proven before, with a time of now: root and number are past, and neither form of the proof is taken.
    function test_verifier_malleatedProofOfThePast_rejected() public {
        Op[] memory ops = list(Batches.noop());
        (uint256 root, uint256 number) = (rollup.stateRoot(), rollup.batchNumber() + 1);
        submitOne(0, Batches.noop());
        forward(1);
        IRollup.Batch memory batch = nextBatch(0);
        bytes memory past = Batches.words(address(rollup), root, number, batch, ops);
        IRollup.Proof memory proof = prove(1, Batches.inputs(1, batch.sponge, past));
        refuseProof(batch, proof);
        refuseProof(batch, malleated(proof));
        // That is all that was wrong with them.
        proof = malleated(proofFor(batch, ops));
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
    }

    /// @dev Whatever gas there is: accepted, or nothing happened. Never "rejected" for want of gas.
    function test_verifier_littleGas_neverAccepts() public {
        (IRollup.Batch memory batch, IRollup.Proof memory proof) = good();
        bytes memory data = abi.encodeCall(rollup.submit, (1, batch, Batches.pack(list(Batches.noop())), proof));
        for (uint256 gas = 20_000; gas < 260_000; gas += 5_000) {
            vm.prank(PROPOSER);
            (bool ok, bytes memory answer) = address(rollup).call{gas: gas}(data);
            if (ok) return assertEq(rollup.batchNumber(), 1, "accepted");
            assertEq(rollup.batchNumber(), 0, "not accepted");
            assertTrue(bytes4(answer) != IRollup.ProofRejected.selector, "the proof is good");
        }
        revert("never accepted");
    }

    function good() private view returns (IRollup.Batch memory batch, IRollup.Proof memory proof) {
        batch = nextBatch(0);
        proof = proofFor(batch, list(Batches.noop()));
    }

    /// @dev A copy with A and B on the other side.
    function malleated(IRollup.Proof memory proof) private pure returns (IRollup.Proof memory twin) {
        twin = abi.decode(abi.encode(proof), (IRollup.Proof));
        twin.a[1] = Q - twin.a[1];
        twin.b[1] = [Q - twin.b[1][0], Q - twin.b[1][1]];
    }

    function refuseProof(IRollup.Batch memory batch, IRollup.Proof memory proof) private {
        bytes memory error_ = abi.encodeWithSelector(IRollup.ProofRejected.selector);
        refuse(error_, 1, batch, Batches.pack(list(Batches.noop())), proof);
    }

    /// @dev A failing precompile takes all the gas that it is given, so the call gets a sensible amount. A chain without the precompile is a test of
    /// host/l1, which can take them away.
    function expectPrecompileFailure(IRollup.Batch memory batch, IRollup.Proof memory proof) private {
        bytes memory packed = Batches.pack(list(Batches.noop()));
        vm.expectRevert(abi.encodeWithSelector(TestKeyVerifier.PrecompileFailed.selector, 8));
        vm.prank(PROPOSER);
        rollup.submit{gas: 1_000_000}(1, batch, packed, proof);
    }
}

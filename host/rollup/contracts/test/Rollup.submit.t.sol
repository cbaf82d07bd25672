// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev Batches: what is accepted, and every way to lie about one. The mock's proofs hold for exactly the words that the oracle in Batches.sol writes.
contract RollupSubmitTest is RollupTest {
    uint128 private constant SEEDED = 1_000_000;

    function setUp() public override {
        super.setUp();
        seed(1, SEEDED);
        forward(10);
    }

    function test_submit_deposit_movesItToCustody() public {
        deposit(BOB, 1, 1000);
        assertEq(rollup.owedOf(1), SEEDED + 1000, "owed");
        assertEq(rollup.custodyOf(1), SEEDED, "custody before");
        submitOne(1, Batches.deposit(2, 1, 1000, BOB));
        assertEq(rollup.owedOf(1), SEEDED + 1000, "owed");
        assertEq(rollup.custodyOf(1), SEEDED + 1000, "custody after");
        (uint256 code,,,,,) = rollup.queueEntry(1);
        assertEq(code, 0, "entry is gone");
    }

    function test_submit_withdrawal_becomesPending() public {
        submitOne(0, Batches.withdrawal(1, 1, 300, CAROL));
        assertEq(rollup.pendingOf(CAROL, 1), 300, "pending");
        assertEq(rollup.custodyOf(1), SEEDED - 300, "custody");
        assertEq(rollup.owedOf(1), SEEDED, "owed");
    }

    function test_submit_fullExit_paysTheOwner() public {
        requestFullExit(ALICE, 1);
        submitOne(1, Batches.fullExit(1, 1, SEEDED, ALICE));
        assertEq(rollup.pendingOf(ALICE, 1), SEEDED, "pending");
        assertEq(rollup.custodyOf(1), 0, "custody");
    }

    /// @dev A forced op of somebody who has nothing: valid, and changes nothing.
    function test_submit_fullExitOfNothing_isTaken() public {
        requestFullExit(ALICE, 2);
        submitOne(1, Batches.fullExit(1, 2, 0, ALICE));
        assertEq(rollup.pendingOf(ALICE, 2), 0, "pending");
        (uint256 head, uint256 tail,) = rollup.queueBounds();
        assertEq(head, tail, "queue is empty");
    }

    function test_submit_setKey_isTaken() public {
        (uint256 ax, uint256 ay) = requestKey();
        submitOne(1, Batches.setKey(1, ax, ay));
        assertEq(rollup.batchNumber(), 2, "batch");
    }

    function test_submit_paysQueueFeesToTheFeeAccountsOwner() public {
        uint256 before = rollup.pendingOf(ALICE, 0);
        deposit(BOB, 1, 5);
        requestFullExit(BOB, 1);
        submit(2, pad(list(Batches.deposit(2, 1, 5, BOB), Batches.fullExit(2, 1, 5, BOB)), 8));
        assertEq(rollup.pendingOf(ALICE, 0) - before, 2 * FEE, "fees");
        assertEq(rollup.owedOf(0), before + 2 * FEE, "owed native");
        assertEq(address(rollup).balance, rollup.owedOf(0), "held native");
    }

    function test_submit_emitsWhatItTook() public {
        Op[] memory ops = list(Batches.transfer(1, 1, 1, 5, 0));
        IRollup.Batch memory batch = nextBatch(0);
        IRollup.Proof memory proof = proofFor(batch, ops);
        bytes memory w = Batches.words(address(rollup), rollup.stateRoot(), 2, batch, ops);
        uint256 header;
        assembly ("memory-safe") {
            header := mload(add(w, 0x80))
        }
        vm.expectEmit(true, false, false, true);
        emit IRollup.BatchAccepted(2, batch.newRoot, header, 1, 0, Batches.pack(ops));
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        assertEq(rollup.stateRoot(), batch.newRoot, "root");
        assertEq(rollup.batchTime(), batch.time, "time");
    }

    // Lies about what is proven: root, number, chain, contract.

    function test_submit_otherOldRoot_rejected() public {
        Op[] memory ops = list(Batches.noop());
        IRollup.Batch memory batch = nextBatch(0);
        bytes memory w = Batches.words(address(rollup), rollup.stateRoot() + 1, 2, batch, ops);
        refuseProofOf(w, batch, ops);
    }

    function test_submit_batchNumberSkipped_rejected() public {
        Op[] memory ops = list(Batches.noop());
        IRollup.Batch memory batch = nextBatch(0);
        refuseProofOf(Batches.words(address(rollup), rollup.stateRoot(), 3, batch, ops), batch, ops);
    }

    function test_submit_batchNumberRepeated_rejected() public {
        Op[] memory ops = list(Batches.noop());
        IRollup.Batch memory batch = nextBatch(0);
        refuseProofOf(Batches.words(address(rollup), rollup.stateRoot(), 1, batch, ops), batch, ops);
    }

    function test_submit_replay_rejected() public {
        Op[] memory ops = list(Batches.withdrawal(1, 1, 300, CAROL));
        IRollup.Batch memory batch = nextBatch(0);
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        refuse(timeError(batch.time), 1, batch, Batches.pack(ops), proof);
        forward(1);
        refuse(timeError(batch.time), 1, batch, Batches.pack(ops), proof);
        assertEq(rollup.pendingOf(CAROL, 1), 300, "paid once");
    }

    /// @dev Nor does a new time help, whether the header alone has it or the proof, too: the batch leads to the root that there is, and once that is
    /// another, the proof is of a root and a number of the past.
    function test_submit_replayWithANewTime_rejected() public {
        Op[] memory ops = list(Batches.withdrawal(1, 1, 300, CAROL));
        (uint256 root, IRollup.Batch memory batch) = (rollup.stateRoot(), nextBatch(0));
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        forward(1);
        batch.time = time();
        refuse(abi.encodeWithSelector(IRollup.EmptyBatch.selector), 1, batch, Batches.pack(ops), proof);
        submitOne(0, Batches.noop());
        forward(1);
        batch.time = time();
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 1, batch, Batches.pack(ops), proof);
        // SetUp's batch is number 1, the withdrawal 2, the NOOP 3.
        refuseProofOf(Batches.words(address(rollup), root, 2, batch, ops), batch, ops);
        refuseProofOf(Batches.words(address(rollup), root, 4, batch, ops), batch, ops);
        refuseProofOf(Batches.words(address(rollup), rollup.stateRoot(), 2, batch, ops), batch, ops);
        assertEq(rollup.pendingOf(CAROL, 1), 300, "paid once");
        // With neither of the past it is another batch, which the circuit would have to prove.
        proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        assertEq(rollup.pendingOf(CAROL, 1), 600, "the mock takes it");
    }

    function test_submit_proofOfOtherContract_rejected() public {
        Op[] memory ops = list(Batches.noop());
        IRollup.Batch memory batch = nextBatch(0);
        refuseProofOf(Batches.words(address(this), rollup.stateRoot(), 2, batch, ops), batch, ops);
    }

    function test_submit_proofOfOtherChain_rejected() public {
        Op[] memory ops = list(Batches.noop());
        IRollup.Batch memory batch = nextBatch(0);
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.chainId(999);
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 1, batch, Batches.pack(ops), proof);
    }

    /// @dev The proof of eight NOOPs does not pass for one, nor the other way round: N is under rho.
    function test_submit_proofOfOtherSize_rejected() public {
        Op[] memory one = list(Batches.noop());
        Op[] memory eight = pad(one, 8);
        IRollup.Batch memory batch = nextBatch(0);
        bytes memory error_ = abi.encodeWithSelector(IRollup.ProofRejected.selector);
        refuse(error_, 1, batch, Batches.pack(one), proofFor(batch, eight));
        refuse(error_, 8, batch, Batches.pack(eight), proofFor(batch, one));
    }

    // Lies about single fields: each one is under the proof.

    function test_submit_changedNewRoot_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.newRoot ^= 1;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedTime_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.time -= 1;
        rollupTimeIsBefore(batch.time);
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedFeeAccount_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.feeAccount ^= 2;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedFeeTokens_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.feeTokens ^= 1 << 24;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedSponge_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.sponge ^= 1;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedRecipient_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        ops[0].address_ = BOB;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_changedAmount_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        ops[0].amount += 1;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    /// @dev The other token has no custody, so the change is refused before the proof is looked at.
    function test_submit_changedToken_exceedsItsCustody() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        ops[0].token = 2;
        bytes memory error_ = abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 2, 0, 300);
        refuse(error_, 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_reordered_rejected() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        (ops[1], ops[2]) = (ops[2], ops[1]);
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
    }

    /// @dev Any one bit of the packed ops: refused by the proof, or before it by a rule.
    function testFuzz_submit_flippedBit_reverts(uint256 bit) public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(ops);
        bit = bound(bit, 0, packed.length * 8 - 1);
        packed[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.prank(PROPOSER);
        (bool ok, bytes memory answer) = address(rollup).call(abi.encodeCall(rollup.submit, (8, batch, packed, proof)));
        assertTrue(!ok, "refused");
        bytes4 error_ = bytes4(answer);
        assertTrue(
            error_ == IRollup.ProofRejected.selector || error_ == IRollup.WrongOpsLength.selector
                || error_ == IRollup.QueueOpOutOfPlace.selector || error_ == IRollup.CustodyExceeded.selector,
            "for what it is"
        );
    }

    // Lies about lengths and codes.

    function test_submit_truncated_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(ops);
        uint256 length = packed.length;
        assembly ("memory-safe") {
            mstore(packed, sub(length, 1))
        }
        bytes memory error_ = abi.encodeWithSelector(IRollup.WrongOpsLength.selector, length, length - 1);
        refuse(error_, 8, batch, packed, proof);
    }

    function test_submit_appended_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(ops);
        uint256 length = packed.length;
        bytes memory error_ = abi.encodeWithSelector(IRollup.WrongOpsLength.selector, length, length + 1);
        refuse(error_, 8, batch, bytes.concat(packed, hex"00"), proof);
    }

    function test_submit_padded_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(pad(ops, 9));
        bytes memory error_ = abi.encodeWithSelector(IRollup.WrongOpsLength.selector, packed.length - 36, packed.length);
        refuse(error_, 8, batch, packed, proof);
    }

    function test_submit_empty_reverts() public {
        (IRollup.Batch memory batch,, IRollup.Proof memory proof) = honest();
        refuse(abi.encodeWithSelector(IRollup.WrongOpsLength.selector, 8 * 36, 0), 8, batch, "", proof);
    }

    function test_submit_unknownSize_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        for (uint256 i = 0; i < 3; ++i) {
            uint256 size = [uint256(0), 7, type(uint256).max][i];
            refuse(abi.encodeWithSelector(IRollup.UnknownSize.selector, size), size, batch, Batches.pack(ops), proof);
        }
    }

    function test_submit_inventedDeposit_reverts() public {
        Op[] memory ops = list(Batches.deposit(1, 1, 1e9, ALICE));
        refuse(abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 0, 1), nextBatch(0), ops);
    }

    function test_submit_inventedFullExit_reverts() public {
        Op[] memory ops = list(Batches.fullExit(1, 1, SEEDED, ALICE));
        refuse(abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 0, 4), nextBatch(0), ops);
    }

    function test_submit_inventedSetKey_reverts() public {
        Op[] memory ops = list(Batches.setKey(1, 0, 1));
        refuse(abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 0, 5), nextBatch(0), ops);
    }

    function test_submit_unknownCode_reverts() public {
        for (uint16 code = 6; code < 256; code += 31) {
            Op[] memory ops = list(Batches.noop());
            ops[0].code = uint8(code);
            refuse(abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 0, code), nextBatch(0), ops);
        }
    }

    function test_submit_moreThanCustody_reverts() public {
        Op[] memory ops = list(Batches.withdrawal(1, 1, SEEDED + 1, ALICE));
        bytes memory error_ = abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 1, SEEDED, SEEDED + 1);
        refuse(error_, nextBatch(0), ops);
    }

    /// @dev A broken proof system cannot pay one token out of another's custody, nor out of what is queued or pending.
    function test_submit_forgedWithdrawal_stopsAtTheTokensCustody() public {
        deposit(BOB, 2, 777);
        Op[] memory ops = pad(list(Batches.withdrawal(1, 1, SEEDED, CAROL), Batches.withdrawal(1, 2, 1, CAROL)), 8);
        refuse(abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 2, 0, 1), nextBatch(0), ops);
        ops[1] = Batches.withdrawal(1, 1, 1, CAROL);
        refuse(abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 1, 0, 1), nextBatch(0), ops);
    }

    function test_submit_withdrawalOfUnlistedToken_reverts() public {
        Op[] memory ops = list(Batches.withdrawal(1, 3, 1, ALICE));
        refuse(abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 3, 0, 1), nextBatch(0), ops);
    }

    // Words out of range.

    function test_submit_newRootNotInField_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.newRoot += R;
        bytes memory error_ = abi.encodeWithSelector(IRollup.NotInField.selector, batch.newRoot);
        refuse(error_, 8, batch, Batches.pack(ops), proof);
        batch.newRoot = type(uint256).max;
        error_ = abi.encodeWithSelector(IRollup.NotInField.selector, batch.newRoot);
        refuse(error_, 8, batch, Batches.pack(ops), proof);
    }

    function test_submit_spongeNotInField_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        batch.sponge += R;
        bytes memory error_ = abi.encodeWithSelector(IRollup.NotInField.selector, batch.sponge);
        refuse(error_, 8, batch, Batches.pack(ops), proof);
    }

    // Turn and time.

    function test_submit_outsider_reverts() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(ops);
        uint256 openAfter = rollup.proposerTime() + 24 hours;
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotProposer.selector, openAfter));
        vm.prank(CAROL);
        rollup.submit(8, batch, packed, proof);
    }

    function test_submit_outsiderAfterADay_accepted() public {
        forward(24 hours);
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        vm.prank(CAROL);
        rollup.submit(8, batch, Batches.pack(ops), proof);
        assertEq(rollup.batchNumber(), 2, "batch");
        // An outsider's batch does not renew the proposer's turn. It keeps other outsiders waiting, though not the proposer.
        uint256 accepted = time();
        forward(10 minutes);
        (batch, ops, proof) = honest();
        bytes memory packed = Batches.pack(ops);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotProposer.selector, accepted + 10 minutes));
        vm.prank(BOB);
        rollup.submit(8, batch, packed, proof);
        forward(1);
        vm.prank(BOB);
        rollup.submit(8, batch, packed, proof);
        assertEq(rollup.batchNumber(), 3, "batch");
        forward(1);
        submitOne(0, Batches.noop());
        assertEq(rollup.batchNumber(), 4, "the proposer's");
    }

    function test_submit_proposerBack_shutsOutsidersOut() public {
        forward(24 hours);
        submitOne(0, Batches.noop());
        forward(1);
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = honest();
        bytes memory packed = Batches.pack(ops);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotProposer.selector, rollup.proposerTime() + 24 hours));
        vm.prank(CAROL);
        rollup.submit(8, batch, packed, proof);
    }

    function test_submit_timeNotRising_reverts() public {
        IRollup.Batch memory batch = nextBatch(0);
        batch.time = uint64(rollup.batchTime());
        refuse(timeError(batch.time), batch, list(Batches.noop()));
    }

    function test_submit_timeInTheFuture_reverts() public {
        IRollup.Batch memory batch = nextBatch(0);
        batch.time += 1;
        refuse(timeError(batch.time), batch, list(Batches.noop()));
    }

    function test_submit_timeTooOld_reverts() public {
        forward(2 hours);
        IRollup.Batch memory batch = nextBatch(0);
        batch.time -= 1 hours + 1;
        refuse(timeError(batch.time), batch, list(Batches.noop()));
        batch.time += 1;
        Op[] memory ops = list(Batches.noop());
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
    }

    function test_submit_changesNothing_reverts() public {
        IRollup.Batch memory batch = nextBatch(0);
        batch.newRoot = rollup.stateRoot();
        refuse(abi.encodeWithSelector(IRollup.EmptyBatch.selector), batch, list(Batches.noop()));
    }

    /// @dev An untouched root is fine where an op leaves the queue.
    function test_submit_sameRootWithQueueOp_accepted() public {
        requestFullExit(ALICE, 2);
        Op[] memory ops = list(Batches.fullExit(1, 2, 0, ALICE));
        IRollup.Batch memory batch = nextBatch(1);
        batch.newRoot = rollup.stateRoot();
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        assertEq(rollup.batchNumber(), 2, "batch");
    }

    /// @dev A withdrawal, two transfers, NOOPs.
    function honest() private view returns (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) {
        ops = pad(
            list(
                Batches.withdrawal(1, 1, 300, CAROL), Batches.transfer(1, 2, 1, 40, 1), Batches.transfer(2, 1, 1, 7, 2)
            ),
            8
        );
        batch = nextBatch(0);
        proof = proofFor(batch, ops);
    }

    function requestKey() private returns (uint256 ax, uint256 ay) {
        (ax, ay) =
        (
            5299619240641551281634865583518297030282874472190772894086521144482721001553,
            16950150798460657717958625567821834550301663161624707787222815936182638968203
        );
        uint256 fee = rollup.queueFee();
        vm.prank(ALICE);
        rollup.requestSetKey{value: fee}(ax, ay);
    }

    function refuseProofOf(bytes memory w, IRollup.Batch memory batch, Op[] memory ops) private {
        IRollup.Proof memory proof = prove(1, Batches.inputs(ops.length, batch.sponge, w));
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), ops.length, batch, Batches.pack(ops), proof);
    }

    function timeError(uint256 batchTime) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IRollup.BatchTimeOutOfRange.selector, batchTime, rollup.batchTime(), time() - 1 hours, time()
        );
    }

    /// @dev So that a test about the proof is not about the time.
    function rollupTimeIsBefore(uint256 batchTime) private view {
        assertTrue(rollup.batchTime() < batchTime, "the time alone is fine");
    }
}

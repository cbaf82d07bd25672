// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev Forced ops: none skipped, reordered, repeated, changed or left too long.
contract RollupQueueTest is RollupTest {
    uint256 private constant AX = 5299619240641551281634865583518297030282874472190772894086521144482721001553;
    uint256 private constant AY = 16950150798460657717958625567821834550301663161624707787222815936182638968203;

    function setUp() public override {
        super.setUp();
        seed(1, 1000);
        deposit(BOB, 1, 20);
        deposit(CAROL, 2, 30);
        requestFullExit(ALICE, 1);
    }

    /// @dev What the queue holds, as the first three of eight ops.
    function waiting() private pure returns (Op[] memory) {
        return pad(
            list(Batches.deposit(2, 1, 20, BOB), Batches.deposit(3, 2, 30, CAROL), Batches.fullExit(1, 1, 1000, ALICE)),
            8
        );
    }

    function test_queue_takenInOrder() public {
        submit(3, waiting());
        assertEq(rollup.custodyOf(1), 20, "custody 1");
        assertEq(rollup.custodyOf(2), 30, "custody 2");
        assertEq(rollup.pendingOf(ALICE, 1), 1000, "pending");
        (uint256 head, uint256 tail,) = rollup.queueBounds();
        assertTrue(head == 4 && tail == 4, "empty");
    }

    function test_queue_takenInParts() public {
        submitOne(1, waiting()[0]);
        forward(1);
        submitOne(1, waiting()[1]);
        forward(1);
        submitOne(1, waiting()[2]);
        assertEq(rollup.pendingOf(ALICE, 1), 1000, "pending");
    }

    function test_queue_skipped_reverts() public {
        Op[] memory ops = list(waiting()[1]);
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, CAROL), nextBatch(1), tokenOne(ops));
        refuse(mismatch(0, 1), nextBatch(1), ops);
    }

    function test_queue_reordered_reverts() public {
        Op[] memory ops = waiting();
        (ops[0], ops[2]) = (ops[2], ops[0]);
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, ALICE), nextBatch(3), ops);
    }

    function test_queue_repeated_reverts() public {
        submitOne(1, waiting()[0]);
        forward(1);
        refuse(mismatch(0, 2), nextBatch(1), list(waiting()[0]));
    }

    function test_queue_invented_reverts() public {
        Op[] memory ops = waiting();
        ops[3] = Batches.fullExit(2, 1, 20, BOB);
        refuse(abi.encodeWithSelector(IRollup.TooManyQueueOps.selector, 4, 3), nextBatch(4), ops);
        refuse(abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 3, 4), nextBatch(3), ops);
    }

    function test_queue_moreThanTheBatchHolds_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        refuse(abi.encodeWithSelector(IRollup.TooManyQueueOps.selector, 2, 1), nextBatch(2), ops);
        IRollup.Batch memory batch = nextBatch(type(uint256).max);
        refuse(abi.encodeWithSelector(IRollup.TooManyQueueOps.selector, type(uint256).max, 1), batch, ops);
    }

    function test_queue_replacedByTransfer_reverts() public {
        refuse(mismatch(0, 1), nextBatch(1), list(Batches.transfer(2, 1, 1, 20, 0)));
        refuse(mismatch(0, 1), nextBatch(1), list(Batches.noop()));
    }

    function test_queue_otherKind_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        for (uint8 code = 3; code < 8; ++code) {
            ops[0].code = code;
            refuse(mismatch(0, 1), nextBatch(1), ops);
        }
    }

    function test_queue_otherAmount_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        ops[0].amount += 1;
        refuse(mismatch(0, 1), nextBatch(1), ops);
    }

    function test_queue_feeInForcedOp_reverts() public {
        Op[] memory ops = waiting();
        ops[2].fee = 1;
        refuse(mismatch(2, 3), nextBatch(3), ops);
    }

    function test_queue_otherAccount_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        ops[0].account = 1;
        refuse(mismatch(0, 1), nextBatch(1), ops);
    }

    function test_queue_otherOwner_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        ops[0].address_ = ALICE;
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, ALICE), nextBatch(1), ops);
        ops[0].address_ = address(0);
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, address(0)), nextBatch(1), ops);
    }

    function test_queue_otherToken_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        ops[0].token = 2;
        refuse(mismatch(0, 1), nextBatch(1), ops);
    }

    function test_queue_receiverInForcedOp_reverts() public {
        Op[] memory ops = list(waiting()[0]);
        ops[0].to = 7;
        refuse(mismatch(0, 1), nextBatch(1), ops);
    }

    /// @dev FULL_EXIT pays what the circuit says: with a proof that lies about it, at most the token's custody.
    function test_queue_fullExitAmount_isTheProofs() public {
        Op[] memory ops = waiting();
        IRollup.Batch memory batch = nextBatch(3);
        IRollup.Proof memory proof = proofFor(batch, ops);
        ops[2].amount -= 1;
        refuse(abi.encodeWithSelector(IRollup.ProofRejected.selector), 8, batch, Batches.pack(ops), proof);
        ops[2].amount = 1021;
        refuse(abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 1, 1020, 1021), nextBatch(3), ops);
    }

    function test_queue_otherKey_reverts() public {
        keyAtHead();
        refuse(mismatch(0, 4), nextBatch(1), list(Batches.setKey(1, AX, AY + 1)));
        refuse(mismatch(0, 4), nextBatch(1), list(Batches.setKey(1, AX + 1, AY)));
        refuse(mismatch(0, 4), nextBatch(1), list(Batches.setKey(2, AX, AY)));
    }

    /// @dev Four bytes of a SET_KEY's record have no place in its words; anything there is refused.
    function test_queue_keyRecordWithToken_reverts() public {
        keyAtHead();
        Op[] memory ops = list(Batches.setKey(1, AX, AY));
        IRollup.Batch memory batch = nextBatch(1);
        IRollup.Proof memory proof = proofFor(batch, ops);
        ops[0].to = 1;
        refuse(mismatch(0, 4), 1, batch, Batches.pack(ops), proof);
        ops[0].to = 0;
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
    }

    // Fees of the queue.

    function test_queue_feeAccountOfNobody_reverts() public {
        IRollup.Batch memory batch = nextBatch(1);
        batch.feeAccount = 0;
        batch.feeOwner = address(0);
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 0, address(0)), batch, list(waiting()[0]));
        batch.feeOwner = address(0x1234);
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 0, address(0x1234)), batch, list(waiting()[0]));
    }

    function test_queue_feeOwnerIsNotTheAccounts_reverts() public {
        IRollup.Batch memory batch = nextBatch(1);
        batch.feeOwner = BOB;
        refuse(abi.encodeWithSelector(IRollup.NotOwner.selector, 1, BOB), batch, list(waiting()[0]));
    }

    // Liveness.

    function test_queue_dayOldHeadLeft_reverts() public {
        forward(24 hours);
        submitOne(0, Batches.noop());
        forward(1);
        refuse(
            abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 1), nextBatch(0), pad(list(Batches.noop()), 8)
        );
    }

    /// @dev The least that an operator may do and keep its turn: batches a day apart, dated an hour back. The first 64 entries wait 25 + 24 hours, each 64
    /// behind them a day more, until exodus (docs/spec/rollup-contract.md, "Delay of a forced op").
    function test_queue_laziestOperator_leavesFor49Hours() public {
        Op[] memory none = pad(list(Batches.noop()), 8);
        forward(25 hours);
        IRollup.Batch memory batch = nextBatch(0);
        batch.time -= 1 hours;
        IRollup.Proof memory proof = proofFor(batch, none);
        vm.prank(PROPOSER);
        rollup.submit(8, batch, Batches.pack(none), proof);
        forward(24 hours);
        batch = nextBatch(0);
        batch.time -= 1 hours;
        refuse(abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 1), batch, none);
        // A second later the turn is anybody's.
        forward(1);
        batch = nextBatch(0);
        refuse(abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 1), batch, none);
        proof = proofFor(batch, none);
        vm.expectRevert(abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 1));
        vm.prank(CAROL);
        rollup.submit(8, batch, Batches.pack(none), proof);
    }

    /// @dev Not even a batch that is full, when a larger one would have had room: small batches do not starve the queue.
    function test_queue_dayOldRest_isLeftByNoSmallBatch() public {
        forward(24 hours + 1);
        Op[] memory ops = waiting();
        ops[2] = Batches.noop();
        refuse(abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 3), nextBatch(2), ops);
        refuse(abi.encodeWithSelector(IRollup.OverdueQueueOpLeft.selector, 2), nextBatch(1), list(waiting()[0]));
        submit(3, waiting());
        assertEq(rollup.batchNumber(), 2, "all that is overdue");
    }

    /// @dev The largest batch, full of queue ops, may leave the rest.
    function test_queue_dayOldRest_isLeftByTheLargestFullBatch() public {
        Op[] memory ops = pad(waiting(), 64);
        for (uint256 i = 3; i < 70; ++i) {
            requestFullExit(BOB, 2);
            if (i < 64) ops[i] = Batches.fullExit(2, 2, 0, BOB);
        }
        forward(24 hours + 1);
        submit(64, ops);
        (uint256 head, uint256 tail,) = rollup.queueBounds();
        assertTrue(head == 65 && tail == 71, "six are left");
    }

    /// @dev What a long queue adds to the fee goes to nobody: who fills it does not get that back by processing it.
    function test_queue_surcharge_isOwedToNobody() public {
        Op[] memory ops = pad(waiting(), 64);
        for (uint256 i = 3; i < 67; ++i) {
            requestFullExit(BOB, 2);
            if (i < 64) ops[i] = Batches.fullExit(2, 2, 0, BOB);
        }
        uint256 before = rollup.pendingOf(ALICE, 0);
        // 64 entries at the base fee, three at twice that.
        assertEq(rollup.owedOf(0) - before, (64 + 3 * 2) * FEE, "queued fees");
        submit(64, ops);
        assertEq(rollup.pendingOf(ALICE, 0) - before, 64 * FEE, "base fees");
        forward(1);
        Op[] memory rest = pad(ops, 64);
        submit(3, pad(list(rest[63], rest[63], rest[63]), 8));
        assertEq(rollup.pendingOf(ALICE, 0) - before, 67 * FEE, "base fees only");
        assertEq(rollup.owedOf(0) - before, 67 * FEE, "the surcharge is not owed");
        assertEq(address(rollup).balance - rollup.owedOf(0), 3 * FEE, "and stays");
    }

    /// @dev The age counts at the batch's own time, so a batch is not made invalid by waiting in the mempool.
    function test_queue_ageCountsAtTheBatchsTime() public {
        forward(24 hours + 30 minutes);
        Op[] memory ops = pad(list(Batches.noop()), 8);
        IRollup.Batch memory batch = nextBatch(0);
        batch.time -= 30 minutes;
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(8, batch, Batches.pack(ops), proof);
        assertEq(rollup.batchNumber(), 2, "batch");
    }

    function test_queue_headTime_followsTheHead() public {
        forward(100);
        requestFullExit(BOB, 1);
        submit(3, waiting());
        (uint256 head,, uint256 headTime) = rollup.queueBounds();
        assertEq(head, 4, "head");
        assertEq(headTime, time(), "time of the entry at the head");
        assertTrue(!rollup.inExodus(), "open");
        forward(7 days);
        assertTrue(!rollup.inExodus(), "seven days are not more than seven days");
        forward(1);
        assertTrue(rollup.inExodus(), "due");
    }

    /// @dev An entry pushed to an empty queue starts a new age.
    function test_queue_headTime_isNewAfterEmpty() public {
        submit(3, waiting());
        forward(30 days);
        assertTrue(!rollup.inExodus(), "an empty queue is never late");
        requestFullExit(BOB, 1);
        forward(7 days);
        assertTrue(!rollup.inExodus(), "its own seven days");
    }

    function keyAtHead() private {
        submit(3, waiting());
        forward(1);
        vm.prank(ALICE);
        rollup.requestSetKey{value: FEE}(AX, AY);
    }

    function tokenOne(Op[] memory ops) private pure returns (Op[] memory changed) {
        changed = pad(ops, ops.length);
        Op memory op = ops[0];
        changed[0] = Op(op.code, op.account, op.fee, op.amount, 1, op.to, op.address_, op.ay);
    }

    function mismatch(uint256 op, uint256 index) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRollup.QueueMismatch.selector, op, index);
    }
}

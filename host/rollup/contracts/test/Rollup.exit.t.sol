// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {IPoseidon} from "../src/IPoseidon.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev Leaving without any prover. The state is the one of test/vectors/exits.json, made by circomlibjs: accounts 1, 2, 3, 64 and 2^24 - 1.
contract RollupExitTest is RollupTest {
    IRollup.ExitClaim[] private claims;
    uint256 private root;

    /// @dev The accepted root is the vectors'; token 0 holds one coin more than account 1's, token 1 holds 1500, though the state says 5 + 1000 + 77.
    function setUp() public override {
        super.setUp();
        string memory vectors = vm.readFile("test/vectors/exits.json");
        root = vm.parseJsonUint(vectors, ".root");
        readClaims(vm.parseJsonUintArray(vectors, ".exits"));
        deposit(ALICE, 1, 1500);
        deposit(ALICE, 0, 2 ether);
        Op[] memory ops = pad(list(Batches.deposit(1, 1, 1500, ALICE), Batches.deposit(1, 0, 2 ether, ALICE)), 8);
        IRollup.Batch memory batch = nextBatch(2);
        batch.newRoot = root;
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(8, batch, Batches.pack(ops), proof);
        forward(1);
    }

    function test_exit_paysEachBalanceOnce() public {
        becomeExodus();
        IRollup.ExitClaim memory claim = claims[1];
        vm.expectEmit(true, true, false, true);
        emit IRollup.Exited(1, claim.owner, 1, 5);
        rollup.exit(claim);
        assertEq(rollup.pendingOf(claim.owner, 1), 5, "pending");
        assertEq(rollup.custodyOf(1), 1495, "custody");
        assertEq(rollup.owedOf(1), 1500, "owed");
        assertTrue(rollup.exited(1, 1) && !rollup.exited(1, 0) && !rollup.exited(1, 257), "nullifier");
        vm.expectRevert(abi.encodeWithSelector(IRollup.AlreadyExited.selector, 1, 1));
        rollup.exit(claim);
        // The same account's other token, and other accounts, leave by themselves.
        rollup.exit(claims[0]);
        rollup.exit(claims[2]);
        assertEq(rollup.pendingOf(claims[0].owner, 0), 1 ether, "native");
        assertEq(rollup.pendingOf(claims[2].owner, 1), 1000, "account 2");
        rollup.withdraw(claim.owner, 1, claim.owner, 5);
        assertEq(token.balanceOf(claim.owner), 5, "paid");
        vm.expectRevert(abi.encodeWithSelector(IRollup.AlreadyExited.selector, 1, 1));
        rollup.exit(claim);
    }

    /// @dev Index bits: a far account and the last one.
    function test_exit_everyVector_leadsToTheRoot() public {
        becomeExodus();
        for (uint256 i = 0; i < claims.length; ++i) {
            IRollup.ExitClaim memory claim = claims[i];
            uint256 custody = rollup.custodyOf(claim.token);
            if (claim.balance <= custody) {
                rollup.exit(claim);
                assertTrue(rollup.exited(claim.id, claim.token), "left");
            } else {
                // The root is right, and there the vectors' state has more than this contract: the path was accepted.
                vm.expectRevert(
                    abi.encodeWithSelector(IRollup.CustodyExceeded.selector, claim.token, custody, claim.balance)
                );
                rollup.exit(claim);
            }
        }
        assertEq(claims.length, 8, "vectors");
    }

    function test_exit_beforeExodus_reverts() public {
        requestFullExit(ALICE, 1);
        forward(7 days);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        rollup.exit(claims[0]);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        rollup.refund(2, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        rollup.startExodus();
    }

    function test_exit_emptyQueue_isNoExodus() public {
        forward(365 days);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        rollup.startExodus();
    }

    function test_startExodus_saysAgainstWhat() public {
        requestFullExit(ALICE, 1);
        forward(7 days + 1);
        vm.expectEmit(false, false, false, true);
        emit IRollup.ExodusStarted(root, 2, 3);
        rollup.startExodus();
        vm.expectRevert(abi.encodeWithSelector(IRollup.InExodus.selector));
        rollup.startExodus();
    }

    /// @dev From the moment it is due, started or not.
    function test_exodus_shutsEverythingElse() public {
        becomeExodus();
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory shut = abi.encodeWithSelector(IRollup.InExodus.selector);
            IRollup.Batch memory batch = nextBatch(1);
            refuse(shut, batch, list(Batches.fullExit(1, 1, 5, ALICE)));
            vm.expectRevert(shut);
            vm.prank(ALICE);
            rollup.deposit{value: FEE}(ALICE, 1, 5);
            vm.expectRevert(shut);
            vm.prank(ALICE);
            rollup.requestFullExit{value: FEE}(1);
            vm.expectRevert(shut);
            vm.prank(ALICE);
            rollup.requestSetKey{value: FEE}(0, 1);
            if (i == 0) rollup.startExodus();
        }
    }

    /// @dev Neither refunds nor exits end an exodus.
    function test_exodus_neverEnds() public {
        becomeExodus();
        rollup.refund(2, ALICE);
        forward(1000 days);
        assertTrue(rollup.inExodus(), "still");
        refuse(abi.encodeWithSelector(IRollup.InExodus.selector), nextBatch(0), list(Batches.noop()));
        rollup.exit(claims[0]);
    }

    // Lies about a claim.

    function test_exit_changedClaim_reverts() public {
        becomeExodus();
        for (uint256 i = 0; i < 8; ++i) {
            IRollup.ExitClaim memory claim = claims[1];
            if (i == 0) claim.balance += 1;
            if (i == 1) claim.owner = CAROL;
            if (i == 2) claim.token = 2;
            if (i == 3) claim.id = 2;
            if (i == 4) claim.nonce += 1;
            if (i == 5) claim.ax ^= 1;
            if (i == 6) claim.ay ^= 1;
            if (i == 7) (claim.path[0], claim.path[1]) = (claim.path[1], claim.path[0]);
            expectWrongRoot(claim);
        }
    }

    function testFuzz_exit_changedPath_reverts(uint256 place, uint256 value) public {
        becomeExodus();
        IRollup.ExitClaim memory claim = claims[1];
        place = bound(place, 0, 47);
        value = bound(value, 0, R - 1);
        if (claim.path[place] == value) return;
        claim.path[place] = value;
        expectWrongRoot(claim);
    }

    /// @dev x and x + r are one field element and two words.
    function test_exit_aliasOfASibling_reverts() public {
        becomeExodus();
        IRollup.ExitClaim memory claim = claims[1];
        claim.path[47] += R;
        vm.expectRevert(abi.encodeWithSelector(IPoseidon.NotInField.selector, claim.path[47]));
        rollup.exit(claim);
        claim = claims[1];
        claim.ax += R;
        vm.expectRevert(abi.encodeWithSelector(IPoseidon.NotInField.selector, claim.ax));
        rollup.exit(claim);
    }

    /// @dev Another index with the same low bits: the types of id and token end at the trees' sizes.
    function test_exit_indexOutOfRange_reverts() public {
        becomeExodus();
        bytes memory data = abi.encodeCall(rollup.exit, (claims[1]));
        data[4 + 28] = 0x01;
        (bool ok,) = address(rollup).call(data);
        assertTrue(!ok, "id of 25 bits");
        data = abi.encodeCall(rollup.exit, (claims[1]));
        data[4 + 32 + 30] = 0x01;
        (ok,) = address(rollup).call(data);
        assertTrue(!ok, "token of 9 bits");
    }

    function test_exit_ofNothing_reverts() public {
        becomeExodus();
        IRollup.ExitClaim memory claim = claims[1];
        claim.balance = 0;
        vm.expectRevert(abi.encodeWithSelector(IRollup.ZeroBalance.selector));
        rollup.exit(claim);
        claim = claims[1];
        claim.owner = address(0);
        vm.expectRevert(abi.encodeWithSelector(IRollup.ZeroOwner.selector));
        rollup.exit(claim);
    }

    /// @dev A claim that was right before the last batch.
    function test_exit_olderRoot_reverts() public {
        submitOne(0, Batches.noop());
        becomeExodus();
        expectWrongRoot(claims[1]);
    }

    /// @dev The sum of all exits cannot pass custody, whatever the state says.
    function test_exit_moreThanCustody_reverts() public {
        becomeExodus();
        // Token 2 was never deposited.
        vm.expectRevert(abi.encodeWithSelector(IRollup.CustodyExceeded.selector, 2, 0, 1));
        rollup.exit(claims[4]);
    }

    // Refunds.

    function test_refund_depositAndFee_once() public {
        deposit(BOB, 1, 44);
        deposit(BOB, 0, 55);
        forward(7 days + 1);
        rollup.startExodus();
        uint256 owedNative = rollup.owedOf(0);
        vm.expectEmit(true, true, false, true);
        emit IRollup.Refunded(2, BOB, 1, 44, BASE_FEE_GWEI);
        rollup.refund(2, BOB);
        rollup.refund(3, BOB);
        assertEq(rollup.pendingOf(BOB, 1), 44, "deposit");
        assertEq(rollup.pendingOf(BOB, 0), 55 + 2 * FEE, "deposit and fees");
        assertEq(rollup.owedOf(0), owedNative, "owed moves, does not change");
        assertEq(rollup.custodyOf(1), 1500, "custody is not touched");
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRollup.NothingToRefund.selector, i));
            rollup.refund(i, BOB);
        }
    }

    /// @dev Entries that are no deposit give back their fee only.
    function test_refund_requests_feeOnly() public {
        requestFullExit(ALICE, 1);
        vm.prank(ALICE);
        rollup.requestSetKey{value: FEE}(0, 1);
        uint256 before = rollup.pendingOf(ALICE, 0);
        forward(7 days + 1);
        rollup.refund(2, ALICE);
        rollup.refund(3, ALICE);
        assertEq(rollup.pendingOf(ALICE, 0) - before, 2 * FEE, "fees");
        assertEq(rollup.pendingOf(ALICE, 1), 0, "no deposit");
        vm.expectRevert(abi.encodeWithSelector(IRollup.NothingToRefund.selector, 3));
        rollup.refund(3, ALICE);
    }

    function test_refund_toSomebodyElse_reverts() public {
        deposit(BOB, 1, 44);
        forward(7 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, ALICE));
        rollup.refund(2, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotOwner.selector, 2, CAROL));
        rollup.refund(2, CAROL);
    }

    /// @dev A processed deposit is in the state, not in the queue.
    function test_refund_processed_reverts() public {
        becomeExodus();
        vm.expectRevert(abi.encodeWithSelector(IRollup.NothingToRefund.selector, 0));
        rollup.refund(0, ALICE);
    }

    /// @dev With a withdrawal pending and a forced exit in flight, a balance leaves once.
    function test_exit_withPendingAndForcedExitInFlight_paysOnce() public {
        address owner = claims[1].owner;
        vm.deal(owner, 1 ether);
        fund(token, owner);
        deposit(owner, 1, 10);
        vm.prank(owner);
        rollup.requestFullExit{value: FEE}(1);
        forward(7 days + 1);
        rollup.exit(claims[1]);
        rollup.refund(2, owner);
        rollup.refund(3, owner);
        assertEq(rollup.pendingOf(owner, 1), 5 + 10, "balance and refund");
        assertEq(rollup.pendingOf(owner, 0), 2 * FEE, "fees");
        vm.expectRevert(abi.encodeWithSelector(IRollup.AlreadyExited.selector, 1, 1));
        rollup.exit(claims[1]);
    }

    /// @dev Gas of the whole transaction, as in Gas.t.sol.
    function test_gas_exit() public {
        becomeExodus();
        rollup.startExodus();
        IRollup.ExitClaim memory claim = claims[2];
        vm.cool(address(rollup));
        vm.cool(poseidon);
        rollup.exit(claim);
        uint256 gas = 21_000 + vm.snapshotGasLastCall("contracts", "exit by Merkle proof");
        bytes memory data = abi.encodeCall(rollup.exit, (claim));
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.snapshotValue("contracts", "exit by Merkle proof", gas);
        assertLe(gas, 650_000, "exit");
    }

    function expectWrongRoot(IRollup.ExitClaim memory claim) private {
        (bool ok, bytes memory answer) = address(rollup).call(abi.encodeCall(rollup.exit, (claim)));
        assertTrue(!ok, "refused");
        assertTrue(bytes4(answer) == IRollup.WrongRoot.selector, "by its root");
    }

    function readClaims(uint256[] memory words) private {
        for (uint256 i = 0; i < words.length; i += 55) {
            IRollup.ExitClaim storage claim = claims.push();
            claim.id = uint24(words[i]);
            claim.token = uint8(words[i + 1]);
            claim.owner = address(uint160(words[i + 2]));
            (claim.ax, claim.ay, claim.nonce) = (words[i + 3], words[i + 4], words[i + 5]);
            claim.balance = uint128(words[i + 6]);
            for (uint256 j = 0; j < 48; ++j) {
                claim.path[j] = words[i + 7 + j];
            }
        }
    }
}

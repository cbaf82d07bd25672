// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {TokenTransfer} from "../src/libraries/TokenTransfer.sol";
import {BombRecipient, GasGuzzler, Reentrant, Refuser, Wrapper} from "./mocks/Recipients.sol";
import {HookToken, Token} from "./mocks/Tokens.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev Paying out, to recipients of every kind, and calls that come back in the middle of one.
contract RollupWithdrawTest is RollupTest {
    HookToken private hooked;

    function setUp() public override {
        super.setUp();
        hooked = new HookToken();
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(hooked), address(other));
        rollup = make(tokens);
        fund(hooked, ALICE);
        fund(other, ALICE);
        seed(0, 10 ether);
        seed(1, 1000);
        submitOne(0, Batches.withdrawal(1, 1, 400, ALICE));
        forward(1);
    }

    function test_withdraw_inParts() public {
        vm.expectEmit(true, true, false, true);
        emit IRollup.Withdrawn(ALICE, 1, BOB, 150);
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, BOB, 150);
        rollup.withdraw(ALICE, 1, ALICE, 250);
        assertEq(hooked.balanceOf(BOB), 150, "paid");
        assertEq(rollup.pendingOf(ALICE, 1), 0, "pending");
        assertEq(rollup.owedOf(1), 600, "owed");
        assertEq(hooked.balanceOf(address(rollup)), 600, "held");
    }

    function test_withdraw_twice_reverts() public {
        rollup.withdraw(ALICE, 1, ALICE, 400);
        vm.expectRevert(abi.encodeWithSelector(IRollup.PendingExceeded.selector, 0, 400));
        rollup.withdraw(ALICE, 1, ALICE, 400);
    }

    function test_withdraw_moreThanPending_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.PendingExceeded.selector, 400, 401));
        rollup.withdraw(ALICE, 1, ALICE, 401);
        vm.expectRevert(abi.encodeWithSelector(IRollup.PendingExceeded.selector, 400, type(uint256).max));
        rollup.withdraw(ALICE, 1, ALICE, type(uint256).max);
    }

    /// @dev In pieces, a stranger could waste what is pending on a token's rounding or flat fees.
    function test_withdraw_inPartsByOther_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.OnlyWhole.selector, 400, 1));
        vm.prank(BOB);
        rollup.withdraw(ALICE, 1, ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollup.OnlyWhole.selector, 400, 0));
        vm.prank(BOB);
        rollup.withdraw(ALICE, 1, ALICE, 0);
        vm.prank(BOB);
        rollup.withdraw(ALICE, 1, ALICE, 400);
    }

    function test_withdraw_elsewhereByOther_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.NotRecipient.selector, BOB, ALICE, BOB));
        vm.prank(BOB);
        rollup.withdraw(ALICE, 1, BOB, 400);
    }

    function test_withdraw_badRecipient_reverts() public {
        for (uint256 i = 0; i < 2; ++i) {
            address to = [address(0), address(rollup)][i];
            vm.expectRevert(abi.encodeWithSelector(IRollup.BadRecipient.selector, to));
            vm.prank(ALICE);
            rollup.withdraw(ALICE, 1, to, 400);
        }
    }

    function test_withdraw_unlistedToken_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.PendingExceeded.selector, 0, 1));
        rollup.withdraw(ALICE, 7, ALICE, 1);
    }

    /// @dev In exodus and ever after.
    function test_withdraw_inExodus_works() public {
        becomeExodus();
        rollup.startExodus();
        forward(3650 days);
        rollup.withdraw(ALICE, 1, ALICE, 400);
    }

    function test_withdraw_toRefuser_staysPending() public {
        address to = address(new Refuser());
        vm.expectRevert(abi.encodeWithSelector(TokenTransfer.PaymentRefused.selector, to));
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 0, to, FEE);
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 0, ALICE, FEE);
    }

    function test_withdraw_returnBomb_costsLittle() public {
        address to = address(new BombRecipient());
        vm.prank(ALICE);
        rollup.withdraw{gas: 200_000}(ALICE, 0, to, FEE);
        assertEq(to.balance, FEE, "paid");
    }

    /// @dev It wastes the gas of its own withdrawal and nobody else's.
    function test_withdraw_gasGuzzler_reverts() public {
        address to = address(new GasGuzzler());
        vm.expectRevert(abi.encodeWithSelector(TokenTransfer.PaymentRefused.selector, to));
        vm.prank(ALICE);
        rollup.withdraw{gas: 1_000_000}(ALICE, 0, to, FEE);
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 0, ALICE, FEE);
    }

    // Calls that come back.

    /// @dev Every function that changes anything, from inside a payment, a token's transfer and a deposit.
    function test_reenter_everyFunction_reverts() public {
        Reentrant attacker = armed();
        bytes[] memory attempts = everyCall(address(attacker));
        for (uint256 i = 0; i < attempts.length; ++i) {
            attacker.set(attempts[i]);
            vm.prank(address(attacker));
            rollup.withdraw(address(attacker), 0, address(attacker), 1);
            refused(attacker, 1 + 4 * i);
            vm.prank(address(attacker));
            rollup.withdraw(address(attacker), 1, address(attacker), 1);
            refused(attacker, 2 + 4 * i);
            uint256 fee = rollup.queueFee();
            (bool ok,) = attacker.run(address(rollup), fee, abi.encodeCall(rollup.deposit, (address(attacker), 1, 2)));
            assertTrue(ok, "the deposit itself");
            refused(attacker, 4 + 4 * i);
        }
        assertEq(attempts.length, 9, "every function that changes state, and withdraw in two tokens");
    }

    /// @dev What a view says in the middle of a call is never more than is held.
    function test_reenter_readOnly_isConsistent() public {
        Reentrant attacker = armed();
        uint256 owed = rollup.owedOf(1);
        vm.prank(address(attacker));
        rollup.withdraw(address(attacker), 1, address(attacker), 10);
        assertEq(attacker.owedSeen(), owed - 10, "owed is debited before the transfer");
        assertEq(attacker.pendingSeen(), 90, "pending is debited before the transfer");
        uint256 fee = rollup.queueFee();
        attacker.run(address(rollup), fee, abi.encodeCall(rollup.deposit, (address(attacker), 1, 10)));
        assertEq(attacker.owedSeen(), owed - 10, "a deposit counts only when it is complete");
        assertEq(attacker.custodySeen(), rollup.custodyOf(1), "custody");
        assertEq(rollup.owedOf(1), owed, "afterwards");
        owed = rollup.owedOf(0);
        vm.prank(address(attacker));
        rollup.withdraw(address(attacker), 0, address(attacker), 10);
        assertEq(attacker.owedSeen(), owed - 10, "native");
    }

    // Callers of other kinds.

    function test_submit_throughAWrapper() public {
        forward(24 hours);
        Wrapper wrapper = new Wrapper();
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = noop();
        bytes memory data = abi.encodeCall(rollup.submit, (1, batch, Batches.pack(ops), proof));
        vm.recordLogs();
        wrapper.pass(address(rollup), data);
        assertEq(vm.getRecordedLogs()[0].data.length, 32 * 6 + 64, "the ops are in the event");
        assertEq(rollup.stateRoot(), batch.newRoot, "root");
    }

    /// @dev EIP-7702: the proposer's own address runs a wrapper's code and stays the sender.
    function test_submit_throughADelegatedProposer() public {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = noop();
        bytes memory data = abi.encodeCall(rollup.submit, (1, batch, Batches.pack(ops), proof));
        vm.etch(PROPOSER, abi.encodePacked(hex"ef0100", address(new Wrapper())));
        vm.prank(PROPOSER);
        Wrapper(PROPOSER).pass(address(rollup), data);
        assertEq(rollup.stateRoot(), batch.newRoot, "root");
        assertEq(rollup.proposerTime(), time(), "as the proposer");
    }

    function noop() private view returns (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) {
        ops = list(Batches.noop());
        batch = nextBatch(0);
        proof = proofFor(batch, ops);
    }

    /// @dev An attacker with 100 of token 1 and of the native coin pending, and an account with more of both.
    function armed() private returns (Reentrant attacker) {
        attacker = new Reentrant(rollup);
        vm.deal(address(attacker), 10 ether);
        fund(hooked, address(attacker));
        Op[] memory ops = pad(
            list(Batches.withdrawal(1, 0, 100, address(attacker)), Batches.withdrawal(1, 1, 100, address(attacker))), 8
        );
        submit(0, ops);
        forward(1);
        vm.prank(address(attacker));
        hooked.setHook(address(attacker));
    }

    function everyCall(address attacker) private view returns (bytes[] memory calls) {
        (IRollup.Batch memory batch, Op[] memory ops, IRollup.Proof memory proof) = noop();
        IRollup.ExitClaim memory claim;
        calls = new bytes[](9);
        calls[0] = abi.encodeCall(rollup.withdraw, (attacker, 0, attacker, 1));
        calls[1] = abi.encodeCall(rollup.withdraw, (attacker, 1, attacker, 1));
        calls[2] = abi.encodeCall(rollup.deposit, (attacker, 1, 1));
        calls[3] = abi.encodeCall(rollup.requestFullExit, (1));
        calls[4] = abi.encodeCall(rollup.requestSetKey, (0, 1));
        calls[5] = abi.encodeCall(rollup.submit, (1, batch, Batches.pack(ops), proof));
        calls[6] = abi.encodeCall(rollup.exit, (claim));
        calls[7] = abi.encodeCall(rollup.refund, (0, attacker));
        calls[8] = abi.encodeCall(rollup.startExodus, ());
    }

    function refused(Reentrant attacker, uint256 calls) private view {
        assertEq(attacker.calls(), calls, "called back");
        assertTrue(!attacker.succeeded(), "refused");
        assertTrue(bytes4(attacker.answer()) == IRollup.Reentered.selector, "as re-entry");
    }
}

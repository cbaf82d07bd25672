// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {TokenTransfer} from "../src/libraries/TokenTransfer.sol";
import {Batches} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev What enters the queue, what it costs, and who gets an account.
contract RollupDepositTest is RollupTest {
    function test_deposit_firstOfAnOwner_makesAnAccount() public {
        vm.expectEmit(true, true, false, true);
        emit IRollup.Deposited(0, ALICE, 1, 1, 500, BASE_FEE_GWEI);
        deposit(ALICE, 1, 500);
        vm.expectEmit(true, true, false, true);
        emit IRollup.Deposited(1, BOB, 2, 1, 600, BASE_FEE_GWEI);
        deposit(BOB, 1, 600);
        vm.expectEmit(true, true, false, true);
        emit IRollup.Deposited(2, ALICE, 1, 2, 700, BASE_FEE_GWEI);
        deposit(ALICE, 2, 700);
        assertEq(rollup.accountCount(), 2, "accounts");
        (uint256 code, uint256 id, uint256 token_, uint256 amount, uint256 time_, uint256 fee) = rollup.queueEntry(2);
        assertTrue(code == 1 && id == 1 && token_ == 2 && amount == 700, "entry");
        assertTrue(time_ == START && fee == BASE_FEE_GWEI, "entry");
        assertEq(token.balanceOf(address(rollup)), 1100, "held");
        assertEq(rollup.owedOf(1), 1100, "owed");
    }

    function test_deposit_forSomebodyElse_makesTheirAccount() public {
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(BOB, 1, 500);
        assertEq(rollup.idOf(BOB), 1, "id");
        assertEq(rollup.idOf(ALICE), 0, "no id");
    }

    function test_deposit_native_takesAmountAndFee() public {
        vm.prank(ALICE);
        rollup.deposit{value: 3 ether + FEE}(ALICE, 0, 3 ether);
        assertEq(rollup.owedOf(0), 3 ether + FEE, "owed");
        assertEq(address(rollup).balance, 3 ether + FEE, "held");
    }

    function test_deposit_excess_isPending() public {
        vm.expectEmit(true, false, false, true);
        emit IRollup.ExcessCredited(ALICE, 5);
        vm.prank(ALICE);
        rollup.deposit{value: FEE + 5}(BOB, 1, 500);
        assertEq(rollup.pendingOf(ALICE, 0), 5, "excess");
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 0, ALICE, 5);
        assertEq(address(rollup).balance, FEE, "held");
    }

    function test_deposit_valueTooLow_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.ValueTooLow.selector, FEE, FEE - 1));
        vm.prank(ALICE);
        rollup.deposit{value: FEE - 1}(ALICE, 1, 500);
        vm.expectRevert(abi.encodeWithSelector(IRollup.ValueTooLow.selector, 10 + FEE, 10));
        vm.prank(ALICE);
        rollup.deposit{value: 10}(ALICE, 0, 10);
        vm.expectRevert(abi.encodeWithSelector(IRollup.ValueTooLow.selector, 10, 9));
        vm.prank(ALICE);
        rollup.deposit{value: 9}(ALICE, 0, 10);
    }

    /// @dev Native coin sent along with an ERC-20 deposit is not lost.
    function test_deposit_nativeWithErc20_isPending() public {
        vm.prank(ALICE);
        rollup.deposit{value: 1 ether}(ALICE, 1, 500);
        assertEq(rollup.pendingOf(ALICE, 0), 1 ether - FEE, "the rest");
    }

    function test_deposit_nothing_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.NothingReceived.selector));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IRollup.NothingReceived.selector));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 0, 0);
    }

    function test_deposit_unknownToken_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.UnknownToken.selector, 3, 3));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 3, 1);
        vm.expectRevert(abi.encodeWithSelector(IRollup.UnknownToken.selector, 257, 3));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 257, 1);
    }

    function test_deposit_zeroOwner_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.ZeroOwner.selector));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(address(0), 1, 1);
    }

    function test_deposit_withoutAllowance_reverts() public {
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(TokenTransfer.TokenCallFailed.selector, address(token)));
        rollup.deposit{value: FEE}(ALICE, 1, 1);
    }

    /// @dev The cap counts what is in custody, queued and pending.
    function test_deposit_totalAtTheCap_reverts() public {
        uint128 cap = 1 << 120;
        token.mint(ALICE, uint256(cap) * 2);
        vm.expectRevert(abi.encodeWithSelector(IRollup.TotalTooLarge.selector, 1, cap));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, cap);

        deposit(ALICE, 1, cap - 3);
        submitOne(1, Batches.deposit(1, 1, cap - 3, ALICE));
        forward(1);
        submitOne(0, Batches.withdrawal(1, 1, 1000, BOB));
        deposit(ALICE, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(IRollup.TotalTooLarge.selector, 1, cap));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, 1);
        rollup.withdraw(BOB, 1, BOB, 1000);
        deposit(ALICE, 1, 1000);
        assertEq(rollup.owedOf(1), cap - 1, "owed");
    }

    function test_requestFullExit_withoutAccount_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.NoAccount.selector, CAROL));
        vm.prank(CAROL);
        rollup.requestFullExit{value: FEE}(1);
    }

    function test_requestFullExit_unknownToken_reverts() public {
        deposit(ALICE, 1, 5);
        vm.expectRevert(abi.encodeWithSelector(IRollup.UnknownToken.selector, 9, 3));
        vm.prank(ALICE);
        rollup.requestFullExit{value: FEE}(9);
    }

    function test_requestFullExit_emits() public {
        deposit(ALICE, 1, 5);
        vm.expectEmit(true, true, false, true);
        emit IRollup.ExitRequested(1, ALICE, 1, 1, BASE_FEE_GWEI);
        vm.prank(ALICE);
        rollup.requestFullExit{value: FEE}(1);
    }

    function test_requestSetKey_offTheCurve_reverts() public {
        deposit(ALICE, 1, 5);
        uint256[2][5] memory bad =
            [[uint256(0), 0], [uint256(1), 2], [R, 1], [uint256(0), R + 1], [type(uint256).max, 1]];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRollup.KeyNotOnCurve.selector, bad[i][0], bad[i][1]));
            vm.prank(ALICE);
            rollup.requestSetKey{value: FEE}(bad[i][0], bad[i][1]);
        }
    }

    function test_requestSetKey_onTheCurve_queuesParity() public {
        deposit(ALICE, 1, 5);
        // The curve's base point and its negative.
        uint256 x = 5299619240641551281634865583518297030282874472190772894086521144482721001553;
        uint256 y = 16950150798460657717958625567821834550301663161624707787222815936182638968203;
        vm.expectEmit(true, true, false, true);
        emit IRollup.KeyRequested(1, ALICE, 1, x, y, BASE_FEE_GWEI);
        vm.prank(ALICE);
        rollup.requestSetKey{value: FEE}(x, y);
        vm.prank(ALICE);
        rollup.requestSetKey{value: FEE}(R - x, y);
        (uint256 code,,, uint256 parity,,) = rollup.queueEntry(1);
        (,,, uint256 otherParity,,) = rollup.queueEntry(2);
        assertEq(code, 5, "code");
        assertEq(parity, x % 2, "parity");
        assertEq(otherParity, 1 - x % 2, "other parity");
    }

    function test_requestSetKey_withoutAccount_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRollup.NoAccount.selector, CAROL));
        vm.prank(CAROL);
        rollup.requestSetKey{value: FEE}(0, 1);
    }

    /// @dev The fee grows by its base with every 64 waiting entries, and falls when they are taken.
    function test_queueFee_growsWithTheQueue() public {
        deposit(ALICE, 1, 1000);
        for (uint256 i = 1; i < 200; ++i) {
            assertEq(rollup.queueFee(), FEE * (1 + i / 64), "fee");
            requestFullExit(ALICE, 2);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../src/IRollup.sol";
import {Rollup} from "../src/Rollup.sol";
import {TokenTransfer} from "../src/libraries/TokenTransfer.sol";
import {
    BlacklistToken,
    BombToken,
    FalseToken,
    FeeOnTransferToken,
    LyingToken,
    NoReturnToken,
    RebasingToken,
    RevertOnZeroToken,
    SenderFeeToken,
    Token
} from "./mocks/Tokens.sol";
import {Batches} from "./utils/Batches.sol";
import {RollupTest} from "./utils/RollupTest.sol";

/// @dev Token 1 with each bad habit; token 2 is well-behaved and must never be touched by it.
contract RollupTokensTest is RollupTest {
    uint128 private constant AMOUNT = 10_000;

    function test_token_noReturn_works() public {
        use(address(new NoReturnToken()));
        roundTrip(AMOUNT);
    }

    function test_token_zeroDecimals_works() public {
        use(address(new Token(0)));
        roundTrip(AMOUNT);
    }

    function test_token_manyDecimals_works() public {
        use(address(new Token(36)));
        roundTrip(AMOUNT);
    }

    function test_token_revertOnZero_works() public {
        use(address(new RevertOnZeroToken()));
        roundTrip(AMOUNT);
    }

    function test_token_returnBomb_works() public {
        use(address(new BombToken()));
        roundTrip(AMOUNT);
    }

    /// @dev Books what arrives, not what was said.
    function test_token_feeOnTransfer_booksWhatArrives() public {
        use(address(new FeeOnTransferToken()));
        deposit(ALICE, 1, AMOUNT);
        assertEq(rollup.owedOf(1), AMOUNT * 99 / 100, "owed");
        assertEq(Token(rollup.tokenAt(1)).balanceOf(address(rollup)), AMOUNT * 99 / 100, "held");
    }

    function test_token_supplyOver128Bits_isCapped() public {
        use(address(new Token(18)));
        Token(rollup.tokenAt(1)).mint(ALICE, 1 << 200);
        vm.expectRevert(abi.encodeWithSelector(IRollup.TotalTooLarge.selector, 1, 1 << 129));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, 1 << 129);
    }

    function test_token_returnsFalse_reverts() public {
        use(address(new FalseToken()));
        expectTokenFailure();
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, AMOUNT);
    }

    function test_token_movesNothing_reverts() public {
        use(address(new LyingToken()));
        vm.expectRevert(abi.encodeWithSelector(IRollup.NothingReceived.selector));
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, AMOUNT);
    }

    function test_token_destroyed_reverts() public {
        use(address(new Token(18)));
        becomePending();
        address gone = rollup.tokenAt(1);
        vm.etch(gone, "");
        expectTokenFailure();
        vm.prank(ALICE);
        rollup.deposit{value: FEE}(ALICE, 1, AMOUNT);
        expectTokenFailure();
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT);
        assertEq(rollup.pendingOf(ALICE, 1), AMOUNT, "still pending");
        untouched();
    }

    /// @dev A blacklisted owner can be paid at another address; a blacklisted recipient costs nobody else anything.
    function test_token_blacklist_leavesItPending() public {
        use(address(new BlacklistToken()));
        becomePending();
        BlacklistToken(rollup.tokenAt(1)).list(ALICE, true);
        expectTokenFailure();
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT);
        assertEq(rollup.pendingOf(ALICE, 1), AMOUNT, "still pending");
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, BOB, AMOUNT);
        assertEq(rollup.pendingOf(ALICE, 1), 0, "paid");
    }

    /// @dev Unsupported: its own holders come short, nobody else.
    function test_token_rebasing_touchesNoOtherToken() public {
        use(address(new RebasingToken()));
        becomePending();
        RebasingToken(rollup.tokenAt(1)).rebase(50);
        expectTokenFailure();
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT);
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT / 2);
        expectTokenFailure();
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, ALICE, 1);
        untouched();
    }

    /// @dev Unsupported: paying out takes more than is booked, out of this token's holders only.
    function test_token_senderFee_touchesNoOtherToken() public {
        use(address(new SenderFeeToken()));
        becomePending();
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT / 2);
        expectTokenFailure();
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT / 2);
        untouched();
    }

    /// @dev What is sent without a deposit belongs to nobody and changes no books.
    function test_token_donation_isNotOwed() public {
        use(address(new Token(18)));
        becomePending();
        Token(rollup.tokenAt(1)).mint(address(rollup), 77);
        vm.deal(address(rollup), address(rollup).balance + 1 ether);
        assertEq(rollup.owedOf(1), AMOUNT, "owed");
        rollup.withdraw(ALICE, 1, ALICE, AMOUNT);
        assertEq(Token(rollup.tokenAt(1)).balanceOf(address(rollup)), 77, "the donation is left");
        assertEq(address(rollup).balance, rollup.owedOf(0) + 1 ether, "the forced coin is left");
    }

    /// @dev A rollup whose token 1 is `habit`, and BOB's deposit of token 2 in it.
    function use(address habit) private {
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (habit, address(other));
        rollup = make(tokens);
        fund(Token(habit), ALICE);
        fund(other, BOB);
        deposit(BOB, 2, 5000);
        feeOwner = BOB;
        submitOne(1, Batches.deposit(1, 2, 5000, BOB));
        forward(1);
    }

    /// @dev ALICE's AMOUNT of token 1 goes in, through the state, and is pending.
    function becomePending() private {
        deposit(ALICE, 1, AMOUNT);
        submitOne(1, Batches.deposit(2, 1, AMOUNT, ALICE));
        forward(1);
        submitOne(0, Batches.withdrawal(2, 1, AMOUNT, ALICE));
        forward(1);
    }

    function roundTrip(uint128 amount) private {
        becomePending();
        assertEq(rollup.pendingOf(ALICE, 1), amount, "pending");
        Token habit = Token(rollup.tokenAt(1));
        uint256 before = habit.balanceOf(ALICE);
        rollup.withdraw(ALICE, 1, ALICE, amount);
        assertEq(habit.balanceOf(ALICE) - before, amount, "paid");
        assertEq(habit.balanceOf(address(rollup)), 0, "nothing is left");
        assertEq(rollup.owedOf(1), 0, "nothing is owed");
        untouched();
    }

    function untouched() private view {
        assertEq(other.balanceOf(address(rollup)), 5000, "held of the other token");
        assertEq(rollup.custodyOf(2), 5000, "custody of the other token");
    }

    function expectTokenFailure() private {
        vm.expectRevert(abi.encodeWithSelector(TokenTransfer.TokenCallFailed.selector, rollup.tokenAt(1)));
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {FastHash} from "../mocks/FastHash.sol";
import {FeeOnTransferToken, Token} from "../mocks/Tokens.sol";
import {RollupTest} from "../utils/RollupTest.sol";
import {Handler} from "./Handler.sol";

/// @dev After every step of random sequences: the contract's books are the handler's exactly, and what it holds is what it owes plus what was donated.
contract SolvencyTest is RollupTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;

    function setUp() public override {
        super.setUp();
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(token), address(new FeeOnTransferToken()));
        rollup = make(tokens);
        vm.etch(poseidon, address(new FastHash()).code);
        handler = new Handler(rollup, token, Token(tokens[1]));
    }

    /// @dev forge asks this for the contracts to call, ...
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev ... and this for their functions: those that happen more often stand more often.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = Handler.deposit.selector;
        selectors[1] = Handler.deposit.selector;
        selectors[2] = Handler.deposit.selector;
        selectors[3] = Handler.requestFullExit.selector;
        selectors[4] = Handler.requestSetKey.selector;
        selectors[5] = Handler.submit.selector;
        selectors[6] = Handler.submit.selector;
        selectors[7] = Handler.submit.selector;
        selectors[8] = Handler.submitForged.selector;
        selectors[9] = Handler.withdraw.selector;
        selectors[10] = Handler.donate.selector;
        selectors[11] = Handler.wait.selector;
        selectors[12] = Handler.wait.selector;
        selectors[13] = Handler.exit.selector;
        selectors[14] = Handler.refund.selector;
        selectors[15] = Handler.drain.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    /// @dev The steps above do reach everything, the way out included: a fixed sequence counts them.
    function test_handler_reachesEverything() public {
        for (uint256 i = 0; i < 300; ++i) {
            step(uint256(keccak256(abi.encode("step", i))), i);
            invariant_custodyPendingAndQueued_equalTheModel();
        }
        // Something in the state and something in the queue.
        for (uint256 i = 0; i < 3; ++i) {
            handler.deposit(i, i, 1, 1000, 1);
            handler.submit(0);
            handler.deposit(i, i, 1, 2000, 1);
        }
        handler.wait(8 days);
        for (uint256 i = 0; i < 100; ++i) {
            step(uint256(keccak256(abi.encode("late step", i))), 300);
            invariant_custodyPendingAndQueued_equalTheModel();
        }
        handler.drain();
        string[9] memory kinds =
            ["deposit", "full exit", "set key", "submit", "forged", "withdraw", "exit", "refund", "drain"];
        for (uint256 i = 0; i < kinds.length; ++i) {
            assertTrue(handler.calls(bytes32(bytes(kinds[i]))) > 0, kinds[i]);
        }
    }

    function step(uint256 x, uint256 i) private {
        uint256 kind = x % 8;
        x >>= 8;
        if (kind < 2) handler.deposit(x, x >> 8, x >> 16, x >> 24, x >> 32);
        else if (kind == 2) handler.requestFullExit(x, x >> 8);
        else if (kind == 3) handler.requestSetKey(x);
        else if (kind == 4 && i % 2 == 0) handler.submitForged(x, x >> 8, x % 2 == 0);
        else if (kind == 5 && i == 300) handler.exit(x, x >> 8);
        else if (kind == 6 && i == 300) handler.refund(x);
        else if (kind == 7) handler.withdraw(x, x >> 8, x >> 16);
        else handler.submit(x);
    }

    function invariant_custodyPendingAndQueued_equalTheModel() public view {
        for (uint256 t = 0; t < 3; ++t) {
            assertEq(rollup.custodyOf(t), handler.custody(t), "custody");
            assertEq(rollup.owedOf(t), handler.custody(t) + handler.pending(t) + handler.queued(t), "owed");
            assertEq(handler.held(t), rollup.owedOf(t) + handler.donated(t), "held");
            uint256 sum = 0;
            for (uint256 i = 0; i < 3; ++i) {
                address user = handler.users(i);
                assertEq(rollup.pendingOf(user, t), handler.pendingOf(user, t), "pending");
                sum += rollup.pendingOf(user, t);
            }
            assertEq(sum, handler.pending(t), "sum of pending");
        }
    }
}

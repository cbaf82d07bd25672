// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../../src/IRollup.sol";
import {Hook} from "./Tokens.sol";

/// @dev Does one call of the rollup whenever it is called back, and keeps what came of it and what the views said.
contract Reentrant is Hook {
    IRollup public immutable rollup;
    bytes public attempt;
    bytes public answer;
    bool public succeeded;
    uint256 public calls;
    uint256 public owedSeen;
    uint256 public custodySeen;
    uint256 public pendingSeen;

    constructor(IRollup rollup_) payable {
        rollup = rollup_;
    }

    function set(bytes calldata attempt_) external {
        attempt = attempt_;
    }

    function run(address to, uint256 value, bytes calldata data) external returns (bool ok, bytes memory result) {
        return to.call{value: value}(data);
    }

    receive() external payable {
        back(0);
    }

    function tokensToSend() external {
        back(1);
    }

    function tokensReceived() external {
        back(1);
    }

    function back(uint256 token) private {
        ++calls;
        owedSeen = rollup.owedOf(token);
        custodySeen = rollup.custodyOf(token);
        pendingSeen = rollup.pendingOf(address(this), token);
        (succeeded, answer) = address(rollup).call(attempt);
    }
}

/// @dev Refuses native coin.
contract Refuser {}

/// @dev Answers a payment with 100 kB.
contract BombRecipient {
    receive() external payable {
        assembly ("memory-safe") {
            return(0, 100000)
        }
    }
}

/// @dev Uses up all the gas that a payment gives it.
contract GasGuzzler {
    receive() external payable {
        while (true) {}
    }
}

/// @dev Passes calls on, as a contract that an operator might put before the rollup.
contract Wrapper {
    function pass(address to, bytes calldata data) external payable {
        (bool ok, bytes memory answer) = to.call{value: msg.value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}

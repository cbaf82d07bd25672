// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @title Calls to tokens and recipients that may be hostile
/// @dev Copies at most one word of what they return, so that a large answer costs the callee and not us. A call of an address without code, which the
/// EVM counts as success, is a failure here.
library TokenTransfer {
    /// @notice The token call reverted, returned false, or returned no readable answer.
    error TokenCallFailed(address token);
    /// @notice The recipient refused the native coin.
    error PaymentRefused(address to);

    /// @notice Pulls `amount` from `from` and answers by how much this contract's balance grew.
    function pull(address token, address from, uint256 amount) internal returns (uint256) {
        uint256 before = balance(token);
        move(token, abi.encodeWithSignature("transferFrom(address,address,uint256)", from, address(this), amount));
        uint256 afterwards = balance(token);
        return afterwards > before ? afterwards - before : 0;
    }

    /// @notice Sends `amount` to `to`.
    function push(address token, address to, uint256 amount) internal {
        move(token, abi.encodeWithSignature("transfer(address,uint256)", to, amount));
    }

    /// @notice Sends native coin with all the gas there is.
    function pay(address to, uint256 amount) internal {
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), to, amount, 0, 0, 0, 0)
        }
        if (!ok) revert PaymentRefused(to);
    }

    function balance(address token) private view returns (uint256 answer) {
        bytes memory data = abi.encodeWithSignature("balanceOf(address)", address(this));
        bool ok;
        assembly ("memory-safe") {
            ok := staticcall(gas(), token, add(data, 0x20), mload(data), 0, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            answer := mload(0)
        }
        if (!ok) revert TokenCallFailed(token);
    }

    /// @dev A token may answer nothing, or true.
    function move(address token, bytes memory data) private {
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), token, 0, add(data, 0x20), mload(data), 0, 0x20)
            switch returndatasize()
            case 0 { ok := and(ok, gt(extcodesize(token), 0)) }
            default { ok := and(ok, and(gt(returndatasize(), 0x1f), eq(mload(0), 1))) }
        }
        if (!ok) revert TokenCallFailed(token);
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {FIELD_MODULUS as R} from "./Field.sol";

/// @title The curve of signing keys: a·x² + y² = 1 + d·x²·y² over the scalar field (EIP-2494)
library BabyJubjub {
    uint256 private constant A = 168700;
    uint256 private constant D = 168696;

    /// @notice Whether (x, y) is a point in canonical form.
    function isOnCurve(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= R || y >= R) return false;
        uint256 xx = mulmod(x, x, R);
        uint256 yy = mulmod(y, y, R);
        return addmod(mulmod(A, xx, R), yy, R) == addmod(1, mulmod(D, mulmod(xx, yy, R), R), R);
    }
}

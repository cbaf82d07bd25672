// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../../src/IRollup.sol";

/// @dev Makes proofs for any inputs under the test key, whose trapdoor tools/test-key.mjs publishes: what anybody can do with a development key.
/// The verifier that judges them is the real one, so gas and refusals are real too.
library ForgedProver {
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    uint256 private constant ALPHA = 11;
    uint256 private constant BETA = 13;
    uint256 private constant GAMMA = 17;
    uint256 private constant DELTA = 19;

    /// @dev With A = a·G1, B = beta·G2 and L = l·G1, the equation asks for C = (a·beta - alpha·beta - l·gamma)/delta · G1.
    function prove(uint256[3] memory inputs) internal view returns (IRollup.Proof memory proof) {
        uint256 a = uint256(keccak256(abi.encode("a", inputs))) % R;
        uint256 l = 23;
        uint256[3] memory ic = [uint256(29), 31, 37];
        for (uint256 i = 0; i < 3; ++i) {
            l = addmod(l, mulmod(ic[i], inputs[i] % R, R), R);
        }
        uint256 c = addmod(mulmod(a, BETA, R), R - ALPHA * BETA, R);
        c = addmod(c, R - mulmod(l, GAMMA, R), R);
        proof.a = multiple(a);
        proof.b = [
            [
                280672898440571232725436467950720547829638241593507531241322547969961007057,
                16137324789686743234629608741537369181251990815455155257427276976918350071287
            ],
            [
                17641806683785498955878869918183868440783188556637975525088932771694068429840,
                12136420650226457477690750437223209427924916790606163705631661913973995426040
            ]
        ];
        proof.c = multiple(mulmod(c, inverse(DELTA), R));
    }

    /// @dev scalar · G1, by the precompile.
    function multiple(uint256 scalar) internal view returns (uint256[2] memory point) {
        (bool ok, bytes memory answer) = address(7).staticcall(abi.encode(1, 2, scalar));
        require(ok);
        return abi.decode(answer, (uint256[2]));
    }

    /// @dev x^(r-2), by the precompile.
    function inverse(uint256 x) private view returns (uint256) {
        (bool ok, bytes memory answer) = address(5).staticcall(abi.encode(32, 32, 32, x, R - 2, R));
        require(ok);
        return abi.decode(answer, (uint256));
    }
}

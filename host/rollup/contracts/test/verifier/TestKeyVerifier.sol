// SPDX-License-Identifier: Apache-2.0 OR MIT
// Made by `millrace export solidity` from one verifying key. Do not edit: make it again.
// !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
// DEVELOPMENT KEY. PROOFS CAN BE FORGED BY ANYBODY WHO KNOWS HOW THE KEY WAS MADE.
// Because: the key lists no contribution.
// !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
pragma solidity 0.8.37;

/// @title Groth16 verifier over BN254 for one circuit
/// @notice Answers whether a proof holds for its public inputs. Keeps no state.
/// @dev Anybody can turn an accepted proof into other bytes that are accepted for the same inputs; (-A, -B, C) is
/// the simplest way. Replay protection must therefore stand on public inputs (a nullifier, a state root), never on proof bytes.
///
/// true:   the pairing equation holds.
/// false:  a coordinate is not below Q, an input is not below R, or the equation does not hold.
/// revert: the calldata has the wrong length, or a precompile refused its input (a point off the curve or outside the
///         subgroup), ran out of gas or does not exist. So lack of gas is never reported as a bad proof.
contract TestKeyVerifier {
    /// @notice The call is not exactly selector, proof and inputs. Shorter calldata is refused by the ABI decoder, without data.
    error WrongCalldataLength(uint256 expectedBytes, uint256 gotBytes);

    /// @notice The precompile at this address failed or answered with the wrong number of bytes.
    error PrecompileFailed(uint256 precompile);

    /// @notice DEVELOPMENT KEY: proofs can be forged. Guard nothing of value with this contract.
    bool public constant IS_DEV_SETUP = true;

    /// @notice Keccak-256 of the verifying key: alpha, beta, gamma, delta, IC as words in the order of calldata.
    bytes32 public constant VERIFYING_KEY_HASH = 0x8b083d0b29ec897ec8563ac50ea4a143c448c7fe82b82ad56dcb25f3747527cf;

    /// @notice Number of public inputs.
    uint256 public constant INPUTS = 3;

    /// @dev Selector, eight words of proof, the inputs.
    uint256 private constant CALL_BYTES = 4 + 32 * (8 + INPUTS);

    /// @dev Modulus of the base field; coordinates are below it.
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// @dev Modulus of the scalar field, the order of the groups; public inputs are below it.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev Precompiles of EIP-196 and EIP-197.
    uint256 private constant EC_ADD = 6;
    uint256 private constant EC_MUL = 7;
    uint256 private constant EC_PAIRING = 8;

    // The verifying key, in decimal as verification_key.json has it. A coordinate in Fq2 is X0 + X1·u.
    uint256 private constant ALPHA_X = 19033251874843656108471242320417533909414939332036131356573128480367742634479;
    uint256 private constant ALPHA_Y = 20792135454608030201903199625673964159744755218442260092768620403349374102584;
    uint256 private constant BETA_X1 = 280672898440571232725436467950720547829638241593507531241322547969961007057;
    uint256 private constant BETA_X0 = 16137324789686743234629608741537369181251990815455155257427276976918350071287;
    uint256 private constant BETA_Y1 = 17641806683785498955878869918183868440783188556637975525088932771694068429840;
    uint256 private constant BETA_Y0 = 12136420650226457477690750437223209427924916790606163705631661913973995426040;
    uint256 private constant GAMMA_X1 = 15577308679414974642168536368096450326086203870944559758314800234684337462316;
    uint256 private constant GAMMA_X0 = 5571996575954125260736435753480252954196528247617148060558631406349160775832;
    uint256 private constant GAMMA_Y1 = 3949072583587836530885517791345259776526014207612010591436388615095276192789;
    uint256 private constant GAMMA_Y0 = 11302850696403459405052467769487663388868168369318255751101607320138145101673;
    uint256 private constant DELTA_X1 = 16849508654450081119304017172227396057124361478955927014163046732185922553166;
    uint256 private constant DELTA_X0 = 9858527670347636692234166401928174269791741769432234490836150038270445961293;
    uint256 private constant DELTA_Y1 = 13963340053412710066602628493986245254268869857782169725667227673717164818367;
    uint256 private constant DELTA_Y0 = 20108569381576808061469857349769609506804248011311707108758562062556705125393;
    uint256 private constant IC0_X = 13640322012419910779160519747081036978280854528525356142388876682012724302321;
    uint256 private constant IC0_Y = 18538714940515721848968265449014632110570653454278528879450713650630487487382;
    uint256 private constant IC1_X = 9961482077405933653703920413004101065199760487639777914203301284159532567165;
    uint256 private constant IC1_Y = 5862436715964027487145075334372980905100234227901145792980374837265196864691;
    uint256 private constant IC2_X = 9366015879375004571250438303432407971238053874512316318402267084951246439740;
    uint256 private constant IC2_Y = 18456548560916331602912926306132216314029103442570467520030714287463663922742;
    uint256 private constant IC3_X = 16711416843522114883433203178480474873102412521895441414645328675899158417507;
    uint256 private constant IC3_Y = 8853086173564136849925865683598036960975837022999254197357454379453354604209;

    /// @notice Verifies a proof; see the contract's notes for what false and a revert mean.
    /// @param a A in G1 as (x, y); (0, 0) is the point at infinity.
    /// @param b B in G2 as ((x1, x0), (y1, y0)).
    /// @param c C in G1 as (x, y).
    /// @param input The public inputs, in the order of the circuit.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[INPUTS] calldata input
    ) external view returns (bool) {
        if (msg.data.length != CALL_BYTES) revert WrongCalldataLength(CALL_BYTES, msg.data.length);
        if (a[0] >= Q || a[1] >= Q || c[0] >= Q || c[1] >= Q) return false;
        if (b[0][0] >= Q || b[0][1] >= Q || b[1][0] >= Q || b[1][1] >= Q) return false;
        for (uint256 i = 0; i < INPUTS; ++i) {
            if (input[i] >= R) return false;
        }

        // e(-A, B) · e(alpha, beta) · e(L, gamma) · e(C, delta) = 1
        uint256[24] memory pairs;
        pairs[0] = a[0];
        pairs[1] = a[1] == 0 ? 0 : Q - a[1];
        pairs[2] = b[0][0];
        pairs[3] = b[0][1];
        pairs[4] = b[1][0];
        pairs[5] = b[1][1];

        pairs[6] = ALPHA_X;
        pairs[7] = ALPHA_Y;
        pairs[8] = BETA_X1;
        pairs[9] = BETA_X0;
        pairs[10] = BETA_Y1;
        pairs[11] = BETA_Y0;

        (pairs[12], pairs[13]) = publicPoint(input);
        pairs[14] = GAMMA_X1;
        pairs[15] = GAMMA_X0;
        pairs[16] = GAMMA_Y1;
        pairs[17] = GAMMA_Y0;

        pairs[18] = c[0];
        pairs[19] = c[1];
        pairs[20] = DELTA_X1;
        pairs[21] = DELTA_X0;
        pairs[22] = DELTA_Y1;
        pairs[23] = DELTA_Y0;
        return isOne(pairs);
    }

    /// @dev L = IC0 + input[0] · IC1 + input[1] · IC2 + ...
    function publicPoint(uint256[INPUTS] calldata input) private view returns (uint256, uint256) {
        uint256[5] memory sum;
        sum[0] = IC0_X;
        sum[1] = IC0_Y;
        addProduct(sum, IC1_X, IC1_Y, input[0]);
        addProduct(sum, IC2_X, IC2_Y, input[1]);
        addProduct(sum, IC3_X, IC3_Y, input[2]);
        return (sum[0], sum[1]);
    }

    /// @dev Adds scalar · (x, y) to (sum[0], sum[1]). Words 2 to 4 are scratch: base and scalar go in, the product lies in 2 and 3.
    function addProduct(uint256[5] memory sum, uint256 x, uint256 y, uint256 scalar) private view {
        sum[2] = x;
        sum[3] = y;
        sum[4] = scalar;
        bool ok;
        // The result overwrites words of `sum` only.
        assembly ("memory-safe") {
            ok := staticcall(gas(), EC_MUL, add(sum, 0x40), 0x60, add(sum, 0x40), 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert PrecompileFailed(EC_MUL);
        assembly ("memory-safe") {
            ok := staticcall(gas(), EC_ADD, sum, 0x80, sum, 0x40)
            ok := and(ok, eq(returndatasize(), 0x40))
        }
        if (!ok) revert PrecompileFailed(EC_ADD);
    }

    /// @dev Whether the product of the four pairings is one. Where the precompile is missing the call succeeds without data,
    /// which the size check refuses.
    function isOne(uint256[24] memory pairs) private view returns (bool) {
        bool ok;
        // The answer overwrites the first word of `pairs`.
        assembly ("memory-safe") {
            ok := staticcall(gas(), EC_PAIRING, pairs, 0x300, pairs, 0x20)
            ok := and(ok, eq(returndatasize(), 0x20))
        }
        if (!ok) revert PrecompileFailed(EC_PAIRING);
        return pairs[0] == 1;
    }
}

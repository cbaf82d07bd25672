// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IRollup} from "../../src/IRollup.sol";
import {Rollup} from "../../src/Rollup.sol";
import {MockVerifier} from "../mocks/MockVerifier.sol";
import {Token} from "../mocks/Tokens.sol";
import {Batches, Op} from "./Batches.sol";
import {Test} from "./Test.sol";

/// @dev A rollup with batches of 1, 8 and 64 ops behind mock verifiers, two tokens, and the ways to drive it.
abstract contract RollupTest is Test {
    uint256 internal constant R = Batches.R;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant BASE_FEE_GWEI = 100_000;
    uint256 internal constant FEE = BASE_FEE_GWEI * 1 gwei;

    address internal constant PROPOSER = address(0x9999);
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca201);

    Rollup internal rollup;
    address internal poseidon;
    Token internal token;
    Token internal other;
    address internal feeOwner = ALICE;

    function setUp() public virtual {
        vm.warp(START);
        poseidon = deploy("Poseidon.sol:Poseidon");
        token = new Token(18);
        other = new Token(6);
        address[] memory tokens = new address[](2);
        tokens[0] = address(token);
        tokens[1] = address(other);
        rollup = make(tokens);
        for (uint256 i = 0; i < 3; ++i) {
            address user = [ALICE, BOB, CAROL][i];
            vm.deal(user, 1000 ether);
            fund(token, user);
            fund(other, user);
        }
    }

    function make(address[] memory tokens) internal returns (Rollup) {
        return new Rollup(PROPOSER, poseidon, BASE_FEE_GWEI, tokens, setups());
    }

    function setups() internal virtual returns (IRollup.Setup[] memory made) {
        made = new IRollup.Setup[](3);
        made[0].size = 1;
        made[1].size = 8;
        made[2].size = 64;
        for (uint256 i = 0; i < 3; ++i) {
            made[i].verifier = address(new MockVerifier(made[i].size));
            made[i].sponge = 12345;
            made[i].proof = prove(made[i].size, Batches.setupInputs(made[i].size, 12345));
        }
    }

    /// @dev A proof that the setup's verifier takes for these inputs.
    function prove(uint256, uint256[3] memory inputs) internal view virtual returns (IRollup.Proof memory proof) {
        proof.c[0] = uint256(keccak256(abi.encode(inputs)));
    }

    function fund(Token token_, address user) internal {
        token_.mint(user, 1e30);
        vm.prank(user);
        (bool ok,) = address(token_).call(abi.encodeCall(token_.approve, (address(rollup), type(uint256).max)));
        assertTrue(ok, "approve");
    }

    function deposit(address from, uint256 token_, uint256 amount) internal returns (uint256 index) {
        uint256 value = rollup.queueFee() + (token_ == 0 ? amount : 0);
        vm.prank(from);
        return rollup.deposit{value: value}(from, token_, amount);
    }

    function requestFullExit(address from, uint256 token_) internal returns (uint256 index) {
        uint256 value = rollup.queueFee();
        vm.prank(from);
        return rollup.requestFullExit{value: value}(token_);
    }

    /// @dev A batch that follows the last one: next root, now, fees to `feeOwner`.
    function nextBatch(uint256 queueOps) internal view returns (IRollup.Batch memory batch) {
        batch.newRoot = uint256(keccak256(abi.encode("root", rollup.batchNumber() + 1))) % R;
        batch.time = time();
        batch.feeTokens = 0x00010203;
        batch.feeAccount = uint24(rollup.idOf(feeOwner));
        batch.feeOwner = feeOwner;
        batch.queueOps = queueOps;
        batch.sponge = uint256(keccak256(abi.encode("sponge", batch.newRoot))) % R;
    }

    /// @dev Fills up with NOOPs.
    function pad(Op[] memory ops, uint256 size) internal pure returns (Op[] memory padded) {
        padded = new Op[](size);
        for (uint256 i = 0; i < ops.length; ++i) {
            padded[i] = ops[i];
        }
    }

    /// @dev The proof for what the contract ought to see.
    function proofFor(IRollup.Batch memory batch, Op[] memory ops) internal view returns (IRollup.Proof memory) {
        bytes memory w = Batches.words(address(rollup), rollup.stateRoot(), rollup.batchNumber() + 1, batch, ops);
        return prove(ops.length, Batches.inputs(ops.length, batch.sponge, w));
    }

    /// @dev Submits as the proposer, with a proof that fits. The last thing called is `submit`, so expectations may stand before this only where
    /// none of the views in between is what they are about: use `prepare` then.
    function submit(uint256 queueOps, Op[] memory ops) internal {
        IRollup.Batch memory batch = nextBatch(queueOps);
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.prank(PROPOSER);
        rollup.submit(ops.length, batch, Batches.pack(ops), proof);
    }

    /// @dev Submits what it is given, as the proposer, and expects this error.
    function refuse(bytes memory error_, IRollup.Batch memory batch, Op[] memory ops) internal {
        refuse(error_, ops.length, batch, Batches.pack(ops), proofFor(batch, ops));
    }

    function refuse(
        bytes memory error_,
        uint256 size,
        IRollup.Batch memory batch,
        bytes memory packed,
        IRollup.Proof memory proof
    ) internal {
        vm.expectRevert(error_);
        vm.prank(PROPOSER);
        rollup.submit(size, batch, packed, proof);
    }

    /// @dev Lets the queue grow too old.
    function becomeExodus() internal {
        (uint256 head, uint256 tail,) = rollup.queueBounds();
        if (head == tail) requestFullExit(ALICE, 1);
        forward(7 days + 1);
    }

    function submitOne(uint256 queueOps, Op memory op) internal {
        submit(queueOps, list(op));
    }

    function list(Op memory a) internal pure returns (Op[] memory ops) {
        ops = new Op[](1);
        ops[0] = a;
    }

    function list(Op memory a, Op memory b) internal pure returns (Op[] memory ops) {
        ops = new Op[](2);
        (ops[0], ops[1]) = (a, b);
    }

    function list(Op memory a, Op memory b, Op memory c) internal pure returns (Op[] memory ops) {
        ops = new Op[](3);
        (ops[0], ops[1], ops[2]) = (a, b, c);
    }

    /// @dev ALICE becomes account 1 and holds `amount` of a token in the state.
    function seed(uint256 token_, uint128 amount) internal {
        deposit(ALICE, token_, amount);
        submitOne(1, Batches.deposit(1, uint8(token_), amount, ALICE));
        forward(1);
    }
}

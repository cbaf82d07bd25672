// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IGroth16Verifier} from "../src/IGroth16Verifier.sol";
import {IRollup} from "../src/IRollup.sol";
import {Token} from "./mocks/Tokens.sol";
import {Batches, Op} from "./utils/Batches.sol";
import {ForgedProver} from "./utils/ForgedProver.sol";
import {RollupTest} from "./utils/RollupTest.sol";
import {TestKeyVerifier} from "./verifier/TestKeyVerifier.sol";

/// @dev What the calls cost, with the real verifier and everything cold, as the first call of a transaction: 21,000 and the price of calldata (4 gas a
/// zero byte, 16 another; EIP-7623's floor is lower here) are added. Refunds for storage that becomes empty are not taken off. Figures land in
/// gas/*.json; the bars are those that the project promises.
abstract contract GasHarness is RollupTest {
    uint256 private constant TRANSACTION = 21_000;

    /// @dev The size whose verifier is the real one.
    uint256 internal real = 64;

    function setUp() public virtual override {
        super.setUp();
        // Steady state: every total exists, ALICE and BOB have accounts, the queue is empty but has been used.
        seed(1, 5_000_000e18);
        deposit(BOB, 1, 1e18);
        submitOne(1, Batches.deposit(2, 1, 1e18, BOB));
        forward(1);
    }

    /// @dev The real verifier at `real`; the other sizes have mocks, as no two may have one key.
    function setups() internal override returns (IRollup.Setup[] memory made) {
        made = super.setups();
        for (uint256 i = 0; i < 3; ++i) {
            if (made[i].size != real) continue;
            made[i].verifier = address(new TestKeyVerifier());
            made[i].proof = ForgedProver.prove(Batches.setupInputs(real, made[i].sponge));
        }
    }

    function prove(uint256 size, uint256[3] memory inputs) internal view override returns (IRollup.Proof memory) {
        return size == real ? ForgedProver.prove(inputs) : super.prove(size, inputs);
    }

    /// @dev Amounts of 18 decimals, fees with four significant digits, ids spread over 100,000 accounts.
    function submitTransfers(uint256 size, string memory name) internal returns (uint256) {
        Op[] memory ops = new Op[](size);
        for (uint256 i = 0; i < size; ++i) {
            uint256 amount = (1 + i * 37 % 1000) * 1.2345e18;
            (uint256 from, uint256 to) = (1 + i * 1571 % 100_000, 1 + i * 7919 % 100_000);
            ops[i] = Batches.transfer(uint24(from), uint24(to), 1, uint128(amount), 12.34e14);
        }
        return submitCold(0, ops, name);
    }

    function submitCold(uint256 queueOps, Op[] memory ops, string memory name) internal returns (uint256) {
        IRollup.Batch memory batch = nextBatch(queueOps);
        IRollup.Proof memory proof = proofFor(batch, ops);
        bytes memory packed = Batches.pack(ops);
        cool();
        vm.prank(PROPOSER);
        rollup.submit(ops.length, batch, packed, proof);
        return transaction(abi.encodeCall(rollup.submit, (ops.length, batch, packed, proof)), name);
    }

    function depositOf(address from, address owner, string memory name) internal returns (uint256) {
        uint256 value = rollup.queueFee();
        cool();
        vm.prank(from);
        rollup.deposit{value: value}(owner, 1, 123e18);
        return transaction(abi.encodeCall(rollup.deposit, (owner, 1, 123e18)), name);
    }

    /// @dev As at the start of a transaction that calls the rollup: itself is warm, all else is cold.
    function cool() internal {
        vm.cool(address(rollup));
        vm.cool(address(token));
        vm.cool(rollup.verifierOf(real));
        vm.cool(poseidon);
    }

    function transaction(bytes memory data, string memory name) internal returns (uint256 gas) {
        gas = TRANSACTION + vm.snapshotGasLastCall("contracts", name);
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.snapshotValue("contracts", name, gas);
    }
}

contract GasTest is GasHarness {
    function test_gas_submit64Transfers() public {
        assertLe(submitTransfers(64, "submit 64 transfers"), 320_000, "submit of 64");
    }

    function test_gas_verifier() public {
        uint256[3] memory inputs = [R - 1, R - 2, R - 3];
        IRollup.Proof memory proof = ForgedProver.prove(inputs);
        IGroth16Verifier verifier = IGroth16Verifier(rollup.verifierOf(64));
        vm.cool(address(verifier));
        assertTrue(verifier.verifyProof(proof.a, proof.b, proof.c, inputs), "accepted");
        uint256 gas = vm.snapshotGasLastCall("contracts", "verifier alone, without the transaction");
        assertLe(gas, 210_000, "verifier alone");
    }

    function test_gas_depositErc20() public {
        uint256 gas = depositOf(ALICE, ALICE, "deposit, ERC-20");
        assertLe(gas, 90_000, "deposit");
    }

    function test_gas_firstDepositErc20() public {
        uint256 gas = depositOf(CAROL, CAROL, "deposit, ERC-20, first of an account");
        assertLe(gas, 115_000, "first deposit");
    }

    function test_gas_depositNative() public {
        uint256 value = rollup.queueFee() + 1 ether;
        cool();
        vm.prank(ALICE);
        rollup.deposit{value: value}(ALICE, 0, 1 ether);
        transaction(abi.encodeCall(rollup.deposit, (ALICE, 0, 1 ether)), "deposit, native");
    }

    function test_gas_forcedExit() public {
        uint256 value = rollup.queueFee();
        cool();
        vm.prank(ALICE);
        rollup.requestFullExit{value: value}(1);
        uint256 gas = transaction(abi.encodeCall(rollup.requestFullExit, (1)), "forced exit");
        assertLe(gas, 70_000, "forced exit");
    }

    function test_gas_setKey() public {
        uint256 value = rollup.queueFee();
        (uint256 ax, uint256 ay) = (
            5299619240641551281634865583518297030282874472190772894086521144482721001553,
            16950150798460657717958625567821834550301663161624707787222815936182638968203
        );
        cool();
        vm.prank(ALICE);
        rollup.requestSetKey{value: value}(ax, ay);
        transaction(abi.encodeCall(rollup.requestSetKey, (ax, ay)), "set key");
    }

    function test_gas_deployment() public {
        bytes memory code = vm.getCode("Rollup.sol:Rollup");
        vm.snapshotValue("contracts", "code of Rollup, bytes with constructor", code.length);
        vm.snapshotValue("contracts", "code of Poseidon, bytes", poseidon.code.length);
    }
}

contract GasOfEightTest is GasHarness {
    function setUp() public override {
        real = 8;
        super.setUp();
    }

    function test_gas_submit8Transfers() public {
        assertLe(submitTransfers(8, "submit 8 transfers"), 265_000, "submit of 8");
    }
}

/// @dev What a transaction writes costs as what was there when it began: a test is one transaction, so what it finds has to be made before.
contract GasOfWithdrawTest is GasHarness {
    function setUp() public override {
        super.setUp();
        submitOne(0, Batches.withdrawal(1, 1, 1e18, ALICE));
    }

    function test_gas_withdraw() public {
        cool();
        vm.prank(ALICE);
        rollup.withdraw(ALICE, 1, ALICE, 0.5e18);
        transaction(abi.encodeCall(rollup.withdraw, (ALICE, 1, ALICE, 0.5e18)), "withdraw, ERC-20");
    }
}

/// @dev The dearest batch: 64 forced exits of 64 owners, each with a pending balance of its own.
contract GasOfWorstBatchTest is GasHarness {
    Op[] private exits;

    function setUp() public override {
        super.setUp();
        Op[] memory deposits = new Op[](64);
        for (uint24 i = 0; i < 64; ++i) {
            address owner = address(uint160(0x5000 + i));
            vm.deal(owner, 1 ether);
            fund(token, owner);
            deposit(owner, 1, 1e18);
            deposits[i] = Batches.deposit(3 + i, 1, 1e18, owner);
            exits.push(Batches.fullExit(3 + i, 1, 1e18, owner));
        }
        submit(64, deposits);
        forward(1);
        for (uint24 i = 0; i < 64; ++i) {
            requestFullExit(address(uint160(0x5000 + i)), 1);
        }
    }

    function test_gas_worstBatch_fitsABlock() public {
        uint256 gas = submitCold(64, exits, "submit 64 forced exits, the dearest batch");
        // EIP-7825 lets a transaction use 16,777,216.
        assertLe(gas, 4_000_000, "worst batch");
    }
}

// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IPoseidon} from "../../src/IPoseidon.sol";
import {IRollup} from "../../src/IRollup.sol";
import {Token} from "../mocks/Tokens.sol";
import {Batches, Op} from "../utils/Batches.sol";
import {Test} from "../utils/Test.sol";
import {StateModel} from "./StateModel.sol";

/// @dev Users, proposer and troublemakers of one rollup, and books of its own about where every unit of every token lies. Each function is one step of a
/// sequence; steps that must be refused are checked to be. Token 0 is native, 1 plain, 2 takes a fee on transfer.
contract Handler is Test {
    struct Entry {
        uint8 code;
        uint24 id;
        uint8 token;
        uint128 amount;
        uint256 fee;
    }

    uint256 internal constant TOKENS = 3;
    uint256 internal constant BASE_FEE = 100_000 gwei;
    address internal constant PROPOSER = address(0x9999);

    IRollup public immutable rollup;
    StateModel public immutable state;
    Token[3] public tokens;
    address[3] public users = [address(0xa11ce), address(0xb0b), address(0xca201)];

    // The books.
    Entry[] private queue;
    uint256 private head;
    uint256[] private times;
    bool[] private refunded;
    bool public exodus;
    uint256[3] public custody;
    uint256[3] public queued;
    uint256[3] public pending;
    uint256[3] public donated;
    mapping(address => mapping(uint256 => uint256)) public pendingOf;
    mapping(address => uint24) private idOf;
    mapping(uint256 => mapping(uint256 => bool)) private left;
    uint24 private accounts;
    /// @dev Fees of the batch that is being made, for account 1.
    uint128[3] private feeSums;

    mapping(bytes32 => uint256) public calls;

    constructor(IRollup rollup_, Token plain, Token feeTaking) {
        rollup = rollup_;
        state = new StateModel(IPoseidon(rollup_.poseidon()));
        (tokens[1], tokens[2]) = (plain, feeTaking);
        for (uint256 i = 0; i < 3; ++i) {
            vm.deal(users[i], 1e30);
            for (uint256 t = 1; t < TOKENS; ++t) {
                tokens[t].mint(users[i], 1e36);
                vm.prank(users[i]);
                tokens[t].approve(address(rollup), type(uint256).max);
            }
        }
        vm.deal(address(this), 1e30);
    }

    function deposit(uint256 user, uint256 owner, uint256 token, uint256 amount, uint256 excess) external {
        (address from, address to) = (users[user % 3], users[owner % 3]);
        token %= TOKENS;
        amount = bound(amount, 1, 1e24);
        excess = excess % 4 == 0 ? bound(excess, 0, 1 ether) : 0;
        uint256 fee = rollup.queueFee();
        uint256 value = fee + excess + (token == 0 ? amount : 0);
        if (closed()) vm.expectRevert(abi.encodeWithSelector(IRollup.InExodus.selector));
        vm.prank(from);
        rollup.deposit{value: value}(to, token, amount);
        if (closed()) return;
        if (idOf[to] == 0) idOf[to] = ++accounts;
        if (token == 2) amount -= amount / 100;
        credit(from, 0, excess);
        push(Entry(1, idOf[to], uint8(token), uint128(amount), fee));
        queued[token] += amount;
        ++calls["deposit"];
    }

    function requestFullExit(uint256 user, uint256 token) external {
        address from = users[user % 3];
        token %= TOKENS;
        if (idOf[from] == 0) return;
        uint256 fee = rollup.queueFee();
        if (closed()) vm.expectRevert(abi.encodeWithSelector(IRollup.InExodus.selector));
        vm.prank(from);
        rollup.requestFullExit{value: fee}(token);
        if (closed()) return;
        push(Entry(4, idOf[from], uint8(token), 0, fee));
        ++calls["full exit"];
    }

    function requestSetKey(uint256 user) external {
        address from = users[user % 3];
        if (idOf[from] == 0 || closed()) return;
        uint256 fee = rollup.queueFee();
        vm.prank(from);
        rollup.requestSetKey{value: fee}(0, 1);
        push(Entry(5, idOf[from], 0, 0, fee));
        ++calls["set key"];
    }

    /// @dev An honest batch of eight, or of 64 where more is overdue: some of the queue, then withdrawals and transfers that the balances allow.
    function submit(uint256 seed) external {
        forward(1);
        if (closed()) return refuseSubmit();
        uint256 waiting = queue.length - head;
        uint256 size = waiting > 8 && times[head + 8] + 24 hours < time() ? 64 : 8;
        uint256 most = waiting < size ? waiting : size;
        uint256 k = seed % 3 == 0 ? most : seed % (most + 1);
        if (k < most && times[head + k] + 24 hours < time()) k = most;
        if (k != 0 && accounts == 0) return;
        Op[] memory ops = new Op[](size);
        delete feeSums;
        uint256 fees = 0;
        for (uint256 i = 0; i < k; ++i) {
            ops[i] = take(head + i);
            fees += queue[head + i].fee;
        }
        for (uint256 i = k; i < size; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            ops[i] = move(seed);
        }
        for (uint256 t = 0; t < TOKENS; ++t) {
            if (feeSums[t] != 0) state.add(1, t, feeSums[t]);
        }
        IRollup.Batch memory batch;
        batch.newRoot = state.root();
        batch.time = time();
        batch.feeTokens = 0x00010203;
        batch.feeOwner = ownerOfFirst();
        batch.feeAccount = idOf[batch.feeOwner];
        batch.queueOps = k;
        batch.sponge = seed % Batches.R;
        bool nothing = k == 0 && batch.newRoot == rollup.stateRoot();
        IRollup.Proof memory proof = proofFor(batch, ops);
        if (nothing) vm.expectRevert(abi.encodeWithSelector(IRollup.EmptyBatch.selector));
        vm.prank(PROPOSER);
        rollup.submit(size, batch, Batches.pack(ops), proof);
        if (nothing) return;
        head += k;
        queued[0] -= fees;
        credit(batch.feeOwner, 0, k * BASE_FEE);
        donated[0] += fees - k * BASE_FEE;
        ++calls["submit"];
        vm.expectRevert(
            abi.encodeWithSelector(
                IRollup.BatchTimeOutOfRange.selector, batch.time, batch.time, batch.time - 1 hours, batch.time
            )
        );
        vm.prank(PROPOSER);
        rollup.submit(size, batch, Batches.pack(ops), proof);
    }

    /// @dev A batch with a good proof of an op that the queue never held, or of another token's custody.
    function submitForged(uint256 token, uint256 amount, bool asDeposit) external {
        token %= TOKENS;
        forward(1);
        if (closed()) return;
        Op[] memory ops = new Op[](1);
        uint256 over = custody[token] + bound(amount, 1, 1e24);
        ops[0] = asDeposit
            ? Batches.deposit(1, uint8(token), 1, users[0])
            : Batches.withdrawal(1, uint8(token), uint128(over), users[0]);
        IRollup.Batch memory batch;
        batch.newRoot = 1;
        batch.time = time();
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.expectRevert(
            asDeposit
                ? abi.encodeWithSelector(IRollup.QueueOpOutOfPlace.selector, 0, 1)
                : abi.encodeWithSelector(IRollup.CustodyExceeded.selector, token, custody[token], over)
        );
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
        ++calls["forged"];
    }

    function withdraw(uint256 user, uint256 token, uint256 amount) external {
        address owner = users[user % 3];
        token %= TOKENS;
        uint256 most = pendingOf[owner][token];
        if (most == 0) {
            vm.expectRevert(abi.encodeWithSelector(IRollup.PendingExceeded.selector, 0, 1));
            return rollup.withdraw(owner, token, owner, 1);
        }
        amount = amount % 2 == 0 ? most : bound(amount, 1, most);
        if (amount != most) vm.prank(owner);
        rollup.withdraw(owner, token, owner, amount);
        pendingOf[owner][token] -= amount;
        pending[token] -= amount;
        ++calls["withdraw"];
    }

    function donate(uint256 token, uint256 amount) external {
        token %= TOKENS;
        amount = bound(amount, 1, 1e20);
        if (token == 0) vm.deal(address(rollup), address(rollup).balance + amount);
        else tokens[token].mint(address(rollup), amount);
        donated[token] += amount;
    }

    /// @dev Mostly hours, at times days.
    function wait(uint256 seconds_) external {
        forward(bound(seconds_, 1, seconds_ % 8 == 0 ? 8 days : 10 hours));
    }

    /// @dev A balance of the last accepted state leaves, if it is time and it has not.
    function exit(uint256 id, uint256 token) external {
        id = 1 + id % 3;
        token %= TOKENS;
        IRollup.ExitClaim memory claim;
        claim.id = uint24(id);
        claim.token = uint8(token);
        claim.owner = state.ownerOf(id);
        claim.balance = state.balanceOf(id, token);
        if (closed()) claim.path = state.path(id, token);
        bool first = closed() && !left[id][token] && claim.balance != 0;
        if (!closed()) vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        else if (left[id][token]) vm.expectRevert(abi.encodeWithSelector(IRollup.AlreadyExited.selector, id, token));
        else if (!first) vm.expectRevert(abi.encodeWithSelector(IRollup.ZeroBalance.selector));
        rollup.exit(claim);
        if (!first) return;
        exodus = true;
        left[id][token] = true;
        custody[token] -= claim.balance;
        credit(claim.owner, token, claim.balance);
        ++calls["exit"];
    }

    function refund(uint256 index) external {
        if (queue.length == 0) return;
        index %= queue.length;
        Entry memory entry = queue[index];
        address owner = users[0];
        for (uint256 i = 1; i < 3; ++i) {
            if (idOf[users[i]] == entry.id) owner = users[i];
        }
        bool first = closed() && index >= head && !refunded[index];
        if (!closed()) vm.expectRevert(abi.encodeWithSelector(IRollup.NotInExodus.selector));
        else if (!first) vm.expectRevert(abi.encodeWithSelector(IRollup.NothingToRefund.selector, index));
        rollup.refund(index, owner);
        if (!first) return;
        exodus = true;
        refunded[index] = true;
        queued[0] -= entry.fee;
        credit(owner, 0, entry.fee);
        if (entry.code == 1) {
            queued[entry.token] -= entry.amount;
            credit(owner, entry.token, entry.amount);
        }
        ++calls["refund"];
    }

    /// @dev Everybody takes everything out: all that is left afterwards is what was donated.
    function drain() external {
        if (!closed()) return;
        for (uint256 i = 0; i < queue.length; ++i) {
            if (i >= head && !refunded[i]) this.refund(i);
        }
        for (uint256 id = 1; id <= 3; ++id) {
            for (uint256 t = 0; t < TOKENS; ++t) {
                if (state.balanceOf(id, t) != 0 && !left[id][t]) this.exit(id - 1, t);
            }
        }
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 t = 0; t < TOKENS; ++t) {
                if (pendingOf[users[i]][t] != 0) this.withdraw(i, t, 0);
            }
        }
        for (uint256 t = 0; t < TOKENS; ++t) {
            assertEq(held(t), donated[t], "only donations are left");
        }
        ++calls["drain"];
    }

    function held(uint256 token) public view returns (uint256) {
        return token == 0 ? address(rollup).balance : tokens[token].balanceOf(address(rollup));
    }

    /// @dev The handler's own idea of whether the time to leave has come.
    function closed() private view returns (bool) {
        return exodus || (head < queue.length && time() > times[head] + 7 days);
    }

    function refuseSubmit() private {
        Op[] memory ops = new Op[](1);
        IRollup.Batch memory batch;
        batch.newRoot = 1;
        batch.time = time();
        IRollup.Proof memory proof = proofFor(batch, ops);
        vm.expectRevert(abi.encodeWithSelector(IRollup.InExodus.selector));
        vm.prank(PROPOSER);
        rollup.submit(1, batch, Batches.pack(ops), proof);
    }

    /// @dev A queue entry as an op, and done in the state.
    function take(uint256 index) private returns (Op memory) {
        Entry memory entry = queue[index];
        address owner = users[0];
        for (uint256 i = 1; i < 3; ++i) {
            if (idOf[users[i]] == entry.id) owner = users[i];
        }
        if (entry.code == 1) {
            state.setOwner(entry.id, owner);
            state.add(entry.id, entry.token, entry.amount);
            queued[entry.token] -= entry.amount;
            custody[entry.token] += entry.amount;
            return Batches.deposit(entry.id, entry.token, entry.amount, owner);
        }
        if (entry.code == 5) return Batches.setKey(entry.id, 0, 1);
        uint128 balance = state.balanceOf(entry.id, entry.token);
        state.sub(entry.id, entry.token, balance);
        custody[entry.token] -= balance;
        credit(owner, entry.token, balance);
        return Batches.fullExit(entry.id, entry.token, balance, owner);
    }

    /// @dev A withdrawal, a transfer or nothing, with a fee once account 1 can take it.
    function move(uint256 seed) private returns (Op memory op) {
        uint256 kind = seed >> 4 & 3;
        uint256 id = 1 + seed % 3;
        uint256 other = 1 + (seed >> 12) % 3;
        if (kind > 1 || (kind == 1 && state.ownerOf(other) == address(0))) return op;
        uint256 token = (seed >> 8) % TOKENS;
        uint128 balance = state.balanceOf(id, token);
        uint128 amount = uint128(bound(seed >> 16, 0, balance));
        uint96 fee = state.ownerOf(1) == address(0) ? 0 : uint96(bound(seed >> 32, 0, (balance - amount) / 10));
        feeSums[token] += fee;
        state.sub(id, token, amount + fee);
        if (kind == 0) {
            custody[token] -= amount;
            address to = users[(seed >> 12) % 3];
            credit(to, token, amount);
            op = Batches.withdrawal(uint24(id), uint8(token), amount, to);
        } else {
            state.add(other, token, amount);
            op = Batches.transfer(uint24(id), uint24(other), uint8(token), amount, 0);
        }
        op.fee = fee;
    }

    function ownerOfFirst() private view returns (address owner) {
        for (uint256 i = 0; i < 3; ++i) {
            if (idOf[users[i]] == 1) owner = users[i];
        }
    }

    function credit(address to, uint256 token, uint256 amount) private {
        pendingOf[to][token] += amount;
        pending[token] += amount;
    }

    function push(Entry memory entry) private {
        queue.push(entry);
        times.push(time());
        refunded.push(false);
        queued[0] += entry.fee;
    }

    function proofFor(IRollup.Batch memory batch, Op[] memory ops) private view returns (IRollup.Proof memory proof) {
        bytes memory w = Batches.words(address(rollup), rollup.stateRoot(), rollup.batchNumber() + 1, batch, ops);
        proof.c[0] = uint256(keccak256(abi.encode(Batches.inputs(ops.length, batch.sponge, w))));
    }
}

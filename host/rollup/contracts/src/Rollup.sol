// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IGroth16Verifier} from "./IGroth16Verifier.sol";
import {IRollup} from "./IRollup.sol";
import {IPoseidon} from "./IPoseidon.sol";
import {BabyJubjub} from "./libraries/BabyJubjub.sol";
import {FIELD_MODULUS as R} from "./libraries/Field.sol";
import {PublicData} from "./libraries/PublicData.sol";
import {QueueEntry, QueueLib, QueueState} from "./libraries/Queue.sol";
import {SetupCheck} from "./libraries/SetupCheck.sol";
import {StateTree} from "./libraries/StateTree.sol";
import {TokenTransfer} from "./libraries/TokenTransfer.sol";

/// @title Custody of a validity rollup
/// @dev Nothing here can be changed after deployment: no owner, no proxy, no delegatecall, no setter. The only calls that leave are to the verifiers
/// and to Poseidon (STATICCALL, fixed at deployment), to tokens of the fixed list, and payments.
contract Rollup is IRollup {
    /// @dev Anybody may submit when the proposer has not for this long.
    uint256 private constant PROPOSER_IDLE_SECONDS = 24 hours;
    /// @dev What an outsider waits for after the last accepted batch, whoever's, so that others' proofs of the same root have a chance.
    uint256 private constant OUTSIDER_SPACING_SECONDS = 10 minutes;
    /// @dev A batch has to take queue entries that are older than this at its own time.
    uint256 private constant OVERDUE_SECONDS = 24 hours;
    /// @dev Exodus is due when the queue's head is older than this.
    uint256 private constant EXODUS_SECONDS = 7 days;
    /// @dev A batch's time may lie this far before its block's.
    uint256 private constant BATCH_TIME_SLACK_SECONDS = 1 hours;
    /// @dev The queue fee grows by its base with each so many waiting entries.
    uint256 private constant FEE_STEP_ENTRIES = 64;
    /// @dev `owedOf` of a token stays below this, so no sum of balances in the state can reach the circuit's 2^128.
    uint256 private constant TOTAL_LIMIT = 1 << 120;
    uint256 private constant NATIVE = 0;
    uint256 private constant MAX_TOKENS = 256;

    /// @param owed Custody, queued deposits and pending balances; for the native coin without the fees of the queue.
    /// @param custody Balances of the last accepted state.
    struct Ledger {
        uint128 owed;
        uint128 custody;
    }

    /// @param time Time that the last batch named.
    /// @param acceptedTime Block time of the last batch.
    /// @param proposerTime Block time of the proposer's last batch.
    struct LastBatch {
        uint64 number;
        uint64 time;
        uint64 acceptedTime;
        uint64 proposerTime;
    }

    address public immutable proposer;
    address public immutable poseidon;
    uint256 public immutable baseFeeGwei;
    uint256 public immutable tokenCount;
    bytes32 public immutable setupHash;
    bool public immutable isDevSetup;

    // Sizes and verifiers of the setups; unused places hold size 0.
    uint256 private immutable SIZE_A;
    uint256 private immutable SIZE_B;
    uint256 private immutable SIZE_C;
    uint256 private immutable LARGEST_SIZE;
    address private immutable VERIFIER_A;
    address private immutable VERIFIER_B;
    address private immutable VERIFIER_C;

    uint256 public stateRoot;
    LastBatch private _last;
    QueueState private _queue;
    mapping(uint256 index => QueueEntry) private _entries;
    /// @dev Ay of a queued SET_KEY.
    mapping(uint256 index => uint256) private _keys;
    mapping(uint256 token => address) public tokenAt;
    mapping(uint256 token => Ledger) private _ledgers;
    mapping(address owner => uint256) public idOf;
    mapping(address owner => mapping(uint256 token => uint256)) public pendingOf;
    /// @dev Bit `token` is set when that balance has left.
    mapping(uint256 id => uint256) private _exits;

    /// @param proposer_ Who alone may submit while it does so daily.
    /// @param poseidon_ Address of the Poseidon contract; its code is checked.
    /// @param baseFeeGwei_ Queue fee while fewer than 64 entries wait.
    /// @param tokens ERC-20 contracts; they become tokens 1, 2, …
    /// @param setups One to three, sizes rising.
    constructor(
        address proposer_,
        address poseidon_,
        uint256 baseFeeGwei_,
        address[] memory tokens,
        Setup[] memory setups
    ) {
        if (proposer_ == address(0)) revert BadSetup("proposer");
        if (baseFeeGwei_ == 0 || baseFeeGwei_ >= 1 << 32) revert BadSetup("base fee");
        if (block.chainid >= 1 << 64) revert BadSetup("chain id");
        if (tokens.length >= MAX_TOKENS) revert BadSetup("number of tokens");
        for (uint256 i = 0; i < tokens.length; ++i) {
            if (tokens[i].code.length == 0) revert BadSetup("token without code");
            for (uint256 j = 0; j < i; ++j) {
                if (tokens[i] == tokens[j]) revert BadSetup("token twice");
            }
            tokenAt[i + 1] = tokens[i];
        }
        proposer = proposer_;
        poseidon = poseidon_;
        baseFeeGwei = baseFeeGwei_;
        tokenCount = tokens.length + 1;
        _last.proposerTime = uint64(block.timestamp);

        stateRoot = SetupCheck.genesis(poseidon_);
        (setupHash, isDevSetup) = SetupCheck.verifiers(setups, stateRoot);
        LARGEST_SIZE = setups[setups.length - 1].size;
        SIZE_A = setups[0].size;
        VERIFIER_A = setups[0].verifier;
        SIZE_B = setups.length > 1 ? setups[1].size : 0;
        VERIFIER_B = setups.length > 1 ? setups[1].verifier : address(0);
        SIZE_C = setups.length > 2 ? setups[2].size : 0;
        VERIFIER_C = setups.length > 2 ? setups[2].verifier : address(0);
    }

    /// @inheritdoc IRollup
    function deposit(address owner, uint256 token, uint256 amount) external payable returns (uint256 index) {
        QueueState queue = _open();
        if (owner == address(0)) revert ZeroOwner();
        _checkToken(token);
        if (amount >= TOTAL_LIMIT) revert TotalTooLarge(token, amount);
        uint256 value = msg.value;
        if (token == NATIVE) {
            if (value < amount) revert ValueTooLow(amount, value);
            value -= amount;
        } else {
            // The token may call back: until the amount is known everything but views is shut.
            _queue = queue.withLocked(true);
            amount = TokenTransfer.pull(tokenAt[token], msg.sender, amount);
        }
        if (amount == 0) revert NothingReceived();
        uint256 total = _ledgers[token].owed + amount;
        if (total >= TOTAL_LIMIT) revert TotalTooLarge(token, total);
        _ledgers[token].owed = uint128(total);

        uint256 id = idOf[owner];
        if (id == 0) {
            id = queue.accounts() + 1;
            queue = queue.withAccounts(id);
            idOf[owner] = id;
        }
        uint256 feeGwei = _takeFee(queue, value);
        index = _push(queue, PublicData.DEPOSIT, id, token, amount, feeGwei);
        emit Deposited(index, owner, id, token, amount, feeGwei);
    }

    /// @inheritdoc IRollup
    function requestFullExit(uint256 token) external payable returns (uint256 index) {
        QueueState queue = _open();
        uint256 id = _account(msg.sender);
        _checkToken(token);
        uint256 feeGwei = _takeFee(queue, msg.value);
        index = _push(queue, PublicData.FULL_EXIT, id, token, 0, feeGwei);
        emit ExitRequested(index, msg.sender, id, token, feeGwei);
    }

    /// @inheritdoc IRollup
    function requestSetKey(uint256 ax, uint256 ay) external payable returns (uint256 index) {
        QueueState queue = _open();
        uint256 id = _account(msg.sender);
        if (!BabyJubjub.isOnCurve(ax, ay)) revert KeyNotOnCurve(ax, ay);
        uint256 feeGwei = _takeFee(queue, msg.value);
        index = _push(queue, PublicData.SET_KEY, id, 0, ax & 1, feeGwei);
        _keys[index] = ay;
        emit KeyRequested(index, msg.sender, id, ax, ay, feeGwei);
    }

    /// @inheritdoc IRollup
    function submit(uint256 size, Batch calldata batch, bytes calldata ops, Proof calldata proof) external {
        QueueState queue = _open();
        address verifier = verifierOf(size);
        if (verifier == address(0)) revert UnknownSize(size);
        LastBatch memory last = _last;
        _checkTurn(last);
        _checkTime(batch.time, last.time);
        if (batch.newRoot >= R) revert NotInField(batch.newRoot);
        if (batch.sponge >= R) revert NotInField(batch.sponge);
        _checkQueueOps(queue, size, batch.queueOps);
        uint256 oldRoot = stateRoot;
        if (batch.newRoot == oldRoot && batch.queueOps == 0) revert EmptyBatch();

        uint256[] memory words = new uint256[](4 + 2 * size);
        words[0] = PublicData.domain();
        words[1] = oldRoot;
        words[2] = batch.newRoot;
        words[3] = PublicData.header(last.number + 1, batch.time, batch.feeAccount, batch.feeTokens);

        stateRoot = batch.newRoot;
        _last = LastBatch(
            last.number + 1,
            batch.time,
            uint64(block.timestamp),
            msg.sender == proposer ? uint64(block.timestamp) : last.proposerTime
        );
        _takeFromQueue(queue, batch, _applyOps(words, ops, queue.head(), batch.queueOps));

        uint256 rho = PublicData.challenge(size, batch.sponge, words);
        uint256[3] memory inputs = [batch.sponge, rho, PublicData.evaluate(words, rho)];
        if (!IGroth16Verifier(verifier).verifyProof(proof.a, proof.b, proof.c, inputs)) revert ProofRejected();
        emit BatchAccepted(last.number + 1, batch.newRoot, words[3], size, batch.queueOps, ops);
    }

    /// @inheritdoc IRollup
    function startExodus() external {
        QueueState queue = _unlocked();
        if (queue.exodus()) revert InExodus();
        _queue = _exodus(queue);
    }

    /// @inheritdoc IRollup
    function exit(ExitClaim calldata claim) external {
        _queue = _exodus(_unlocked());
        uint256 exits = _exits[claim.id];
        if (exits >> claim.token & 1 != 0) revert AlreadyExited(claim.id, claim.token);
        if (claim.balance == 0) revert ZeroBalance();
        if (claim.owner == address(0)) revert ZeroOwner();
        uint256 root = StateTree.rootOf(IPoseidon(poseidon), claim);
        if (root != stateRoot) revert WrongRoot(stateRoot, root);
        _exits[claim.id] = exits | 1 << claim.token;
        _toPending(claim.owner, claim.token, claim.balance);
        emit Exited(claim.id, claim.owner, claim.token, claim.balance);
    }

    /// @inheritdoc IRollup
    function refund(uint256 index, address owner) external {
        QueueState queue = _exodus(_unlocked());
        QueueEntry entry = _entries[index];
        if (QueueEntry.unwrap(entry) == 0) revert NothingToRefund(index);
        if (idOf[owner] != entry.id()) revert NotOwner(entry.id(), owner);
        uint256 feeGwei = entry.feeGwei();
        _entries[index] = QueueEntry.wrap(0);
        delete _keys[index];
        _queue = queue.withFees(queue.feesGwei() - feeGwei);
        _payFee(owner, feeGwei);
        uint256 amount = entry.code() == PublicData.DEPOSIT ? entry.amount() : 0;
        pendingOf[owner][entry.token()] += amount;
        emit Refunded(index, owner, entry.token(), amount, feeGwei);
    }

    /// @inheritdoc IRollup
    function withdraw(address owner, uint256 token, address to, uint256 amount) external {
        QueueState queue = _unlocked();
        if (to != owner && msg.sender != owner) revert NotRecipient(msg.sender, owner, to);
        if (to == address(0) || to == address(this)) revert BadRecipient(to);
        uint256 pending = pendingOf[owner][token];
        if (amount > pending) revert PendingExceeded(pending, amount);
        if (msg.sender != owner && amount != pending) revert OnlyWhole(pending, amount);
        pendingOf[owner][token] = pending - amount;
        _ledgers[token].owed -= uint128(amount);
        emit Withdrawn(owner, token, to, amount);

        _queue = queue.withLocked(true);
        if (token == NATIVE) TokenTransfer.pay(to, amount);
        else TokenTransfer.push(tokenAt[token], to, amount);
        _queue = queue;
    }

    /// @inheritdoc IRollup
    function batchNumber() external view returns (uint256) {
        return _last.number;
    }

    /// @inheritdoc IRollup
    function batchTime() external view returns (uint256) {
        return _last.time;
    }

    /// @inheritdoc IRollup
    function proposerTime() external view returns (uint256) {
        return _last.proposerTime;
    }

    /// @inheritdoc IRollup
    function queueBounds() external view returns (uint256 head, uint256 tail, uint256 headTime) {
        return (_queue.head(), _queue.tail(), _queue.headTime());
    }

    /// @inheritdoc IRollup
    function queueEntry(uint256 index)
        external
        view
        returns (uint256 code, uint256 id, uint256 token, uint256 amount, uint256 time, uint256 feeGwei)
    {
        QueueEntry entry = _entries[index];
        return (entry.code(), entry.id(), entry.token(), entry.amount(), entry.time(), entry.feeGwei());
    }

    /// @inheritdoc IRollup
    function queueFee() external view returns (uint256) {
        return _feeGwei(_queue) * 1 gwei;
    }

    /// @inheritdoc IRollup
    function inExodus() external view returns (bool) {
        return _queue.exodus() || _exodusDue(_queue);
    }

    /// @inheritdoc IRollup
    function accountCount() external view returns (uint256) {
        return _queue.accounts();
    }

    /// @inheritdoc IRollup
    function custodyOf(uint256 token) external view returns (uint256) {
        return _ledgers[token].custody;
    }

    /// @inheritdoc IRollup
    function owedOf(uint256 token) external view returns (uint256) {
        return _ledgers[token].owed + (token == NATIVE ? _queue.feesGwei() * 1 gwei : 0);
    }

    /// @inheritdoc IRollup
    function exited(uint256 id, uint256 token) external view returns (bool) {
        return token < MAX_TOKENS && _exits[id] >> token & 1 != 0;
    }

    /// @inheritdoc IRollup
    function verifierOf(uint256 size) public view returns (address) {
        if (size == 0) return address(0);
        if (size == SIZE_A) return VERIFIER_A;
        if (size == SIZE_B) return VERIFIER_B;
        if (size == SIZE_C) return VERIFIER_C;
        return address(0);
    }

    /// @dev The queue's state, unless a call of this contract is under way.
    function _unlocked() private view returns (QueueState queue) {
        queue = _queue;
        if (queue.locked()) revert Reentered();
    }

    /// @dev The same, unless it is time to leave.
    function _open() private view returns (QueueState queue) {
        queue = _unlocked();
        if (queue.exodus() || _exodusDue(queue)) revert InExodus();
    }

    /// @dev Once due it stays due: only `submit` moves the head, and it is shut then.
    function _exodusDue(QueueState queue) private view returns (bool) {
        return queue.head() != queue.tail() && block.timestamp > queue.headTime() + EXODUS_SECONDS;
    }

    /// @dev The queue's state in exodus, which starts here if it is due. The caller stores the answer.
    function _exodus(QueueState queue) private returns (QueueState) {
        if (queue.exodus()) return queue;
        if (!_exodusDue(queue)) revert NotInExodus();
        emit ExodusStarted(stateRoot, queue.head(), queue.tail());
        return queue.withExodus();
    }

    function _checkToken(uint256 token) private view {
        if (token >= tokenCount) revert UnknownToken(token, tokenCount);
    }

    function _account(address owner) private view returns (uint256 id) {
        id = idOf[owner];
        if (id == 0) revert NoAccount(owner);
    }

    function _feeGwei(QueueState queue) private view returns (uint256) {
        return baseFeeGwei * (1 + queue.length() / FEE_STEP_ENTRIES);
    }

    /// @dev Takes the queue fee out of `value` and makes the rest pending for the sender.
    function _takeFee(QueueState queue, uint256 value) private returns (uint256 feeGwei) {
        feeGwei = _feeGwei(queue);
        uint256 fee = feeGwei * 1 gwei;
        if (value < fee) revert ValueTooLow(fee + msg.value - value, msg.value);
        if (value > fee) {
            _ledgers[NATIVE].owed += uint128(value - fee);
            pendingOf[msg.sender][NATIVE] += value - fee;
            emit ExcessCredited(msg.sender, value - fee);
        }
    }

    /// @dev A fee leaves the queue's sum, which the caller has debited, and becomes pending.
    function _payFee(address to, uint256 feeGwei) private {
        _ledgers[NATIVE].owed += uint128(feeGwei * 1 gwei);
        pendingOf[to][NATIVE] += feeGwei * 1 gwei;
    }

    /// @dev Appends an entry and stores the queue's state, unlocked.
    function _push(QueueState queue, uint256 code, uint256 id, uint256 token, uint256 amount, uint256 feeGwei)
        private
        returns (uint256 index)
    {
        index = queue.tail();
        _entries[index] = QueueLib.pack(code, id, token, amount, block.timestamp, feeGwei);
        if (queue.length() == 0) queue = queue.withHead(index, block.timestamp);
        _queue = queue.withTail(index + 1).withFees(queue.feesGwei() + feeGwei);
    }

    /// @dev Custody is debited before anything is credited: whatever a proof claims, a token pays out only what is in its own custody.
    function _toPending(address owner, uint256 token, uint256 amount) private {
        uint256 custody = _ledgers[token].custody;
        if (amount > custody) revert CustodyExceeded(token, custody, amount);
        _ledgers[token].custody = uint128(custody - amount);
        pendingOf[owner][token] += amount;
    }

    function _checkTurn(LastBatch memory last) private view {
        if (msg.sender == proposer) return;
        uint256 idle = last.proposerTime + PROPOSER_IDLE_SECONDS;
        uint256 spaced = last.acceptedTime + OUTSIDER_SPACING_SECONDS;
        uint256 openAfter = idle > spaced ? idle : spaced;
        if (block.timestamp <= openAfter) revert NotProposer(openAfter);
    }

    function _checkTime(uint256 time, uint256 lastTime) private view {
        uint256 earliest = block.timestamp - BATCH_TIME_SLACK_SECONDS;
        if (time <= lastTime || time < earliest || time > block.timestamp) {
            revert BatchTimeOutOfRange(time, lastTime, earliest, block.timestamp);
        }
    }

    function _checkQueueOps(QueueState queue, uint256 size, uint256 queueOps) private pure {
        uint256 length = queue.length();
        uint256 limit = size < length ? size : length;
        if (queueOps > limit) revert TooManyQueueOps(queueOps, limit);
    }

    /// @dev Unpacks the ops into `words`, and moves what they move between queue, custody and pending.
    /// @return feeGwei Fees of the queue entries that the batch takes.
    function _applyOps(uint256[] memory words, bytes calldata ops, uint256 head, uint256 queueOps)
        private
        returns (uint256 feeGwei)
    {
        uint256 others = PublicData.unpack(words, ops);
        for (uint256 op = 0; op < queueOps; ++op) {
            feeGwei += _consume(op, head + op, words[4 + 2 * op], words[5 + 2 * op]);
        }
        others >>= queueOps;
        for (uint256 op = queueOps; others != 0; ++op) {
            if (others & 1 != 0) {
                uint256 w0 = words[4 + 2 * op];
                uint256 w1 = words[5 + 2 * op];
                if (w0 >> 248 != PublicData.WITHDRAW) revert QueueOpOutOfPlace(op, w0 >> 248);
                _toPending(address(uint160(w1)), w1 >> 184, uint128(w0));
            }
            others >>= 1;
        }
    }

    /// @dev Takes a queue entry as the op (w0, w1), which must say what the entry says; a FULL_EXIT's amount is the circuit's to say.
    function _consume(uint256 op, uint256 index, uint256 w0, uint256 w1) private returns (uint256 feeGwei) {
        QueueEntry entry = _entries[index];
        _entries[index] = QueueEntry.wrap(0);
        uint256 code = entry.code();
        uint256 token = entry.token();
        uint256 amount = entry.amount();
        address owner = address(uint160(w1));
        if (code == PublicData.SET_KEY) {
            if (w1 != _keys[index]) revert QueueMismatch(op, index);
            delete _keys[index];
        } else {
            if (w1 >> 160 != PublicData.w1(token, 0) >> 160) revert QueueMismatch(op, index);
            if (idOf[owner] != entry.id()) revert NotOwner(entry.id(), owner);
            if (code == PublicData.FULL_EXIT) amount = uint128(w0);
        }
        if (w0 != PublicData.w0(code, entry.id(), amount)) revert QueueMismatch(op, index);
        if (code == PublicData.DEPOSIT) _ledgers[token].custody += uint128(amount);
        if (code == PublicData.FULL_EXIT) _toPending(owner, token, amount);
        return entry.feeGwei();
    }

    /// @dev Moves the queue's head over what the batch took, and checks that it took enough: all that is overdue, or as many as the largest batch holds.
    function _takeFromQueue(QueueState queue, Batch calldata batch, uint256 feeGwei) private {
        uint256 head = queue.head() + batch.queueOps;
        uint256 headTime = 0;
        if (head != queue.tail()) {
            headTime = batch.queueOps == 0 ? queue.headTime() : _entries[head].time();
            bool overdue = headTime + OVERDUE_SECONDS < batch.time;
            if (overdue && batch.queueOps < LARGEST_SIZE) revert OverdueQueueOpLeft(head);
        }
        if (batch.queueOps == 0) return;
        if (batch.feeAccount == 0 || idOf[batch.feeOwner] != batch.feeAccount) {
            revert NotOwner(batch.feeAccount, batch.feeOwner);
        }
        // The surcharge of a long queue is owed to nobody from here on: a proposer that fills the queue itself does not get it back.
        _payFee(batch.feeOwner, baseFeeGwei * batch.queueOps);
        _queue = queue.withHead(head, headTime).withFees(queue.feesGwei() - feeGwei);
    }
}

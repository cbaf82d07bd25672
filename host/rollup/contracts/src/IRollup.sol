// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// @title Custody of a validity rollup
/// @notice Holds deposits, accepts a new state root only with a proof that the batch keeps every rule, pays what accepted batches withdraw, and
/// lets everybody leave by Merkle proof when the operator stops. No key can change it, stop it, or take anything from it.
/// @dev Words, trees and rules: docs/spec/rollup.md. Amounts are in a token's smallest unit; token 0 is the chain's native coin, in wei.
///
/// Where value lies, for each token: `owed = custody + queued + pending`, and the contract holds at least that.
///
///     deposit ──▶ queued ──submit──▶ custody ──submit, exit──▶ pending ──withdraw──▶ recipient
///                    └───────────────refund (exodus)─────────────▲
interface IRollup {
    /// @notice A Groth16 proof in the words of EIP-197.
    struct Proof {
        uint256[2] a;
        uint256[2][2] b;
        uint256[2] c;
    }

    /// @notice One verifier, and a proof that it accepts: that of `size` NOOPs on the empty state, number and time 0, fee account 0, fee tokens
    /// 0 to 3, of no chain and no contract (a domain of the version alone).
    /// @param size Ops of a batch.
    /// @param verifier Contract that host/l1 makes from the circuit's key.
    /// @param proof A proof under that key.
    /// @param sponge P of that batch; the other public inputs are computed on chain.
    struct Setup {
        uint256 size;
        address verifier;
        Proof proof;
        uint256 sponge;
    }

    /// @notice What a batch says besides its ops.
    /// @param newRoot State root after the batch, below r.
    /// @param time Time of the batch in seconds since 1970.
    /// @param feeAccount Account that gets the fees of the batch.
    /// @param feeTokens The batch's four fee tokens, the lowest in the most significant byte.
    /// @param feeOwner Owner of `feeAccount`, who gets the queue's fees. Looked at only where the batch takes from the queue.
    /// @param queueOps How many ops from the start come from the queue.
    /// @param sponge P, the Poseidon sponge of the batch's words, below r.
    struct Batch {
        uint256 newRoot;
        uint64 time;
        uint24 feeAccount;
        uint32 feeTokens;
        address feeOwner;
        uint256 queueOps;
        uint256 sponge;
    }

    /// @notice One balance in the last accepted state, with its way to the root.
    /// @param path Siblings from the leaf up, three a level, in rising order of position: 12 words in the balance tree, then 36 in the account tree.
    struct ExitClaim {
        uint24 id;
        uint8 token;
        address owner;
        uint256 ax;
        uint256 ay;
        uint256 nonce;
        uint128 balance;
        uint256[48] path;
    }

    /// @notice A deposit was queued. The first one of an owner makes the account `id`.
    /// @param amount What really arrived.
    /// @param feeGwei Native fee: the base of it goes to whoever processes the entry, the surcharge of a long queue to nobody.
    event Deposited(
        uint256 indexed index, address indexed owner, uint256 id, uint256 token, uint256 amount, uint256 feeGwei
    );

    /// @notice A full exit of one token was queued.
    event ExitRequested(uint256 indexed index, address indexed owner, uint256 id, uint256 token, uint256 feeGwei);

    /// @notice A new signing key for an account was queued.
    event KeyRequested(
        uint256 indexed index, address indexed owner, uint256 id, uint256 ax, uint256 ay, uint256 feeGwei
    );

    /// @notice A sender paid more than the queue fee; the rest is pending for it.
    event ExcessCredited(address indexed sender, uint256 amount);

    /// @notice A batch was accepted. State and pending balances follow from this event and the queue's.
    /// @param header The batch's header word: time, batch number, fee account, fee tokens.
    /// @param ops The packed ops, as `submit` takes them.
    event BatchAccepted(
        uint256 indexed number, uint256 newRoot, uint256 header, uint256 size, uint256 queueOps, bytes ops
    );

    /// @notice The oldest queue entry was left too long: from now on there are only exits, refunds and withdrawals.
    /// @param root The last accepted root, against which everybody exits.
    /// @param head First unprocessed queue entry; deposits from it up to `tail` are refunded.
    event ExodusStarted(uint256 root, uint256 head, uint256 tail);

    /// @notice A balance of the last accepted state became pending for its owner.
    event Exited(uint256 indexed id, address indexed owner, uint256 token, uint256 amount);

    /// @notice An unprocessed queue entry's deposit and fee became pending for its account's owner.
    /// @param amount Deposited amount in `token`; 0 for entries that are no deposit.
    event Refunded(uint256 indexed index, address indexed owner, uint256 token, uint256 amount, uint256 feeGwei);

    /// @notice A pending balance was paid out.
    event Withdrawn(address indexed owner, uint256 indexed token, address to, uint256 amount);

    /// @notice The call came from inside another call of this contract.
    error Reentered();
    /// @notice The contract is in exodus, or the queue's head is old enough for it.
    error InExodus();
    /// @notice The queue's head is not old enough for an exodus.
    error NotInExodus();
    /// @notice No such token: the list has `count` entries.
    error UnknownToken(uint256 token, uint256 count);
    /// @notice The zero address owns nothing.
    error ZeroOwner();
    /// @notice The sender has no account: it has never been deposited for.
    error NoAccount(address owner);
    /// @notice All 2^24 - 1 accounts are handed out.
    error AccountsExhausted();
    /// @notice Less native coin came with the call than it costs.
    error ValueTooLow(uint256 required, uint256 got);
    /// @notice Nothing arrived.
    error NothingReceived();
    /// @notice All that the contract owes in this token would reach 2^120.
    error TotalTooLarge(uint256 token, uint256 total);
    /// @notice The key is no point of Baby Jubjub in canonical form.
    error KeyNotOnCurve(uint256 ax, uint256 ay);
    /// @notice The queue's fees or positions do not fit their fields.
    error QueueOverflow();

    /// @notice Only the proposer may submit until after this time: a day after its last batch, ten minutes after anybody's.
    error NotProposer(uint256 openAfter);
    /// @notice No verifier for batches of this size.
    error UnknownSize(uint256 size);
    /// @notice The batch's time is not after the last batch's, is after the block's, or is more than an hour before it.
    error BatchTimeOutOfRange(uint256 time, uint256 above, uint256 earliest, uint256 latest);
    /// @notice A word is not below r.
    error NotInField(uint256 word);
    /// @notice The batch takes more from the queue than it or the queue holds.
    error TooManyQueueOps(uint256 queueOps, uint256 limit);
    /// @notice The batch leaves this queue entry, which is older than a day, and takes fewer than the largest batch holds.
    error OverdueQueueOpLeft(uint256 index);
    /// @notice The batch neither changes the root nor takes from the queue.
    error EmptyBatch();
    /// @notice The packed ops are not as long as their codes say.
    error WrongOpsLength(uint256 expectedBytes, uint256 gotBytes);
    /// @notice This op does not say what the queue says.
    error QueueMismatch(uint256 op, uint256 index);
    /// @notice An op that does not come from the queue has a code that only the queue's have, or that none has.
    error QueueOpOutOfPlace(uint256 op, uint256 code);
    /// @notice The address is not the owner of this account.
    error NotOwner(uint256 id, address owner);
    /// @notice More would leave custody than is in it.
    error CustodyExceeded(uint256 token, uint256 custody, uint256 amount);
    /// @notice The proof does not hold for this batch.
    error ProofRejected();

    /// @notice The queue has no unprocessed, unrefunded entry there.
    error NothingToRefund(uint256 index);
    /// @notice This balance has left already.
    error AlreadyExited(uint256 id, uint256 token);
    /// @notice There is nothing to exit with.
    error ZeroBalance();
    /// @notice The path does not lead to the last accepted root.
    error WrongRoot(uint256 expected, uint256 got);

    /// @notice Only the owner may send its pending balance to somebody else.
    error NotRecipient(address sender, address owner, address to);
    /// @notice Somebody else than the owner may pay out only all that is pending.
    error OnlyWhole(uint256 pending, uint256 amount);
    /// @notice A recipient that cannot be paid.
    error BadRecipient(address to);
    /// @notice More is asked for than is pending.
    error PendingExceeded(uint256 pending, uint256 amount);

    /// @notice Deployment: a value or contract is not what it must be.
    error BadSetup(string what);

    /// @notice Queues a deposit for `owner`, who gets an account at its first one.
    /// @dev Pulls `amount` of an ERC-20 from the sender and counts what arrives; of the native coin `amount` comes out of the call's value. The
    /// value also pays `queueFee()`; what is above that is pending for the sender.
    /// @return index Position in the queue.
    function deposit(address owner, uint256 token, uint256 amount) external payable returns (uint256 index);

    /// @notice Queues the exit of the sender's whole balance of a token. The value pays `queueFee()`.
    /// @return index Position in the queue.
    function requestFullExit(uint256 token) external payable returns (uint256 index);

    /// @notice Queues a new signing key for the sender's account. The value pays `queueFee()`.
    /// @param ax x of the Baby Jubjub point, below r.
    /// @param ay y of it.
    /// @return index Position in the queue.
    function requestSetKey(uint256 ax, uint256 ay) external payable returns (uint256 index);

    /// @notice Proves and applies a batch.
    /// @param size Ops of the batch; one of the sizes of the setup.
    /// @param ops The ops, packed:
    ///
    ///     size records of 36 bytes      w0 (32) ‖ token (1) ‖ to (3)
    ///     then in the order of the ops  20 bytes of address for DEPOSIT, WITHDRAW and FULL_EXIT
    ///                                   32 bytes Ay for SET_KEY, whose record ends with four zero bytes
    function submit(uint256 size, Batch calldata batch, bytes calldata ops, Proof calldata proof) external;

    /// @notice Starts the exodus: possible when the oldest queue entry is older than seven days. Anybody may call.
    function startExodus() external;

    /// @notice In exodus: makes a balance of the last accepted state pending for its owner, once. Anybody may call. Starts the exodus if need be.
    function exit(ExitClaim calldata claim) external;

    /// @notice In exodus: makes the deposit and the fee of an unprocessed queue entry pending for its account's owner, once. Anybody may call.
    /// Starts the exodus if need be.
    function refund(uint256 index, address owner) external;

    /// @notice Pays out a pending balance. The owner may send any part of it anywhere, anybody else the whole of it to the owner. Works for ever.
    function withdraw(address owner, uint256 token, address to, uint256 amount) external;

    /// @notice Last accepted state root.
    function stateRoot() external view returns (uint256);
    /// @notice Number of the last accepted batch; 0 before the first.
    function batchNumber() external view returns (uint256);
    /// @notice Time that the last accepted batch named.
    function batchTime() external view returns (uint256);
    /// @notice Block time of the last batch of the proposer, or of the deployment.
    function proposerTime() external view returns (uint256);
    /// @notice Unprocessed queue entries are those from `head` up to, not including, `tail`. `headTime` is the block time of the first.
    function queueBounds() external view returns (uint256 head, uint256 tail, uint256 headTime);
    /// @notice An unprocessed entry: its op's code, account, token, amount (for SET_KEY the parity of Ax), block time and fee; zeros where none is.
    function queueEntry(uint256 index)
        external
        view
        returns (uint256 code, uint256 id, uint256 token, uint256 amount, uint256 time, uint256 feeGwei);
    /// @notice What the next queue entry costs, in wei.
    function queueFee() external view returns (uint256);
    /// @notice Whether the contract is in exodus, started or due.
    function inExodus() external view returns (bool);
    /// @notice Account of an owner, 0 for none.
    function idOf(address owner) external view returns (uint256);
    /// @notice Accounts handed out; ids are 1 to this.
    function accountCount() external view returns (uint256);
    /// @notice Sum of the token's balances in the last accepted state.
    function custodyOf(uint256 token) external view returns (uint256);
    /// @notice Custody, queued deposits and fees, and pending balances of the token. A processed entry's surcharge is owed to nobody and stays here.
    function owedOf(uint256 token) external view returns (uint256);
    /// @notice What an address can withdraw.
    function pendingOf(address owner, uint256 token) external view returns (uint256);
    /// @notice Whether this balance has left in exodus.
    function exited(uint256 id, uint256 token) external view returns (bool);

    /// @notice Who alone may submit while it does so at least once a day. It has no other right.
    function proposer() external view returns (address);
    /// @notice Address of a token; zero for token 0, the native coin.
    function tokenAt(uint256 token) external view returns (address);
    /// @notice Length of the token list.
    function tokenCount() external view returns (uint256);
    /// @notice Fee of a queue entry, in gwei, while fewer than 64 wait; it grows by as much with every further 64.
    function baseFeeGwei() external view returns (uint256);
    /// @notice Verifier of batches of a size, zero for none.
    function verifierOf(uint256 size) external view returns (address);
    /// @notice Keccak-256 chain over size, verifying key hash and verifier code hash of each setup.
    function setupHash() external view returns (bytes32);
    /// @notice Whether proofs can be forged, because a key was made for development.
    function isDevSetup() external view returns (bool);
    /// @notice The Poseidon contract.
    function poseidon() external view returns (address);
}

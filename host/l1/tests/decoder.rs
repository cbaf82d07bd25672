//! Two decoders of packed ops, that of the contract and that of `millrace-state`, read the same bytes: honest ones, changed ones, and noise.
//!
//! What one accepts the other accepts, with the same words; what the contract's decoder alone lets pass is no op, and the circuit has no proof of it. `MILLRACE_DECODED=N` has both read N ops
//! instead of the default, `MILLRACE_SEED` at others; `make campaign-rollup` does both.

use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use alloy_sol_types::{SolCall, SolError, sol};
use ark_ff::{BigInteger, PrimeField};
use millrace_bn254::FrCanonical;
use millrace_state::batch::{Header, challenge, evaluate};
use millrace_state::op::Op;
use millrace_state::packed::{RECORD_BYTES, pack, unpack};
use millrace_state::types::{AccountId, Address as Owner, Fee, TokenId};
use millrace_state::{Fr, babyjub::Point};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::{Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm};

sol! {
    error WrongOpsLength(uint256 expected, uint256 got);
    function decode(uint256 size, bytes ops) returns (uint256[] words, uint256 others, address[] to, uint256[] moved);
    function queued(uint256 code, uint256 id, uint256 token, uint256 amount, uint256 time, uint256 feeGwei) returns (uint256 w0, uint256 w1);
    function header(uint256 number, uint64 time, uint24 feeAccount, uint32 feeTokens) returns (uint256 word);
    function argument(uint256 size, uint256 sponge, uint256[] words) returns (uint256 rho, uint256 y);
}

type State = CacheDB<EmptyDB>;

/// The contract's libraries in an EVM.
struct Contract {
    evm: MainnetEvm<Context<revm::context::BlockEnv, TxEnv, revm::context::CfgEnv, State>>,
    at: Address,
}

const SENDER: Address = address!("0x1111111111111111111111111111111111111111");

impl Contract {
    fn new() -> Self {
        let json = include_str!("../../rollup/contracts/test/mocks/Decoder.json");
        let json: serde_json::Value = serde_json::from_str(json).expect("committed JSON");
        let code = alloy_primitives::hex::decode(json["bytecode"].as_str().expect("bytecode")).expect("hex");
        let mut evm = Context::mainnet()
            .with_db(State::default())
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
                cfg.disable_nonce_check = true;
            })
            .build_mainnet();
        let created = evm.transact_commit(transaction(TxKind::Create, code)).expect("a valid transaction");
        Self { evm, at: created.created_address().expect("deployed") }
    }

    fn call<C: SolCall>(&mut self, call: &C) -> Result<C::Return, Bytes> {
        let tx = transaction(TxKind::Call(self.at), call.abi_encode());
        match self.evm.transact(tx).expect("a valid transaction").result {
            ExecutionResult::Success { output, .. } => {
                Ok(C::abi_decode_returns(output.data()).expect("the ABI's answer"))
            }
            ExecutionResult::Revert { output, .. } => Err(output),
            halted => panic!("{}: {halted:?}", C::SIGNATURE),
        }
    }
}

fn transaction(kind: TxKind, data: Vec<u8>) -> TxEnv {
    TxEnv { caller: SENDER, kind, data: data.into(), gas_limit: 16_000_000, ..TxEnv::default() }
}

fn word(x: Fr) -> U256 {
    U256::from_be_slice(&x.into_bigint().to_bytes_be())
}

/// The field element that a word is, if it is one.
fn element(word: U256) -> Option<Fr> {
    FrCanonical(word.to_le_bytes()).to_fr()
}

/// 0, the most, or something between with any number of bits.
fn number(rng: &mut ChaCha20Rng, bits: u32) -> u128 {
    let most = u128::MAX >> (128 - bits);
    match rng.random_range(0..8) {
        0 => 0,
        1 => most,
        _ => rng.random::<u128>() & most >> rng.random_range(0..bits),
    }
}

fn random_op(rng: &mut ChaCha20Rng) -> Op {
    let account = AccountId::new(number(rng, 24) as u32).expect("24 bits");
    let to = AccountId::new(number(rng, 24) as u32).expect("24 bits");
    let (token, amount) = (TokenId(rng.random()), number(rng, 128));
    let fee = Fee::new(number(rng, 96)).expect("96 bits");
    let mut owner = Owner::NOBODY;
    if !rng.random_ratio(1, 8) {
        rng.fill_bytes(&mut owner.0);
    }
    match rng.random_range(0..6) {
        0 => Op::Noop,
        1 => Op::Deposit { account, token, amount, owner },
        2 => Op::Transfer { from: account, to, token, amount, fee },
        3 => Op::Withdraw { from: account, token, amount, fee, recipient: owner },
        4 => Op::FullExit { account, token, amount, owner },
        _ => {
            let mut point = || {
                let y = Fr::from(rng.random::<u128>()) * Fr::from(rng.random::<u128>());
                Point::from_y(y, rng.random())
            };
            let key = std::iter::repeat_with(&mut point).flatten().next().expect("half of all are points");
            Op::SetKey { account, key }
        }
    }
}

/// The bytes of ops, as they are or not.
fn disturb(rng: &mut ChaCha20Rng, size: usize, bytes: &mut Vec<u8>) {
    match rng.random_range(0..6) {
        0 | 1 => {}
        2 => {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        // A code, known or not.
        3 => bytes[RECORD_BYTES * rng.random_range(0..size)] = rng.random_range(0..8),
        4 => {
            let length = rng.random_range(0..bytes.len() + 64);
            bytes.resize(length, 0);
        }
        // Noise behind codes that are known: the right length, and any word.
        _ => {
            let codes: Vec<u8> = (0..size).map(|i| bytes[RECORD_BYTES * i]).collect();
            rng.fill_bytes(bytes);
            codes.into_iter().enumerate().for_each(|(i, code)| bytes[RECORD_BYTES * i] = code);
        }
    }
}

/// What came of the lists that were looked at.
#[derive(Default)]
struct Tally {
    /// Ops of the lists that both have read to their end.
    ops: usize,
    accepted: usize,
    refused_by_both: usize,
    refused_by_rust_and_circuit: usize,
}

/// Reads the bytes with both.
fn compare(contract: &mut Contract, size: usize, bytes: &[u8], tally: &mut Tally) {
    let ours = unpack(size, bytes);
    let theirs = contract.call(&decodeCall { size: U256::from(size), ops: bytes.to_vec().into() });
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(data) => {
            assert_eq!(data.get(..4), Some(WrongOpsLength::SELECTOR.as_slice()), "{data:02x?}");
            assert!(ours.is_err(), "the contract alone refuses {bytes:02x?}");
            tally.refused_by_both += 1;
            return;
        }
    };
    // What the contract has decoded, as the state would read those words.
    let words = &theirs.words[4..];
    let read = words.chunks_exact(2).map(|pair| {
        let [w0, w1] = [pair[0], pair[1]].map(element);
        Op::from_words([w0?, w1?]).ok()
    });
    let read: Option<Vec<Op>> = read.collect();
    assert_eq!(ours.as_ref().ok(), read.as_ref(), "{bytes:02x?}");
    let Some(ops) = read else {
        tally.refused_by_rust_and_circuit += 1;
        return;
    };
    assert_eq!(pack(&ops), bytes, "one form only");
    for (i, op) in ops.iter().enumerate() {
        let [w0, w1] = op.words().map(word);
        assert_eq!([words[2 * i], words[2 * i + 1]], [w0, w1]);
        let is_looked_at = theirs.others.bit(i);
        assert_eq!(is_looked_at, !matches!(op, Op::Noop | Op::Transfer { .. }), "{op:?}");
        if let Op::Withdraw { token, amount, recipient, .. } = op {
            assert_eq!(theirs.to[i].0.0, recipient.0);
            assert_eq!(
                [theirs.moved[2 * i], theirs.moved[2 * i + 1]],
                [U256::from(token.0), U256::from(*amount)]
            );
        }
    }
    tally.ops += size;
    tally.accepted += 1;
}

/// The words that the contract asks of an op from the queue are those of the op.
fn compare_queued(contract: &mut Contract, rng: &mut ChaCha20Rng, op: &Op) {
    // A queue entry's amount has 120 bits; a FULL_EXIT's is decided later.
    let (account, token, amount) = match *op {
        Op::Deposit { account, token, amount, .. } => (account, token, amount & u128::MAX >> 8),
        Op::FullExit { account, token, .. } => (account, token, 0),
        Op::SetKey { account, key } => (account, TokenId(0), key.x_is_odd().into()),
        _ => return,
    };
    let op = match *op {
        Op::Deposit { account, token, owner, .. } => Op::Deposit { account, token, owner, amount },
        Op::FullExit { account, token, owner, .. } => Op::FullExit { account, token, owner, amount },
        op => op,
    };
    let call = queuedCall {
        code: U256::from(op.code()),
        id: U256::from(account.get()),
        token: U256::from(token.0),
        amount: U256::from(amount),
        time: U256::from(number(rng, 40)),
        feeGwei: U256::from(number(rng, 56)),
    };
    let due = contract.call(&call).expect("each field fits");
    let [w0, w1] = op.words().map(word);
    assert_eq!(due.w0, w0, "{op:?}");
    if !matches!(op, Op::SetKey { .. }) {
        assert_eq!(due.w1 >> 160, w1 >> 160, "{op:?}");
    }
}

/// Header, challenge and sum.
fn compare_argument(contract: &mut Contract, rng: &mut ChaCha20Rng, ops: &[Op]) {
    let mut random = || Fr::from(rng.random::<u128>()) * Fr::from(rng.random::<u128>());
    let (mut words, sponge) = (vec![random(), random(), random()], random());
    let fee_tokens: [u8; 4] = rng.random();
    let header = Header {
        number: number(rng, 64) as u64,
        time: number(rng, 64) as u64,
        fee_account: AccountId::new(number(rng, 24) as u32).expect("24 bits"),
        fee_tokens: fee_tokens.map(TokenId),
    };
    let call = headerCall {
        number: U256::from(header.number),
        time: header.time,
        feeAccount: header.fee_account.get().try_into().expect("24 bits"),
        feeTokens: u32::from_be_bytes(fee_tokens),
    };
    assert_eq!(contract.call(&call).expect("a header"), word(header.word()));
    words.push(header.word());
    words.extend(ops.iter().flat_map(Op::words));
    let call = argumentCall {
        size: U256::from(ops.len()),
        sponge: word(sponge),
        words: words.iter().map(|x| word(*x)).collect(),
    };
    let answer = contract.call(&call).expect("sums");
    let rho = challenge(&words, sponge);
    assert_eq!([answer.rho, answer.y], [rho, evaluate(&words, rho)].map(word));
}

#[test]
fn random_ops_are_decoded_alike() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("a number"));
    let (asked, seed) = (number("MILLRACE_DECODED").unwrap_or(20_000), number("MILLRACE_SEED").unwrap_or(1));
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut contract, mut tally) = (Contract::new(), Tally::default());
    while (tally.ops as u64) < asked {
        let size = [1, 8, 64, 256][rng.random_range(0..4)];
        let ops: Vec<Op> = (0..size).map(|_| random_op(&mut rng)).collect();
        let mut bytes = pack(&ops);
        disturb(&mut rng, size, &mut bytes);
        compare(&mut contract, size, &bytes, &mut tally);
        compare_queued(&mut contract, &mut rng, &ops[0]);
        compare_argument(&mut contract, &mut rng, &ops);
    }
    let Tally { ops, accepted, refused_by_both, refused_by_rust_and_circuit } = tally;
    assert!(accepted > 0 && refused_by_both > 0 && refused_by_rust_and_circuit > 0);
    println!(
        "decoder: seed {seed}, {ops} ops, lists accepted by both {accepted}, refused by both {refused_by_both}, decoded by the contract and no ops {refused_by_rust_and_circuit}"
    );
}

//! L1: the committed contracts in an embedded EVM with a clock, and what users do there.

use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use alloy_sol_types::{SolCall, SolValue, sol};
use millrace_state::babyjub::Point;
use millrace_state::exit::ExitProof;
use millrace_state::types::Domain;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{Context, Database, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm};

use crate::operator::{Operator, Submission, claim, word};

sol!("../rollup/contracts/src/IRollup.sol");

type State = CacheDB<EmptyDB>;
type Evm = MainnetEvm<Context<revm::context::BlockEnv, TxEnv, revm::context::CfgEnv, State>>;

const PROPOSER: Address = address!("0x9999999999999999999999999999999999999999");
const CHAIN_ID: u64 = 31_337;
const START: u64 = 1_800_000_000;
const BASE_FEE_GWEI: u64 = 100_000;
const GAS_LIMIT: u64 = 16_777_216;
const SIZE: u64 = 1;

pub(crate) struct Chain {
    evm: Evm,
    rollup: Address,
    time: u64,
    owner_of_first: Address,
}

/// Revert data.
pub(crate) type Refusal = Bytes;

impl Chain {
    /// Deploys the contracts for an operator; the first of `users` will have account 1.
    pub(crate) fn new(operator: &Operator, users: &[Address]) -> Self {
        let mut db = State::default();
        for user in users {
            let balance = U256::from(10).pow(U256::from(20));
            db.insert_account_info(*user, AccountInfo { balance, ..AccountInfo::default() });
        }
        let evm = Context::mainnet()
            .with_db(db)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
                cfg.chain_id = CHAIN_ID;
                cfg.disable_nonce_check = true;
            })
            .build_mainnet();
        let mut chain = Self { evm, rollup: Address::ZERO, time: START, owner_of_first: users[0] };
        let verifier = chain.deploy(&operator.verifier);
        let poseidon = chain.deploy(&code(include_str!("../../../rollup/contracts/compiled/Poseidon.json")));
        let (proof, sponge) = operator.setup();
        let setup = IRollup::Setup { size: U256::from(SIZE), verifier, proof, sponge };
        let mut creation = code(include_str!("../../../rollup/contracts/compiled/Rollup.json"));
        let arguments = (PROPOSER, poseidon, U256::from(BASE_FEE_GWEI), Vec::<Address>::new(), vec![setup]);
        creation.extend(arguments.abi_encode_params());
        chain.rollup = chain.deploy(&creation);
        assert!(chain.view(IRollup::isDevSetupCall {}), "the key is one for development");
        chain
    }

    pub(crate) fn domain(&self) -> Domain {
        Domain { chain_id: CHAIN_ID, contract: millrace_state::types::Address(self.rollup.into_array()) }
    }

    pub(crate) fn rollup(&self) -> Address {
        self.rollup
    }

    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    pub(crate) fn owner_of_first(&self) -> Address {
        self.owner_of_first
    }

    pub(crate) fn forward(&mut self, seconds: u64) {
        self.time += seconds;
    }

    pub(crate) fn root(&mut self) -> U256 {
        self.view(IRollup::stateRootCall {})
    }

    pub(crate) fn custody(&mut self) -> U256 {
        self.view(IRollup::custodyOfCall { token: U256::ZERO })
    }

    /// What an owner can withdraw of the native coin.
    pub(crate) fn pending(&mut self, owner: Address) -> U256 {
        self.view(IRollup::pendingOfCall { owner, token: U256::ZERO })
    }

    pub(crate) fn balance(&mut self, account: Address) -> U256 {
        self.evm.ctx.journaled_state.database.basic(account).expect("memory").unwrap_or_default().balance
    }

    pub(crate) fn deposit(&mut self, from: Address, amount: U256) {
        let value = amount + self.fee();
        self.send(from, value, IRollup::depositCall { owner: from, token: U256::ZERO, amount })
            .expect("deposit");
    }

    pub(crate) fn set_key(&mut self, from: Address, key: Point) {
        let fee = self.fee();
        let call = IRollup::requestSetKeyCall { ax: word(key.x), ay: word(key.y) };
        self.send(from, fee, call).expect("a point of the curve");
    }

    pub(crate) fn request_full_exit(&mut self, from: Address) {
        let fee = self.fee();
        self.send(from, fee, IRollup::requestFullExitCall { token: U256::ZERO }).expect("an account");
    }

    pub(crate) fn submit(&mut self, submission: &Submission) -> Result<(), Refusal> {
        let Submission { batch, ops, proof } = submission.clone();
        let call = IRollup::submitCall { size: U256::from(SIZE), batch, ops: ops.into(), proof };
        self.send(PROPOSER, U256::ZERO, call)
    }

    pub(crate) fn exit(&mut self, proof: &ExitProof) -> Result<(), Refusal> {
        self.send(PROPOSER, U256::ZERO, IRollup::exitCall { claim: claim(proof) })
    }

    pub(crate) fn refund(&mut self, index: u64, owner: Address) -> Result<(), Refusal> {
        self.send(PROPOSER, U256::ZERO, IRollup::refundCall { index: U256::from(index), owner })
    }

    pub(crate) fn withdraw_all(&mut self, owner: Address) {
        let amount = self.pending(owner);
        let call = IRollup::withdrawCall { owner, token: U256::ZERO, to: owner, amount };
        self.send(PROPOSER, U256::ZERO, call).expect("pending is there");
    }

    fn fee(&mut self) -> U256 {
        self.view(IRollup::queueFeeCall {})
    }

    fn view<C: SolCall>(&mut self, call: C) -> C::Return {
        let result = self.transact(PROPOSER, TxKind::Call(self.rollup), U256::ZERO, call.abi_encode());
        let ExecutionResult::Success { output, .. } = result else { panic!("{}: {result:?}", C::SIGNATURE) };
        C::abi_decode_returns(output.data()).expect("the ABI's answer")
    }

    fn send<C: SolCall>(&mut self, from: Address, value: U256, call: C) -> Result<(), Refusal> {
        match self.transact(from, TxKind::Call(self.rollup), value, call.abi_encode()) {
            ExecutionResult::Success { .. } => Ok(()),
            ExecutionResult::Revert { output, .. } => Err(output),
            halted => panic!("{}: {halted:?}", C::SIGNATURE),
        }
    }

    fn deploy(&mut self, code: &[u8]) -> Address {
        let result = self.transact(PROPOSER, TxKind::Create, U256::ZERO, code.to_vec());
        result.created_address().unwrap_or_else(|| panic!("deployment: {result:?}"))
    }

    fn transact(&mut self, caller: Address, kind: TxKind, value: U256, data: Vec<u8>) -> ExecutionResult {
        self.evm.ctx.block.timestamp = U256::from(self.time);
        let nonce = self.evm.ctx.journaled_state.database.basic(caller).expect("memory");
        let nonce = nonce.unwrap_or_default().nonce;
        let tx = TxEnv {
            caller,
            kind,
            value,
            data: data.into(),
            nonce,
            chain_id: Some(CHAIN_ID),
            gas_limit: GAS_LIMIT,
            ..TxEnv::default()
        };
        self.evm.transact_commit(tx).expect("a valid transaction")
    }
}

/// Creation code of a committed contract.
fn code(json: &str) -> Vec<u8> {
    let contract: serde_json::Value = serde_json::from_str(json).expect("committed JSON");
    let hex = contract["bytecode"].as_str().expect("bytecode");
    alloy_primitives::hex::decode(hex).expect("hex")
}

//! A chain in this process: blocks of one transaction, a clock that is told, logs that are kept, accounts that need no key.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use revm::context::TxEnv;
use revm::context::either::Either;
use revm::context::result::{ExecutionResult, ResultGas};
use revm::context::transaction::{Authorization, RecoveredAuthority, RecoveredAuthorization};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::state::Bytecode;
use revm::{Context, Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm};

use super::{Block, BlockTag, Chain, Creation, Log, LogPage, Nonces, TestChain};
use crate::revert;
use crate::rpc::{Receipt, Sender, SubmitError};

type State = CacheDB<EmptyDB>;
type Evm = MainnetEvm<Context<revm::context::BlockEnv, TxEnv, revm::context::CfgEnv, State>>;

/// Chain id that test nodes have.
pub const CHAIN_ID: u64 = 31_337;
/// Time of the first block.
const START: u64 = 1_800_000_000;
/// Seconds from block to block, as on Ethereum.
const BLOCK_SECONDS: u64 = 12;
/// The most that a transaction may use since EIP-7825.
const GAS_LIMIT: u64 = 16_777_216;

/// The chain. Gas costs nothing; the state of earlier blocks is not kept.
pub struct Embedded {
    evm: Evm,
    number: u64,
    time: u64,
    logs: Vec<(Address, Log)>,
    creations: HashMap<Address, Creation>,
}

impl Default for Embedded {
    fn default() -> Self {
        let evm = Context::mainnet()
            .with_db(State::default())
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
                cfg.chain_id = CHAIN_ID;
                cfg.disable_nonce_check = true;
            })
            .build_mainnet();
        Self { evm, number: 0, time: START, logs: Vec::new(), creations: HashMap::new() }
    }
}

impl Embedded {
    fn head(&self) -> Block {
        Block { number: self.number, hash: keccak256(self.number.to_be_bytes()), time: self.time }
    }

    fn nonce(&mut self, account: Address) -> u64 {
        self.evm.ctx.journaled_state.database.basic(account).expect("memory").unwrap_or_default().nonce
    }

    fn transaction(&mut self, from: Address, to: Option<Address>, value: U256, data: &[u8]) -> TxEnv {
        let kind = to.map_or(TxKind::Create, TxKind::Call);
        let (data, nonce) = (Bytes::copy_from_slice(data), self.nonce(from));
        let (chain_id, gas_limit) = (Some(CHAIN_ID), GAS_LIMIT);
        TxEnv { caller: from, kind, value, data, nonce, chain_id, gas_limit, ..TxEnv::default() }
    }

    /// The block in which the next transaction lies.
    fn next_block(&mut self) {
        let block = &mut self.evm.ctx.block;
        block.number = U256::from(self.number + 1);
        block.timestamp = U256::from(self.time + BLOCK_SECONDS);
    }

    fn mine(&mut self, tx: TxEnv) -> Result<Receipt, SubmitError> {
        self.next_block();
        let (sender, nonce, input) = (tx.caller, tx.nonce, tx.data.clone());
        // A transaction that fails is not sent, and a chain without it has no block for it.
        let tried = self.evm.transact(tx).map_err(|error| refused(&error))?;
        let result = tried.result;
        let gas_used = success(&result)?.tx_gas_used();
        self.evm.commit(tried.state);
        self.number += 1;
        self.time += BLOCK_SECONDS;
        let created = result.created_address();
        if let ExecutionResult::Success { logs, .. } = result {
            let place = |(index, log): (usize, alloy_primitives::Log)| {
                let (topics, data) = (log.data.topics().to_vec(), log.data.data);
                (log.address, Log { block: self.number, index: index as u64, topics, data })
            };
            self.logs.extend(logs.into_iter().enumerate().map(place));
        }
        let transaction = B256::from(U256::from(self.number));
        if let Some(contract) = created {
            self.creations.insert(contract, Creation { transaction, sender, nonce, input });
        }
        Ok(Receipt { transaction, block: self.number, gas_used, gas_price_wei: 0, created })
    }

    /// Gives `account` the code of another contract by an authorization of EIP-7702, in a transaction of its own.
    ///
    /// # Errors
    /// [`SubmitError`] where the transaction fails.
    pub fn delegate(&mut self, account: Address, code_of: Address) -> Result<Receipt, SubmitError> {
        let nonce = self.nonce(account);
        let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: code_of, nonce };
        let authority = RecoveredAuthority::Valid(account);
        let signed = RecoveredAuthorization::new_unchecked(authorization, authority);
        let sponsor = Address::repeat_byte(0x77);
        let mut tx = self.transaction(sponsor, Some(sponsor), U256::ZERO, &[]);
        tx.tx_type = 4;
        tx.authorization_list = vec![Either::Right(signed)];
        self.mine(tx)
    }

    /// Puts other code at an address: what no chain does, for tests that tamper.
    pub fn set_code(&mut self, address: Address, code: Bytes) {
        let database = &mut self.evm.ctx.journaled_state.database;
        let mut account = database.basic(address).expect("memory").unwrap_or_default();
        let code = Bytecode::new_raw(code);
        (account.code_hash, account.code) = (code.hash_slow(), Some(code));
        database.insert_account_info(address, account);
    }

    fn at_head(&self, at: &Block) -> Result<(), SubmitError> {
        if *at == self.head() {
            return Ok(());
        }
        let message = format!("the chain is at block {}, block {} is not kept", self.number, at.number);
        Err(SubmitError::BadAnswer { method: "a question to the embedded chain", message })
    }
}

impl Chain for Embedded {
    fn chain_id(&mut self) -> Result<u64, SubmitError> {
        Ok(CHAIN_ID)
    }

    /// Every tag means the last block: nothing is dropped here.
    fn block(&mut self, tag: BlockTag) -> Result<Block, SubmitError> {
        let head = self.head();
        let wanted = tag.as_number().unwrap_or(head.number);
        let block = Block { number: wanted, hash: keccak256(wanted.to_be_bytes()), ..head };
        self.at_head(&block).map(|()| block)
    }

    fn code(&mut self, address: Address, at: &Block) -> Result<Bytes, SubmitError> {
        self.at_head(at)?;
        let database = &mut self.evm.ctx.journaled_state.database;
        let account = database.basic(address).expect("memory").unwrap_or_default();
        let code = database.code_by_hash(account.code_hash).expect("memory");
        Ok(code.original_bytes())
    }

    fn balance(&mut self, address: Address, at: &Block) -> Result<U256, SubmitError> {
        self.at_head(at)?;
        let database = &mut self.evm.ctx.journaled_state.database;
        Ok(database.basic(address).expect("memory").unwrap_or_default().balance)
    }

    fn call(&mut self, to: Address, data: &[u8], at: &Block) -> Result<Bytes, SubmitError> {
        self.at_head(at)?;
        let tx = self.transaction(Address::ZERO, Some(to), U256::ZERO, data);
        let block = &mut self.evm.ctx.block;
        (block.number, block.timestamp) = (U256::from(self.number), U256::from(self.time));
        let result = self.evm.transact(tx).map_err(|error| refused(&error))?.result;
        success(&result)?;
        Ok(result.into_output().unwrap_or_default())
    }

    fn logs(&mut self, contract: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError> {
        self.at_head(to)?;
        let wanted = |(address, log): &&(Address, Log)| *address == contract && log.block >= from_block;
        let logs = self.logs.iter().filter(wanted).map(|(_, log)| log.clone()).collect();
        Ok(LogPage { logs, next_block: self.number + 1 })
    }

    fn creation(
        &mut self,
        contract: Address,
        at: &Block,
        named: Option<B256>,
    ) -> Result<Option<Creation>, SubmitError> {
        self.at_head(at)?;
        let creation = self.creations.get(&contract).cloned();
        Ok(creation.filter(|creation| named.is_none_or(|named| named == creation.transaction)))
    }

    /// None waits ever: each transaction makes its block.
    fn nonces(&mut self, sender: Address) -> Result<Nonces, SubmitError> {
        let nonce = self.nonce(sender);
        Ok(Nonces { mined: nonce, known: nonce })
    }

    fn send(
        &mut self,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError> {
        let tx = self.transaction(sender.address(), to, value, data);
        self.mine(tx)
    }
}

impl TestChain for Embedded {
    fn forward(&mut self, seconds: u64) -> Result<(), SubmitError> {
        self.number += 1;
        self.time += seconds;
        Ok(())
    }

    fn deployer(&mut self) -> Result<Address, SubmitError> {
        Ok(Address::repeat_byte(0xde))
    }

    fn fund(&mut self, account: Address, wei: U256) -> Result<(), SubmitError> {
        let database = &mut self.evm.ctx.journaled_state.database;
        let mut info = database.basic(account).expect("memory").unwrap_or_default();
        info.balance = wei;
        database.insert_account_info(account, info);
        Ok(())
    }
}

fn refused(error: &dyn std::fmt::Display) -> SubmitError {
    SubmitError::Refused { method: "a transaction", code: 0, message: error.to_string() }
}

/// The gas of a transaction that did not fail.
fn success(result: &ExecutionResult) -> Result<&ResultGas, SubmitError> {
    match result {
        ExecutionResult::Success { gas, .. } => Ok(gas),
        ExecutionResult::Revert { output, .. } => {
            Err(SubmitError::Reverted { reason: revert::describe(output) })
        }
        ExecutionResult::Halt { reason, .. } => Err(SubmitError::Reverted { reason: format!("{reason:?}") }),
    }
}

//! An Ethereum virtual machine in the process: deploy a verifier, call it, see gas and outcome. No node, no network, no state kept.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::context::TxEnv;
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction};
use revm::database::{CacheDB, EmptyDB};
use revm::handler::EthPrecompiles;
use revm::precompile::Precompiles;
use revm::primitives::hardfork::SpecId;
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm};
use std::convert::Infallible;
use thiserror::Error;

type State = CacheDB<EmptyDB>;

/// Rules of the chain: the oldest that has every opcode the contracts use, plus the calldata floor price of EIP-7623.
const RULES: SpecId = SpecId::PRAGUE;

/// Gas a transaction may use here; a verifier needs about 0.2 million and deploying one up to 6.
const GAS_LIMIT: u64 = 16_000_000;

/// Who sends. Gas costs nothing here, so the account needs no balance.
const SENDER: Address = Address::repeat_byte(0x11);

/// An embedded chain of one block.
pub struct Evm {
    evm: MainnetEvm<Context<revm::context::BlockEnv, TxEnv, revm::context::CfgEnv, State>>,
    nonce: u64,
}

/// What a call came to. Gas is that of a whole transaction: 21,000, the calldata's price, the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call returned these bytes.
    Returned {
        /// Return data.
        output: Bytes,
        /// Gas used by the transaction.
        gas: u64,
    },
    /// The contract reverted; `data` is an ABI-encoded error, or empty.
    Reverted {
        /// Revert data.
        data: Bytes,
        /// Gas used by the transaction.
        gas: u64,
    },
    /// The machine stopped the call: out of gas, invalid opcode and the like.
    Halted {
        /// Cause in the machine's words.
        reason: String,
        /// Gas used by the transaction.
        gas: u64,
    },
}

/// A verifier's answer to one call of `verifyProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// true: the proof holds.
    Accepted {
        /// Gas used by the transaction.
        gas: u64,
    },
    /// false: it does not.
    Rejected {
        /// Gas used by the transaction.
        gas: u64,
    },
    /// The contract refused to judge.
    Reverted {
        /// ABI-encoded error, or empty.
        data: Bytes,
        /// Gas used by the transaction.
        gas: u64,
    },
}

/// Why the machine could not run a transaction.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvmError {
    /// The transaction itself is not valid.
    #[error("transaction is not valid: {0}")]
    Invalid(String),
    /// Deployment did not leave a contract.
    #[error("deployment failed: {reason}")]
    Deploy {
        /// Cause.
        reason: String,
    },
    /// The call was stopped by the machine.
    #[error("call was stopped: {reason}")]
    Halted {
        /// Cause.
        reason: String,
    },
    /// The contract answered with something that is no bool.
    #[error(
        "contract answered {got_bytes} bytes: expected the 32 of a bool; is there a verifier at this address?"
    )]
    NotBool {
        /// Length of the answer.
        got_bytes: usize,
    },
}

impl From<EVMError<Infallible, InvalidTransaction>> for EvmError {
    fn from(error: EVMError<Infallible, InvalidTransaction>) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Default for Evm {
    fn default() -> Self {
        Self::new()
    }
}

impl Evm {
    /// An empty chain with Ethereum's precompiles.
    pub fn new() -> Self {
        let evm = Context::mainnet()
            .with_db(State::default())
            .modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(RULES))
            .build_mainnet();
        Self { evm, nonce: 0 }
    }

    /// An empty chain that has no BN254 precompiles: calls to their addresses succeed without data, as on any empty account.
    pub fn without_bn254() -> Self {
        let mut chain = Self::new();
        chain.evm.precompiles = EthPrecompiles { precompiles: Precompiles::homestead(), spec: RULES };
        chain
    }

    /// Deploys a contract and answers its address.
    ///
    /// # Errors
    /// When the constructor reverts or the machine stops it.
    pub fn deploy(&mut self, bytecode: &[u8]) -> Result<Address, EvmError> {
        let result = self.transact(TxKind::Create, bytecode, GAS_LIMIT)?;
        let failed = |reason: String| EvmError::Deploy { reason };
        match &result {
            ExecutionResult::Success { .. } => {
                result.created_address().ok_or_else(|| failed("no address".to_owned()))
            }
            ExecutionResult::Revert { output, .. } => Err(failed(format!("reverted with {output}"))),
            ExecutionResult::Halt { reason, .. } => Err(failed(format!("{reason:?}"))),
        }
    }

    /// Calls a contract with all the gas of this chain.
    ///
    /// # Errors
    /// Only when the transaction is not valid; whatever the contract does is an [`Outcome`].
    pub fn call(&mut self, to: Address, calldata: &[u8]) -> Result<Outcome, EvmError> {
        self.call_with_gas(to, calldata, GAS_LIMIT)
    }

    /// Calls a contract with `gas_limit` gas for the whole transaction.
    ///
    /// # Errors
    /// As [`Self::call`]; also when the limit is below the price of the calldata.
    pub fn call_with_gas(
        &mut self,
        to: Address,
        calldata: &[u8],
        gas_limit: u64,
    ) -> Result<Outcome, EvmError> {
        Ok(match self.transact(TxKind::Call(to), calldata, gas_limit)? {
            ExecutionResult::Success { output, gas, .. } => {
                Outcome::Returned { output: output.into_data(), gas: gas.tx_gas_used() }
            }
            ExecutionResult::Revert { output, gas, .. } => {
                Outcome::Reverted { data: output, gas: gas.tx_gas_used() }
            }
            ExecutionResult::Halt { reason, gas, .. } => {
                Outcome::Halted { reason: format!("{reason:?}"), gas: gas.tx_gas_used() }
            }
        })
    }

    /// Calls a verifier.
    ///
    /// # Errors
    /// When the machine stops the call, or the answer is no bool.
    pub fn verify(&mut self, verifier: Address, calldata: &[u8]) -> Result<Verdict, EvmError> {
        match self.call(verifier, calldata)? {
            Outcome::Returned { output, gas } => match read_bool(&output) {
                Some(true) => Ok(Verdict::Accepted { gas }),
                Some(false) => Ok(Verdict::Rejected { gas }),
                None => Err(EvmError::NotBool { got_bytes: output.len() }),
            },
            Outcome::Reverted { data, gas } => Ok(Verdict::Reverted { data, gas }),
            Outcome::Halted { reason, .. } => Err(EvmError::Halted { reason }),
        }
    }

    fn transact(
        &mut self,
        kind: TxKind,
        data: &[u8],
        gas_limit: u64,
    ) -> Result<ExecutionResult<HaltReason>, EvmError> {
        let tx = TxEnv {
            caller: SENDER,
            kind,
            data: Bytes::copy_from_slice(data),
            nonce: self.nonce,
            gas_limit,
            ..TxEnv::default()
        };
        let result = self.evm.transact_commit(tx)?;
        self.nonce += 1;
        Ok(result)
    }
}

/// The bool in 32 bytes of return data, `None` for any other length or value.
pub(crate) fn read_bool(output: &[u8]) -> Option<bool> {
    if output.len() != 32 {
        return None;
    }
    match U256::from_be_slice(output) {
        U256::ZERO => Some(false),
        U256::ONE => Some(true),
        _ => None,
    }
}

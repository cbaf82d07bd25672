//! What a command needs of an L1, whichever it is: the EVM in this process ([`embedded::Embedded`]) or a node ([`crate::rpc::Node`]).
//!
//! Everything that is asked for is asked at one block, so that answers belong together.

pub mod embedded;

use alloy_primitives::{Address, B256, Bytes, U256};
pub use alloy_rpc_types_eth::BlockNumberOrTag as BlockTag;
use alloy_sol_types::SolCall;

use crate::rpc::{Receipt, Sender, SubmitError};

/// A block that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time, seconds since 1970.
    pub time: u64,
}

/// A log of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Number of its block.
    pub block: u64,
    /// Its place among the block's logs.
    pub index: u64,
    /// Topics, the event's signature first.
    pub topics: Vec<B256>,
    /// Everything that is not indexed.
    pub data: Bytes,
}

/// Logs in the order in which they were emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The logs.
    pub logs: Vec<Log>,
    /// Where the next page starts; above the last block asked for when there is none.
    pub next_block: u64,
}

/// The transaction that made a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Its hash.
    pub transaction: B256,
    /// Who signed it.
    pub sender: Address,
    /// The sender's nonce; both together name the contract.
    pub nonce: u64,
    /// Constructor and arguments.
    pub input: Bytes,
}

/// Transactions of an account, counted from its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonces {
    /// In blocks: the nonce of the next one to be mined.
    pub mined: u64,
    /// In blocks or waiting: the first nonce that is free.
    pub known: u64,
}

/// An L1. Errors of every method are [`SubmitError`]s; a call that reverts is one.
pub trait Chain {
    /// EIP-155 chain id.
    fn chain_id(&mut self) -> Result<u64, SubmitError>;

    /// The block that a tag or number means now.
    fn block(&mut self, tag: BlockTag) -> Result<Block, SubmitError>;

    /// The code of an account.
    fn code(&mut self, address: Address, at: &Block) -> Result<Bytes, SubmitError>;

    /// The native coin that an account has, in wei.
    fn balance(&mut self, address: Address, at: &Block) -> Result<U256, SubmitError>;

    /// What a call of a contract returns; nothing is sent.
    fn call(&mut self, to: Address, data: &[u8], at: &Block) -> Result<Bytes, SubmitError>;

    /// The logs that a contract emitted in the blocks from `from_block` on, as many blocks as fit a page and none after `to`.
    fn logs(&mut self, contract: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError>;

    /// The transaction that made a contract, searched up to a block, or the one that is named. `None` where none did directly, where it is not carried out
    /// by that block, and where its signature is not for this chain alone. That it lies in a block is the node's word.
    fn creation(
        &mut self,
        contract: Address,
        at: &Block,
        named: Option<B256>,
    ) -> Result<Option<Creation>, SubmitError>;

    /// Transactions of an account that lie in blocks, and those that the node knows of: what is between, somebody who was killed may have left behind. Of what no node has any more nobody knows.
    fn nonces(&mut self, sender: Address) -> Result<Nonces, SubmitError>;

    /// Sends a transaction (`to` is `None` for a deployment) and waits until it lies in a block. What would revert is not sent.
    fn send(
        &mut self,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError>;

    /// As [`Chain::send`], as the sender's transaction of that nonce and of no other: where somebody else has taken the nonce meanwhile, nothing comes of it.
    fn send_once(
        &mut self,
        nonce: u64,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError> {
        let known = self.nonces(sender.address())?.known;
        if known != nonce {
            let message = format!("nonce {nonce} is taken, the next one is {known}");
            return Err(SubmitError::Refused { method: "a transaction", code: 0, message });
        }
        self.send(sender, to, value, data)
    }
}

/// A chain for tests and demonstrations, where time passes when told to and money is made.
pub trait TestChain: Chain {
    /// Lets at least so much time pass from the head, and makes a block then.
    fn forward(&mut self, seconds: u64) -> Result<(), SubmitError>;

    /// An account that signs for itself, for deployments: who is only played by the chain leaves no signature behind.
    fn deployer(&mut self) -> Result<Address, SubmitError>;

    /// Lets an account send without a key, and gives it so much native coin.
    fn fund(&mut self, account: Address, wei: U256) -> Result<(), SubmitError>;
}

/// Calls a function of a contract and decodes what it returns.
///
/// # Errors
/// [`SubmitError`]; an answer of another shape is [`SubmitError::BadAnswer`].
pub fn view<C: SolCall>(
    chain: &mut dyn Chain,
    contract: Address,
    call: C,
    at: &Block,
) -> Result<C::Return, SubmitError> {
    let answer = chain.call(contract, &call.abi_encode(), at)?;
    C::abi_decode_returns(&answer).map_err(|_| SubmitError::BadAnswer {
        method: "eth_call",
        message: format!("{} bytes are no answer of {}", answer.len(), C::SIGNATURE),
    })
}

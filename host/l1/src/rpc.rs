//! Sends a proof to a verifier over JSON-RPC.
//!
//! Order: chain id, code at the address, key hash, `eth_call` (a bad proof ends here, before it costs anything), gas estimate,
//! transaction, receipt. `verifyProof` is a view function whose answer depends on the calldata alone, so what `eth_call` said
//! stays true for the transaction. Everything blocks the caller, for a bounded time.

mod client;
mod error;
mod http;
mod node;
mod secret;

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use alloy_provider::Provider;
use alloy_rpc_types_eth::TransactionRequest;

use client::{Client, Submitted};
pub use error::SubmitError;
pub use node::Node;
pub use secret::{SecretKey, SecretKeyError};

use crate::evm::read_bool;
use crate::revert;

/// Where the verifier is, and what must be true of it.
#[derive(Clone, Debug)]
pub struct Target {
    /// `http://` or `https://` address of the node. Errors show its host only: the rest often holds an access key.
    pub url: String,
    /// Address of the verifier.
    pub contract: Address,
    /// Chain id that the node must answer; `None` takes any.
    pub chain_id: Option<u64>,
    /// [`crate::VerifierKey::hash`] that the contract must answer, where it is one of ours; `None` does not ask.
    pub key_hash: Option<B256>,
}

/// Who pays for the transaction.
#[derive(Debug)]
pub enum Sender {
    /// Signs here.
    Key(SecretKey),
    /// The node signs with an account it holds (test nodes do).
    Unlocked(Address),
}

/// Bounds on waiting.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one request, connecting included.
    pub request: Duration,
    /// From sending to the receipt.
    pub receipt: Duration,
    /// Blocks from sending to the receipt.
    pub receipt_blocks: u64,
    /// Pause between two questions for the receipt.
    pub poll: Duration,
}

impl Default for Limits {
    /// 20 s for a request; 5 minutes or 20 blocks for a receipt, asked for each half second.
    fn default() -> Self {
        Self {
            request: Duration::from_secs(20),
            receipt: Duration::from_secs(300),
            receipt_blocks: 20,
            poll: Duration::from_millis(500),
        }
    }
}

/// What the checks before sending found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Chain id of the node.
    pub chain_id: u64,
    /// The node's estimate for the whole transaction, in gas.
    pub estimated_gas: u64,
    /// Whether the contract answered the key hash that was asked for; `None` when not asked or when it has no such function.
    pub key_hash_matches: Option<bool>,
}

/// A transaction that lies in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Transaction hash.
    pub transaction: B256,
    /// Number of the block.
    pub block: u64,
    /// Gas used by the whole transaction.
    pub gas_used: u64,
    /// Price paid for a unit of gas, in wei.
    pub gas_price_wei: u128,
    /// Address of the contract that the transaction made, if it made one.
    pub created: Option<Address>,
}

/// Asks the verifier about `calldata` without sending a transaction.
///
/// # Errors
/// Every cause that [`submit`] has before it sends.
pub fn check(
    target: &Target,
    calldata: &[u8],
    from: Option<Address>,
    limits: &Limits,
) -> Result<Checked, SubmitError> {
    Client::run(&target.url, limits, async |client| checks(client, target, calldata, from).await)
}

/// Checks as [`check`] does, then sends `calldata` in a transaction and waits for its receipt.
///
/// # Errors
/// [`SubmitError`]; those that carry a transaction hash came after sending, all others before.
pub fn submit(
    target: &Target,
    calldata: &[u8],
    sender: &Sender,
    limits: &Limits,
) -> Result<(Checked, Receipt), SubmitError> {
    Client::run(&target.url, limits, async |client| {
        let checked = checks(client, target, calldata, Some(sender.address())).await?;
        let request = call_request(target.contract, calldata).from(sender.address());
        let receipt = send(client, request, checked.chain_id, checked.estimated_gas, sender, limits).await?;
        Ok((checked, receipt))
    })
}

/// Deploys a contract and waits for its receipt.
///
/// # Errors
/// [`SubmitError`].
pub fn deploy(
    url: &str,
    bytecode: &[u8],
    sender: &Sender,
    limits: &Limits,
) -> Result<(Address, Receipt), SubmitError> {
    Client::run(url, limits, async |client| {
        let chain_id = client.chain_id().await?;
        let request = TransactionRequest {
            from: Some(sender.address()),
            to: Some(alloy_primitives::TxKind::Create),
            input: Bytes::copy_from_slice(bytecode).into(),
            ..Default::default()
        };
        let gas = client.estimate(request.clone()).await?;
        let receipt = send(client, request, chain_id, gas, sender, limits).await?;
        let created = receipt.created.ok_or(SubmitError::BadAnswer {
            method: "eth_getTransactionReceipt",
            message: "no contract address in the receipt of a deployment".to_owned(),
        })?;
        Ok((created, receipt))
    })
}

impl Sender {
    /// The account that pays.
    pub fn address(&self) -> Address {
        match self {
            Self::Key(key) => key.address(),
            Self::Unlocked(address) => *address,
        }
    }
}

fn call_request(to: Address, calldata: &[u8]) -> TransactionRequest {
    TransactionRequest {
        to: Some(to.into()),
        input: Bytes::copy_from_slice(calldata).into(),
        ..Default::default()
    }
}

async fn checks(
    client: &Client,
    target: &Target,
    calldata: &[u8],
    from: Option<Address>,
) -> Result<Checked, SubmitError> {
    let chain_id = client.chain_id().await?;
    if let Some(expected) = target.chain_id.filter(|expected| *expected != chain_id) {
        return Err(SubmitError::WrongChain { expected, got: chain_id });
    }
    if client.code(target.contract).await?.is_empty() {
        return Err(SubmitError::NoCode { address: target.contract, chain_id });
    }
    let key_hash_matches = match target.key_hash {
        Some(expected) => compare_key(client, target.contract, expected).await?,
        None => None,
    };
    let mut request = call_request(target.contract, calldata);
    request.from = from;
    let answer = client.call(request.clone()).await?;
    match read_bool(&answer) {
        Some(true) => {}
        Some(false) => return Err(SubmitError::Rejected),
        None => return Err(SubmitError::NotBool { got_bytes: answer.len() }),
    }
    let estimated_gas = client.estimate(request).await?;
    Ok(Checked { chain_id, estimated_gas, key_hash_matches })
}

/// `Some(true)` when the contract holds the key, `None` when it has no function to ask (another tool's verifier).
async fn compare_key(
    client: &Client,
    contract: Address,
    expected: B256,
) -> Result<Option<bool>, SubmitError> {
    let selector = &alloy_primitives::keccak256("VERIFYING_KEY_HASH()")[..4];
    match client.call(call_request(contract, selector)).await {
        Ok(answer) if answer.len() == 32 => {
            let got = B256::from_slice(&answer);
            if got == expected { Ok(Some(true)) } else { Err(SubmitError::WrongKey { expected, got }) }
        }
        Ok(_) | Err(SubmitError::Reverted { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

async fn send(
    client: &Client,
    request: TransactionRequest,
    chain_id: u64,
    estimated_gas: u64,
    sender: &Sender,
    limits: &Limits,
) -> Result<Receipt, SubmitError> {
    // A tenth above the estimate: a precompile is given 63/64 of what is left.
    let request = TransactionRequest { gas: Some(estimated_gas + estimated_gas / 10), ..request };
    let first_block = client.block_number().await?;
    let submitted = match sender {
        Sender::Unlocked(_) => client.send_unlocked(request).await?,
        Sender::Key(key) => client.send_signed(request, chain_id, key).await?,
    };
    await_receipt(client, submitted, first_block, limits).await
}

/// Asks until the receipt is there. A question that fails is asked again: the transaction is out, and its hash must not be lost.
async fn await_receipt(
    client: &Client,
    submitted: Submitted,
    first_block: u64,
    limits: &Limits,
) -> Result<Receipt, SubmitError> {
    let transaction = submitted.transaction;
    let start = std::time::Instant::now();
    let mut last_error = submitted.doubt;
    let mut blocks = 0;
    while start.elapsed() < limits.receipt && blocks <= limits.receipt_blocks {
        match client.provider().get_transaction_receipt(transaction).await {
            Ok(Some(receipt)) if !receipt.status() => {
                return Err(SubmitError::TransactionReverted { transaction, gas_used: receipt.gas_used });
            }
            Ok(Some(receipt)) => {
                return Ok(Receipt {
                    transaction,
                    block: receipt.block_number.unwrap_or_default(),
                    gas_used: receipt.gas_used,
                    gas_price_wei: receipt.effective_gas_price,
                    created: receipt.contract_address,
                });
            }
            Ok(None) => {}
            Err(error) => last_error = Some(client.error("eth_getTransactionReceipt", error).to_string()),
        }
        tokio::time::sleep(limits.poll).await;
        if let Ok(head) = client.block_number().await {
            blocks = head.saturating_sub(first_block);
        }
    }
    Err(SubmitError::NoReceipt { transaction, waited: start.elapsed(), blocks, last_error })
}

fn reverted(data: &[u8]) -> SubmitError {
    SubmitError::Reverted { reason: revert::describe(data) }
}

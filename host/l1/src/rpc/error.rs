//! Why a proof was not submitted.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use thiserror::Error;

use super::SecretKeyError;

/// Why [`super::submit`], [`super::check`] or [`super::deploy`] failed. Variants with a `transaction` came after sending.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The address of the node is no http or https URL.
    #[error("the RPC address is no http:// or https:// URL: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The machine could not start the network client.
    #[error("cannot start the network client: {reason}")]
    Client {
        /// Cause.
        reason: String,
    },
    /// No answer from the node.
    #[error("no connection to {host}: {reason}")]
    NoConnection {
        /// Scheme, host and port; never the path, which may hold an access key.
        host: String,
        /// Cause.
        reason: String,
    },
    /// The node, or something before it, answered with an HTTP error.
    #[error("{host} answered {method} with HTTP status {status}")]
    Http {
        /// Scheme, host and port.
        host: String,
        /// JSON-RPC method.
        method: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// The node refused a request.
    #[error("node refused {method}: {message} (code {code})")]
    Refused {
        /// JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words, cut.
        message: String,
    },
    /// The node answered with something that is no answer to the question.
    #[error("answer to {method} makes no sense: {message}")]
    BadAnswer {
        /// JSON-RPC method.
        method: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The node's answer is too long to be kept.
    #[error("answer to {method} is longer than {max_bytes} bytes")]
    AnswerTooLong {
        /// JSON-RPC method.
        method: &'static str,
        /// Longest answer that is taken.
        max_bytes: usize,
    },
    /// The node is on another chain.
    #[error("node is on chain {got}, expected chain {expected}")]
    WrongChain {
        /// Asked for.
        expected: u64,
        /// Answered.
        got: u64,
    },
    /// Nothing is deployed at the address.
    #[error("no contract at {address} on chain {chain_id}")]
    NoCode {
        /// The address.
        address: Address,
        /// The chain asked.
        chain_id: u64,
    },
    /// The contract is a verifier of another key.
    #[error("the contract verifies another key: its hash is {got}, expected {expected}")]
    WrongKey {
        /// Hash of the key in use.
        expected: B256,
        /// Hash that the contract answered.
        got: B256,
    },
    /// The contract answered false to the call; nothing was sent.
    #[error("the contract rejects the proof; nothing was sent")]
    Rejected,
    /// The contract reverted the call; nothing was sent.
    #[error("the contract reverts the call: {reason}; nothing was sent")]
    Reverted {
        /// [`crate::revert::describe`] of the revert data.
        reason: String,
    },
    /// The contract's answer to the call is no bool; nothing was sent.
    #[error(
        "the contract answered {got_bytes} bytes, expected the 32 of a bool: is it a verifier? Nothing was sent"
    )]
    NotBool {
        /// Length of the answer.
        got_bytes: usize,
    },
    /// The signing key cannot be used.
    #[error(transparent)]
    Key(#[from] SecretKeyError),
    /// The transaction is in a block, and failed there.
    #[error("transaction {transaction} reverted in its block after {gas_used} gas")]
    TransactionReverted {
        /// Transaction hash.
        transaction: B256,
        /// Gas paid for.
        gas_used: u64,
    },
    /// The transaction was sent and no receipt came within the limits. It may still be mined.
    #[error("no receipt for transaction {transaction} after {} s and {blocks} blocks; it may still be mined{}",
        .waited.as_secs(), .last_error.as_ref().map(|e| format!(" (last error: {e})")).unwrap_or_default())]
    NoReceipt {
        /// Transaction hash.
        transaction: B256,
        /// Time waited.
        waited: Duration,
        /// Blocks that passed meanwhile.
        blocks: u64,
        /// The last error met while waiting, if there was one.
        last_error: Option<String>,
    },
}

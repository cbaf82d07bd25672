//! One connection to a node: each method is one request, and each failure a [`SubmitError`].

use alloy_network::eip2718::Encodable2718;
use alloy_network::{Ethereum, EthereumWallet, NetworkTransactionBuilder};
use alloy_primitives::{Address, B256, Bytes};
use alloy_provider::transport::{RpcError, TransportError, TransportErrorKind};
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_client::RpcClient;
use alloy_rpc_types_eth::{BlockId, TransactionRequest};

use super::http::{AnswerTooLong, Http, MAX_ANSWER_BYTES};
use super::{Limits, SecretKey, SubmitError, reverted};

/// Longest message of a node that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// A node.
pub(super) struct Client {
    provider: RootProvider<Ethereum>,
    host: String,
}

/// A transaction that was handed to the node.
pub(super) struct Submitted {
    /// Its hash.
    pub(super) transaction: B256,
    /// Set when the node's answer was lost, so that nobody knows whether it has the transaction.
    pub(super) doubt: Option<String>,
}

impl Client {
    /// Opens a client for `url`, runs `work` with it to the end on this thread.
    pub(super) fn run<T>(
        url: &str,
        limits: &Limits,
        work: impl AsyncFnOnce(&Self) -> Result<T, SubmitError>,
    ) -> Result<T, SubmitError> {
        let client = Self::open(url, limits)?;
        runtime()?.block_on(work(&client))
    }

    pub(super) fn open(url: &str, limits: &Limits) -> Result<Self, SubmitError> {
        let url = reqwest::Url::parse(url).map_err(|error| SubmitError::Url { reason: error.to_string() })?;
        let host = match (url.scheme(), url.host_str()) {
            (scheme @ ("http" | "https"), Some(host)) => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{scheme}://{host}{port}")
            }
            (scheme, _) => return Err(SubmitError::Url { reason: format!("scheme is {scheme:?}") }),
        };
        // Fails when the process has chosen a provider already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(limits.request)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| SubmitError::Client { reason: error.to_string() })?;
        // Not a local node: that would be asked more often where alloy itself waits, which it does not do here.
        let rpc = RpcClient::new(Http { client: http, url }, false);
        let provider = RootProvider::<Ethereum>::new(rpc);
        Ok(Self { provider, host })
    }

    pub(super) fn provider(&self) -> &RootProvider<Ethereum> {
        &self.provider
    }

    pub(super) async fn chain_id(&self) -> Result<u64, SubmitError> {
        self.provider.get_chain_id().await.map_err(|error| self.error("eth_chainId", error))
    }

    pub(super) async fn block_number(&self) -> Result<u64, SubmitError> {
        self.provider.get_block_number().await.map_err(|error| self.error("eth_blockNumber", error))
    }

    pub(super) async fn code(&self, address: Address) -> Result<Bytes, SubmitError> {
        self.provider.get_code_at(address).await.map_err(|error| self.error("eth_getCode", error))
    }

    /// `eth_call` on the latest block.
    pub(super) async fn call(&self, request: TransactionRequest) -> Result<Bytes, SubmitError> {
        let answer = self.provider.call(request).block(BlockId::latest()).await;
        answer.map_err(|error| self.error("eth_call", error))
    }

    pub(super) async fn estimate(&self, request: TransactionRequest) -> Result<u64, SubmitError> {
        let answer = self.provider.estimate_gas(request).block(BlockId::latest()).await;
        answer.map_err(|error| self.error("eth_estimateGas", error))
    }

    /// Leaves nonce, fees and signature to the node.
    pub(super) async fn send_unlocked(&self, request: TransactionRequest) -> Result<Submitted, SubmitError> {
        let pending = self.provider.send_transaction(request).await;
        let pending = pending.map_err(|error| self.error("eth_sendTransaction", error))?;
        Ok(Submitted { transaction: *pending.tx_hash(), doubt: None })
    }

    /// Fills the nonce where none is given, and fees, signs here, sends. The hash is known before the node answers, so a lost answer loses nothing.
    pub(super) async fn send_signed(
        &self,
        request: TransactionRequest,
        chain_id: u64,
        key: &SecretKey,
    ) -> Result<Submitted, SubmitError> {
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => {
                let nonce = self.provider.get_transaction_count(key.address()).pending().await;
                nonce.map_err(|error| self.error("eth_getTransactionCount", error))?
            }
        };
        let fees = self.provider.estimate_eip1559_fees().await;
        let fees = fees.map_err(|error| self.error("eth_feeHistory", error))?;
        let request = TransactionRequest {
            chain_id: Some(chain_id),
            nonce: Some(nonce),
            max_fee_per_gas: Some(fees.max_fee_per_gas),
            max_priority_fee_per_gas: Some(fees.max_priority_fee_per_gas),
            ..request
        };
        let wallet = EthereumWallet::new(key.signer().clone());
        let signed = request
            .build(&wallet)
            .await
            .map_err(|error| SubmitError::Client { reason: format!("cannot sign: {error}") })?;
        let transaction = *signed.tx_hash();
        match self.provider.send_raw_transaction(&signed.encoded_2718()).await {
            Ok(_) => Ok(Submitted { transaction, doubt: None }),
            Err(error @ RpcError::ErrorResp(_)) => Err(self.error("eth_sendRawTransaction", error)),
            Err(error) => {
                let doubt = self.error("eth_sendRawTransaction", error).to_string();
                Ok(Submitted { transaction, doubt: Some(doubt) })
            }
        }
    }

    /// Sorts a failure of `method`.
    pub(super) fn error(&self, method: &'static str, error: TransportError) -> SubmitError {
        match error {
            RpcError::ErrorResp(payload) => match payload.as_revert_data() {
                Some(data) => reverted(&data),
                // A revert without data: some nodes say it in the message alone.
                None if payload.message.contains("revert") => reverted(&[]),
                None => SubmitError::Refused { method, code: payload.code, message: cut(&payload.message) },
            },
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                SubmitError::Http { host: self.host.clone(), method, status: error.status }
            }
            RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, .. }) => {
                SubmitError::Http { host: self.host.clone(), method, status: error.status }
            }
            RpcError::Transport(TransportErrorKind::Custom(error)) if error.is::<reqwest::Error>() => {
                SubmitError::NoConnection { host: self.host.clone(), reason: root_cause(&*error) }
            }
            RpcError::Transport(TransportErrorKind::Custom(error)) if error.is::<AnswerTooLong>() => {
                SubmitError::AnswerTooLong { method, max_bytes: MAX_ANSWER_BYTES }
            }
            RpcError::DeserError { err, .. } => {
                SubmitError::BadAnswer { method, message: cut(&err.to_string()) }
            }
            other => SubmitError::BadAnswer { method, message: cut(&other.to_string()) },
        }
    }
}

/// Runs requests on the calling thread.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, SubmitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| SubmitError::Client { reason: error.to_string() })
}

/// The innermost error: outer ones repeat the whole URL, which may hold an access key.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cut(&cause.to_string())
}

fn cut(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

//! A node as a [`Chain`]: what is asked of it is bounded in time, and what it answers is looked at before it is believed.

use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::{SignerRecoverable, Transaction as _};
use alloy_network::eip2718::Encodable2718;
use alloy_network::primitives::{BlockResponse, HeaderResponse};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_provider::Provider;
use alloy_rpc_types_eth::{BlockId, Filter, Transaction, TransactionRequest};
use tokio::runtime::Runtime;

use super::client::Client;
use super::{Limits, Receipt, Sender, SubmitError, send};
use crate::chain::{Block, BlockTag, Chain, Creation, Log, LogPage, Nonces, TestChain};

/// Blocks in the first page of logs. Nodes bound the range or the answer, each in its own way: the page halves when one refuses, and doubles when not.
const FIRST_PAGE_BLOCKS: u64 = 2_000;
/// Blocks in a page at most.
const MAX_PAGE_BLOCKS: u64 = 1 << 20;
/// Requests for the same seconds until a test node is told to lack a clock that can be set.
const FORWARD_TRIES: u32 = 4;

/// A connection to a node. Blocks its caller.
pub struct Node {
    client: Client,
    runtime: Runtime,
    limits: Limits,
    page_blocks: u64,
}

impl Node {
    /// Opens a client; nothing is asked yet.
    ///
    /// # Errors
    /// When the address is no http or https URL, or the client cannot start.
    pub fn open(url: &str, limits: Limits) -> Result<Self, SubmitError> {
        let client = Client::open(url, &limits)?;
        let runtime = super::client::runtime()?;
        Ok(Self { client, runtime, limits, page_blocks: FIRST_PAGE_BLOCKS })
    }

    /// A request of a test node that answers nothing of interest.
    fn command(
        &self,
        method: &'static str,
        parameters: &(impl serde::Serialize + Sync),
    ) -> Result<(), SubmitError> {
        let parameters = serde_json::value::to_raw_value(parameters).expect("plain values");
        let answer =
            self.runtime.block_on(self.client.provider().raw_request_dyn(method.into(), &parameters));
        answer.map(drop).map_err(|error| self.client.error(method, error))
    }

    fn page(&self, contract: Address, from: u64, to: u64) -> Result<Vec<Log>, SubmitError> {
        let filter = Filter::new().address(contract).from_block(from).to_block(to);
        let answer = self.runtime.block_on(self.client.provider().get_logs(&filter));
        let answer = answer.map_err(|error| self.client.error("eth_getLogs", error))?;
        let bad = |message: String| SubmitError::BadAnswer { method: "eth_getLogs", message };
        let mut logs = Vec::with_capacity(answer.len());
        for log in answer {
            let (Some(block), Some(index)) = (log.block_number, log.log_index) else {
                return Err(bad("a log without block or place".to_owned()));
            };
            if log.inner.address != contract || log.removed || block < from || block > to {
                return Err(bad(format!("a log of block {block} that was not asked for")));
            }
            let (topics, data) = (log.inner.data.topics().to_vec(), log.inner.data.data);
            logs.push(Log { block, index, topics, data });
        }
        logs.sort_by_key(|log| (log.block, log.index));
        if let Some(twice) = logs.windows(2).find(|w| (w[0].block, w[0].index) == (w[1].block, w[1].index)) {
            return Err(bad(format!("log {} of block {} twice", twice[0].index, twice[0].block)));
        }
        Ok(logs)
    }
}

/// What a transaction created, if it is the contract. Sender and hash are computed from what was signed, whatever the node says they are.
fn creation_of(transaction: &Transaction, contract: Address) -> Option<Creation> {
    let signed: &TxEnvelope = transaction.inner.inner();
    let (sender, nonce) = (signed.recover_signer().ok()?, signed.nonce());
    if !signed.kind().is_create() || sender.create(nonce) != contract {
        return None;
    }
    let hash = keccak256(signed.encoded_2718());
    Some(Creation { transaction: hash, sender, nonce, input: signed.input().clone() })
}

impl Node {
    /// What the transaction created, if it is the contract, for this chain alone, and carried out in a block up to `at`. That it lies there is the node's word.
    fn mined_creation(
        &self,
        transaction: &Transaction,
        contract: Address,
        at: &Block,
    ) -> Result<Option<Creation>, SubmitError> {
        let Some(creation) = creation_of(transaction, contract) else { return Ok(None) };
        let chain_id = self.runtime.block_on(self.client.chain_id())?;
        if transaction.inner.inner().chain_id() != Some(chain_id) {
            return Ok(None);
        }
        let (method, hash) = ("eth_getTransactionReceipt", creation.transaction);
        let answer = self.client.provider().get_transaction_receipt(hash);
        let receipt = self.runtime.block_on(answer).map_err(|error| self.client.error(method, error))?;
        let made = receipt.is_some_and(|receipt| {
            receipt.transaction_hash == hash
                && receipt.status()
                && receipt.contract_address == Some(contract)
                && receipt.block_number.is_some_and(|number| number <= at.number)
                && receipt.block_number == transaction.block_number
        });
        Ok(made.then_some(creation))
    }
}

impl Chain for Node {
    fn chain_id(&mut self) -> Result<u64, SubmitError> {
        self.runtime.block_on(self.client.chain_id())
    }

    fn block(&mut self, tag: BlockTag) -> Result<Block, SubmitError> {
        let method = "eth_getBlockByNumber";
        let answer = self.runtime.block_on(async { self.client.provider().get_block_by_number(tag).await });
        let block = answer.map_err(|error| self.client.error(method, error))?;
        let missing = || SubmitError::BadAnswer { method, message: format!("the node has no block {tag}") };
        let block = block.ok_or_else(missing)?;
        let header = block.header();
        Ok(Block { number: header.inner.number, hash: header.hash(), time: header.inner.timestamp })
    }

    fn code(&mut self, address: Address, at: &Block) -> Result<Bytes, SubmitError> {
        let answer = self.client.provider().get_code_at(address).hash_canonical(at.hash);
        let answer = self.runtime.block_on(async { answer.await });
        answer.map_err(|error| self.client.error("eth_getCode", error))
    }

    fn balance(&mut self, address: Address, at: &Block) -> Result<U256, SubmitError> {
        let answer = self.client.provider().get_balance(address).hash_canonical(at.hash);
        let answer = self.runtime.block_on(async { answer.await });
        answer.map_err(|error| self.client.error("eth_getBalance", error))
    }

    fn call(&mut self, to: Address, data: &[u8], at: &Block) -> Result<Bytes, SubmitError> {
        let request = super::call_request(to, data);
        let answer = self.client.provider().call(request).block(BlockId::hash_canonical(at.hash));
        let answer = self.runtime.block_on(async { answer.await });
        answer.map_err(|error| self.client.error("eth_call", error))
    }

    fn logs(&mut self, contract: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError> {
        loop {
            let last = from_block.saturating_add(self.page_blocks - 1).min(to.number);
            match self.page(contract, from_block, last) {
                Ok(logs) => {
                    tracing::info!(from_block, last, logs = logs.len(), "logs read");
                    self.page_blocks = (self.page_blocks * 2).min(MAX_PAGE_BLOCKS);
                    return Ok(LogPage { logs, next_block: last.saturating_add(1) });
                }
                // A refusal, an answer that was cut off: a smaller page may do.
                Err(
                    error @ (SubmitError::Refused { .. }
                    | SubmitError::AnswerTooLong { .. }
                    | SubmitError::Http { .. }
                    | SubmitError::NoConnection { .. }),
                ) if last > from_block => {
                    tracing::info!(from_block, last, %error, "page of logs halved");
                    self.page_blocks = (last - from_block).div_ceil(2).max(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn creation(
        &mut self,
        contract: Address,
        at: &Block,
        named: Option<B256>,
    ) -> Result<Option<Creation>, SubmitError> {
        if let Some(hash) = named {
            let answer = self.client.provider().get_transaction_by_hash(hash);
            let answer = self.runtime.block_on(answer);
            let transaction = answer.map_err(|error| self.client.error("eth_getTransactionByHash", error))?;
            let Some(transaction) = transaction else { return Ok(None) };
            return self.mined_creation(&transaction, contract, at);
        }
        let (mut without, mut with) = (0, at.number);
        while with - without > 1 {
            let middle = without + (with - without) / 2;
            let answer = self.client.provider().get_code_at(contract).number(middle);
            let code = self.runtime.block_on(async { answer.await });
            match code.map_err(|error| self.client.error("eth_getCode", error))?.is_empty() {
                true => without = middle,
                false => with = middle,
            }
        }
        let answer = self.client.provider().get_block_by_number(with.into()).full();
        let block = self.runtime.block_on(async { answer.await });
        let block = block.map_err(|error| self.client.error("eth_getBlockByNumber", error))?;
        let mut transactions = block.into_iter().flat_map(|block| block.transactions.into_transactions());
        match transactions.find(|transaction| creation_of(transaction, contract).is_some()) {
            Some(transaction) => self.mined_creation(&transaction, contract, at),
            None => Ok(None),
        }
    }

    fn nonces(&mut self, sender: Address) -> Result<Nonces, SubmitError> {
        let provider = self.client.provider();
        let counts = self.runtime.block_on(async {
            let mined = provider.get_transaction_count(sender).latest().await?;
            Ok((mined, provider.get_transaction_count(sender).pending().await?))
        });
        let (mined, known): (u64, u64) =
            counts.map_err(|error| self.client.error("eth_getTransactionCount", error))?;
        // A node behind another may know less than was mined a moment ago.
        Ok(Nonces { mined, known: known.max(mined) })
    }

    fn send(
        &mut self,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError> {
        self.send_as(None, sender, to, value, data)
    }

    /// The node refuses a nonce that lies in a block, and holds one transaction for one that does not.
    fn send_once(
        &mut self,
        nonce: u64,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError> {
        self.send_as(Some(nonce), sender, to, value, data)
    }
}

impl Node {
    fn send_as(
        &self,
        nonce: Option<u64>,
        sender: &Sender,
        to: Option<Address>,
        value: U256,
        data: &[u8],
    ) -> Result<Receipt, SubmitError> {
        let request = TransactionRequest {
            from: Some(sender.address()),
            to: Some(to.map_or(TxKind::Create, TxKind::Call)),
            value: Some(value),
            input: Bytes::copy_from_slice(data).into(),
            ..Default::default()
        };
        let client = &self.client;
        self.runtime.block_on(async {
            let chain_id = client.chain_id().await?;
            // The call first: nodes give its revert data, and not all do for an estimate.
            client.call(request.clone()).await?;
            let gas = client.estimate(request.clone()).await?;
            send(client, TransactionRequest { nonce, ..request }, chain_id, gas, sender, &self.limits).await
        })
    }
}

impl TestChain for Node {
    /// Nodes add the seconds to their clock, which blocks that are made faster than one a second leave behind: what the head then lacks is asked for again.
    fn forward(&mut self, seconds: u64) -> Result<(), SubmitError> {
        let until = self.block(BlockTag::Latest)?.time.saturating_add(seconds);
        let mut lacking = seconds;
        for _ in 0..FORWARD_TRIES {
            self.command("evm_increaseTime", &[lacking])?;
            self.command("evm_mine", &[(); 0])?;
            lacking = until.saturating_sub(self.block(BlockTag::Latest)?.time);
            if lacking == 0 {
                return Ok(());
            }
        }
        let message = format!("expected {seconds} seconds to pass, {lacking} of them did not");
        Err(SubmitError::BadAnswer { method: "evm_increaseTime", message })
    }

    fn deployer(&mut self) -> Result<Address, SubmitError> {
        let accounts = self.runtime.block_on(self.client.provider().get_accounts());
        let accounts = accounts.map_err(|error| self.client.error("eth_accounts", error))?;
        accounts.first().copied().ok_or_else(|| SubmitError::BadAnswer {
            method: "eth_accounts",
            message: "the node signs for no account".to_owned(),
        })
    }

    fn fund(&mut self, account: Address, wei: U256) -> Result<(), SubmitError> {
        self.command("anvil_impersonateAccount", &[account])?;
        self.command("anvil_setBalance", &(account, wei))
    }
}

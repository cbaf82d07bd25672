//! From a chain's logs to books, and the books compared with the contract at the same block.
//!
//! What a lying node can do: leave out logs, change them, or answer of another contract. Each shows in the books or in the comparison. A node that
//! lies in everything alike, block and contract included, shows a rollup that does not exist; the true contract then refuses what was made of it, and nothing
//! but the gas is lost.

use alloy_primitives::{Address, U256};
use millrace_bn254::Fr;
use millrace_state::builder::QueueEntry;
use millrace_state::types::{AccountId, Domain};
use thiserror::Error;

use super::abi::IRollup;
use super::books::{Books, BooksError, Queued};
use super::leave::Holding;
use super::{NATIVE, owner, word};
use crate::chain::{Block, BlockTag, Chain, view};
use crate::rpc::SubmitError;

/// Entries of the queue that are compared one by one, from the head: more than the next batches take. Those of an owner that is asked about are compared
/// wherever they stand; a queue that somebody has filled to force an exodus has a hundred thousand.
const ENTRIES_COMPARED: usize = 1_024;
/// Most blocks that are read: more than any chain has, and an end where a node makes numbers up.
const MAX_BLOCKS: u64 = 1 << 32;

/// Where a rollup is, and up to where it is read.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The rollup's contract.
    pub contract: Address,
    /// The last block that counts.
    pub until: BlockTag,
    /// A block that is not after the deployment's.
    pub from_block: u64,
}

/// A rollup, restored.
pub struct Restored {
    /// Its books, equal to the contract's.
    pub books: Books,
    /// Chain id.
    pub chain_id: u64,
    /// The contract.
    pub contract: Address,
    /// The block at which books and contract were compared.
    pub block: Block,
    /// Logs that were read.
    pub logs: u64,
    /// Tokens of the contract, the native coin included.
    pub tokens: u16,
    /// Whether the exodus is due or started.
    pub in_exodus: bool,
}

/// Why a rollup is not restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The node failed or refused.
    #[error(transparent)]
    Node(#[from] SubmitError),
    /// Nothing is there.
    #[error("no contract at {contract} on chain {chain_id} in block {block} ({tag}){}", hint(.tag))]
    NoCode {
        /// The address.
        contract: Address,
        /// The chain.
        chain_id: u64,
        /// The block looked at.
        block: u64,
        /// What it was asked for as.
        tag: BlockTag,
    },
    /// A log does not fit.
    #[error(
        "log {index} of block {block} does not fit: {error}. Logs are missing or made up: is --from-block not after the deployment? Ask another node"
    )]
    Log {
        /// Its block.
        block: u64,
        /// Its place in the block.
        index: u64,
        /// What is wrong.
        error: BooksError,
    },
    /// Books and contract differ.
    #[error(
        "the logs lead to the {what} {restored}, the contract says {contract}: logs are missing, or the node lies; ask another node"
    )]
    Differs {
        /// What differs.
        what: String,
        /// From the logs.
        restored: U256,
        /// From the contract.
        contract: U256,
    },
    /// The block is not there any more.
    #[error("block {number} was replaced while its logs were read: L1 reorganised; ask again")]
    Reorganised {
        /// Its number.
        number: u64,
    },
}

fn hint(tag: &BlockTag) -> &'static str {
    match tag {
        BlockTag::Finalized | BlockTag::Safe => "; a deployment that is not final yet: --block latest",
        _ => "",
    }
}

/// Reads all logs of a rollup and makes its books, which must equal what the contract says at the same block.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(chain: &mut dyn Chain, place: &Place) -> Result<Restored, RestoreError> {
    restore_with(chain, place, &mut |_| {})
}

/// As [`restore`]; `accepted` is given the words of each accepted batch, in their order, as a `Store` takes them. They are worth something only when this
/// ends well: what a log says is compared with the contract at the end.
///
/// # Errors
/// [`RestoreError`].
pub fn restore_with(
    chain: &mut dyn Chain,
    place: &Place,
    accepted: &mut dyn FnMut(Vec<Fr>),
) -> Result<Restored, RestoreError> {
    let Place { contract, until: tag, from_block } = *place;
    let chain_id = chain.chain_id()?;
    let block = chain.block(tag)?;
    if chain.code(contract, &block)?.is_empty() {
        return Err(RestoreError::NoCode { contract, chain_id, block: block.number, tag });
    }
    if block.number.saturating_sub(from_block) > MAX_BLOCKS {
        let message = format!("block {} is of no chain that there is", block.number);
        return Err(SubmitError::BadAnswer { method: "eth_getBlockByNumber", message }.into());
    }
    let mut books = Books::new(Domain { chain_id, contract: owner(contract) });
    let (mut next, mut logs) = (from_block, 0);
    while next <= block.number {
        let page = chain.logs(contract, next, &block)?;
        for log in &page.logs {
            let (block, index) = (log.block, log.index);
            let words = books.apply(log).map_err(|error| RestoreError::Log { block, index, error })?;
            words.into_iter().for_each(&mut *accepted);
            logs += 1;
        }
        next = page.next_block;
    }
    if chain.block(BlockTag::Number(block.number))?.hash != block.hash {
        return Err(RestoreError::Reorganised { number: block.number });
    }
    let (tokens, in_exodus) = compare(chain, contract, &block, &books)?;
    Ok(Restored { books, chain_id, contract, block, logs, tokens, in_exodus })
}

impl Restored {
    /// Compares what one owner has with the contract, item by item: sums that [`restore`] compares do not tell to whom something belongs.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn holding(&self, chain: &mut dyn Chain, owner: Address) -> Result<Holding, RestoreError> {
        let (contract, block) = (self.contract, &self.block);
        let holding = self.books.holding(owner);
        let id = view(chain, contract, IRollup::idOfCall { owner }, block)?;
        let account = holding.account.map_or(0, AccountId::get);
        same(&|| format!("account of {owner}"), U256::from(account), id)?;
        for token in 0..self.tokens {
            let (number, token) = (U256::from(token), token as u8);
            let pending = view(chain, contract, IRollup::pendingOfCall { owner, token: number }, block)?;
            let what = || format!("pending token {token} of {owner}");
            same(&what, self.books.pending(owner, token), pending)?;
        }
        for proof in &holding.balances {
            let (id, token) = (U256::from(proof.account.get()), U256::from(proof.token.0));
            let exited = view(chain, contract, IRollup::exitedCall { id, token }, block)?;
            same(&|| format!("exit of token {token} by {owner}"), U256::ZERO, U256::from(exited))?;
        }
        for (index, queued) in &holding.queued {
            compare_entry(chain, contract, block, *index, queued)?;
        }
        Ok(holding)
    }
}

fn same(what: &dyn Fn() -> String, restored: U256, contract: U256) -> Result<(), RestoreError> {
    if restored == contract {
        return Ok(());
    }
    Err(RestoreError::Differs { what: what(), restored, contract })
}

/// Compares a queue entry; of a new key the contract shows the parity only.
fn compare_entry(
    chain: &mut dyn Chain,
    contract: Address,
    block: &Block,
    index: u64,
    queued: &Queued,
) -> Result<(), RestoreError> {
    let (code, account, token, amount) = match queued.entry {
        QueueEntry::Deposit { account, token, amount, .. } => (1, account, token.0, amount),
        QueueEntry::FullExit { account, token, .. } => (4, account, token.0, 0),
        QueueEntry::SetKey { account, key } => (5, account, NATIVE, u128::from(key.x_is_odd())),
    };
    let entry = view(chain, contract, IRollup::queueEntryCall { index: U256::from(index) }, block)?;
    let what = |what: &str| format!("{what} of queue entry {index}");
    same(&|| what("code"), U256::from(code), entry.code)?;
    same(&|| what("account"), U256::from(account.get()), entry.id)?;
    same(&|| what("token"), U256::from(token), entry.token)?;
    same(&|| what("amount"), U256::from(amount), entry.amount)?;
    same(&|| what("fee"), U256::from(queued.fee_gwei), entry.feeGwei)
}

/// Compares books with the contract; answers the length of its token list and whether it is in exodus.
fn compare(
    chain: &mut dyn Chain,
    contract: Address,
    block: &Block,
    books: &Books,
) -> Result<(u16, bool), RestoreError> {
    let number = view(chain, contract, IRollup::batchNumberCall {}, block)?;
    same(&|| "batch number".to_owned(), U256::from(books.batch_number()), number)?;
    let root = view(chain, contract, IRollup::stateRootCall {}, block)?;
    same(&|| "root".to_owned(), word(books.root()), root)?;
    let time = view(chain, contract, IRollup::batchTimeCall {}, block)?;
    same(&|| "batch time".to_owned(), U256::from(books.batch_time()), time)?;
    let (head, tail) = books.queue_bounds();
    let bounds = view(chain, contract, IRollup::queueBoundsCall {}, block)?;
    same(&|| "head of the queue".to_owned(), U256::from(head), bounds.head)?;
    same(&|| "tail of the queue".to_owned(), U256::from(tail), bounds.tail)?;
    let accounts = view(chain, contract, IRollup::accountCountCall {}, block)?;
    same(&|| "number of accounts".to_owned(), U256::from(books.owners().len()), accounts)?;
    let count = view(chain, contract, IRollup::tokenCountCall {}, block)?;
    let tokens = u16::try_from(count).ok().filter(|n| (1..=256).contains(n)).ok_or_else(|| {
        let message = format!("a list of {count} tokens");
        SubmitError::BadAnswer { method: "eth_call", message }
    })?;
    for token in 0..tokens {
        let (id, token) = (token as u8, U256::from(token));
        let custody = view(chain, contract, IRollup::custodyOfCall { token }, block)?;
        same(&|| format!("custody of token {token}"), U256::from(books.custody(id)), custody)?;
        let owed = view(chain, contract, IRollup::owedOfCall { token }, block)?;
        same(&|| format!("debt in token {token}"), books.owed(id), owed)?;
    }
    for (index, queued) in books.queue().iter().take(ENTRIES_COMPARED) {
        compare_entry(chain, contract, block, *index, queued)?;
    }
    let in_exodus = view(chain, contract, IRollup::inExodusCall {}, block)?;
    Ok((tokens, in_exodus))
}

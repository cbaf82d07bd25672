//! A node that lies about its logs: every omission, exchange and change is found.

use alloy_primitives::{Address, Bytes, U256};
use millrace_l1::chain::embedded::Embedded;
use millrace_l1::chain::{Block, BlockTag, Chain, Log, LogPage};
use millrace_l1::rollup::restore::{Place, RestoreError, restore};
use millrace_l1::rpc::{Receipt, Sender, SubmitError};

/// The chain with other logs.
struct Liar<'a> {
    chain: &'a mut Embedded,
    logs: Vec<Log>,
}

impl Chain for Liar<'_> {
    fn chain_id(&mut self) -> Result<u64, SubmitError> {
        self.chain.chain_id()
    }

    fn block(&mut self, tag: BlockTag) -> Result<Block, SubmitError> {
        self.chain.block(tag)
    }

    fn code(&mut self, address: Address, at: &Block) -> Result<Bytes, SubmitError> {
        self.chain.code(address, at)
    }

    fn balance(&mut self, address: Address, at: &Block) -> Result<U256, SubmitError> {
        self.chain.balance(address, at)
    }

    fn call(&mut self, to: Address, data: &[u8], at: &Block) -> Result<Bytes, SubmitError> {
        self.chain.call(to, data, at)
    }

    fn logs(&mut self, _: Address, from_block: u64, to: &Block) -> Result<LogPage, SubmitError> {
        // A page of one block, so that paging is tried, too.
        let logs = self.logs.iter().filter(|log| log.block == from_block).cloned().collect();
        Ok(LogPage { logs, next_block: (from_block + 1).min(to.number + 1) })
    }

    fn send(&mut self, _: &Sender, _: Option<Address>, _: U256, _: &[u8]) -> Result<Receipt, SubmitError> {
        unreachable!("nothing is sent while logs are read")
    }
}

/// Tries all lies about the logs of a contract, which are right as they are.
pub(crate) fn every_lie_is_found(chain: &mut Embedded, contract: Address, users: &[Address]) {
    let head = chain.block(BlockTag::Latest).expect("memory");
    let truth = chain.logs(contract, 0, &head).expect("memory").logs;
    assert!(truth.len() > 10, "a history");
    let mut told = |logs: Vec<Log>, from_block| {
        let place = Place { contract, until: BlockTag::Latest, from_block };
        let mut liar = Liar { chain: &mut *chain, logs };
        let restored = restore(&mut liar, &place)?;
        users.iter().try_for_each(|user| restored.holding(&mut liar, *user).map(drop))
    };
    told(truth.clone(), 0).expect("the truth, in small pages");

    for at in 0..truth.len() {
        let mut logs = truth.clone();
        let kept_back = logs.remove(at);
        let error = told(logs, 0).expect_err("an omission");
        assert!(matches!(error, RestoreError::Log { .. } | RestoreError::Differs { .. }), "{kept_back:?}");
        let mut logs = truth.clone();
        logs.insert(at, truth[at].clone());
        assert!(told(logs, 0).is_err(), "a repetition of {:?}", truth[at]);
        let mut logs = truth.clone();
        logs[at].data = logs[at].data.slice(..logs[at].data.len() / 2);
        assert!(matches!(told(logs, 0), Err(RestoreError::Log { .. })), "a cut of {:?}", truth[at]);
        // The last byte of the last indexed word: an index, a number, an owner, a token.
        let mut logs = truth.clone();
        if let [_, .., last] = logs[at].topics.as_mut_slice() {
            last.0[31] ^= 1;
            assert!(told(logs, 0).is_err(), "a change of {:?}", truth[at]);
        }
    }
    let last = truth.last().expect("a history").block;
    assert!(told(truth, last).is_err(), "a start after the deployment");
    assert!(told(Vec::new(), 0).is_err(), "no history at all");
}

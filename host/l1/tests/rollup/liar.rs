//! A node that lies about its logs: every omission, exchange and change is found.

use alloy_primitives::{Address, B256, Bytes, IntoLogData, U256};
use alloy_sol_types::{SolEvent, SolEventInterface};
use millrace_l1::chain::embedded::Embedded;
use millrace_l1::chain::{Block, BlockTag, Chain, Creation, Log, LogPage, Nonces};
use millrace_l1::rollup::abi::IRollup::{self, IRollupEvents};
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

    fn creation(
        &mut self,
        contract: Address,
        at: &Block,
        named: Option<B256>,
    ) -> Result<Option<Creation>, SubmitError> {
        self.chain.creation(contract, at, named)
    }

    fn nonces(&mut self, _: Address) -> Result<Nonces, SubmitError> {
        unreachable!("nothing is sent while logs are read")
    }

    fn send(&mut self, _: &Sender, _: Option<Address>, _: U256, _: &[u8]) -> Result<Receipt, SubmitError> {
        unreachable!("nothing is sent while logs are read")
    }
}

/// Logs as the bindings encode them, which is how `millrace figures` makes those of a long history, are the contract's to the byte.
fn bindings_encode_as_the_contract(truth: &[Log]) {
    for log in truth {
        let event = IRollupEvents::decode_raw_log(&log.topics, &log.data).expect("an event of ours");
        let again = event.to_log_data();
        assert_eq!((again.topics(), &again.data), (log.topics.as_slice(), &log.data));
    }
    for event in [
        IRollup::Deposited::SIGNATURE_HASH,
        IRollup::KeyRequested::SIGNATURE_HASH,
        IRollup::BatchAccepted::SIGNATURE_HASH,
    ] {
        assert!(truth.iter().any(|log| log.topics[0] == event), "{event} is among them");
    }
}

/// Tries all lies about the logs of a contract, which are right as they are.
pub(crate) fn every_lie_is_found(chain: &mut Embedded, contract: Address, users: &[Address]) {
    let head = chain.block(BlockTag::Latest).expect("memory");
    let truth = chain.logs(contract, 0, &head).expect("memory").logs;
    assert!(truth.len() > 10, "a history");
    bindings_encode_as_the_contract(&truth);
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
    for at in 0..truth.len() {
        for word in 0..truth[at].data.len() / 32 {
            // Nothing follows from where a withdrawal went, nor from the second at which a batch was made; ops have padding after them.
            let is_withdrawal = truth[at].topics[0] == IRollup::Withdrawn::SIGNATURE_HASH;
            let is_batch = truth[at].topics[0] == IRollup::BatchAccepted::SIGNATURE_HASH;
            if is_withdrawal && word == 0 || is_batch && (word == 1 || word > 5) {
                continue;
            }
            let mut logs = truth.clone();
            let mut data = logs[at].data.to_vec();
            data[32 * word + 31] ^= 1;
            logs[at].data = data.into();
            assert!(told(logs, 0).is_err(), "a change of word {word} of {:?}", truth[at]);
        }
    }
    // Two owners' deposits of one token change their amounts: all sums stay.
    let deposits: Vec<usize> =
        (0..truth.len()).filter(|at| truth[*at].topics[0] == IRollup::Deposited::SIGNATURE_HASH).collect();
    let mut exchanged = 0;
    for (i, first) in deposits.iter().enumerate() {
        for second in &deposits[i + 1..] {
            let (a, b) = (&truth[*first].data, &truth[*second].data);
            if a[32..64] == b[32..64] && a[64..96] != b[64..96] {
                let (mut with, mut by) = (a.to_vec(), b.to_vec());
                with[64..96].swap_with_slice(&mut by[64..96]);
                let mut logs = truth.clone();
                (logs[*first].data, logs[*second].data) = (with.into(), by.into());
                assert!(told(logs, 0).is_err(), "amounts exchanged");
                exchanged += 1;
            }
        }
    }
    assert!(exchanged > 0, "deposits of different amounts");
    // Made-up credits whose sum wraps to nothing.
    let half = U256::from_limbs([0, 0, 0, 1 << 63]);
    let made_up = |index: u64| Log {
        block: head.number,
        index: 1_000 + index,
        topics: vec![IRollup::ExcessCredited::SIGNATURE_HASH, B256::with_last_byte(index as u8)],
        data: half.to_be_bytes::<32>().into(),
    };
    let logs = truth.iter().cloned().chain([made_up(1), made_up(2)]).collect();
    assert!(matches!(told(logs, 0), Err(RestoreError::Log { .. })), "credits out of nothing");
    let last = truth.last().expect("a history").block;
    assert!(told(truth, last).is_err(), "a start after the deployment");
    assert!(told(Vec::new(), 0).is_err(), "no history at all");
}

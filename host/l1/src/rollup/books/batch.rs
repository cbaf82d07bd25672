//! An accepted batch in the books: the state again, and what moves between queue, custody and pending.

use alloy_primitives::U256;
use millrace_bn254::Fr;
use millrace_state::builder::QueueEntry;
use millrace_state::op::Op;
use millrace_state::packed;

use super::{Books, BooksError, fee_wei, narrow};
use crate::rollup::abi::IRollup;
use crate::rollup::{NATIVE, address, field};

/// The contract takes no larger batch.
const MAX_SIZE: usize = 256;

impl Books {
    /// Gives the batch's words.
    pub(super) fn batch_accepted(&mut self, event: &IRollup::BatchAccepted) -> Result<Vec<Fr>, BooksError> {
        let number = self.batch_number + 1;
        if event.number != U256::from(number) {
            return Err(BooksError::BatchNumber { expected: number, got: event.number });
        }
        let size = narrow(event.size, 16, "a batch's size")? as usize;
        let queue_ops = narrow(event.queueOps, 16, "a batch's share of the queue")? as usize;
        if size == 0 || size > MAX_SIZE || queue_ops > size || self.exodus {
            return Err(BooksError::Follows("a batch of no size that there is, or in exodus"));
        }
        let new_root = field(event.newRoot).ok_or(BooksError::Word("a root"))?;
        let header = field(event.header).ok_or(BooksError::Word("a header"))?;
        let head = [self.domain.word(), self.root(), new_root, header];
        let ops = packed::unpack(size, &event.ops)?;
        let mut words = head.to_vec();
        words.extend(ops.iter().flat_map(Op::words));
        let header = self.state.replay(&self.domain, &words)?;
        if header.number != number || header.time <= self.batch_time {
            return Err(BooksError::Follows("a batch whose header has another number, or an earlier time"));
        }
        (self.batch_number, self.batch_time) = (number, header.time);

        let (from_queue, others) = ops.split_at(queue_ops);
        from_queue.iter().try_for_each(|op| self.processed(op))?;
        for op in others {
            match *op {
                Op::Noop | Op::Transfer { .. } => {}
                Op::Withdraw { token, amount, recipient, .. } => {
                    self.pay_out(address(recipient), token.0, amount)?;
                }
                _ => return Err(BooksError::Follows("a batch with a forced op that nobody asked for")),
            }
        }
        if queue_ops > 0 {
            let index = (header.fee_account.get() as usize).checked_sub(1);
            let owner = index.and_then(|index| self.owners.get(index)).copied();
            let owner = owner.ok_or(BooksError::Follows("a batch whose fee account nobody has"))?;
            // The base of each fee; the surcharge of a long queue is nobody's.
            let base = fee_wei(self.base_fee_gwei) * U256::from(queue_ops);
            self.credit(owner, NATIVE, base)?;
        }
        Ok(words)
    }

    /// A queue entry became an op of a batch.
    fn processed(&mut self, op: &Op) -> Result<(), BooksError> {
        let queued = self.queue.remove(&self.head);
        let queued = queued.ok_or(BooksError::Follows("a batch that takes more than the queue has"))?;
        self.head += 1;
        let says_the_same = match (queued.entry, *op) {
            (QueueEntry::Deposit { account, token, amount, owner }, op) => {
                op == Op::Deposit { account, token, amount, owner }
            }
            // The amount is the balance, which the rules of the state have checked.
            (QueueEntry::FullExit { account, token, owner }, Op::FullExit { amount, .. }) => {
                *op == Op::FullExit { account, token, owner, amount }
            }
            (QueueEntry::SetKey { account, key }, op) => op == Op::SetKey { account, key },
            _ => false,
        };
        if !says_the_same {
            return Err(BooksError::Follows("a batch whose op does not say what the queue says"));
        }
        match *op {
            Op::Deposit { token, amount, .. } => {
                let sum = self.custody(token.0).checked_add(amount);
                self.custody.insert(token.0, sum.ok_or(BooksError::Word("a custody"))?);
                Ok(())
            }
            Op::FullExit { token, amount, .. } => self.pay_out(queued.owner, token.0, amount),
            _ => Ok(()),
        }
    }
}

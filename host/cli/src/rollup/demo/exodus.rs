//! When the operator is gone: the state again from L1's logs, exits, refunds, and the last account.

use std::time::Instant;

use millrace_l1::{
    U256,
    chain::Chain,
    rollup::{
        abi::IRollup,
        books::Books,
        leave::{exit_call, refund_call, withdraw_call},
        restore::{Restored, restore},
    },
};

use millrace_state::builder::QueueEntry;

use super::{
    Demo,
    cast::{DONATED_MILLI, IN_THE_END, Person, SYMBOLS, everybody, shown, units},
};
use crate::{
    exit::{Code, Failure},
    output::say,
    rollup::{place::restore_failure, restore::holding},
    submit::submit_failure,
};

/// The contract wants more than seven days since the oldest request, which may be of this very second.
const LONGER_THAN_A_WEEK_SECONDS: u64 = 7 * 86_400 + 1;

/// Seconds for a line of the story, and the sum of gas.
struct Spent {
    started: Instant,
    gas: u64,
    calls: u64,
}

impl Spent {
    fn new() -> Self {
        Self { started: Instant::now(), gas: 0, calls: 0 }
    }

    fn add(&mut self, gas: u64) {
        self.gas += gas;
        self.calls += 1;
    }
}

impl Demo {
    /// The rollup, by somebody who knows its address and nothing else.
    fn restore(&mut self) -> Result<Restored, Failure> {
        let place = self.place();
        let chain: &mut dyn Chain = &mut *self.chain;
        restore(chain, &place).map_err(restore_failure)
    }

    pub(super) fn exodus(&mut self) -> Result<(), Failure> {
        let [_, _, _, _, dave] = everybody();
        self.story.section("Seven days later everybody leaves, from L1's logs alone");
        self.chain.forward(LONGER_THAN_A_WEEK_SECONDS).map_err(submit_failure)?;
        let gas = self.send(&dave, self.contract, U256::ZERO, IRollup::startExodusCall {})?;
        self.story.row(
            "Dave starts the exodus, as anybody could: no batch, no deposit any more",
            Some(gas),
            None,
        );
        let started = Instant::now();
        let restored = self.restore()?;
        let words =
            format!("the state again from {} logs; its root is the contract's, bit for bit", restored.logs);
        self.story.row(&words, None, Some(started.elapsed().as_secs_f64()));
        let (mut exits, mut refunds) = (Spent::new(), Spent::new());
        // All of it before the first transaction: what is compared belongs to one block.
        let of = |person: Person| holding(&restored, &mut *self.chain, person.address);
        let holdings = everybody().into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        for (person, holding) in everybody().into_iter().zip(holdings) {
            for proof in &holding.balances {
                let gas = self.send(&dave, self.contract, U256::ZERO, exit_call(proof))?;
                exits.add(gas);
                let token = usize::from(proof.token.0);
                let words = format!(
                    "exit of {} to {}, by its path to the root",
                    shown(token, U256::from(proof.balance)),
                    person.name
                );
                self.story.row(&words, Some(gas), None);
                if exits.calls == 1 {
                    let again = self.try_send(&dave, self.contract, U256::ZERO, exit_call(proof));
                    self.refused("the same exit again", "AlreadyExited", again)?;
                    let mut more = proof.clone();
                    (more.token.0, more.balance) = (1 - more.token.0, more.balance + 1);
                    let answer = self.try_send(&dave, self.contract, U256::ZERO, exit_call(&more));
                    self.refused("an exit of what is not there", "WrongRoot", answer)?;
                }
            }
            for (index, queued) in &holding.queued {
                let call = refund_call(*index, person.address);
                let gas = self.send(&dave, self.contract, U256::ZERO, call.clone())?;
                refunds.add(gas);
                let words = format!("refund to {}: {}", person.name, refund_words(&queued.entry));
                self.story.row(&words, Some(gas), None);
                if refunds.calls == 1 {
                    let again = self.try_send(&dave, self.contract, U256::ZERO, call);
                    self.refused("the same refund again", "NothingToRefund", again)?;
                }
            }
        }
        self.pay_out(&restored)?;
        self.story.protects("a user needs L1 and nothing else to leave: no operator, no prover, no key");
        Ok(())
    }

    /// Everything that is pending goes to its owner's wallet.
    fn pay_out(&mut self, before: &Restored) -> Result<(), Failure> {
        let now = self.restore()?;
        if now.books.root() != before.books.root() {
            return Err(Failure::new(Code::Mismatch, "the root has changed in exodus"));
        }
        let mut spent = Spent::new();
        for person in everybody() {
            for (token, amount) in pending(&now.books, person.address) {
                let call = withdraw_call(person.address, token, person.wallet, amount);
                spent.add(self.send(&person, self.contract, U256::ZERO, call)?);
            }
        }
        let words = format!("{} withdrawals: everybody takes what is pending to the own wallet", spent.calls);
        self.story.row(&words, Some(spent.gas), Some(spent.started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// The last account: wallets, and what the contract is left with.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        let unit = U256::from(10).pow(U256::from(14));
        say!("\nIn the end{:>28}{:>22}", "ETH", "TOK");
        let people = everybody();
        for (i, person) in people.iter().enumerate() {
            let mut got = [U256::ZERO; 2];
            for token in 0..2 {
                let held = self.held(token, person.wallet)?;
                got[token] = held.saturating_sub(self.before[i][token]);
                let expected = U256::from(IN_THE_END[i][token]) * unit;
                Self::expect(&format!("{}'s wallet, {}", person.name, SYMBOLS[token]), expected, got[token])?;
            }
            let [eth, tok] = got.map(crate::rollup::place::decimal);
            say!("   {:<12}{eth:>23}{tok:>22}   as it must be", person.name);
        }
        let donated = [U256::ZERO, units(DONATED_MILLI)];
        let mut left = [U256::ZERO; 2];
        for token in 0..2 {
            left[token] = self.held(token, self.contract)?;
            Self::expect(&format!("the contract's {}", SYMBOLS[token]), donated[token], left[token])?;
        }
        let restored = self.restore()?;
        let owed = restored.books.owed(0) + restored.books.owed(1);
        Self::expect("what the contract still owes", U256::ZERO, owed)?;
        let [eth, tok] = left.map(crate::rollup::place::decimal);
        say!("   {:<12}{eth:>23}{tok:>22}   what it was given by mistake", "the contract");
        say!("\n{} proofs by {}, digest of all {}", self.made.proofs, self.device, self.made.digest);
        say!("{}", self.made.by());
        say!(
            "\nEverybody was paid to the last unit. What this does not protect: a user who loses a key, signs for a"
        );
        say!(
            "phisher, or holds a broken token. No audit, no public ceremony yet; the contract has no bug fix."
        );
        Ok(())
    }
}

fn refund_words(entry: &QueueEntry) -> String {
    match entry {
        QueueEntry::Deposit { token, amount, .. } => {
            format!("{} that no batch took, and the fee", shown(token.0.into(), U256::from(*amount)))
        }
        QueueEntry::FullExit { .. } | QueueEntry::SetKey { .. } => {
            "the fee of a request that no batch took".to_owned()
        }
    }
}

fn pending(books: &Books, owner: millrace_l1::Address) -> Vec<(u8, U256)> {
    books.holding(owner).pending
}

//! Accepted batches on disk: what an operator may not lose.
//!
//! An embedded database (redb) holds the words of every accepted batch under its number. A batch is on disk, synced, before [`Store::accept`] returns, so a
//! process that is killed at any point loses nothing that was accepted; the state is made from the words again when the store is opened, and every root on
//! the way is checked. Whatever is wrong with the file is an error, never a state that differs from L1's.

use std::path::Path;

use ark_ff::{BigInteger, PrimeField};
use millrace_bn254::{Fr, FrCanonical};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;

use crate::{batch::Header, replay::ReplayError, state::State, types::Domain};

/// Batch number → words, 32 bytes each, most significant byte first.
const BATCHES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("accepted batches 1");

/// Why the store does not do what it was asked.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be opened, read or written.
    #[error("the store of accepted batches failed: {0}")]
    Database(Box<redb::Error>),
    /// A stored batch is no whole number of words below r.
    #[error("the store is damaged: batch {number} is not made of words")]
    Words {
        /// The batch.
        number: u64,
    },
    /// A batch does not follow from the ones before it.
    #[error("batch {number}: {error}")]
    Replay {
        /// The batch, by its place.
        number: u64,
        /// What is wrong.
        error: ReplayError,
    },
    /// A batch has another number than its place.
    #[error("the batch has the number {got}, expected {expected}")]
    Number {
        /// The next one.
        expected: u64,
        /// The batch's.
        got: u64,
    },
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// The accepted batches of one rollup, and the state that they lead to.
pub struct Store {
    database: Database,
    domain: Domain,
    state: State,
    accepted: u64,
}

impl Store {
    /// Opens the file, makes it where there is none, and replays what it holds.
    ///
    /// # Errors
    /// [`StoreError`]; another process that has the file open is one.
    pub fn open(path: &Path, domain: Domain) -> Result<Self, StoreError> {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(BATCHES)?;
        write.commit()?;
        let mut store = Self { database, domain, state: State::default(), accepted: 0 };
        store.reload()?;
        Ok(store)
    }

    /// The state after the last accepted batch.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Accepted batches: the number of the last one.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Takes the words of the batch that L1 accepted next. When this returns they are on disk.
    ///
    /// # Errors
    /// [`StoreError`]; state and file are as before then.
    pub fn accept(&mut self, words: &[Fr]) -> Result<Header, StoreError> {
        let number = self.accepted + 1;
        let replayed = self.state.replay(&self.domain, words);
        let header = replayed.map_err(|error| StoreError::Replay { number, error })?;
        let stored = if header.number == number {
            self.write(number, words)
        } else {
            Err(StoreError::Number { expected: number, got: header.number })
        };
        match stored {
            Ok(()) => self.accepted = number,
            // The state is ahead of the file: it is made from the file again.
            Err(_) => self.reload()?,
        }
        stored.map(|()| header)
    }

    fn write(&self, number: u64, words: &[Fr]) -> Result<(), StoreError> {
        let write = self.database.begin_write()?;
        write.open_table(BATCHES)?.insert(number, bytes_of(words).as_slice())?;
        write.commit()?;
        Ok(())
    }

    /// Forgets all batches above `last`: L1 has reorganised them away.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rewind(&mut self, last: u64) -> Result<(), StoreError> {
        let write = self.database.begin_write()?;
        write.open_table(BATCHES)?.retain(|number, _| number <= last)?;
        write.commit()?;
        self.reload()
    }

    /// Makes the store hold exactly the batches that L1 has accepted, given from the first on: L1 is right. Whatever the file lacks is added (its writer was killed after L1 had accepted a batch and
    /// before [`Store::accept`], or somebody else proposed), and what L1 has not, or has otherwise, is forgotten. Gives how many batches stayed.
    ///
    /// # Errors
    /// [`StoreError`]; the store holds the first of these batches then.
    pub fn follow(&mut self, accepted: &[Vec<Fr>]) -> Result<u64, StoreError> {
        let same = self.common(accepted)?;
        if same < self.accepted {
            self.rewind(same)?;
        }
        accepted.iter().skip(same as usize).try_for_each(|words| self.accept(words).map(drop))?;
        Ok(same)
    }

    /// How many batches at the front are these.
    fn common(&self, batches: &[Vec<Fr>]) -> Result<u64, StoreError> {
        let table = self.database.begin_read()?.open_table(BATCHES)?;
        let mut same = 0;
        for (entry, words) in table.iter()?.zip(batches) {
            if entry?.1.value() != bytes_of(words) {
                break;
            }
            same += 1;
        }
        Ok(same)
    }

    fn reload(&mut self) -> Result<(), StoreError> {
        let (mut state, mut accepted) = (State::default(), 0);
        let table = self.database.begin_read()?.open_table(BATCHES)?;
        for entry in table.iter()? {
            let (number, bytes) = entry?;
            let (number, expected) = (number.value(), accepted + 1);
            let words = words_of(bytes.value()).ok_or(StoreError::Words { number })?;
            let replayed = state.replay(&self.domain, &words);
            let header = replayed.map_err(|error| StoreError::Replay { number, error })?;
            if (number, header.number) != (expected, expected) {
                return Err(StoreError::Number { expected, got: header.number.max(number) });
            }
            accepted = expected;
        }
        (self.state, self.accepted) = (state, accepted);
        Ok(())
    }
}

fn bytes_of(words: &[Fr]) -> Vec<u8> {
    words.iter().flat_map(|word| word.into_bigint().to_bytes_be()).collect()
}

fn words_of(bytes: &[u8]) -> Option<Vec<Fr>> {
    let (words, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return None;
    }
    words
        .iter()
        .map(|word| {
            let mut little = *word;
            little.reverse();
            FrCanonical(little).to_fr()
        })
        .collect()
}

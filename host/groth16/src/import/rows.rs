//! The matrices by rows, their values listed once.

use std::collections::HashMap;

use super::{ROW_ENDS, TERMS, VALUES};
use crate::{KeyPart, ProvingKey};

/// Both matrices: row i of A, then row i of B at `domain_size + i`.
pub(super) struct Rows {
    /// Where each row's terms end; the next row's begin there. Little-endian.
    ends: Vec<[u8; 4]>,
    /// Of each term its signal, and the place of its value. Little-endian.
    terms: Vec<[[u8; 4]; 2]>,
    /// The distinct values in the order in which the `.zkey` lists them first; times 2^512, as there.
    values: Vec<[u8; 32]>,
}

impl Rows {
    /// The rows of a key whose coefficients were checked; `None` if its bytes change under the hand.
    pub(super) fn of(key: &ProvingKey) -> Option<Self> {
        let entries = key.part(KeyPart::Coefficients).as_chunks().0;
        let domain = key.header().domain_size as usize;
        let place = |entry: &[u8; 44]| {
            let word =
                |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
            let (matrix, row) = (word(0) as usize, word(4) as usize);
            (matrix < 2 && row < domain).then_some(matrix * domain + row)
        };
        let mut next = vec![0u32; 2 * domain];
        for entry in entries {
            next[place(entry)?] += 1;
        }
        let mut end = 0;
        for count in &mut next {
            (*count, end) = (end, end + *count);
        }
        let mut terms = vec![[[0; 4]; 2]; entries.len()];
        let mut values = Vec::new();
        let mut known: HashMap<[u8; 32], u32> = HashMap::new();
        for entry in entries {
            // A copy is judged and kept: the file may be written to meanwhile.
            let entry = *entry;
            if key.coefficient_fault(&entry).is_some() {
                return None;
            }
            let (_, value) = entry.split_last_chunk::<32>()?;
            let value = *known.entry(*value).or_insert_with(|| {
                values.push(*value);
                values.len() as u32 - 1
            });
            let at = &mut next[place(&entry)?];
            let column = [entry[8], entry[9], entry[10], entry[11]];
            *terms.get_mut(*at as usize)? = [column, value.to_le_bytes()];
            *at += 1;
        }
        // Each start has moved on to its row's end.
        Some(Self { ends: next.into_iter().map(u32::to_le_bytes).collect(), terms, values })
    }

    /// Their sections.
    pub(super) fn arrays(&self) -> [(u32, &[u8]); 3] {
        [
            (ROW_ENDS, self.ends.as_flattened()),
            (TERMS, self.terms.as_flattened().as_flattened()),
            (VALUES, self.values.as_flattened()),
        ]
    }
}
